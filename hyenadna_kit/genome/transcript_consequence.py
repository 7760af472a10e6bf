"""What a variant does to one transcript.

In: a transcript, the bases of its contig, and a trimmed variant. Out: one :class:`Consequence`, or None where
the variant leaves the transcript alone.

An insertion lies between two bases, and touches what has bases on both sides of it. Between an exon and an
intron it lengthens the exon, for the splice site stays whole; between UTR and CDS it lengthens the UTR. A
variant that changes a splice site and an exon is one of the splice site; one that takes away the
beginning of a CDS is a start_lost, and one that takes away its end a stop_lost, whatever else they take away.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

from hyenadna_kit.genome.annotation import LONGEST_SLIP, Transcript, merge
from hyenadna_kit.genome.coding_part import CodingPart, FetchBases
from hyenadna_kit.genome.consequence import Consequence, most_severe
from hyenadna_kit.genome.genetic_code import GeneticCode
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.genome.variant import Variant

_SPLICE_SITE = 2
_REGION_OF_EXON, _REGION_OF_INTRON = 3, 8


class TranscriptConsequences:
    """One transcript, ready for any number of variants."""

    def __init__(self, transcript: Transcript, code: GeneticCode, fetch: FetchBases) -> None:
        """Prepare the exons; bases are read when a variant changes the CDS.

        Args:
            transcript: One without CDS where it is not to be translated.
            code: How its codons are translated.
            fetch: Gives the bases of its contig.
        """
        self._transcript = transcript
        self._code = code
        self._fetch = fetch
        self._is_forward = transcript.strand is Strand.FORWARD
        self._exons = merge([*transcript.exons, *transcript.cds], max_gap=LONGEST_SLIP)
        self._starts = [exon.start for exon in self._exons]
        self._ends = [exon.end for exon in self._exons]

    def of(self, variant: Variant) -> Consequence | None:
        """Return what a trimmed variant on the contig of the transcript does."""
        whole = self._transcript.interval
        if not _touches(variant, whole.start, whole.end):
            return None
        if variant.position <= whole.start and whole.end <= variant.end:
            return Consequence.TRANSCRIPT_ABLATION
        spliced = most_severe(self._of_splicing(variant))
        if spliced in (Consequence.SPLICE_ACCEPTOR, Consequence.SPLICE_DONOR):
            return spliced
        within = self._of_exon(variant) if self._is_in_exon(variant) else Consequence.INTRON
        return most_severe((spliced, within))

    def _of_splicing(self, variant: Variant) -> Iterator[Consequence]:
        at_start, at_end = Consequence.SPLICE_DONOR, Consequence.SPLICE_ACCEPTOR
        if not self._is_forward:
            at_start, at_end = at_end, at_start
        for start, end in self._introns_near(variant):
            if _touches(variant, start, start + _SPLICE_SITE):
                yield at_start
            if _touches(variant, end - _SPLICE_SITE, end):
                yield at_end
            borders = (
                (start - _REGION_OF_EXON, start + _REGION_OF_INTRON),
                (end - _REGION_OF_INTRON, end + _REGION_OF_EXON),
            )
            if any(_touches(variant, *border) for border in borders):
                yield Consequence.SPLICE_REGION

    def _introns_near(self, variant: Variant) -> Iterator[tuple[int, int]]:
        """Yield start and end of every intron that the variant may touch, splice regions in exons with it."""
        first = bisect_left(self._ends, variant.position - _REGION_OF_INTRON)
        last = bisect_right(self._starts, variant.end + _REGION_OF_INTRON)
        for left in range(max(0, first - 1), min(last, len(self._exons) - 1)):
            yield self._ends[left], self._starts[left + 1]

    def _is_in_exon(self, variant: Variant) -> bool:
        """Say whether the variant changes a base of an exon, or inserts some in it or beside it."""
        reach = 0 if variant.ref else 1
        exon = bisect_right(self._ends, variant.position - reach)
        return exon < len(self._exons) and self._starts[exon] < variant.end + reach

    def _of_exon(self, variant: Variant) -> Consequence:
        if not self._transcript.is_coding:
            return Consequence.NON_CODING_EXON
        span, ends = self._coding.span, (Consequence.FIVE_PRIME_UTR, Consequence.THREE_PRIME_UTR)
        if variant.end <= span.start:
            return ends[not self._is_forward]
        if variant.position >= span.end:
            return ends[self._is_forward]
        if len(variant.ref) == len(variant.alt):
            return self._coding.consequence(_within(variant, span))
        if variant.position < span.start if self._is_forward else variant.end > span.end:
            return self._of_change_across_start(variant)
        return self._coding.consequence(variant)

    def _of_change_across_start(self, variant: Variant) -> Consequence:
        """Return what a change of length does that takes in the beginning of the CDS and what is before."""
        span, frame = self._coding.span, self._coding.frame
        if frame.has_stop and variant.position <= span.start and span.end <= variant.end:
            return Consequence.STOP_LOST
        return Consequence.START_LOST if frame.has_start else Consequence.CODING_SEQUENCE

    @cached_property
    def _coding(self) -> CodingPart:
        return CodingPart(self._transcript, self._exons, code=self._code, fetch=self._fetch)


def _touches(variant: Variant, start: int, end: int) -> bool:
    """Say whether a variant changes a base of ``[start, end)``, or inserts some between two of them."""
    return variant.position < end and start < variant.end


def _within(variant: Variant, span: Interval) -> Variant:
    """Return what of a variant that keeps its length lies in ``span``."""
    first, last = max(variant.position, span.start), min(variant.end, span.end)
    bases = slice(first - variant.position, last - variant.position)
    return replace(variant, position=first, ref=variant.ref[bases], alt=variant.alt[bases])
