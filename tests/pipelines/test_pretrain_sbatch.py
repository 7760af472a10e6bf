"""The script for sbatch, on a SLURM of this machine: what is told to end goes on, what is cancelled ends."""

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hyenadna_kit import arguments
from hyenadna_kit.training.pretrain_config import PretrainConfig
from tests.pipelines.needs import needs_slurm
from tests.pipelines.one_node_slurm import one_node_slurm, start_at_once
from tests.training.runs import assert_same_run, words, write_inputs

SCRIPT = Path(__file__).parents[2] / "pipelines" / "pretrain" / "pretrain.sbatch"
STEPS, SECONDS = 400, 1800
SMALL = ("--ntasks-per-node=2", "--cpus-per-task=1", "--mem=4G")
PROGRAM = f'#!/bin/sh\nexec {sys.executable} -m hyenadna_kit.cli "$@"\n'


def on_slurm(test):
    return needs_slurm(pytest.mark.slow(pytest.mark.kill(test)))


def test_script_is_bash_and_its_example_is_understood(tmp_path, monkeypatch):
    subprocess.run(["bash", "-n", SCRIPT], check=True)
    (example,) = re.findall(r"^#   sbatch pretrain\.sbatch (.+)$", SCRIPT.read_text(), re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    Path("C.yaml").write_text("max_steps: 1\n")
    assert arguments.parse("x", PretrainConfig, (), shlex.split(example)).out == "run"


class Cluster:
    """A SLURM with the command on its path, and a folder that jobs work in."""

    def __init__(self, folder, variables):
        self.folder = folder
        program = folder / "bin" / "hyenadna-kit"
        program.parent.mkdir()
        program.write_text(PROGRAM)
        program.chmod(0o755)
        path = f"{program.parent}:{variables['PATH']}"
        root = str(Path(__file__).parents[2])
        self.environment = os.environ | variables | {"PATH": path, "PYTHONPATH": root}

    def do(self, *command):
        done = subprocess.run(command, env=self.environment, cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def submit(self, options):
        return self.do("sbatch", "--parsable", *SMALL, SCRIPT, *options)

    def state(self, job):
        """Return the state of a job; nothing where it has ended."""
        return self.do("squeue", "--noheader", "--me", "--states=all", "--format=%T", f"--jobs={job}")

    def wait(self, holds):
        deadline = time.monotonic() + SECONDS
        while not holds():
            assert time.monotonic() < deadline, [path.read_text() for path in self.folder.glob("*.out")]
            time.sleep(0.2)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jobs")
    write_inputs(folder, steps=STEPS, validate_every=50, checkpoint_every=5)
    with one_node_slurm(tmp_path_factory.mktemp("cluster")) as variables:
        yield Cluster(folder, variables)


def options(cluster, out, *more):
    return words(cluster.folder, out, *more)[1:]  # what follows the name of the command


@on_slurm
def test_run_that_is_told_to_end_is_queued_again_and_goes_on_bit_for_bit(cluster):
    unbroken, out = cluster.folder / "unbroken", cluster.folder / "run"
    job = cluster.submit(options(cluster, out))
    cluster.wait((out / "checkpoints" / "last.ckpt").exists)
    cluster.do("scancel", "--signal=TERM", job)  # to the tasks, as SLURM does before the time limit
    cluster.wait(lambda: cluster.state(job) == "PENDING")
    assert not (out / "model.safetensors").exists()
    start_at_once(cluster.do, job)
    cluster.wait(lambda: cluster.state(job) == "COMPLETED")
    assert "the same command continues the run" in (cluster.folder / f"slurm-{job}.out").read_text()
    cluster.do("hyenadna-kit", "pretrain", *options(cluster, unbroken, "--devices", 2))
    assert_same_run(out, unbroken)


@on_slurm
def test_run_that_is_cancelled_is_not_queued_again(cluster):
    out = cluster.folder / "cancelled"
    job = cluster.submit(options(cluster, out, "--max_steps", 1_000_000))
    cluster.wait((out / "checkpoints" / "last.ckpt").exists)
    cluster.do("scancel", job)
    cluster.wait(lambda: cluster.state(job) == "CANCELLED")


@on_slurm
def test_mistake_ends_the_job_with_its_line(cluster):
    job = cluster.submit(options(cluster, cluster.folder / "wrong", "--held_out", "chr9"))
    cluster.wait(lambda: cluster.state(job) == "FAILED")
    assert (
        "hyenadna-kit pretrain: contig 'chr9' is not in" in (cluster.folder / f"slurm-{job}.out").read_text()
    )
