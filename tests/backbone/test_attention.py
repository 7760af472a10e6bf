"""Attention against loops over positions in float64, and its properties."""

import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from hyenadna_kit.backbone.mixers.attention import AttentionConfig, rotary_turns, turned
from hyenadna_kit.backbone.mixers.base import MixerSize
from tests.oracles import direct_attention

D_MODEL = 12
SMALL = MixerSize(d_model=D_MODEL, context_length=16)
CONFIGS = {
    "one head": AttentionConfig(num_heads=1),
    "three heads": AttentionConfig(num_heads=3),
    "pairs alone": AttentionConfig(num_heads=6),
    "fast turns": AttentionConfig(num_heads=2, rotary_base=3.0),
    "bidirectional": AttentionConfig(num_heads=2, bidirectional=True),
}

configs = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())


def build(config, size=SMALL):
    """Return a mixer in float64 whose weights are large enough that every term shows."""
    mixer = config.build(size).double()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return mixer


def draw(length, batch=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, length, D_MODEL, generator=generator, dtype=torch.float64)


def expected(mixer, hidden, mask=None):
    config = mixer.config
    return direct_attention.attention(
        dict(mixer.named_parameters()),
        hidden,
        config.num_heads,
        base=config.rotary_base,
        bidirectional=config.bidirectional,
        mask=mask,
    )


def holes(length, batch=2):
    """Return a mask with holes in which every row keeps its first position."""
    mask = torch.rand(batch, length, generator=torch.Generator().manual_seed(2)) > 0.4
    mask[:, 0] = True
    return mask


@pytest.mark.parametrize("length", [1, 2, 17, 40])
@configs
def test_output_follows_the_definition(config, length):
    mixer, hidden = build(config), draw(length)
    wanted = expected(mixer, hidden)
    assert wanted.abs().max() > 0.1
    torch.testing.assert_close(mixer(hidden), wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "with holes"])
@configs
def test_gradients_follow_the_definition(config, masked):
    mixer, length = build(config), 13
    mask = holes(length) if masked else None
    gradient = draw(length, seed=1)
    if masked:
        gradient = gradient * mask[..., None]
    inputs = [draw(length).requires_grad_(), *mixer.parameters()]
    found = torch.autograd.grad(mixer(inputs[0], mask), inputs, gradient)
    wanted = torch.autograd.grad(expected(mixer, inputs[0], mask), inputs, gradient)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11)


@configs
def test_masked_positions_are_seen_by_none_and_distances_stay(config):
    mixer, hidden, mask = build(config), draw(23), holes(23)
    found, wanted = mixer(hidden, mask), expected(mixer, hidden, mask)
    torch.testing.assert_close(found[mask], wanted[mask], rtol=0, atol=1e-12)
    junk = torch.where(mask[..., None], hidden, 1e4)
    torch.testing.assert_close(mixer(junk, mask)[mask], found[mask], rtol=0, atol=1e-12)


@configs
def test_masked_gradients_reach_no_masked_position(config):
    mixer, hidden, mask = build(config), draw(23).requires_grad_(), holes(23)
    mixer(hidden, mask)[mask].square().sum().backward()
    assert not hidden.grad[~mask].any()
    assert hidden.grad[mask].all()


