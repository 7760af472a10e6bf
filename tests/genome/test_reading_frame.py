"""Changes of a CDS, one by one, with what every textbook says of them."""

import pytest

from hyenadna_kit.genome.reading_frame import CodingChange, ReadingFrame
from hyenadna_kit.io.genetic_codes import genetic_codes

CDS = "ATGAAATGGTGTTAA"
"""M K W C stop; what follows begins with the bases of another stop codon."""
BEHIND = "TAACCGG"


def consequence(first, ref, alt, cds=CDS, behind=BEHIND, *, phase=0, code=1, is_partial=False):
    frame = ReadingFrame(cds + behind, len(cds), phase, genetic_codes()[code], is_partial)
    assert frame.bases[first : first + len(ref)] == ref
    return frame.consequence(CodingChange(first, first + len(ref), ref, alt))


@pytest.mark.parametrize(
    ("first", "ref", "alt", "expected"),
    [
        pytest.param(5, "A", "G", "synonymous_variant", id="AAA>AAG, K"),
        pytest.param(5, "A", "C", "missense_variant", id="AAA>AAC, N"),
        pytest.param(3, "A", "T", "stop_gained", id="AAA>TAA"),
        pytest.param(8, "G", "A", "stop_gained", id="TGG>TGA"),
        pytest.param(0, "A", "C", "start_lost", id="ATG>CTG"),
        pytest.param(2, "G", "A", "start_lost", id="ATG>ATA"),
        pytest.param(14, "A", "G", "stop_retained_variant", id="TAA>TAG"),
        pytest.param(12, "T", "C", "stop_lost", id="TAA>CAA"),
        pytest.param(5, "AT", "GA", "missense_variant", id="K stays, W>R"),
        pytest.param(4, "AATG", "GGTA", "stop_gained", id="K>R, W>stop"),
        pytest.param(3, "AAATGG", "AAGTGT", "missense_variant", id="silent and not"),
        pytest.param(1, "TGA", "CCT", "stop_gained", id="M>T, K>stop"),
        pytest.param(4, "A", "", "frameshift_variant", id="one base less"),
        pytest.param(6, "", "C", "frameshift_variant", id="one base more"),
        pytest.param(5, "AT", "GGGGG", "inframe", id="three more among others"),
        pytest.param(6, "", "GGG", "inframe_insertion", id="a codon between two"),
        pytest.param(7, "", "CCC", "inframe_insertion", id="a codon within one"),
        pytest.param(6, "", "TAG", "stop_gained", id="a stop between two"),
        pytest.param(7, "", "AAC", "stop_gained", id="a stop within one: TAA CGG"),
        pytest.param(6, "TGG", "", "inframe_deletion", id="a codon"),
        pytest.param(4, "AAT", "", "inframe_deletion", id="parts of two: AGG"),
        pytest.param(8, "GTG", "", "inframe_deletion", id="parts of two: TGT"),
        pytest.param(5, "ATGGTG", "", "inframe_deletion", id="K, W, C to AAT"),
        pytest.param(6, "TGGTGT", "CCC", "protein_altering_variant", id="two codons become one"),
        pytest.param(0, "ATG", "", "start_lost", id="the start codon"),
        pytest.param(0, "ATG", "TAGGGC", "start_lost", id="the start codon becomes a stop and more"),
        pytest.param(0, "ATG", "GGGTAG", "stop_gained", id="the start codon becomes another and a stop"),
        pytest.param(1, "", "TGA", "inframe_insertion", id="ATG again: A TGA TG"),
        pytest.param(0, "ATGA", "", "frameshift_variant", id="the start codon and the frame"),
        pytest.param(12, "TAA", "", "stop_retained_variant", id="the stop codon, another behind it"),
        pytest.param(13, "", "A", "stop_retained_variant", id="TAA again: T A AA"),
        pytest.param(12, "T", "", "frameshift_variant", id="AAT"),
        pytest.param(12, "", "TAG", "stop_retained_variant", id="a stop before the stop"),
        pytest.param(12, "", "TGT", "inframe_insertion", id="a codon before the stop"),
        pytest.param(9, "TGTTAA", "", "inframe_deletion", id="the last two codons, a stop behind them"),
        pytest.param(12, "TAAT", "", "stop_lost", id="the stop and one base behind"),
        pytest.param(12, "TAATAA", "", "stop_lost", id="both stops"),
        pytest.param(14, "AT", "", "stop_retained_variant", id="TA|AT AAC: TAA again"),
    ],
)  # fmt: skip
def test_change_has_the_consequence_of_its_protein(first, ref, alt, expected):
    found = consequence(first, ref, alt)
    assert found == (expected if expected != "inframe" else "protein_altering_variant")


