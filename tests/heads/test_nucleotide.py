"""Labels of every position, and of bins, against loops over the tokens."""

import numpy as np
import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.batch import IGNORED_LABEL
from hyenadna_kit.heads.nucleotide import NucleotideHeadConfig, bin_means
from hyenadna_kit.model import HyenaDNAConfig

IDS = torch.randint(7, 11, (3, 12), generator=torch.Generator().manual_seed(2))


def build(*, bin_size=1, both_strands=False, **options):
    arguments = {"objective": "regression", "labels": ("a", "b")} | options
    config = NucleotideHeadConfig(**arguments, bin_size=bin_size)
    backbone = BackboneConfig(d_model=8, num_layers=1, context_length=16)
    torch.manual_seed(0)
    return HyenaDNAConfig(backbone=backbone, head=config, both_strands=both_strands).build().eval().double()


def draw(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def plain_bins(tokens, bin_size, num_bins):
    """Return the means of bins of the tokens of one sequence, zeros where there are none left."""
    rows = [row.tolist() for row in tokens]
    bins = [rows[start : start + bin_size] for start in range(0, num_bins * bin_size, bin_size)]
    empty = [0.0] * tokens.shape[1]
    return [[sum(c) / len(b) for c in zip(*b, strict=True)] if b else empty for b in bins]


@pytest.mark.parametrize("bin_size", [1, 2, 3, 4, 7, 11, 12, 13])
def test_bins_are_means_of_tokens_counted_without_padding(bin_size):
    states, mask = draw(6, 11, 3), torch.ones(6, 11, dtype=torch.bool)
    mask[1, :4], mask[2, 8:], mask[3, [0, 5, 10]], mask[4, 1:], mask[5] = False, False, False, False, False
    num_bins = -(-11 // bin_size)
    expected = [plain_bins(row[kept], bin_size, num_bins) for row, kept in zip(states, mask, strict=True)]
    np.testing.assert_allclose(bin_means(states, bin_size, mask), expected, rtol=0, atol=1e-14)
    whole = [plain_bins(row, bin_size, num_bins) for row in states]
    np.testing.assert_allclose(bin_means(states, bin_size), whole, rtol=0, atol=1e-14)


def test_padding_of_bins_has_no_say_whatever_stands_there():
    mask = torch.ones(2, 9, dtype=torch.bool)
    mask[0, :4], mask[1] = False, False
    states = draw(2, 9, 3).masked_fill(~mask[..., None], torch.nan).requires_grad_()
    found = bin_means(states, 4, mask)
    found.square().sum().backward()
    assert found.isfinite().all()
    assert not states.grad[~mask].any()
    assert states.grad[mask].all()


def test_logits_of_positions_are_a_linear_layer_on_their_states():
    model = build()
    out = model(IDS)
    expected = out.last_hidden_state @ model.head.linear.weight.T + model.head.linear.bias
    torch.testing.assert_close(out.logits, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("bin_size", [2, 3, 5])
def test_logits_of_bins_are_the_means_of_those_of_positions(bin_size):
    positions, bins = build(), build(bin_size=bin_size)
    expected = [plain_bins(row, bin_size, -(-12 // bin_size)) for row in positions(IDS).logits]
    np.testing.assert_allclose(bins(IDS).logits.detach(), expected, rtol=0, atol=1e-12)


def test_both_strands_give_the_mean_of_what_each_gives_of_a_position():
    single, both = build(), build(both_strands=True)
    expected = (single(IDS).logits + single(17 - IDS.flip(1)).logits.flip(1)) / 2
    torch.testing.assert_close(both(IDS).logits, expected, rtol=0, atol=1e-12)


def test_labels_of_padding_have_no_say():
    model = build(objective="multiclass", labels=("a", "b", "c"))
    labels = torch.arange(36).view(3, 12) % 3
    expected = model.head.loss(model(IDS).logits, labels)
    pad = torch.nn.functional.pad
    mask = pad(torch.ones_like(IDS, dtype=torch.bool), (2, 3))
    logits = model(pad(IDS, (2, 3), value=4), mask).logits
    found = model.head.loss(logits, pad(labels, (2, 3), value=IGNORED_LABEL))
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=0)


def test_bin_of_no_position_is_refused():
    with pytest.raises(ValueError, match="bin_size must be at least 1, got 0"):
        build(bin_size=0)
