"""Genetic codes, against Biopython's translation."""

from itertools import product

import pytest
from Bio.Data import CodonTable
from Bio.Seq import Seq

from hyenadna_kit.io.genetic_codes import genetic_codes

CODONS = ["".join(bases) for bases in product("ACGT", repeat=3)]
AMBIGUOUS = {27, 28, 31}
"""Tables with codons that stand for an amino acid or a stop; Biopython reads the amino acid."""


@pytest.mark.filterwarnings("ignore:This table contains")
@pytest.mark.parametrize("number", sorted(CodonTable.unambiguous_dna_by_id))
def test_codons_are_translated_as_biopython_does(number):
    code, table = genetic_codes()[number], CodonTable.unambiguous_dna_by_id[number]
    assert code.starts == set(table.start_codons)
    for codon in CODONS:
        expected = str(Seq(codon).translate(table=number))
        if number in AMBIGUOUS and codon in table.stop_codons:
            expected = "*"
        assert code.read(codon) == expected


def test_bases_that_make_no_codon_are_not_known():
    code = genetic_codes()[1]
    assert [code.read(codon) for codon in ("ANG", "AT", "")] == ["X", "X", "X"]
    assert code.translate("ATGAANTAATT") == "MX*"


def test_all_tables_of_ncbi_are_there():
    assert sorted(genetic_codes()) == sorted(CodonTable.unambiguous_dna_by_id)
    assert {1, 2, 11} < genetic_codes().keys()
