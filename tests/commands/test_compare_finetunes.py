"""Fine-tunings on one page: numbers are those of the runs, and what cannot stand together is refused."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from hyenadna_kit import cli
from tests.oracles.browser import show
from tests.oracles.page import Page
from tests.training.test_finetune import write_folder

OPTIONS = {"model": "m", "label_columns": ["label"], "labels_of": "sequence", "bin_size": 1}
RECORD = {"train_fingerprint": "aa", "validation_fingerprint": "bb", "test_fingerprint": "cc"}
DIFFERENCES = {"kmer": (0.1, 0.05, 0.15), "cnn": (-0.02, -0.06, 0.03)}
SHARED = {"side": "test", "other": "train", "num_rows": 50, "num_equal": 2, "num_similar": 5}


def numbers(mean, **more):
    return {"mean": mean, "std": 0.01, "low": mean - 0.04, "high": mean + 0.04} | more


def metrics(mean, validation=0.5, *, measured="test", metric="mcc", **more):
    """Return what finetune writes of a run of two seeds, in the parts that are read."""
    own = {metric: numbers(mean), "seeds": {"0": {metric: mean - 0.01}, "4": {metric: mean + 0.01}}}
    baselines = {
        name: {
            measured: {metric: numbers(mean - value)},
            "model_minus_baseline": {metric: {"value": value, "low": low, "high": high}},
        }
        for name, (value, low, high) in DIFFERENCES.items()
    }
    return {
        "task": "binary",
        "selected_by": metric,
        "labels": ["0", "1"],
        "rows": {"train": 300, "validation": 40, "test": 50},
        "validation": own if measured == "validation" else {metric: numbers(validation)},
        measured: own,
        "baselines": baselines,
        "baselines_left_out": {"position": "of variants it would see nothing"},
        "duplicates": {"shared": [SHARED], "dropped": {}, "repeated": {}},
        "control": None,
    } | more


def write_run(folder, found, *, options=None, record=None):
    """Write what a finished run leaves."""
    seed = folder / "seeds" / "0"
    seed.mkdir(parents=True)
    (seed / "config.resolved.yaml").write_text(yaml.safe_dump(OPTIONS | (options or {})))
    (seed / "run.json").write_text(json.dumps(RECORD | (record or {})))
    (folder / "metrics.json").write_text(json.dumps(found))
    (folder / "report.html").write_text("<p>a run</p>")
    return folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Be in a folder with two runs of one task, the second better on validation, and one of another."""
    monkeypatch.chdir(tmp_path)
    write_run(Path("runs/tata/mean"), metrics(0.8, validation=0.6))
    write_run(Path("runs/tata/attention"), metrics(0.7, validation=0.7))
    write_run(
        Path("runs/levels/mean"),
        metrics(0.4, metric="spearman", task="regression"),
        record={"test_fingerprint": "dd"},
    )
    return tmp_path


RUNS = ("runs/tata/mean", "runs/tata/attention", "runs/levels/mean")


def compare(*runs, out="out"):
    return cli.main(["compare-finetunes", *(runs or RUNS), "--out", str(out)])


def report(out="out"):
    return json.loads(Path(out, "report.json").read_text())


def refusal(capsys, *runs):
    assert compare(*runs) == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_numbers_are_those_of_the_runs_and_the_order_is_that_of_validation(folder):
    assert compare() == 0
    tata, levels = report()["tasks"]
    assert [run["run"] for run in tata["runs"]] == ["attention", "mean"]
    assert (tata["task"], tata["chosen"], tata["metric"], tata["rows"]) == ("tata", "attention", "mcc", 50)
    assert (levels["task"], levels["metric"]) == ("levels", "spearman")
    own = tata["runs"][0]
    assert [own[name] for name in ("mean", "std", "low", "high")] == pytest.approx([0.7, 0.01, 0.66, 0.74])
    assert own["seeds"] == pytest.approx({"0": 0.69, "4": 0.71})
    assert own["validation"]["mean"] == 0.7
    assert own["baselines"]["kmer"]["mean"] == pytest.approx(0.6)
    assert own["baselines"]["kmer"]["model_minus_baseline"] == {"value": 0.1, "low": 0.05, "high": 0.15}
    assert [each["the_model_is"] for each in own["baselines"].values()] == ["better", "not told apart"]
    assert own["shared"] == [{"other": "train", "num_equal": 2, "num_similar": 5}]
    assert own["baselines_left_out"] == {"position": "of variants it would see nothing"}


