"""``hyenadna-kit mutagenize``: regions, BED files and genes to tables and figures, or one clear line."""

import csv
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from hyenadna_kit import cli
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.scorer import VariantScorer
from hyenadna_kit.testing.models import tiny_model

SEQUENCE = "ACGTTGCANNACCGGTTacgtaACGGTCATTGCAGGTCATGACCTAGGTC"
GFF = """##gff-version 3
one\tx\tgene\t3\t8\t.\t-\t.\tID=gene1;Name=thrL
one\tx\tgene\t30\t33\t.\t+\t.\tID=gene2;Name=thrA
two\tx\tgene\t5\t9\t.\t+\t.\tID=gene3;Name=thrA
two\tx\tgene\t198\t203\t.\t+\t.\tID=beyond
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "m"
    tiny_model().save_pretrained(folder)
    return folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a genome ``g.fa``, genes ``g.gff`` and regions ``r.bed``."""
    monkeypatch.chdir(tmp_path)
    Path("g.fa").write_text(f">one\n{SEQUENCE}\n>two\n{'ACGTA' * 40}\n")
    Path("g.gff").write_text(GFF)
    Path("r.bed").write_text("two\t4\t9\tname\t0\t-\none\t0\t3\n")
    return tmp_path


@pytest.fixture
def mutagenize(model, folder, capsys):
    """Return a function from options to the exit status, what was printed, and the complaint."""

    def run(*options, out="x.tsv"):
        words = ["--model", model, "--genome", "g.fa", "--out", out, "--device", "cpu", *options]
        return cli.main(["mutagenize", *map(str, words)]), *capsys.readouterr()

    return run


def table(path):
    lines = (line for line in Path(path).read_text().splitlines() if not line.startswith("#"))
    return list(csv.DictReader(lines, delimiter="\t"))


def test_table_and_hdf5_have_the_scores_of_each_change(mutagenize, model):
    status, out, err = mutagenize("--regions", "one:5-12,two:1-3", "--deletions", out="x.tsv,x.h5")
    assert status == 0
    assert err.endswith("wrote x.tsv, x.h5\n")
    rows = table("x.tsv")
    assert [(row["region"], row["contig"], row["position"], row["ref"]) for row in rows] == [
        *(("one:5-12", "one", str(i + 1), SEQUENCE[i]) for i in range(4, 12)),
        *(("two:1-3", "two", str(i + 1), "ACG"[i]) for i in range(3)),
    ]
    scorer = VariantScorer(HyenaDNA.from_pretrained(model), Placement.for_window(64))
    expected = [
        [
            score(scorer, Variant(row["contig"], int(row["position"]) - 1, row["ref"], alt))
            for alt in ("A", "C", "G", "T", "")
        ]
        for row in rows
    ]
    cells = [[row[name] for name in ("A", "C", "G", "T", "del")] for row in rows]
    found = [[np.nan if cell == "." else float(cell) for cell in row] for row in cells]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    with h5py.File("x.h5") as file:
        np.testing.assert_allclose(file["values"][...], expected, rtol=0, atol=1e-5)
    lines = [line.split("\t") for line in out.splitlines()]
    assert lines[0] == ["region", "bases", "scored", "variants", "mean", "lowest", "highest"]
    # Bases 9 and 10 are N: they have no changes.
    assert [line[:4] for line in lines[1:]] == [["one:5-12", "8", "24", "24"], ["two:1-3", "3", "12", "12"]]
    first = np.array(expected[:8])
    assert [float(cell) for cell in lines[1][4:]] == pytest.approx(
        [np.nanmean(first), np.nanmin(first), np.nanmax(first)], abs=1e-5
    )


def score(scorer, variant):
    """Return the score of one change by itself, NaN where it is none."""
    if variant.ref in ("N", variant.alt):
        return np.nan
    (found,) = scorer.score(Fasta("g.fa"), [variant])
    return found.values["delta_ll"]


