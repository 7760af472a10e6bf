"""A sequence over several processes gives what one process gives: logits, loss and every gradient."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import distributed

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.context_parallel import (
    check_context_parallel,
    shard,
    spread_context,
    sum_gradients,
)
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.attention import AttentionConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.errors import InputError
from hyenadna_kit.heads.language_model import LanguageModelHeadConfig
from hyenadna_kit.ops.shards import Shards, channels_of_sequence, sequence_of_channels, tail_before
from tests.gloo import in_processes

pytestmark = pytest.mark.dist

LENGTH = 48
FILTER = FilterConfig(filter_order=8, shift=0.05, beyond_context="continue")
BACKBONE = BackboneConfig(
    d_model=8, num_layers=2, context_length=LENGTH, embed_dropout=0.0, mixer=HyenaConfig(filter=FILTER)
)


def with_mixer(**options):
    return replace(BACKBONE, mixer=replace(BACKBONE.mixer, **options))


class Model(torch.nn.Module):
    """Backbone and head, also where a position sees what it is to predict."""

    def __init__(self, config):
        super().__init__()
        self.backbone = config.build()
        self.head = LanguageModelHeadConfig().build(config)

    def forward(self, input_ids):
        return self.head(self.backbone(input_ids), self.backbone.embedding_weight)


def build(backbone, dtype):
    torch.manual_seed(0)
    return Model(backbone).to(dtype)


def sequences():
    """Return two sequences, and labels of which the shards have different numbers."""
    generator = torch.Generator().manual_seed(1)
    input_ids = torch.randint(7, 11, (2, LENGTH), generator=generator)
    labels = torch.randint(7, 11, (2, LENGTH), generator=generator, dtype=torch.int32)
    labels[:, :10] = -100
    labels[1, 20:30] = -100
    return input_ids, labels


def gradients_of(model):
    return {name: parameter.grad.double().numpy() for name, parameter in model.named_parameters()}


def alone(backbone, dtype=torch.float64):
    """Return logits, loss and gradients of one process."""
    model, (input_ids, labels) = build(backbone, dtype), sequences()
    logits = model(input_ids)
    loss = model.head.loss(logits, labels)
    loss.backward()
    return logits.detach().numpy(), loss.item(), gradients_of(model)


def together(backbone, dtype=torch.float64, recompute=False):
    """Return the same of this process of several; its logits are those of its shard."""
    shards = Shards(distributed.group.WORLD)
    model, (input_ids, labels) = build(backbone, dtype), sequences()
    names = [name for name, _ in model.named_parameters()]
    spread_context(model.backbone, shards)
    assert [name for name, _ in model.named_parameters()] == names
    model.backbone.recompute_activations(enabled=recompute)
    own = shard(labels, shards)
    counts = (own >= 0).sum().double()
    total = counts.clone()
    distributed.all_reduce(total)
    logits = model(shard(input_ids, shards))
    loss = model.head.loss(logits, own) * (counts / total)
    loss.backward()
    sum_gradients(model, shards)
    distributed.all_reduce(value := loss.detach())
    return logits.detach().numpy(), value.item(), gradients_of(model)


def assert_equal_gradients(found, expected, tolerance):
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        assert np.abs(found[name] - gradient).max() <= tolerance * np.abs(gradient).max(), name


def assert_same(results, expected, tolerance):
    logits, loss, gradients = expected
    whole = np.concatenate([own for own, _, _ in results], axis=1)
    assert np.abs(whole - logits).max() <= tolerance * np.abs(logits).max()
    for _, own_loss, own in results:
        assert own_loss == pytest.approx(loss, rel=tolerance)
        assert_equal_gradients(own, gradients, tolerance)


CASES = {
    "order 2": BACKBONE,
    "order 3": with_mixer(order=3),
    "order 4, no short convolution": with_mixer(order=4, short_filter_order=1),
    "long short convolution": with_mixer(short_filter_order=6),
    "both directions": with_mixer(bidirectional=True, order=3),
    "filters that end": replace(
        with_mixer(filter=replace(FILTER, beyond_context="truncate")), context_length=LENGTH // 2 + 1
    ),
    "no decay": with_mixer(filter=replace(FILTER, modulate=False, features="learned")),
}


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("name", CASES)
def test_loss_and_every_gradient_are_those_of_one_process(name, count):
    backbone = CASES[name]
    assert_same(in_processes(together, count, backbone), alone(backbone), 1e-10)


@pytest.mark.parametrize("order", [2, 3])
def test_recomputed_activations_change_nothing(order):
    backbone = with_mixer(order=order)
    kept, recomputed = (
        in_processes(together, 2, backbone, torch.float64, recompute) for recompute in (False, True)
    )
    for one, other in zip(kept, recomputed, strict=True):
        assert one[1] == other[1]
        assert_equal_gradients(other[2], one[2], 1e-12)
    assert_same(recomputed, alone(backbone), 1e-10)


@pytest.mark.parametrize("count", [2, 4])
def test_float32_gradients_agree_to_five_digits(count):
    found = in_processes(together, count, with_mixer(order=3), torch.float32, True)
    assert_same(found, alone(with_mixer(order=3), torch.float32), 1e-5)


def outputs(backbone, bfloat16):
    """Return the states of this process's shard without gradients, and with padding left out."""
    shards = Shards(distributed.group.WORLD)
    model, (input_ids, _) = build(backbone, torch.float32).eval(), sequences()
    spread_context(model.backbone, shards)
    own, mask = shard(input_ids, shards), shard(padding(), shards)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        return model.backbone(own).numpy(), model.backbone(own, mask).numpy()


