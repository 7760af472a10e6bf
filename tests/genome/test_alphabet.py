"""Complements against Biopython."""

import pytest
from Bio.Data.IUPACData import ambiguous_dna_values
from Bio.Seq import Seq
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.genome.alphabet import AMBIGUOUS, BASES, is_unambiguous, reverse_complement

IUPAC = "ACGTRYSWKMBDHVN"
ANY_CASE = IUPAC + IUPAC.lower()


def test_alphabet_is_that_of_iupac():
    codes = {code for code in ambiguous_dna_values if code != "X"}
    assert set(BASES + AMBIGUOUS) == codes
    assert len(BASES + AMBIGUOUS) == len(codes)


@given(st.text(ANY_CASE))
def test_reverse_complement_equals_biopython(sequence):
    assert reverse_complement(sequence) == str(Seq(sequence).reverse_complement())


@given(st.text(ANY_CASE))
def test_reverse_complement_twice_is_the_sequence(sequence):
    assert reverse_complement(reverse_complement(sequence)) == sequence


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [("AACR", "YGTT"), ("acGT", "ACgt"), ("AU", "AT"), ("", ""), ("A-C*", "*G-T"), ("NNA", "TNN")],
    ids=["iupac", "case", "rna", "empty", "other characters", "n"],
)
def test_reverse_complement_examples(sequence, expected):
    assert reverse_complement(sequence) == expected


@given(st.text(ANY_CASE + "U-"))
def test_unambiguous_is_every_letter_a_base(sequence):
    assert is_unambiguous(sequence) == all(letter in "ACGTacgt" for letter in sequence)
