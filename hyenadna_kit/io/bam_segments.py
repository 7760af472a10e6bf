"""Alignments of a BAM or CRAM as htslib gives them, in batches, with an account of those dropped.

Everything that reads alignments reads them here: what is kept, what is damaged and what another
process may not touch is decided once.
"""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pysam

from hyenadna_kit.io.bam_file import reading
from hyenadna_kit.io.htslib import offline
from hyenadna_kit.io.read_filter import REASONS, ReadFilter, ReadReport

_BATCH_SIZE = 128
_BGZF_OFFSET_BITS = 16
"""A place in a BAM is that of a compressed block, and in these bits one within it."""


class Region(NamedTuple):
    """A stretch inside one contig, 0-based, half-open; empty where end is not past start."""

    contig: str
    start: int
    end: int


class Segments:
    """Iterates over lists of alignments that pass a filter.

    A file is read through a handle of its own while the iteration lasts.
    """

    path: Path
    """The file."""
    num_bytes: int
    """How far into the file, in bytes as it lies on disk, the reading has come."""

    def __init__(
        self,
        path: Path,
        handle: AbstractContextManager[pysam.AlignmentFile],
        region: Region | None,
        read_filter: ReadFilter,
    ) -> None:
        """Take what will be read.

        Args:
            path: The file, for messages.
            handle: Gives the handle when it is entered.
            region: Where an alignment must overlap; None reads the whole file, in its order.
            read_filter: Which alignments to keep.
        """
        self.num_bytes = 0
        self.path = path
        self._handle = handle
        self._region = region
        self._filter = read_filter
        self._kept = 0
        self._dropped: Counter[str] = Counter()
        self._batches = self._read()

    def __iter__(self) -> Iterator[list[pysam.AlignedSegment]]:
        return self._batches

    @property
    def report(self) -> ReadReport:
        """How many were kept and dropped so far."""
        dropped = {reason: self._dropped[reason] for reason in REASONS if self._dropped[reason]}
        return ReadReport(self._kept, dropped)

    def drop(self, reason: str) -> None:
        """Count one of the kept alignments as dropped after all."""
        self._kept -= 1
        self._dropped[reason] += 1

    def _read(self) -> Iterator[list[pysam.AlignedSegment]]:
        if self._region is not None and self._region.start >= self._region.end:
            return
        process = os.getpid()
        with self._handle as handle:
            # Only of a CRAM are there bases to look for elsewhere.
            alone = offline if handle.is_cram else nullcontext
            with alone(), reading(self.path):
                found = handle.fetch(until_eof=True) if self._region is None else handle.fetch(*self._region)
            while True:
                if os.getpid() != process:
                    raise RuntimeError(
                        f"reads of {self.path} were begun in another process; begin again here"
                    )
                with alone(), reading(self.path):
                    batch = list(islice(found, _BATCH_SIZE))
                    self.num_bytes = handle.tell() >> (0 if handle.is_cram else _BGZF_OFFSET_BITS)
                if not batch:
                    return
                yield self._keep(batch)

    def _keep(self, batch: list[pysam.AlignedSegment]) -> list[pysam.AlignedSegment]:
        flags, quality = self._filter.dropped_flags, self._filter.min_mapping_quality
        length = self._filter.min_length
        kept = []
        for segment in batch:
            if (
                segment.flag & flags
                or segment.mapping_quality < quality
                or (length and num_bases(segment) < length)
            ):
                reason = self._filter.reason(segment.flag, segment.mapping_quality, num_bases(segment))
                self._dropped[reason or ""] += 1
            else:
                kept.append(segment)
        self._kept += len(kept)
        return kept


def num_bases(segment: pysam.AlignedSegment) -> int:
    """Return the number of bases of a read, those that are cut off (hard-clipped) not counted."""
    # A record without its bases still says in its CIGAR how many there were.
    return segment.query_length or segment.infer_query_length() or 0
