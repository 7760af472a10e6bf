"""The long filters against their definition in float64 numpy and worked numbers."""

import copy
import math
import warnings

import numpy as np
import pytest
import torch

from hyenadna_kit.backbone.filters import FilterConfig, ImplicitFilter, PositionFeatures
from tests.oracles import direct_hyena

CONTEXT, CHANNELS = 20, 6
LENGTHS = [1, 2, 19, 20, 21, 50]


def build(config=None, *, dtype=torch.float64, channels=CHANNELS, context_length=CONTEXT):
    """Return filters with weights large enough that every part shows in the taps."""
    filters = ImplicitFilter(config or FilterConfig(filter_order=8), channels, context_length)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in filters.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(parameter + 0.01 * noise if name.endswith(".z") else noise)
    return filters.to(dtype)


def arrays(module):
    return {name: parameter.detach().double().numpy() for name, parameter in module.named_parameters()}


CONFIGS = {
    "published": FilterConfig(filter_order=8, shift=0.05, beyond_context="truncate"),
    "shift 0": FilterConfig(filter_order=8),
    "not modulated": FilterConfig(filter_order=8, modulate=False, shift=0.05),
    "emb_dim 3": FilterConfig(filter_order=8, emb_dim=3),
    "emb_dim 9": FilterConfig(filter_order=8, emb_dim=9),
    "no inner layer": FilterConfig(filter_order=8, num_inner_mlps=0),
    "three inner layers": FilterConfig(filter_order=4, num_inner_mlps=3),
    "other decay": FilterConfig(
        filter_order=8, fast_decay_fraction=0.1, slow_decay_fraction=0.7, decay_target=0.2
    ),
    "learned": FilterConfig(filter_order=8, features="learned"),
    "stored, truncated": FilterConfig(filter_order=8, features="stored", beyond_context="truncate"),
}


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_taps_follow_the_definition(config, length):
    options = direct_hyena.Options(
        context_length=CONTEXT,
        num_inner_mlps=config.num_inner_mlps,
        modulate=config.modulate,
        shift=config.shift,
        fast=config.fast_decay_fraction,
        slow=config.slow_decay_fraction,
        target=config.decay_target,
        truncate=config.beyond_context == "truncate",
    )
    filters = build(config)
    expected = direct_hyena.long_filters(arrays(filters), options, length).T
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(filters(length).detach(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_longer_filters_begin_with_the_shorter_ones(config):
    filters = build(config)
    longest = filters(50)
    assert longest.shape[1] == (CONTEXT if config.beyond_context == "truncate" else 50)
    for length in LENGTHS:
        shorter = filters(length)
        torch.testing.assert_close(shorter, longest[:, : shorter.shape[1]], rtol=0, atol=1e-14)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_rows_made_from_the_hidden_values_are_those_of_all_filters(config, length):
    filters = build(config)
    hidden, expected = filters.hidden(length), filters(length)
    assert not hidden.requires_grad
    assert hidden.shape == (expected.shape[1], config.filter_order)
    for rows in (slice(0, 1), slice(1, 4), slice(4, None)):
        found = filters.rows(hidden, rows)
        assert not found.requires_grad
        torch.testing.assert_close(found, expected[rows], rtol=0, atol=1e-13)


def test_second_direction_has_rows_of_its_own_and_the_decay_of_the_first():
    one = build(FilterConfig(filter_order=8))
    both = ImplicitFilter(FilterConfig(filter_order=8), CHANNELS, CONTEXT, directions=2).double()
    state = one.state_dict()
    last = "implicit_filter.6.weight"
    generator = torch.Generator().manual_seed(4)
    other = torch.randn(state[last].shape, dtype=torch.float64, generator=generator)
    both.load_state_dict(state | {last: torch.cat([state[last], other])})
    found, upstream = both(33), one(33)
    one.load_state_dict(state | {last: other})
    torch.testing.assert_close(found, torch.cat([upstream, one(33)]), rtol=0, atol=1e-14)
    assert both.bias.shape == (CHANNELS,)
    torch.testing.assert_close(both.rows(both.hidden(33), slice(4, 9)), found[4:9], rtol=0, atol=1e-13)


@pytest.mark.parametrize("backend", ["eager", "reference"])
def test_named_backend_makes_the_same_filters(backend):
    filters = build()
    torch.testing.assert_close(filters(50, backend=backend), filters(50), rtol=0, atol=1e-13)


def test_shortened_float32_products_leave_the_filters_alone():
    filters = build(FilterConfig(filter_order=64), dtype=torch.float32, context_length=2048)
    expected = filters(2048)
    torch.set_float32_matmul_precision("medium")
    try:
        found = filters(2048)
    finally:
        torch.set_float32_matmul_precision("highest")
    assert torch.equal(found, expected)


def test_features_of_a_worked_example():
    features = PositionFeatures(FilterConfig(emb_dim=5), context_length=4).formula(6)
    slow = 1e-4 * math.pi / 2
    expected = [
        [0, 1, 1, 0, 0],
        [1 / 3, math.cos(slow), 0, -math.sin(slow), -1],
        [2 / 3, math.cos(2 * slow), -1, -math.sin(2 * slow), 0],
        [1, math.cos(3 * slow), 0, -math.sin(3 * slow), 1],
        [4 / 3, math.cos(4 * slow), 1, -math.sin(4 * slow), 0],
        [5 / 3, math.cos(5 * slow), 0, -math.sin(5 * slow), -1],
    ]
    np.testing.assert_allclose(features, expected, rtol=0, atol=1e-15)


def test_published_decay_rates():
    rates = ImplicitFilter(FilterConfig(), 128, 1024).decay_rates()
    # ln(0.01) / 1.5 and ln(0.01) / 0.3: the first channel reaches furthest.
    assert rates[0].item() == pytest.approx(3.0701, abs=5e-5)
    assert rates[-1].item() == pytest.approx(15.3506, abs=5e-5)
    assert torch.diff(rates).min() > 0


def test_one_sine_serves_all_layers():
    filters = build()
    names = [name for name, _ in filters.named_parameters() if name.endswith("freq")]
    assert names == ["implicit_filter.1.freq"]
    assert filters.implicit_filter[1].freq.shape == (1, 8)


@pytest.mark.parametrize(
    ("features", "has_z", "is_trained"),
    [("computed", False, None), ("stored", True, False), ("learned", True, True)],
)
def test_position_features_are_a_parameter_where_the_checkpoint_has_them(features, has_z, is_trained):
    filters = ImplicitFilter(FilterConfig(features=features), 4, CONTEXT)
    named = dict(filters.named_parameters())
    assert ("pos_emb.z" in named) == has_z
    if has_z:
        z = named["pos_emb.z"]
        assert z.shape == (1, CONTEXT, 5)
        assert z.requires_grad == is_trained
        expected = direct_hyena.position_features(CONTEXT, 5, CONTEXT)
        np.testing.assert_allclose(z[0].detach(), expected, rtol=0, atol=1e-7)


def test_frequencies_are_trained_only_if_asked_for():
    for trained in (True, False):
        filters = ImplicitFilter(FilterConfig(train_frequency=trained, activation_frequency=7.0), 4, CONTEXT)
        freq = filters.implicit_filter[1].freq
        assert freq.requires_grad == trained
        assert freq.unique().tolist() == [7.0]


@pytest.mark.parametrize("features", ["computed", "learned"])
def test_gradients_pass_the_numerical_check(features):
    filters = build(FilterConfig(filter_order=3, features=features, shift=0.05), channels=2, context_length=6)
    parameters = [parameter for name, parameter in filters.named_parameters() if name != "bias"]
    assert len(parameters) == (8 if features == "computed" else 9)
    assert torch.autograd.gradcheck(lambda *_: filters(5), parameters)


SHIFTED = FilterConfig(shift=0.05, beyond_context="continue")


def test_continued_tail_that_never_decays_warns_with_its_numbers():
    filters = ImplicitFilter(SHIFTED, 4, CONTEXT)
    message = (
        "continue to 21 bp, beyond the trained 20, with shift 0.05: .* beyond_context='truncate' ends them"
    )
    with pytest.warns(UserWarning, match=message):
        filters(CONTEXT + 1)


@pytest.mark.parametrize(
    ("config", "length"),
    [
        (SHIFTED, CONTEXT),
        (FilterConfig(shift=0.0, beyond_context="continue"), 2 * CONTEXT),
        (FilterConfig(shift=0.05, beyond_context="truncate"), 2 * CONTEXT),
        (FilterConfig(shift=0.05, beyond_context="continue", modulate=False), 2 * CONTEXT),
    ],
    ids=["within the context", "no shift", "truncated", "not modulated"],
)
def test_other_filters_do_not_warn(config, length):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ImplicitFilter(config, 4, CONTEXT)(length)


def test_tail_is_silent_without_shift_and_loud_with_it():
    # The published default of 0.05 outweighs the trained part when it runs on over 64 contexts.
    sums = {}
    for shift in (0.0, 0.05):
        filters = build(FilterConfig(filter_order=16, shift=shift), channels=64, context_length=128)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            taps = filters(64 * 128).abs()
        sums[shift] = (taps[:, 128:].sum() / taps[:, :128].sum()).item()
    assert sums[0.0] < 0.05
    assert sums[0.05] > 10


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_casting_leaves_the_filters_in_float32(dtype):
    filters = build(FilterConfig(filter_order=8, features="stored"), dtype=torch.float32)
    cast = copy.deepcopy(filters).to(dtype)
    for (name, before), after in zip(filters.named_parameters(), cast.parameters(), strict=True):
        assert after.dtype == torch.float32, name
        assert torch.equal(before, after), name
    assert torch.equal(cast(33), filters(33))
    assert cast.double()(33).dtype == torch.float64


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_autocast_leaves_the_filters_in_float32(dtype):
    filters = build(dtype=torch.float32)
    with torch.autocast("cpu", dtype):
        inside = filters(33)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, filters(33))


def test_float32_filters_are_close_to_the_exact_ones_at_a_million_positions():
    config = FilterConfig(filter_order=4, shift=0.05)
    with torch.no_grad():
        narrow, exact = (
            build(config, dtype=dtype, channels=2, context_length=1_000_002)(1_000_002)
            for dtype in (torch.float32, torch.float64)
        )
    assert (narrow - exact).abs().max() < 1e-5 * exact.abs().max()


def test_meta_filters_have_their_shape():
    filters = ImplicitFilter(FilterConfig(), 4, CONTEXT).to("meta")
    assert filters(33).shape == (4, 33)
    assert filters(33).is_meta


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"emb_dim": 4}, "emb_dim must be odd and at least 3, got 4"),
        ({"emb_dim": 1}, "emb_dim must be odd and at least 3, got 1"),
        ({"num_inner_mlps": -1}, "num_inner_mlps must be >= 0 and filter_order >= 1, got -1 and 64"),
        ({"filter_order": 0}, "num_inner_mlps must be >= 0 and filter_order >= 1, got 2 and 0"),
    ],
)
def test_impossible_sizes_are_refused(options, message):
    with pytest.raises(ValueError, match="must be") as error:
        FilterConfig(**options)
    assert str(error.value) == message
