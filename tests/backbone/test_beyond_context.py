"""Filters, backbones and models at lengths that they were not trained on."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig, ImplicitFilter
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.errors import InputError
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig
from hyenadna_kit.scoring.genome_scores import GenomeScorer
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.scorer import VariantScorer
from tests.oracles import direct_hyena

CONTEXT = 20
LENGTHS = [1, 19, 20, 21, 50, 200]
MODES = ["continue", "truncate", "decay", "interpolate"]
KEEPING = MODES[:3]
IDS = torch.randint(7, 11, (2, 75), generator=torch.Generator().manual_seed(1))


def draw(module):
    """Give every weight a value that shows."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    return module.double().eval()


def build_filters(mode, **options):
    return draw(ImplicitFilter(FilterConfig(filter_order=8, beyond_context=mode, **options), 6, CONTEXT))


def expected_taps(filters, unit, length):
    tensors = {name: parameter.detach().numpy() for name, parameter in filters.named_parameters()}
    options = direct_hyena.Options(context_length=unit, shift=filters.config.shift)
    return direct_hyena.long_filters(tensors, options, length).T


@pytest.mark.parametrize("length", LENGTHS)
def test_decaying_tail_falls_by_the_target_a_trained_length(length):
    filters = build_filters("decay", shift=0.05)
    expected = expected_taps(filters, CONTEXT, length)
    beyond = np.maximum(0, np.arange(length) / (CONTEXT - 1) - 1)
    np.testing.assert_allclose(filters(length).detach(), expected * 0.01**beyond, rtol=0, atol=1e-12)


def test_decaying_tail_dies_where_a_continued_one_does_not():
    tails = {mode: build_filters(mode, shift=0.05, modulate=True)(1000)[:, 500:] for mode in ("decay",)}
    with pytest.warns(UserWarning, match="their tail does not decay"):
        tails["continue"] = build_filters("continue", shift=0.05)(1000)[:, 500:]
    assert tails["decay"].abs().max() < 1e-40 * tails["continue"].abs().max()


@pytest.mark.parametrize("length", LENGTHS)
def test_interpolated_filters_are_the_trained_ones_stretched(length):
    filters = build_filters("interpolate")
    expected = expected_taps(filters, max(CONTEXT, length), length)
    np.testing.assert_allclose(filters(length).detach(), expected, rtol=0, atol=1e-12)


