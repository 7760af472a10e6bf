"""Several processes train as one would, and a run of several goes on exactly whatever happens to them."""

import signal
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from hyenadna_kit.windows.dataset import WindowTokens, collate_next_token
from tests.gloo import in_processes
from tests.training import command, ranks
from tests.training.runs import assert_same_run, rows, step_of_checkpoint, words, write_inputs

pytestmark = [pytest.mark.dist, pytest.mark.kill]

STEPS = 12
NO_DROPOUT = ("--model.backbone.embed_dropout", "0")


@pytest.fixture(autouse=True)
def nothing_runs_on():
    yield
    command.kill_all()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_inputs(tmp_path_factory.mktemp("devices"), steps=STEPS, validate_every=4, checkpoint_every=3)


def finish(folder, out, count):
    finished = ranks.run(words(folder, out), folder, count)
    assert [each.status for each in finished] == [0] * count, finished


@pytest.fixture(scope="module")
def unbroken(folder):
    """Return a run of two processes and one of four, as they are asked for."""
    runs = {}

    def run(count):
        if count not in runs:
            runs[count] = folder / f"unbroken{count}"
            finish(folder, runs[count], count)
        return runs[count]

    return run


class One(NamedTuple):
    """A run of one process, of batches as large as those of all processes elsewhere."""

    folder: Path
    out: str
    err: str


@pytest.fixture(scope="module")
def one(folder):
    out = folder / "one"
    finished = command.run(words(folder, out, "--batch_size", "4", *NO_DROPOUT), folder)
    assert finished.status == 0, finished.err
    return One(out, finished.out, finished.err)


def said_in_training(finished):
    """Return the lines after the first, which says how much memory is free."""
    return finished.err.splitlines()[1:]


def assert_close(out, one):
    alone, together = rows(one), rows(out)
    assert [row["step"] for row in alone] == [row["step"] for row in together]
    for name in ("bits_per_base", "validation_bits_per_base"):
        measured = [[row[name] for row in run if name in row] for run in (alone, together)]
        assert len(measured[0]) == (3 if name.startswith("validation") else STEPS)
        assert measured[1] == pytest.approx(measured[0], rel=1e-5)
    weights = [load_file(each / "model.safetensors") for each in (one, out)]
    assert weights[0].keys() == weights[1].keys()
    assert all(np.allclose(weights[0][name], weights[1][name], atol=1e-4) for name in weights[0])


def test_two_processes_train_as_one_on_the_same_windows(folder, one, tmp_path):
    first, other = ranks.run(words(folder, tmp_path / "one", *NO_DROPOUT), tmp_path, 2)
    assert (first.status, other) == (0, (0, "", "")), first  # one process speaks
    assert said_in_training(first) == said_in_training(one)
    assert first.out == one.out.replace(str(one.folder), str(tmp_path / "one"))
    assert_close(tmp_path / "one", one.folder)


@pytest.mark.parametrize(("count", "batch_size"), [(2, 4), (4, 2)], ids=["two", "two pairs"])
def test_windows_spread_over_two_processes_train_as_in_one(folder, one, tmp_path, count, batch_size):
    options = ("--batch_size", str(batch_size), "--context_parallel", "2", *NO_DROPOUT)
    finished = ranks.run(words(folder, tmp_path / "run", *options), tmp_path, count)
    assert [each.status for each in finished] == [0] * count, finished
    assert said_in_training(finished[0]) == said_in_training(one)
    assert_close(tmp_path / "run", one.folder)


N, BASES = 11, range(7, 11)


def uneven_batch():
    """Return eight windows of which the first have few bases, the third none and the last all."""
    tokens = np.random.default_rng(0).integers(BASES.start, BASES.stop, size=(8, 25)).astype(np.uint8)
    for window, known in enumerate((3, 9, 0, 14)):
        tokens[window, known + 1 :] = N
    weights = np.random.default_rng(1).random(tokens.shape, dtype=np.float32)
    return collate_next_token([WindowTokens(*window) for window in zip(tokens, weights, strict=True)])