@pytest.mark.parametrize(
    ("options", "regions"),
    [
        (["--bed", "r.bed"], ["two:5-9", "one:1-3"]),
        (["--annotation", "g.gff", "--genes", "thrL"], ["one:3-8"]),
        (["--annotation", "g.gff", "--genes", "gene2,thrL"], ["one:30-33", "one:3-8"]),
        (["--annotation", "g.gff", "--genes", "thrA,thrA"], ["one:30-33", "two:5-9"]),
    ],
    ids=["bed", "gene on the other strand", "names and symbols", "one symbol twice"],
)
def test_regions_come_from_files_and_are_told_on_the_forward_strand(mutagenize, options, regions):
    status, *_ = mutagenize(*options, out="x.tsv,x.h5")
    assert status == 0
    genome = Fasta("g.fa")
    intervals = [Interval.from_region(region) for region in regions]
    rows = table("x.tsv")
    assert [(row["contig"], int(row["position"])) for row in rows] == [
        (each.contig, position + 1) for each in intervals for position in range(each.start, each.end)
    ]
    assert "".join(row["ref"] for row in rows) == "".join(map(genome.fetch, intervals))
    with h5py.File("x.h5") as file:
        assert file["alleles"][...].tobytes().decode() == "".join(map(genome.fetch, intervals))
        assert [position + 1 for position in file["position"][...]] == [int(row["position"]) for row in rows]


def test_genes_are_called_as_they_were_asked_for(mutagenize):
    _, out, _ = mutagenize("--annotation", "g.gff", "--genes", "gene2,thrL")
    assert [line.split("\t")[0] for line in out.splitlines()[1:]] == ["gene2", "thrL"]
    assert {row["region"] for row in table("x.tsv")} == {"gene2", "thrL"}


def test_changes_without_a_score_are_counted_and_said(mutagenize):
    # Without its last base the contig has nothing from there on whose likelihood could be summed.
    status, out, err = mutagenize("--regions", "one:49-50", "--deletions")
    assert status == 0
    assert [row["del"] == "." for row in table("x.tsv")] == [False, True]
    assert out.splitlines()[1].split("\t")[:4] == ["one:49-50", "2", "7", "8"]
    assert "\n1 of 8 changes have no score: no base to sum over stands behind them" in err


def test_header_says_where_the_scores_come_from(mutagenize, model):
    options = [
        "--window",
        48,
        "--horizon",
        8,
        "--min_left_context",
        20,
        "--strands",
        "both",
        "--score",
        "llr",
    ]
    mutagenize("--regions", "two:1-2", *options)
    lines = [line for line in Path("x.tsv").read_text().splitlines() if line.startswith("#")]
    said = dict(line.removeprefix("# ").split(": ") for line in lines)
    assert said["model_sha256"] == HyenaDNA.from_pretrained(model).fingerprint()
    assert said["genome_sha256"] == Fasta("g.fa").fingerprint
    assert [said[name] for name in ("score", "window", "horizon", "min_left_context", "strands")] == [
        *("llr", "48", "8", "20", "both")
    ]