def padding():
    """Return a mask without the first positions of one sequence and the last of the other."""
    mask = torch.ones(2, LENGTH, dtype=torch.bool)
    mask[0, :13], mask[1, 30:] = False, False
    return mask


@pytest.mark.parametrize(("bfloat16", "tolerance"), [(False, 1e-5), (True, 0.03)], ids=["fp32", "bf16"])
def test_states_without_gradients_and_under_a_mask_are_those_of_one_process(bfloat16, tolerance):
    backbone = with_mixer(order=3)
    results = in_processes(outputs, 2, backbone, bfloat16)
    model, (input_ids, _) = build(backbone, torch.float32).eval(), sequences()
    with torch.no_grad():
        expected = model.backbone(input_ids), model.backbone(input_ids, padding())
    for number, (whole, kept) in enumerate(zip(expected, (slice(None), padding()), strict=True)):
        found = torch.from_numpy(np.concatenate([result[number] for result in results], axis=1))
        assert (found - whole)[kept].abs().max() <= tolerance * whole[kept].abs().max()


def exchanges(dtype):
    """Return what the exchanges make of numbered elements, and their gradients."""
    shards = Shards(distributed.group.WORLD)
    whole = torch.arange(2 * 6 * 12, dtype=dtype).view(2, 6, 12).requires_grad_()
    own = whole.chunk(3, dim=2)[shards.rank]
    channels, tail = channels_of_sequence(own, shards), tail_before(own, 2, shards)
    back = sequence_of_channels(channels, shards)
    # Each process weighs what it got by its own number: the gradient says who got what.
    ((channels.sum() + 10 * tail.sum()) * (shards.rank + 1)).backward()
    return [each.detach().double().numpy() for each in (channels, tail, back, whole.grad)]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_exchanges_send_every_element_where_it_belongs_and_gradients_back(dtype):
    whole = torch.arange(2 * 6 * 12, dtype=dtype).view(2, 6, 12).double().numpy()
    for rank, (channels, tail, back, gradient) in enumerate(in_processes(exchanges, 3, dtype)):
        first, last = 4 * rank, 4 * rank + 4
        assert (channels == whole[:, 2 * rank : 2 * rank + 2]).all()
        assert (tail == (whole[..., first - 2 : first] if rank else 0)).all()
        assert (back == whole[..., first:last]).all()
        expected = np.zeros_like(whole)
        expected[..., first:last] = np.repeat([1, 2, 3], 2)[None, :, None]  # channels 2 r to 2 r + 1 are r's
        if rank < 2:
            expected[..., last - 2 : last] += 10 * (rank + 2)
        assert (gradient == expected).all()


HYBRID = replace(BACKBONE, other_mixer=AttentionConfig(num_heads=2), other_layers=(1,))
REFUSED = {
    "a hybrid": (HYBRID, 2, [48], "layer 1 is AttentionConfig"),
    "channels": (BACKBONE, 3, [48], "must divide d_model=8: .*, got 3"),
    "one of the lengths": (BACKBONE, 4, [48, 50], "every window length .* got 4 for windows of 50"),
    "shards without room for the short convolution": (
        BACKBONE,
        8,
        [8],
        "into 2 tokens .* got 8 for windows of 8",
    ),
}


@pytest.mark.parametrize(("config", "count", "lengths", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_spread_is_refused_with_both_numbers(config, count, lengths, message):
    with pytest.raises(InputError, match=message) as refused:
        check_context_parallel(config, count, lengths)
    assert "\n" not in str(refused.value)


def test_what_can_be_spread_is_not_refused():
    check_context_parallel(BACKBONE, 8, [16, 48])
    check_context_parallel(with_mixer(short_filter_order=1), 8, [8])
    check_context_parallel(HYBRID, 1, [5])
