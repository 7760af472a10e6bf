"""A run that is killed again and again, when nobody chose, is in the end the unbroken one.

Every process is a real one, and every kill a SIGKILL from outside: at a random moment, or while a checkpoint
is being written. Temporary files of the system lie on another file system than the run.
"""

import itertools
import os
import random
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from tests.training import command, ranks
from tests.training.runs import assert_same_run, step_of_checkpoint, words, write_inputs

pytestmark = [pytest.mark.kill, pytest.mark.slow]

KILLS = int(os.environ.get("HYENADNA_KIT_KILLS", "4"))
"""How often a run is killed; `make nightly` kills more often."""
SEED = os.environ.get("HYENADNA_KIT_KILL_SEED", "0")
STEPS = 45
SECONDS_TO_DISK = 0.2
"""What a checkpoint takes to be on disk where the kill is aimed at it."""


@pytest.fixture(autouse=True)
def nothing_runs_on():
    yield
    command.kill_all()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_inputs(tmp_path_factory.mktemp("kills"), steps=STEPS, validate_every=9, checkpoint_every=3)


@pytest.fixture
def other_disk(tmp_path):
    """Return a folder on another file system than that of the runs."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip(f"{memory} is no other file system than that of {tmp_path}")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


class Job:
    """The processes of a run that was started, each the leader of a group."""

    def __init__(self, words, folder, count, prepare):
        if count == 1:
            self.started = [command.Running(words, folder, prepare)]
        else:
            self.started = ranks.start(words, folder, count, dict.fromkeys(range(count), prepare))

    @property
    def is_alive(self):
        return all(running.process.is_alive() for running in self.started)

    def kill(self, victims, *, with_group):
        """Kill some of the processes, maybe with those that read for them, and wait for all to end."""
        for running in victims:
            with suppress(ProcessLookupError):  # it is about to lead a group
                if with_group:
                    os.killpg(running.process.pid, signal.SIGKILL)
            running.process.kill()
        for running in self.started:
            # One that waits for another that never came is ended by whoever started both.
            running.process.join(10)
            running.process.kill()
        return [running.wait() for running in self.started]


def prepare(temporary, seconds_to_disk):
    """Lead a group of processes and write temporary files elsewhere."""
    os.setsid()
    os.environ["TMPDIR"] = str(temporary)
    tempfile.tempdir = None
    command.slow_disk(seconds_to_disk)


def half_written(out):
    return list(out.glob("checkpoints/.*.tmp.last.ckpt"))


def wait_for_half_a_checkpoint(out, job):
    while job.is_alive and not half_written(out):
        time.sleep(0.001)


@pytest.mark.parametrize("count", [1, 2], ids=["one process", "two processes"])
def test_run_that_is_killed_again_and_again_is_the_unbroken_one(folder, other_disk, tmp_path, count):
    def start(out, *, workers=0, seconds_to_disk=0.0):
        options = words(folder, out, "--num_workers", workers)
        return Job(options, tmp_path, count, partial(prepare, other_disk, seconds_to_disk))

    def finish(out):
        finished = [running.wait() for running in start(out).started]
        assert [each.status for each in finished] == [0] * count, finished

    unbroken, out, draw = tmp_path / "unbroken", tmp_path / "run", random.Random(f"{SEED} {count}")
    begin = time.monotonic()
    finish(unbroken)
    seconds, kills, torn, before = time.monotonic() - begin, 0, 0, 0
    for is_aimed in itertools.cycle((True, False)):
        job = start(out, workers=draw.choice((0, 2)), seconds_to_disk=is_aimed * SECONDS_TO_DISK)
        if is_aimed:
            wait_for_half_a_checkpoint(out, job)
        time.sleep(draw.uniform(0, SECONDS_TO_DISK if is_aimed else seconds))
        victims = draw.choice((job.started, job.started[:1], job.started[-1:]))
        stopped = job.kill(victims, with_group=draw.random() < 0.5)
        if all(each.status == 0 for each in stopped):  # it was done before it was killed
            assert_same_run(out, unbroken)
            shutil.rmtree(out)
            before = 0
            continue
        assert any(each.status == -signal.SIGKILL for each in stopped), stopped
        step = step_of_checkpoint(out)
        assert step >= before
        kills, torn, before = kills + 1, torn + bool(half_written(out)), step
        if kills >= KILLS:
            break
    assert torn, "no kill hit a checkpoint"
    finish(out)
    assert_same_run(out, unbroken)
