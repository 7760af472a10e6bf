"""Markov baselines against a dictionary of words, worked examples and measured genomes."""

import gzip
import math
import tracemalloc

import numpy as np
import pytest
from Bio.SeqIO.FastaIO import SimpleFastaParser
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation import markov
from hyenadna_kit.evaluation.markov import MarkovModel, fit_markov, markov_bits_per_base
from tests.oracles.markov import base_bits, word_counts

TABLE = bytes.maketrans(b"ACGTN*", bytes([7, 8, 9, 10, 11, 6]))
SEQUENCES = st.text(alphabet="ACGTACGTACGTN*", max_size=60)


def tokens(sequence):
    return np.frombuffer(sequence.encode().translate(TABLE), dtype=np.uint8)


def random_sequence(seed, length):
    letters = np.random.default_rng(seed).choice(list("ACGTN"), size=length, p=[0.4, 0.1, 0.2, 0.28, 0.02])
    return "".join(letters)


def assert_bits(found, expected):
    np.testing.assert_allclose(found, [math.nan if bit is None else bit for bit in expected], rtol=1e-12)


def test_bits_of_a_worked_example():
    # AAAC and GTTT: after A come A, A, C; after T come T, T; after G comes T.
    model = fit_markov([tokens("AAAC")], order=1)
    expected = [2.0, -math.log2(3 / 7), -math.log2(2 / 7), -math.log2(1 / 4), -math.log2(2 / 5)]
    assert_bits(model.bits(tokens("AACGT")), expected)


def test_context_is_read_oldest_base_first():
    model = fit_markov([tokens("ACG")], order=2)
    # ACG and CGT: A is 0, C is 1, G is 2, T is 3.
    rows, columns = np.nonzero(model.counts)
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == [(0 * 4 + 1, 2), (1 * 4 + 2, 3)]


@given(runs=st.lists(SEQUENCES, max_size=4), test=SEQUENCES, order=st.integers(0, 4))
def test_bits_equal_those_of_a_dictionary_of_words(runs, test, order):
    model = fit_markov([tokens(run) for run in runs], order)
    assert model.counts.sum() == word_counts(runs, order).total()
    assert_bits(model.bits(tokens(test)), base_bits(runs, order, test))


@pytest.mark.parametrize("block_length", [1, 2, 7, 64, 299, 300])
@pytest.mark.parametrize("order", [0, 1, 5])
def test_blocks_change_nothing(monkeypatch, block_length, order):
    monkeypatch.setattr(markov, "_BLOCK_LENGTH", block_length)
    train, test = random_sequence(1, 300), random_sequence(2, 100)
    assert_bits(fit_markov([tokens(train)], order).bits(tokens(test)), base_bits([train], order, test))


@pytest.mark.parametrize("first_scored", [0, 1, 3, 4, 50, 99, 100])
def test_scored_bases_see_the_bases_before_them(first_scored):
    train, test = random_sequence(3, 500), random_sequence(4, 100)
    bits = fit_markov([tokens(train)], 4).bits(tokens(test), first_scored)
    assert_bits(bits, base_bits([train], 4, test)[first_scored:])


def test_no_context_reaches_from_one_stretch_into_the_next():
    assert fit_markov([tokens("A"), tokens("C"), tokens("")], order=1).counts.sum() == 0


def test_both_strands_are_counted_alike():
    sequence = random_sequence(5, 400)
    other = "".join({"A": "T", "C": "G", "G": "C", "T": "A"}.get(base, base) for base in reversed(sequence))
    one, two = (fit_markov([tokens(strand)], 3).counts for strand in (sequence, other))
    np.testing.assert_array_equal(one, two)


def test_probabilities_of_the_four_bases_sum_to_one():
    model = fit_markov([tokens(random_sequence(6, 300))], order=2)
    bits = np.array([model.bits(tokens("CA" + base))[-1] for base in "ACGT"])
    assert np.sum(2.0**-bits) == pytest.approx(1.0)


