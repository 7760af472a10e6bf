"""Records to the scores that a table of every SNV has for them, without a model.

In: a record of a variant file. Out: one score an ALT, equal to what scoring the record would give but for
the digits of the table.
"""

from hyenadna_kit.genome.alphabet import is_unambiguous
from hyenadna_kit.genome.variant import Variant, trim
from hyenadna_kit.io.genome_scores_reader import GenomeScores
from hyenadna_kit.io.vcf import VariantRecord


def lookup_alleles(scores: GenomeScores, record: VariantRecord) -> list[float | None]:
    """Return the ``llr`` of every ALT of a record, in nats.

    An ALT that spells one changed base with more (CAG>CTG) has a score, too. None is that of another
    change, of an ALT that is no sequence, and of a REF that is not, whole, what the genome has there.

    Raises:
        InputError: The table is damaged.
    """
    return [None if variant is None else _lookup(scores, variant) for variant in record.variants()]


def _lookup(scores: GenomeScores, variant: Variant) -> float | None:
    if not (is_unambiguous(variant.ref) and is_unambiguous(variant.alt)):
        return None
    changed = trim(variant)
    if len(changed.ref) != 1 or len(changed.alt) != 1:
        return None
    for position, base in enumerate(variant.ref.upper(), variant.position):
        if scores.base(variant.contig, position) != base:
            return None
    return scores.llr(variant.contig, changed.position, changed.ref, changed.alt)
