"""What is written and shown beside the steps."""

import json
import re
import sys

import pytest
import torch

from hyenadna_kit import files
from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.model import HyenaDNAConfig
from hyenadna_kit.planning import StepMemory, check_training
from hyenadna_kit.testing import write_toy_genome
from hyenadna_kit.training import callbacks, step_rows
from hyenadna_kit.training import pretrain as pretraining
from hyenadna_kit.training.pretrain import pretrain
from hyenadna_kit.training.pretrain_config import PretrainConfig
from hyenadna_kit.training.processes import Processes

MIXER = HyenaConfig(filter=FilterConfig(filter_order=4))
BACKBONE = BackboneConfig(d_model=8, num_layers=1, context_length=32, mixer=MIXER, embed_dropout=0.0)
LINE = re.compile(
    r"step (?P<step>\d+) of 6: (?P<bits>\d\.\d{4}) bits per base, (?P<rate>[\d,]+\.\d) kb/s, "
    r"(?P<minutes>\d+\.\d) min to go"
)


@pytest.fixture
def train(tmp_path):
    """Return a function that trains for 6 steps and gives the rows of its metrics."""
    fasta = write_toy_genome(tmp_path / "g.fa", length=10_000)
    torch.set_num_threads(1)

    def call(**options):
        options = {
            "batch_size": 2,
            "validate_every": 4,
            "validation_bases": 100,
            "precision": "fp32",
        } | options
        config = PretrainConfig(
            genome=str(fasta),
            out=str(tmp_path / f"run{len(list(tmp_path.iterdir()))}"),
            model=HyenaDNAConfig(backbone=BACKBONE),
            max_steps=6,
            **options,
        )
        folder = pretrain(config).folder
        return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]

    return call


@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize(("every", "logged"), [(1, [1, 2, 3, 4, 5, 6]), (2, [2, 4, 6]), (4, [4]), (7, [])])
def test_loss_is_written_once_every_few_steps(train, accumulate, every, logged):
    rows = train(log_every=every, accumulate_batches=accumulate)
    assert [row["step"] for row in rows if "bits_per_base" in row] == logged
    assert [row["step"] for row in rows if "validation_bits_per_base" in row] == [4, 6]
    assert all(
        row.keys() == {"step", "bits_per_base", "learning_rate"} for row in rows if "learning_rate" in row
    )


def test_lines_say_where_the_run_is(train, capsys, monkeypatch):
    monkeypatch.setattr(callbacks, "_SECONDS_BETWEEN_LINES", 0.0)
    rows = train(log_every=1)
    lines = capsys.readouterr().err.splitlines()
    found = [match.groupdict() for line in lines if (match := LINE.fullmatch(line))]
    assert [int(each["step"]) for each in found] == [1, 2, 3, 4, 5, 6]
    bits = [row["bits_per_base"] for row in rows if "bits_per_base" in row]
    assert [float(each["bits"]) for each in found] == pytest.approx(bits, abs=1e-4)
    validations = [line for line in lines if "validation" in line]
    assert [line.partition(":")[0] for line in validations] == ["step 4", "step 6"]
    assert len(lines) == 1 + len(found) + len(validations)


OF_ONE = "a step takes 1.50 GiB of 5.00 GiB that are free on cpu: weights, gradients, moments and activations"
AGAIN = "; activations are computed again in the backward pass"


@pytest.mark.parametrize(
    ("options", "others", "line"),
    [
        ({}, 0, OF_ONE),
        ({"recompute": "always"}, 0, OF_ONE + AGAIN),
        (
            {"devices": 2},
            3 << 27,
            f"{OF_ONE} of 2 processes; those beside this one take 384 MiB for PyTorch itself",
        ),
    ],
    ids=["one process", "activations again", "two processes"],
)
def test_first_line_says_what_a_step_takes_of_what_is_free(capsys, monkeypatch, options, others, line):
    monkeypatch.setattr(pretraining, "check_training", lambda *_, **__: StepMemory(3 << 29, others))
    monkeypatch.setattr(pretraining, "available_memory", lambda _: 5 << 30)
    config = PretrainConfig(genome="g", out="o", model=HyenaDNAConfig(backbone=BACKBONE), **options)
    pretraining._check_memory(config, 32, Processes(per_node=config.devices or 1))
    assert capsys.readouterr().err == f"{line}\n"


def test_step_of_several_processes_takes_as_many_times_the_tensors_of_one():
    config = HyenaDNAConfig(backbone=BACKBONE)
    one, three = (
        check_training(
            config, config.pass_size(2, 32), torch.device("cpu"), "fp32", recompute=False, processes=count
        )
        for count in (1, 3)
    )
    assert (one.others, three.tensors) == (0, 3 * one.tensors)
    assert three.others > 2 * 50 * 2**20  # PyTorch alone takes more than 50 MiB


def test_rate_counts_the_bases_that_were_read(train, capsys, monkeypatch):
    now = iter(range(1000))
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: float(next(now)))
    monkeypatch.setattr(callbacks, "_SECONDS_BETWEEN_LINES", 0.0)
    train()
    found = [
        match.groupdict() for line in capsys.readouterr().err.splitlines() if (match := LINE.fullmatch(line))
    ]
    # One second a step, each of 2 windows of 32 bases.
    assert {each["rate"] for each in found} == {"0.1"}
    assert [each["minutes"] for each in found] == ["0.1", "0.1", "0.1", "0.0", "0.0", "0.0"]


def test_measurements_are_on_disk_before_the_checkpoint(train, monkeypatch):
    on_disk, sync = [], files.sync

    def note(path):
        on_disk.append(path.name.rpartition(".tmp.")[2])
        sync(path)

    for module in (files, step_rows):
        monkeypatch.setattr(module, "sync", note)
    train(log_every=1, checkpoint_every=3)
    saved = [number for number, name in enumerate(on_disk) if name == "last.ckpt"]
    assert len(saved) == 2
    for number in saved:
        before, after = on_disk[number - 2 : number], on_disk[number + 1]
        assert (sorted(before), after) == (["metrics.jsonl", "timing.jsonl"], "checkpoints")


def test_terminal_shows_a_bar(train, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "160")
    train()
    shown = capsys.readouterr().err
    assert "0/6" in shown
    assert "step 6: validation" in shown
    assert shown.rstrip().endswith("\x1b[?25h") or "\x1b[?25h" in shown  # the cursor is back
