"""``hyenadna-kit make-task``: files in, tables and a summary out, one line for each mistake."""

import csv
import json

import pytest

from hyenadna_kit import cli
from hyenadna_kit.testing import toy_genome, write_toy_genome
from tests.tasks.made import COMPLEMENTS

LENGTH = 60_000


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a genome ``g.fa.gz`` and the genes that were planted in it, ``g.gff3``."""
    monkeypatch.chdir(tmp_path)
    write_toy_genome("g.fa.gz", length=LENGTH)
    lines = ["##gff-version 3"]
    for number, planted in enumerate(toy_genome(length=LENGTH).genes):
        place = f"{planted.start + 1}\t{planted.end}\t.\t{planted.strand.value}"
        lines.append(f"{planted.contig}\ttoy\tgene\t{place}\t.\tID=g{number}")
        lines.append(f"{planted.contig}\ttoy\tCDS\t{place}\t0\tID=c{number};Parent=g{number}")
    (tmp_path / "g.gff3").write_text("\n".join(lines) + "\n")
    return tmp_path


def make_task(*words):
    return cli.main(["make-task", "--genome", "g.fa.gz", "--annotation", "g.gff3", "--out", "t", *words])


def test_tables_and_summary(folder, capsys):
    assert make_task("--task", "coding", "--length", "40", "--columns", "both") == 0
    report = json.loads((folder / "t" / "task.json").read_text())
    assert report["parameters"] == {
        "task": "coding",
        "length": 40,
        "upstream": None,
        "max_per_class": None,
        "validation_fraction": 0.1,
        "test_fraction": 0.1,
        "seed": 0,
    }
    assert report["annotation"]["num_genes"] == len(toy_genome(length=LENGTH).genes)
    contigs = {name: bases.upper() for name, bases in toy_genome(length=LENGTH).contigs.items()}
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "t: coding"
    for line, (side, counts) in zip(lines[1:], report["sides"].items(), strict=False):
        assert line == f"{side}: {counts['coding']:,} coding, {counts['intergenic']:,} intergenic"
        with (folder / "t" / f"{side}.csv").open() as rows:
            for row in csv.DictReader(rows):
                bases = contigs[row["contig"]][int(row["start"]) : int(row["end"])]
                if row["strand"] == "-":
                    bases = "".join(COMPLEMENTS[base] for base in reversed(bases))
                assert row["sequence"] == bases
    assert lines[-1] == "0 test windows are similar to a training window"


def test_start_site_stands_where_it_is_said_to(folder):
    assert make_task("--task", "promoters", "--upstream", "30", "--downstream", "10") == 0
    report = json.loads((folder / "t" / "task.json").read_text())
    assert (report["parameters"]["length"], report["facts"]["upstream"]) == (40, 30)
    starts = {
        (g.contig, g.start if g.strand.value == "+" else g.end - 1) for g in toy_genome(length=LENGTH).genes
    }
    with (folder / "t" / "train.csv").open() as rows:
        promoters = [row for row in csv.DictReader(rows) if row["label"] == "promoter"]
    assert promoters
    for row in promoters:
        start, end = int(row["start"]), int(row["end"])
        site = start + 30 if row["strand"] == "+" else end - 1 - 30
        assert (row["contig"], site) in starts


def test_same_options_make_the_same_tables(folder):
    assert make_task("--task", "coding", "--length", "40") == 0
    before = [(folder / "t" / f"{side}.csv").read_bytes() for side in ("train", "validation", "test")]
    assert make_task("--task", "coding", "--length", "40", "--overwrite") == 0
    assert before == [(folder / "t" / f"{side}.csv").read_bytes() for side in ("train", "validation", "test")]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--task", "codng", "--length", "40"], 1, "unknown task 'codng'; did you mean 'coding'?"),
        (["--task", "coding"], 1, "say how long windows are by --length N, or by --upstream"),
        (["--task", "promoters", "--upstream", "9"], 1, "say how long windows are by --length N"),
        (
            ["--task", "promoters", "--length", "40", "--upstream", "9", "--downstream", "9"],
            1,
            "--length 40 is not --upstream 9 and --downstream 9 together",
        ),
        (["--task", "coding", "--length", "40", "--upstream", "9"], 1, "coding windows have no site"),
        (["--task", "coding", "--length", "4000"], 1, "no window of class 'coding' is left"),
        (["--task", "splice_sites", "--length", "40"], 1, "no window of class 'donor' is left"),
        (["--task", "coding", "--length", "40", "--annotation", "g.fa.gz"], 2, "--annotation is given twice"),
        (["--task", "coding", "--length", "x"], 2, "--length: expected int or null, got 'x'"),
        (["--task", "coding", "--length", "40", "--format", "xlsx"], 2, "--format: expected 'csv' or 'tsv'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistake_is_one_line_and_leaves_nothing(folder, capsys, words, status, message):
    assert make_task(*words) == status
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert sorted(path.name for path in folder.iterdir()) == ["g.fa.gz", "g.gff3"]


def test_annotation_of_another_genome_is_refused(folder, capsys):
    text = (folder / "g.gff3").read_text()
    (folder / "g.gff3").write_text(
        text.replace("toy1\t", "x1\t").replace("toy2\t", "x2\t").replace("toy3\t", "x3\t")
    )
    assert make_task("--task", "coding", "--length", "40") == 1
    assert "no contig of g.gff3 (x1, x2, x3) is in g.fa.gz; it has toy1" in capsys.readouterr().err


def test_task_that_is_there_is_kept(folder, capsys):
    (folder / "t").mkdir()
    (folder / "t" / "task.json").write_text("{}")
    assert make_task("--task", "coding", "--length", "40") == 1
    assert "t is a task already; overwrite it (--overwrite)" in capsys.readouterr().err
    assert (folder / "t" / "task.json").read_text() == "{}"