@pytest.mark.parametrize(("before", "after"), [(9, 0), (0, 9), (200, 31)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@configs
def test_padding_on_either_side_changes_nothing(config, before, after, dtype):
    mixer, hidden = build(config).to(dtype), draw(20).to(dtype)
    padded = torch.nn.functional.pad(hidden, (0, 0, before, after), value=3.0)
    mask = torch.zeros(2, before + 20 + after, dtype=torch.bool)
    mask[:, before : before + 20] = True
    found = mixer(padded, mask)[:, before : before + 20]
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(found, mixer(hidden), rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@configs
def test_rows_without_anything_to_see_are_numbers(config, dtype):
    mixer, hidden = build(config).to(dtype), draw(9).to(dtype)
    mask = torch.ones(2, 9, dtype=torch.bool)
    mask[1] = False
    inputs = hidden.clone().requires_grad_()
    found = mixer(inputs, mask)
    found.float().square().sum().backward()
    assert found.isfinite().all()
    assert inputs.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in mixer.parameters())
    torch.testing.assert_close(found[:1], mixer(hidden[:1]))


@pytest.mark.parametrize("position", [0, 7, 19])
def test_impulse_reaches_itself_and_all_that_follow_and_nothing_before(position):
    mixer, before = build(AttentionConfig(num_heads=2)), draw(20)
    after = before.clone()
    after[:, position] += 1
    moved = (mixer(after) - mixer(before)).abs().amax((0, 2))
    assert not moved[:position].any()
    assert (moved[position:] > 1e-6).all()


def test_bidirectional_attention_sees_what_lies_downstream():
    mixer, before = build(AttentionConfig(num_heads=2, bidirectional=True)), draw(20)
    after = before.clone()
    after[:, 19] += 1
    assert ((mixer(after) - mixer(before)).abs().amax((0, 2)) > 1e-6).all()


@pytest.mark.parametrize("length", [1, 2, 16, 17, 30])
def test_first_outputs_do_not_depend_on_what_follows(length):
    mixer, hidden = build(AttentionConfig(num_heads=3)), draw(40)
    torch.testing.assert_close(mixer(hidden[:, :length]), mixer(hidden)[:, :length], rtol=0, atol=1e-12)


@pytest.mark.parametrize("shift", [1, 5, 1000])
def test_products_depend_on_the_distance_alone(shift):
    generator = torch.Generator().manual_seed(3)
    query, key = torch.randn(2, 1, 1, 1, 1, 8, generator=generator, dtype=torch.float64)
    turns = rotary_turns(1100, 8, 10_000.0)

    def product(of_query, of_key):
        return (turned(query, turns[of_query : of_query + 1]) * turned(key, turns[of_key : of_key + 1])).sum()

    for distance in (0, 1, 7, 50):
        wanted = 8**0.5 * direct_attention.score(query.flatten(), key.flatten(), distance, 10_000.0)
        torch.testing.assert_close(product(distance, 0), wanted, rtol=0, atol=1e-12)
        torch.testing.assert_close(product(distance + shift, shift), wanted, rtol=0, atol=1e-11)
    assert abs(product(7, 0) - product(0, 7)) > 1e-3  # before is not behind


def test_equal_states_are_told_apart_by_their_places():
    """Without positions the states of equal tokens would be equal."""
    mixer = build(AttentionConfig(num_heads=2))
    states = draw(3)[:, [0, 1, 0, 1, 2, 2]]
    assert (mixer(states)[:, 4] - mixer(states)[:, 5]).abs().min() > 1e-6


@pytest.mark.parametrize("position", [0, 1, 1000, 1_000_000])
def test_turns_are_exact_at_far_positions(position):
    turns = rotary_turns(position + 1, 4, 100.0)[position].to(torch.complex64)
    for pair, angle in enumerate((position, position / 10)):
        assert abs(turns[pair].item() - complex(math.cos(angle), math.sin(angle))) < 1e-7


class Largest(TorchDispatchMode):
    """Keeps the number of elements of the largest tensor that is made."""

    numel = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        output = function(*args, **(kwargs or {}))
        for each in output if isinstance(output, tuple | list) else [output]:
            if isinstance(each, torch.Tensor):
                self.numel = max(self.numel, each.numel())
        return output


@pytest.mark.parametrize("precision", ["float32", "float64", "autocast"])
@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["causal", "bidirectional"])
def test_no_tensor_of_length_by_length_is_made_in_training(bidirectional, masked, precision):
    length = 600
    mixer = AttentionConfig(num_heads=2, bidirectional=bidirectional, dropout=0.1).build(SMALL).train()
    hidden = draw(length, batch=1).float().requires_grad_()
    if precision == "float64":
        mixer, hidden = mixer.double(), hidden.detach().double().requires_grad_()
    mask = holes(length, batch=1) if masked else None
    with Largest() as largest, torch.autocast("cpu", torch.bfloat16, enabled=precision == "autocast"):
        mixer(hidden, mask).float().sum().backward()
    assert 3 * length * D_MODEL <= largest.numel < length * length / 4


def test_dropout_takes_values_in_training_alone():
    mixer, hidden = build(AttentionConfig(num_heads=2, dropout=0.5)), draw(20)
    torch.manual_seed(0)
    assert not torch.equal(mixer(hidden), mixer(hidden))
    mixer.eval()
    torch.testing.assert_close(mixer(hidden), expected(mixer, hidden), rtol=0, atol=1e-12)


def test_dropout_keeps_the_mean():
    mixer, hidden = build(AttentionConfig(num_heads=2, dropout=0.3)), draw(4)
    torch.manual_seed(0)
    found = mixer(hidden.repeat(10_000, 1, 1)).unflatten(0, (10_000, 2))
    distance = (found.mean(0) - expected(mixer, hidden)).abs()
    assert (distance < 5 * found.std(0) / 100).all()  # five standard errors


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_lower_precision_is_as_close_as_its_digits_allow(dtype):
    mixer, hidden = build(AttentionConfig(num_heads=2)), draw(50)
    exact = mixer(hidden)
    found = build(AttentionConfig(num_heads=2)).to(dtype)(hidden.to(dtype))
    assert found.dtype == dtype
    limit = 1e-6 if dtype == torch.float32 else 3e-2
    assert (found - exact).norm() < limit * exact.norm()
    if dtype == torch.bfloat16:
        with torch.autocast("cpu", torch.bfloat16):
            inside = build(AttentionConfig(num_heads=2)).float()(hidden.float())
        assert inside.dtype == torch.bfloat16
        assert (inside - exact).norm() < limit * exact.norm()


def test_parameters_have_the_names_and_shapes_of_other_mixers():
    mixer = AttentionConfig().build(MixerSize(d_model=8, context_length=10))
    assert {name: tuple(parameter.shape) for name, parameter in mixer.named_parameters()} == {
        "in_proj.weight": (24, 8),
        "in_proj.bias": (24,),
        "out_proj.weight": (8, 8),
        "out_proj.bias": (8,),
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 0}, "num_heads must be at least 1, got 0"),
        ({"rotary_base": 0.5}, "rotary_base must be at least 1, got 0.5"),
        ({"rotary_base": math.nan}, "rotary_base must be at least 1, got nan"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match="must be at least 1") as error:
        AttentionConfig(**options)
    assert str(error.value) == message


@pytest.mark.parametrize(("num_heads", "d_model"), [(5, 12), (12, 12), (4, 12)])
def test_width_that_heads_do_not_divide_is_refused(num_heads, d_model):
    message = rf"d_model must be a multiple of 2 \* num_heads = {2 * num_heads} \(.*\), got {d_model}"
    with pytest.raises(ValueError, match=message):
        AttentionConfig(num_heads=num_heads).build(MixerSize(d_model=d_model, context_length=4))
