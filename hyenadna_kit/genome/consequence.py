"""What a variant does to a gene, in the terms of the Sequence Ontology, and which of them is worse.

Source of the terms: sequenceontology.org. Source of their order: Ensembl, ensembl.org/info/genome/variation/
prediction/predicted_data.html; McLaren et al. 2016, doi:10.1186/s13059-016-0974-4.
"""

from collections.abc import Iterable
from enum import StrEnum


class Consequence(StrEnum):
    """What a variant does to one transcript, from the most severe to the least."""

    TRANSCRIPT_ABLATION = "transcript_ablation"
    """A whole transcript is deleted or replaced."""
    SPLICE_ACCEPTOR = "splice_acceptor_variant"
    """One of the last two bases of an intron is changed."""
    SPLICE_DONOR = "splice_donor_variant"
    """One of the first two bases of an intron is changed."""
    STOP_GAINED = "stop_gained"
    """The protein ends early, in the codons that are changed or inserted."""
    FRAMESHIFT = "frameshift_variant"
    """Bases are gained or lost in a CDS, and their number is no multiple of three."""
    STOP_LOST = "stop_lost"
    """The protein does not end where it did."""
    START_LOST = "start_lost"
    """The first codon is another one, and not one for methionine."""
    INFRAME_INSERTION = "inframe_insertion"
    """Whole codons are inserted."""
    INFRAME_DELETION = "inframe_deletion"
    """Whole codons are deleted."""
    MISSENSE = "missense_variant"
    """One or several amino acids become others."""
    PROTEIN_ALTERING = "protein_altering_variant"
    """Codons are replaced by more or fewer others."""
    SPLICE_REGION = "splice_region_variant"
    """Within 3 bases of an exon or 3 to 8 bases of an intron of where they meet."""
    START_RETAINED = "start_retained_variant"
    """The first codon is another one that stands for methionine."""
    STOP_RETAINED = "stop_retained_variant"
    """The stop codon is changed or moved, and the protein is the same."""
    SYNONYMOUS = "synonymous_variant"
    """Codons are changed, and the protein is the same."""
    CODING_SEQUENCE = "coding_sequence_variant"
    """Something in a CDS whose codons are not known: see :mod:`hyenadna_kit.genome.reading_frame`."""
    FIVE_PRIME_UTR = "5_prime_UTR_variant"
    """In an exon of a coding transcript, before its CDS."""
    THREE_PRIME_UTR = "3_prime_UTR_variant"
    """In an exon of a coding transcript, behind its CDS."""
    NON_CODING_EXON = "non_coding_transcript_exon_variant"
    """In an exon of a transcript without CDS, a pseudogene or a gene without transcripts."""
    INTRON = "intron_variant"
    """In an intron."""
    INTERGENIC = "intergenic_variant"
    """In no transcript."""
    UNKNOWN = "sequence_variant"
    """Nothing changes, or the genome has not the bases that are replaced."""


_RANKS = {consequence: rank for rank, consequence in enumerate(Consequence)}


def severity(consequence: Consequence) -> int:
    """Return the rank of a consequence: 0 is the most severe."""
    return _RANKS[consequence]


def most_severe(consequences: Iterable[Consequence]) -> Consequence:
    """Return the most severe of them; without any, the variant is intergenic."""
    return min(consequences, key=severity, default=Consequence.INTERGENIC)


def least_severe(consequences: Iterable[Consequence]) -> Consequence:
    """Return the least severe of them; without any, the variant is intergenic."""
    return max(consequences, key=severity, default=Consequence.INTERGENIC)
