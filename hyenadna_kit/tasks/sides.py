"""On which side of the split each example is: those that overlap or resemble each other on one.

In: windows. Out: a side for each, and how much of the test windows the training windows hold.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.tasks.examples import Example
from hyenadna_kit.windows.similarity import SimilarityHistogram, SimilarityIndex, merge_groups
from hyenadna_kit.windows.splits import (
    TEST,
    TRAIN,
    VALIDATION,
    GenomeWindows,
    overlapping_pairs,
    require_sides,
)


class Sides(NamedTuple):
    """The side of each example, and what came of it."""

    of_example: list[str]
    """Name of the side, one an example."""
    similarity: SimilarityHistogram | None
    """Test windows against training windows; None where there is no test side."""


def side_fractions(validation_fraction: float, test_fraction: float) -> dict[str, float]:
    """Return the part of each side that there is.

    Raises:
        InputError: A part is negative, or nothing is left to train on.
    """
    held_out = {VALIDATION: validation_fraction, TEST: test_fraction}
    if min(held_out.values()) < 0 or sum(held_out.values()) >= 1:
        raise InputError(
            f"validation_fraction {validation_fraction:g} and test_fraction {test_fraction:g} must be at "
            "least 0 and leave a part to train on"
        )
    return {TRAIN: 1 - sum(held_out.values()), **{side: part for side, part in held_out.items() if part}}


def assign_sides(
    genome: Genome,
    examples: Sequence[Example],
    fractions: Mapping[str, float],
    *,
    seed: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> Sides:
    """Return the side of each example: one for windows that share a base or resemble each other.

    Each side gets about the same mix of classes.

    Args:
        genome: Where the windows lie.
        examples: Windows inside their contigs, with their classes.
        fractions: Part of the examples that each side gets, about; together 1.
        seed: Of the draw.
        on_progress: Called with the windows compared and all windows.

    Raises:
        InputError: More than half of the windows are connected, a side stays empty, or a window is
            too short to be compared.
    """
    windows = [example.window for example in examples]
    index = SimilarityIndex(GenomeWindows(genome, windows), on_progress=on_progress)
    groups = merge_groups(index.groups, *overlapping_pairs(windows))
    sides = fill_evenly(groups, [example.label for example in examples], fractions, seed=seed)
    return Sides(sides, index.histogram(sides) if TEST in fractions else None)


def fill_evenly(
    groups: NDArray[np.int64], labels: Sequence[str], fractions: Mapping[str, float], *, seed: int
) -> list[str]:
    """Return the side of each item, one for all items of a group, with classes spread evenly.

    The largest groups are placed first, those of one size in random order. Each goes to the side that
    lacks the largest part of its share in the classes of the group, among those with room for it; where
    none has room, to the side that lacks most.

    Args:
        groups: One number an item, from 0 on.
        labels: Class of each item.
        fractions: Part of the items of each class that each side gets, about; together 1.
        seed: Of the order.

    Raises:
        InputError: A group holds more than half of the items, or a side stays empty.
    """
    counts = _class_counts(groups, labels)
    sizes = counts.sum(axis=1)
    if 2 * sizes.max() > groups.size:
        raise InputError(
            f"{sizes.max():,} of {groups.size:,} windows are connected by overlap or similarity, more than "
            "half, and would all be on one side; try a shorter length, or give more contigs"
        )
    names = list(fractions)
    shares = np.outer(list(fractions.values()), counts.sum(axis=0))
    lacking = shares.copy()
    order = np.random.default_rng(seed).permutation(np.flatnonzero(sizes))
    side_of_group = {}
    for group in order[np.argsort(-sizes[order], kind="stable")].tolist():
        room = lacking.sum(axis=1)
        wish = np.where(room >= sizes[group], (lacking / shares) @ counts[group], -np.inf)
        side = int(wish.argmax() if np.isfinite(wish).any() else room.argmax())
        lacking[side] -= counts[group]
        side_of_group[group] = names[side]
    sides = [side_of_group[group] for group in groups.tolist()]
    require_sides(sides, fractions)
    return sides


def _class_counts(groups: NDArray[np.int64], labels: Sequence[str]) -> NDArray[np.int64]:
    """Return how many items of each class each group has: one row a group number, from 0 on."""
    classes, codes = np.unique(np.array(labels), return_inverse=True)
    counts = np.zeros((int(groups.max()) + 1, classes.size), dtype=np.int64)
    np.add.at(counts, (groups, codes), 1)
    return counts
