"""The genetic codes of NCBI, which GFF3 and GenBank files name by number (``transl_table``).

In: nothing. Out: every table as a :class:`GeneticCode`, by its number.

Source: ncbi.nlm.nih.gov/Taxonomy/Utils/wprintgc.cgi, as Biopython has it.
"""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from Bio.Data import CodonTable

from hyenadna_kit.genome.genetic_code import STOP, GeneticCode


@lru_cache
def genetic_codes() -> Mapping[int, GeneticCode]:
    """Return all tables.

    A codon that tables 27, 28 and 31 read as an amino acid or a stop, by what follows it, is a stop here.
    """
    codes = {}
    for number, table in CodonTable.unambiguous_dna_by_id.items():
        amino_acids = {**table.forward_table, **dict.fromkeys(table.stop_codons, STOP)}
        codes[number] = GeneticCode(amino_acids, frozenset(table.start_codons))
    return MappingProxyType(codes)
