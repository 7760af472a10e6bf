"""Variants: what replaces what, and the one spelling that every equal change shares.

The same change can be spelled in many ways: ``CAAA>CAA`` deletes one A, and so does ``AA>A``
further right. :func:`normalize` brings all of them to one form, so that a score depends on the
haplotype and not on the caller that wrote the record.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from hyenadna_kit.errors import InputError

_SHIFT_BLOCK = 256
_FAR = 1 << 40
"""More bases than a contig has."""

FetchBases = Callable[[int, int], str]
"""``fetch(start, end)``: bases of the variant's contig in upper case, with N beyond its ends."""


@dataclass(frozen=True, slots=True)
class Variant:
    """The bases ``ref`` at ``position`` become ``alt``.

    Variant("chr1", 99, "C", "CTT")        VCF: chr1 100 C CTT
    Variant("chr1", 100, "", "TT")         the same, trimmed: TT goes in before base 100
    """

    contig: str
    """Name of the contig."""
    position: int
    """First base of ``ref``, counted from 0 on the forward strand."""
    ref: str
    """Reference allele; empty for a trimmed insertion."""
    alt: str
    """Alternative allele; empty for a trimmed deletion."""

    def __post_init__(self) -> None:
        if self.position < 0:
            raise InputError(f"variant position {self.position} lies before {self.contig} (0-based)")

    @property
    def end(self) -> int:
        """One past the last base of ``ref``."""
        return self.position + len(self.ref)

    @property
    def length_change(self) -> int:
        """Bases gained (positive) or lost (negative) on the contig."""
        return len(self.alt) - len(self.ref)


def trim(variant: Variant) -> Variant:
    """Remove the bases that both alleles share: the suffix first, then the prefix.

    CAG>CTG at 10  gives  A>T at 11        CA>C at 10  gives  A>"" at 11
    """
    ref, alt = variant.ref.upper(), variant.alt.upper()
    suffix = _common_prefix(ref[::-1], alt[::-1])
    ref, alt = ref[: len(ref) - suffix], alt[: len(alt) - suffix]
    prefix = _common_prefix(ref, alt)
    return replace(variant, position=variant.position + prefix, ref=ref[prefix:], alt=alt[prefix:])


def normalize(variant: Variant, fetch: FetchBases) -> Variant:
    """Return the trimmed, left-aligned form of ``variant``, equal for equal haplotypes.

    An insertion or deletion moves left as long as the base before it equals its last base.

    Source: Tan, Abecasis and Kang 2015, Unified representation of genetic variants,
    doi:10.1093/bioinformatics/btv112; here without the anchor base that a VCF has to add.
    """
    variant = trim(variant)
    allele = variant.ref or variant.alt
    if bool(variant.ref) == bool(variant.alt) or not allele:
        return variant
    shift = _left_shift(variant.position, allele, fetch)
    turn = -shift % len(allele)
    rotated = allele[turn:] + allele[:turn]
    ref, alt = (rotated, "") if variant.ref else ("", rotated)
    return replace(variant, position=variant.position - shift, ref=ref, alt=alt)


def right_aligned(variant: Variant, fetch: FetchBases) -> Variant:
    """Return the trimmed, right-aligned form of ``variant``, the other end of :func:`normalize`.

    An insertion or deletion moves right as long as the base behind it equals its first base.
    """
    variant = trim(variant)
    allele = variant.ref or variant.alt
    if bool(variant.ref) == bool(variant.alt) or not allele:
        return variant

    def fetch_mirrored(start: int, end: int) -> str:
        """Return bases of the contig as it reads backwards, with the end of the variant at ``_FAR``."""
        return fetch(variant.end + _FAR - end, variant.end + _FAR - start)[::-1]

    shift = _left_shift(_FAR, allele[::-1], fetch_mirrored)
    turn = shift % len(allele)
    rotated = allele[turn:] + allele[:turn]
    ref, alt = (rotated, "") if variant.ref else ("", rotated)
    return replace(variant, position=variant.position + shift, ref=ref, alt=alt)


def _left_shift(position: int, allele: str, fetch: FetchBases) -> int:
    """Return by how many bases the allele can move left without changing the haplotype."""
    shift = 0
    while position > shift:
        start = max(0, position - shift - _SHIFT_BLOCK)
        flank = fetch(start, position - shift)
        for base in reversed(flank):
            # After each step the allele turns by one: the base that enters on the left left on the right.
            if base != allele[-1 - shift % len(allele)]:
                return shift
            shift += 1
    return shift


def _common_prefix(one: str, other: str) -> int:
    length = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        length += 1
    return length
