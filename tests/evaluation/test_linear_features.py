"""Features of linear models: as counted by string search."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.evaluation import linear_features
from hyenadna_kit.evaluation.linear_features import kmer_counts, position_kmers
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer

ENCODE = NucleotideTokenizer().encode
SEQUENCES = st.lists(st.text("ACGTN", max_size=30), min_size=1, max_size=6)


def kmers(max_k):
    return ["".join(bases) for k in range(1, max_k + 1) for bases in product("ACGT", repeat=k)]


def occurrences(sequence, kmer):
    return [at for at in range(len(sequence)) if sequence.startswith(kmer, at)]


@given(sequences=SEQUENCES, max_k=st.integers(1, 4))
def test_counts_are_those_of_a_search_for_every_kmer(sequences, max_k):
    expected = [[len(occurrences(each, kmer)) for kmer in kmers(max_k)] for each in sequences]
    assert kmer_counts([*map(ENCODE, sequences)], max_k=max_k).toarray().tolist() == expected


@given(sequences=SEQUENCES, max_k=st.integers(1, 3), num_positions=st.integers(1, 12))
def test_positions_are_those_of_a_search_for_every_kmer(sequences, max_k, num_positions):
    expected = []
    for sequence in sequences:
        places = {kmer: occurrences(sequence[:num_positions], kmer) for kmer in kmers(max_k)}
        expected.append(
            [
                float(position in places["".join(kmer)])
                for k in range(1, max_k + 1)
                for position in range(num_positions)
                for kmer in product("ACGT", repeat=k)
            ]
        )
    found = position_kmers([*map(ENCODE, sequences)], num_positions=num_positions, max_k=max_k)
    assert found.toarray().tolist() == expected


@pytest.mark.parametrize("at_a_time", [1, 7, 50])
def test_features_do_not_depend_on_how_many_bases_are_held(monkeypatch, at_a_time):
    rng = np.random.default_rng(0)
    sequences = [rng.integers(7, 12, length).astype(np.uint8) for length in (5, 40, 0, 12, 1, 30)]
    counts, places = kmer_counts(sequences), position_kmers(sequences, num_positions=20)
    monkeypatch.setattr(linear_features, "_CHUNK_BASES", at_a_time)
    assert (kmer_counts(sequences) != counts).nnz == 0
    assert (position_kmers(sequences, num_positions=20) != places).nnz == 0


def test_features_are_as_many_as_there_are_kmers():
    assert kmer_counts([ENCODE("ACGT")]).shape == (1, sum(4**k for k in range(1, 7)))
    assert position_kmers([ENCODE("ACGT")], num_positions=10).shape == (1, 84 * 10)


def test_no_sequences_have_no_rows():
    assert kmer_counts([]).shape == (0, 5460)


def test_lower_case_and_special_tokens_are_read_as_everywhere():
    rows = kmer_counts([ENCODE("acgT"), ENCODE("ACGT")]).toarray()
    assert (rows[0] == rows[1]).all()
    assert kmer_counts([np.arange(7, dtype=np.uint8)]).nnz == 0
