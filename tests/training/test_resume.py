"""A run that was stopped at any moment and started again is the run that was not stopped."""

import json
import os
import signal
import time
from functools import partial

import pytest
from safetensors.numpy import load_file

from hyenadna_kit.restricted_pickle import read_checkpoint_file
from hyenadna_kit.testing import write_toy_genome
from tests.training import command

pytestmark = pytest.mark.kill

STEPS = 24
CONFIG = f"""
model:
  backbone:
    d_model: 16
    num_layers: 1
    context_length: 32
    embed_dropout: 0.2
    mixer: {{class_path: HyenaConfig, init_args: {{filter: {{filter_order: 8}}}}}}
optimizer: {{learning_rate: 5.0e-3, warmup_fraction: 0.2}}
held_out: [toy3]
initial_length: 16
steps_per_length: 5
batch_size: 2
accumulate_batches: 2
max_steps: {STEPS}
validate_every: 8
validation_bases: 300
log_every: 1
checkpoint_every: 4
precision: fp32
"""


@pytest.fixture(autouse=True)
def nothing_runs_on():
    yield
    command.kill_all()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resume")
    write_toy_genome(folder / "g.fa", length=10_000)
    (folder / "c.yaml").write_text(CONFIG)
    return folder


def words(folder, out, *options):
    return [
        "pretrain",
        "--config",
        f"{folder}/c.yaml",
        "--genome",
        f"{folder}/g.fa",
        "--out",
        str(out),
        *options,
    ]


def rows(out):
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def wait_for(path, running):
    while not path.exists():
        assert running.process.is_alive()
        time.sleep(0.01)


def assert_same_run(out, unbroken):
    assert rows(out) == rows(unbroken)
    one, other = (load_file(path / "model.safetensors") for path in (out, unbroken))
    assert one.keys() == other.keys()
    assert all((one[name] == other[name]).all() for name in one)
    assert sorted(p.name for p in out.rglob("*")) == sorted(p.name for p in unbroken.rglob("*"))


@pytest.fixture(scope="module")
def unbroken(folder):
    out = folder / "unbroken"
    finished = command.run(words(folder, out), folder)
    assert finished.status == 0, finished.err
    return out


def test_unbroken_run_measures_every_step_once(unbroken):
    steps = [row["step"] for row in rows(unbroken) if "bits_per_base" in row]
    validated = [row["step"] for row in rows(unbroken) if "validation_bits_per_base" in row]
    assert (steps, validated) == (list(range(1, STEPS + 1)), [8, 16, 24])
    # The rate of a step is the one that it was taken with: 5 steps of warm-up.
    rates = [row["learning_rate"] for row in rows(unbroken) if "learning_rate" in row]
    assert rates[:6] == pytest.approx([1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 5e-3])


