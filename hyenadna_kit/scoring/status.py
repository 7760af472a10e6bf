"""Why an ALT was scored or not: one status an ALT, decided from the record and the genome alone."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, NamedTuple

from hyenadna_kit.genome.alphabet import is_unambiguous
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.vcf import allele_kind

MismatchPolicy = Literal["skip", "error", "swap"]


class Status(StrEnum):
    """What became of an ALT; PASS and EDGE_PADDED carry scores."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    """Scored."""
    EDGE_PADDED = "EDGE_PADDED"
    """Scored; the window reaches beyond the contig and N stands there."""
    REF_MISMATCH = "REF_MISMATCH"
    """REF is not what the genome has there. With the policy ``swap``, ALT is, and it was scored."""
    NO_CONTIG = "NO_CONTIG"
    """The genome has no such contig."""
    SYMBOLIC = "SYMBOLIC"
    """``<DEL>`` and its like, or a breakend."""
    STAR = "STAR"
    """``*``: the allele is deleted by another record."""
    NO_ALT = "NO_ALT"
    """ALT is ``.``."""
    NON_ACGT = "NON_ACGT"
    """REF or ALT holds another letter than A, C, G and T."""
    TOO_LONG = "TOO_LONG"
    """More bases are deleted than a window holds."""
    N_WINDOW = "N_WINDOW"
    """The genome has only N where the likelihoods would be summed."""
    NAN = "NAN"
    """The model gave no number."""
    FILTERED = "FILTERED"
    """The record's FILTER is none of those that are asked for."""
    NOT_IN_TABLE = "NOT_IN_TABLE"
    """Scores are looked up, and the table has none: more than one base changes, or it lies outside."""


class Site(NamedTuple):
    """What a score depends on of a record: nothing else of it is looked at."""

    contig: str
    """Name of the contig, as the file spells it."""
    position: int
    """First base of ``ref``, from 0; -1 for the telomere."""
    ref: str
    """Reference allele."""
    alts: tuple[str, ...]
    """Alternative alleles; empty where there is none."""
    is_included: bool = True
    """Whether it is to be scored at all."""


class Allele(NamedTuple):
    """One ALT of a site: what is to be scored, or why it cannot be."""

    status: Status
    """PASS where it can be scored."""
    variant: Variant | None = None
    """The change from the genome, under the genome's contig name."""
    sign: int = 1
    """-1 where the genome has ALT and the score is that of the swapped alleles, negated."""


_UNSCORED_KINDS: Mapping[str, Status] = {
    "missing": Status.NO_ALT,
    "star": Status.STAR,
    "symbolic": Status.SYMBOLIC,
}


def examine(site: Site, genome: Genome, policy: MismatchPolicy) -> list[Allele]:
    """Say of every ALT of a site whether it can be scored.

    REF is compared whole and before anything is trimmed, ignoring case.

    Args:
        site: A record.
        genome: Where its REF must be found.
        policy: What becomes of a REF that the genome does not have: with ``swap``, an ALT that it
            has is scored the other way round. ``error`` is for the caller to raise.
    """
    if not site.is_included:
        return [Allele(Status.FILTERED)] * len(site.alts)
    contig = genome.names.find(site.contig)
    return [_examine(site, alt, contig, genome, policy) for alt in site.alts]


def _examine(site: Site, alt: str, contig: str | None, genome: Genome, policy: MismatchPolicy) -> Allele:
    kind = allele_kind(alt)
    if kind in _UNSCORED_KINDS:
        return Allele(_UNSCORED_KINDS[kind])
    if contig is None:
        return Allele(Status.NO_CONTIG)
    if not (is_unambiguous(site.ref) and is_unambiguous(alt)):
        return Allele(Status.NON_ACGT)
    if _matches(site.ref, contig, site.position, genome):
        return Allele(Status.PASS, Variant(contig, site.position, site.ref.upper(), alt.upper()))
    if policy == "swap" and _matches(alt, contig, site.position, genome):
        swapped = Variant(contig, site.position, alt.upper(), site.ref.upper())
        return Allele(Status.REF_MISMATCH, swapped, sign=-1)
    return Allele(Status.REF_MISMATCH)


def _matches(allele: str, contig: str, position: int, genome: Genome) -> bool:
    if position < 0:
        return False
    return genome.fetch(Interval(contig, position, position + len(allele))) == allele.upper()
