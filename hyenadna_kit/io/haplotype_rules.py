"""Which allele of a record a haplotype or a consensus takes.

In: the ALT alleles of a record and the genotype of a sample. Out: the allele, or why there is none.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.genotypes import Genotype
from hyenadna_kit.io.vcf import allele_kind

UnphasedPolicy = Literal["refuse", "reference", "alternative", "iupac"]
PhaseSetPolicy = Literal["refuse", "join"]
OverlapPolicy = Literal["skip", "error"]

_MEANINGS = {
    "R": "AG",
    "Y": "CT",
    "S": "CG",
    "W": "AT",
    "K": "GT",
    "M": "AC",
    "B": "CGT",
    "D": "AGT",
    "H": "ACT",
    "V": "ACG",
    "N": "ACGT",
}
_CODES = {frozenset(bases): code for code, bases in _MEANINGS.items()}


class Outcome(StrEnum):
    """What became of a record; only APPLIED changes the sequence."""

    APPLIED = "applied"
    """Its allele is in the sequence."""
    REFERENCE = "reference"
    """The haplotype has REF."""
    UNPHASED = "unphased"
    """Heterozygous and unphased, and left as the reference has it because the rules say so."""
    MISSING = "missing"
    """The sample has no genotype, or the allele of this haplotype is missing."""
    NO_HAPLOTYPE = "no_haplotype"
    """The genotype has fewer alleles than the number of the haplotype, as on one X of a male."""
    NO_ALT = "no_alt"
    """ALT is ``.``."""
    SYMBOLIC = "symbolic"
    """The allele is ``<DEL>`` or its like, or a breakend: it does not say its bases."""
    STAR = "star"
    """The allele is ``*``: deleted by another record."""
    OVERLAP = "overlap"
    """It begins within the REF of a record that is applied already."""
    FILTERED = "filtered"
    """FILTER is none of those that were asked for."""
    NO_CONTIG = "no_contig"
    """The genome has no such contig."""
    TELOMERE = "telomere"
    """POS is 0: it lies before the contig."""


@dataclass(frozen=True, kw_only=True)
class HaplotypeRules:
    """Which variants of a file go into a sequence."""

    haplotype: int | None = None
    """Number of the haplotype, from 1. None: a consensus, of the first ALT of every record, or, where a
    sample is named, of the first ALT in its genotype, heterozygous or not."""
    sample: str | None = None
    """Whose genotypes are used. A haplotype of the only sample of a file needs no name."""
    unphased: UnphasedPolicy = "refuse"
    """A heterozygous genotype without phase: an error; the reference; its first ALT; or the code of its
    bases (single bases, else the reference). Of no effect on a consensus."""
    phase_sets: PhaseSetPolicy = "refuse"
    """Heterozygous genotypes of several phase sets on one contig: an error, or taken as one set."""
    overlaps: OverlapPolicy = "skip"
    """A record that begins within the REF of an applied one: left out and counted, or an error."""
    filters: tuple[str, ...] = ()
    """FILTER values of the records that count, ``.`` for none at all; empty: every record counts."""

    def __post_init__(self) -> None:
        if self.haplotype is not None and self.haplotype < 1:
            raise InputError(f"haplotype must be 1 or more, got {self.haplotype}")

    @property
    def needs_genotypes(self) -> bool:
        """Whether a sample decides what is applied."""
        return self.haplotype is not None or self.sample is not None

    def passes(self, filters: tuple[str, ...]) -> bool:
        """Say whether a record with these FILTER entries counts."""
        return not self.filters or not set(self.filters).isdisjoint(filters or (".",))


class Choice(NamedTuple):
    """What a record contributes."""

    outcome: Outcome
    """APPLIED where there is an allele to apply."""
    alt: str = ""
    """The allele."""


class UnphasedError(Exception):
    """A genotype is heterozygous and unphased, and the rules refuse that."""


def first_alt(alts: tuple[str, ...]) -> Choice:
    """Return the first ALT of a record, whatever its genotypes are."""
    return _checked_kind(alts[0]) if alts else Choice(Outcome.NO_ALT)


def choose(genotype: Genotype, ref: str, alts: tuple[str, ...], rules: HaplotypeRules) -> Choice:
    """Return the allele that the haplotype or the consensus of a sample takes.

    Raises:
        UnphasedError: The genotype is heterozygous and unphased, and the rules say ``refuse``.
    """
    alleles, number = genotype.alleles, rules.haplotype
    if number is None:
        return _numbered(_first_alt(alleles), alts)
    if alleles and number > len(alleles):
        return Choice(Outcome.NO_HAPLOTYPE)
    if genotype.is_heterozygous and not genotype.is_phased:
        return _unphased(alleles, (ref, *alts), rules.unphased)
    return _numbered(alleles[number - 1] if alleles else None, alts)


def _unphased(numbers: tuple[int | None, ...], alleles: tuple[str, ...], policy: UnphasedPolicy) -> Choice:
    alternative = _first_alt(numbers)
    if alternative is None or policy == "alternative":
        return _numbered(alternative, alleles[1:])
    if policy == "refuse":
        raise UnphasedError
    bases = frozenset("" if number is None else alleles[number].upper() for number in numbers)
    if policy == "iupac" and bases in _CODES:
        return Choice(Outcome.APPLIED, _CODES[bases])
    return Choice(Outcome.UNPHASED)


def _first_alt(numbers: tuple[int | None, ...]) -> int | None:
    """Return the first number of an ALT; without one 0 where all alleles are known, else None."""
    return next(filter(None, numbers), 0 if numbers and None not in numbers else None)


def _numbered(number: int | None, alts: tuple[str, ...]) -> Choice:
    if number is None:
        return Choice(Outcome.MISSING)
    return _checked_kind(alts[number - 1]) if number else Choice(Outcome.REFERENCE)


def _checked_kind(alt: str) -> Choice:
    kind = allele_kind(alt)
    if kind == "sequence":
        return Choice(Outcome.APPLIED, alt)
    return Choice({"symbolic": Outcome.SYMBOLIC, "star": Outcome.STAR}.get(kind, Outcome.NO_ALT))
