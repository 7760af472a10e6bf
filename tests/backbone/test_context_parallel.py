"""A sequence over several processes gives what one process gives: logits, loss and every gradient."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

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
from hyenadna_kit.ops.shards import Shards
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


def measured(folder, *options):
    """Return what the benchmark writes down, by the number of processes."""
    root = Path(__file__).parents[2]
    script = [sys.executable, root / "benchmarks/context_parallel.py", "--out", folder, *options]
    done = subprocess.run(script, env=os.environ | {"PYTHONPATH": str(root)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.json")
    return {case["processes"]: case for case in json.loads(path.read_text())["figures"]["cases"]}


def assert_less_than_60_percent(cases):
    one, two = cases[1], cases[2]
    assert two["loss"] == pytest.approx(one["loss"], rel=1e-5)
    assert two["gradient_norm"] == pytest.approx(one["gradient_norm"], rel=1e-5)
    assert two["peak_above_idle_gib"] <= 0.6 * one["peak_above_idle_gib"]


# Two real processes, and the memory that they hold on a CPU.
needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads peaks in /proc")


@needs_proc
def test_each_of_two_processes_takes_at_most_60_percent_of_the_memory_of_one(tmp_path):
    some = ("--length", "65536", "--d_model", "64", "--processes", "1,2", "--recompute")
    assert_less_than_60_percent(measured(tmp_path, *some))


@needs_proc
@pytest.mark.slow
def test_so_does_a_step_of_131072_tokens_that_keeps_activations(tmp_path):
    assert_less_than_60_percent(measured(tmp_path, "--d_model", "64", "--processes", "1,2"))