def small_module(kind):
    from types import SimpleNamespace

    from hyenadna_kit.backbone.backbone import BackboneConfig
    from hyenadna_kit.model import HyenaDNAConfig
    from hyenadna_kit.training.optim import OptimizerConfig

    torch.manual_seed(0)
    backbone = BackboneConfig(d_model=16, num_layers=2, context_length=24, embed_dropout=0.0)
    module = kind(HyenaDNAConfig(backbone=backbone).build(), OptimizerConfig(), max_steps=10, seed=3)
    module._trainer = SimpleNamespace(global_step=0)
    return module


def loss_and_gradients(module, batch):
    loss = module.training_step(batch, 0)
    loss.backward()
    return loss.item(), {name: each.grad.double().numpy() for name, each in module.model.named_parameters()}


def joint_loss_and_gradients(weighted):
    """Do the same on the share of this process, and average gradients as DDP does."""
    from torch import distributed

    from hyenadna_kit.training.module import JointTrainingModule

    rank, count, batch = distributed.get_rank(), distributed.get_world_size(), uneven_batch()
    share = slice(rank * 8 // count, (rank + 1) * 8 // count)
    own = type(batch)(*(each[share] for each in batch))
    module = small_module(JointTrainingModule)
    loss, gradients = loss_and_gradients(module, own if weighted else own._replace(weights=None))
    for gradient in gradients.values():
        distributed.all_reduce(torch.from_numpy(gradient))  # in place
    return loss, {name: gradient / count for name, gradient in gradients.items()}


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("weighted", [True, False], ids=["weighted", "counted"])
def test_loss_and_gradients_are_those_of_one_process_however_bases_are_spread(count, weighted):
    from hyenadna_kit.training.module import TrainingModule

    batch = uneven_batch()
    loss, gradients = loss_and_gradients(
        small_module(TrainingModule), batch if weighted else batch._replace(weights=None)
    )
    for own_loss, own in in_processes(joint_loss_and_gradients, count, weighted):
        assert own_loss == pytest.approx(loss, rel=1e-5)
        for name, gradient in gradients.items():
            assert np.abs(own[name] - gradient).max() <= 1e-5 * np.abs(gradient).max(), name


def diverge(step):
    """Let the loss of one process be no number."""

    def make(original):
        def loss_of(self, batch):
            return original(self, batch) * (float("nan") if self.trainer.global_step == step else 1)

        return loss_of

    from hyenadna_kit.training.module import TrainingModule

    command._replace(TrainingModule, "loss_of", make)


def test_loss_that_is_no_number_in_one_process_ends_all_with_one_line(folder, tmp_path):
    finished = ranks.run(words(folder, tmp_path / "run"), folder, 2, {1: partial(diverge, 2)})
    assert [each.status for each in finished] == [1, 1]
    assert (
        finished[0]
        .err.splitlines()[-1]
        .startswith("hyenadna-kit pretrain: the loss of step 3 is nan: training has diverged")
    )


SPREAD = ("--context_parallel", "2")
FAULTS = {
    "one in a step": (2, {1: partial(command.kill_in_step, 7)}),
    "the first in a step": (2, {0: partial(command.kill_in_step, 4, batch=1)}),
    "one in a validation": (2, {1: partial(command.kill_in_validation, 4)}),
    "the first within a checkpoint": (2, {0: partial(command.kill_within_checkpoint, 2)}),
    "the first before the model": (2, {0: command.kill_before_model}),
    "all": (2, dict.fromkeys(range(2), partial(command.kill_in_step, 5))),
    "one of four": (4, {2: partial(command.kill_in_step, 7)}),
}


@pytest.mark.parametrize(("count", "faults"), FAULTS.values(), ids=FAULTS.keys())
def test_run_whose_processes_are_killed_goes_on_bit_for_bit(folder, unbroken, tmp_path, count, faults):
    out = tmp_path / "run"
    stopped = ranks.run(words(folder, out), folder, count, faults)
    assert {rank for rank, each in enumerate(stopped) if each.status == -signal.SIGKILL} == set(faults)
    if 0 not in faults:
        assert stopped[0].status == 1
        said = stopped[0].err.splitlines()[-1]
        assert said == (
            f"hyenadna-kit pretrain: one of the {count} processes of this run has ended before the others; "
            "the same command continues the run"
        )
    finish(folder, out, count)
    assert_same_run(out, unbroken(count))


IN_STEP = (partial(command.signal_in_step, signal.SIGTERM, 4, batch=1), 5)
IN_VALIDATION = (partial(command.signal_in_validation, signal.SIGTERM, 8), 8)
TERMINATED = {
    "the first in a validation": ((0,), *IN_VALIDATION),
    "another in a step": ((1,), *IN_STEP),
    "both in a step": ((0, 1), *IN_STEP),
    "another in the first batch of a step": ((1,), partial(command.signal_in_step, signal.SIGTERM, 4), 4),
    "another before the first batch": ((1,), partial(command.signal_before_training, signal.SIGTERM), 0),
}


@pytest.mark.parametrize(("which", "fault", "step"), TERMINATED.values(), ids=TERMINATED.keys())
def test_terminated_processes_all_end_with_143_and_go_on(folder, unbroken, tmp_path, which, fault, step):
    out = tmp_path / "run"
    stopped = ranks.run(words(folder, out), folder, 2, dict.fromkeys(which, fault))
    assert [each.status for each in stopped] == [143, 143], stopped
    before = "" if step else ", before the first checkpoint"
    then = "continues the run" if step else "begins the run anew"
    assert stopped[0].err.splitlines()[-1] == f"stopped after step {step}{before}: the same command {then}"
    assert step_of_checkpoint(out) == step
    finish(folder, out, 2)
    assert_same_run(out, unbroken(2))


def test_killed_run_with_spread_windows_goes_on_bit_for_bit(folder, tmp_path):
    outs = tmp_path / "unbroken", tmp_path / "run"
    for out, faults in ((outs[0], {}), (outs[1], {1: partial(command.kill_in_step, 7)}), (outs[1], {})):
        stopped = ranks.run(words(folder, out, *SPREAD), folder, 2, faults)
        assert (stopped[0].status == 0) == (not faults), stopped
    assert_same_run(outs[1], outs[0])


MISUSE = {
    "number of processes": (("--devices", "3"), "--devices 3 differs from the 2 that torchrun started"),
    "held-out contig": (("--held_out", "chr9"), "contig 'chr9' is not in"),
    "another run": (("--seed", "1"), "holds a run with seed=0, not 1"),
    "channels": ((*SPREAD, "--model.backbone.d_model", "15"), "context_parallel must divide d_model=15"),
    "length": (
        (*SPREAD, "--length", "31", "--initial_length", "null"),
        "context_parallel must divide every window length",
    ),
    "too many": (("--context_parallel", "4"), "must divide the processes of the run, got 4 for 2"),
    "a hybrid": (
        (*SPREAD, "--model.backbone.other_mixer", "AttentionConfig", "--model.backbone.other_layers", "0"),
        "in Hyena layers alone, and layer 0 is AttentionConfig",
    ),
}


@pytest.mark.parametrize(("options", "message"), MISUSE.values(), ids=MISUSE.keys())
def test_misuse_is_one_line_of_one_process(folder, unbroken, tmp_path, options, message):
    out = unbroken(2) if options[0] == "--seed" else tmp_path / "run"
    first, other = ranks.run(words(folder, out, *options), folder, 2)
    assert (first.status, first.out) == (1, "")
    assert first.err.startswith("hyenadna-kit pretrain: ")
    assert message in first.err
    assert first.err.count("\n") == 1
    assert other == (1, "", "")


def test_damaged_checkpoint_is_told_by_one_process_and_kept(folder, tmp_path):
    out = tmp_path / "run"
    ranks.run(words(folder, out), folder, 2, {1: partial(command.kill_in_step, 7)})
    checkpoint = out / "checkpoints/last.ckpt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    half = checkpoint.read_bytes()
    first, other = ranks.run(words(folder, out), folder, 2)
    (line,) = first.err.splitlines()
    assert line.startswith(f"hyenadna-kit pretrain: {checkpoint} is cut short")
    assert line.endswith("; remove this file to start anew")
    assert (first.status, other) == (1, (1, "", ""))
    assert checkpoint.read_bytes() == half


def test_run_of_two_processes_is_not_continued_by_one(folder, unbroken, tmp_path):
    refused = command.run(words(folder, unbroken(2)), tmp_path)
    assert refused.status == 1
    assert "holds a run with devices=2, not None; choose another --out" in refused.err


def test_finished_run_is_found_by_all(folder, unbroken):
    first, other = ranks.run(words(folder, unbroken(2)), folder, 2)
    assert first.err == f"{unbroken(2)} is a finished run: nothing was trained\n"
    assert other == (0, "", "")
