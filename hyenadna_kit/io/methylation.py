"""Methylation labels: how many reads have a base modified, and how many unmodified, strand by strand.

In: alignments with MM and ML tags, as long-read base callers write them. Out: two counts for every
base of an interval on both of its strands, which are labels of a regression or, by a threshold on
:meth:`MethylationLabels.fractions`, of a classification.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
import pysam
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.alphabet import BASES, reverse_complement
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.bam import Bam
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.htslib import quiet
from hyenadna_kit.io.modified_bases import CODES, CalledBases, Unusable, called_bases
from hyenadna_kit.io.read_filter import ReadFilter

USED, ELSEWHERE = "used", "elsewhere"
"""Keys of the reads that were counted and of those that do not overlap, beside :class:`Unusable`."""

_READ_OPERATIONS, _REFERENCE_OPERATIONS, _ALIGNED_OPERATIONS = {0, 1, 4, 7, 8}, {0, 2, 3, 7, 8}, {0, 7, 8}


@dataclass(frozen=True, kw_only=True)
class MethylationCalling:
    """When a base of a read counts as modified or as unmodified."""

    codes: tuple[str, ...] = ("m",)
    """Modifications that are looked for, together: letters of the SAM tags or numbers of ChEBI."""
    base: str = "C"
    """The base that carries them; N for any."""
    min_modified: float = 0.8
    """A base is modified where the probabilities of ``codes`` sum to this or more."""
    max_unmodified: float = 0.2
    """A base is unmodified where those of all modifications of it sum to this or less, and none of
    ``codes`` is unknown there."""

    def __post_init__(self) -> None:
        if self.base not in (*BASES, "N"):
            raise InputError(f"base must be one of A, C, G, T and N, got {self.base!r}")
        if not self.codes or isinstance(self.codes, str):
            raise InputError(f"codes must be a tuple of one modification or more, got {self.codes!r}")
        if not 0 <= self.max_unmodified < self.min_modified <= 1:
            raise InputError(
                "expected 0 <= max_unmodified < min_modified <= 1, got "
                f"{self.max_unmodified} and {self.min_modified}"
            )

    @property
    def letters(self) -> tuple[str, ...]:
        """The codes, by letter where they have one."""
        return tuple(CODES.get(code, code) for code in self.codes)


@dataclass(frozen=True)
class MethylationLabels:
    """Counts for every base of an interval, along its strand.

    Row 0 is the strand on which the interval is read and row 1 the opposite one; both run along
    the interval, so that column ``i`` of either is a base of the pair at ``i``.
    """

    interval: Interval
    """Where."""
    modified: NDArray[np.int32]
    """Reads in which the base is modified; two rows."""
    unmodified: NDArray[np.int32]
    """Reads in which the base is unmodified; reads that are unsure count in neither."""
    reads: Counter[str] = field(default_factory=Counter)
    """How many reads were ``used``, and how many were not, by reason."""

    def fractions(self, min_reads: int = 1) -> NDArray[np.float32]:
        """Return the modified share of the sure reads; NaN where fewer than ``min_reads`` are sure.

        Raises:
            InputError: ``min_reads`` is not 1 or more.
        """
        if min_reads < 1:
            raise InputError(f"min_reads must be 1 or more, got {min_reads}")
        sure = self.modified + self.unmodified
        shares = np.full(sure.shape, np.nan, dtype=np.float32)
        np.divide(self.modified, sure, out=shares, where=sure >= min_reads, casting="same_kind")
        return shares

    def crop(self, start: int, end: int) -> "MethylationLabels":
        """Return the columns ``[start, end)``, counted along the interval."""
        whole = self.interval
        is_forward = whole.strand is Strand.FORWARD
        first, last = (start, end) if is_forward else (whole.length - end, whole.length - start)
        return replace(
            self,
            interval=replace(whole, start=whole.start + first, end=whole.start + last),
            modified=self.modified[:, start:end].copy(),
            unmodified=self.unmodified[:, start:end].copy(),
        )


def read_methylation(
    bam: Bam,
    interval: Interval,
    *,
    calling: MethylationCalling | None = None,
    read_filter: ReadFilter | None = None,
) -> MethylationLabels:
    """Return the labels of ``interval`` from the reads of ``bam``.

    Every base counts that reads have there, whether the reference has it or not, and the strands stay
    apart; see :func:`read_cpg_methylation`. Mates that overlap count each.

    Args:
        bam: Indexed.
        interval: Where; it may reach beyond the contig, where nothing is counted.
        calling: What counts as modified; the default is 5-methylcytosine.
        read_filter: Which reads count.

    Raises:
        InputError: There is no index, the file is damaged, or the tags of a read are garbled.
        ContigNotFoundError: The file has no such contig under any of its usual names.
    """
    contig = bam.names.resolve(interval.contig, str(bam.path))
    batches = bam.segments(interval, read_filter=read_filter)
    labels = count_methylation(
        chain.from_iterable(batches), replace(interval, contig=contig), calling, source=str(bam.path)
    )
    return replace(labels, interval=interval)


def read_cpg_methylation(
    bam: Bam,
    genome: Genome,
    interval: Interval,
    *,
    calling: MethylationCalling | None = None,
    read_filter: ReadFilter | None = None,
) -> MethylationLabels:
    """Return the labels of the CpGs of ``interval``, both strands added up.

    See :func:`collapse_cpg`. A CpG belongs to the interval that has its C; the G may lie behind its end.

    Args:
        bam: Indexed.
        genome: What the reads are aligned to.
        interval: Where.
        calling: What counts as modified; its base must be C.
        read_filter: Which reads count.

    Raises:
        InputError: See :func:`read_methylation`; or the base is not C.
        ContigNotFoundError: The file or the genome has no such contig under any of its usual names.
    """
    if calling is not None and calling.base != "C":
        raise InputError(f"CpGs are methylated at C, got the base {calling.base!r}")
    wider = replace(interval, start=interval.start - 1, end=interval.end + 1)
    labels = read_methylation(bam, wider, calling=calling, read_filter=read_filter)
    return collapse_cpg(labels, genome.fetch(wider)).crop(1, 1 + interval.length)


def collapse_cpg(labels: MethylationLabels, bases: str) -> MethylationLabels:
    """Add up the two Cs of every CpG at its first base, row 0, and leave 0 everywhere else.

    Args:
        labels: Of both strands.
        bases: Of the reference on the strand of the interval, in either case. A CpG of which
            ``bases`` ends in the middle does not count.

    Raises:
        InputError: ``bases`` is not as long as the interval.
    """
    if len(bases) != labels.interval.length:
        raise InputError(f"{labels.interval.region} has {labels.interval.length} bp, got {len(bases)} bases")
    letters = np.frombuffer(bases.upper().encode(), dtype=np.uint8)
    places = np.flatnonzero((letters[:-1] == ord("C")) & (letters[1:] == ord("G")))

    def collapsed(counts: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the sums."""
        sums = np.zeros_like(counts)
        sums[0, places] = counts[0, places] + counts[1, places + 1]
        return sums

    return replace(labels, modified=collapsed(labels.modified), unmodified=collapsed(labels.unmodified))


