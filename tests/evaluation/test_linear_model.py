"""Linear models: that they solve their equations, choose as told, and bear what is missing."""

import math

import numpy as np
import pytest
from scipy import sparse
from sklearn import metrics

from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.linear_model import LabelledRows, Penalty, fit_linear

RNG = np.random.default_rng
GOODNESS = {
    "loss": lambda labels, found: -metrics.log_loss(labels, found[:, -1]),
    "mcc": lambda labels, found: metrics.matthews_corrcoef(labels, found[:, -1] > 0.5),
    "regression": lambda labels, found: -metrics.mean_squared_error(labels, found),
}
"""By scikit-learn, of two classes or of values."""


def features(num_rows=120, num_columns=4, seed=0):
    return RNG(seed).normal(size=(num_rows, num_columns))


def rows(values, labels):
    return LabelledRows(sparse.csr_matrix(values), np.asarray(labels))


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


def fitted_logistic(values, labels, strength, num_steps=30):
    """Return the probabilities of C * sum of losses + |w|^2 / 2, by Newton's method."""
    design = np.hstack([values, np.ones((len(values), 1))])
    penalty = np.diag([1.0] * values.shape[1] + [0.0])
    weights = np.zeros(design.shape[1])
    for _ in range(num_steps):
        chance = sigmoid(design @ weights)
        gradient = strength * design.T @ (chance - labels) + penalty @ weights
        hessian = strength * (design.T * (chance * (1 - chance))) @ design + penalty
        weights -= np.linalg.solve(hessian, gradient)
    return sigmoid(design @ weights)


@pytest.mark.parametrize("num_empty", [0, 4])
@pytest.mark.parametrize("strength", [0.01, 1.0, 10.0])
def test_yes_or_no_is_the_penalised_maximum_of_likelihood(strength, num_empty):
    values = np.hstack([features(), np.zeros((120, num_empty))])
    labels = (RNG(1).random(120) < sigmoid(values[:, :4] @ [2.0, -1, 0, 0.5] + 0.3)).astype(int)
    penalty = Penalty((strength,), tolerance=1e-6)
    model = fit_linear("binary", rows(values, labels), penalty=penalty)
    found = model.predict(sparse.csr_matrix(values))
    assert found.shape == (120, 1)
    assert found[:, 0] == pytest.approx(fitted_logistic(values, labels, strength), abs=1e-4)
    assert model.strengths == (strength,)


@pytest.mark.parametrize("strength", [0.001, 1.0])
def test_values_are_the_penalised_least_squares(strength):
    values = features()
    labels = np.stack([values @ [1.0, 2, 3, 4] + 5, RNG(2).normal(size=120)], axis=1)
    found = fit_linear("regression", rows(values, labels), penalty=Penalty((strength,)))
    centred = values - values.mean(axis=0)
    weights = np.linalg.solve(
        centred.T @ centred + np.eye(4) / strength, centred.T @ (labels - labels.mean(axis=0))
    )
    expected = centred @ weights + labels.mean(axis=0)
    assert found.predict(sparse.csr_matrix(values)) == pytest.approx(expected, abs=1e-3)


def test_columns_are_fitted_one_by_one_on_the_rows_that_have_a_label():
    values = features()
    labels = RNG(3).integers(0, 2, (120, 2)).astype(float)
    labels[RNG(4).random((120, 2)) < 0.3] = math.nan
    found = fit_linear("multilabel", rows(values, labels), penalty=Penalty((1.0,)))
    for column in range(2):
        known = ~np.isnan(labels[:, column])
        alone = fit_linear("binary", rows(values[known], labels[known, column]), penalty=Penalty((1.0,)))
        given = sparse.csr_matrix(values)
        assert found.predict(given)[:, [column]] == pytest.approx(alone.predict(given))


def test_classes_are_told_apart_and_one_that_training_lacks_has_no_chance():
    labels = np.repeat([0, 1, 3], 40)
    values = np.eye(4)[labels] + 0.1 * features()
    model = fit_linear("multiclass", rows(values, labels), penalty=Penalty((10.0,)), num_classes=4)
    found = model.predict(sparse.csr_matrix(values))
    assert found.shape == (120, 4)
    assert found.sum(axis=1) == pytest.approx(np.ones(120))
    assert (found.argmax(axis=1) == labels).all()
    assert (found[:, 2] == 0).all()


