"""``hyenadna-kit explain``: what stands in the folder is what the other commands and the model say."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from hyenadna_kit import cli
from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.heads.sequence import SequenceHeadConfig
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.regions import parse_regions
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig
from hyenadna_kit.testing.models import tiny_model

PNG = b"\x89PNG"
COLUMNS = ["log_likelihood", "entropy", "ism", "input_x_gradient", "integrated_gradients"]
REGIONS = "two:41-60,one:3-14"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder with a language model ``m``, a classifier ``c`` and one of both strands, ``both``."""
    folder = tmp_path_factory.mktemp("models")
    tiny_model().save_pretrained(folder / "m")
    torch.manual_seed(0)
    head = SequenceHeadConfig(objective="binary", labels=("closed", "open"))
    backbone = BackboneConfig(d_model=8, num_layers=1, context_length=32)
    HyenaDNAConfig(backbone=backbone, head=head).build().save_pretrained(folder / "c")
    HyenaDNAConfig(backbone=backbone, head=head, both_strands=True).build().save_pretrained(folder / "both")
    return folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("g.fa").write_text(f">one\nACGTTGCANNACCGGTTacgtaACGGTCATTGCAGGTC\n>two\n{'ACGTACCTGA' * 20}\n")
    return tmp_path


@pytest.fixture
def explain(models, folder, capsys):
    """Return a function from options to the exit status and the complaint."""

    def run(*options, model="m", regions=REGIONS, out="x"):
        words = ["--model", models / model, "--genome", "g.fa", "--out", out, "--device", "cpu", *options]
        words += ["--regions", regions] if regions else []
        status = cli.main(["explain", *map(str, words)])
        return status, capsys.readouterr().err

    return run


def table(path):
    with Path(path).open() as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def column(rows, name):
    return np.array([np.nan if row[name] == "." else float(row[name]) for row in rows])


def test_folder_has_table_tracks_and_figures(explain):
    status, err = explain("--sequences", "3")
    assert status == 0
    assert "wrote x: attributions.tsv" in err
    names = {path.name for path in Path("x").iterdir()}
    figures = {
        f"{stem}.{kind}"
        for stem in ("two_41-60", "one_3-14", "filters", "receptive_field")
        for kind in ("png", "svg")
    }
    tracks = {f"{name}.bedgraph" for name in COLUMNS}
    assert names == {"attributions.tsv", "filters.tsv", "receptive_field.tsv"} | figures | tracks
    for name in figures:
        content = Path("x", name).read_bytes()
        assert content.startswith(PNG) if name.endswith(".png") else b"<svg" in content
    rows = table("x/attributions.tsv")
    assert list(rows[0]) == ["region", "contig", "position", "base", *COLUMNS]
    assert [row["position"] for row in rows] == [*map(str, range(41, 61)), *map(str, range(3, 15))]
    fasta = Fasta("g.fa")
    assert "".join(row["base"] for row in rows) == "".join(
        map(fasta.fetch, parse_regions(REGIONS.split(","), fasta))
    )


def test_likelihoods_and_mutagenesis_are_those_of_their_commands(explain, models):
    explain("--tracks", "none", "--figures", "false", "--window", "64")
    rows = table("x/attributions.tsv")
    words = ["--model", str(models / "m"), "--genome", "g.fa", "--regions", REGIONS, "--device", "cpu"]
    assert cli.main(["loglik", *words, "--out", "l.tsv", "--length", "64"]) == 0
    assert cli.main(["mutagenize", *words, "--out", "m.tsv", "--window", "64"]) == 0
    likelihoods = {(row["contig"], row["position"]): row for row in table("l.tsv")}
    changes = {}
    lines = [line for line in Path("m.tsv").read_text().splitlines() if not line.startswith("#")]
    for row in csv.DictReader(lines, delimiter="\t"):
        found = [float(row[base]) for base in "ACGT" if row[base] != "."]
        changes[row["contig"], row["position"]] = -np.mean(found) if len(found) == 3 else np.nan
    for row in rows:
        place = row["contig"], row["position"]
        if row["base"] == "N":
            assert row["ism"] == row["log_likelihood"] == "."
            continue
        for name in ("log_likelihood", "entropy"):
            assert float(row[name]) == pytest.approx(float(likelihoods[place][name]), rel=1e-4)
        assert float(row["ism"]) == pytest.approx(changes[place], rel=1e-4)


