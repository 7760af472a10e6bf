"""Metrics of each objective: as scikit-learn and scipy have them, by hand, and where they are undefined."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as oracle

from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.metrics import (
    BINARY_METRICS,
    REGRESSION_METRICS,
    binary_metrics,
    column_metrics,
    evaluate_predictions,
    multiclass_metrics,
    regression_metrics,
)

NAN = math.nan


def rows_of_two_classes(num_rows=200, seed=0):
    """Return labels, and probabilities that know something of them."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, num_rows)
    return labels, np.clip(0.3 * labels + 0.7 * rng.random(num_rows), 0, 1)


def rows_of_three_classes(num_rows=200, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, num_rows)
    return labels, rng.dirichlet([1, 1, 1], num_rows) * 0.6 + 0.4 * np.eye(3)[labels]


def test_metrics_of_two_classes_are_those_of_scikit_learn():
    labels, probabilities = rows_of_two_classes()
    predicted = probabilities > 0.5
    assert binary_metrics(labels, probabilities) == pytest.approx(
        {
            "accuracy": oracle.accuracy_score(labels, predicted),
            "balanced_accuracy": oracle.balanced_accuracy_score(labels, predicted),
            "mcc": oracle.matthews_corrcoef(labels, predicted),
            "f1": oracle.f1_score(labels, predicted),
            "f1_macro": oracle.f1_score(labels, predicted, average="macro"),
            "auroc": oracle.roc_auc_score(labels, probabilities),
            "auprc": oracle.average_precision_score(labels, probabilities),
            "brier": oracle.brier_score_loss(labels, probabilities),
            "ece": calibration_error(labels == 1, probabilities),
        }
    )


def test_metrics_of_three_classes_are_those_of_scikit_learn():
    labels, probabilities = rows_of_three_classes()
    predicted = probabilities.argmax(axis=1)
    assert multiclass_metrics(labels, probabilities) == pytest.approx(
        {
            "accuracy": oracle.accuracy_score(labels, predicted),
            "balanced_accuracy": oracle.balanced_accuracy_score(labels, predicted),
            "mcc": oracle.matthews_corrcoef(labels, predicted),
            "f1_macro": oracle.f1_score(labels, predicted, average="macro"),
            "auroc": oracle.roc_auc_score(labels, probabilities, multi_class="ovr"),
            "auprc": oracle.average_precision_score(np.eye(3)[labels], probabilities),
            "brier": np.square(probabilities - np.eye(3)[labels]).sum() / len(labels),
            "ece": calibration_error(labels == predicted, probabilities.max(axis=1)),
        }
    )


def calibration_error(came_true, probabilities):
    """Return the expected calibration error over 15 bins."""
    bins = np.digitize(probabilities, np.linspace(0, 1, 16)[1:-1])
    members = [bins == number for number in range(15) if (bins == number).any()]
    return sum(each.mean() * abs((came_true[each] - probabilities[each]).mean()) for each in members)


def test_metrics_of_values_are_those_of_scipy_and_scikit_learn():
    rng = np.random.default_rng(1)
    labels = rng.normal(3, 2, 100)
    values = labels + rng.normal(0, 1, 100)
    assert regression_metrics(labels, values) == pytest.approx(
        {
            "pearson": np.corrcoef(labels, values)[0, 1],
            "spearman": np.corrcoef(stats.rankdata(labels), stats.rankdata(values))[0, 1],
            "r2": oracle.r2_score(labels, values),
            "mse": oracle.mean_squared_error(labels, values),
        }
    )


def test_values_by_hand():
    found = regression_metrics(np.array([1.0, 2, 3]), np.array([1.0, 3, 2]))
    assert found == pytest.approx({"pearson": 0.5, "spearman": 0.5, "r2": 0.0, "mse": 2 / 3})


def test_brier_score_of_three_classes_by_hand():
    found = multiclass_metrics(np.array([0, 2]), np.array([[0.5, 0.5, 0], [0, 0, 1.0]]))
    assert found["brier"] == pytest.approx((0.25 + 0.25 + 0) / 2)


