"""The CDS of a transcript on its contig: from positions of the genome to what the ribosome reads.

In: a coding transcript and the bases of its contig. Out: its :class:`ReadingFrame`, and what a variant does
to it.

Where the CDS leaves out bases of an exon or reads some twice, as where a ribosome slips, nothing but
``coding_sequence_variant`` is said of a variant that changes those.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import accumulate

from hyenadna_kit.genome.alphabet import reverse_complement
from hyenadna_kit.genome.annotation import Transcript, hull, intersect
from hyenadna_kit.genome.consequence import Consequence
from hyenadna_kit.genome.genetic_code import GeneticCode
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.genome.reading_frame import CodingChange, ReadingFrame
from hyenadna_kit.genome.variant import Variant

FetchBases = Callable[[Interval], str]
"""Bases of an interval of the forward strand, with N beyond the ends of its contig."""

_BEHIND = 60
"""Bases behind a transcript that are read: behind a stop codon that is lost there may be another."""


class CodingPart:
    """A CDS, and what follows it on the transcript and behind it, as one stretch that is read."""

    def __init__(
        self, transcript: Transcript, exons: Sequence[Interval], *, code: GeneticCode, fetch: FetchBases
    ) -> None:
        """Lay out the CDS; its bases are read when they are asked for.

        Args:
            transcript: One with a CDS.
            exons: Its exons, ascending.
            code: How codons are translated.
            fetch: Gives the bases of its contig.
        """
        self._transcript = transcript
        self._code = code
        self._fetch = fetch
        self._is_forward = transcript.strand is Strand.FORWARD
        self.span = hull(transcript.cds)
        """From the first to the last base of the CDS."""
        self._parts = self._read_parts(exons)
        self._starts = [part.start for part in self._parts]
        self._offsets = [0, *accumulate(part.length for part in self._parts)]

    @cached_property
    def frame(self) -> ReadingFrame:
        """What is read."""
        contig = self.span.contig
        bases = "".join(self._fetch(Interval(contig, part.start, part.end)) for part in self._parts)
        return ReadingFrame(
            bases if self._is_forward else reverse_complement(bases),
            length=sum(part.length for part in self._transcript.cds),
            phase=self._transcript.cds_phase,
            code=self._code,
            is_partial=self._transcript.is_partial,
        )

    def consequence(self, variant: Variant) -> Consequence:
        """Return what a variant does that begins in the CDS, in reading order, and touches one exon."""
        place = self._place_of(variant)
        if place is None:
            return Consequence.CODING_SEQUENCE
        alleles = (variant.ref, variant.alt)
        ref, alt = alleles if self._is_forward else map(reverse_complement, alleles)
        return self.frame.consequence(CodingChange(*place, ref, alt))

    def _read_parts(self, exons: Sequence[Interval]) -> list[Interval]:
        """Return the CDS, the exons that follow it and some bases behind them, ascending."""
        cds, first, last = self._transcript.cds, exons[0].start, exons[-1].end
        if self._is_forward:
            tail = intersect(replace(self.span, start=self.span.end, end=last), exons)
            return [*cds, *tail, replace(self.span, start=last, end=last + _BEHIND)]
        tail = intersect(replace(self.span, start=first, end=self.span.start), exons)
        return [replace(self.span, start=first - _BEHIND, end=first), *tail, *cds]

    def _place_of(self, variant: Variant) -> tuple[int, int] | None:
        """Return which bases a variant replaces, as they are read; None where they are not read once each."""
        if not variant.ref:
            place = self._place_of_insertion(variant.position)
            return None if place is None else (place, place)
        one, other = self._place(variant.position), self._place(variant.end - 1)
        if one is None or other is None or abs(one - other) + 1 != len(variant.ref):
            return None
        return min(one, other), max(one, other) + 1

    def _place_of_insertion(self, position: int) -> int | None:
        """Return how many bases are read before what is inserted between a base and the one before it."""
        place, step = self._place(position), 0 if self._is_forward else 1
        if place is None:
            place, step = self._place(position - 1), 1 - step
        return None if place is None else place + step

    def _place(self, position: int) -> int | None:
        """Return how many bases are read before a base of the genome; None where it is not read once.

        What lies beyond the last part counts on.
        """
        part = max(0, bisect_right(self._starts, position) - 1)
        is_left_out = position >= self._parts[part].end and part + 1 < len(self._parts)
        if is_left_out or (part and position < self._parts[part - 1].end):
            return None
        before = self._offsets[part] + position - self._starts[part]
        return before if self._is_forward else self._offsets[-1] - 1 - before