def test_test_table_has_no_part_in_the_order(folder):
    write_run(Path("runs/tata/lucky"), metrics(0.99, validation=0.1))
    assert compare(*RUNS, "runs/tata/lucky") == 0
    assert [run["run"] for run in report()["tasks"][0]["runs"]] == ["attention", "mean", "lucky"]


def test_command_says_how_often_the_runs_are_better(folder, capsys):
    found = metrics(0.2)
    found["baselines"]["cnn"]["model_minus_baseline"]["mcc"] = {"value": -0.3, "low": -0.4, "high": -0.2}
    write_run(Path("runs/tata/last"), found)
    assert compare(*RUNS, "runs/tata/last") == 0
    assert capsys.readouterr().out == (
        "4 runs of 2 tasks. Better than the k-mer floor in 4 of 4; the small CNN in 0 of 4, worse in 1.\n"
    )


def test_page_shows_and_links_every_run(folder):
    assert compare() == 0
    page = Page(Path("out/report.html").read_text())
    assert page.open == []
    assert page.fetched == [
        f"../runs/{run}/report.html" for run in ("tata/attention", "tata/mean", "levels/mean")
    ]
    assert all((Path("out") / target).exists() for target in page.fetched)
    assert {"0.800 (0.760 to 0.840)", "0.100 (0.050 to 0.150), better", "train: 2, 5"} <= set(page.words)
    assert {"MCC", "Spearman correlation", "minus small CNN", "attention"} <= set(page.words)
    # Metrics of two kinds, and the differences from two baselines.
    assert page.tags.count("svg") == 4


def test_names_are_text_and_no_part_of_the_page(folder):
    write_run(Path("runs/a<b>&/x#y z"), metrics(0.5))
    assert compare("runs/a<b>&/x#y z") == 0
    page = Page(Path("out/report.html").read_text())
    assert page.open == []
    assert {"a<b>&", "x#y z"} <= set(page.words)
    assert "b" not in page.tags
    assert page.fetched == ["../runs/a%3Cb%3E%26/x%23y%20z/report.html"]


def test_what_is_not_defined_is_said_and_not_drawn(folder):
    found = metrics(0.5, baselines={})
    nothing = dict.fromkeys(("mean", "std", "low", "high"))
    found["test"]["mcc"] = found["validation"]["mcc"] = nothing
    found["test"]["seeds"] = {"0": {"mcc": None}}
    write_run(Path("runs/odd/run"), found)
    assert compare("runs/odd/run") == 0
    (run,) = report()["tasks"][0]["runs"]
    assert (run["mean"], run["low"], run["seeds"]) == (None, None, {"0": None})
    text = Path("out/report.html").read_text()
    assert "not defined" in text
    assert "nan" not in text.lower()
    assert "<svg" not in text
    assert "no baseline stands beside them" in text


def test_run_in_parts_of_its_rows_is_read_and_none_is_chosen(folder):
    found = metrics(0.5)
    found.pop("validation")
    record = {"test_fingerprint": None, "validation_fingerprint": None}
    write_run(Path("runs/loci/mean"), found, record=record)
    part = Path("runs/loci/mean/folds/0")
    part.mkdir(parents=True)
    Path("runs/loci/mean/seeds").rename(part / "seeds")
    assert compare("runs/loci/mean") == 0
    (task,) = report()["tasks"]
    assert (task["chosen"], task["runs"][0]["mean"]) == (None, 0.5)
    assert task["runs"][0]["validation"]["mean"] is None


def test_leak_single_seed_and_missing_test_table_are_warned_of(folder):
    leaking = metrics(0.5, control={"test": {"mcc": numbers(0.3)}, "is_above_chance": True})
    leaking["test"]["seeds"].pop("4")
    write_run(Path("runs/leaky/run"), leaking)
    write_run(Path("runs/blind/run"), metrics(0.5, measured="validation"))
    assert compare("runs/leaky/run", "runs/blind/run") == 0
    warned = Path("out/report.html").read_text().split("<h2>")[0]
    assert "Above chance after training on shuffled labels: leaky/run." in warned
    assert "Without a test table: blind." in warned
    assert "Of a single seed, so that nothing is known of others: leaky/run." in warned


