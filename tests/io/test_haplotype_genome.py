"""A haplotype as a genome, against the contig that is built as a string."""

import random

import numpy as np
import pytest

from hyenadna_kit.genome.haplotype import Haplotype, apply_variants
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.haplotype_genome import HaplotypeGenome

BASES = "".join(random.Random(6).choices("ACGT", k=200))
CHANGES = [
    Variant("one", 10, BASES[10], "ACGT"["ACGT".index(BASES[10]) - 1]),
    Variant("one", 30, "", "TTT"),
    Variant("one", 50, BASES[50:55], ""),
    Variant("one", 80, BASES[80:83], "GATTACA"),
    Variant("one", 81 + 2, "", "C"),
    Variant("one", 199, BASES[199], "N"),
]
CHANGED = apply_variants(BASES, CHANGES)


@pytest.fixture
def genome(tmp_path):
    (tmp_path / "g.fa").write_text(f">one\n{BASES[:60]}{BASES[60:120].lower()}{BASES[120:]}\n>two\nACGTAC\n")
    return HaplotypeGenome(Fasta(tmp_path / "g.fa"), [Haplotype("one", 200, CHANGES)])


@pytest.mark.parametrize("strand", Strand)
def test_any_interval_is_that_of_the_changed_contig(genome, strand):
    padded = "N" * 20 + CHANGED + "N" * 20
    complement = str.maketrans("ACGTN", "TGCAN")
    for start in range(-15, len(CHANGED) + 10, 7):
        for length in (1, 5, 40):
            expected = padded[start + 20 : start + 20 + length].ljust(length, "N")
            if strand is Strand.REVERSE:
                expected = expected.translate(complement)[::-1]
            assert genome.fetch(Interval("one", start, start + length, strand)) == expected
    assert genome.contigs == {"one": len(CHANGED), "two": 6}
    assert genome.fetch(Interval("two", 1, 4)) == "CGT"


def test_fingerprint_is_that_of_reference_and_variants(genome):
    same = HaplotypeGenome(genome.reference, [Haplotype("one", 200, CHANGES)])
    fewer = HaplotypeGenome(genome.reference, [Haplotype("one", 200, CHANGES[:-1])])
    assert genome.fingerprint == same.fingerprint
    assert len({genome.fingerprint, fewer.fingerprint, genome.reference.fingerprint}) == 3


def test_masked_runs_lie_where_their_bases_do(genome):
    (run,) = genome.masked(Interval("one", 0, len(CHANGED)))
    assert run.tolist() == [60 + 3 - 5, 120 + 3 - 5 + 4 + 1]
    assert genome.masked(Interval("one", 0, 20)).tolist() == []
    np.testing.assert_array_equal(genome.masked(Interval("two", 0, 6)), np.empty((0, 2)))


def without(change):
    """Return the haplotype's contig without one of its changes."""
    return apply_variants(BASES, [each for each in CHANGES if each is not change])


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_change_that_is_there_is_taken_away(genome, change):
    placed = genome.place(change)
    assert placed.sign == -1
    assert apply_variants(CHANGED, [placed.variant]) == without(change)


@pytest.mark.parametrize("anchor", [1, 4])
def test_a_change_is_known_in_every_spelling(genome, anchor):
    for change in CHANGES[:3]:
        start = change.position - anchor
        before = BASES[start : change.position]
        placed = genome.place(Variant("one", start, before + change.ref, before + change.alt))
        assert placed == genome.place(change)


def place_of(variant):
    return variant.position, variant.end


def test_a_change_elsewhere_goes_in_where_its_bases_lie(genome):
    touched = {position for change in CHANGES for position in range(change.position, change.end)}
    for position in range(199):
        if position in touched:
            continue
        other = "ACGT"["ACGT".index(BASES[position]) - 1]
        placed = genome.place(Variant("one", position, BASES[position], other))
        added = sorted([*CHANGES, Variant("one", position, BASES[position], other)], key=place_of)
        assert placed.sign == 1
        assert apply_variants(CHANGED, [placed.variant]) == apply_variants(BASES, added)


@pytest.mark.parametrize(
    "change",
    [
        Variant("one", 10, BASES[10], "ACGT"["ACGT".index(BASES[10]) - 2]),
        Variant("one", 30, "", "TT"),
        Variant("one", 52, BASES[52], "ACGT"["ACGT".index(BASES[52]) - 1]),
        Variant("one", 53, "", "A"),
        Variant("one", 48, BASES[48:57], ""),
        Variant("one", 29, BASES[29:32], ""),
    ],
    ids=[
        "substitution",
        "insertion",
        "deleted base",
        "in a deletion",
        "around a deletion",
        "around an insertion",
    ],
)
def test_a_change_of_what_is_not_there_has_no_place(genome, change):
    assert genome.place(change) is None


def test_a_contig_without_changes_is_the_reference(genome):
    variant = Variant("two", 2, "G", "T")
    assert genome.place(variant) == (variant, 1)
