"""A window of a genome with a variant in it and without, along either strand.

In: a genome, a variant and a place. Out: two windows of tokens that differ by nothing but the variant. The
ALT window is an exact slice of the changed contig: as long as the REF window, from the same first base, with
real flank behind a deletion and N only beyond the ends of the contig.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.genome.alphabet import reverse_complement
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer

_TOKENIZER = NucleotideTokenizer()


class AllelePair(NamedTuple):
    """The tokens of one window."""

    ref: NDArray[np.uint8]
    """Of the genome."""
    alt: NDArray[np.uint8]
    """Of the changed genome."""


class OrientedContig:
    """A contig as it reads along one strand, counted from 0 at the start of that strand."""

    def __init__(self, genome: Genome, contig: str, strand: Strand) -> None:
        self.genome = genome
        self.contig = contig
        self.strand = strand
        self.length = genome.contigs[contig]

    def tokens(self, start: int, end: int) -> NDArray[np.uint8]:
        """Return the tokens of ``[start, end)`` along the strand, N beyond the ends."""
        return self.genome.tokens(self._forward(start, end))

    def fetch(self, start: int, end: int) -> str:
        """Return the bases of ``[start, end)`` along the strand, N beyond the ends."""
        return self.genome.fetch(self._forward(start, end))

    def orient(self, variant: Variant) -> Variant:
        """Return ``variant``, given on the forward strand, as it reads along this one."""
        if self.strand is Strand.FORWARD:
            return variant
        return Variant(
            self.contig,
            self.length - variant.end,
            reverse_complement(variant.ref),
            reverse_complement(variant.alt),
        )

    def _forward(self, start: int, end: int) -> Interval:
        if self.strand is Strand.FORWARD:
            return Interval(self.contig, start, end)
        return Interval(self.contig, self.length - end, self.length - start, Strand.REVERSE)


def changed_window(contig: OrientedContig, variant: Variant, start: int, length: int) -> AllelePair:
    """Return the window from ``start`` on, without and with a variant.

    Args:
        contig: A contig along the strand that is read.
        variant: Along that strand, its REF whole in the window.
        start: First base of the window along that strand; it may lie before the contig.
        length: Bases of the window.
    """
    first = variant.position - start
    stretch = contig.tokens(start, start + length + len(variant.ref))
    ref, inserted = stretch[:length], _TOKENIZER.encode(variant.alt)
    alt = np.concatenate([ref[:first], inserted, stretch[first + len(variant.ref) :]])[:length]
    return AllelePair(ref, alt)
