"""Genes and transcripts as values: where a genome is transcribed, spliced and translated.

All coordinates are those of :class:`Interval`: 0-based, half-open, on the forward strand, with the
strand of transcription in the interval. Exons and coding segments are listed in ascending order on
either strand; what depends on the direction of reading (``tss``, ``cds_phase``) says so.

On a circular contig a feature that crosses the origin has an end beyond the length of the contig, as
GFF3 writes it; :func:`fold_circular` gives its pieces on the contig.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand

LONGEST_SLIP = 9
"""Most bases between two segments that are no intron: the ribosome changes its frame there. The shortest
introns known have 15 bp (Slabodnick et al. 2017, doi:10.1016/j.cub.2016.12.057)."""

_PSEUDO = "pseudogen"


@dataclass(frozen=True, slots=True)
class Transcript:
    """One RNA: its exons, and the part of them that is translated.

    Transcript("t", "g", Interval("c", 10, 40), exons=([10, 20), [30, 40)), cds=([15, 20), [30, 33)))
        introns  ([20, 30),)        tss  10, or 39 on the reverse strand
    """

    name: str
    """Identifier in the file; unique there unless the file itself repeats it."""
    gene: str
    """Name of the gene."""
    interval: Interval
    """From the first to the last transcribed base, with the strand."""
    exons: tuple[Interval, ...]
    """At least one, ascending, without overlap."""
    cds: tuple[Interval, ...] = ()
    """Translated segments with the stop codon, ascending; empty for non-coding RNA. Two of them may share
    bases where the ribosome slips back."""
    kind: str = "transcript"
    """Type that the file gives: ``mRNA``, ``tRNA``, or ``CDS`` where it has nothing above the CDS."""
    biotype: str = ""
    """Biotype that the file gives, such as ``protein_coding``; empty where it gives none."""
    cds_phase: int = 0
    """Bases of ``cds`` before its first whole codon, in the direction of reading: 0, 1 or 2."""
    has_strand: bool = True
    """False where the file gives no strand; such a transcript is treated as forward."""
    is_partial: bool = False
    """Whether the file says that an end of it is not known."""
    genetic_code: int | None = None
    """Number of the NCBI table by which ``cds`` is translated; None where the file names none."""

    def __post_init__(self) -> None:
        if not self.exons:
            raise InputError(f"transcript {self.name!r} at {self.interval.region} has no exon")
        for part in (*self.exons, *self.cds):
            if not self.interval.contains(part) or part.strand is not self.strand or not part.length:
                raise InputError(
                    f"transcript {self.name!r}: {part.region} ({part.strand.value}) does not lie within "
                    f"{self.interval.region} ({self.strand.value}), or holds no base"
                )
        if any(one.end > following.start for one, following in pairwise(self.exons)):
            raise InputError(f"transcript {self.name!r} at {self.interval.region}: exons overlap or descend")
        if any(one.start > following.start for one, following in pairwise(self.cds)):
            raise InputError(f"transcript {self.name!r} at {self.interval.region}: CDS segments descend")

    @property
    def strand(self) -> Strand:
        """Strand of transcription."""
        return self.interval.strand

    @property
    def tss(self) -> int:
        """The first transcribed base, from 0: the last of the interval on the reverse strand."""
        return self.interval.start if self.strand is Strand.FORWARD else self.interval.end - 1

    @property
    def introns(self) -> tuple[Interval, ...]:
        """What lies between neighbouring exons, ascending; exons that touch have none between them."""
        return tuple(
            replace(one, start=one.end, end=following.start)
            for one, following in pairwise(self.exons)
            if one.end < following.start
        )

    @property
    def is_coding(self) -> bool:
        """Whether a part of it is translated."""
        return bool(self.cds)


@dataclass(frozen=True, slots=True)
class Gene:
    """A gene and its transcripts."""

    name: str
    """Identifier in the file."""
    interval: Interval
    """From its first to its last base, with the strand."""
    transcripts: tuple[Transcript, ...] = ()
    """In the order of the file; empty where the file names the gene alone."""
    symbol: str = ""
    """The name that people use (``thrL``); empty where the file gives none."""
    biotype: str = ""
    """Biotype that the file gives, or ``pseudogene`` and its like from the type of the line."""


def is_pseudogenic(gene: Gene, transcript: Transcript) -> bool:
    """Say whether the file calls the transcript or its gene a pseudogene, of whatever kind."""
    return any(_PSEUDO in name for name in (gene.biotype, transcript.biotype, transcript.kind))


@dataclass(frozen=True, slots=True)
class Annotation:
    """The genes of one file, in its order."""

    genes: tuple[Gene, ...]
    """Every gene; a transcript that the file puts in no gene is in one of its own."""
    left_out: tuple[str, ...] = ()
    """One line for each feature that no transcript can be made of, as one spliced from both strands."""

    @property
    def transcripts(self) -> tuple[Transcript, ...]:
        """All transcripts, gene by gene."""
        return tuple(transcript for gene in self.genes for transcript in gene.transcripts)


def merge(intervals: Sequence[Interval], *, max_gap: int = 0) -> tuple[Interval, ...]:
    """Return the union of intervals of one contig and strand, ascending.

    merge([[5, 9), [0, 5), [11, 12)])  ==  [[0, 9), [11, 12)]

    Args:
        intervals: Any number, in any order; contig and strand are taken from the first.
        max_gap: Two of them with at most this many bases between them become one.
    """
    merged: list[Interval] = []
    for interval in sorted(intervals, key=lambda part: part.start):
        if merged and interval.start - merged[-1].end <= max_gap:
            merged[-1] = replace(merged[-1], end=max(merged[-1].end, interval.end))
        else:
            merged.append(interval)
    return tuple(merged)


def hull(intervals: Sequence[Interval]) -> Interval:
    """Return the smallest interval that holds them all, on the contig and strand of the first."""
    start, end = min(part.start for part in intervals), max(part.end for part in intervals)
    return replace(intervals[0], start=start, end=end)


def intersect(interval: Interval, parts: Sequence[Interval]) -> tuple[Interval, ...]:
    """Return what of each part lies inside ``interval``, in the order of the parts.

    intersect([3, 12), [[0, 5), [6, 8), [20, 30)])  ==  [[3, 5), [6, 8)]
    """
    return tuple(
        replace(part, start=max(part.start, interval.start), end=min(part.end, interval.end))
        for part in parts
        if part.overlaps(interval)
    )


def fold_circular(interval: Interval, length: int) -> tuple[Interval, ...]:
    """Return the pieces of ``interval`` on a circular contig of ``length`` bp, in its order.

    fold_circular([95, 103), 100)  ==  [[95, 100), [0, 3)]

    Raises:
        InputError: The interval goes round the contig more than once.
    """
    if interval.length > length:
        raise InputError(f"{interval.region} goes more than once round a circle of {length} bp")
    start = interval.start % length if length else 0
    end = start + interval.length
    if end <= length:
        return (replace(interval, start=start, end=end),)
    return (replace(interval, start=start, end=length), replace(interval, start=0, end=end - length))