def test_perfect_predictions_are_perfect():
    labels = np.array([0, 1, 1, 0])
    found = binary_metrics(labels, labels.astype(float))
    assert found == dict.fromkeys(BINARY_METRICS, 1.0) | {"brier": 0.0, "ece": 0.0}
    classes = np.array([0, 1, 2])
    assert set(multiclass_metrics(classes, np.eye(3)).values()) == {0.0, 1.0}
    values = np.array([1.0, 2.0, 4.0])
    expected = {"pearson": 1, "spearman": 1, "r2": 1, "mse": 0}
    assert regression_metrics(values, values) == pytest.approx(expected)


def test_half_a_probability_predicts_the_first_class():
    assert binary_metrics(np.array([0, 1]), np.array([0.5, 0.5]))["accuracy"] == 0.5
    assert multiclass_metrics(np.array([0, 0]), np.full((2, 2), 0.5))["accuracy"] == 1


@given(st.integers(0, 10**6))
def test_order_of_the_rows_is_of_no_account(seed):
    labels, probabilities = rows_of_two_classes(30)
    order = np.random.default_rng(seed).permutation(30)
    expected = binary_metrics(labels, probabilities)
    assert binary_metrics(labels[order], probabilities[order]) == pytest.approx(expected)


@pytest.mark.parametrize("label", [0, 1])
def test_rows_of_one_class_define_what_asks_for_no_other(label):
    found = binary_metrics(np.full(3, label), np.array([0.2, 0.6, 0.7]))
    undefined = {name for name, value in found.items() if math.isnan(value)}
    # F1 of the class that is predicted in vain is 0, so the mean of both is defined.
    assert undefined == {"balanced_accuracy", "mcc", "auroc", "auprc"}
    assert found["accuracy"] == pytest.approx(2 / 3 if label else 1 / 3)


def test_class_without_rows_and_predictions_has_no_f1():
    found = binary_metrics(np.zeros(3, dtype=int), np.array([0.2, 0.1, 0.3]))
    assert math.isnan(found["f1"])
    assert math.isnan(found["f1_macro"])


def test_class_that_no_row_has_makes_means_over_classes_undefined():
    labels, probabilities = rows_of_three_classes()
    is_known = labels < 2
    found = multiclass_metrics(labels[is_known], probabilities[is_known])
    undefined = {name for name, value in found.items() if math.isnan(value)}
    assert undefined >= {"balanced_accuracy", "auroc", "auprc"}
    assert not undefined & {"accuracy", "mcc", "brier", "ece"}


@pytest.mark.parametrize(
    ("labels", "values", "undefined"),
    [
        ([1.0, 1.0, 1.0], [1.0, 2.0, 3.0], {"pearson", "spearman", "r2"}),
        ([1.0, 2.0, 3.0], [1.0, 1.0, 1.0], {"pearson", "spearman"}),
        ([1.0], [2.0], {"pearson", "spearman", "r2"}),
        ([NAN, NAN], [2.0, 1.0], set(REGRESSION_METRICS)),
    ],
    ids=["constant labels", "constant values", "one row", "no labels"],
)
def test_what_does_not_vary_has_no_correlation(labels, values, undefined):
    found = regression_metrics(np.array(labels), np.array(values))
    assert {name for name, value in found.items() if math.isnan(value)} == undefined


@pytest.mark.parametrize(
    ("objective", "missing"), [("multilabel", NAN), ("multilabel", -100.0), ("regression", NAN)]
)
def test_rows_without_a_label_are_left_out_column_by_column(objective, missing):
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, (60, 2)).astype(float)
    predictions = rng.random((60, 2))
    known = rng.random((60, 2)) < 0.7
    found = column_metrics(objective, np.where(known, labels, missing), predictions)
    of_column = binary_metrics if objective == "multilabel" else regression_metrics
    for column in range(2):
        rows = known[:, column]
        assert found[column] == of_column(labels[rows, column], predictions[rows, column])


