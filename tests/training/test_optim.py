"""The published optimiser groups and a schedule by its numbers."""

from dataclasses import replace

import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.model import HyenaDNAConfig
from hyenadna_kit.training.optim import OptimizerConfig, build_optimizer, build_schedule


def build(features="computed", num_layers=4, **options):
    mixer = HyenaConfig(filter=FilterConfig(filter_order=4, features=features))
    backbone = BackboneConfig(d_model=8, num_layers=num_layers, context_length=16, mixer=mixer)
    model = HyenaDNAConfig(backbone=backbone).build()
    return model, build_optimizer(model, OptimizerConfig(**options))


def group_of(optimizer):
    return {id(tensor): group["name"] for group in optimizer.param_groups for tensor in group["params"]}


def test_four_layers_have_63_and_32_tensors():
    _, optimizer = build(learning_rate=6e-4)
    found = {group["name"]: group for group in optimizer.param_groups}
    assert {name: len(group["params"]) for name, group in found.items()} == {"rest": 63, "filters": 32}
    assert (found["rest"]["lr"], found["rest"]["weight_decay"]) == (6e-4, 0.1)
    assert (found["filters"]["lr"], found["filters"]["weight_decay"]) == (6e-4, 0.0)
    assert {group["betas"] for group in optimizer.param_groups} == {(0.9, 0.999)}
    assert {group["eps"] for group in optimizer.param_groups} == {1e-8}


def test_filters_are_their_networks_alone():
    model, optimizer = build(num_layers=1)
    names = {name for name, p in model.named_parameters() if group_of(optimizer)[id(p)] == "filters"}
    network = "backbone.layers.0.mixer.filter_fn.implicit_filter."
    layers = [f"{layer}.{kind}" for layer in (0, 2, 4) for kind in ("weight", "bias")]
    assert names == {network + name for name in [*layers, "1.freq", "6.weight"]}


@pytest.mark.parametrize("features", ["computed", "stored", "learned"])
def test_every_trained_parameter_is_in_one_group(features):
    model, optimizer = build(features)
    trained = [id(parameter) for parameter in model.parameters() if parameter.requires_grad]
    grouped = [id(tensor) for group in optimizer.param_groups for tensor in group["params"]]
    assert sorted(grouped) == sorted(trained)
    assert len(trained) == {"computed": 95, "stored": 95, "learned": 99}[features]


def test_trained_features_have_a_rate_of_their_own_and_no_decay():
    _, optimizer = build("learned", learning_rate=6e-4)
    features = next(group for group in optimizer.param_groups if group["name"] == "features")
    assert (len(features["params"]), features["lr"], features["weight_decay"]) == (4, 1e-5, 0.0)
    assert {tuple(tensor.shape) for tensor in features["params"]} == {(1, 16, 5)}


@pytest.mark.parametrize(("given", "rate"), [(None, 2e-3), (5e-4, 5e-4), (0.0, 0.0)])
def test_rate_of_the_filters(given, rate):
    _, optimizer = build(learning_rate=2e-3, filter_learning_rate=given)
    assert next(g["lr"] for g in optimizer.param_groups if g["name"] == "filters") == rate


def shares(config, max_steps, steps):
    """Return the learning rate of ``steps`` as a share of the highest."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    schedule = build_schedule(torch.optim.AdamW([parameter], lr=1.0), config, max_steps)
    return [schedule.lr_lambdas[0](step) for step in steps]


@pytest.mark.parametrize(
    ("options", "max_steps", "expected"),
    [
        (
            {"warmup_fraction": 0.1, "final_fraction": 0.1},
            100,
            {0: 0.1, 4: 0.5, 9: 1.0, 10: 1.0, 55: 0.55, 40: 0.775, 70: 0.325, 100: 0.1, 5000: 0.1},
        ),
        ({"warmup_fraction": 0.0, "final_fraction": 0.0}, 101, {0: 1.0, 1: 1.0, 51: 0.5, 101: 0.0}),
        ({"warmup_fraction": 0.5, "final_fraction": 1.0}, 8, {0: 0.25, 3: 1.0, 6: 1.0, 8: 1.0}),
        ({"warmup_fraction": 1.0, "final_fraction": 0.1}, 4, {0: 0.25, 3: 1.0, 4: 1.0}),
        ({}, 1, {0: 1.0}),
        ({}, 381_500, {0: 1 / 3815, 1907: 1908 / 3815, 3815: 1.0, 381_500: 0.1}),
    ],
    ids=["published shares", "no warm-up", "no decay", "warm-up alone", "one step", "published length"],
)
def test_schedule_rises_and_falls_as_written(options, max_steps, expected):
    config = OptimizerConfig(**options)
    assert shares(config, max_steps, expected) == pytest.approx(list(expected.values()), abs=1e-9)


def test_schedule_scales_every_group():
    model, optimizer = build("learned", learning_rate=1e-2, filter_learning_rate=1e-3, warmup_fraction=0.5)
    schedule = build_schedule(optimizer, OptimizerConfig(warmup_fraction=0.5), 8)
    rates = []
    for _ in range(3):
        rates.append({group["name"]: group["lr"] for group in optimizer.param_groups})
        optimizer.step()
        schedule.step()
    full = {"rest": 1e-2, "filters": 1e-3, "features": 1e-5}
    for step, found in enumerate(rates, start=1):
        assert found == pytest.approx({name: rate * step / 4 for name, rate in full.items()})
    del model


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("learning_rate", -1e-4),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("filter_learning_rate", -1.0),
        ("features_learning_rate", -1.0),
        ("weight_decay", -0.1),
        ("beta1", 1.0),
        ("beta2", -0.1),
        ("warmup_fraction", 1.5),
        ("final_fraction", -0.1),
        ("gradient_clip", 0.0),
    ],
)
def test_option_outside_its_range_is_named_with_its_value(option, value):
    with pytest.raises(ValueError, match=rf"{option} must .*, got {value}"):
        replace(OptimizerConfig(), **{option: value})
