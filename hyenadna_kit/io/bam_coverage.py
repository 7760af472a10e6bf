"""Tracks of alignments over one stretch of a contig: coverage, insertions, 5' ends.

In: batches of alignments. Out: one int32 a base, forward strand. Coverage adds +1 where an aligned
block begins and -1 where it ends, and sums once at the end: its cost does not depend on how long
reads are.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np
import pysam
from numpy.typing import NDArray

FIVE_PRIME_BASES = (0, -1)
"""Shift of a start and of an end (one past the last base) to the first base that was sequenced."""

TN5_CENTRES = (4, -5)
"""Shift of a start and of an end to the middle of the 9 bp that the transposase Tn5 doubles.

Both ends of one cut come to the same base. Source: Buenrostro et al. 2013, 10.1038/nmeth.2688.
"""

_MATCH, _INSERTION, _PADDING = {0, 7, 8}, 1, 6
_REFERENCE_OPERATIONS = {0, 2, 3, 7, 8}
_QUERY_OPERATIONS = {0, 1, 4, 7, 8}
_PAIRED, _MATE_UNMAPPED, _REVERSE, _NOT_PRIMARY = 0x1, 0x8, 0x10, 0x900

_MAX_WAITING_BLOCKS = 1 << 14

Batches = Iterable[list[pysam.AlignedSegment]]


class Stretch(NamedTuple):
    """Positions ``[start, end)`` of the contig that the alignments lie on."""

    start: int
    end: int


def count_coverage(
    batches: Batches, stretch: Stretch, *, min_base_quality: int, count_overlaps: bool
) -> NDArray[np.int32]:
    """Return how many reads have a base aligned to each position; a deletion is none.

    Args:
        batches: Alignments in the order of their starts.
        stretch: Positions to count at.
        min_base_quality: Lowest Phred score of a base that counts; bases without one do.
        count_overlaps: Whether two mates that cover a position count as two.
    """
    mates = None if count_overlaps else _Mates()
    counter = _GoodBases(stretch, min_base_quality) if min_base_quality else _Blocks(stretch)
    for batch in batches:
        counter.add(batch, mates)
    return counter.counts()


def count_insertions(batches: Batches, stretch: Stretch, *, min_length: int) -> NDArray[np.int32]:
    """Return how many reads have an insertion of ``min_length`` or more before each position."""
    return _count_positions(
        (
            [place for segment in batch for place, length in _insertions(segment) if length >= min_length]
            for batch in batches
        ),
        stretch,
    )


def count_five_prime_ends(batches: Batches, stretch: Stretch, *, shift: tuple[int, int]) -> NDArray[np.int32]:
    """Return how many reads begin at each position, as they were sequenced.

    A forward read counts at ``start + shift[0]``, a reverse read at ``end + shift[1]``.
    """
    forward, reverse = shift
    return _count_positions(
        (
            [
                segment.reference_end + reverse
                if segment.flag & _REVERSE
                else segment.reference_start + forward
                for segment in batch
                if segment.reference_end is not None
            ]
            for batch in batches
        ),
        stretch,
    )


class _Mates:
    """How far the mate of a read has counted already.

    Where two mates overlap the one that begins first counts, as in ``samtools depth -s``.
    """

    def __init__(self) -> None:
        self._ends: dict[str, int] = {}

    def counted_to(self, segment: pysam.AlignedSegment) -> int:
        """Return the position before which the read does not count; 0 where it counts whole."""
        flags = segment.flag
        if flags & (_PAIRED | _MATE_UNMAPPED | _NOT_PRIMARY) != _PAIRED:
            return 0
        mate_start, end = segment.next_reference_start, segment.reference_end
        if end is None or mate_start >= end or segment.next_reference_id != segment.reference_id:
            return 0
        name = segment.query_name or ""
        counted = self._ends.pop(name, 0)
        if not counted and mate_start >= segment.reference_start:
            self._ends[name] = end
        return counted


class _Blocks:
    """Counts by the borders of aligned blocks."""

    def __init__(self, stretch: Stretch) -> None:
        self._stretch = stretch
        self._steps = np.zeros(stretch.end - stretch.start + 1, dtype=np.int32)
        self._blocks: list[tuple[int, int]] = []

    def add(self, batch: list[pysam.AlignedSegment], mates: _Mates | None) -> None:
        """Count the aligned bases of a batch."""
        for segment in batch:
            blocks = segment.get_blocks()
            counted = mates.counted_to(segment) if mates is not None else 0
            if counted:
                blocks = [(max(start, counted), end) for start, end in blocks if end > counted]
            self._blocks += blocks
        if len(self._blocks) >= _MAX_WAITING_BLOCKS:
            self._step()

    def counts(self) -> NDArray[np.int32]:
        """Return the count at each position."""
        self._step()
        return np.cumsum(self._steps[:-1], dtype=np.int32)

    def _step(self) -> None:
        if self._blocks:
            borders = np.fromiter(chain.from_iterable(self._blocks), dtype=np.int64).clip(*self._stretch)
            borders -= self._stretch.start
            np.add.at(self._steps, borders[::2], 1)
            np.subtract.at(self._steps, borders[1::2], 1)
            self._blocks = []


class _GoodBases:
    """Counts base by base, those of enough quality alone."""

    def __init__(self, stretch: Stretch, min_base_quality: int) -> None:
        self._stretch = stretch
        self._min_base_quality = min_base_quality
        self._counts = np.zeros(stretch.end - stretch.start, dtype=np.int32)

    def add(self, batch: list[pysam.AlignedSegment], mates: _Mates | None) -> None:
        """Count the aligned bases of a batch."""
        for segment in batch:
            qualities = segment.query_qualities
            is_good = None if qualities is None else np.asarray(qualities) >= self._min_base_quality
            counted = mates.counted_to(segment) if mates is not None else 0
            first, last = max(self._stretch.start, counted), self._stretch.end
            for position, query, length in _aligned_blocks(segment):
                start, end = max(position, first), min(position + length, last)
                if start < end:
                    place = slice(start - self._stretch.start, end - self._stretch.start)
                    offset = query - position
                    self._counts[place] += 1 if is_good is None else is_good[start + offset : end + offset]

    def counts(self) -> NDArray[np.int32]:
        """Return the count at each position."""
        return self._counts


def _aligned_blocks(segment: pysam.AlignedSegment) -> Iterator[tuple[int, int, int]]:
    """Yield reference position, position in the read and length of each aligned block."""
    position, query = segment.reference_start, 0
    for operation, length in segment.cigartuples or ():
        if operation in _MATCH:
            yield position, query, length
        position += length if operation in _REFERENCE_OPERATIONS else 0
        query += length if operation in _QUERY_OPERATIONS else 0


def _insertions(segment: pysam.AlignedSegment) -> Iterator[tuple[int, int]]:
    """Yield the position behind each insertion, and its length; padding does not part it in two."""
    position, inserted = segment.reference_start, 0
    for operation, length in segment.cigartuples or ():
        if operation == _INSERTION:
            inserted += length
        elif operation != _PADDING and inserted:
            yield position, inserted
            inserted = 0
        position += length if operation in _REFERENCE_OPERATIONS else 0
    if inserted:
        yield position, inserted


def _count_positions(batches: Iterable[list[int]], stretch: Stretch) -> NDArray[np.int32]:
    length = stretch.end - stretch.start
    counts = np.zeros(length, dtype=np.int32)
    for positions in batches:
        offsets = np.array(positions, dtype=np.int64) - stretch.start
        np.add.at(counts, offsets[(offsets >= 0) & (offsets < length)], 1)
    return counts
