"""What variants do to the genes of a genome: one consequence each, the most severe over all transcripts.

In: an annotation, the genome it lies on, and variants in any spelling. Out: a :class:`Consequence` each.

Spellings of one change have one consequence. An insertion or deletion that can be written at several places
is looked at where it is furthest left and furthest right, and of the two the one counts that does less
to a transcript: what one spelling leaves as it is, the changed genome still has. Places between
those two are not tried, nor are other spellings of a variant that replaces bases by more or fewer others.

Each variant is taken by itself, on the genome: two in one codon are two changes of the genome's codon.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.annotation import Annotation, Gene, Transcript, fold_circular, is_pseudogenic
from hyenadna_kit.genome.consequence import Consequence, least_severe, most_severe
from hyenadna_kit.genome.contigs import ContigNames
from hyenadna_kit.genome.genetic_code import STANDARD_CODE, GeneticCode
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.genome.transcript_consequence import TranscriptConsequences
from hyenadna_kit.genome.variant import Variant, normalize, right_aligned, trim

_NUM_READY = 1024
"""Transcripts whose exons and bases are kept: more than lie at one place."""


@runtime_checkable
class ReferenceBases(Protocol):
    """What is asked of a genome."""

    @property
    def contigs(self) -> Mapping[str, int]:
        """Length of each contig in bp."""

    @property
    def names(self) -> ContigNames:
        """The contigs under their usual names."""

    def fetch(self, interval: Interval) -> str:
        """Return the bases (ACGTN) of an interval, N beyond the ends of its contig."""


class ConsequenceFinder:
    """The transcripts of a genome, to look variants up in.

    Transcripts of pseudogenes have exons and introns but no CDS here, and a gene without transcripts is one
    exon. A gene that crosses the end of its contig, which is circular then, is found at the start too.
    """

    def __init__(
        self,
        annotation: Annotation,
        genome: ReferenceBases,
        *,
        codes: Mapping[int, GeneticCode],
        default_code: int = STANDARD_CODE,
    ) -> None:
        """Sort the transcripts.

        Args:
            annotation: Genes on contigs of the genome, under its names.
            genome: The bases.
            codes: Genetic codes by number.
            default_code: Number of that of the transcripts for which the annotation names none.

        Raises:
            InputError: There is no such code.
        """
        self._codes = codes
        self._default_code = default_code
        self._code(default_code)
        self._genome = genome
        by_contig: dict[str, list[Transcript]] = {}
        for gene in annotation.genes:
            by_contig.setdefault(gene.interval.contig, []).extend(_transcripts(gene))
        self._contigs = {
            contig: _TranscriptIndex(transcripts, genome.contigs[contig])
            for contig, transcripts in by_contig.items()
        }
        self._ready = lru_cache(_NUM_READY)(self._prepare)

    def find(self, variant: Variant) -> Consequence:
        """Return what a variant does.

        Raises:
            ContigNotFoundError: The genome has no such contig.
            InputError: The annotation names a genetic code that there is not.
        """
        contig = self._genome.names.resolve(variant.contig, "the genome of the consequences")
        spellings = self._spellings(replace(variant, contig=contig))
        if not spellings:
            return Consequence.UNKNOWN
        index = self._contigs.get(contig)
        if index is None:
            return Consequence.INTERGENIC
        return most_severe(self._of_transcripts(index, contig, spellings))

    def _spellings(self, variant: Variant) -> tuple[Variant, ...]:
        """Return the trimmed forms of a variant that are looked at; none where it is none of the genome."""
        change = trim(variant)
        if len(change.ref) == len(change.alt):
            # Not compared with the genome: a REF that a swapped ALT is scored against is as good.
            return (change,) if change.ref else ()

        def fetch(start: int, end: int) -> str:
            """Return bases of the contig of the variant."""
            return self._genome.fetch(Interval(change.contig, start, end))

        if fetch(change.position, change.end) != change.ref:
            return ()
        return tuple(dict.fromkeys((normalize(change, fetch), right_aligned(change, fetch))))

    def _of_transcripts(
        self, index: "_TranscriptIndex", contig: str, spellings: Sequence[Variant]
    ) -> Iterator[Consequence]:
        for offset in (0, index.length) if index.is_circular else (0,):
            moved = [replace(each, position=each.position + offset) for each in spellings]
            for number in index.overlapping(moved[0].position, moved[-1].end):
                found = [self._ready(contig, number).of(each) for each in moved]
                known = [each for each in found if each is not None]
                if len(known) == len(found):
                    yield least_severe(known)

    def _prepare(self, contig: str, number: int) -> TranscriptConsequences:
        transcript = self._contigs[contig].transcripts[number]
        code = self._default_code if transcript.genetic_code is None else transcript.genetic_code
        return TranscriptConsequences(transcript, self._code(code), self._fetch)

    def _code(self, number: int) -> GeneticCode:
        if number not in self._codes:
            known = ", ".join(map(str, sorted(self._codes)))
            raise InputError(f"genetic code {number} is none of those known; give one of {known}")
        return self._codes[number]

    def _fetch(self, interval: Interval) -> str:
        """Return bases, on from the start of a circular contig where they reach beyond its end."""
        index = self._contigs[interval.contig]
        if index.is_circular and interval.end > index.length:
            return "".join(map(self._genome.fetch, fold_circular(interval, index.length)))
        return self._genome.fetch(interval)


class _TranscriptIndex:
    """The transcripts of a contig by where they lie."""

    def __init__(self, transcripts: Sequence[Transcript], length: int) -> None:
        self.transcripts = sorted(transcripts, key=lambda each: each.interval.start)
        self.length = length
        self._starts = np.array([each.interval.start for each in self.transcripts], dtype=np.int64)
        self._ends = np.array([each.interval.end for each in self.transcripts], dtype=np.int64)
        # How far those that begin no later reach: it ascends, and can be searched.
        self._reached: NDArray[np.int64] = np.maximum.accumulate(self._ends)

    @property
    def is_circular(self) -> bool:
        """Whether a transcript goes on beyond the end of the contig."""
        return bool(self._reached[-1] > self.length)

    def overlapping(self, start: int, end: int) -> list[int]:
        """Return the numbers of the transcripts that hold a base of a stretch, or a place between two."""
        first = int(self._reached.searchsorted(start, side="right"))
        last = int(self._starts.searchsorted(end, side="left"))
        return (first + np.flatnonzero(self._ends[first:last] > start)).tolist()


def _transcripts(gene: Gene) -> list[Transcript]:
    """Return the transcripts of a gene, with the CDS of those alone that are translated."""
    if not gene.transcripts:
        return [Transcript(gene.name, gene.name, gene.interval, exons=(gene.interval,))]
    return [replace(each, cds=()) if is_pseudogenic(gene, each) else each for each in gene.transcripts]
