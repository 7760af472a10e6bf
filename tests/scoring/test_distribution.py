"""Distributions of values that come one by one, against NumPy on all of them."""

import math

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from hyenadna_kit.scoring.distribution import Distribution


@hypothesis.given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300), st.randoms(use_true_random=False))
def test_distribution_is_that_of_the_values_in_any_order(values, rng):
    one, other = Distribution(), Distribution()
    for value in values:
        one.add(value)
    for value in rng.sample(values, len(values)):
        other.add(value)
    assert (one.bins, one.bin_width) == (other.bins, other.bin_width)
    assert sum(one.bins.values()) == one.count == len(values)
    numbers, counts = np.unique(np.floor(np.array(values) / one.bin_width), return_counts=True)
    assert one.bins == dict(zip(numbers.astype(int).tolist(), counts.tolist(), strict=True))
    assert len(one.bins) <= 96
    # No finer bins would do: half as wide, they are too many.
    assert one.bin_width == 2**-30 or len(np.unique(np.floor(np.array(values) / (one.bin_width / 2)))) > 96
    assert one.mean == pytest.approx(np.mean(values), rel=1e-9, abs=1e-6)
    assert one.standard_deviation == pytest.approx(np.std(values), rel=1e-6, abs=1e-6)
    assert (one.minimum, one.maximum) == (min(values), max(values))


def test_distribution_far_from_zero_keeps_its_spread():
    each = Distribution()
    for value in (1e9, 1e9 + 1, 1e9 + 2):
        each.add(value)
    assert each.standard_deviation == pytest.approx(math.sqrt(2 / 3))


def test_distribution_without_values_is_no_number():
    each = Distribution()
    assert each.plain() == {"count": 0}
    assert math.isnan(each.mean)
    assert math.isnan(each.standard_deviation)
