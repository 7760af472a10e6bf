"""``hyenadna-kit evaluate``: table, JSON, and what it refuses to be fooled by."""

import json
import re
from pathlib import Path

import pytest
import torch

from hyenadna_kit import cli
from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.evaluation import held_out
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig
from hyenadna_kit.testing import toy_genome, write_toy_genome
from tests.oracles.markov import base_bits

ORDERS = (1, 2)
ONLY_N = "the 1 region(s) score no A, C, G or T: nothing to average; take others"
TRAIN, VALIDATION = ["toy1:1-2000"], ["toy1:2001-2500", "toy2:1-100"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a genome ``g.fa`` and a run ``m`` that was trained on a part of it."""
    monkeypatch.setattr(held_out, "DEFAULT_ORDERS", ORDERS)
    monkeypatch.chdir(tmp_path)
    write_toy_genome(Path("g.fa"), length=10_000)
    torch.manual_seed(0)
    mixer = HyenaConfig(filter=FilterConfig(filter_order=4))
    backbone = BackboneConfig(d_model=8, num_layers=1, context_length=64, mixer=mixer)
    HyenaDNAConfig(backbone=backbone).build().save_pretrained("m")
    record = {
        "genome_fingerprint": Fasta(Path("g.fa")).fingerprint,
        "train": TRAIN,
        "validation": VALIDATION,
        "held_out": ["toy3"],
    }
    Path("m/run.json").write_text(json.dumps(record))
    return tmp_path


def evaluate(capsys, *options, genome="g.fa"):
    status = cli.main(["evaluate", "--model", "m", "--genome", genome, "--device", "cpu", *options])
    return status, *capsys.readouterr()


def expected_bits(train, region, order):
    contigs = {name: bases.upper() for name, bases in toy_genome(length=10_000).contigs.items()}

    def cut(contig, start, end):
        return contigs[contig][start:end]

    (contig, start, end), left = region, min(order, region[1])
    bits = base_bits([cut(*run) for run in train], order, cut(contig, start - left, end))[left:]
    counted = [bit for bit in bits if bit is not None]
    return sum(counted) / len(counted)


def test_table_and_json_hold_the_model_and_its_baselines(folder, capsys):
    status, out, err = evaluate(capsys, "--regions", "toy3,toy2:301-600", "--json", "new/e.json")
    assert status == 0
    assert re.fullmatch(r"1,300 bases in \d+\.\d s \([\d,]+ bases/s\)\n", err)
    figures = json.loads(Path("new/e.json").read_text())
    assert figures["model_fingerprint"] == HyenaDNA.from_pretrained("m").fingerprint()
    assert figures.keys() == {"model_fingerprint", "bits_per_base", "num_bases", "baselines", "regions"}
    assert [(each["region"], each["num_bases"]) for each in figures["regions"]] == [
        ("toy3:1-1000", 1000),
        ("toy2:301-600", 300),
    ]
    assert figures["bits_per_base"] == pytest.approx(4.0, abs=0.1)
    lines = out.splitlines()
    assert lines[0] == f"model               {figures['bits_per_base']:.4f} bits per base"
    for line, order in zip(lines[1:3], ORDERS, strict=True):
        bits = figures["baselines"][f"markov_{order}"]
        assert line == f"Markov order {order}      {bits:.4f} bits per base"
    assert lines[3] == "1,300 bases in 2 region(s), each scored once"
    assert len(lines) == 4


def test_baselines_are_trained_on_training_and_validation_part_of_the_run(folder, capsys):
    assert evaluate(capsys, "--regions", "toy3", "--json", "e.json")[0] == 0
    found = json.loads(Path("e.json").read_text())["baselines"]
    train = [("toy1", 0, 2000), ("toy1", 2000, 2500), ("toy2", 0, 100)]
    for order in ORDERS:
        expected = expected_bits(train, ("toy3", 0, 1000), order)
        assert found[f"markov_{order}"] == pytest.approx(expected, rel=1e-9)


def test_training_regions_may_be_named(folder, capsys):
    options = ["--regions", "toy3", "--train_regions", "toy2:1-500,toy2:601-900", "--json", "e.json"]
    assert evaluate(capsys, *options)[0] == 0
    found = json.loads(Path("e.json").read_text())["baselines"]
    train = [("toy2", 0, 500), ("toy2", 600, 900)]
    assert found["markov_2"] == pytest.approx(expected_bits(train, ("toy3", 0, 1000), 2), rel=1e-9)


def test_bed_gives_the_same_as_regions(folder, capsys):
    Path("r.bed").write_text("toy3\t0\t1000\ntoy2\t300\t600\n")
    by_name = evaluate(capsys, "--regions", "toy3,toy2:301-600")
    by_bed = evaluate(capsys, "--bed", "r.bed")
    assert by_bed[:2] == by_name[:2]


def test_batches_and_stores_change_nothing(folder, capsys):
    assert cli.main(["prepare", "g.fa", "--out", "store"]) == 0
    capsys.readouterr()
    one = evaluate(capsys, "--regions", "toy3", "--batch_size", "1")
    assert one[0] == 0
    assert evaluate(capsys, "--regions", "toy3", "--batch_size", "50", genome="store")[:2] == one[:2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--regions", "toy3,toy1:1999-2100"],
            "the model was trained on what it is evaluated on; choose other regions or add --allow_overlap: "
            "toy1:1999-2100 and toy1:1-2000 overlap",
        ),
        (
            ["--regions", "toy2:100-200", "--train_regions", "toy3"],
            "the model was trained on what it is evaluated on; choose other regions or add --allow_overlap: "
            "toy2:100-200 and toy2:1-100 overlap",
        ),
        (
            ["--regions", "toy3", "--train_regions", "toy3:5-9"],
            "train_regions and what is evaluated must be apart, or add --allow_overlap: "
            "toy3:1-1000 and toy3:5-9 overlap",
        ),
        (["--regions", "toy9"], "contig 'toy9' is not in g.fa; it has toy1, toy2, toy3 (3 in all)"),
        (["--regions", "toy3:1-1001"], "toy3:1-1001 must hold a base and end inside contig 'toy3'"),
        ([], "name the regions by either --regions CONTIG:START-END[,...] or --bed FILE"),
        (["--regions", "toy3", "--bed", "r.bed"], "name the regions by either --regions"),
        (["--bed", "r.bed"], "BED file r.bed cannot be read: No such file or directory"),
        (["--regions", "toy3", "--length", "0"], "windows must be at least 2 tokens long, got 0"),
        (["--regions", "toy3", "--batch_size", "0"], "batch_size must be at least 1, got 0"),
        (["--regions", "toy1:3101-3150", "--train_regions", "toy2"], ONLY_N),
        (["--regions", "toy1:3101-3150"], ONLY_N),
        (["--regions", "toy1:3101-3150", "--lengths", "8,16"], ONLY_N),
        (
            ["--regions", "toy3", "--lengths", "8", "--batch_size", "0"],
            "batch_size must be at least 1, got 0",
        ),
        (
            ["--regions", "toy3", "--lengths", "8", "--batch_size", "4"],
            "--batch_size 4 has no effect beside --lengths; leave one of them out",
        ),
        (
            ["--regions", "toy3", "--lengths", "8", "--length", "16"],
            "--length 16 has no effect beside --lengths; leave one of them out",
        ),
        (["--regions", "toy3", "--plot", "f.png"], "--plot f.png shows window lengths; add --lengths"),
        (
            ["--regions", "toy3", "--lengths", "8", "--plot", "f.gif"],
            "--plot must end with .png, .svg or .pdf, got 'f.gif'",
        ),
    ],
    ids=[
        "training",
        "validation",
        "named",
        "contig",
        "past the end",
        "neither",
        "both",
        "no BED",
        "no length",
        "no batch",
        "only N",
        "only N, no baselines",
        "only N by length",
        "no batch by length",
        "batch by length",
        "length and lengths",
        "figure of one length",
        "no figure",
    ],
)
def test_mistake_is_one_line_and_leaves_no_json(folder, capsys, options, message):
    status, out, err = evaluate(capsys, *options, "--json", "e.json")
    assert (status, out) == (1, "")
    assert message in err.splitlines()[-1]
    assert not Path("e.json").exists()


def test_overlap_may_be_allowed(folder, capsys):
    assert evaluate(capsys, "--regions", "toy1:1-100", "--allow_overlap")[0] == 0


def test_run_on_another_genome_says_nothing_about_this_one(folder, capsys):
    write_toy_genome(Path("other.fa"), seed=1, length=10_000)
    status, out, said = evaluate(capsys, "--regions", "toy1:1-100", genome="other.fa")
    assert status == 0
    assert "Markov" not in out
    assert said.splitlines()[0].startswith(
        "m was not trained on other.fa, their fingerprints differ: whether it saw these bases"
    )


def test_what_the_model_was_trained_on_before_its_run_is_refused_as_well(folder, capsys):
    record = json.loads(Path("m/run.json").read_text())
    earlier = {"genome_fingerprint": record["genome_fingerprint"], "ranges": ["toy3:1-200"]}
    Path("m/run.json").write_text(json.dumps(record | {"seen_before": [earlier]}))
    status, _, said = evaluate(capsys, "--regions", "toy3:150-300")
    assert status == 1
    assert "the model was trained on what it is evaluated on" in said
    assert evaluate(capsys, "--regions", "toy3:201-300")[0] == 0


def test_model_that_is_no_run_has_no_baselines(folder, capsys):
    Path("m/run.json").unlink()
    status, out, _ = evaluate(capsys, "--regions", "toy1:1-100")
    assert (status, len(out.splitlines())) == (0, 2)


def test_region_without_bases_is_null_in_json(folder, capsys):
    sequence = toy_genome(length=10_000).contigs["toy1"]
    first = sequence.index("N") + 1
    regions = f"toy1:{first}-{first + 9},toy3:1-10"
    assert evaluate(capsys, "--regions", regions, "--json", "e.json")[0] == 0

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    figures = json.loads(Path("e.json").read_text(), parse_constant=refuse)
    assert [each["num_bases"] for each in figures["regions"]] == [0, 10]
    assert figures["regions"][0]["bits_per_base"] is None
    assert figures["bits_per_base"] == pytest.approx(figures["regions"][1]["bits_per_base"])


def test_missing_model_and_damaged_record_are_one_line(folder, capsys):
    Path("m/run.json").write_text("{")
    status, _, err = evaluate(capsys, "--regions", "toy3")
    assert status == 1
    assert err.startswith("hyenadna-kit evaluate: m/run.json cannot be read: ")
    status = cli.main(["evaluate", "--model", "none", "--genome", "g.fa", "--regions", "toy3"])
    assert (status, capsys.readouterr().err) == (
        1,
        "hyenadna-kit evaluate: model folder none does not exist; name a folder, a model of the hub as "
        "OWNER/NAME@main, or one that comes along (ecoli-tiny, yeast-tiny)\n",
    )


def test_diverged_model_is_an_error(folder, capsys):
    model = HyenaDNA.from_pretrained("m")
    with torch.no_grad():
        model.backbone.ln_f.weight.fill_(3e38)
    model.save_pretrained("m")
    status, out, err = evaluate(capsys, "--regions", "toy3", "--json", "e.json")
    assert (status, out) == (1, "")
    assert "gives no finite likelihood" in err
    assert not Path("e.json").exists()