def test_interpolated_filters_of_twice_the_length_pass_through_the_trained_taps():
    filters = build_filters("interpolate", emb_dim=3)
    # Without cosines of w = 2 pi i / length, whose last step is not that of t, only t speaks.
    with torch.no_grad():
        filters.implicit_filter[0].weight[:, 1:] = 0
    torch.testing.assert_close(filters(2 * CONTEXT - 1)[:, ::2], filters(CONTEXT), rtol=0, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("features", ["computed", "stored", "learned"])
def test_rows_for_inference_are_those_of_training(mode, features):
    filters = build_filters(mode, features=features)
    for length in LENGTHS:
        hidden, expected = filters.hidden(length), filters(length)
        torch.testing.assert_close(filters.rows(hidden, slice(1, 4)), expected[1:4], rtol=0, atol=1e-13)


def build_model(mode="continue", **filters):
    filter_config = FilterConfig(filter_order=6, beyond_context=mode, **filters)
    backbone = BackboneConfig(d_model=8, context_length=CONTEXT, mixer=HyenaConfig(filter=filter_config))
    return draw(HyenaDNAConfig(backbone=backbone).build())


def logits(model, ids=IDS):
    with torch.inference_mode():
        return model(ids).logits


@pytest.mark.parametrize("mode", KEEPING)
def test_longer_model_says_the_same_of_the_first_positions(mode):
    model = build_model()
    longer = model.with_context_length(75, mode=mode)
    assert longer.context_length == 75
    found = logits(longer)
    torch.testing.assert_close(found[:, :CONTEXT], logits(model, IDS[:, :CONTEXT]), rtol=0, atol=1e-10)
    torch.testing.assert_close(found, logits(longer.train().eval(), IDS), rtol=0, atol=0)
    with torch.enable_grad():
        torch.testing.assert_close(longer(IDS).logits, found, rtol=0, atol=1e-10)


def test_modes_differ_beyond_the_trained_length_alone():
    model = build_model()
    continued, truncated, decayed, stretched = (
        logits(model.with_context_length(75, mode=mode)) for mode in MODES
    )
    torch.testing.assert_close(continued, logits(model), rtol=0, atol=0)
    for one, other in [(continued, truncated), (continued, decayed), (truncated, decayed)]:
        assert (one[:, :CONTEXT] - other[:, :CONTEXT]).abs().max() < 1e-10
        assert (one[:, CONTEXT + 5 :] - other[:, CONTEXT + 5 :]).abs().max() > 1e-6
    assert (continued[:, :CONTEXT] - stretched[:, :CONTEXT]).abs().max() > 1e-3


@pytest.mark.parametrize("features", ["computed", "stored"])
def test_longer_model_is_a_copy_that_is_read_back_as_it_is(features, tmp_path):
    model = build_model(features=features).float()
    longer = model.with_context_length(50, mode="decay").with_context_length(60)
    longer.save_pretrained(tmp_path)
    found = HyenaDNA.from_pretrained(tmp_path)
    assert (found.context_length, found.config.backbone.trained_length) == (60, CONTEXT)
    assert found.config.backbone.mixer.filter.beyond_context == "decay"
    assert torch.equal(logits(found), logits(longer))
    before = logits(longer)
    with torch.no_grad():
        model.backbone.ln_f.bias.add_(1)
    assert torch.equal(logits(longer), before)


def test_longer_model_is_what_the_model_is():
    model = build_model()
    assert next(model.with_context_length(50).parameters()).dtype == torch.float64
    assert model.train().with_context_length(50).training
    assert model.with_context_length(7).context_length == 7
    torch.testing.assert_close(logits(model.with_context_length(7).eval()), logits(model.eval()))


@pytest.mark.parametrize("length", [1, 0, -5])
def test_context_of_no_two_tokens_is_refused(length):
    with pytest.raises(ValueError, match=f"context_length must be at least 2, got {length}"):
        build_model().with_context_length(length)


def test_unknown_mode_and_half_a_token_are_refused(no_shape_checks):
    model = HyenaDNAConfig(backbone=BackboneConfig(d_model=8, num_layers=1, context_length=CONTEXT)).build()
    with pytest.raises(ValueError, match=r"beyond_context must be one of continue, truncate.*, got 'end'"):
        model.with_context_length(50, mode="end")
    with pytest.raises(TypeError, match=r"context_length must be a whole number, got 50\.5"):
        model.with_context_length(50.5)


def test_truncation_is_planned_by_the_trained_length():
    config = build_model("truncate").with_context_length(1000).config.backbone
    assert config.pass_size(1, 1000).mixers[0].taps == CONTEXT
    assert replace(config, trained_length=None).pass_size(1, 1000).mixers[0].taps == 1000


def test_filters_that_stretch_keep_no_prefix():
    model = build_model("interpolate")
    placement = Placement.for_window(64)
    assert VariantScorer(model, placement).engine.name == "full"
    with pytest.raises(InputError, match="stretches its filters"):
        VariantScorer(model, placement, engine="shared")
    with pytest.raises(InputError, match="filters do not stretch with the window"):
        GenomeScorer(model, placement)
    assert VariantScorer(build_model("decay"), placement).engine.name == "shared"


def test_every_mode_is_trained_through(no_shape_checks):
    for mode in MODES:
        model = build_model(mode)
        twin = copy.deepcopy(model)
        loss = model.head.loss(model(IDS).logits, IDS)
        loss.backward()
        with torch.no_grad():
            step = {name: parameter.grad for name, parameter in model.named_parameters()}
            for name, parameter in twin.named_parameters():
                parameter.sub_(step[name], alpha=1e-6)
            lower = twin.head.loss(twin(IDS).logits, IDS)
        expected = -1e-6 * sum(float(gradient.square().sum()) for gradient in step.values())
        assert float(lower - loss.detach()) == pytest.approx(expected, rel=1e-2)
