"""Shapes of filters against taps that are looked at one by one."""

import numpy as np
import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.attention import AttentionConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.heads.masked_language_model import MaskedLanguageModelHeadConfig
from hyenadna_kit.interpretation import filters
from hyenadna_kit.interpretation.filters import filter_shapes
from hyenadna_kit.model import HyenaDNAConfig


def build(order=2, *, bidirectional=False, **options):
    torch.manual_seed(1)
    mixer = HyenaConfig(order=order, filter=FilterConfig(filter_order=8), bidirectional=bidirectional)
    backbone = BackboneConfig(d_model=6, num_layers=3, context_length=200, mixer=mixer, **options)
    head = {"head": MaskedLanguageModelHeadConfig()} if bidirectional else {}
    return HyenaDNAConfig(backbone=backbone, **head).build().eval()


def taps(model, layer):
    with torch.no_grad():
        return model.backbone.layers[layer].mixer.filter_fn(200).double().numpy()


@pytest.mark.parametrize("at_a_time", [1, 2 * 200, 1 << 22])
@pytest.mark.parametrize("order", [2, 3])
def test_sizes_are_root_mean_squares_of_the_taps_of_each_bin(monkeypatch, order, at_a_time):
    monkeypatch.setattr(filters, "_TAPS_AT_A_TIME", at_a_time)
    model = build(order)
    found = filter_shapes(model, 200)
    assert [(each.layer, each.direction) for each in found] == [(layer, "upstream") for layer in range(3)]
    for each in found:
        expected = taps(model, each.layer)
        assert each.channels[0] == 0
        assert each.channels[-1] == 6 * (order - 1) - 1
        np.testing.assert_allclose(each.first_taps, expected[list(each.channels), :64], rtol=1e-5, atol=1e-8)
        # Each bin is a run of taps around its middle, and the bins hold every tap once.
        first = 0
        for index, middle in enumerate(each.distances):
            last = round(2 * middle) - 1 - first
            sizes = np.sqrt((expected[:, first:last] ** 2).mean(axis=1))
            np.testing.assert_allclose(each.sizes[:, index], sizes[list(each.channels)], rtol=1e-5, atol=1e-8)
            np.testing.assert_allclose(each.quantiles[1, index], np.median(sizes), rtol=1e-5, atol=1e-8)
            first = last
        assert first == 200


def test_both_directions_are_told_apart():
    model = build(bidirectional=True)
    found = filter_shapes(model, 200)
    assert [each.direction for each in found[:2]] == ["upstream", "downstream"]
    rows = taps(model, 0)
    np.testing.assert_allclose(found[0].first_taps[-1], rows[5, :64], rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(found[1].first_taps[-1], rows[11, :64], rtol=1e-5, atol=1e-8)


def test_layers_of_attention_have_no_filters():
    model = build(other_mixer=AttentionConfig(num_heads=1), other_layers=(1,))
    assert [each.layer for each in filter_shapes(model, 50)] == [0, 2]


@pytest.mark.parametrize("length", [2, 3, 63, 65])
def test_short_filters_have_shapes(length):
    for each in filter_shapes(build(), length):
        assert each.first_taps.shape[1] == min(64, length)
        assert np.isfinite(each.quantiles).all()
        assert each.distances[0] == 1
        assert each.distances[-1] <= length
