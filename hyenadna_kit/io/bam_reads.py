"""Reads as values: what was sequenced, and where it lies.

In: alignments of htslib. Out: :class:`BamRead`, its bases and qualities in the order of sequencing
whichever strand they are stored on.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pysam
from numpy.typing import NDArray

from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.bam_file import reading
from hyenadna_kit.io.bam_segments import Segments
from hyenadna_kit.io.read_filter import ReadReport

NO_QUALITY = 255
"""Phred score of a base without one."""


@dataclass(frozen=True, slots=True, eq=False)
class BamRead:
    """One read as it was sequenced, and where it lies."""

    name: str
    """Name of the read; mates share it."""
    interval: Interval | None
    """What it spans on the reference, with its strand; None where it has no place."""
    sequence: str
    """Bases in the order in which they were sequenced; empty where the file leaves them out."""
    qualities: NDArray[np.uint8]
    """Phred score of each base, in the same order; 255 where there is none."""
    mapping_quality: int
    """Phred score of the place; 255 where nobody knows."""
    cigar: str
    """How it is aligned, along the forward strand of the reference; empty where it is not."""


class BamReads:
    """The reads of one file or region: an iterator that counts what it drops."""

    def __init__(self, segments: Segments) -> None:
        self._segments = segments
        self._reads = self._read()

    @property
    def report(self) -> ReadReport:
        """How many reads were kept and dropped, a little ahead of those that were handed out."""
        return self._segments.report

    def __iter__(self) -> Iterator[BamRead]:
        return self._reads

    def __next__(self) -> BamRead:
        return next(self._reads)

    def _read(self) -> Iterator[BamRead]:
        for batch in self._segments:
            with reading(self._segments.path):
                reads = [_read(segment) for segment in batch]
            yield from reads


def forward_qualities(segment: pysam.AlignedSegment) -> NDArray[np.uint8]:
    """Return the Phred score of each base as it was sequenced; 255 where there is none."""
    scores = segment.query_qualities
    if scores is None:
        return np.full(segment.query_length, NO_QUALITY, dtype=np.uint8)
    # pysam's own get_forward_qualities fails on a reverse read without scores.
    return np.array(scores[::-1] if segment.is_reverse else scores, dtype=np.uint8)


def _read(segment: pysam.AlignedSegment) -> BamRead:
    return BamRead(
        name=segment.query_name or "",
        interval=_span(segment),
        sequence=segment.get_forward_sequence() or "",
        qualities=forward_qualities(segment),
        mapping_quality=segment.mapping_quality,
        cigar=segment.cigarstring or "",
    )


def _span(segment: pysam.AlignedSegment) -> Interval | None:
    contig, end = segment.reference_name, segment.reference_end
    if segment.is_unmapped or contig is None or end is None:
        return None
    strand = Strand.REVERSE if segment.is_reverse else Strand.FORWARD
    return Interval(contig, segment.reference_start, end, strand)
