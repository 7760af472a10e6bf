"""A run that was stopped at any moment and started again is the run that was not stopped."""

import os
import signal
from functools import partial

import pytest

from tests.training import command
from tests.training.runs import (
    assert_same_run,
    children,
    rows,
    step_of_checkpoint,
    wait_for,
    words,
    write_inputs,
)

pytestmark = pytest.mark.kill

STEPS = 24


@pytest.fixture(autouse=True)
def nothing_runs_on():
    yield
    command.kill_all()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_inputs(tmp_path_factory.mktemp("resume"), steps=STEPS, validate_every=8, checkpoint_every=4)


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


TERM = signal.SIGTERM
TERMINATED = {
    "before the first batch": (partial(command.signal_before_training, TERM), 0),
    "in the first batch": (partial(command.signal_in_step, TERM, 0), 0),
    "in a step": (partial(command.signal_in_step, TERM, 9, batch=1), 10),
    "in the first batch of a step": (partial(command.signal_in_step, TERM, 9), 9),
    "in the first batch after a validation": (partial(command.signal_in_step, TERM, 8), 8),
    "in a step before a validation": (partial(command.signal_in_step, TERM, 7, batch=1), 8),
    "in a validation": (partial(command.signal_in_validation, TERM, 16), 16),
    "in the last step": (partial(command.signal_in_step, TERM, STEPS - 1, batch=1), STEPS),
    "in the last validation": (partial(command.signal_in_validation, TERM, STEPS), STEPS),
    "in the checkpoint of a step": (partial(command.signal_within_checkpoint, TERM, 1), 4),
    "in the checkpoint after a validation": (partial(command.signal_within_checkpoint, TERM, 2), 8),
}


@pytest.mark.parametrize(("fault", "step"), TERMINATED.values(), ids=TERMINATED.keys())
def test_terminated_run_saves_ends_with_143_and_goes_on(folder, unbroken, tmp_path, fault, step):
    out = tmp_path / "run"
    stopped = command.run(words(folder, out), tmp_path, fault)
    assert stopped.status == 143
    before = "" if step else ", before the first checkpoint"
    then = "continues the run" if step else "begins the run anew"
    assert stopped.err.splitlines()[-1] == f"stopped after step {step}{before}: the same command {then}"
    assert step_of_checkpoint(out) == step
    finished = command.run(words(folder, out), tmp_path)
    assert finished.status == 0, finished.err
    assert_same_run(out, unbroken)


def test_run_that_is_terminated_when_all_is_saved_finishes(folder, unbroken, tmp_path):
    fault = partial(command.signal_within_checkpoint, TERM, STEPS // 4)
    finished = command.run(words(folder, tmp_path / "run"), tmp_path, fault)
    assert finished.status == 0, finished.err
    assert_same_run(tmp_path / "run", unbroken)


def test_signal_to_the_whole_group_ends_it_in_order(folder, tmp_path):
    marker = tmp_path / "marker"
    fault = partial(command.wait_in_step, 9, marker)
    running = command.Running(words(folder, tmp_path / "run", "--num_workers", "2"), tmp_path, fault)
    wait_for(marker, running)
    os.killpg(running.process.pid, signal.SIGTERM)
    stopped = running.wait()
    assert stopped.status == 143, stopped.err
    assert stopped.err.splitlines()[-1].startswith("stopped after step 9: ")


INTERRUPTED = {
    "before the first checkpoint": (
        partial(command.signal_in_step, signal.SIGINT, 3),
        0,
        "stopped after step 3, before the first checkpoint: the same command begins the run anew",
    ),
    "in a step": (
        partial(command.signal_in_step, signal.SIGINT, 9),
        8,
        "stopped after step 9: the same command continues the run from step 8",
    ),
    "in the step after a checkpoint": (
        partial(command.signal_in_step, signal.SIGINT, 8),
        8,
        "stopped after step 8: the same command continues the run",
    ),
    "in a validation": (
        partial(command.signal_in_validation, signal.SIGINT, 8),
        4,
        "stopped after step 8: the same command continues the run from step 4",
    ),
    "in a checkpoint": (
        partial(command.signal_within_checkpoint, signal.SIGINT, 3),
        8,
        "stopped after step 12: the same command continues the run from step 8",
    ),
}


@pytest.mark.parametrize(("fault", "step", "said"), INTERRUPTED.values(), ids=INTERRUPTED.keys())
def test_interrupted_run_ends_with_130_and_goes_on(folder, unbroken, tmp_path, fault, step, said):
    out = tmp_path / "run"
    stopped = command.run(words(folder, out), tmp_path, fault)
    assert stopped.status == 130
    assert stopped.err.splitlines()[-2:] == [said, "hyenadna-kit: interrupted"]
    assert "Traceback" not in stopped.err
    assert step_of_checkpoint(out) == step
    assert command.run(words(folder, out), tmp_path).status == 0
    assert_same_run(out, unbroken)


def test_damaged_checkpoint_is_refused_until_it_is_removed(folder, unbroken, tmp_path):
    out = tmp_path / "run"
    command.run(words(folder, out), tmp_path, partial(command.kill_in_step, 10))
    checkpoint = out / "checkpoints/last.ckpt"
    os.truncate(checkpoint, checkpoint.stat().st_size // 2)
    refused = command.run(words(folder, out), tmp_path)
    (line,) = refused.err.splitlines()
    assert line.startswith(f"hyenadna-kit pretrain: {checkpoint} is cut short")
    assert line.endswith("; remove this file to start anew")
    assert (refused.status, refused.out) == (1, "")
    checkpoint.unlink()
    assert command.run(words(folder, out), tmp_path).status == 0
    assert_same_run(out, unbroken)


def test_run_whose_worker_is_killed_ends_with_one_line_and_goes_on(folder, unbroken, tmp_path):
    out, marker = tmp_path / "run", tmp_path / "marker"
    fault = partial(command.wait_in_step, 6, marker)
    running = command.Running(words(folder, out, "--num_workers", "2"), tmp_path, fault)
    wait_for(marker, running)
    os.kill(children(running.process.pid)[-1], signal.SIGKILL)
    stopped = running.wait()
    assert stopped.status == 1
    assert stopped.err.splitlines()[-1] == (
        "hyenadna-kit pretrain: a process that reads windows was killed, for lack of memory maybe; the same "
        "command continues the run, and --num_workers 0 needs no such process"
    )
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
    assert second.err == (
        f"hyenadna-kit pretrain: another process is training in {out}; "
        "wait until it ends, or choose another --out\n"
    )
    assert first.process.is_alive()
    first.process.kill()
    assert first.wait().status == -signal.SIGKILL


def test_finished_run_says_so_and_measures_nothing(folder, unbroken, tmp_path):
    before = {path: path.read_bytes() for path in unbroken.rglob("*") if path.is_file()}
    finished = command.run(words(folder, unbroken), tmp_path)
    assert finished.status == 0
    assert finished.err == f"{unbroken} is a finished run: nothing was trained\n"
    bits = rows(unbroken)[-1]["validation_bits_per_base"]
    assert finished.out.startswith(f"{unbroken}: 24 steps, {bits:.4f} bits per base on the validation part, ")
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
    said = [line.partition(":")[0] for line in finished.err.splitlines() if "validation" in line]
    assert said == ["step 8", "step 16", "step 24"]
    assert_same_run(out, unbroken)
