"""Which side of a split a window is on: by where it lies, or by the group that it belongs to.

In: windows and the regions of the sides, or groups of windows and fractions. Out: the side of each
window, or the reason why it is on none.

Two sides never share a base: a window that would touch the regions of two sides is left out, and so
is one that overlaps a window which the regions put on another side.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.genome.interval_set import IntervalSet
from hyenadna_kit.io.genome import Genome

TRAIN, VALIDATION, TEST = SIDES = ("train", "validation", "test")

STRADDLING = "touch two sides"
OUTSIDE = "touch no side"
OVERLAPPING = "overlap a window of another side"
REASONS = (STRADDLING, OUTSIDE, OVERLAPPING)
"""Why a window is on no side."""

_TOLERANCE = 1e-6


class GenomeWindows(Sequence[NDArray[np.uint8]]):
    """The tokens of windows, read from the genome when they are asked for."""

    def __init__(self, genome: Genome, windows: Sequence[Interval]) -> None:
        self.genome = genome
        self.windows = windows

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.windows)

    def __getitem__(self, item: int) -> NDArray[np.uint8]:  # type: ignore[override]  # no slices
        """Return the tokens of window ``item``, on its strand."""
        return self.genome.tokens(self.windows[item])


def split_by_regions(
    windows: Sequence[Interval], regions: Mapping[str, Sequence[Interval]], *, rest: str | None = None
) -> list[str]:
    """Return the side of each window, or the one of ``REASONS`` for which it is on none.

    A window that touches a region belongs to its side whole, also with the bases beyond the region.
    Of two windows that then overlap, the one on the later side of ``SIDES`` stays.

    Args:
        windows: Any intervals.
        regions: Regions of the sides, by the names of ``SIDES``; those of two sides do not overlap.
        rest: Side of the windows that touch no region; None leaves them out.

    Raises:
        InputError: Regions of two sides overlap.
    """
    sets = {side: IntervalSet(of_side) for side, of_side in regions.items()}
    _refuse_shared_bases(regions, sets)
    sides = [_side(window, sets, rest) for window in windows]
    # From the last side on: what leaves a side must not drive out windows of the side before it.
    for place, later in reversed(list(enumerate(SIDES[1:], start=1))):
        kept = IntervalSet(window for window, side in zip(windows, sides, strict=True) if side == later)
        for number, window in enumerate(windows):
            if sides[number] in SIDES[:place] and kept.overlaps(window):
                sides[number] = OVERLAPPING
    return sides


def fill_sides(groups: NDArray[np.int64], fractions: Mapping[str, float], *, seed: int) -> list[str]:
    """Return the side of each item, the same for all items of a group.

    The largest groups are placed first, each on the side that lacks most; groups of one size come in
    random order.

    Args:
        groups: One number an item, from 0 on.
        fractions: Part of the items that each side gets, about; together 1.
        seed: Of the order, from 0 on.

    Raises:
        InputError: The fractions are not above 0 and together 1, the seed is below 0, a group holds more
            than half of the items, or a side stays empty.
    """
    check_fractions(fractions)
    if seed < 0:
        raise InputError(f"seed must be at least 0, got {seed}")
    sizes = np.bincount(groups)
    if 2 * sizes.max() > groups.size:
        raise InputError(
            f"{sizes.max():,} of {groups.size:,} windows are connected by overlap or similarity, more than "
            "half, and would all be on one side; let windows overlap less, raise min_containment or lower "
            "max_windows"
        )
    order = np.random.default_rng(seed).permutation(np.flatnonzero(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    lacking = {side: fraction * groups.size for side, fraction in fractions.items()}
    side_of_group: dict[int, str] = {}
    for group, size in zip(order.tolist(), sizes[order].tolist(), strict=True):
        side = max(lacking, key=lacking.__getitem__)
        side_of_group[group] = side
        lacking[side] -= size
    sides = [side_of_group[group] for group in groups.tolist()]
    require_sides(sides, fractions)
    return sides


def check_fractions(fractions: Mapping[str, float]) -> None:
    """Refuse fractions of the sides that are not above 0 and together 1.

    Raises:
        InputError: They are not.
    """
    are_parts = all(fraction > 0 for fraction in fractions.values())
    if not are_parts or not math.isclose(sum(fractions.values()), 1, abs_tol=_TOLERANCE):
        shown = ", ".join(f"{side} {fraction:g}" for side, fraction in fractions.items())
        raise InputError(f"the fractions of the sides must be above 0 and together 1, got {shown}")


def overlapping_pairs(windows: Sequence[Interval]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs that connect all windows which overlap, on either strand, in chains.

    Of n windows that overlap one after the other there are n - 1 pairs, not all that overlap.

    Returns:
        The numbers of the one and of the other window of each pair.
    """
    order = sorted(range(len(windows)), key=lambda number: (windows[number].contig, windows[number].start))
    pairs, furthest = [], order[0] if order else 0
    for number in order:
        window, reach = windows[number], windows[furthest]
        if number != furthest and window.overlaps(reach):
            pairs.append((number, furthest))
        # No window so far reaches further than this one, which so overlaps whatever any of them does.
        if window.contig != reach.contig or window.end > reach.end:
            furthest = number
    left, right = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return left, right


def require_sides(sides: Iterable[str], wanted: Iterable[str]) -> None:
    """Refuse a split in which one of the ``wanted`` sides has no window.

    Raises:
        InputError: A side is empty.
    """
    counts = Counter(sides)
    for side in wanted:
        if not counts[side]:
            held = ", ".join(f"{number:,} {name}" for name, number in counts.items()) or "no windows"
            raise InputError(f"side {side} has no window ({held}); give it more, or use shorter windows")


def _refuse_shared_bases(regions: Mapping[str, Sequence[Interval]], sets: Mapping[str, IntervalSet]) -> None:
    for side, of_side in regions.items():
        for other in sets:
            shared = next((each for each in of_side if other != side and sets[other].overlaps(each)), None)
            if shared is not None:
                raise InputError(f"{shared.region} of side {side} overlaps a region of side {other}")


def _side(window: Interval, sets: Mapping[str, IntervalSet], rest: str | None) -> str:
    touched = [side for side, of_side in sets.items() if of_side.overlaps(window)]
    if len(touched) > 1:
        return STRADDLING
    return touched[0] if touched else rest or OUTSIDE
