"""Runs of several seeds: mean, deviation and interval."""

import json
import math
from statistics import fmean, stdev

import numpy as np
import pytest

from hyenadna_kit.evaluation import seeds
from hyenadna_kit.evaluation.seeds import compare_over_seeds, metrics_over_seeds

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


def test_difference_is_that_of_the_means_on_the_same_rows():
    model = {0: predictions(90), 1: predictions(80)}
    found = compare_over_seeds("binary", LABELS, model, {"floor": {0: predictions(75)}})
    difference = found.differences["floor"]["accuracy"]
    assert difference.value == pytest.approx(0.85 - 0.75)
    own, theirs = (each.over_seeds["accuracy"] for each in found.contestants.values())
    # The floor is right where the model is: apart, the two intervals would say less.
    assert difference.high - difference.low < (own.high - own.low) + (theirs.high - theirs.low)
    # Of the first 75 rows none counts, of the next five both runs, of the next ten one: a sum of draws.
    shares = np.repeat([0.0, 1.0, 0.5, 0.0], [75, 5, 10, 10])
    spread = shares.std() / math.sqrt(100)
    assert (difference.low, difference.high) == pytest.approx(
        (0.1 - 1.96 * spread, 0.1 + 1.96 * spread), abs=0.015
    )


def test_model_does_not_differ_from_itself():
    found = compare_over_seeds("binary", LABELS, {0: predictions(70)}, {"same": {0: predictions(70)}})
    assert {(each.value, each.low, each.high) for each in found.differences["same"].values()} == {(0, 0, 0)}


def test_baselines_change_no_interval_of_the_model():
    alone = metrics_over_seeds("binary", LABELS, {0: predictions(70)})
    beside = compare_over_seeds("binary", LABELS, {0: predictions(70)}, {"floor": {0: predictions(60)}})
    assert beside.model == alone


def test_rows_that_belong_together_are_drawn_together():
    twice, labels = np.repeat(predictions(80), 20, axis=0), np.repeat(LABELS, 20)
    apart = metrics_over_seeds("binary", labels, {0: twice}, num_resamples=200)
    together = metrics_over_seeds(
        "binary", labels, {0: twice}, num_resamples=200, groups=np.repeat(np.arange(100), 20)
    )
    widths = [
        each.over_seeds["accuracy"].high - each.over_seeds["accuracy"].low for each in (apart, together)
    ]
    assert widths[1] > 3 * widths[0]


def test_table_that_is_too_large_has_no_intervals(monkeypatch):
    monkeypatch.setattr(seeds, "_MOST_NUMBERS", 100 * 99)
    found = compare_over_seeds("binary", LABELS, {0: predictions(80)}, {})
    accuracy = found.model.over_seeds["accuracy"]
    assert accuracy.mean == 0.8
    assert math.isnan(accuracy.low)
    assert math.isnan(accuracy.high)


def test_rows_of_a_single_group_have_no_intervals():
    found = metrics_over_seeds("binary", LABELS, {0: predictions(80)}, groups=np.zeros(100, dtype=np.int64))
    assert found.over_seeds["accuracy"].mean == 0.8
    assert math.isnan(found.over_seeds["accuracy"].low)
