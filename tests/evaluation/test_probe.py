"""Linear probes: they find what is there, nothing where nothing is, and never see what they predict."""

import json

import numpy as np
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.probe import check_probe, probe
from hyenadna_kit.evaluation.probe_labels import ProbeLabels

ROWS = np.random.default_rng(0).normal(size=(120, 6)).astype(np.float32)
TRUTH = ROWS @ np.array([3, -2, 0, 0, 1, 0])


def labels_of(values, objective, names, sides=None):
    return ProbeLabels(objective, np.array(values), names, sides)


@pytest.mark.parametrize("classifier", ["logistic", "discriminant"])
def test_what_is_linear_is_found(classifier):
    found = probe(ROWS, labels_of((TRUTH > 0).astype(int), "binary", ("no", "yes")), classifier=classifier)
    assert found.method == classifier
    assert found.metrics["auroc"].value > 0.95
    assert found.metrics["auroc"].low <= found.metrics["auroc"].value <= found.metrics["auroc"].high
    classes = np.digitize(TRUTH, [-1.5, 1.5])
    three = probe(ROWS, labels_of(classes, "multiclass", ("a", "b", "c")), classifier=classifier)
    assert three.metrics["mcc"].value > 0.6


def test_values_that_are_linear_are_found():
    values = probe(ROWS, labels_of(TRUTH[:, None], "regression", ("y",)))
    assert values.metrics["pearson"].value > 0.99
    assert values.method == "ridge"
    with pytest.raises(InputError, match="tell classes apart, and the labels are regression"):
        probe(ROWS, labels_of(TRUTH[:, None], "regression", ("y",)), classifier="discriminant")


UNFITTED = {
    "discriminant of one row": ("discriminant", 1, "class 'rare' has 1 rows to fit and needs 2"),
    "discriminant of none": ("discriminant", 0, "class 'rare' has 0 rows to fit and needs 2"),
    "logistic of none": ("logistic", 0, "class 'rare' has 0 rows to fit and needs 1"),
}


@pytest.mark.parametrize(("classifier", "num_fitted", "message"), UNFITTED.values(), ids=UNFITTED.keys())
def test_classes_of_too_few_fitted_rows_are_refused(classifier, num_fitted, message):
    classes = [0] * 39 + [2] + [0, 1] * 39 + [2 if num_fitted else 0, 1]
    labels = labels_of(classes, "multiclass", ("a", "b", "rare"), ("test",) * 40 + ("train",) * 80)
    with pytest.raises(InputError, match=message):
        check_probe(labels, classifier=classifier)
    with pytest.raises(InputError, match=message):
        probe(ROWS, labels, classifier=classifier)


def test_a_class_with_one_row_is_refused_where_rows_are_held_out_in_turn():
    labels = labels_of([0, 1] * 59 + [1, 2], "multiclass", ("a", "b", "rare"))
    with pytest.raises(InputError, match="class 'rare' has 0 rows to fit"):
        check_probe(labels)


@pytest.mark.parametrize("classifier", ["logistic", "discriminant"])
def test_labels_by_chance_are_not_learned(classifier):
    chance = np.random.default_rng(1).integers(2, size=120)
    wide = np.random.default_rng(2).normal(size=(120, 300)).astype(np.float32)
    found = probe(wide, labels_of(chance, "binary", ("0", "1")), classifier=classifier).metrics["auroc"]
    assert found.low < 0.5 < found.high


def test_same_seed_gives_same_figures():
    labels = labels_of((TRUTH > 0).astype(int), "binary", ("0", "1"))
    assert probe(ROWS, labels, seed=3).as_plain_data() == probe(ROWS, labels, seed=3).as_plain_data()


@pytest.mark.parametrize("classifier", ["logistic", "discriminant"])
def test_held_out_side_decides_alone(classifier):
    truth = (TRUTH > 0).astype(int)
    sides = ("train",) * 80 + ("test",) * 40
    labels = labels_of(truth, "binary", ("0", "1"), sides)
    found = probe(ROWS, labels, classifier=classifier)
    assert (found.num_fitted, found.num_held_out) == (80, 40)
    turned = labels_of(np.concatenate([truth[:80], 1 - truth[80:]]), "binary", ("0", "1"), sides)
    mirrored = probe(ROWS, turned, classifier=classifier).metrics["auroc"].value
    assert mirrored == pytest.approx(1 - found.metrics["auroc"].value)


def test_validation_chooses_the_penalty_and_is_fitted_with_the_rest():
    truth = (TRUTH > 0).astype(int)
    sides = ("train",) * 50 + ("validation",) * 30 + ("test",) * 40
    found = probe(ROWS, labels_of(truth, "binary", ("0", "1"), sides))
    assert (found.num_fitted, found.num_held_out) == (80, 40)
    assert found.metrics["auroc"].value > 0.95
    # What separates the classes is known from the validation rows alone.
    hidden = np.zeros((120, 1), dtype=np.float32)
    hidden[50:, 0] = 2 * truth[50:] - 1
    drawn = np.random.default_rng(5).normal(size=(120, 1)).astype(np.float32)
    rows = np.concatenate([drawn, hidden], axis=1)
    assert probe(rows, labels_of(truth, "binary", ("0", "1"), sides)).metrics["auroc"].value > 0.95


def test_a_constant_column_does_no_harm():
    rows = np.concatenate([ROWS, np.ones((120, 1), dtype=np.float32)], axis=1)
    labels = labels_of((TRUTH > 0).astype(int), "binary", ("0", "1"))
    assert probe(rows, labels).metrics["auroc"].value > 0.95


def test_figures_are_json():
    plain = probe(ROWS, labels_of((TRUTH > 0).astype(int), "binary", ("no", "yes"))).as_plain_data()
    assert json.loads(json.dumps(plain, allow_nan=False))["labels"] == ["no", "yes"]


def test_few_rows_are_refused():
    with pytest.raises(InputError, match="10 records at least, got 9"):
        probe(ROWS[:9], labels_of([0, 1] * 4 + [0], "binary", ("0", "1")))
