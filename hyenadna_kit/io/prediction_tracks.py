"""Predictions as tracks of a genome browser: bedGraph, sorted, one value a base at most.

In: where rows of numbers lie. Out: a file for each number of a row.
"""

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.text_lines import write_lines

TRACK_SUFFIXES = (".bedgraph", ".bg")
"""Of tracks, in either case."""

_NOT_IN_A_NAME = re.compile(r"[^\w.+-]+")


@dataclass
class TrackPlaces:
    """Where the records of a track lie, in the order of their rows."""

    contigs: list[str] = field(default_factory=list)
    """Names of the contigs."""
    contig: "array[int]" = field(default_factory=lambda: array("i"))
    """Of each record, by number."""
    start: "array[int]" = field(default_factory=lambda: array("q"))
    """First base."""
    end: "array[int]" = field(default_factory=lambda: array("q"))
    """One past the last base."""
    reverse: "array[int]" = field(default_factory=lambda: array("b"))
    """1 on the reverse strand."""

    @classmethod
    def of_intervals(cls, intervals: Iterable[Interval]) -> "TrackPlaces":
        """Return the places of intervals, some 21 bytes each."""
        places, numbers = cls(), dict[str, int]()
        for interval in intervals:
            places.contig.append(numbers.setdefault(interval.contig, len(numbers)))
            places.start.append(interval.start)
            places.end.append(interval.end)
            places.reverse.append(interval.strand is Strand.REVERSE)
        places.contigs = list(numbers)
        return places

    def interval(self, record: int) -> Interval:
        """Return the place of a record, on the forward strand."""
        return Interval(self.contigs[self.contig[record]], self.start[record], self.end[record])


@dataclass(frozen=True)
class TrackLayout:
    """Records as a track has them: contigs in the order of their bytes, starts ascending."""

    places: TrackPlaces
    """Where the records lie."""
    records: NDArray[np.int64]
    """Their numbers, in the order of the track."""
    own_start: NDArray[np.int64]
    """First base of each that is its own."""
    own_end: NDArray[np.int64]
    """One past the last one."""


def track_paths(path: Path, names: Sequence[str]) -> list[Path]:
    """Return the file of each number of a row: ``X.NAME.bedgraph``, or ``X.bedgraph`` of one.

    Raises:
        InputError: Two would be one.
    """
    if len(names) == 1:
        return [path]
    compression = ".gz" if path.suffix == ".gz" else ""
    suffix = Path(path.name.removesuffix(compression)).suffix
    stem = path.name.removesuffix(compression).removesuffix(suffix)
    found = [path.with_name(f"{stem}.{_NOT_IN_A_NAME.sub('_', name)}{suffix}{compression}") for name in names]
    if len({each.name.lower() for each in found}) < len(found):
        raise InputError(
            f"{path}: the tracks of {', '.join(names[:8])} would have one name; write --out X.tsv"
        )
    return found


def lay_out_track(path: Path, intervals: Iterable[Interval], *, may_overlap: bool = False) -> TrackLayout:
    """Return the order of a track, and which bases are those of each record.

    Args:
        path: What is written, for messages.
        intervals: Places of the records.
        may_overlap: Let neighbours share out the bases of both, each half of them; else they are refused.

    Raises:
        InputError: Two records have a base in common.
    """
    places = TrackPlaces.of_intervals(intervals)
    ranks = np.argsort(np.argsort(np.array([name.encode() for name in places.contigs])))
    contig, start, end = (np.array(each) for each in (places.contig, places.start, places.end))
    records = np.lexsort((end, start, ranks[contig]))
    own_start, own_end = start[records], end[records]
    same = contig[records][1:] == contig[records][:-1]
    shared = same & (own_start[1:] < own_end[:-1])
    if shared.any() and not may_overlap:
        number = int(np.argmax(shared))
        regions = (places.interval(int(each)).region for each in records[number : number + 2])
        raise InputError(
            f"{path}: {' and '.join(regions)} overlap, and a track has one value a base; leave one out, or "
            "write --out X.tsv"
        )
    middle = (own_start[1:] + own_end[:-1]) // 2
    own_end[:-1] = np.where(shared, middle, own_end[:-1])
    own_start[1:] = np.where(shared, middle, own_start[1:])
    return TrackLayout(places, records, own_start, own_end)


def write_tracks(
    paths: Sequence[Path], layout: TrackLayout, rows: NDArray[np.float32], *, bin_size: int | None = None
) -> None:
    """Write a bedGraph for each number of a row.

    Args:
        paths: As many as a row has numbers; bgzipped where they end in ``.gz``.
        layout: Where the records lie.
        rows: One a record, or one a bin of it, in the direction in which it is read.
        bin_size: Bases of a bin; None where a record has one row.
    """
    first_rows = _first_rows(layout.places, bin_size)
    for column, path in enumerate(paths):
        write_lines(path, _lines(layout, rows[:, column], first_rows, bin_size=bin_size))


def _first_rows(places: TrackPlaces, bin_size: int | None) -> NDArray[np.int64]:
    if bin_size is None:
        return np.arange(len(places.start) + 1)
    lengths = np.array(places.end) - np.array(places.start)
    return np.concatenate([[0], np.cumsum(lengths // bin_size)])


def _lines(
    layout: TrackLayout,
    values: NDArray[np.float32],
    first_rows: NDArray[np.int64],
    *,
    bin_size: int | None,
) -> Iterator[str]:
    places = layout.places
    own = zip(layout.records.tolist(), layout.own_start.tolist(), layout.own_end.tolist(), strict=True)
    for record, own_start, own_end in own:
        contig, start = places.contigs[places.contig[record]], places.start[record]
        rows = values[first_rows[record] : first_rows[record + 1]].tolist()
        step = places.end[record] - start if bin_size is None else bin_size
        for number, value in enumerate(reversed(rows) if places.reverse[record] else rows):
            first = max(own_start, start + number * step)
            last = min(own_end, start + (number + 1) * step)
            if first < last:
                yield f"{contig}\t{first}\t{last}\t{value:.6g}"
