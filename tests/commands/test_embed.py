"""The command ``embed``: files in the order of the input, one line for a mistake, and what a kill leaves."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import hyenadna_kit as hk
from hyenadna_kit import cli
from hyenadna_kit.io.embedding_file import Embeddings
from hyenadna_kit.io.tables import read_labelled_table
from tests.commands.score_folder import ENVIRONMENT, save_small_model

MAIN = (
    "import sys; from hyenadna_kit import cli; from hyenadna_kit.evaluation import embeddings; "
    "embeddings._BATCHES_OF_A_GROUP = 2; sys.exit(cli.main())"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    torch.set_num_threads(1)
    return save_small_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    generator = random.Random(0)
    rows = [("".join(generator.choices("ACGT", k=generator.randint(3, 20))), row % 2) for row in range(40)]
    Path("x.csv").write_text(
        "sequence,label\n" + "".join(f"{'AC'[label] * 4}{text},{label}\n" for text, label in rows)
    )
    Path("g.fa").write_text(">c\n" + "".join(generator.choices("ACGT", k=400)) + "\n")
    Path("l.csv").write_text("label\n1\n")
    Path("v.csv").write_text("label\n" + "0.5\n" * 40)
    Path("x.bed").write_text("c\t5\t25\tlate\nc\t0\t9\tearly\t0\t-\n")
    return tmp_path


def embed(model, *words):
    return cli.main(["embed", "--model", str(model), "--device", "cpu", *words])


def test_records_come_in_the_order_of_the_input(model, folder, capsys):
    assert embed(model, "--input", "x.csv", "--out", "x.h5", "--pool", "none", "--batch_size", "7") == 0
    found = Embeddings("x.h5")
    table = read_labelled_table(Path("x.csv"))
    assert np.diff(found.first_rows).tolist() == [len(sequence) for sequence in table.sequences]
    assert found.names[:3] == ["1", "2", "3"]
    assert "x.h5: 40 records, 16 numbers a row" in capsys.readouterr().err
    assert embed(model, "--input", "x.csv", "--out", "alone.h5", "--pool", "none", "--batch_size", "1") == 0
    alone = Embeddings("alone.h5")
    assert np.abs(found.rows(0, 40) - alone.rows(0, 40)).max() < 1e-5


def test_places_are_in_the_file(model, folder):
    words = ("--genome", "g.fa", "--dtype", "float16", "--layer", "0")
    assert embed(model, "--bed", "x.bed", "--out", "x.h5", *words) == 0
    found = Embeddings("x.h5")
    assert [each.region for each in found.intervals] == ["c:6-25", "c:1-9"]
    assert [each.strand.value for each in found.intervals] == ["+", "-"]
    assert found.names == ["late", "early"]
    assert found.layout[1] == "float16"
    assert (found.provenance["layer"], found.provenance["average_strands"]) == ("0", 0)
    assert len(found.provenance["genome_sha256"]) == 64


def test_strands_and_layers_come_by_choice(model, folder, capsys):
    words = ("--layer", "-1,0", "--average_strands", "--pool", "max")
    assert embed(model, "--input", "x.csv", "--out", "x.h5", *words) == 0
    assert "x.h5: 40 records, 32 numbers a row" in capsys.readouterr().err
    table = read_labelled_table(Path("x.csv"))
    others = "".join(f"{hk.reverse_complement(sequence)}\n" for sequence in table.sequences)
    Path("other.csv").write_text("sequence\n" + others)
    assert embed(model, "--input", "other.csv", "--out", "other.h5", *words) == 0
    found, other = Embeddings("x.h5"), Embeddings("other.h5")
    assert (found.provenance["layer"], found.provenance["average_strands"]) == ("2,0", 1)
    assert found.rows(0, 40) == pytest.approx(other.rows(0, 40), abs=1e-5)
    assert embed(model, "--input", "x.csv", "--out", "x.h5", *words[:2], *words[3:]) == 1
    assert "another average_strands, 1 and not 0" in capsys.readouterr().err


def test_probe_and_picture_come_by_choice(model, folder, capsys):
    assert embed(model, "--input", "x.csv", "--out", "x.h5", "--probe", "x.csv", "--pca", "x.png") == 0
    found = json.loads(Path("x.probe.json").read_text())
    assert (found["task"], found["rows_held_out"]) == ("binary", 40)
    assert found["metrics"]["auroc"]["low"] <= found["metrics"]["auroc"]["value"]
    assert found["method"] == "logistic"
    said = capsys.readouterr().out
    assert "binary probe, 40 rows held out, 95 % interval" in said
    assert f"auroc             {found['metrics']['auroc']['value']:8.4f}" in said
    assert Path("x.png").read_bytes().startswith(b"\x89PNG")


def test_finished_file_is_left_as_it_is(model, folder, capsys):
    assert embed(model, "--input", "x.csv", "--out", "x.h5") == 0
    before = Path("x.h5").read_bytes()
    assert embed(model, "--input", "x.csv", "--out", "x.h5") == 0
    assert Path("x.h5").read_bytes() == before


MISTAKES = {
    "no input": (["--out", "y.h5"], "by either --input FILE or --bed FILE"),
    "other layer in the file": (["--input", "x.csv", "--out", "x.h5", "--layer", "0"], "another layer, "),
    "other input in the file": (
        ["--input", "g.fa", "--out", "x.h5", "--length", "400"],
        "x.h5 holds embeddings",
    ),
    "too long": (["--input", "g.fa", "--out", "y.h5"], "g.fa, sequence 'c': 400 bases or more"),
    "layer": (["--input", "x.csv", "--out", "y.h5", "--layer", "7"], "layer must be"),
    "same layer": (["--input", "x.csv", "--out", "y.h5", "--layer", "2,-1"], "each once, got [2, -1]"),
    "picture of all": (
        ["--input", "x.csv", "--out", "y.h5", "--pool", "none", "--pca", "p.png"],
        "--pca takes",
    ),
    "picture": (["--input", "x.csv", "--out", "y.h5", "--pca", "p.jpg"], "--pca must end with"),
    "suffix": (["--input", "x.csv", "--out", "y.txt"], "--out y.txt must end in .h5 or .hdf5"),
    "discriminants of values": (
        ["--input", "x.csv", "--out", "y.h5", "--probe", "v.csv", "--classifier", "discriminant"],
        "v.csv: linear discriminants tell classes apart, and the labels are regression; where they are",
    ),
    "classifier of nothing": (
        ["--input", "x.csv", "--out", "y.h5", "--classifier", "discriminant"],
        "--classifier and --task are for --probe",
    ),
    "labels": (["--input", "x.csv", "--out", "y.h5", "--probe", "l.csv"], "l.csv has 1 rows without names"),
    "length": (["--input", "x.csv", "--out", "y.h5", "--length", "0"], "length must be at least 1, got 0"),
}


@pytest.mark.parametrize(("words", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_are_one_line(model, folder, capsys, words, message):
    if "x.h5" in words:
        assert embed(model, "--input", "x.csv", "--out", "x.h5") == 0
        capsys.readouterr()
    assert embed(model, *words) != 0
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert message in said[0]
    assert not Path("y.h5").exists()


def test_run_of_seeds_is_told_from_a_model(model, folder, capsys):
    shutil.copytree(model, "run/seeds/3")
    assert embed("run", "--input", "x.csv", "--out", "y.h5") == 1
    assert "it is a run, name the model of one seed, as run/seeds/3" in capsys.readouterr().err


@pytest.mark.kill
def test_killed_run_is_finished_by_the_same_command_byte_by_byte(model, folder):
    generator = random.Random(1)
    lines = ("".join(generator.choices("ACGT", k=generator.randint(3, 30))) for _ in range(3000))
    Path("long.csv").write_text("sequence\n" + "\n".join(lines) + "\n")
    words = ["embed", "--model", str(model), "--input", "long.csv", "--batch_size", "4", "--out"]
    process = subprocess.Popen([sys.executable, "-c", MAIN, *words, "x.h5"], env=ENVIRONMENT)
    while completed(Path("x.h5")) < 40:
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert 40 <= completed(Path("x.h5")) < 3000
    for name in ("x.h5", "whole.h5"):
        assert subprocess.run([sys.executable, "-c", MAIN, *words, name], env=ENVIRONMENT).returncode == 0
    assert Path("x.h5").read_bytes() == Path("whole.h5").read_bytes()


def completed(path):
    return Embeddings(path).num_completed if path.exists() else 0


@pytest.mark.real_data
def test_promoters_are_told_apart_by_a_probe(data, tmp_path, capsys):
    """The embeddings of a model of a bacterium hold more of human promoters than chance."""
    whole = read_labelled_table(data / "benchmarks" / "GUE" / "prom_core_tata" / "dev.csv.gz")
    rows = [f"{sequence},{label}\n" for sequence, label in zip(whole.sequences, whole.labels, strict=True)]
    path = tmp_path / "x.csv"
    path.write_text("sequence,label\n" + "".join(rows[:300]))
    assert (
        embed("ecoli-tiny", "--input", str(path), "--out", str(tmp_path / "x.h5"), "--probe", str(path)) == 0
    )
    found = json.loads((tmp_path / "x.probe.json").read_text())
    assert found["metrics"]["auroc"]["low"] > 0.5
