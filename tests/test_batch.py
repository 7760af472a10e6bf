"""Collation of token windows into inputs and labels."""

import numpy as np
import pytest
import torch

from hyenadna_kit.batch import IGNORED_LABEL, Batch, next_token_batch

FIRST_BASE, LAST_BASE = 7, 10
X = IGNORED_LABEL


def window(*tokens):
    return np.array(tokens, dtype=np.uint8)


def test_labels_are_the_tokens_that_follow():
    batch = next_token_batch([window(7, 8, 9, 10), window(10, 10, 7, 8)], FIRST_BASE, LAST_BASE)
    assert isinstance(batch, Batch)
    assert batch.input_ids.tolist() == [[7, 8, 9], [10, 10, 7]]
    assert batch.labels.tolist() == [[8, 9, 10], [10, 7, 8]]


@pytest.mark.parametrize("other", [0, 1, 4, 6, 11, 15, 255], ids=lambda token: f"token {token}")
def test_what_is_no_base_is_an_input_and_never_a_label(other):
    batch = next_token_batch([window(other, 7, other, 8)], FIRST_BASE, LAST_BASE)
    assert batch.input_ids.tolist() == [[other, 7, other]]
    assert batch.labels.tolist() == [[7, X, 8]]


def test_input_ids_stay_one_byte_each():
    batch = next_token_batch([window(7, 8)], FIRST_BASE, LAST_BASE)
    assert batch.input_ids.dtype == torch.uint8
    assert batch.labels.dtype == torch.int16


def test_ignored_label_is_the_one_that_cross_entropy_ignores():
    assert torch.nn.CrossEntropyLoss().ignore_index == IGNORED_LABEL


def test_windows_are_copied():
    source = window(7, 8, 9)
    batch = next_token_batch([source], FIRST_BASE, LAST_BASE)
    source[:] = 0
    assert batch.input_ids.tolist() == [[7, 8]]
    assert batch.labels.tolist() == [[8, 9]]


def test_read_only_windows_are_taken():
    # Windows of a memory-mapped store.
    source = window(7, 8, 9)
    source.flags.writeable = False
    assert next_token_batch([source], FIRST_BASE, LAST_BASE).labels.tolist() == [[8, 9]]


def test_windows_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="same shape"):
        next_token_batch([window(7, 8, 9), window(7, 8)], FIRST_BASE, LAST_BASE)


def test_weights_are_those_of_the_tokens_that_follow():
    weights = [np.float32([0.5, 1, 0, 0.25])]
    batch = next_token_batch([window(7, 8, 9, 10)], FIRST_BASE, LAST_BASE, weights=weights)
    assert batch.weights.tolist() == [[1, 0, 0.25]]
    assert next_token_batch([window(7, 8, 9, 10)], FIRST_BASE, LAST_BASE).weights is None
