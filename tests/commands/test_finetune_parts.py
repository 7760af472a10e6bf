"""Parts of a fine-tuning as processes of their own, and the model from weights drawn anew beside it."""

import json
from pathlib import Path

import pytest

from tests.commands.finetune_folder import finetune, start
from tests.training.test_finetune import write_task

TABLES = {name: f"{name}.csv" for name in ("train", "validation", "test")}
WHOLE = TABLES | {"seeds": "0,1", "baselines": "kmer,cnn,scratch", "control": "shuffled"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a model and the tables of a task."""
    start(tmp_path, monkeypatch)
    for seed, (name, count) in enumerate({"train": 60, "validation": 20, "test": 20}.items()):
        write_task(Path(f"{name}.csv"), count, seed)
    return tmp_path


def metrics(out="run"):
    return json.loads(Path(out, "metrics.json").read_text())


def test_parts_that_were_done_apart_are_found_and_measured_as_one_run(folder):
    assert finetune(**WHOLE, out="whole") == 0
    for seed in ("1", "0"):
        assert finetune(**TABLES | {"seeds": seed, "part": "seeds"}) == 0
        for baseline in ("kmer", "cnn", "scratch"):
            assert finetune(**TABLES | {"seeds": seed, "baselines": baseline, "part": "baselines"}) == 0
    assert finetune(**TABLES | {"control": "shuffled", "part": "control"}) == 0
    assert not Path("run/metrics.json").exists()
    done = {
        path: path.stat().st_mtime_ns
        for kind in ("npz", "safetensors")
        for path in Path("run").rglob(f"*.{kind}")
    }
    assert finetune(**WHOLE) == 0
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert Path("run/metrics.json").read_bytes() == Path("whole/metrics.json").read_bytes()


@pytest.mark.parametrize(
    ("part", "made"), [("seeds", "seeds"), ("baselines", "baselines"), ("control", "control")]
)
def test_part_leaves_what_is_its_own_and_no_report(folder, part, made):
    more = {"seeds": "0", "baselines": "kmer", "control": "shuffled", "duplicates": "drop", "part": part}
    assert finetune(**TABLES | more) == 0
    assert [path.name for path in Path("run").iterdir()] == [made]


def kmer(out):
    return metrics(out)["baselines"]["kmer"]["test"]["mcc"]


def test_baseline_of_other_labels_is_fitted_again(folder):
    for name in TABLES:
        rows = Path(f"{name}.csv").read_text().splitlines()[1:]
        text = [f"{row},{int(row.count('G') > row.count('C'))}\n" for row in rows]
        Path(f"{name}.csv").write_text("sequence,label,more_g\n" + "".join(text))
    asked = TABLES | {"baselines": "kmer"}
    assert finetune(**asked | {"part": "baselines"}) == 0
    assert finetune(**asked | {"label_columns": "more_g"}) == 0
    assert finetune(**asked | {"label_columns": "more_g", "out": "fresh"}) == 0
    assert kmer("run") == kmer("fresh")


def test_baseline_of_another_share_set_aside_is_fitted_again(folder):
    asked = {"train": "train.csv", "test": "test.csv", "baselines": "kmer", "validation_share": "0.4"}
    assert finetune(**asked | {"part": "baselines"}) == 0
    before = Path("run/baselines/kmer.json").read_text()
    assert finetune(**asked | {"validation_seed": "1"}) == 0
    assert finetune(**asked | {"validation_seed": "1", "out": "fresh"}) == 0
    assert Path("run/baselines/kmer.json").read_text() != before
    assert metrics("run")["baselines"] == metrics("fresh")["baselines"]


def test_scratch_is_the_model_from_weights_drawn_anew_all_of_it_trained(folder):
    assert finetune(**TABLES, out="fresh", fresh_weights="true", seeds="0,1") == 0
    assert finetune(**TABLES, trained_layers="0", layer_decay="0.5", baselines="scratch", seeds="0,1") == 0
    expected, found = metrics("fresh")["test"], metrics()
    assert found["baselines"]["scratch"]["test"] == expected
    difference = found["baselines"]["scratch"]["model_minus_baseline"]["auroc"]["value"]
    assert difference == pytest.approx(found["test"]["auroc"]["mean"] - expected["auroc"]["mean"])
    assert "Scratch model: the same model from weights drawn anew" in Path("run/report.html").read_text()


def test_scratch_is_left_out_where_it_would_be_the_model_itself(folder):
    assert finetune(**TABLES, fresh_weights="true", baselines="scratch") == 0
    assert metrics()["baselines_left_out"] == {"scratch": "the model itself begins with weights drawn anew"}


MISTAKES = {
    "no control": ({"part": "control"}, "part control trains the control; name one, --control shuffled"),
    "folds": (
        {"part": "seeds", "folds": "3", "validation": None, "test": None},
        "part seeds is of runs without",
    ),
    "unknown": ({"part": "model"}, "--part"),
}


@pytest.mark.parametrize(("options", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_part_that_makes_no_sense_is_one_line(folder, capsys, options, message):
    assert finetune(**TABLES | options) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not Path("run").exists()
