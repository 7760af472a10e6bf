"""Aligned reads: BAM, and CRAM with the FASTA that it was written with.

In: a path. Out: reads as they were sequenced, and tracks over any interval of the reference. What is
asked of an interval needs the index of the file beside it. Nothing is fetched from a network.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pysam
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.contigs import ContigNames
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.bam_coverage import (
    FIVE_PRIME_BASES,
    Stretch,
    count_coverage,
    count_five_prime_ends,
    count_insertions,
)
from hyenadna_kit.io.bam_file import HandlePool, alignment_format, closing_quietly, open_alignments, reading
from hyenadna_kit.io.bam_reads import BamRead, BamReads
from hyenadna_kit.io.bam_segments import Region, Segments
from hyenadna_kit.io.cram_reference import CramReference
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.read_filter import ReadFilter

__all__ = ["Bam", "BamRead", "BamReads", "ReadFilter"]


class Bam:
    """A BAM or CRAM file.

    A handle is opened by each process when it first reads, and never pickled: one ``Bam`` can be given
    to workers, forked or spawned.
    """

    def __init__(self, path: Path | str, reference: Path | str | None = None) -> None:
        """Check the file ``path`` and read its header.

        Args:
            path: BAM or CRAM, told by the first bytes.
            reference: FASTA that a CRAM was written with, plain or bgzip, with its index beside it; a
                BAM holds its own bases and needs none.

        Raises:
            InputError: The file is neither, or truncated; or a CRAM's reference is missing or another.
        """
        self.path = Path(path)
        self.format = alignment_format(self.path)
        self._reference = self._required_reference(reference)
        self._pool = HandlePool(self._open)
        with closing_quietly(self._open()) as handle, reading(self.path):
            self._contigs: dict[str, int] = dict(zip(handle.references, handle.lengths, strict=True))
            self._md5s = {} if self._reference is None else _md5s(str(handle.header))
        if self._reference is not None:
            self._reference.check_contigs(self._contigs)

    @property
    def contigs(self) -> Mapping[str, int]:
        """Length of each contig of the reference in bp, in the order of the header."""
        return MappingProxyType(self._contigs)

    @cached_property
    def names(self) -> ContigNames:
        """The contigs under their usual names."""
        return ContigNames(self._contigs)

    def check_reference(self, genome: Genome) -> None:
        """Refuse a genome whose contigs are not those that the reads are aligned to.

        Names and lengths are compared. Either may have contigs that the other lacks, as long as there is
        one in both.

        Raises:
            InputError: They have no contig in common, or one with two lengths.
        """
        shared = [(contig, genome.names.find(contig)) for contig in self._contigs]
        if not any(name for _, name in shared):
            raise InputError(
                f"{self.path} is aligned to {self.names.summary()}, of which {genome.path} has none; "
                "name the genome that they are aligned to"
            )
        for contig, name in shared:
            if name is not None and self._contigs[contig] != genome.contigs[name]:
                raise InputError(
                    f"contig {contig!r} has {self._contigs[contig]} bp in {self.path} and "
                    f"{genome.contigs[name]} bp in {genome.path}; name the genome that they are aligned to"
                )

    def reads(self, interval: Interval | None = None, *, read_filter: ReadFilter | None = None) -> BamReads:
        """Return the reads that share a base with ``interval``, or all, in the order of the file.

        Args:
            interval: Any strand: reads of both strands are returned. None needs no index.
            read_filter: Which reads to keep; by default see :class:`ReadFilter`.

        Raises:
            InputError: There is no index; while iterating, the file is damaged.
            ContigNotFoundError: The file has no such contig under any of its usual names.
        """
        return BamReads(self.segments(interval, read_filter=read_filter))

    def coverage(
        self,
        interval: Interval,
        *,
        read_filter: ReadFilter | None = None,
        min_base_quality: int = 0,
        count_overlaps: bool = False,
    ) -> NDArray[np.int32]:
        """Return how many reads have a base aligned to each base of ``interval``.

        Bases that a read deletes or skips do not count; beyond the contig it is 0. The track runs along
        the strand of ``interval``.

        Args:
            interval: Where; reads of both strands count.
            read_filter: Which reads count; by default see :class:`ReadFilter`.
            min_base_quality: Lowest Phred score of a base that counts; bases without one do.
            count_overlaps: Count a position twice where two mates overlap. By default only the mate that
                begins first counts in the stretch that both span, as in ``samtools depth -s``.

        Raises:
            InputError: There is no index, or the file is damaged.
            ContigNotFoundError: The file has no such contig under any of its usual names.
        """
        batches = self.segments(interval, read_filter=read_filter)
        with reading(self.path):
            counts = count_coverage(
                batches,
                Stretch(interval.start, interval.end),
                min_base_quality=min_base_quality,
                count_overlaps=count_overlaps,
            )
        return _along(interval.strand, counts)

    def insertions(
        self, interval: Interval, *, read_filter: ReadFilter | None = None, min_length: int = 1
    ) -> NDArray[np.int32]:
        """Return how many reads have an insertion right before each base of ``interval``.

        *Before* is as ``interval`` is read: on the reverse strand, the insertion lies to the right of
        the base. Mates that overlap count each.

        Args:
            interval: Where; reads of both strands count.
            read_filter: Which reads count; by default see :class:`ReadFilter`.
            min_length: Fewest inserted bases.

        Raises:
            InputError: There is no index, or the file is damaged.
            ContigNotFoundError: The file has no such contig under any of its usual names.
        """
        # An insertion lies between two bases, and its read may have aligned bases on one side alone.
        batches = self.segments(interval, read_filter=read_filter, margin=1)
        shift = interval.strand is Strand.REVERSE
        stretch = Stretch(interval.start + shift, interval.end + shift)
        return _along(interval.strand, count_insertions(batches, stretch, min_length=min_length))

    def five_prime_ends(
        self,
        interval: Interval,
        *,
        read_filter: ReadFilter | None = None,
        shift: tuple[int, int] = FIVE_PRIME_BASES,
    ) -> NDArray[np.int32]:
        """Return how many reads begin at each base of ``interval``, as they were sequenced.

        These are the ends of the fragments: where an enzyme cut. With
        :data:`hyenadna_kit.io.bam_coverage.TN5_CENTRES`, which is ``(4, -5)``, they are the middles of
        the sites at which the transposase of ATAC-seq inserts.

        Args:
            interval: Where; reads of both strands count.
            read_filter: Which reads count; by default see :class:`ReadFilter`.
            shift: A forward read counts at ``start + shift[0]``, a reverse read at ``end + shift[1]``,
                with the end one past its last base; by default at its 5' base.

        Raises:
            InputError: There is no index, or the file is damaged.
            ContigNotFoundError: The file has no such contig under any of its usual names.
        """
        margin = max(abs(shift[0]), abs(shift[1] + 1))
        batches = self.segments(interval, read_filter=read_filter, margin=margin)
        counts = count_five_prime_ends(batches, Stretch(interval.start, interval.end), shift=shift)
        return _along(interval.strand, counts)

    def segments(
        self,
        interval: Interval | None = None,
        *,
        read_filter: ReadFilter | None = None,
        margin: int = 0,
    ) -> Segments:
        """Return the alignments as htslib gives them, in batches; see :meth:`reads`.

        Args:
            interval: Where they overlap; None is the whole file.
            read_filter: Which to keep; by default see :class:`ReadFilter`.
            margin: Bases by which the interval is widened on both sides.

        Raises:
            InputError: There is no index.
            ContigNotFoundError: The file has no such contig under any of its usual names.
        """
        wanted = read_filter or ReadFilter()
        if interval is None:
            self._verify(self._contigs)
            # Of a CRAM no handle can be taken back to the start.
            return Segments(self.path, closing_quietly(self._open()), None, wanted)
        contig = self.names.resolve(interval.contig, str(self.path))
        self._verify([contig])
        self._require_index()
        start = max(interval.start - margin, 0)
        end = min(interval.end + margin, self._contigs[contig])
        return Segments(self.path, self._pool.borrow(), Region(contig, start, end), wanted)

    def _required_reference(self, reference: Path | str | None) -> CramReference | None:
        if self.format == "BAM":
            return None
        if reference is None:
            raise InputError(
                f"{self.path} is CRAM, which holds no bases of its own; name the FASTA that it was written "
                "with, indexed by 'samtools faidx' (nothing is fetched from the network): --reference of "
                "prepare, --genome of pretrain"
            )
        return CramReference(Path(reference), self.path)

    def _verify(self, contigs: Iterable[str]) -> None:
        if self._reference is not None:
            for contig in contigs:
                self._reference.verify(contig, self._md5s.get(contig))

    def _require_index(self) -> None:
        with self._pool.borrow() as handle:
            if not handle.has_index():
                raise InputError(
                    f"{self.path} has no index that can be read, and reading an interval needs one; "
                    f"make it: samtools index {self.path}"
                )

    def _open(self) -> pysam.AlignmentFile:
        return open_alignments(self.path, None if self._reference is None else self._reference.path)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_pool"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._pool = HandlePool(self._open)


def _md5s(header: str) -> dict[str, str]:
    """Return the MD5 of each contig whose line in the header has one."""
    lines = (line.split("\t") for line in header.splitlines() if line.startswith("@SQ\t"))
    entries = ({field[:3]: field[3:] for field in line} for line in lines)
    return {entry["SN:"]: entry["M5:"] for entry in entries if "SN:" in entry and "M5:" in entry}


def _along(strand: Strand, counts: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the counts in the order in which the bases of ``strand`` are read."""
    return counts[::-1].copy() if strand is Strand.REVERSE else counts
