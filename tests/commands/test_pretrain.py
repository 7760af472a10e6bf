"""``hyenadna-kit pretrain`` as a user meets it: files, output, and one line for a mistake."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from hyenadna_kit import cli
from hyenadna_kit.testing import write_toy_genome

CONFIG = """
model:
  backbone:
    d_model: 16
    num_layers: 1
    context_length: 32
    mixer: {class_path: HyenaConfig, init_args: {filter: {filter_order: 8}}}
held_out: [toy3]
batch_size: 4
max_steps: 6
validate_every: 3
validation_bases: 500
checkpoint_every: 3
log_every: 1
"""


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a genome ``g.fa`` and a configuration ``c.yaml``."""
    monkeypatch.chdir(tmp_path)
    write_toy_genome(Path("g.fa"), length=10_000)
    Path("c.yaml").write_text(CONFIG)
    return tmp_path


def pretrain(capsys, *options, config="c.yaml", genome="g.fa", out="run"):
    """Return the exit status, stdout and stderr."""
    words = ["pretrain", "--config", config, "--genome", genome, "--out", out, *options]
    status = cli.main(words)
    return status, *capsys.readouterr()


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if ".lock" not in path.name)


def test_stderr_holds_progress_alone(folder):
    words = ["pretrain", "--config", "c.yaml", "--genome", "g.fa", "--out", "run"]
    finished = subprocess.run(
        [sys.executable, "-c", "import sys; from hyenadna_kit.cli import main; sys.exit(main())", *words],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    memory, *lines = finished.stderr.splitlines()
    assert memory.startswith("a step takes ")
    bits = [line.removeprefix(f"step {step}: validation ") for line, step in zip(lines, (3, 6), strict=True)]
    assert all(float(text.removesuffix(" bits per base")) > 1 for text in bits)
    measured = f"{bits[1].split()[0]} bits per base on the validation part"
    assert finished.stdout == f"run: 6 steps, {measured}, see run/report.html\n"


def test_flags_override_the_file(folder, capsys):
    options = ["--max_steps", "2", "--model.backbone.d_model", "8", "--held_out", "toy2,toy1:1-100"]
    assert pretrain(capsys, *options)[0] == 0
    resolved = Path("run/config.resolved.yaml").read_text()
    assert "max_steps: 2\n" in resolved
    assert "d_model: 8\n" in resolved
    assert "held_out:\n- toy2\n- toy1:1-100\n" in resolved


def test_every_common_mistake_is_one_line_and_leaves_nothing(folder, capsys, no_shape_checks):
    Path("empty.fa").write_text("")
    Path("bad.yaml").write_text(CONFIG + "max_step: 3\n")
    before = sorted(folder.rglob("*"))
    mistakes = {
        ("--length", "8000"): (
            1,
            "windows of 8000 bp need a training region of at least 8001 bp, the longest",
        ),
        ("--train_regions", "toy3:1-500"): (
            1,
            "train_regions and held_out must be apart: toy3:1-500 and toy3:1-1",
        ),
        ("--held_out", "toy9"): (1, "contig 'toy9' is not in g.fa; it has toy1, toy2, toy3"),
        ("--held_out", "toy1:5"): (1, "region 'toy1:5' is not CONTIG:START-END"),
        ("--held_out", "toy1,toy2,toy3"): (
            1,
            "0 bp of g.fa with validation_fraction 0.1 leave nothing to train",
        ),
        ("--max_step", "5"): (2, "unknown option --max_step; did you mean '--max_steps'?"),
        ("--max_steps", "0"): (2, "max_steps must be at least 1, got 0"),
        ("--seed", "-1"): (2, "seed must lie in 0 to 4294967295, got -1"),
        ("--optimizer.learning_rate", "-1"): (2, "learning_rate must be at least 0 and below inf, got -1"),
        ("--precision", "fp8"): (2, "--precision: expected 'auto' or 'fp32' or 'bf16', got 'fp8'"),
    }
    for options, (status, message) in mistakes.items():
        found = pretrain(capsys, *options)
        assert found[:2] == (status, ""), options
        assert message in found[2]
        assert len(found[2].splitlines()) == 1, options
    for arguments, message in (
        ({"genome": "none.fa"}, "genome none.fa is neither a FASTA file nor a genome store"),
        ({"genome": "empty.fa"}, "empty.fa"),
        ({"config": "bad.yaml"}, "bad.yaml: unknown key 'max_step'; did you mean 'max_steps'?"),
    ):
        status, out, err = pretrain(capsys, **arguments)
        assert status in (1, 2)
        assert out == ""
        assert message in err.splitlines()[0]
    assert sorted(folder.rglob("*")) == before


def test_folder_that_is_no_run_is_left_alone(folder, capsys):
    Path("run").mkdir()
    Path("run/thesis.txt").write_text("mine")
    before = sorted(folder.rglob("*"))
    status, out, err = pretrain(capsys)
    assert (status, out) == (1, "")
    assert err == "hyenadna-kit pretrain: --out run holds files but no run; choose another folder\n"
    assert sorted(folder.rglob("*")) == before


def test_current_folder_may_be_the_run(folder, capsys, monkeypatch):
    here = folder / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    assert pretrain(capsys, "--max_steps", "1", config="../c.yaml", genome="../g.fa", out=".")[0] == 0
    assert "model.safetensors" in files(here)


def test_file_in_the_place_of_the_run_is_left_alone(folder, capsys):
    Path("run").write_text("mine")
    status, _, err = pretrain(capsys)
    assert (status, err) == (1, "hyenadna-kit pretrain: --out run: run is no folder; choose another one\n")
    assert Path("run").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--seed", "1"], "seed=0, not 1"),
        (["--model.backbone.d_model", "32"], "model.backbone.d_model=16, not 32"),
        (["--max_steps", "7"], "max_steps=6, not 7"),
    ],
    ids=["seed", "model", "steps"],
)
def test_resume_with_another_configuration_is_refused(folder, capsys, options, named):
    assert pretrain(capsys)[0] == 0
    before = {name: Path(name).read_bytes() for name in files(folder) if Path(name).is_file()}
    status, out, err = pretrain(capsys, *options)
    assert (status, out) == (1, "")
    assert err.startswith(f"hyenadna-kit pretrain: run holds a run with {named}; choose another --out")
    assert len(err.splitlines()) == 1
    assert {name: Path(name).read_bytes() for name in before} == before


