"""Which null variants a variant is compared with."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.scoring.null_cells import (
    VariantClass,
    cells_of,
    length_bins,
    length_cells,
    trinucleotide_cell,
    trinucleotide_cells,
)

CONTIGS = {"one": "ATCgANGCACACACTTTTTTGATTACA", "two": "A"}
COMPLEMENT = str.maketrans("ACGT", "TGCA")
OTHERS = [each for each in VariantClass if each is not VariantClass.SNV]


@pytest.fixture(scope="module")
def genome(write_genome):
    return write_genome(CONTIGS)


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        (("one", 1, "T", "C"), ["snv A[T>C]C", "snv"]),
        (("one", 3, "G", "A"), ["snv T[C>T]G", "snv"]),
        (("one", 3, "g", "a"), ["snv T[C>T]G", "snv"]),
        (("one", 0, "A", "C"), ["snv"]),
        (("one", 26, "A", "C"), ["snv"]),
        (("one", 4, "A", "C"), ["snv"]),
        (("one", 6, "G", "C"), ["snv"]),
        (("two", 0, "A", "C"), ["snv"]),
        (("one", 1, "TC", "CA"), ["mnv 2", "mnv"]),
        (("one", 1, "TCGA", "CCGT"), ["mnv 4-5", "mnv"]),
        (("one", 14, "", "T"), ["insertion 1", "insertion 1-2", "insertion"]),
        (("one", 13, "C", "C" + "AT" * 20), ["insertion 37-50", "insertion 28+", "insertion"]),
        (("one", 7, "CACACAC", "C"), ["deletion 6", "deletion 6-11", "deletion"]),
        (("one", 7, "CACACACTT", "T"), ["deletion 7-8", "deletion 6-11", "deletion"]),
        (("one", 20, "GAT", "CC"), ["delins 3", "delins"]),
        (("one", 20, "G", "C" * 11), ["delins 11+", "delins"]),
        (("one", 20, "GAT", "GAT"), []),
    ],
    ids=str,
)
def test_cells_are_those_of_the_trimmed_change(genome, variant, expected):
    assert list(cells_of(Variant(*variant), genome)) == expected


def test_both_strands_of_every_snv_are_one_of_96_cells():
    found = {}
    for context in map("".join, itertools.product("ACGT", repeat=3)):
        for alt in set("ACGT") - {context[1]}:
            found.setdefault(trinucleotide_cell(context, alt), []).append((context, alt))
    assert sorted(found) == sorted(trinucleotide_cells())
    assert len(trinucleotide_cells()) == 96
    for (one, alt), (other, other_alt) in found.values():
        assert other == one[::-1].translate(COMPLEMENT)
        assert other_alt == alt.translate(COMPLEMENT)


@pytest.mark.parametrize("context", ["NAC", "CAN", "ANA"])
def test_an_snv_beside_n_has_no_trinucleotide(context):
    assert trinucleotide_cell(context, "T") is None


@given(
    st.integers(6, 18), st.integers(0, 5), st.integers(0, 6), st.integers(0, 6), st.text("ACGT", max_size=6)
)
def test_every_spelling_of_a_change_has_the_same_cells(genome, position, removed, before, after, alt):
    bases = CONTIGS["one"].upper()
    variant = Variant("one", position, bases[position : position + removed], alt)
    start, end = max(6, position - before), min(len(bases), variant.end + after)
    longer = Variant("one", start, bases[start:end], bases[start:position] + alt + bases[variant.end : end])
    assert cells_of(longer, genome) == cells_of(variant, genome)


@pytest.mark.parametrize("variant_class", OTHERS)
def test_bins_cover_every_length_and_wider_ones_are_unions_of_the_finest(variant_class):
    shortest = 1 if variant_class in ("insertion", "deletion") else 2
    chains = [length_cells(variant_class, length) for length in range(shortest, 500)]
    for level in zip(*chains, strict=True):
        runs = [name for name, _ in itertools.groupby(level)]
        assert len(runs) == len(set(runs))
    wider = {}
    for finest, *others in chains:
        assert wider.setdefault(finest, others) == others
    firsts = [shortest + [chain[0] for chain in chains].index(name) for name in wider]
    assert length_bins(variant_class) == dict(zip(wider, firsts, strict=True))