def test_a_run_seen_in_training_costs_less_than_two_bits_and_its_mean_is_over_bases():
    train, test = random_sequence(7, 3000), [random_sequence(8, 10), random_sequence(9, 500)]
    expected = [bit for sequence in test for bit in base_bits([train], 2, sequence)[2:] if bit is not None]
    found = markov_bits_per_base([tokens(train)], [(tokens(sequence), 2) for sequence in test], orders=[2])
    assert found == {2: pytest.approx(sum(expected) / len(expected), rel=1e-12)}
    assert found[2] < 2.0


def test_one_scored_base_is_enough_for_a_mean():
    assert markov_bits_per_base([tokens("AAAC")], [(tokens("NAAN"), 2)], [1]) == {1: -math.log2(3 / 7)}


def test_a_generator_trains_every_order():
    train = [random_sequence(10, 200), random_sequence(11, 200)]
    test = [(tokens(random_sequence(12, 100)), 0)]
    from_list = markov_bits_per_base([tokens(run) for run in train], test, (1, 2, 3))
    assert markov_bits_per_base((tokens(run) for run in train), test, (1, 2, 3)) == from_list
    assert list(from_list) == [1, 2, 3]


def test_a_long_context_costs_one_table_of_memory():
    table_bytes = 4**13 * 4
    run = tokens(random_sequence(13, 1000) * 3000)
    tracemalloc.start()
    try:
        markov_bits_per_base([run], [(run[:1000], 12)], orders=(12, 12))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert table_bytes < peak < 1.25 * table_bytes


@pytest.mark.parametrize("order", [-1, 14])
def test_an_order_out_of_range_is_named(order):
    with pytest.raises(InputError, match=rf"0\.\.13, got {order}$"):
        fit_markov([], order)


@pytest.mark.parametrize("first_scored", [-1, 5])
def test_a_first_scored_base_outside_the_stretch_is_named(first_scored):
    model = MarkovModel(0, np.zeros((1, 4), dtype=np.uint32))
    with pytest.raises(InputError, match=rf"0\.\.4, the stretch, got {first_scored}$"):
        model.bits(tokens("ACGT"), first_scored)


@pytest.mark.parametrize("test", [[], [("NNN", 0)], [("ACGT", 4)]], ids=["none", "N", "only context"])
def test_a_test_without_bases_is_refused(test):
    with pytest.raises(InputError, match=rf"the {len(test)} test stretches score no A, C, G or T"):
        markov_bits_per_base([tokens("ACGT")], [(tokens(text), start) for text, start in test], [1])


def read_genome(path):
    with gzip.open(path, "rt") as handle:
        return {title.split()[0]: tokens(sequence) for title, sequence in SimpleFastaParser(handle)}


@pytest.mark.real_data
def test_bits_per_base_of_ecoli(data):
    (genome,) = read_genome(data / "genomes/bacteria/ecoli_K12_MG1655.fna.gz").values()
    cut = 4_177_486
    assert genome.size - cut == 464_166
    found = markov_bits_per_base([genome[:cut]], [(genome[cut - 12 :], 12)])
    assert found == pytest.approx({2: 1.9644, 6: 1.9328, 8: 1.9353, 12: 1.9944}, abs=2e-4)


@pytest.mark.real_data
def test_bits_per_base_of_yeast(data):
    genome = read_genome(data / "genomes/yeast/Saccharomyces_cerevisiae.R64-1-1.dna.toplevel.fa.gz")
    del genome["Mito"]
    fifteen, sixteen = genome.pop("XV"), genome.pop("XVI")
    cut = 832_224
    found = markov_bits_per_base([*genome.values(), fifteen[:cut]], [(fifteen[cut - 12 :], 12), (sixteen, 0)])
    assert found == pytest.approx({2: 1.9451, 6: 1.9368, 8: 1.9329, 12: 1.9605}, abs=2e-4)
