"""The counter stream: training windows in an order that any process can take up anywhere.

Item k is a pure function of (seed, k): where its window lies and on which strand it is read. The
state of the stream is therefore one integer, the number of steps taken, and a run that is stopped
and resumed, or that has other workers, sees the very same windows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from typing import Any

import numpy as np

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.windows.places import DrawRules, Places


@dataclass(frozen=True, kw_only=True)
class LengthSchedule:
    """Window length as a function of the step: fixed, or doubled from a short start.

    While windows are short, a step has as many more of them, so that it has as many tokens.
    """

    final: int
    """Length in the end, in tokens."""
    initial: int | None = None
    """Length at the first step; None is ``final``."""
    steps_per_length: int = 1000
    """Steps after which the length doubles, until it is ``final``."""

    def __post_init__(self) -> None:
        if self.final < 2:
            raise InputError(f"length must be at least 2, got {self.final}")
        if not 2 <= self.first <= self.final:
            raise InputError(f"initial_length must lie in 2 to length = {self.final}, got {self.first}")
        if self.steps_per_length < 1:
            raise InputError(f"steps_per_length must be at least 1, got {self.steps_per_length}")

    @property
    def first(self) -> int:
        """Length at the first step."""
        return self.final if self.initial is None else self.initial

    @property
    def halves(self) -> list[int]:
        """``final`` halved ever again, rounded down: from there it doubles to ``final``."""
        return [self.final >> times for times in range(1, self.final.bit_length() - 1)]

    def at(self, step: int) -> int:
        """Return the length of the windows of ``step``.

        Source: Nguyen et al. 2023, arXiv:2306.15794, section 3.2 (sequence length warm-up).
        """
        doublings = min(step // self.steps_per_length, self.final.bit_length())
        return min(self.final, self.first << doublings)

    def windows(self, step: int, batch_size: int) -> int:
        """Return how many windows of ``step`` hold the tokens of ``batch_size`` windows in the end."""
        return batch_size * (self.final // self.at(step))

    def most_windows(self, batch_size: int) -> int:
        """Return the same of the first step, which has most."""
        return batch_size * (self.final // self.first)

    @property
    def all(self) -> tuple[int, ...]:
        """Every length that some step has, ascending."""
        lengths = (
            min(self.final, self.first << doublings) for doublings in range(self.final.bit_length() + 1)
        )
        return tuple(dict.fromkeys(lengths))


class CounterStream:
    """Windows drawn over the bases of some regions.

    Every window of a region is as likely as every other unless the rules say otherwise, and none
    crosses the end of its region.
    """

    def __init__(
        self,
        regions: Sequence[Interval],
        lengths: LengthSchedule,
        *,
        batch_size: int,
        seed: int,
        reverse_fraction: float = 0.5,
        rules: DrawRules | None = None,
    ) -> None:
        """Lay out the stream.

        Args:
            regions: Stretches inside their contigs; those shorter than a window are never drawn.
            lengths: Window length in tokens; a window has one base more, the last to be predicted.
            batch_size: Items of one step, over all ranks, once windows have their last length.
            seed: Of the whole stream.
            reverse_fraction: Share of windows that are read on the reverse strand.
            rules: What is drawn how often; None is every place as often as every other.

        Raises:
            InputError: No region is long enough for the longest window, or at some length the rules
                leave no place for one; regions overlap where features are asked for.
        """
        self.rules = rules or DrawRules()
        self.regions = _in_order(regions) if self.rules.feature_fraction else tuple(regions)
        self.lengths = lengths
        self.batch_size = batch_size
        self.seed = seed
        self.reverse_fraction = reverse_fraction
        self._places: dict[int, Places] = {}
        if not self.regions or max(region.length for region in self.regions) <= lengths.final:
            longest = max((region.length for region in self.regions), default=0)
            raise InputError(
                f"windows of {lengths.final} bp need a training region of at least {lengths.final + 1} bp, "
                f"the longest has {longest}; use a longer genome or a smaller length"
            )
        for length in lengths.all:
            self.places(length)

    def __getitem__(self, item: int) -> Interval:
        """Return item ``item``: a pure function of it and of what the stream was built with."""
        generator = item_generator(self.seed, item)
        step = item // self.lengths.most_windows(self.batch_size)
        window = self.places(self.lengths.at(step)).draw(generator)
        return window.reverse_complement() if generator.random() < self.reverse_fraction else window

    def places(self, length: int) -> Places:
        """Return the places of windows of ``length`` tokens and one more, which is predicted."""
        if length not in self._places:
            self._places[length] = Places(self.regions, length + 1, self.rules)
        return self._places[length]

    def __getstate__(self) -> dict[str, Any]:
        # Worked out again where it arrives: tables of millions of features are slow to send.
        return self.__dict__ | {"_places": {}}


@dataclass(frozen=True, kw_only=True)
class CounterSampler:
    """The items of one rank, batch by batch, from a step on and without end.

    A step has ``num_ranks * num_batches * batch_size`` items, the same whichever rank takes them, and
    more of them while its windows are short.
    """

    batch_size: int
    """Items that one rank takes at a time, once windows have their last length."""
    lengths: LengthSchedule
    """Length of the windows of each step."""
    num_batches: int = 1
    """Batches of a rank that make up a step (gradient accumulation)."""
    first_step: int = 0
    """Steps that were taken before: the whole state of the stream."""
    rank: int = 0
    """This process."""
    num_ranks: int = 1
    """All processes."""

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the numbers of the items of one batch after the other."""
        most = self.num_batches * self.num_ranks * self.lengths.most_windows(self.batch_size)
        for step in count(self.first_step):
            size = self.lengths.windows(step, self.batch_size)
            for batch in range(self.num_batches):
                first = step * most + (batch * self.num_ranks + self.rank) * size
                yield list(range(first, first + size))


def item_generator(seed: int, item: int) -> np.random.Generator:
    """Return the source of all that is random about item ``item`` of the stream of ``seed``."""
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, item, 0, 0]))


def _in_order(regions: Sequence[Interval]) -> tuple[Interval, ...]:
    ordered = sorted(regions, key=lambda region: (region.contig, region.start))
    for one, following in pairwise(ordered):
        if one.overlaps(following):
            raise InputError(f"training regions must be apart: {one.region} and {following.region} overlap")
    return tuple(ordered)
