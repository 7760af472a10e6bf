"""What a variant is compared with: variants of its class, and of its trinucleotide or its length.

In: a variant and its genome. Out: the names of the cells that it belongs to. A cell is a set of alike
variants: SNVs of one trinucleotide and one change, or indels of one class and about one length.
"""

from enum import StrEnum
from functools import cache
from itertools import product

from hyenadna_kit.genome.alphabet import BASES, is_unambiguous, reverse_complement
from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.genome.variant import Variant, normalize
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.windows.alleles import OrientedContig

_PYRIMIDINES = "CT"


class VariantClass(StrEnum):
    """What kind of change a variant is, after trimming."""

    SNV = "snv"
    """One base for another."""
    MNV = "mnv"
    """Several bases for as many."""
    INSERTION = "insertion"
    """Bases for none."""
    DELETION = "deletion"
    """No base for some."""
    DELINS = "delins"
    """Bases for more, or for fewer, of them."""


_FINE, _COARSE = (1, 2, 3, 4, 5, 6, 7, 9, 12, 16, 21, 28, 37, 51), (1, 3, 6, 12, 28)
_LENGTH_BINS: dict[VariantClass, tuple[tuple[int, ...], ...]] = {
    VariantClass.MNV: ((2, 3, 4, 6, 11),),
    VariantClass.INSERTION: (_FINE, _COARSE),
    VariantClass.DELETION: (_FINE, _COARSE),
    VariantClass.DELINS: ((2, 3, 4, 6, 11),),
}
"""First length of every bin, the finest bins first; a coarse bin is a union of fine ones."""


def classify(variant: Variant) -> VariantClass | None:
    """Return the class of a trimmed variant; None where it changes nothing."""
    if not variant.ref and not variant.alt:
        return None
    if not variant.ref or not variant.alt:
        return VariantClass.DELETION if variant.ref else VariantClass.INSERTION
    if len(variant.ref) != len(variant.alt):
        return VariantClass.DELINS
    return VariantClass.SNV if len(variant.ref) == 1 else VariantClass.MNV


def cells_of(variant: Variant, genome: Genome) -> tuple[str, ...]:
    """Return the cells of a variant, the narrowest first; every spelling gives the same.

        T>G between A and C         ("snv A[T>G]C", "snv")
        A>C between G and T         the same: both strands are one
        eight bases are deleted     ("deletion 7-8", "deletion 6-11", "deletion")

    Where a neighbour of an SNV is N or missing, or nothing is changed, there are fewer.

    Args:
        variant: On the forward strand, under the genome's contig name; its REF is that of the genome.
        genome: Where the neighbours are read.
    """
    contig = OrientedContig(genome, variant.contig, Strand.FORWARD)
    variant = normalize(variant, contig.fetch)
    variant_class = classify(variant)
    if variant_class is None:
        return ()
    if variant_class is VariantClass.SNV:
        context = contig.fetch(variant.position - 1, variant.end + 1)
        cell = trinucleotide_cell(context, variant.alt)
        return (variant_class.value,) if cell is None else (cell, variant_class.value)
    return length_cells(variant_class, max(len(variant.ref), len(variant.alt)))


@cache
def trinucleotide_cell(context: str, alt: str) -> str | None:
    """Return the cell of the SNV of the middle of ``context`` to ``alt``; None beside an N."""
    if not is_unambiguous(context):
        return None
    if context[1] not in _PYRIMIDINES:
        context, alt = reverse_complement(context), reverse_complement(alt)
    return f"snv {context[0]}[{context[1]}>{alt}]{context[2]}"


def trinucleotide_cells() -> list[str]:
    """Return the names of all 96 cells of SNVs."""
    return [
        f"snv {before}[{ref}>{alt}]{after}"
        for ref, alt, before, after in product(_PYRIMIDINES, BASES, BASES, BASES)
        if alt != ref
    ]


def length_bins(variant_class: VariantClass) -> dict[str, int]:
    """Return the names of the finest length bins of a class, each with its first length."""
    return {length_cells(variant_class, first)[0]: first for first in _LENGTH_BINS[variant_class][0]}


def length_cells(variant_class: VariantClass, length: int) -> tuple[str, ...]:
    """Return the cells of a variant that is no SNV.

    Args:
        variant_class: Its class.
        length: Bases of the longer of its trimmed alleles.
    """
    bins = [_bin(starts, length) for starts in _LENGTH_BINS[variant_class]]
    return (*(f"{variant_class} {each}" for each in bins), variant_class.value)


def _bin(starts: tuple[int, ...], length: int) -> str:
    number = sum(start <= length for start in starts) - 1
    if number == len(starts) - 1:
        return f"{starts[-1]}+"
    first, last = starts[number], starts[number + 1] - 1
    return str(first) if first == last else f"{first}-{last}"
