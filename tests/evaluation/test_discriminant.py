"""Linear discriminants: against the formula, and where classes are missing."""

import numpy as np
import pytest

from hyenadna_kit.evaluation.discriminant import fit_discriminant

RNG = np.random.default_rng
MEANS = np.array([[0.0, 0, 0], [2, 0, 0], [0, 2, -2]])


def drawn(count, seed=0):
    classes = RNG(seed).integers(0, 3, count)
    noise = RNG(seed + 1).normal(size=(count, 3)) @ np.array([[1, 0.8, 0], [0, 0.6, 0.5], [0, 0, 0.7]])
    return MEANS[classes] + noise, classes


def test_with_many_rows_they_are_normal_distributions_of_one_covariance():
    rows, classes = drawn(20_000)
    others, _ = drawn(200, seed=7)
    within = np.concatenate([rows[classes == each] - rows[classes == each].mean(0) for each in range(3)])
    precision = np.linalg.inv(np.cov(within.T))
    distances = [others - rows[classes == each].mean(0) for each in range(3)]
    logits = np.stack([-np.einsum("ri,ij,rj->r", each, precision, each) / 2 for each in distances], axis=1)
    expected = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
    found = fit_discriminant(rows, classes, num_classes=3)(others)
    assert np.abs(found - expected).max() < 0.02


def test_a_class_that_no_row_has_gets_no_chance():
    rows, classes = drawn(300)
    found = fit_discriminant(rows, 2 * classes, num_classes=6)(rows)
    assert found.shape == (300, 6)
    assert (found[:, [1, 3, 5]] == 0).all()
    assert found.sum(1) == pytest.approx(1)


def test_single_class_is_predicted_always():
    rows, _ = drawn(5)
    predict = fit_discriminant(rows, np.ones(5, dtype=int), num_classes=3)
    assert predict(rows).tolist() == [[0, 1, 0]] * 5


def test_more_columns_than_rows_and_a_constant_one_do_no_harm():
    rows, classes = drawn(80)
    wide = np.concatenate([rows, RNG(3).normal(size=(80, 200)), np.ones((80, 1))], axis=1)
    found = fit_discriminant(wide[:60], classes[:60], num_classes=3)(wide[60:])
    assert np.isfinite(found).all()
    assert (found.argmax(1) == classes[60:]).mean() > 0.6
