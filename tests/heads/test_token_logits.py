"""The token heads' numbers against plain formulas: logits, loss and what the next token says."""

import copy
import math

import numpy as np
import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.batch import IGNORED_LABEL
from hyenadna_kit.heads.language_model import (
    LanguageModelHeadConfig,
    next_token_entropy,
    next_token_log_probs,
)
from hyenadna_kit.model import HyenaDNAConfig

BACKBONE = BackboneConfig(
    d_model=8, num_layers=1, context_length=16, mixer=HyenaConfig(filter=FilterConfig(filter_order=4))
)
BATCH, LENGTH, VOCAB = 3, 11, 16
TOKENS = torch.randint(7, 11, (BATCH, LENGTH), generator=torch.Generator().manual_seed(0))


def build(config):
    torch.manual_seed(0)
    return HyenaDNAConfig(backbone=BACKBONE, head=config).build().eval()


def test_tied_head_uses_the_embedding_and_has_no_weights():
    model = build(LanguageModelHeadConfig(tied=True))
    assert list(model.head.parameters()) == []
    out = model(TOKENS)
    torch.testing.assert_close(out.logits, out.last_hidden_state @ model.backbone.embedding_weight.T)


def test_untied_head_uses_its_own_weights():
    model = build(LanguageModelHeadConfig(tied=False))
    weight = model.head.weight
    assert weight.shape == (VOCAB, 8)
    assert weight.std().item() == pytest.approx(0.02, rel=0.25)
    out = model(TOKENS)
    torch.testing.assert_close(out.logits, out.last_hidden_state @ weight.T)


def draw_logits(dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    return (5 * torch.randn(BATCH, LENGTH, VOCAB, generator=generator, dtype=torch.float64)).to(dtype)


def plain_log_probs(logits):
    """Return log softmax in float64 numpy."""
    logits = logits.double().numpy()
    return logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))


HEAD = LanguageModelHeadConfig().build(BACKBONE)


def test_loss_is_the_mean_over_the_labels_that_count():
    logits, labels = draw_logits(), TOKENS.to(torch.int16).clone()
    labels[0, :7], labels[2, 3] = IGNORED_LABEL, IGNORED_LABEL
    log_probs = plain_log_probs(logits)
    counted = [(b, i) for b in range(BATCH) for i in range(LENGTH) if labels[b, i] != IGNORED_LABEL]
    assert len(counted) == BATCH * LENGTH - 8
    expected = -sum(log_probs[b, i, labels[b, i]] for b, i in counted) / len(counted)
    assert HEAD.loss(logits, labels).item() == pytest.approx(expected, rel=1e-12)


def test_loss_of_equal_logits_is_the_logarithm_of_the_columns():
    assert HEAD.loss(torch.zeros(BATCH, LENGTH, VOCAB), TOKENS).item() == pytest.approx(math.log(VOCAB))


def test_batch_without_labels_has_loss_0_and_zero_gradients():
    logits = draw_logits().requires_grad_()
    loss = HEAD.loss(logits, torch.full((BATCH, LENGTH), IGNORED_LABEL))
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_loss_of_bfloat16_logits_is_summed_in_float32():
    logits = draw_logits(torch.bfloat16)
    loss = HEAD.loss(logits, TOKENS)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(HEAD.loss(logits.double(), TOKENS).item(), rel=1e-6)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5), (torch.bfloat16, 1e-5)], ids=str
)
def test_log_probs_of_the_following_tokens(dtype, tolerance):
    logits = draw_logits(dtype)
    found = next_token_log_probs(logits, TOKENS.to(torch.int16))
    assert found.dtype == torch.promote_types(dtype, torch.float32)
    expected = np.take_along_axis(plain_log_probs(logits), TOKENS.numpy()[..., None], axis=2)[..., 0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def test_entropy_is_in_bits():
    logits = draw_logits()
    log_probs = plain_log_probs(logits)
    expected = -(np.exp(log_probs) * log_probs).sum(axis=2) / math.log(2)
    np.testing.assert_allclose(next_token_entropy(logits), expected, rtol=1e-12)
    even = next_token_entropy(torch.zeros(1, 1, 16))
    assert even.item() == pytest.approx(4.0)


def test_copied_head_shares_nothing():
    model = build(LanguageModelHeadConfig(tied=False))
    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin.head.weight.zero_()
    assert model.head.weight.any()


def test_weighted_loss_is_the_weighted_mean_over_the_labels_that_count():
    logits, labels = draw_logits(), TOKENS.to(torch.int16).clone()
    labels[0, :7] = IGNORED_LABEL
    weights = torch.rand(BATCH, LENGTH, generator=torch.Generator().manual_seed(2))
    log_probs = plain_log_probs(logits)
    counted = [(b, i) for b in range(BATCH) for i in range(LENGTH) if labels[b, i] != IGNORED_LABEL]
    total = sum(weights[b, i].item() for b, i in counted)
    expected = -sum(weights[b, i].item() * log_probs[b, i, labels[b, i]] for b, i in counted) / total
    assert HEAD.loss(logits, labels, weights).item() == pytest.approx(expected, rel=1e-6)


def test_weights_of_1_change_nothing():
    logits, labels = draw_logits(torch.float32), TOKENS.to(torch.int16).clone()
    labels[1, 2:5] = IGNORED_LABEL
    weighted = HEAD.loss(logits, labels, torch.ones(BATCH, LENGTH)).item()
    assert weighted == pytest.approx(HEAD.loss(logits, labels).item(), rel=1e-6)


def test_loss_does_not_depend_on_the_scale_of_the_weights():
    logits, weights = draw_logits(), torch.rand(BATCH, LENGTH)
    one, other = (HEAD.loss(logits, TOKENS, scale * weights).item() for scale in (1.0, 1e-3))
    assert one == pytest.approx(other, rel=1e-5)


def test_batch_in_which_no_label_has_weight_has_loss_0_and_zero_gradients():
    logits = draw_logits().requires_grad_()
    loss = HEAD.loss(logits, TOKENS, torch.zeros(BATCH, LENGTH))
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_gradient_at_a_label_of_weight_0_is_exactly_0():
    logits, weights = draw_logits().requires_grad_(), torch.ones(BATCH, LENGTH)
    weights[1, 4] = 0
    HEAD.loss(logits, TOKENS, weights).backward()
    assert not logits.grad[1, 4].any()
    assert logits.grad.abs().sum(2).count_nonzero() == BATCH * LENGTH - 1


def test_predictions_are_probabilities_of_the_tokens():
    logits = draw_logits(torch.bfloat16)
    found = HEAD.predictions(logits)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, np.exp(plain_log_probs(logits)), rtol=0, atol=1e-6)
