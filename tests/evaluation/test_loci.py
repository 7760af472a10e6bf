"""Loci: groups that share a place are one, and a mean over loci weighs each of them once."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hyenadna_kit.evaluation.loci import mean_over_loci, merge_groups, spearman_of_elements


def components(groups, sites):
    """Return the connected sets of groups, by joining any two that share a site until nothing changes."""
    sets = [{group} for group in dict.fromkeys(groups)]
    pairs = [
        {one, other}
        for one, here in zip(groups, sites, strict=True)
        for other, there in zip(groups, sites, strict=True)
        if here is not None and here == there
    ]
    for pair in pairs:
        touched = [each for each in sets if each & pair]
        sets = [each for each in sets if not each & pair] + [set().union(*touched)]
    return {frozenset(each) for each in sets}


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.none() | st.integers(0, 6)), min_size=1, max_size=12))
def test_loci_are_the_connected_sets_of_groups(rows):
    groups, sites = zip(*rows, strict=True)
    loci = merge_groups(groups, sites).tolist()
    found = {frozenset(g for g, at in zip(groups, loci, strict=True) if at == locus) for locus in loci}
    assert found == components(groups, sites)
    assert all(locus in groups for locus in loci)


def test_rank_correlation_is_taken_within_each_element():
    rng = np.random.default_rng(0)
    effects, predictions = rng.normal(size=(2, 60))
    elements = np.array(["a", "b", "c"]).repeat(20)
    effects[3], predictions[21] = np.nan, np.nan
    effects[40:] = 1.0
    found = spearman_of_elements(effects, predictions, elements)
    of_a, of_b = np.delete(np.arange(20), 3), np.delete(np.arange(20, 40), 1)
    assert found["a"] == pytest.approx(stats.spearmanr(effects[of_a], predictions[of_a]).statistic)
    assert found["b"] == pytest.approx(stats.spearmanr(effects[of_b], predictions[of_b]).statistic)
    assert math.isnan(found["c"])


def test_elements_of_one_locus_count_as_one():
    values = {"a": 1.0, "a2": 3.0, "b": 5.0, "c": math.nan}
    locus_of = {"a": "a", "a2": "a", "b": "b", "c": "c"}
    found = mean_over_loci(values, locus_of, generator=np.random.default_rng(0), num_resamples=200)
    # Two loci of means 2 and 5: draws are 2, 3.5 or 5.
    assert found == (3.5, 2.0, 5.0)


@pytest.mark.parametrize(("values", "expected"), [({"a": 0.25}, 0.25), ({"a": math.nan}, math.nan)])
def test_single_locus_has_no_interval(values, expected):
    found = mean_over_loci(values, {"a": "a"}, generator=np.random.default_rng(0))
    assert found == pytest.approx((expected, math.nan, math.nan), nan_ok=True)
