"""A variant and a genome to two windows of tokens that differ by nothing but the variant.

The ALT window is an exact slice of the changed contig: as long as the REF window, from the same first
base, with real flank behind a deletion and N only beyond the ends of the contig. Everything here is a
pure function of (contig, position, alleles, options).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.genome.alphabet import reverse_complement
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.genome.variant import Variant, normalize
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.tokenizers.nucleotide import LAST_BASE, NucleotideTokenizer

_TOKENIZER = NucleotideTokenizer()


class WindowKey(NamedTuple):
    """What identifies a REF window: variants with the same key share it."""

    contig: str
    """Name of the contig."""
    strand: Strand
    """Strand on which the window is read."""
    start: int
    """First base along that strand; it may lie before the contig."""


class AlleleWindows(NamedTuple):
    """The two windows of one variant on one strand."""

    key: WindowKey
    """Where the windows begin."""
    ref: NDArray[np.uint8]
    """Tokens of the genome, one window."""
    alt: NDArray[np.uint8]
    """Tokens of the changed genome, one window."""
    first: int
    """Index in the window of the first base that differs."""
    scored: NDArray[np.bool_]
    """Over the horizon from ``first`` on: whether both windows have an A, C, G or T there."""
    num_substituted: int | None
    """Bases that are replaced, for alleles of equal length that the horizon holds; else None."""
    padded: bool
    """Whether a window reaches beyond the contig."""

    @property
    def n_fraction(self) -> float:
        """Share of N in the REF window."""
        return float((self.ref > LAST_BASE).mean())


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


def allele_windows(contig: OrientedContig, variant: Variant, placement: Placement) -> AlleleWindows | None:
    """Return the REF and the ALT window of ``variant`` along the strand of ``contig``.

    Args:
        contig: The contig of the variant, along the strand on which it is scored.
        variant: On the forward strand; its REF is that of the genome. Any spelling gives the same.
        placement: Where the window lies.

    Returns:
        The windows, or None where more bases are deleted than a window holds.
    """
    variant = normalize(contig.orient(variant), contig.fetch)
    window = placement.window
    if len(variant.ref) > window:
        return None
    start = placement.window_start(variant.position, contig.strand)
    first = variant.position - start
    stretch = contig.tokens(start, start + window + len(variant.ref))
    ref = stretch[:window]
    inserted = _TOKENIZER.encode(variant.alt)
    alt = np.concatenate([ref[:first], inserted, stretch[first + len(variant.ref) :]])[:window]
    horizon = slice(first, first + placement.horizon)
    equal_length = len(variant.ref) == len(variant.alt) <= placement.horizon
    return AlleleWindows(
        key=WindowKey(contig.contig, contig.strand, start),
        ref=ref,
        alt=alt,
        first=first,
        scored=(ref[horizon] <= LAST_BASE) & (alt[horizon] <= LAST_BASE),
        num_substituted=len(variant.ref) if equal_length else None,
        padded=start < 0 or start + window + max(0, -variant.length_change) > contig.length,
    )