@pytest.mark.parametrize("objective", ["binary", "multiclass"])
def test_ignored_rows_of_classes_are_left_out(objective):
    labels, probabilities = rows_of_two_classes()
    if objective == "multiclass":
        probabilities = np.stack([1 - probabilities, probabilities], axis=1)
    else:
        probabilities = probabilities[:, None]
    dropped = labels.copy()
    dropped[::3] = -100
    kept = dropped != -100
    expected = evaluate_predictions(objective, labels[kept], probabilities[kept])
    assert evaluate_predictions(objective, dropped, probabilities) == expected


def test_minus_a_hundred_is_a_value():
    assert regression_metrics(np.array([-100.0, 0.0]), np.array([-100.0, 1.0]))["mse"] == 0.5


def test_mean_over_columns_is_of_those_that_define_a_metric():
    labels = np.array([[0, 1, 1], [1, 1, 0], [1, 1, 1]], dtype=float)
    predictions = np.array([[0.1, 0.9, 0.6], [0.8, 0.8, 0.7], [0.4, 0.7, 0.9]])
    found = evaluate_predictions("multilabel", labels, predictions)
    # The second column has ones alone: its accuracy counts, a ranking it has none.
    assert found["auroc"] == pytest.approx((1 + 1 / 2) / 2)
    assert found["accuracy"] == pytest.approx((2 / 3 + 1 + 2 / 3) / 3)


@pytest.mark.parametrize("objective", ["binary", "multilabel", "regression"])
def test_single_column_may_lack_its_axis(objective):
    labels, probabilities = rows_of_two_classes(20)
    flat = evaluate_predictions(objective, labels, probabilities[:, None])
    assert evaluate_predictions(objective, labels[:, None], probabilities[:, None]) == flat


def test_half_precision_probabilities_are_read():
    labels, probabilities = rows_of_two_classes()
    found = binary_metrics(labels, probabilities.astype(np.float32))
    assert found == pytest.approx(binary_metrics(labels, probabilities), abs=1e-5)


@pytest.mark.parametrize(
    ("objective", "labels", "predictions", "message"),
    [
        ("binary", [0, 2], [[0.1], [0.2]], "label 2 of labelled row 2 must be a class from 0 to 1"),
        ("binary", [0, 0.5], [[0.1], [0.2]], "label 0.5 of labelled row 2"),
        ("binary", [0, 1], [[0.1], [1.2]], "prediction 1.2 of labelled row 2 must be a probability"),
        ("binary", [0, 1], [[NAN], [0.2]], "prediction nan of labelled row 1"),
        ("multiclass", [0, 3], [[0.5, 0.5], [0.5, 0.5]], "label 3 of labelled row 2"),
        ("multiclass", [0, 1], [[0.5, 0.6], [0.5, 0.5]], "1.1 of labelled row 1 must be 1, the sum"),
        ("multiclass", [0, 1], [[0.5, 0.5]], "must be of 2 rows"),
        ("multiclass", [-100, -100], [[0.5, 0.5]] * 2, "none of 2 rows has a label"),
        ("multilabel", [[0, 1]], [[0.5]], r"must have the shape of the labels, \(1, 2\)"),
        ("multilabel", [[NAN], [NAN]], [[0.5], [0.5]], "none of 2 rows has a label"),
        ("regression", [1.0, 2.0], [[math.inf], [1.0]], "prediction inf of labelled row 1"),
        ("regression", [1.0, math.inf], [[1.0], [1.0]], "label inf of labelled row 2"),
    ],
)
def test_what_cannot_be_evaluated_is_named(objective, labels, predictions, message, no_shape_checks):
    with pytest.raises(InputError, match=message):
        evaluate_predictions(objective, np.array(labels), np.array(predictions))


def test_multiclass_has_no_columns():
    with pytest.raises(InputError, match="multiclass has classes"):
        column_metrics("multiclass", np.array([0]), np.array([[1.0, 0.0]]))
