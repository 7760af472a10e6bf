"""``hyenadna-kit calibrate``: a file of null scores, what it says of them, and mistakes."""

import random
from pathlib import Path

import pytest
import torch

from hyenadna_kit import cli
from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.scoring.calibration import Calibration
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.scorer import VariantScorer
from hyenadna_kit.testing import tiny_model

BASES = "".join(random.Random(0).choices("ACGT", k=3_000))
OPTIONS = {
    "model": "m",
    "genome": "g.fa",
    "out": "null.npz",
    "num_variants": "200",
    "device": "cpu",
    "batch_size": "64",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a genome ``g.fa`` and a model ``m``."""
    monkeypatch.chdir(tmp_path)
    Path("g.fa").write_text(f">one\n{BASES}\n>two\nNNNN\n")
    tiny_model().save_pretrained("m")
    return tmp_path


def calibrate(**options):
    words = [word for name, value in (OPTIONS | options).items() for word in (f"--{name}", value)]
    return cli.main(["calibrate", *words])


def test_file_is_good_for_the_options_it_was_made_with(folder, capsys):
    assert calibrate(horizon="8", min_left_context="20", strands="both", score="l2", seed="3") == 0
    printed, err = capsys.readouterr()
    assert printed == ""
    assert err.splitlines()[1:] == [
        "null.npz: l2 of 200 null variants, 200 asked for",
        "snv: 120; 0 of 96 trinucleotides have 500 or more",
        "mnv: 10; 0 of 5 length bins have 500 or more",
        "insertion: 30; 0 of 14 length bins have 500 or more",
        "deletion: 30; 0 of 14 length bins have 500 or more",
        "delins: 10; 0 of 5 length bins have 500 or more",
    ]
    found, genome = Calibration.load("null.npz"), Fasta("g.fa")
    placement = Placement(window=64, horizon=8, min_left_context=20)
    scorer = VariantScorer(HyenaDNA.from_pretrained("m"), placement, strands=tuple(Strand))
    found.check(scorer, genome)
    assert found.made["seed"] == 3
    variant = Variant("one", 5, BASES[5], "ACGT"["ACGT".index(BASES[5]) - 1])
    (score,) = scorer.score(genome, [variant])
    calibrated = found.of(variant, genome, score.values["l2"])
    as_far = sum(value >= score.values["l2"] for value in found.cells["snv"].tolist())
    assert (calibrated.cell, calibrated.percentile) == ("snv", (as_far + 1) / 121)


def test_same_command_gives_the_same_bytes(folder):
    assert [calibrate(out=out) for out in ("a.npz", "b.npz")] == [0, 0]
    assert calibrate(seed="1", out="c.npz") == 0
    assert Path("a.npz").read_bytes() == Path("b.npz").read_bytes() != Path("c.npz").read_bytes()


def test_a_likelihood_ratio_is_told_of_substitutions_alone(folder, capsys):
    assert calibrate(score="llr") == 0
    classes = [line.split(":")[0] for line in capsys.readouterr().err.splitlines()[2:]]
    assert classes == ["snv", "mnv"]


def test_a_small_genome_says_what_it_gave(folder, capsys):
    Path("g.fa").write_text(">one\nACGTN\n")
    assert calibrate(num_variants="100") == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[1].endswith(" null variants, 100 asked for")
    assert lines[2] == "snv: 4; 0 of 96 trinucleotides have 500 or more"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"out": "null.json"}, "--out null.json must end in .npz"),
        ({"num_variants": "0"}, "num_variants must be at least 1"),
        ({"seed": "-1"}, "seed at least 0"),
        ({"genome": "n.fa"}, "genome n.fa has no bases A, C, G or T"),
        ({"window": "8", "horizon": "8"}, "must together be less than the window"),
        ({"model": "nan"}, "holds NaN or infinity; take weights of an earlier step"),
        ({"batch_size": "0"}, "batch_size must be at least 1, got 0"),
    ],
    ids=["suffix", "number", "seed", "genome", "window", "model", "batch"],
)
def test_mistake_is_one_line_and_leaves_nothing(folder, capsys, options, message):
    Path("n.fa").write_text(">one\nNNNNNN\n")
    model = tiny_model()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(torch.nan)
    model.save_pretrained("nan")
    before = sorted(folder.rglob("*"))
    capsys.readouterr()
    assert calibrate(**options) == 1
    printed, err = capsys.readouterr()
    assert printed == ""
    assert err.startswith("hyenadna-kit calibrate: ")
    assert message in err
    assert len(err.splitlines()) == 1
    assert sorted(folder.rglob("*")) == before


def test_entropy_has_no_calibration(folder, capsys):
    assert calibrate(score="entropy") == 2
    assert "entropy" in capsys.readouterr().err