def test_every_region_has_a_figure_with_its_letters(mutagenize):
    options = ["--annotation", "g.gff", "--genes", "thrL,gene2", "--deletions", "--figure", "figures"]
    assert mutagenize(*options)[0] == 0
    names = sorted(path.name for path in Path("figures").iterdir())
    stems = ["gene2_one_30-33", "thrL_one_3-8"]
    assert names == [f"{stem}.{suffix}" for stem in stems for suffix in ("png", "svg")]
    for stem, positions in zip(stems, (range(30, 34), range(3, 9)), strict=True):
        svg = Path("figures", f"{stem}.svg").read_text()
        assert [int(number) for number in re.findall(r'id="letter-(\d+)"', svg)] == list(positions)
        assert Path("figures", f"{stem}.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_name_of_a_figure_stays_in_its_folder(mutagenize):
    Path("odd.bed").write_text("two\t4\t9\t../../odd name\n")
    options = ["--annotation", "odd.bed", "--genes", "../../odd name", "--figure", "figures"]
    assert mutagenize(*options)[0] == 0
    names = sorted(path.name for path in Path("figures").iterdir())
    assert names == [f"..%2F..%2Fodd%20name_two_5-9.{suffix}" for suffix in ("png", "svg")]


def test_letters_stand_upright_where_changes_cost_likelihood(mutagenize):
    mutagenize("--regions", "one:20-49", "--figure", "figures")
    svg = Path("figures/one_20-49.svg").read_text()
    rows = {int(row["position"]): row for row in table("x.tsv")}
    mean = {
        number: np.mean([float(row[alt]) for alt in "ACGT" if row[alt] != "."])
        for number, row in rows.items()
    }
    top = {}
    for number, outline in re.findall(r'id="letter-(\d+)">\s*<path d="([^"]+)"', svg):
        numbers = np.array(re.findall(r"-?\d+(?:\.\d+)?", outline), dtype=float)
        top[int(number)] = numbers[1::2].min()
    lowest, highest = min(mean, key=mean.get), max(mean, key=mean.get)
    assert mean[lowest] < 0 < mean[highest]
    assert min(top, key=top.get) == lowest
    assert top[highest] > top[lowest]


def test_one_file_under_two_names_is_written_once(mutagenize, folder):
    assert mutagenize("--regions", "two:1-2", out=f"x.tsv,{folder}/x.tsv")[0] == 0
    assert len(table("x.tsv")) == 2


def test_centred_windows_and_full_engine_are_at_hand(mutagenize):
    options = ["--placement", "centred", "--engine", "full", "--min_left_context", 8]
    assert mutagenize("--regions", "two:90-92", *options)[0] == 0
    assert "# placement: centred\n" in Path("x.tsv").read_text()


@pytest.mark.parametrize(
    ("options", "out", "complaint"),
    [
        ([], "x.tsv", "name the regions by either --regions CONTIG:START-END[,...] or --bed FILE"),
        (["--regions", "one", "--bed", "r.bed"], "x.tsv", "name the regions by either"),
        (["--regions", "one", "--genes", "thrL"], "x.tsv", "--annotation FILE and --genes NAMES go together"),
        (["--annotation", "g.gff"], "x.tsv", "--annotation FILE and --genes NAMES go together"),
        (
            ["--annotation", "g.gff", "--genes", "thrL", "--regions", "one"],
            "x.tsv",
            "name the regions by one",
        ),
        (
            ["--annotation", "g.gff", "--genes", "thrB"],
            "x.tsv",
            "g.gff has no gene 'thrB'; did you mean 'thrL'?",
        ),
        (
            ["--annotation", "g.gff", "--genes", "beyond"],
            "x.tsv",
            "g.gff, gene beyond: two:198-203 must hold",
        ),
        (["--regions", "one"], "x.txt", "output x.txt must end in .h5, .tsv, .tsv.gz"),
        (["--regions", "one", "--score", "llr", "--deletions"], "x.tsv", "deletions have no llr"),
        (["--regions", "three:1-2"], "x.tsv", "region three:1-2: contig 'three' is not in"),
        (["--regions", "one", "--figure", "g.fa"], "x.tsv", "--figure g.fa is a file; give a folder"),
        (
            ["--regions", "one", "--placement", "centred", "--engine", "shared"],
            "x.tsv",
            "engine shared cannot",
        ),
    ],
    ids=[
        *("no regions", "two kinds", "genes alone", "annotation alone", "genes and regions", "no such gene"),
        *("gene beyond", "suffix", "llr of deletions", "no such contig", "figure is a file", "engine"),
    ],
)
def test_mistake_is_one_line_and_writes_nothing(mutagenize, folder, options, out, complaint):
    before = sorted(folder.iterdir())
    status, printed, err = mutagenize(*options, out=out)
    assert (status, printed) == (1, "")
    (line,) = err.splitlines()
    assert line.startswith(f"hyenadna-kit mutagenize: {complaint}")
    assert sorted(folder.iterdir()) == before


def test_no_output_at_all_is_refused(folder, capsys):
    Path("c.yaml").write_text("out: []\n")
    words = ["mutagenize", "--config", "c.yaml", "--model", "none", "--genome", "g.fa", "--regions", "one"]
    assert cli.main(words) == 1
    assert capsys.readouterr().err == "hyenadna-kit mutagenize: --out names no file; give X.h5 or X.tsv\n"


def test_region_too_long_for_a_figure_is_refused_before_any_work(mutagenize, folder):
    Path("g.fa").write_text(f">long\n{'ACGTA' * 1001}\n")
    status, _, err = mutagenize("--regions", "long", "--figure", "figures")
    assert status == 1
    assert "long:1-5005 has 5,005 bp and a figure 5,000 at most" in err
    assert not Path("figures").exists()
    assert not Path("x.tsv").exists()