def test_resume_with_another_genome_is_refused(folder, capsys):
    assert pretrain(capsys)[0] == 0
    write_toy_genome(Path("g.fa"), seed=1, length=10_000)
    status, _, err = pretrain(capsys)
    assert status == 1
    assert "run holds a run with genome_fingerprint='" in err
    assert "', not '" in err
    assert len(err.splitlines()) == 1


def test_same_genome_in_another_place_is_the_same_genome(folder, capsys):
    assert pretrain(capsys)[0] == 0
    Path("g.fa").rename("moved.fa")
    assert cli.main(["prepare", "moved.fa", "--out", "store"]) == 0
    capsys.readouterr()
    status, _, err = pretrain(capsys, genome="store")
    assert (status, err) == (0, "run is a finished run: nothing was trained\n")


class Attack:
    """Leaves a file when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("ran",)


def test_checkpoint_that_would_run_a_command_is_refused(folder, capsys):
    assert pretrain(capsys)[0] == 0
    torch.save({"state_dict": {}, "loops": Attack()}, "run/checkpoints/last.ckpt")
    Path("run/tokenizer.json").unlink()  # as if the run were not finished
    status, out, err = pretrain(capsys)
    assert (status, out) == (1, "")
    assert "run/checkpoints/last.ckpt names 'posix.mkdir', which is not allowed in a checkpoint" in err
    assert len(err.splitlines()) == 1
    assert not Path("ran").exists()


@pytest.mark.parametrize("share", [0.0, 0.6])
def test_damaged_checkpoint_is_one_line(folder, capsys, share):
    assert pretrain(capsys)[0] == 0
    checkpoint = Path("run/checkpoints/last.ckpt")
    checkpoint.write_bytes(checkpoint.read_bytes()[: int(share * checkpoint.stat().st_size)])
    Path("run/tokenizer.json").unlink()  # as if the run were not finished
    status, out, err = pretrain(capsys)
    assert (status, out) == (1, "")
    assert "run/checkpoints/last.ckpt is cut short, or no zip as PyTorch" in err
    assert "remove this file to start anew" in err
    assert len(err.splitlines()) == 1