def count_methylation(
    segments: Iterable[pysam.AlignedSegment],
    interval: Interval,
    calling: MethylationCalling | None = None,
    *,
    source: str = "alignments",
) -> MethylationLabels:
    """Return the labels of ``interval`` from alignments, however they were come by.

    Args:
        segments: In any order; those that do not overlap are only counted.
        interval: Its contig is named as the alignments name it.
        calling: What counts as modified; the default is 5-methylcytosine.
        source: What the alignments are called in an error, usually a path.

    Raises:
        InputError: The tags of a read are garbled.
    """
    calling = calling or MethylationCalling()
    counts = np.zeros((2, 2, interval.length), dtype=np.int32)
    reads: Counter[str] = Counter()
    for segment in segments:
        with quiet():
            called = called_bases(segment, source)
        if isinstance(called, Unusable):
            reads[called] += 1
        elif segment.reference_name != interval.contig or not segment.get_overlap(
            max(interval.start, 0), max(interval.end, 0)
        ):
            reads[ELSEWHERE] += 1
        else:
            reads[USED] += 1
            _add(segment, called, calling, interval, counts)
    if interval.strand is Strand.REVERSE:
        counts = counts[:, ::-1, ::-1].copy()
    return MethylationLabels(interval, counts[0], counts[1], reads)


def _add(
    segment: pysam.AlignedSegment,
    called: list[CalledBases],
    calling: MethylationCalling,
    interval: Interval,
    counts: NDArray[np.int32],
) -> None:
    """Add one read to ``counts``: modified and unmodified, forward and reverse strand, position."""
    positions = _reference_positions(segment)
    is_inside = (positions >= max(interval.start, 0)) & (positions < interval.end)
    for is_opposite in (False, True):
        on_strand = [each for each in called if each.is_opposite is is_opposite]
        row = int(segment.is_reverse != is_opposite)
        for kind, verdict in enumerate(_verdicts(segment, on_strand, calling)):
            counts[kind, row, positions[verdict & is_inside] - interval.start] += 1


def _verdicts(
    segment: pysam.AlignedSegment, called: list[CalledBases], calling: MethylationCalling
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say of every base of a read whether it is modified, and whether it is unmodified."""
    carries = _carriers(segment, called, calling)
    wanted, total = np.zeros((2, carries.size), dtype=np.float32)
    is_known, is_unsure = np.zeros((2, carries.size), dtype=np.bool_)
    for each in called:
        is_carrier = carries[each.positions]
        positions, probabilities = each.positions[is_carrier], each.probabilities[is_carrier]
        known = ~np.isnan(probabilities)
        total[positions[known]] += probabilities[known]
        if each.code in calling.letters:
            wanted[positions[known]] += probabilities[known]
            is_known[positions[known]] = True
            is_unsure[positions[~known]] = True
    is_unmodified = is_known & ~is_unsure & (total <= calling.max_unmodified)
    return wanted >= calling.min_modified, is_unmodified


def _carriers(
    segment: pysam.AlignedSegment, called: list[CalledBases], calling: MethylationCalling
) -> NDArray[np.bool_]:
    """Say which bases of a read are the base that the modifications are looked for on."""
    stored = np.frombuffer((segment.query_sequence or "").encode(), dtype=np.uint8)
    if calling.base == "N" or not called:
        return np.ones(stored.size, dtype=np.bool_)
    is_complement = segment.is_reverse != called[0].is_opposite
    return stored == ord(reverse_complement(calling.base) if is_complement else calling.base)


def _reference_positions(segment: pysam.AlignedSegment) -> NDArray[np.int64]:
    """Return where each base of a read lies on the reference; -1 for those that are not aligned."""
    positions = np.full(segment.query_length, -1, dtype=np.int64)
    place, position = 0, segment.reference_start
    for operation, length in segment.cigartuples or ():
        if operation in _ALIGNED_OPERATIONS:
            positions[place : place + length] = np.arange(position, position + length)
        place += length if operation in _READ_OPERATIONS else 0
        position += length if operation in _REFERENCE_OPERATIONS else 0
    return positions
