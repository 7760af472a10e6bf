"""Sets of bases: which of them lie in a stretch, how many, and what is left without them.

In: intervals in any order, overlapping or not, on either strand. Out: answers about any interval, one
by one or for arrays of them.

The bases of a contig are kept as the borders ``start, end, start, end, ...`` of their runs, each greater
than the last: one binary search tells where a position stands, and an odd rank that it is inside.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.genome.interval import Interval

_NO_BORDERS = np.empty(0, dtype=np.int64)


class IntervalSet:
    """The bases of some intervals, whatever their strand.

        IntervalSet([Interval("c", 4, 8), Interval("c", 2, 5), Interval("c", 8, 9)]).intervals
            ==  (Interval("c", 2, 9),)

    Intervals that overlap or touch are one, and one without bases is none. A set never changes.
    """

    def __init__(
        self, intervals: Iterable[Interval] = (), *, runs: Mapping[str, NDArray[np.int64]] | None = None
    ) -> None:
        """Merge all that is given.

        Args:
            intervals: In any order.
            runs: More of them as arrays, by contig: one row ``start, end`` each.
        """
        spans: dict[str, list[tuple[int, int]]] = {contig: [] for contig in runs or {}}
        for interval in intervals:
            spans.setdefault(interval.contig, []).append((interval.start, interval.end))
        self._borders: dict[str, NDArray[np.int64]] = {}
        self._num_before_run: dict[str, NDArray[np.int64]] = {}
        for contig in sorted(spans):
            rows = np.array(spans[contig], dtype=np.int64).reshape(-1, 2)
            borders = _merge(np.concatenate((rows, runs[contig])) if runs and contig in runs else rows)
            if borders.size:
                self._borders[contig] = borders
                self._num_before_run[contig] = np.append(0, np.cumsum(borders[1::2] - borders[::2]))

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """The runs of bases as forward-strand intervals, by name of the contig, then by position."""
        return tuple(
            Interval(contig, start, end)
            for contig, borders in self._borders.items()
            for start, end in borders.reshape(-1, 2).tolist()
        )

    @property
    def num_bases(self) -> int:
        """Number of bases in all."""
        return sum(int(counts[-1]) for counts in self._num_before_run.values())

    def overlaps(self, interval: Interval) -> bool:
        """Say whether a base of ``interval`` is in the set."""
        borders = self._borders.get(interval.contig)
        if borders is None or not interval.length:
            return False
        rank = int(borders.searchsorted(interval.start, side="right"))
        return rank % 2 == 1 or (rank < borders.size and int(borders[rank]) < interval.end)

    def num_bases_in(self, interval: Interval) -> int:
        """Return how many bases of ``interval`` are in the set."""
        edges = np.array([interval.start, interval.end], dtype=np.int64)
        before = self._num_before(interval.contig, edges)
        return int(before[1] - before[0])

    def num_bases_between(
        self, contig: str, starts: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return how many bases of each stretch ``[start, end)`` of ``contig`` are in the set.

        Args:
            contig: Name of the contig.
            starts: First base of each stretch.
            ends: One past its last base, not before its start.
        """
        return self._num_before(contig, ends) - self._num_before(contig, starts)

    def runs_in(self, interval: Interval) -> NDArray[np.int64]:
        """Return the runs of bases in ``interval``, cut to it: one row ``start, end`` each.

        Positions are those of the forward strand whatever the strand of ``interval``.
        """
        borders = self._borders.get(interval.contig, _NO_BORDERS)
        return runs_within(borders, interval.start, interval.end)

    def subtract_from(self, interval: Interval) -> list[Interval]:
        """Return what is left of ``interval`` without the set, in order and on its strand.

        IntervalSet([[2, 4), [8, 20)]).subtract_from([0, 10))  ==  [[0, 2), [4, 8)]
        """
        edges = [interval.start, *self.runs_in(interval).ravel().tolist(), interval.end]
        return [
            replace(interval, start=start, end=end)
            for start, end in zip(edges[::2], edges[1::2], strict=True)
            if start < end
        ]

    def _num_before(self, contig: str, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many bases of the set lie before each of ``positions``."""
        if contig not in self._borders:
            return np.zeros_like(positions)
        borders = self._borders[contig]
        rank = borders.searchsorted(positions, side="right")
        into_run = np.where(rank % 2 == 1, positions - borders[rank - 1], 0)
        return self._num_before_run[contig][rank // 2] + into_run


def runs_within(borders: NDArray[np.int64], start: int, end: int) -> NDArray[np.int64]:
    """Return the runs in ``[start, end)``, cut to it: one row ``start, end`` each.

    Args:
        borders: ``start, end, start, end, ...`` of all runs, each greater than the last.
        start: First position.
        end: One past the last position.
    """
    if start >= end:
        return np.empty((0, 2), dtype=np.int64)
    first = int(borders.searchsorted(start, side="right")) // 2
    last = (int(borders.searchsorted(end, side="left")) + 1) // 2
    return np.clip(borders[2 * first : 2 * last].reshape(-1, 2), start, end)


def _merge(runs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the borders of the union of ``runs``, rows ``start, end`` in any order."""
    runs = runs[runs[:, 0] < runs[:, 1]]
    if not runs.size:
        return _NO_BORDERS
    runs = runs[np.argsort(runs[:, 0], kind="stable")]
    starts, ends = runs[:, 0], np.maximum.accumulate(runs[:, 1])
    begins = np.append(True, starts[1:] > ends[:-1])
    return np.column_stack((starts[begins], ends[np.append(begins[1:], True)])).ravel()