@pytest.mark.parametrize(
    ("first", "ref", "alt", "expected"),
    [
        pytest.param(1, "C", "T", "coding_sequence_variant", id="before the first whole codon"),
        pytest.param(2, "A", "C", "missense_variant", id="first whole codon, no start"),
        pytest.param(1, "CA", "", "coding_sequence_variant", id="across its border"),
        pytest.param(8, "T", "G", "coding_sequence_variant", id="behind the last whole codon"),
        pytest.param(7, "T", "G", "missense_variant", id="last whole codon, no stop"),
        pytest.param(9, "", "G", "coding_sequence_variant", id="insertion in what is no codon"),
        pytest.param(8, "", "G", "coding_sequence_variant", id="insertion before it"),
        pytest.param(5, "A", "", "frameshift_variant", id="one base less in the middle"),
        pytest.param(9, "CCG", "", "coding_sequence_variant", id="across the end"),
    ],
)
def test_incomplete_codons_are_not_known(first, ref, alt, expected):
    # CC ATG AAT TC: two bases before the first whole codon and two behind the last one.
    found = consequence(first, ref, alt, cds="CCATGAATTC", behind="CGCC", phase=2)
    assert found == expected


@pytest.mark.parametrize(
    ("first", "ref", "alt", "expected"),
    [
        pytest.param(5, "N", "A", "coding_sequence_variant", id="N changed"),
        pytest.param(4, "A", "C", "coding_sequence_variant", id="codon with N"),
        pytest.param(6, "T", "C", "missense_variant", id="codon beside it"),
        pytest.param(4, "A", "", "frameshift_variant", id="frame beside N"),
        pytest.param(3, "AAN", "", "coding_sequence_variant", id="codon with N deleted"),
        pytest.param(6, "", "GGN", "coding_sequence_variant", id="N inserted"),
    ],
)
def test_codons_with_n_are_not_known(first, ref, alt, expected):
    assert consequence(first, ref, alt, cds="ATGAANTGGTAA") == expected


@pytest.mark.parametrize(
    ("first", "ref", "alt", "expected"),
    [
        pytest.param(5, "A", "G", "coding_sequence_variant", id="the inner stop itself"),
        pytest.param(3, "TGA", "", "coding_sequence_variant", id="the inner stop deleted"),
        pytest.param(8, "G", "A", "stop_gained", id="another one"),
        pytest.param(7, "G", "C", "missense_variant", id="an amino acid behind it"),
        pytest.param(11, "A", "G", "stop_retained_variant", id="the last stop"),
    ],
)
def test_stop_inside_is_not_known(first, ref, alt, expected):
    assert consequence(first, ref, alt, cds="ATGTGATGGTAA") == expected


@pytest.mark.parametrize(
    ("code", "cds", "first", "ref", "alt", "expected"),
    [
        pytest.param(1, "ATGTGGTAA", 5, "G", "A", "stop_gained", id="TGA is a stop"),
        pytest.param(2, "ATGTGGTAA", 5, "G", "A", "synonymous_variant", id="TGA is W in mitochondria"),
        pytest.param(2, "ATGAAATAA", 4, "A", "G", "stop_gained", id="AGA is a stop there"),
        pytest.param(1, "ATGAAATAA", 4, "A", "G", "missense_variant", id="AGA is R"),
        pytest.param(2, "ATGAAATAA", 2, "G", "A", "start_retained_variant", id="ATA is M there"),
        pytest.param(11, "GTGAAATAA", 0, "G", "A", "start_retained_variant", id="GTG>ATG"),
        pytest.param(11, "GTGAAATAA", 0, "G", "C", "start_lost", id="GTG>CTG"),
        pytest.param(1, "GTGAAATAA", 0, "G", "C", "missense_variant", id="GTG is no start in the nucleus"),
        pytest.param(6, "ATGTAATGA", 5, "A", "G", "synonymous_variant", id="TAA is Q in ciliates"),
    ],
)
def test_codons_are_read_by_the_code(code, cds, first, ref, alt, expected):
    assert consequence(first, ref, alt, cds=cds, code=code) == expected


def test_partial_cds_has_no_known_start():
    assert consequence(0, "A", "C", is_partial=True) == "missense_variant"


def test_bases_of_ref_count_where_the_genome_has_others():
    # The genome has TGG; the alleles are TGA and TGC, as where ALT and REF were swapped.
    frame = ReadingFrame(CDS + BEHIND, len(CDS), 0, genetic_codes()[1])
    assert frame.consequence(CodingChange(8, 9, "C", "A")) == "stop_gained"
    assert frame.consequence(CodingChange(8, 9, "C", "T")) == "synonymous_variant"


@pytest.mark.parametrize("cds", ["", "A", "AT"])
def test_cds_without_a_codon_is_not_known(cds):
    assert consequence(0, cds[:1], "C" if cds else "", cds=cds, behind="") == "coding_sequence_variant"
