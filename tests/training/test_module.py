"""Training steps: what counts in the loss, and what is drawn for which batch."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.batch import Batch
from hyenadna_kit.model import HyenaDNAConfig
from hyenadna_kit.training.module import TrainingModule
from hyenadna_kit.training.optim import OptimizerConfig
from hyenadna_kit.windows.dataset import WindowTokens, collate_next_token

A, C, T, N, PAD = 7, 8, 10, 11, 4


def build(dropout=0.0):
    torch.manual_seed(0)
    mixer = HyenaConfig(filter=FilterConfig(filter_order=8))
    backbone = BackboneConfig(d_model=16, num_layers=2, context_length=32, mixer=mixer, embed_dropout=dropout)
    module = TrainingModule(
        HyenaDNAConfig(backbone=backbone).build(), OptimizerConfig(), max_steps=10, seed=3
    )
    module._trainer = SimpleNamespace(global_step=0, accumulate_grad_batches=1, global_rank=0)
    return module


def batch(*windows):
    return collate_next_token([WindowTokens(np.array(window, dtype=np.uint8)) for window in windows])


def random_windows(number=3, length=33):
    return np.random.default_rng(0).integers(A, T + 1, size=(number, length)).tolist()


def gradients(module, batch):
    module.zero_grad()
    loss = module.training_step(batch, 0)
    loss.backward()
    return loss.item(), {name: parameter.grad.clone() for name, parameter in module.named_parameters()}


def test_loss_is_the_mean_cross_entropy_of_the_bases_that_follow():
    module, windows = build(), random_windows()
    windows[0][5], windows[1][20:] = N, [PAD] * 13
    logits = module.model(batch(*windows).input_ids).logits.detach().double().numpy()
    nats = [
        np.log(np.exp(logits[row, place]).sum()) - logits[row, place, window[place + 1]]
        for row, window in enumerate(windows)
        for place in range(32)
        if window[place + 1] not in (N, PAD)
    ]
    assert len(nats) == 3 * 32 - 1 - 13
    found = module.training_step(batch(*windows), 0).item()
    assert found == pytest.approx(np.mean(nats), rel=1e-5)


@pytest.mark.parametrize("token", [N, PAD], ids=["N", "padding"])
def test_batch_without_bases_has_loss_0_and_zero_gradients(token):
    loss, grads = gradients(build(), batch([token] * 33, [token] * 33))
    assert loss == 0.0
    assert all(torch.equal(grad, torch.zeros_like(grad)) for grad in grads.values())


def test_gradient_at_masked_labels_is_exactly_0():
    module, windows = build(), random_windows()
    windows[0][9], windows[2][1] = N, N
    made = batch(*windows)
    logits = module.model(made.input_ids).logits
    logits.retain_grad()
    module.model.head.loss(logits, made.labels).backward()
    masked = made.labels < 0
    assert masked.sum() == 2
    assert torch.equal(logits.grad[masked], torch.zeros(2, 16))
    assert (logits.grad[~masked].abs().sum(1) > 0).all()


def test_windows_without_bases_take_no_part():
    windows = random_windows()
    alone = gradients(build(), batch(*windows))
    beside = gradients(build(), batch(*windows, [N] * 33))
    assert beside[0] == pytest.approx(alone[0], rel=1e-6)
    for name, grad in alone[1].items():
        torch.testing.assert_close(beside[1][name], grad, rtol=1e-4, atol=1e-7)


def drawn(module, *, step=0, rank=0, batch_idx=0, accumulate=1):
    module._trainer = SimpleNamespace(global_step=step, accumulate_grad_batches=accumulate, global_rank=rank)
    module.on_train_batch_start(batch(*random_windows(1)), batch_idx)
    return tuple(torch.rand(4).tolist())


def test_dropout_depends_on_seed_rank_step_and_batch_of_the_step_alone():
    module = build()
    first = drawn(module, step=5, batch_idx=10, accumulate=2)
    torch.rand(100)
    assert drawn(module, step=5, batch_idx=0, accumulate=2) == first
    others = [
        drawn(module, step=6, batch_idx=10, accumulate=2),
        drawn(module, step=5, batch_idx=11, accumulate=2),
        drawn(module, step=5, batch_idx=10, accumulate=2, rank=1),
    ]
    module.seed = 4
    others.append(drawn(module, step=5, batch_idx=10, accumulate=2))
    assert len({first, *others}) == 5


def test_dropout_is_at_work_in_training():
    module, made = build(dropout=0.5), batch(*random_windows())
    losses = []
    for step in (0, 1, 0):
        drawn(module, step=step)
        losses.append(module.training_step(made, 0).item())
    assert losses[0] == losses[2] != losses[1]


def test_validation_weighs_every_base_alike():
    module, windows = build(), random_windows(4)
    windows[3][4:] = [N] * 29
    logged = {}
    module._trainer = SimpleNamespace(
        strategy=SimpleNamespace(reduce=lambda tensor, reduce_op: tensor, root_device=torch.device("cpu"))
    )
    module.log = logged.__setitem__
    module.on_validation_epoch_start()
    for part in (windows[:3], windows[3:]):
        module.validation_step(batch(*part), 0)
    module.on_validation_epoch_end()
    whole = module.training_step(batch(*windows), 0).item() / math.log(2)
    assert logged == {"validation_bits_per_base": pytest.approx(whole, rel=1e-6)}


def test_validation_without_bases_is_0():
    module, logged = build(), {}
    module._trainer = SimpleNamespace(strategy=SimpleNamespace(reduce=lambda tensor, reduce_op: tensor))
    module.log = logged.__setitem__
    module.on_validation_epoch_start()
    module.validation_step(batch([N] * 33), 0)
    module.on_validation_epoch_end()
    assert logged == {"validation_bits_per_base": 0.0}


def test_labels_may_be_of_any_kind_of_batch():
    made = batch(*random_windows())
    assert isinstance(made, Batch)
    assert made.input_ids.dtype == torch.uint8
    assert math.isfinite(build().training_step(made, 0).item())


def test_bases_count_in_training_as_they_are_weighted_and_in_validation_alike():
    module, made = build(), batch(*random_windows())
    without = made._replace(labels=made.labels.masked_fill(torch.arange(32) < 10, -100))
    weights = (torch.arange(32) >= 10).float().expand(3, 32)
    assert module.training_step(made._replace(weights=weights), 0).item() == pytest.approx(
        module.training_step(without, 0).item(), rel=1e-6
    )
    sums = []
    for given in (made, made._replace(weights=weights)):
        module.on_validation_epoch_start()
        module.validation_step(given, 0)
        sums.append(module._validation.tolist())
    assert sums[0] == sums[1]
