"""The command ``generate``: FASTA out, the same for the same seed, and mistakes in one line."""

from pathlib import Path

import pytest
import torch

from hyenadna_kit import cli
from hyenadna_kit.generation.generate import generate
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.testing import tiny_model


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a model ``m``."""
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)
    tiny_model().save_pretrained("m")
    Path("p.fa").write_text(">one\nACGTACGT\n>two\nttgaca\n")


def run(**flags):
    options = {"model": "m", "out": "x.fa", "prompt": "ACGT", "num_bases": 90, "device": "cpu"} | flags
    words = [
        word for name, value in options.items() if value is not None for word in (f"--{name}", str(value))
    ]
    return cli.main(["generate", *words])


def records(path="x.fa"):
    """Return header and bases of every record."""
    texts = Path(path).read_text().split(">")[1:]
    return [(text.split("\n")[0], "".join(text.split("\n")[1:])) for text in texts]


def test_records_are_what_the_model_draws(folder):
    assert run(count=3) == 0
    drawn = list(generate(tiny_model().eval(), "ACGT", 90, count=3))
    assert records() == [
        (f"generated-{number} bases=90 bits_per_base={each.bits_per_base:.4f}", each.bases)
        for number, each in enumerate(drawn, start=1)
    ]
    assert max(map(len, Path("x.fa").read_text().splitlines()[1:2])) == 80


def test_every_prompt_has_its_sequences(folder):
    assert run(prompt=None, prompts="p.fa", count=2, with_prompt="true", out="x.fa.gz") == 0
    lengths = dict(Fasta("x.fa.gz").contigs)
    assert lengths == {"one-1": 98, "one-2": 98, "two-1": 96, "two-2": 96}


@pytest.mark.parametrize(
    ("flags", "status", "message"),
    [
        ({"out": "x.txt"}, 1, "--out x.txt must end in .fa, .fasta, .fna"),
        ({"prompts": "p.fa"}, 1, "by either --prompt BASES or --prompts FASTA"),
        ({"prompt": None}, 1, "by either --prompt BASES or --prompts FASTA"),
        ({"prompt": "AC!"}, 1, "--prompt AC!: character '!' at position 2 is no nucleotide code"),
        ({"stop": "T!"}, 1, "--stop T!: character '!' at position 1 is no nucleotide code"),
        (
            {"prompt": None, "prompts": "p.fa", "out": "p.fa"},
            1,
            "--out p.fa is what is read, and would be lost",
        ),
        ({"num_bases": 10**14}, 1, "hyenadna-kit generate: not enough memory ("),
        ({"taps": 0}, 2, "taps must be at least 1, got 0"),
        ({"top_p": 3}, 2, "top_p must be above 0 and at most 1, got 3.0"),
    ],
)
def test_mistakes_are_one_line(folder, capsys, flags, status, message):
    assert run(**flags) == status
    lines = capsys.readouterr().err.splitlines()
    assert message in lines[-1]
    assert not Path("x.fa").exists()
