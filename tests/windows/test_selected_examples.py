"""Some of the examples of a table keep their sequences and labels together."""

import numpy as np
import pytest

from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer
from hyenadna_kit.windows.examples import Examples, SequencePieces
from hyenadna_kit.windows.selected_examples import select_examples, shuffle_labels

SEQUENCES = ("A", "CC", "GGG", "TTTT")
TOKENIZER = NucleotideTokenizer()


@pytest.fixture
def examples():
    return Examples(SequencePieces(SEQUENCES, TOKENIZER), np.array([10, 20, 30, 40]))


def read(examples):
    return [TOKENIZER.decode(examples.pieces.tokens(row)[0]) for row in range(len(examples))]


def test_selected_examples_keep_their_labels_and_lengths(examples):
    found = select_examples(examples, np.array([3, 1]))
    assert read(found) == ["TTTT", "CC"]
    assert found.labels.tolist() == [40, 20]
    assert list(found.pieces.lengths) == [4, 2]


def test_selected_examples_keep_the_labels_of_their_positions():
    of_bases = Examples(
        SequencePieces(SEQUENCES, TOKENIZER), np.array([0, 10, 11, 20, 21, 22, 30, 31, 32, 33])[:, None],
        np.array([0, 1, 3, 6, 10]),
    )  # fmt: skip
    found = select_examples(of_bases, np.array([2, 0]))
    assert read(found) == ["GGG", "A"]
    assert [found.labels_of(row).ravel().tolist() for row in range(2)] == [[20, 21, 22], [0]]


def test_shuffled_labels_are_the_same_labels_on_other_rows(examples):
    many = Examples(SequencePieces(SEQUENCES * 10, TOKENIZER), np.arange(40))
    found = shuffle_labels(many, np.random.default_rng(0))
    assert read(found) == list(SEQUENCES * 10)
    assert sorted(found.labels.tolist()) == list(range(40))
    assert (found.labels != many.labels).mean() > 0.8
    assert many.labels.tolist() == list(range(40))
