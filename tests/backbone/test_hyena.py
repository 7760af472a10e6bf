"""The Hyena operator against sums over every lag in float64 numpy, and its properties."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.attention import AttentionConfig
from hyenadna_kit.backbone.mixers.base import MixerConfig, MixerSize
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.config import known_classes
from hyenadna_kit.ops.backends import Problem
from hyenadna_kit.ops.long_conv import BACKENDS
from tests.oracles import direct_hyena

D_MODEL, CONTEXT = 4, 24
FILTER = FilterConfig(filter_order=6)
SHIFTED = FilterConfig(filter_order=6, shift=0.05, beyond_context="truncate")
SMALL = MixerSize(d_model=D_MODEL, context_length=CONTEXT)

CONFIGS = {
    "order 2": HyenaConfig(filter=SHIFTED),
    "order 3": HyenaConfig(order=3, filter=FILTER),
    "order 5": HyenaConfig(order=5, filter=SHIFTED),
    "one tap": HyenaConfig(short_filter_order=1, filter=FILTER),
    "six taps": HyenaConfig(short_filter_order=6, filter=FILTER),
}
# Whoever adds a mixer adds a small one of its kind here: the properties below hold for every mixer.
MIXERS = {"HyenaConfig": HyenaConfig(order=3, filter=FILTER), "AttentionConfig": AttentionConfig(num_heads=1)}

every_mixer = pytest.mark.parametrize("name", sorted(known_classes(MixerConfig)))
configs = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())


def build(config, *, size=SMALL):
    """Return a mixer in float64 whose weights are large enough that every term shows."""
    mixer = config.build(size).double()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.copy_(0.7 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return mixer


def draw(length, batch=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, length, D_MODEL, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("length", [1, 2, 23, 24, 25, 60])
@configs
def test_output_follows_the_definition(config, length):
    mixer, hidden = build(config), draw(length)
    tensors = {name: parameter.detach().numpy() for name, parameter in mixer.named_parameters()}
    options = direct_hyena.Options(
        context_length=CONTEXT,
        order=config.order,
        shift=config.filter.shift,
        truncate=config.filter.beyond_context == "truncate",
    )
    expected = direct_hyena.hyena(tensors, options, hidden.numpy())
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(mixer(hidden).detach(), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
@configs
def test_backends_agree(config, backend):
    hidden = draw(40)
    single = backend.name == "triton"  # its kernels have no float64
    if single and (reason := backend.why_not(Problem(hidden.device, torch.float32, 40))):
        pytest.skip(reason)
    mixer, exact = build(replace(config, backend=backend.name)), build(config)(hidden)
    found = mixer.float()(hidden.float()).double() if single else mixer(hidden)
    tolerance = 2e-5 * exact.abs().max().item() if single else 1e-11
    torch.testing.assert_close(found, exact, rtol=0, atol=tolerance)


def bidirectional_pair():
    """Return a bidirectional mixer and the causal one of the same weights."""
    config = HyenaConfig(order=3, filter=FILTER)
    causal, both = build(config), build(replace(config, bidirectional=True))
    weights = causal.state_dict()
    last = "filter_fn.implicit_filter.6.weight"
    weights[last] = torch.cat([weights[last], torch.zeros_like(weights[last])])
    both.load_state_dict(weights)
    return both, causal


def test_bidirectional_mixer_without_reverse_filters_is_the_causal_one():
    both, causal = bidirectional_pair()
    torch.testing.assert_close(both(draw(30)), causal(draw(30)), rtol=0, atol=1e-12)


def test_bidirectional_mixer_sees_what_lies_downstream():
    both, _ = bidirectional_pair()
    with torch.no_grad():
        both.filter_fn.implicit_filter[-1].weight[8:] = 0.5
    changed = draw(30).clone()
    changed[:, 20] += 1
    assert ((both(changed) - both(draw(30))).abs().amax((0, 2))[:20] > 1e-6).all()


def test_table_has_every_mixer():
    assert set(MIXERS) == set(known_classes(MixerConfig))


@pytest.mark.parametrize("length", [1, 2, 24, 25, 70])
@every_mixer
def test_mixer_takes_any_length(name, length):
    assert build(MIXERS[name])(draw(length)).shape == (2, length, D_MODEL)


@pytest.mark.parametrize("position", [0, 1, 30, 49])
@every_mixer
def test_mixer_is_causal(name, position):
    mixer, before = build(MIXERS[name]), draw(50)
    after = before.clone()
    after[:, position:] = draw(50, seed=1)[:, position:]
    one, other = mixer(before), mixer(after)
    torch.testing.assert_close(one[:, :position], other[:, :position], rtol=0, atol=1e-11)
    assert not torch.isclose(one[:, position], other[:, position]).any()


@every_mixer
def test_first_position_reaches_the_last(name):
    mixer, before = build(MIXERS[name]), draw(CONTEXT)
    after = before.clone()
    after[:, 0] += 1
    assert (mixer(before)[:, -1] - mixer(after)[:, -1]).abs().min() > 1e-9


@every_mixer
def test_row_does_not_depend_on_its_batch(name):
    mixer, hidden = build(MIXERS[name]), draw(30, batch=4)
    together = mixer(hidden)
    for row in range(4):
        torch.testing.assert_close(together[row : row + 1], mixer(hidden[row : row + 1]), rtol=0, atol=1e-12)


@every_mixer
def test_gradients_pass_the_numerical_check(name):
    size = MixerSize(d_model=2, context_length=6)
    mixer = build(MIXERS[name], size=size)
    hidden = draw(5, batch=1)[..., :2].requires_grad_()
    assert torch.autograd.gradcheck(lambda first, *_: mixer(first), [hidden, *mixer.parameters()])


@pytest.mark.parametrize("side", ["left", "right", "both"])
@every_mixer
def test_masked_positions_count_as_absent(name, side):
    mixer, hidden = build(MIXERS[name]), draw(20)
    before = {"left": 9, "right": 0, "both": 7}[side]
    junk = 50 * draw(29, seed=2)
    junk[:, before : before + 20] = hidden
    mask = torch.zeros(2, 29, dtype=torch.bool)
    mask[:, before : before + 20] = True
    found = mixer(junk, mask)[:, before : before + 20]
    torch.testing.assert_close(found, mixer(hidden), rtol=1e-12, atol=1e-12)


@every_mixer
def test_mask_without_padding_changes_nothing(name):
    mixer, hidden = build(MIXERS[name]), draw(20)
    assert torch.equal(mixer(hidden, torch.ones(2, 20, dtype=torch.bool)), mixer(hidden))


def test_dropout_takes_whole_terms_in_training_alone():
    mixer, hidden = build(HyenaConfig(dropout=0.5, filter=FILTER)), draw(20)
    torch.manual_seed(0)
    assert not torch.equal(mixer(hidden), mixer(hidden))
    mixer.eval()
    assert torch.equal(mixer(hidden), mixer(hidden))


def test_parameters_have_the_published_names_and_shapes():
    mixer = HyenaConfig(order=3).build(MixerSize(d_model=8, context_length=10))
    shapes = {name: tuple(parameter.shape) for name, parameter in mixer.named_parameters()}
    assert shapes == {
        "in_proj.weight": (32, 8),
        "in_proj.bias": (32,),
        "out_proj.weight": (8, 8),
        "out_proj.bias": (8,),
        "short_filter.weight": (32, 1, 3),
        "short_filter.bias": (32,),
        "filter_fn.bias": (16,),
        "filter_fn.implicit_filter.0.weight": (64, 5),
        "filter_fn.implicit_filter.0.bias": (64,),
        "filter_fn.implicit_filter.1.freq": (1, 64),
        "filter_fn.implicit_filter.2.weight": (64, 64),
        "filter_fn.implicit_filter.2.bias": (64,),
        "filter_fn.implicit_filter.4.weight": (64, 64),
        "filter_fn.implicit_filter.4.bias": (64,),
        "filter_fn.implicit_filter.6.weight": (16, 64),
    }


@pytest.mark.parametrize(("num_taps", "bound"), [(3, 0.57735), (4, 0.5)])
def test_short_filter_starts_uniform(num_taps, bound):
    torch.manual_seed(0)
    mixer = HyenaConfig(short_filter_order=num_taps).build(MixerSize(d_model=128, context_length=8))
    for values in mixer.short_filter.parameters():
        assert 0.98 * bound < values.abs().max() <= bound
        assert values.std().item() == pytest.approx(bound / 3**0.5, rel=0.08)


@pytest.mark.parametrize(
    ("options", "numbers"),
    [({"order": 1}, "1 and 3"), ({"order": 0}, "0 and 3"), ({"short_filter_order": 0}, "2 and 0")],
)
def test_impossible_orders_are_refused(options, numbers):
    with pytest.raises(ValueError, match=f"order must be >= 2 and short_filter_order >= 1, got {numbers}"):
        HyenaConfig(**options)
