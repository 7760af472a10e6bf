"""Exit codes of ``score`` and ``score-batch`` that no other test ends with, and the table of all.

How ``pretrain`` ends when it is stopped is tested in tests/training.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hyenadna_kit import cli
from hyenadna_kit.commands.score import TOO_FEW_SCORED
from hyenadna_kit.training.stopping import TERMINATED
from tests.commands.score_folder import COMMAND, ENVIRONMENT, SNVS, Folder, save_small_model

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path, save_small_model(tmp_path / "model"))


def test_table_has_the_codes_of_the_program():
    page = (ROOT / "docs" / "commands.md").read_text()
    documented = [int(code) for code in re.findall(r"^\| (\d+) \|", page, flags=re.MULTILINE)]
    program = [cli.FAILED, cli.MISUSED, TOO_FEW_SCORED, cli.INTERRUPTED, cli.BROKEN_PIPE, TERMINATED]
    assert documented == [0, *program] == [0, 1, 2, 3, 130, 141, 143]


@pytest.mark.parametrize("command", ["score", "score-batch"])
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"--vfc": "in.vcf"}, "unknown option --vfc; did you mean '--vcf'?"),
        ({"--horizon": "half"}, "--horizon: expected int or null, got 'half'"),
        ({"--strands": "up"}, "--strands: "),
        ({"--genome": None}, "missing --genome"),
    ],
    ids=["unknown option", "no number", "no choice", "missing option"],
)
def test_command_line_that_cannot_be_understood_ends_with_2(folder, capsys, command, changed, message):
    given = {"--model": "m", "--genome": "g", "--vcf": "in.vcf", "--out": str(folder.out)} | changed
    words = [word for name, value in given.items() if value is not None for word in (name, value)]
    assert cli.main([command, *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"hyenadna-kit {command}: {message}")
    assert line.endswith(f"(see hyenadna-kit {command} --help)")
    assert {path.name for path in folder.path.iterdir()} == {"model", "genome.fa"}


def test_batch_without_a_model_ends_with_2(folder, capsys):
    words = ["--genome", "g", "--vcf", "in.vcf", "--out", str(folder.out)]
    assert cli.main(["score-batch", *words]) == 2
    assert capsys.readouterr().err.startswith("hyenadna-kit score-batch: missing --model ")


def test_reader_that_goes_away_ends_score_with_141_and_no_complaint(folder):
    words = shlex.join([*COMMAND, *folder.words(folder.write(SNVS * 30), out="-")])
    done = subprocess.run(
        ["bash", "-c", f'{words} | head -n 1; echo "${{PIPESTATUS[0]}}"'],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == ["##fileformat=VCFv4.2", "141"]
    assert "Traceback" not in done.stderr
    assert "hyenadna-kit" not in done.stderr


BATCH = """
import sys
from hyenadna_kit import cli
from hyenadna_kit.commands import score_workflow

score_workflow._snakemake = lambda profile: [sys.executable, "-c", {stand_in!r}]
sys.exit(cli.main(sys.argv[1:]))
"""
"""The command with another program in the place of Snakemake."""

WAITS = """
import pathlib, signal, sys, time

def end(*_):
    time.sleep(0.5)
    pathlib.Path("jobs_ended").touch()
    sys.exit(1)

signal.signal(signal.SIGINT, end)
pathlib.Path("started").touch()
time.sleep(60)
"""
"""Runs until Ctrl-C, and then a little longer, as Snakemake does."""


@pytest.mark.kill
def test_interrupted_batch_ends_with_130_after_its_jobs(folder):
    words = folder.words(folder.write(SNVS))[1:]
    process = subprocess.Popen(
        [sys.executable, "-c", BATCH.format(stand_in=WAITS), "score-batch", *words],
        env=ENVIRONMENT,
        cwd=folder.path,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    while not (folder.path / "started").exists():
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal gives it, to all of them
    assert process.communicate(timeout=60)[1] == b"hyenadna-kit: interrupted\n"
    assert process.returncode == 130
    assert (folder.path / "jobs_ended").exists()
    assert not folder.out.exists()