@pytest.mark.parametrize("objective", ["binary", "multilabel", "multiclass"])
def test_single_class_is_predicted_always(objective):
    values, labels = features(10), np.ones(10, dtype=int)
    model = fit_linear(objective, rows(values, labels), penalty=Penalty((1.0,)), num_classes=3)
    expected = [0, 1, 0] if objective == "multiclass" else [1]
    assert model.predict(sparse.csr_matrix(values)).tolist() == [expected] * 10
    assert math.isnan(model.strengths[0])


@pytest.mark.parametrize("criterion", ["loss", "mcc"])
@pytest.mark.parametrize("objective", ["binary", "multiclass", "regression"])
def test_strength_is_the_best_on_the_rows_set_aside(objective, criterion):
    # Many columns that say nothing: a weak penalty fits them, and errs on other rows.
    values = RNG(5).normal(size=(160, 60))
    signal = values[:, 0] + 0.5 * RNG(6).normal(size=160)
    labels = signal if objective == "regression" else (signal > 0).astype(int)
    train, held_out = rows(values[:80], labels[:80]), rows(values[80:], labels[80:])
    strengths = (1e-7, 0.01, 0.1, 1000.0)
    goodness = []
    for strength in strengths:
        alone = fit_linear(objective, train, penalty=Penalty((strength,))).predict(held_out.features)
        goodness.append(GOODNESS[objective if objective == "regression" else criterion](labels[80:], alone))
    best = strengths[int(np.argmax(goodness))]
    model = fit_linear(objective, train, validation=held_out, penalty=Penalty(strengths, criterion))
    assert best != strengths[0]  # which is taken where nothing decides
    assert model.strengths == (best,)


@pytest.mark.parametrize("objective", ["binary", "multiclass", "regression"])
def test_best_strength_is_fitted_anew_on_all_rows(objective):
    values, labels = features(120), RNG(8).integers(0, 2, 120)
    labels = labels.astype(float) if objective == "regression" else labels
    train, held_out = rows(values[:80], labels[:80]), rows(values[80:], labels[80:])
    strengths = (1e-4, 1e-2, 1.0)
    model = fit_linear(objective, train, validation=held_out, penalty=Penalty(strengths, refit=True))
    (best,) = fit_linear(objective, train, validation=held_out, penalty=Penalty(strengths)).strengths
    assert model.strengths == (best,)
    whole = fit_linear(objective, rows(values, labels), penalty=Penalty((best,)))
    assert model.predict(train.features) == pytest.approx(whole.predict(train.features), abs=1e-6)


def test_a_class_that_the_rows_set_aside_alone_hold_is_fitted_anew():
    values, labels = features(40), np.repeat([0, 1], 20)
    train, held_out = rows(values[:20], labels[:20]), rows(values[20:], labels[20:])
    model = fit_linear("binary", train, validation=held_out, penalty=Penalty((0.3, 3.0), refit=True))
    assert model.strengths == (0.3,)
    assert np.ptp(model.predict(train.features)) > 0


@pytest.mark.parametrize("objective", ["binary", "regression"])
def test_first_strength_is_taken_where_nothing_decides(objective):
    train = rows(features(20), RNG(7).integers(0, 2, 20).astype(float))
    unlabelled = rows(features(5), np.full(5, math.nan))
    for validation in (None, unlabelled):
        model = fit_linear(objective, train, validation=validation, penalty=Penalty((0.3, 3.0)))
        assert model.strengths == (0.3,)


def test_rows_set_aside_may_hold_one_class_alone():
    train = rows(features(20), RNG(7).integers(0, 2, 20))
    one_class = rows(features(5), np.ones(5, dtype=int))
    model = fit_linear("binary", train, validation=one_class, penalty=Penalty((0.3, 3.0), "mcc"))
    assert model.strengths == (0.3,)


def test_column_without_labels_is_refused():
    labels = np.array([[0.0, math.nan], [1.0, math.nan]])
    with pytest.raises(InputError, match="no row of the training side has a label"):
        fit_linear("multilabel", rows(features(2), labels), penalty=Penalty((1.0,)))


@pytest.mark.parametrize("strengths", [(), (0.0,), (1.0, math.inf), (math.nan,)])
def test_strengths_that_are_none_are_refused(strengths):
    with pytest.raises(ValueError, match="strengths must be"):
        Penalty(strengths)
