"""Pictures of predictions: each objective has its own, and odd tables break none."""

import re
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from hyenadna_kit.commands.finetune_curves import class_rankings, median_seed, prediction_figures
from hyenadna_kit.evaluation.seeds import MODEL, compare_over_seeds
from tests.oracles.page import Page


@dataclass
class Results:
    """As much of the results of a fine-tuning as the pictures look at."""

    task: SimpleNamespace
    runs: tuple
    comparison: object
    selected_by: str
    measured: str = "test"
    baselines: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(runs={}))


@pytest.fixture(autouse=True)
def _without_checks(no_shape_checks):
    """The results here are made up."""


SELECTED_BY = {"binary": "mcc", "multiclass": "mcc", "multilabel": "auroc", "regression": "spearman"}


def results(objective, labels, predictions, names):
    own = {seed: each.astype(np.float32) for seed, each in enumerate(predictions)}
    task = SimpleNamespace(
        config=SimpleNamespace(task=objective),
        data=SimpleNamespace(
            examples={"test": SimpleNamespace(labels=labels)}, head=SimpleNamespace(labels=names)
        ),
    )
    runs = tuple(SimpleNamespace(seed=seed, predictions={"test": each}) for seed, each in own.items())
    comparison = compare_over_seeds(objective, labels, own, {}, num_resamples=2)
    return Results(task, runs, comparison, SELECTED_BY[objective])


def softmax(rows):
    return np.exp(rows) / np.exp(rows).sum(axis=1, keepdims=True)


def drawn(found):
    page = Page("".join(prediction_figures(found)))
    assert page.open == []
    return page


GENERATOR = np.random.default_rng(0)
CLASSES = GENERATOR.integers(0, 4, 60)
YES_OR_NO = (GENERATOR.random((60, 30)) < 0.4).astype(np.float64)


def test_several_classes_have_a_curve_each():
    probabilities = softmax(GENERATOR.normal(size=(60, 4)) + 2 * np.eye(4)[CLASSES])
    found = results("multiclass", CLASSES, [probabilities], ("a", "b", "c", "d"))
    text = "".join(prediction_figures(found))
    assert drawn(found).tags.count("figure") == 4
    roc = text.split("</figure>")[0]
    assert len(re.findall(r'<polyline class="c\d', roc)) == 4
    assert [row[0] for row in class_rankings(found)] == ["a", "b", "c", "d"]
    assert [row[1] for row in class_rankings(found)] == np.bincount(CLASSES).tolist()


def test_many_columns_have_a_distribution_in_place_of_curves():
    probabilities = np.clip(0.5 + 0.2 * YES_OR_NO + GENERATOR.normal(0, 0.1, YES_OR_NO.shape), 0, 1)
    names = tuple(f"c{number}" for number in range(30))
    page = drawn(results("multilabel", YES_OR_NO, [probabilities], names))
    assert page.tags.count("figure") == 2
    assert "30 classes or columns" in page.words


def test_labels_that_are_missing_are_left_out():
    labels = YES_OR_NO[:, :3].copy()
    labels[::2, 1] = np.nan
    labels[:, 2] = 1
    found = results("multilabel", labels, [np.full((60, 3), 0.5)], ("a", "b", "always"))
    rows = list(class_rankings(found))
    assert [row[1] for row in rows] == [int(labels[:, 0].sum()), int(np.nansum(labels[:, 1])), 60]
    assert np.isnan(rows[2][2])
    drawn(found)


def test_values_are_a_dot_each_and_as_high_as_predicted():
    labels = np.array([[0.0], [1.0], [2.0], [np.nan]])
    found = results("regression", labels, [np.array([[0.0], [1.0], [4.0], [9.0]])], ("<expression>",))
    (figure,) = prediction_figures(found)
    dots = [tuple(map(float, each)) for each in re.findall(r'<circle cx="([^"]*)" cy="([^"]*)"', figure)]
    assert len(dots) == 3
    (x0, y0), (x1, y1), (x2, y2) = dots
    assert (x2 - x1, y2 - y1) == pytest.approx((x1 - x0, 3 * (y1 - y0)), abs=0.5)
    assert "&lt;expression&gt;" in figure


def test_figures_show_the_seed_in_the_middle():
    labels = np.array([0, 1] * 20)
    good, bad = labels * 0.8 + 0.1, 0.9 - labels * 0.8
    middle = np.where(np.arange(40) < 30, good, bad)
    found = results("binary", labels, [good[:, None], bad[:, None], middle[:, None]], ("no", "yes"))
    assert median_seed(found, MODEL) == 2
    confusion = list(prediction_figures(found))[-1]
    assert [int(each) for each in re.findall(r">(\d+)</text>", confusion)] == [15, 5, 5, 15]
