"""Cross-validation by the command: every row predicted once by models that did not see it."""

import csv
import json
from itertools import chain

import numpy as np
import pytest
import torch

from hyenadna_kit.commands.finetune import run
from hyenadna_kit.model import HyenaDNAConfig
from hyenadna_kit.training.finetune import prepare_finetuning
from hyenadna_kit.training.finetune_config import FinetuneConfig
from hyenadna_kit.training.finetune_folds import fold_tasks, in_row_order
from hyenadna_kit.training.optim import OptimizerConfig
from hyenadna_kit.training.run_folder import read_record
from tests.training.test_finetune import BACKBONE

NUM_ROWS, NUM_GENES = 90, 9


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model, and a table of sequences in which A tells the class from C."""
    folder = tmp_path_factory.mktemp("folds")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    HyenaDNAConfig(backbone=BACKBONE).build().save_pretrained(folder / "m")
    generator = np.random.default_rng(0)
    with (folder / "t.csv").open("w", newline="") as handle:
        rows = csv.writer(handle)
        rows.writerow(["sequence", "label", "gene"])
        for number in range(NUM_ROWS):
            letters = list("AACGT" if number % 2 else "CCAGT")
            rows.writerow(
                ["".join(generator.choice(letters, 24)), number % 2, f"gene{number // 2 % NUM_GENES}"]
            )
    return folder


def options(folder, **more):
    chosen = {
        "model": str(folder / "m"),
        "train": str(folder / "t.csv"),
        "out": str(folder / "run"),
        "folds": 3,
        "group_column": "gene",
        "seeds": (0, 1),
        "epochs": 2,
        "precision": "fp32",
        "baselines": ("kmer",),
        "optimizer": OptimizerConfig(learning_rate=1e-2),
    }
    return FinetuneConfig(**chosen | more)


def texts(examples):
    return [tuple(examples.pieces.tokens(row)[0].tolist()) for row in range(len(examples))]


def test_every_row_is_measured_once_and_no_gene_is_on_two_sides(folder):
    task = prepare_finetuning(options(folder))
    genes = task.data.examples["train"].groups
    all_rows = texts(task.data.examples["train"])
    gene_of = dict(zip(all_rows, genes.tolist(), strict=True))
    measured = []
    for part in fold_tasks(task):
        sides = {side: texts(each) for side, each in part.data.examples.items()}
        assert list(sides) == ["train", "validation", "test"]
        assert sorted(chain(*sides.values())) == sorted(all_rows)
        found = [{gene_of[row] for row in rows} for rows in sides.values()]
        assert sum(map(len, found)) == NUM_GENES
        measured += sides["test"]
    assert sorted(measured) == sorted(all_rows)


def test_what_is_found_for_the_parts_comes_back_in_the_order_of_the_table(folder):
    task = prepare_finetuning(options(folder))
    numbers = {row: number for number, row in enumerate(texts(task.data.examples["train"]))}
    found = [
        np.array([[numbers[row]] for row in texts(part.data.examples["test"])]) for part in fold_tasks(task)
    ]
    assert in_row_order(found, task)[:, 0].tolist() == list(range(NUM_ROWS))


@pytest.fixture(scope="module")
def metrics(folder):
    assert run(options(folder)) == 0
    return json.loads((folder / "run/metrics.json").read_text())


def test_metrics_are_of_all_rows_and_of_every_part(metrics):
    assert metrics["rows"]["test"] == NUM_ROWS
    assert [part["rows"] for part in metrics["folds"]] == [30, 30, 30]
    accuracies = [part["accuracy"]["mean"] for part in metrics["folds"]]
    assert metrics["test"]["accuracy"]["mean"] == pytest.approx(np.mean(accuracies))
    assert "validation" not in metrics
    assert metrics["baselines"]["kmer"]["test"]["accuracy"]["mean"] > 0.8


def test_every_part_leaves_a_whole_run_that_says_which_part_it_is(folder, metrics):
    for number, part in enumerate(metrics["folds"]):
        place = folder / "run/folds" / str(number)
        assert part["folder"] == str(place)
        assert json.loads((place / "metrics.json").read_text())["rows"] == {
            "train": 30,
            "validation": 30,
            "test": 30,
        }
        assert read_record(place / "seeds/0", ())["part"] == number


def test_the_page_leads_to_the_report_of_every_part(folder, metrics):
    page = (folder / "run/report.html").read_text()
    assert "Rows of one gene are drawn together" in page
    for number in range(3):
        assert f'href="folds/{number}/report.html"' in page
        assert (folder / "run/folds" / str(number) / "report.html").exists()


def test_the_same_command_again_finds_everything_and_says_the_same(folder, metrics, capsys):
    assert run(options(folder)) == 0
    assert json.loads((folder / "run/metrics.json").read_text()) == metrics
    assert "validation" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"folds": 2}, "folds must be 0, or 3 at least"),
        ({"test": "t.csv"}, "without --validation and --test"),
        ({"control": "shuffled"}, "control is of one division"),
    ],
)
def test_options_that_do_not_go_together_are_refused(folder, more, problem):
    with pytest.raises(ValueError, match=problem):
        options(folder, **more)
