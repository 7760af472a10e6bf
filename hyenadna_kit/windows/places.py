"""Every place that windows of one length may take, numbered, and drawn from.

In: regions, and rules that say what is left out and what is drawn more often. Out: windows.

The places are worked out from the borders of the regions and of the runs of N before anything is drawn.
A draw is therefore never repeated, and data that leave no place for a window are refused at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.genome.interval_set import IntervalSet


@dataclass(frozen=True, kw_only=True)
class DrawRules:
    """What is drawn how often; by default every place is as likely as every other."""

    factors: Mapping[str, float] = field(default_factory=dict)
    """How many times as often as elsewhere a place on a contig is drawn, and a feature; 1 where absent."""
    n_runs: IntervalSet = field(default_factory=IntervalSet)
    """Where N stands; it has to be known where ``max_n_fraction`` is below 1."""
    max_n_fraction: float = 1.0
    """Largest share of N in a window."""
    feature_middles: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    """The middle base of every feature, by contig."""
    feature_fraction: float = 0.0
    """Share of windows that hold the middle of a feature, drawn among all features."""

    def max_n(self, num_bases: int) -> int:
        """Return the most N that a window may have.

        The greatest k with ``k / num_bases <= max_n_fraction``.
        """
        most = int(self.max_n_fraction * num_bases) + 1
        while most / num_bases > self.max_n_fraction:
            most -= 1
        return most


class Places:
    """The places of windows of one length, numbered from 0, region after region.

    A place is the first base of a window that crosses no end of its region and has no more N than the
    rules allow.
    """

    def __init__(self, regions: Sequence[Interval], num_bases: int, rules: DrawRules) -> None:
        """Find the places.

        Args:
            regions: Stretches inside their contigs; for features in order and apart from each other.
            num_bases: Bases of a window.
            rules: What is left out and what is drawn more often.

        Raises:
            InputError: There is no place, or features are asked for and none has one.
        """
        rows = [
            (index, first, end)
            for index, region in enumerate(regions)
            for first, end in _place_runs(region, num_bases, rules)
        ]
        self.num_bases = num_bases
        self._regions = regions
        # One row for each run of neighbouring places: its region, its first place, that place's number.
        self._region_of, self._starts, ends = np.array(rows, dtype=np.int64).reshape(-1, 3).T
        self._firsts = np.append(0, np.cumsum(ends - self._starts))
        if not rows:
            raise InputError(
                f"no window of {num_bases} bp in the training regions has at most {rules.max_n_fraction:.2%} "
                "of N; allow more (max_n_fraction) or shorten the windows"
            )
        self._weighted = self._by_factor(rules) if rules.factors else None
        self._feature_fraction = rules.feature_fraction
        self._features = self._around_features(rules) if rules.feature_fraction else None

    @property
    def num_places(self) -> int:
        """Number of places in all."""
        return int(self._firsts[-1])

    @property
    def num_features(self) -> int:
        """Number of features with a place that holds their middle."""
        return 0 if self._features is None else self._features.num_ranges

    def draw(self, generator: np.random.Generator) -> Interval:
        """Draw a window, on the strand of its region."""
        if self._features is not None and generator.random() < self._feature_fraction:
            return self.window(self._features.draw(generator))
        if self._weighted is not None:
            return self.window(self._weighted.draw(generator))
        return self.window(int(generator.integers(self._firsts[-1])))

    def window(self, place: int) -> Interval:
        """Return the window at place number ``place``."""
        row = int(self._firsts.searchsorted(place, side="right")) - 1
        region = self._regions[self._region_of[row]]
        start = int(self._starts[row]) + place - int(self._firsts[row])
        return Interval(region.contig, start, start + self.num_bases, region.strand)

    def _by_factor(self, rules: DrawRules) -> "_Ranges":
        factors = [rules.factors.get(self._regions[index].contig, 1.0) for index in self._region_of]
        counts = np.diff(self._firsts)
        return _Ranges(self._firsts[:-1], counts, np.array(factors) * counts)

    def _around_features(self, rules: DrawRules) -> "_Ranges":
        contigs = np.array([self._regions[index].contig for index in self._region_of])
        firsts, counts, chances = [], [], []
        for contig, middles in rules.feature_middles.items():
            rows = np.flatnonzero(contigs == contig)
            if rows.size:
                first = self._number_at(rows, middles - self.num_bases + 1)
                count = self._number_at(rows, middles + 1) - first
                firsts.append(first)
                counts.append(count)
                chances.append(np.where(count > 0, rules.factors.get(contig, 1.0), 0.0))
        if not any(chance.any() for chance in chances):
            raise InputError(
                f"no window of {self.num_bases} bp that is allowed in the training regions holds the middle "
                "of a feature; give features of the training regions or shorten the windows"
            )
        return _Ranges(np.concatenate(firsts), np.concatenate(counts), np.concatenate(chances))

    def _number_at(self, rows: NDArray[np.intp], starts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the first place at or behind each start; ``rows`` are those of one contig."""
        row = rows[np.maximum(self._starts[rows].searchsorted(starts, side="right") - 1, 0)]
        count = self._firsts[row + 1] - self._firsts[row]
        return self._firsts[row] + np.clip(starts - self._starts[row], 0, count)


class _Ranges:
    """Ranges of place numbers: one is drawn by its chance, then one place in it."""

    def __init__(
        self, firsts: NDArray[np.int64], counts: NDArray[np.int64], chances: NDArray[np.float64]
    ) -> None:
        kept = chances > 0
        self._firsts, self._counts = firsts[kept], counts[kept]
        self._chances = np.cumsum(chances[kept])

    @property
    def num_ranges(self) -> int:
        """Number of ranges that can be drawn."""
        return self._firsts.size

    def draw(self, generator: np.random.Generator) -> int:
        """Draw the number of a place."""
        chance = generator.random() * self._chances[-1]
        index = int(self._chances.searchsorted(chance, side="right"))
        return int(self._firsts[index] + generator.integers(self._counts[index]))


def _place_runs(region: Interval, num_bases: int, rules: DrawRules) -> list[list[int]]:
    """Return the runs of places in ``region``: the first one, and one past the last."""
    end = region.end - num_bases + 1
    if end <= region.start:
        return []
    if not rules.n_runs.overlaps(region):
        return [[region.start, end]]
    return _places_with_few_n(region, num_bases, rules).tolist()


def _places_with_few_n(region: Interval, num_bases: int, rules: DrawRules) -> NDArray[np.int64]:
    """Return the runs of places with few enough N: rows of first, one past the last.

    From one place to the next a window gains a base at its end and loses one at its start, so its number
    of N is a line of slope -1, 0 or 1 between places where either of the two meets the border of a run.
    """
    contig, end = region.contig, region.end - num_bases + 1
    borders = rules.n_runs.runs_in(region).ravel()
    turns = np.unique(np.concatenate(([region.start], borders, borders - num_bases)))
    first = turns[(turns >= region.start) & (turns < end)]
    last = np.append(first[1:], end)
    count = rules.n_runs.num_bases_between
    num_n = count(contig, first, first + num_bases)
    slope = count(contig, first + num_bases, first + num_bases + 1) - count(contig, first, first + 1)
    spare = rules.max_n(num_bases) - num_n
    # Going down, the first place that is low enough; going up, the last one; on the level all or none.
    first = np.where(slope < 0, np.maximum(first, first - spare), first)
    last = np.where(slope > 0, np.minimum(last, first + spare + 1), last)
    last = np.where((slope == 0) & (spare < 0), first, last)
    kept = first < last
    return np.column_stack((first[kept], last[kept]))