FAULTS = {
    "before any checkpoint": partial(command.kill_in_step, 2),
    "in a step": partial(command.kill_in_step, 10),
    "in the second batch of a step": partial(command.kill_in_step, 18, batch=1),
    "after the first checkpoint": partial(command.kill_after_checkpoint, 1),
    "after the checkpoint of a validated step": partial(command.kill_after_checkpoint, 2),
    "in a validation": partial(command.kill_in_validation, 8),
    "in the last validation": partial(command.kill_in_validation, STEPS),
    "in the first checkpoint": partial(command.kill_within_checkpoint, 1),
    "in the third checkpoint": partial(command.kill_within_checkpoint, 3),
    "in the last checkpoint": partial(command.kill_within_checkpoint, STEPS // 4),
    "before the model": command.kill_before_model,
    "in the model": command.kill_before_tokenizer,
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_killed_run_goes_on_bit_for_bit(folder, unbroken, tmp_path, fault):
    out = tmp_path / "run"
    assert command.run(words(folder, out), tmp_path, fault).status == -signal.SIGKILL
    finished = command.run(words(folder, out), tmp_path)
    assert finished.status == 0, finished.err
    assert_same_run(out, unbroken)


def test_run_may_be_killed_again_and_again(folder, unbroken, tmp_path):
    out = tmp_path / "run"
    for fault in (
        partial(command.kill_in_step, 5),
        partial(command.kill_in_validation, 8),
        partial(command.kill_within_checkpoint, 2),
        partial(command.kill_in_step, 13),
    ):
        assert command.run(words(folder, out), tmp_path, fault).status == -signal.SIGKILL
    assert command.run(words(folder, out), tmp_path).status == 0
    assert_same_run(out, unbroken)


def test_run_with_workers_is_killed_from_outside_and_goes_on(folder, unbroken, tmp_path):
    out, marker = tmp_path / "run", tmp_path / "marker"
    fault = partial(command.wait_in_step, 6, marker)
    running = command.Running(words(folder, out, "--num_workers", "2"), tmp_path, fault)
    wait_for(marker, running)
    os.kill(running.process.pid, signal.SIGKILL)
    assert running.wait().status == -signal.SIGKILL
    # At once: what is left of the loader's workers does not count as another run.
    finished = command.run(words(folder, out), tmp_path)
    assert finished.status == 0, finished.err
    assert_same_run(out, unbroken)


TERMINATED = {
    "in a step": (partial(command.signal_in_step, signal.SIGTERM, 9, batch=1), 10),
    "in the first batch of a step": (partial(command.signal_in_step, signal.SIGTERM, 9), 9),
    "in a step before a validation": (partial(command.signal_in_step, signal.SIGTERM, 7, batch=1), 8),
    "in a validation": (partial(command.signal_in_validation, signal.SIGTERM, 16), 16),
}


@pytest.mark.parametrize(("fault", "step"), TERMINATED.values(), ids=TERMINATED.keys())
def test_terminated_run_ends_with_143_and_goes_on(folder, unbroken, tmp_path, fault, step):
    out = tmp_path / "run"
    stopped = command.run(words(folder, out), tmp_path, fault)
    assert stopped.status == 143
    assert stopped.err.splitlines()[-1] == f"stopped after step {step}: the same command continues the run"
    finished = command.run(words(folder, out), tmp_path)
    assert finished.status == 0, finished.err
    assert_same_run(out, unbroken)


def test_terminated_run_keeps_the_step_that_it_was_in(folder, tmp_path):
    out = tmp_path / "run"
    fault = partial(command.signal_in_step, signal.SIGTERM, 9, batch=1)
    assert command.run(words(folder, out), tmp_path, fault).status == 143
    assert read_checkpoint_file(out / "checkpoints/last.ckpt")["global_step"] == 10


def test_signal_to_the_whole_group_ends_it_in_order(folder, tmp_path):
    marker = tmp_path / "marker"
    fault = partial(command.wait_in_step, 9, marker)
    running = command.Running(words(folder, tmp_path / "run", "--num_workers", "2"), tmp_path, fault)
    wait_for(marker, running)
    os.killpg(running.process.pid, signal.SIGTERM)
    stopped = running.wait()
    assert stopped.status == 143, stopped.err
    assert stopped.err.splitlines()[-1].startswith("stopped after step 9: ")


def test_interrupted_run_ends_with_130_and_goes_on(folder, unbroken, tmp_path):
    out = tmp_path / "run"
    stopped = command.run(words(folder, out), tmp_path, partial(command.signal_in_step, signal.SIGINT, 9))
    assert stopped.status == 130
    assert stopped.err.splitlines()[-1] == "hyenadna-kit: interrupted"
    assert "Traceback" not in stopped.err
    assert command.run(words(folder, out), tmp_path).status == 0
    assert_same_run(out, unbroken)


def test_second_process_in_a_folder_is_refused(folder, tmp_path):
    out, other = tmp_path / "run", tmp_path / "other"
    other.mkdir()
    options = ("--max_steps", "100000")
    first = command.Running(words(folder, out, *options), tmp_path)
    wait_for(out / "metrics.jsonl", first)
    second = command.run(words(folder, out, *options), other)
    assert (second.status, second.out) == (1, "")
    assert second.err == f"hyenadna-kit pretrain: another process is training in {out}\n"
    assert first.process.is_alive()
    first.process.kill()
    assert first.wait().status == -signal.SIGKILL


def test_finished_run_says_so_and_measures_nothing(folder, unbroken, tmp_path):
    before = {path: path.read_bytes() for path in unbroken.rglob("*") if path.is_file()}
    finished = command.run(words(folder, unbroken), tmp_path)
    assert finished.status == 0
    assert finished.err == f"{unbroken} is a finished run: nothing was trained\n"
    bits = rows(unbroken)[-1]["validation_bits_per_base"]
    assert finished.out == f"{unbroken}: 24 steps, {bits:.4f} bits per base on the validation part\n"
    assert {path: path.read_bytes() for path in unbroken.rglob("*") if path.is_file()} == before


def test_run_from_its_resolved_configuration_is_the_same_run(folder, unbroken, tmp_path):
    out = tmp_path / "again"
    again = ["pretrain", "--config", str(unbroken / "config.resolved.yaml"), "--out", str(out)]
    finished = command.run(again, tmp_path)
    assert finished.status == 0, finished.err
    assert_same_run(out, unbroken)


def test_workers_change_nothing(folder, unbroken, tmp_path):
    out = tmp_path / "workers"
    finished = command.run(words(folder, out, "--num_workers", "2"), tmp_path)
    assert finished.status == 0
    assert [line.partition(": validation")[0] for line in finished.err.splitlines()] == [
        "step 8",
        "step 16",
        "step 24",
    ]
    assert_same_run(out, unbroken)
