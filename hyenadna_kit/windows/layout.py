"""Where windows lie on a region.

In: intervals of a genome. Out: windows, as intervals.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, get_args

import numpy as np

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval

PartialWindows = Literal["keep", "drop", "shift"]
"""What becomes of a window that reaches past the end of its region."""


def tile(
    region: Interval, length: int, *, stride: int | None = None, partial: PartialWindows = "keep"
) -> Iterator[Interval]:
    """Yield windows of ``length`` bp from the start of ``region`` on, on its strand.

        tile(Interval("c", 0, 22), 10, stride=5):
            [0, 10), [5, 15), [10, 20), then with keep [15, 22), with shift [12, 22), with drop none

    The first window that reaches the end of the region is the last.

    Args:
        region: Any interval.
        length: Bases of a window.
        stride: Bases from the start of one window to that of the next; None is ``length``.
        partial: ``keep`` cuts a window that reaches past the end, ``shift`` moves it back inside,
            ``drop`` leaves it out. A region shorter than ``length`` has a window with ``keep`` alone.

    Raises:
        InputError: ``length`` or ``stride`` is less than 1, or ``partial`` is none of the three.
    """
    stride = length if stride is None else stride
    if length < 1 or stride < 1:
        raise InputError(f"length and stride must be at least 1, got {length} and {stride}")
    if partial not in get_args(PartialWindows):
        raise InputError(f"partial must be one of {', '.join(get_args(PartialWindows))}, got {partial!r}")
    for start in range(region.start, region.end, stride):
        end = start + length
        if end <= region.end:
            yield replace(region, start=start, end=end)
        elif partial == "keep":
            yield replace(region, start=start)
        elif partial == "shift" and region.length >= length:
            yield replace(region, start=region.end - length)
        if end >= region.end:
            return


class TiledWindow(NamedTuple):
    """A window and the part of it whose bases are to be predicted."""

    window: Interval
    """``length + 1`` bases: the model reads all but the last and predicts all but the first."""
    scored: Interval
    """The bases of the region that belong to this window and to no other."""

    @property
    def label_span(self) -> tuple[int, int]:
        """Half-open range of the labels, which begin one base after the window, that are scored."""
        first = self.window.start + 1
        return self.scored.start - first, self.scored.end - first


def tile_windows(region: Interval, length: int) -> Iterator[TiledWindow]:
    """Cover ``region`` so that every base is predicted once, with half a window of left context.

    Windows advance by half their length. The first base of a region has ``length // 2`` bases before
    it in its window. Near the start of a contig there is nothing further left: the window then starts
    one base before the contig, and a single N stands for what comes before the first base.

        tile_windows(Interval("c", 100, 116), 8):
            window [96, 105) scores [100, 105); window [101, 110) scores [105, 110); ...

    Args:
        region: A stretch inside its contig, on the forward strand of the coordinates given.
        length: Tokens that the model reads at a time, at least 2.

    Raises:
        InputError: ``length`` is less than 2.
    """
    if length < 2:
        raise InputError(f"windows must be at least 2 tokens long, got {length}")
    position = region.start
    while position < region.end:
        start = max(position - length // 2, -1)
        window = Interval(region.contig, start, start + length + 1)
        scored = Interval(region.contig, position, min(window.end, region.end))
        yield TiledWindow(window, scored)
        position = window.end


def spread_windows(regions: list[Interval], length: int, num_bases: int) -> list[TiledWindow]:
    """Return tiled windows that score about ``num_bases`` bases, spread evenly over ``regions``.

    Args:
        regions: Stretches inside their contigs.
        length: Tokens that the model reads at a time.
        num_bases: Bases to score; the whole of ``regions`` where it has no more.
    """
    windows = [window for region in regions for window in tile_windows(region, length)]
    total = sum(window.scored.length for window in windows)
    keep = min(len(windows), max(1, round(len(windows) * num_bases / max(1, total))))
    return [windows[index * len(windows) // keep] for index in range(keep)]


def windows_before(regions: Sequence[Interval], length: int, count: int) -> list[Interval]:
    """Return windows of one length that end at bases spread evenly over ``regions``.

    Args:
        regions: Stretches inside their contigs.
        length: Bases of a window; fewer where a region has fewer before its end.
        count: How many, at most.
    """
    # As far as there are so many bases before them.
    firsts = [max(region.start + 1, min(length, region.end)) for region in regions]
    before = np.cumsum([0, *(region.end - first + 1 for region, first in zip(regions, firsts, strict=True))])
    ends = []
    for place in np.unique(np.linspace(0, before[-1] - 1, count).astype(np.int64)).tolist():
        number = int(np.searchsorted(before, place, side="right")) - 1
        ends.append((regions[number].contig, firsts[number] + place - int(before[number])))
    shortest = min([length, *(end for _, end in ends)])
    return [Interval(contig, end - shortest, end) for contig, end in ends]
