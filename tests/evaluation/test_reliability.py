"""Reliability bins: by a loop over the rows, by hand, and of probabilities that are true."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.evaluation.reliability import reliability_bins

ROWS = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=30)


@given(rows=ROWS, num_bins=st.sampled_from([1, 2, 4, 8]))
def test_error_is_that_of_a_loop_over_the_rows(rows, num_bins):
    bins = {}
    for came_true, probability in rows:
        # Widths that are powers of two: no border is rounded.
        bins.setdefault(min(math.floor(probability * num_bins), num_bins - 1), []).append(
            (came_true, probability)
        )
    expected = 0.0
    for members in bins.values():
        share = sum(came_true for came_true, _ in members) / len(members)
        said = sum(probability for _, probability in members) / len(members)
        expected += len(members) / len(rows) * abs(share - said)
    came_true, probabilities = (np.array(each) for each in zip(*rows, strict=True))
    found = reliability_bins(came_true, probabilities, num_bins=num_bins)
    assert found.error == pytest.approx(expected, abs=1e-12)
    assert found.counts.sum() == len(rows)


def test_bins_by_hand():
    came_true = np.array([False, True, True, True])
    found = reliability_bins(came_true, np.array([0.1, 0.3, 0.5, 1.0]), num_bins=4)
    assert found.edges.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert found.counts.tolist() == [1, 1, 1, 1]
    assert found.said.tolist() == [0.1, 0.3, 0.5, 1.0]
    assert found.true.tolist() == [0, 1, 1, 1]
    assert found.error == pytest.approx((0.1 + 0.7 + 0.5 + 0) / 4)


def test_empty_bins_are_undefined_and_weigh_nothing():
    found = reliability_bins(np.array([True, False]), np.array([0.9, 0.9]), num_bins=2)
    assert np.isnan([found.said[0], found.true[0]]).all()
    assert found.error == pytest.approx(0.4)


def test_no_rows_have_no_error():
    assert math.isnan(reliability_bins(np.zeros(0, dtype=bool), np.zeros(0)).error)


def test_probabilities_that_are_true_have_a_small_error_and_bold_ones_a_large_one():
    rng = np.random.default_rng(0)
    probabilities = rng.random(100_000)
    came_true = rng.random(100_000) < probabilities
    assert reliability_bins(came_true, probabilities).error < 0.01
    # Said as 0 or 1, the error is the mean distance of a uniform number from the nearer end.
    assert reliability_bins(came_true, np.round(probabilities)).error == pytest.approx(0.25, abs=0.01)
