"""A disk that fills up ends a run in one line; once there is room, the run is the unbroken one."""

import os
import subprocess
from contextlib import suppress
from functools import partial

import pytest

from tests.training import command, ranks
from tests.training.runs import assert_same_run, step_of_checkpoint, words, write_inputs

pytestmark = pytest.mark.kill

REMEDY = "make room there, and the same command continues the run"
STEPS = 12
RARELY = ("--checkpoint_every", "9", "--validate_every", "12")


@pytest.fixture(autouse=True)
def nothing_runs_on():
    yield
    command.kill_all()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_inputs(tmp_path_factory.mktemp("full"), steps=STEPS, validate_every=4, checkpoint_every=3)


@pytest.fixture(scope="module")
def unbroken(folder):
    """Return a run with some options."""
    runs = {}

    def run(*options, count=1):
        if (options, count) not in runs:
            out = folder / f"unbroken{len(runs)}"
            finished = ranks.run(words(folder, out, *options), folder, count)
            assert [each.status for each in finished] == [0] * count, finished
            runs[options, count] = out
        return runs[options, count]

    return run


def temporaries(out):
    return list(out.rglob(".*.tmp.*"))


def full_in_checkpoint(number):
    return partial(command.in_checkpoint, number, command.full_disk)


FULL = {
    "the first checkpoint": ((), full_in_checkpoint(1), "checkpoints/last.ckpt", 0),
    "the third checkpoint": ((), full_in_checkpoint(3), "checkpoints/last.ckpt", 6),
    "a measurement": (RARELY, partial(command.full_disk_in_step, 1), "metrics.jsonl", 0),
    "the model": ((), command.full_disk_before_model, "model.safetensors", STEPS),
}


@pytest.mark.parametrize(("options", "fault", "name", "step"), FULL.values(), ids=FULL.keys())
def test_full_disk_is_one_line_and_the_run_goes_on(folder, unbroken, tmp_path, options, fault, name, step):
    out = tmp_path / "run"
    stopped = command.run(words(folder, out, *options), tmp_path, fault)
    assert (stopped.status, stopped.out) == (1, "")
    line = f"hyenadna-kit pretrain: {out / name}: File too large; {REMEDY}"
    assert stopped.err.splitlines()[-1] == line
    assert "Traceback" not in stopped.err
    assert step_of_checkpoint(out) == step
    assert not temporaries(out)
    assert name != "metrics.jsonl" or not (out / name).read_bytes().endswith(b"\n")
    finished = command.run(words(folder, out, *options), tmp_path)
    assert finished.status == 0, finished.err
    assert_same_run(out, unbroken(*options))


def test_disk_that_is_full_from_the_start_is_one_line(folder, unbroken, tmp_path):
    out = tmp_path / "run"
    stopped = command.run(words(folder, out), tmp_path, command.full_disk)
    assert stopped.err.endswith(f"\nhyenadna-kit pretrain: {out}/config.resolved.yaml: File too large\n")
    assert (stopped.status, stopped.out) == (1, "")
    assert command.run(words(folder, out), tmp_path).status == 0
    assert_same_run(out, unbroken())


def test_full_disk_ends_two_processes_in_one_line(folder, unbroken, tmp_path):
    out, fault = tmp_path / "run", full_in_checkpoint(2)
    first, other = ranks.run(words(folder, out), tmp_path, 2, {0: fault})
    assert first.err.splitlines()[-1].startswith(f"hyenadna-kit pretrain: {out}/checkpoints/last.ckpt: ")
    assert (first.status, other) == (1, (1, "", ""))
    assert step_of_checkpoint(out) == 3
    assert [each.status for each in ranks.run(words(folder, out), tmp_path, 2)] == [0, 0]
    assert_same_run(out, unbroken(count=2))


@pytest.fixture
def small_disk(tmp_path):
    """Return a file system of 4 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small file system, where it may")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(path):
    """Write until there is no room."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def test_run_on_a_small_disk_keeps_its_last_checkpoint(folder, unbroken, small_disk, tmp_path):
    out, filler = small_disk / "run", small_disk / "filler"
    fault = partial(command.in_checkpoint, 3, partial(fill, filler))
    stopped = command.run(words(folder, out), tmp_path, fault)
    line = f"hyenadna-kit pretrain: {out}/checkpoints/last.ckpt: No space left on device; {REMEDY}"
    assert (stopped.status, stopped.err.splitlines()[-1]) == (1, line)
    assert step_of_checkpoint(out) == 6
    assert not temporaries(out)
    filler.unlink()
    assert command.run(words(folder, out), tmp_path).status == 0
    assert_same_run(out, unbroken())
