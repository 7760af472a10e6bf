"""A variant and a genome to two windows of tokens that differ by nothing but the variant.

The ALT window is an exact slice of the changed contig: as long as the REF window, from the same first
base, with real flank behind a deletion and N only beyond the ends of the contig. Everything here is a
pure function of (contig, position, alleles, options).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.genome.variant import Variant, normalize
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.tokenizers.nucleotide import LAST_BASE
from hyenadna_kit.windows.alleles import OrientedContig, changed_window


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
    ref, alt = changed_window(contig, variant, start, window)
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
