"""``hyenadna-kit make-species-task``: genomes to tables that fine-tuning reads."""

import json
from pathlib import Path

import numpy as np
import pytest

from hyenadna_kit import cli
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.tables import read_labelled_table


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current folder, with the genomes ``a.fa`` and ``b.fa``."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate("ab"):
        bases = "".join(np.random.default_rng(seed).choice(list("ACGT"), 3000))
        Path(f"{name}.fa").write_text(f">c\n{bases}\n")


def make(genomes="one=a.fa,two=b.fa", **flags):
    flags = {"length": "40", "count": "20", "out": "task"} | flags
    words = [word for name, value in flags.items() for word in (f"--{name}", value)]
    return cli.main(["make-species-task", "--genomes", genomes, *words])


def test_tables_name_the_genome_of_every_row(folder, capsys):
    assert make() == 0
    assert capsys.readouterr().out == "task: 2 species, of each 16 for train, 2 for validation, 2 for test\n"
    report = json.loads(Path("task/task.json").read_text())
    for side, count in {"train": 16, "validation": 2, "test": 2}.items():
        table = read_labelled_table(Path(f"task/{side}.csv"))
        assert table.columns["label"] == ("one",) * count + ("two",) * count
        for species, genome, window in zip(
            table.columns["label"], table.columns["genome"], table.intervals, strict=True
        ):
            assert Path(genome) == Path({"one": "a.fa", "two": "b.fa"}[species]).resolve()
            ranges = report["stretches"][species][side]
            ends = [tuple(map(int, each.partition(":")[2].split("-"))) for each in ranges]
            assert any(first <= window.start + 1 and window.end <= last for first, last in ends)
    assert report["genomes"]["one"]["fingerprint"] == Fasta("a.fa").fingerprint


def test_same_options_give_the_same_files(folder):
    assert make() == make(out="again") == 0
    for name in ("train.csv", "validation.csv", "test.csv", "task.json"):
        assert Path("task", name).read_bytes() == Path("again", name).read_bytes()


MISTAKES = {
    "no name": ({"genomes": "a.fa,two=b.fa"}, "genomes must be NAME=GENOME, got 'a.fa'"),
    "twice": ({"genomes": "one=a.fa,one=b.fa"}, "genomes must differ in their names, got 'one' twice"),
    "one": ({"genomes": "one=a.fa"}, "name at least two, got one"),
    "no genome": ({"genomes": "one=a.fa,two=c.fa"}, "c.fa is neither a FASTA file nor a genome store"),
    "too long": ({"length": "2900"}, "a.fa: the train side has room for 0 of 16 windows of 2,900 bp"),
    "too many": ({"count": "9000"}, "room for"),
    "fractions": ({"test_fraction": "1"}, "leave a part to train on"),
}


@pytest.mark.parametrize(("options", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistake_is_one_line(folder, capsys, options, message):
    assert make(**options) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not Path("task").exists()


def test_task_that_is_there_is_replaced_only_where_that_is_asked_for(folder, capsys):
    assert make() == 0
    assert make(seed="1") == 1
    assert "task is a task already" in capsys.readouterr().err
    assert make(seed="1", overwrite="true") == 0
