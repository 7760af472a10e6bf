"""``hyenadna-kit finetune``: from tables to metrics, and what it refuses in one line."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from hyenadna_kit import cli
from hyenadna_kit.evaluation.metrics import evaluate_predictions
from hyenadna_kit.io.tables import LabelledTable, read_labelled_table, write_labelled_table
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer
from tests.training.test_finetune import write_folder

FLAGS = {
    "model": "m",
    "train": "train.csv",
    "validation": "validation.csv",
    "test": "test.csv",
    "out": "run",
    "epochs": "1",
    "batch_size": "10",
    "precision": "fp32",
    "seeds": "0,1",
    "baselines": "",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a model ``m`` and the tables of a task."""
    monkeypatch.chdir(tmp_path)
    write_folder(Path(), train=60, validation=20, test=20)
    return tmp_path


def finetune(**flags):
    return cli.main(
        ["finetune", *(word for name, value in (FLAGS | flags).items() for word in (f"--{name}", value))]
    )


def test_metrics_are_those_of_the_models_that_are_left(folder, capsys):
    assert finetune(reverse_fraction="0") == 0
    found = json.loads(Path("run/metrics.json").read_text())["test"]
    table = read_labelled_table(Path("test.csv"))
    encode = NucleotideTokenizer().encode
    for seed in ("0", "1"):
        model = HyenaDNA.from_pretrained(Path("run/seeds") / seed)
        with torch.no_grad():
            logits = [
                model(torch.from_numpy(encode(sequence).copy())[None]).logits for sequence in table.sequences
            ]
        probabilities = torch.cat(logits).sigmoid().numpy()
        expected = evaluate_predictions("binary", np.array(table.labels), probabilities)
        assert found["seeds"][seed] == pytest.approx(expected, abs=1e-5)
    mean = np.mean([found["seeds"][seed]["auroc"] for seed in ("0", "1")])
    assert found["auroc"]["mean"] == pytest.approx(mean)
    said = capsys.readouterr().out
    assert f"auroc             {mean:8.4f}" in said


def test_predict_gives_what_the_metrics_were_made_of(folder):
    assert finetune(seeds="0", precision="bf16") == 0
    words = ["--model", "run", "--input", "test.csv", "--out", "p.tsv"]
    assert cli.main(["predict", *words]) == 0
    rows = [line.split("\t") for line in Path("p.tsv").read_text().splitlines()[1:]]
    labels, said = (np.array([float(row[column]) for row in rows]) for column in (1, 3))
    found = json.loads(Path("run/metrics.json").read_text())["test"]["seeds"]["0"]
    assert found["brier"] == pytest.approx(np.mean((said - labels) ** 2), abs=1e-6)
    assert cli.main(["predict", *words[:-1], "wide.tsv", "--precision", "fp32"]) == 0
    assert Path("wide.tsv").read_text() != Path("p.tsv").read_text()


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_balanced_classes_are_learnt(folder, task):
    """Weights reach the model folder, and weigh the rare as much as the frequent."""
    for name in ("train", "validation", "test"):
        rows = Path(f"{name}.csv").read_text().splitlines()[1:]
        labels = [("0", "1", "0")[number % 3] for number in range(len(rows))]
        text = [f"{row.split(',')[0]},{label}\n" for row, label in zip(rows, labels, strict=True)]
        Path(f"{name}.csv").write_text("sequence,label\n" + "".join(text))
    assert finetune(task=task, class_weights="balanced", seeds="0") == 0
    weights = HyenaDNA.from_pretrained("run/seeds/0").config.head.class_weights
    assert weights == pytest.approx([0.75, 1.5] if task == "multiclass" else [2.0], rel=0.05)


def test_rows_of_groups_that_are_learnt_from_are_counted(folder, capsys):
    genes = {"train": "abcd", "validation": "ae", "test": "xya"}
    for name, letters in genes.items():
        rows = Path(f"{name}.csv").read_text().splitlines()[1:]
        text = [f"{row},{letters[number % len(letters)]}\n" for number, row in enumerate(rows)]
        Path(f"{name}.csv").write_text("sequence,label,gene\n" + "".join(text))
    assert finetune(group_column="gene", seeds="0") == 0
    found = json.loads(Path("run/metrics.json").read_text())
    shared = len(range(2, found["rows"]["test"], 3))
    assert found["duplicates"]["in_groups_of"] == {"train": shared, "validation": shared}
    assert (
        f"{shared} rows of the test table are of a gene that is in the train table" in capsys.readouterr().out
    )


