"""Variants that a user names, checked against the genome.

In: variants as a file spells them. Out: the same under the genome's own contig names, REF compared.
"""

from dataclasses import replace

from hyenadna_kit.errors import ContigNotFoundError, InputError
from hyenadna_kit.genome.alphabet import is_unambiguous
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.text_lines import shortened
from hyenadna_kit.io.vcf import VariantRecord, allele_kind


def require_alt(record: VariantRecord, alt: str, source: str) -> None:
    """Refuse an ALT that no model reads.

    Args:
        record: What it is an ALT of.
        alt: As the file has it; empty where there is none.
        source: Where the record was written, for the error.

    Raises:
        InputError: POS is 0, or the ALT is no sequence.
    """
    if record.position < 0:
        raise InputError(
            f"{source}: POS must be 1 or more, got {record.position + 1}; positions count from 1"
        )
    if allele_kind(alt) != "sequence":
        raise InputError(f"{source}: ALT {alt or '.'!r} is no sequence, which no model reads; remove it")


def check_variant(variant: Variant, genome: Genome, source: str) -> Variant:
    """Return ``variant`` under the genome's own contig name.

    Args:
        variant: Its alleles in upper case.
        genome: Where its REF must stand.
        source: Where the variant was written, for the error.

    Raises:
        InputError: An allele holds another letter than A, C, G and T, or REF is not what the genome has.
        ContigNotFoundError: The genome has no such contig.
    """
    try:
        contig = genome.names.resolve(variant.contig, str(genome.path))
    except ContigNotFoundError as error:
        raise ContigNotFoundError(f"{source}: {error}") from None
    site = f"{variant.contig}:{variant.position + 1}"
    for name, allele in (("REF", variant.ref), ("ALT", variant.alt)):
        if not is_unambiguous(allele):
            raise InputError(
                f"{source}: {name} {shortened(allele)} at {site} must be A, C, G and T; remove it"
            )
    found = genome.fetch(Interval(contig, variant.position, variant.end))
    if found != variant.ref:
        raise InputError(
            f"{source}: REF {shortened(variant.ref)} at {site} is not what {genome.path} has, "
            f"{shortened(found)}; name the genome that the variants were called on"
        )
    return replace(variant, contig=contig)
