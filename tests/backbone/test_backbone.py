"""The backbone against float64 numpy, its sizes and how its weights start."""

import math

import numpy as np
import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from tests.oracles import direct_hyena

CONTEXT = 30
FILTER = FilterConfig(filter_order=6)
IDS = torch.randint(0, 12, (2, 45), generator=torch.Generator().manual_seed(0))


def build(**options):
    """Return a small backbone in float64 and eval mode whose every term shows."""
    mixer = HyenaConfig(filter=FILTER)
    config = BackboneConfig(**({"d_model": 6, "context_length": CONTEXT, "mixer": mixer} | options))
    backbone = config.build().double().eval()
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return backbone


@pytest.mark.parametrize("length", [1, 29, 30, 31, 45])
@pytest.mark.parametrize(
    ("options", "oracle"),
    [
        ({}, {}),
        ({"num_layers": 1}, {"num_layers": 1}),
        ({"num_layers": 3, "d_inner": 11}, {"num_layers": 3}),
        ({"mixer": HyenaConfig(order=3, filter=FilterConfig(filter_order=6, emb_dim=7))}, {"order": 3}),
    ],
    ids=["2 layers", "1 layer", "3 layers, d_inner 11", "order 3, emb_dim 7"],
)
def test_hidden_states_follow_the_definition(options, oracle, length):
    backbone = build(**options)
    tensors = {f"backbone.{name}": tensor.detach().numpy() for name, tensor in backbone.named_parameters()}
    known = direct_hyena.Options(context_length=CONTEXT, **oracle)
    expected = direct_hyena.backbone(tensors, known, IDS[:, :length].numpy())
    np.testing.assert_allclose(backbone(IDS[:, :length]).detach(), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32], ids=str)
def test_ids_of_any_integer_type_give_the_same(dtype):
    backbone = build()
    assert torch.equal(backbone(IDS.to(dtype)), backbone(IDS))


@pytest.mark.parametrize(
    ("vocab_size", "multiple", "rows"), [(12, 8, 16), (16, 8, 16), (17, 8, 24), (12, 1, 12), (5, 64, 64)]
)
def test_embedding_has_the_next_multiple_of_rows(vocab_size, multiple, rows):
    config = BackboneConfig(d_model=4, vocab_size=vocab_size, pad_vocab_size_multiple=multiple)
    assert config.padded_vocab_size == rows
    assert config.build().embedding_weight.shape == (rows, 4)


@pytest.mark.parametrize(("d_inner", "width"), [(None, 24), (10, 10)])
def test_mlp_is_four_times_as_wide_unless_told_otherwise(d_inner, width):
    assert build(d_inner=d_inner).layers[0].mlp.fc1.weight.shape == (width, 6)


def test_layer_norm_epsilon_reaches_every_norm():
    backbone = build(layer_norm_epsilon=0.125)
    norms = [module for module in backbone.modules() if isinstance(module, torch.nn.LayerNorm)]
    assert [norm.eps for norm in norms] == [0.125] * 5


def test_embedding_and_what_every_mixer_and_mlp_adds_are_dropped_once():
    backbone = build(embed_dropout=0.3, resid_dropout=0.2)
    called = []
    for module in backbone.modules():
        if isinstance(module, torch.nn.Dropout):
            module.register_forward_hook(lambda module, *_: called.append(module.p))
    backbone(IDS)
    # Each mixer has its own before the long convolution, with p 0.
    assert called == [0.3, 0.0, 0.2, 0.2, 0.0, 0.2, 0.2]


def test_training_drops_and_eval_does_not():
    backbone = build(embed_dropout=0.5)
    assert torch.equal(backbone(IDS), backbone(IDS))
    backbone.train()
    torch.manual_seed(0)
    assert not torch.equal(backbone(IDS), backbone(IDS))


def test_weights_start_as_published():
    torch.manual_seed(0)
    filters = FilterConfig(shift=0.05)
    config = BackboneConfig(d_model=256, num_layers=4, context_length=2000, mixer=HyenaConfig(filter=filters))
    backbone = config.build()
    shrunk = 0.02 / math.sqrt(2 * 4)
    expected = {
        "word_embeddings.weight": 0.02,
        "in_proj.weight": 0.02,
        "out_proj.weight": shrunk,
        "fc1.weight": 0.02,
        "fc2.weight": shrunk,
        "implicit_filter.0.weight": 0.02,
        "implicit_filter.4.weight": 0.02,
        "implicit_filter.6.weight": 0.02,
        "filter_fn.bias": 1.0,
    }
    for name, parameter in backbone.named_parameters():
        for ending, std in expected.items():
            if name.endswith(ending):
                # Four standard errors of a standard deviation.
                tolerance = 4 / math.sqrt(2 * parameter.numel())
                assert parameter.std().item() == pytest.approx(std, rel=tolerance), name
        if "norm" in name or "ln_f" in name:
            assert parameter.unique().tolist() == [1.0 if name.endswith("weight") else 0.0], name
        elif name.endswith("bias") and "filter_fn.bias" not in name and "short_filter" not in name:
            assert not parameter.any(), name
    with torch.no_grad():
        taps = torch.cat([block.mixer.filter_fn(2000) for block in backbone.layers])
    # One draw of the published code gave 0.018 and 0.19.
    assert 0.015 < taps.std().item() < 0.03
    assert 0.15 < taps.abs().max().item() < 0.4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"d_model": 0}, "d_model must be at least 1, got 0"),
        ({"num_layers": 0}, "num_layers must be at least 1, got 0"),
        ({"context_length": 1}, "context_length must be at least 2, got 1"),
        ({"vocab_size": 0}, "vocab_size must be at least 1, got 0"),
    ],
)
def test_impossible_sizes_are_refused(options, message):
    with pytest.raises(ValueError, match="at least") as error:
        BackboneConfig(**options)
    assert str(error.value) == message