def test_tracks_have_the_numbers_of_the_table(explain):
    pytest.importorskip("pybigtools", reason="pybigtools is in the bigwig extra")
    import pybigtools

    explain("--figures", "false")
    explain("--figures", "false", "--tracks", "bigwig", out="y")
    rows = {(row["contig"], int(row["position"]) - 1): row for row in table("x/attributions.tsv")}
    for name in COLUMNS:
        lines = [line.split("\t") for line in Path("x", f"{name}.bedgraph").read_text().splitlines()]
        assert lines == sorted(lines, key=lambda line: (line[0], int(line[1])))
        assert len(lines) == sum(row[name] != "." for row in rows.values())
        with pybigtools.open(f"y/{name}.bw") as track:
            for contig, start, end, value in lines:
                assert int(end) == int(start) + 1
                assert float(value) == pytest.approx(float(rows[contig, int(start)][name]), rel=1e-5)
                assert track.values(contig, int(start), int(end), fillna=None)[0] == pytest.approx(
                    float(value), rel=1e-5
                )


def test_classifier_is_explained_by_its_label(explain, models):
    assert explain("--tracks", "none", model="c")[0] == 0
    assert explain("--tracks", "none", "--label", "closed", model="c", out="y")[0] == 0
    first, second = table("x/attributions.tsv"), table("y/attributions.tsv")
    assert list(first[0]) == ["region", "contig", "position", "base", *COLUMNS[2:]]
    for name in COLUMNS[2:]:
        np.testing.assert_allclose(column(first, name), -column(second, name), rtol=1e-4)
    model, fasta = HyenaDNA.from_pretrained(models / "c"), Fasta("g.fa")
    region = parse_regions(["two:41-60"], fasta)[0]
    changed = torch.from_numpy(np.stack([fasta.tokens(region)] * 4).copy()).long()
    changed[:, 5] = torch.arange(7, 11)
    with torch.inference_mode():
        logits = model(changed).logits[:, 0]
    base = "ACGT".index(first[5]["base"])
    others = [place for place in range(4) if place != base]
    assert float(first[5]["ism"]) == pytest.approx(float(logits[base] - logits[others].mean()), rel=1e-3)
    assert not Path("x/receptive_field.tsv").exists()


def test_receptive_field_has_a_row_a_distance(explain):
    explain(
        "--tracks", "none", "--figures", "false", "--window", "50", "--sequences", "2", regions="two:101-140"
    )
    rows = table("x/receptive_field.tsv")
    assert [int(row["distance"]) for row in rows] == list(range(50))
    assert all(float(row["size"]) >= 0 for row in rows)


MISTAKES = {
    "no_region": ((), {"regions": None}, "name the regions by either --regions"),
    "out": ((), {"out": "."}, "--out . exists; name a new folder"),
    "long": (("--window", "16"), {}, "two:41-60 has 20 bases and the window 16; name a longer --window"),
    "label": (("--label", "open"), {}, "--label open is for classifiers"),
    "no_label": (("--label", "ajar"), {"model": "c"}, "has no label 'ajar'; it has closed, open"),
    "outside": ((), {"regions": "two:190-300"}, "two:190-300"),
    "no_bases": ((), {"regions": "one:9-10"}, "one:9-10 holds no A, C, G or T; leave it out"),
    "first": ((), {"regions": "two:1-1"}, "two:1-1 is the first base of its contig"),
    "both": ((), {"model": "both"}, "a model of both strands reads each base twice"),
    "steps": (("--steps", "0"), {}, "steps must be at least 1, got 0"),
}


@pytest.mark.parametrize(("options", "others", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_one_line_and_leave_nothing(explain, folder, options, others, message):
    before = sorted(folder.iterdir())
    status, err = explain(*options, **others)
    assert status in (1, 2)
    assert message in err.splitlines()[-1]
    assert len([line for line in err.splitlines() if line.startswith("hyenadna-kit")]) == 1
    assert sorted(folder.iterdir()) == before
