"""What stands beside a fine-tuned model, and the page about it."""

import json
import math
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from hyenadna_kit import cli
from hyenadna_kit.commands import finetune_baselines
from hyenadna_kit.evaluation import seeds
from hyenadna_kit.evaluation.linear_floors import LabelledSequences, fit_floor
from hyenadna_kit.evaluation.metrics import evaluate_predictions
from hyenadna_kit.io.tables import read_labelled_table
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer
from tests.oracles.browser import show
from tests.oracles.page import Page
from tests.training.test_finetune import write_folder

OPTIONS = {
    "model": "m",
    "train": "train.csv",
    "validation": "validation.csv",
    "test": "test.csv",
    "epochs": "5",
    "patience": "10",
    "pooling": "max",
    "batch_size": "20",
    "reverse_fraction": "0",
    "precision": "fp32",
    "optimizer.learning_rate": "1e-2",
    "optimizer.warmup_fraction": "0.1",
    "seeds": "0",
}
"""Of a run that learns the motif."""
SHORT = {"epochs": "1", "baselines": "kmer", "seeds": "0,1"}


def finetune(out, **flags):
    options = {name: value for name, value in (OPTIONS | {"out": out} | flags).items() if value is not None}
    return cli.main(["finetune", *(word for name, value in options.items() for word in (f"--{name}", value))])


def metrics(out):
    return json.loads(Path(out, "metrics.json").read_text())


def shared_rows(found, side, other):
    shared = found["duplicates"]["shared"]
    return next(each for each in shared if (each["side"], each["other"]) == (side, other))