def test_same_command_again_trains_nothing_and_says_the_same(folder, capsys):
    assert finetune() == 0
    said, first = capsys.readouterr().out, Path("run/metrics.json").read_bytes()
    times = {path: path.stat().st_mtime_ns for path in Path("run").rglob("*.safetensors")}
    assert finetune() == 0
    assert capsys.readouterr().out == said
    assert Path("run/metrics.json").read_bytes() == first
    assert {path: path.stat().st_mtime_ns for path in Path("run").rglob("*.safetensors")} == times


def test_places_on_a_genome_are_read_as_their_sequences(folder, capsys):
    assert finetune() == 0
    expected = json.loads(Path("run/metrics.json").read_text())["test"]
    contigs, tables = [], {}
    for name in ("train", "validation", "test"):
        table = read_labelled_table(Path(f"{name}.csv"))
        rows = []
        for row, sequence in enumerate(table.sequences):
            contigs.append(f">{name}{row}\nGG{sequence}\n")
            rows.append(f"{name}{row},2,{2 + len(sequence)},{table.labels[row]}\n")
        Path(f"{name}_places.csv").write_text("contig,start,end,label\n" + "".join(rows))
        tables[name] = f"{name}_places.csv"
    Path("g.fa").write_text("".join(contigs))
    assert finetune(genome="g.fa", **tables | {"out": "places"}) == 0
    assert json.loads(Path("places/metrics.json").read_text())["test"] == expected


def written(**columns):
    (count,) = {len(column) for column in columns.values()}
    sequences = tuple("ACGT" * 3 for _ in range(count))
    write_labelled_table(Path("bad.csv"), LabelledTable(sequences=sequences, columns=columns))


MISTAKES = {
    "no such label": ({"label_columns": "labels"}, "there is no column 'labels'"),
    "class that is not trained": (
        {"test": "bad.csv"},
        "bad.csv, row 2: class '2' is not in the training table",
    ),
    "longer than the model": ({"test": "long.csv"}, "long.csv, row 1: 65 bases, and the model reads 64"),
    "one class to measure": ({"validation": "same.csv"}, "same.csv: every row has the same label"),
    "tested on what it learns": (
        {"test": "train.csv"},
        "train.csv is given as train table and",
    ),
    "no rows": ({"validation": "empty.csv"}, "empty.csv names its columns but has no rows"),
    "no label": ({"train": "nan.csv"}, "nan.csv, line 3, column 'label'"),
    "no genome": ({"test": "places.csv"}, "places.csv holds places and no sequences; name their genome"),
    "no bases": (
        {"test": "letters.csv"},
        "letters.csv, line 2, column 'sequence': character 'X' at base 2",
    ),
    "no model": ({"model": "none"}, "none"),
    "seeds": ({"seeds": "1,1"}, "seeds must name at least one, each once"),
    "decay": ({"layer_decay": "0"}, "layer_decay must be above 0 and at most 1, got 0"),
}


@pytest.mark.parametrize(("options", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistake_is_one_line_before_training(folder, capsys, options, message):
    written(label=np.array([0, 2]))
    Path("long.csv").write_text(f"sequence,label\n{'A' * 65},0\nC,1\n")
    Path("same.csv").write_text("sequence,label\nA,1\nC,1\n")
    Path("empty.csv").write_text("sequence,label\n")
    Path("nan.csv").write_text("sequence,label\nA,1\nC,nan\n")
    Path("letters.csv").write_text("sequence,label\nAXA,1\nC,0\n")
    Path("places.csv").write_text("contig,start,end,label\nx,1,9,0\nx,9,19,1\n")
    assert finetune(**options) in (1, 2)
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    assert message in line
    assert not Path("run/seeds/0/metrics.jsonl").exists()
