"""Runs of several seeds: mean, deviation and interval."""

import json
import math
from statistics import fmean, stdev

import numpy as np
import pytest

from hyenadna_kit.evaluation.seeds import metrics_over_seeds

LABELS = np.array([0, 1] * 50)


def predictions(right):
    """Return probabilities of which so many, from the first row on, predict the class of the row."""
    found = np.where(np.arange(100) < right, LABELS, 1 - LABELS)
    return found[:, None].astype(np.float32)


def test_mean_and_deviation_are_those_of_the_runs():
    found = metrics_over_seeds(
        "binary", LABELS, {0: predictions(90), 3: predictions(80), 5: predictions(100)}
    )
    accuracy = found.over_seeds["accuracy"]
    assert {seed: each["accuracy"] for seed, each in found.of_seed.items()} == {0: 0.9, 3: 0.8, 5: 1.0}
    assert (accuracy.mean, accuracy.std) == pytest.approx((fmean([0.9, 0.8, 1]), stdev([0.9, 0.8, 1])))


def test_interval_is_that_of_a_share():
    found = metrics_over_seeds("binary", LABELS, {0: predictions(80)})
    accuracy, spread = found.over_seeds["accuracy"], math.sqrt(0.8 * 0.2 / 100)
    assert (accuracy.low, accuracy.high) == pytest.approx(
        (0.8 - 1.96 * spread, 0.8 + 1.96 * spread), abs=0.02
    )
    assert math.isnan(accuracy.std)


def test_plain_data_holds_none_for_what_is_not_defined():
    data = metrics_over_seeds("binary", LABELS, {0: predictions(80)}, num_resamples=10).as_plain_data()
    assert data["accuracy"]["std"] is None
    assert data["seeds"]["0"]["accuracy"] == 0.8
    json.dumps(data, allow_nan=False)
