"""Every example runs as its docstring says."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.model import HyenaDNAConfig
from hyenadna_kit.testing import write_toy_genome

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    write_toy_genome(folder / "toy.fa", length=10_000)
    torch.manual_seed(0)
    HyenaDNAConfig(backbone=BackboneConfig(d_model=8, context_length=64)).build().save_pretrained(
        folder / "model"
    )
    return folder


def run(example, *words):
    command = [sys.executable, str(EXAMPLES / example), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_score_one_variant(toy):
    bases = "".join((toy / "toy.fa").read_text().splitlines()[1:8])
    ref = bases[299].upper()
    out = run(
        "score_one_variant.py", toy / "model", toy / "toy.fa", "toy1", 300, ref, "A" if ref != "A" else "C"
    )
    assert "delta_ll" in out
    assert "None" not in out


def test_read_windows(toy):
    out = run("read_windows.py", toy / "toy.fa", "toy1:1-12").splitlines()
    bases = (toy / "toy.fa").read_text().splitlines()[1][:12].upper()
    assert out[0] == bases
    assert out[1] == bases.translate(str.maketrans("ACGT", "TGCA"))[::-1]
    assert len(Fasta(toy / "toy.fa").contigs) == 3


def test_associative_recall():
    out = [line.rsplit(None, 1) for line in run("associative_recall.py", 2).splitlines()]
    assert [name.strip() for name, _ in out][1:] == ["Hyena in both layers", "attention in layer 1"]
    assert all(10 < float(share.removesuffix("%")) < 90 for _, share in out)


def test_every_example_is_tested():
    tested = Path(__file__).read_text()
    assert all(f'"{path.name}"' in tested for path in EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_example_says_how_it_is_run(path):
    assert f"python examples/{path.name}" in path.read_text()