MISTAKES = {
    "no run": (
        shutil.rmtree,
        "runs/tata/mean is no finished fine-tuning: there is no metrics",
    ),
    "not finished": (lambda run: (run / "metrics.json").unlink(), "is no finished fine-tuning"),
    "no JSON": (
        lambda run: (run / "metrics.json").write_text('{"task": '),
        "is not what finetune wrote (JSON",
    ),
    "a list": (lambda run: (run / "metrics.json").write_text("[]"), "is not what finetune wrote (TypeError"),
    "bytes": (
        lambda run: (run / "metrics.json").write_bytes(b"\xff\xfe"),
        "is not what finetune wrote (Unic",
    ),
    "of another command": (
        lambda run: (run / "metrics.json").write_text('{"spearman": 1}'),
        "is not what finetune wrote (KeyError('selected_by')); remove it, and run finetune there once more",
    ),
    "text for a number": (
        lambda run: (run / "metrics.json").write_text(
            json.dumps(metrics(0.5) | {"validation": {"mcc": numbers(0.5, std="much")}})
        ),
        "is not what finetune wrote (ValueError",
    ),
    "no options": (
        lambda run: (run / "seeds/0/config.resolved.yaml").unlink(),
        "cannot read configuration runs/tata/mean/seeds/0/config.resolved.yaml",
    ),
    "no record": (lambda run: (run / "seeds/0/run.json").unlink(), "run.json cannot be read"),
    "another test table": (
        lambda run: (run / "seeds/0/run.json").write_text(
            json.dumps(RECORD | {"test_fingerprint": "x" * 64})
        ),
        "runs/tata/attention and runs/tata/mean are runs of one task and were not measured alike, "
        f"test table is 'cc' and '{'x' * 19}...; give each task a folder of its own",
    ),
    "other labels": (
        lambda run: (run / "metrics.json").write_text(json.dumps(metrics(0.5, labels=["a", "b"]))),
        "were not measured alike, labels is ['0', '1'] and ['a', 'b']",
    ),
    "other columns": (
        lambda run: (run / "seeds/0/config.resolved.yaml").write_text(
            yaml.safe_dump(OPTIONS | {"label_columns": ["y"]})
        ),
        "were not measured alike, label columns is ['label'] and ['y']",
    ),
}


@pytest.mark.parametrize(("change", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_what_is_damaged_or_cannot_stand_together_is_one_line(folder, capsys, change, message):
    change(Path("runs/tata/mean"))
    line = refusal(capsys)
    assert line.startswith("hyenadna-kit compare-finetunes: ")
    assert message in line
    assert not Path("out").exists()


def test_run_that_is_named_twice_is_refused(folder, capsys):
    assert "are both run mean of tata; name each once" in refusal(capsys, *RUNS, "runs/tata/mean")


def test_validation_rows_set_aside_otherwise_are_other_rows(folder, capsys):
    aside = {"validation_fingerprint": None}
    for name, seed in (("one", 0), ("two", 1)):
        options = {"validation_share": 0.1, "validation_seed": seed}
        found = metrics(0.5, measured="validation")
        write_run(Path("runs/aside", name), found, options=options, record=aside)
    assert "validation seed is 1 and 0" in refusal(capsys, "runs/aside/one", "runs/aside/two")


def test_runs_of_finetune_are_read_and_the_browser_shows_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_folder(Path(), train=60, validation=20, test=20)
    words = "finetune --model m --train train.csv --validation validation.csv --test test.csv --epochs 1"
    for pooling in ("mean", "max"):
        more = f"--precision fp32 --seeds 0,1 --baselines kmer --pooling {pooling} --out task/{pooling}"
        assert cli.main([*words.split(), *more.split()]) == 0
    assert compare("task/mean", "task/max", out=".") == 0
    (task,) = report(".")["tasks"]
    assert {run["run"] for run in task["runs"]} == {"mean", "max"}
    for run in task["runs"]:
        found = json.loads(Path("task", run["run"], "metrics.json").read_text())
        assert run["mean"] == found["test"]["mcc"]["mean"]
        assert run["baselines"]["kmer"]["high"] == found["baselines"]["kmer"]["test"]["mcc"]["high"]
    shown = show("report.html", tmp_path)
    assert (shown.console, shown.cut) == ([], [])
    assert all(each["drawn"] and not each["hidden"] for each in shown.figures)
    assert shown.page_width <= shown.window_width
