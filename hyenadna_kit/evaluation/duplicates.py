"""Sequences that a table holds on more than one side: equal on either strand, or similar.

In: token ids of the sequences of each side. Out: how many of each side another one holds, and which.

A model that has seen a test sequence in training is asked what it remembers. Which sequences are equal or
similar is told in :mod:`hyenadna_kit.windows.similarity`; those that are equal count as similar too.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Int
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.windows.similarity import SimilarityIndex, survey
from hyenadna_kit.windows.sketch import MAX_K, SketchConfig

Likeness = Literal["equal", "similar"]
"""``equal``: the same bases, on either strand. ``similar``: also those that share k-mers enough."""


NEAR_DUPLICATES = SketchConfig(min_containment=0.5)
"""The shorter one has half of its k-mers in the longer one: those of equal length are 94 % identical, or
overlap by half. The tenth by which windows are kept on one side finds common repeats as well where sequences
are short: of 5,307 test promoters of 70 bp 2,413 have it in training, and 411 a half."""


class SharedRows(NamedTuple):
    """How many sequences of one side another one holds."""

    side: str
    """The side whose sequences are counted."""
    other: str
    """The side that holds them."""
    num_rows: int
    """Sequences of ``side``."""
    num_equal: int
    """Those that equal one of ``other``, on either strand."""
    num_similar: int
    """Those that are similar to one of ``other``, equal ones included."""
    num_too_short: int
    """Those that are too short to be compared by k-mers; equal ones among them are found all the same."""


class Duplicates:
    """The sequences of all sides, compared with each other."""

    def __init__(
        self, sides: Mapping[str, Sequence[NDArray[np.uint8]]], sketch: SketchConfig = NEAR_DUPLICATES
    ) -> None:
        """Compare the sequences.

        Args:
            sides: Token ids of the sequences of each side, the side that is trained on first.
            sketch: What counts as similar.

        Raises:
            InputError: There are no sequences.
        """
        sequences = [tokens for of_side in sides.values() for tokens in of_side]
        self.sizes = {side: len(of_side) for side, of_side in sides.items()}
        """Sequences of each side."""
        self._sides = np.repeat(np.array(list(sides)), list(self.sizes.values()))
        lengths, self._first_equal = survey(sequences)
        # However k is chosen, no k-mer is longer than this.
        self._is_compared = lengths >= MAX_K
        compared = [sequences[number] for number in np.flatnonzero(self._is_compared).tolist()]
        self._index = SimilarityIndex(compared, sketch) if compared else None

    def pairs(self) -> list[SharedRows]:
        """Return what each side shares with each one before it."""
        return [self._shared(side, other) for other, side in combinations(self.sizes, 2)]

    def num_repeated(self, side: str) -> int:
        """Return how many sequences of a side equal an earlier one of that side.

        Raises:
            InputError: There is no such side.
        """
        return self.sizes[side] - np.unique(self._first_equal[self._of(side)]).size

    def held_by(self, side: str, others: Sequence[str], likeness: Likeness) -> Bool[np.ndarray, " rows"]:
        """Say of each sequence of a side whether other sides hold it.

        Args:
            side: The side whose sequences are asked about.
            others: The sides that may hold them.
            likeness: Whether it has to be equal.

        Raises:
            InputError: There is no such side.
        """
        is_row = self._of(side)
        is_other = np.any([self._of(other) for other in others], axis=0)
        held = np.isin(self._first_equal[is_row], self._first_equal[is_other])
        if likeness == "similar" and self._index is not None:
            compared = self._is_compared
            highest = self._index.highest_containment(is_row[compared], is_other[compared])
            held[compared[is_row]] |= highest >= self._index.sketch.min_containment
        return held

    def rows_to_drop(self, side: str, likeness: Likeness) -> Int[np.ndarray, " rows"]:
        """Return the numbers, from 0, of the sequences of a side that any other side holds.

        Raises:
            InputError: There is no such side.
        """
        others = [other for other in self.sizes if other != side]
        return np.flatnonzero(self.held_by(side, others, likeness))

    def _shared(self, side: str, other: str) -> SharedRows:
        return SharedRows(
            side=side,
            other=other,
            num_rows=self.sizes[side],
            num_equal=int(self.held_by(side, [other], "equal").sum()),
            num_similar=int(self.held_by(side, [other], "similar").sum()),
            num_too_short=int((~self._is_compared[self._of(side)]).sum()),
        )

    def _of(self, side: str) -> Bool[np.ndarray, " rows"]:
        if side not in self.sizes:
            raise InputError(f"side {side!r} is not in the table; it has {', '.join(self.sizes)}")
        return self._sides == side
