"""Likelihoods of a stream: those of a whole pass, in pieces of any size."""

import math

import numpy as np
import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.mixers.attention import AttentionConfig
from hyenadna_kit.errors import InputError
from hyenadna_kit.generation.likelihood import stream_likelihoods
from hyenadna_kit.heads.sequence import SequenceHeadConfig
from hyenadna_kit.model import HyenaDNAConfig
from hyenadna_kit.tokenizers.nucleotide import FIRST_BASE
from tests.generation.test_generate import build

TOKENS = np.random.default_rng(0).integers(FIRST_BASE, FIRST_BASE + 5, 700).astype(np.uint8)


def whole(model, tokens):
    """Return log p and entropy in one pass."""
    with torch.no_grad():
        log_probs = model(torch.from_numpy(tokens[None, :-1]).long()).logits[0].log_softmax(1)
    entropy = -(log_probs.exp() * log_probs).sum(1) / math.log(2)
    return log_probs[range(len(tokens) - 1), tokens[1:].astype(int)].numpy(), entropy.numpy()


def streamed(model, tokens, pieces, **options):
    found = list(stream_likelihoods(model, pieces, **options))
    assert np.array_equal(np.concatenate([each.tokens for each in found]), tokens[1:])
    return tuple(np.concatenate([each[place] for each in found]) for place in (1, 2))


@pytest.mark.parametrize("step", [1, 7, 64, 699, 4096])
@pytest.mark.parametrize("piece", [1, 50, 700])
def test_likelihoods_are_those_of_a_whole_pass(step, piece):
    model, tokens = build(), TOKENS[:200] if step == 1 else TOKENS
    pieces = [tokens[first : first + piece] for first in range(0, len(tokens), piece)]
    found = streamed(model, tokens, pieces, num_tokens=len(tokens), step=step)
    np.testing.assert_allclose(found, whole(model, tokens), atol=1e-9)


@pytest.mark.parametrize("order", [2, 3])
def test_stream_without_end_is_the_model_whose_filters_end(order):
    model = build(order).with_filter_taps(40)
    found = streamed(model, TOKENS, iter([TOKENS]), step=32)
    np.testing.assert_allclose(found, whole(model, TOKENS), atol=1e-9)


def test_attention_is_streamed_too():
    torch.manual_seed(0)
    backbone = BackboneConfig(d_model=8, num_layers=2, mixer=AttentionConfig(num_heads=2))
    model = HyenaDNAConfig(backbone=backbone).build().double().eval()
    found = streamed(model, TOKENS, [TOKENS], num_tokens=700, step=100)
    np.testing.assert_allclose(found, whole(model, TOKENS), atol=1e-9)


def test_less_than_two_tokens_have_no_likelihood():
    assert not list(stream_likelihoods(build(), [TOKENS[:1]], num_tokens=1))
    assert not list(stream_likelihoods(build(), [], num_tokens=1))


def test_calls_that_make_no_sense_are_refused():
    model = build()
    with pytest.raises(ValueError, match="give max_taps, or truncate them"):
        list(stream_likelihoods(model, [TOKENS]))
    with pytest.raises(InputError, match="more tokens came than the 600"):
        list(stream_likelihoods(model, [TOKENS], num_tokens=600, step=64))
    with pytest.raises(InputError, match="must be at least 1, got 0"):
        list(stream_likelihoods(model, [TOKENS], num_tokens=700, step=0))
    head = SequenceHeadConfig(objective="binary", labels=("0", "1"))
    with pytest.raises(InputError, match="a stream needs a language model"):
        list(stream_likelihoods(build(head=head), [TOKENS], num_tokens=700))