@pytest.fixture(scope="module", autouse=True)
def _fewer_draws():
    """Let intervals come of some hundred draws: what is checked here does not hang on more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seeds, "_MOST_NUMBERS", 100_000)
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a model, tables, and a run with all that can stand beside it."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_folder(Path(), train=800, validation=100, test=100)
        copies = Path("train.csv").read_text().splitlines(keepends=True)[1:11]
        tested = Path("test.csv").read_text().splitlines(keepends=True)
        Path("test.csv").write_text("".join([*tested[:-10], *copies]))
        assert finetune("run", control="shuffled") == 0
    return folder


@pytest.fixture
def folder(made, monkeypatch):
    monkeypatch.chdir(made)
    return made


def test_shuffled_labels_teach_nothing_where_true_ones_teach_a_lot(folder):
    found = metrics("run")
    assert found["test"]["mcc"]["low"] > 0.3
    control = found["control"]
    assert control["test"]["mcc"]["low"] <= 0 <= control["test"]["mcc"]["high"]
    assert control["is_above_chance"] is False


def test_baselines_are_those_of_the_same_tables(folder):
    found = metrics("run")
    assert list(found["baselines"]) == ["kmer", "position", "cnn"]
    encode = NucleotideTokenizer().encode
    sides = {}
    for side in ("train", "validation", "test"):
        table = read_labelled_table(Path(f"{side}.csv"))
        sides[side] = LabelledSequences([encode(each) for each in table.sequences], np.array(table.labels))
    floor = fit_floor("kmer", "binary", sides["train"], validation=sides["validation"])
    expected = evaluate_predictions("binary", sides["test"].labels, floor.predict(sides["test"].sequences))
    assert found["baselines"]["kmer"]["test"]["seeds"]["0"] == pytest.approx(expected, abs=1e-6)
    for each in found["baselines"].values():
        difference = found["test"]["mcc"]["mean"] - each["test"]["mcc"]["mean"]
        assert each["model_minus_baseline"]["mcc"]["value"] == pytest.approx(difference)


def test_rows_that_repeat_are_counted(folder):
    shared = shared_rows(metrics("run"), "test", "train")
    assert (shared["num_rows"], shared["num_equal"]) == (100, 10)
    assert metrics("run")["duplicates"]["dropped"] == {}


def test_rows_that_repeat_are_left_out_where_that_is_asked_for(folder):
    assert finetune("dropped", duplicates="drop", **SHORT) == 0
    found = metrics("dropped")
    assert found["duplicates"]["dropped"]["train"] >= 10
    assert found["rows"]["train"] == 800 - found["duplicates"]["dropped"]["train"]
    assert found["rows"]["test"] == 100
    assert "Left out before training" in Path("dropped/report.html").read_text()


def test_finished_baselines_are_not_fitted_again_and_others_can_follow(folder, monkeypatch):
    shutil.copytree("run", "again")
    before = metrics("again")

    def never(*_):
        raise AssertionError

    monkeypatch.setattr(finetune_baselines, "small_cnn_predictions", never)
    assert finetune("again", baselines="cnn") == 0
    assert list(metrics("again")["baselines"]) == ["cnn"]
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    assert finetune("again", control="shuffled") == 0
    assert metrics("again") == before


def test_same_seeds_give_the_same_metrics(folder):
    for out in ("one", "two"):
        assert finetune(out, **SHORT | {"baselines": "kmer,cnn"}) == 0
    assert Path("one/metrics.json").read_bytes() == Path("two/metrics.json").read_bytes()


def test_no_baseline_is_fitted_where_none_is_asked_for(folder):
    assert finetune("alone", **SHORT | {"baselines": ""}) == 0
    assert metrics("alone")["baselines"] == {}
    assert "no baseline stands beside it" in Path("alone/report.html").read_text()
    assert not Path("alone/baselines").exists()


def test_page_without_a_test_table_says_that_its_numbers_flatter(folder):
    assert finetune("untested", test=None, **SHORT) == 0
    found = metrics("untested")
    assert "test" not in found
    assert found["baselines"]["kmer"]["validation"]["mcc"]["mean"] is not None
    assert "chosen on these very rows, and the numbers flatter" in Path("untested/report.html").read_text()


def test_page_stands_alone_and_says_what_the_figures_say(folder):
    page, found = Page(Path("run/report.html").read_text()), metrics("run")
    assert page.open == []
    assert page.fetched == []
    assert "script" not in page.tags
    text = " ".join(page.words)
    own = found["test"]["mcc"]
    assert f"MCC {own['mean']:.3f} on the test table (95 % interval {own['low']:.3f} to" in text
    for name, words in {"kmer": "k-mer floor", "position": "position floor", "cnn": "small CNN"}.items():
        assert f"the {words} ({found['baselines'][name]['test']['mcc']['mean']:.3f})" in text
    shared = shared_rows(found, "test", "train")
    assert f"{shared['num_similar']} of 100 rows of the test table are in the train table" in text
    assert "It is no better than chance" in text
    assert {"Duplicates", "Data", "Seeds", "Control: shuffled labels"} <= set(page.words)


def test_browser_shows_every_figure_and_has_nothing_to_say(folder, tmp_path):
    shown = show("run/report.html", tmp_path)
    assert shown.console == []
    assert shown.cut == []
    # Two of intervals, ROC, precision, calibration, confusion, loss and validation.
    assert len(shown.figures) == 8
    assert all(each["drawn"] and not each["hidden"] for each in shown.figures)
    assert all(each["width"] > 150 and each["height"] > 60 for each in shown.figures)
    assert shown.page_width <= shown.window_width
    assert (tmp_path / "page.png").stat().st_size > 10_000


def test_lines_at_the_end_show_all_contestants(folder, capsys):
    assert finetune("run", control="shuffled") == 0
    said, found = capsys.readouterr().out, metrics("run")
    (line,) = re.findall(r"^mcc  .*$", said, re.MULTILINE)
    numbers = [float(number) for number in re.findall(r"-?\d\.\d+", line)]
    own = found["test"]["mcc"]
    others = [each["test"]["mcc"]["mean"] for each in found["baselines"].values()]
    assert numbers == pytest.approx([own["mean"], own["low"], own["high"], *others], abs=1e-4)
    assert re.search(
        r"^mcc minus cnn: -?\d\.\d{4} \(.* to .*\), (better|worse|not told apart)$", said, re.MULTILINE
    )
    assert "mcc after training on shuffled labels: " in said
    assert all(math.isfinite(number) for number in numbers)


def test_baseline_that_is_named_twice_is_refused(folder, capsys):
    assert finetune("twice", baselines="kmer,kmer") == 2
    assert "baselines must name each once" in capsys.readouterr().err
