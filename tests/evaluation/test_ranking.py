"""Areas under the curves: by all pairs, by hand and as scikit-learn has them."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle

from hyenadna_kit.evaluation.ranking import rank, ranking_curves

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), max_size=40).map(
    # One row of each class at least; few different scores, so that many are equal.
    lambda rows: [*rows, (True, 3), (False, 2)]
)


def columns(rows):
    is_class, scores = zip(*rows, strict=True)
    return np.array(is_class), np.array(scores) / 6


@given(ROWS)
def test_auroc_is_the_share_of_pairs_in_order(rows):
    is_class, scores = columns(rows)
    pairs = list(product(scores[is_class].tolist(), scores[~is_class].tolist()))
    share = sum((high > low) + 0.5 * (high == low) for high, low in pairs) / len(pairs)
    assert rank(is_class, scores).auroc == pytest.approx(share)


@given(ROWS)
def test_both_are_those_of_scikit_learn(rows):
    is_class, scores = columns(rows)
    found = rank(is_class, scores)
    assert found.auroc == pytest.approx(oracle.roc_auc_score(is_class, scores))
    assert found.auprc == pytest.approx(oracle.average_precision_score(is_class, scores))


@given(ROWS)
def test_order_alone_counts_and_the_opposite_order_mirrors_auroc(rows):
    is_class, scores = columns(rows)
    found = rank(is_class, scores)
    assert rank(is_class, np.exp(3 * scores) - 9) == pytest.approx(found)
    assert rank(is_class, -scores).auroc == pytest.approx(1 - found.auroc)


def test_ranking_by_hand():
    # From the highest score: yes, no, yes, no. Precision 1 at the first yes, 2/3 at the second.
    found = rank(np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.1]))
    assert found == pytest.approx((3 / 4, (1 + 2 / 3) / 2))


def test_scores_that_are_all_equal_are_chance():
    assert rank(np.array([True, False, False, False]), np.full(4, 0.5)) == (0.5, 0.25)


@pytest.mark.parametrize("value", [True, False])
def test_one_side_alone_has_no_ranking(value):
    assert all(map(math.isnan, rank(np.array([value] * 3), np.array([0.1, 0.2, 0.3]))))


@pytest.mark.parametrize("decimals", [1, 6])
def test_curves_are_those_of_scikit_learn(decimals):
    generator = np.random.default_rng(decimals)
    is_class = generator.random(200) < 0.3
    scores = np.round(generator.normal(is_class, 1.0), decimals)
    found = ranking_curves(is_class, scores)
    false_alarms, recall, _ = oracle.roc_curve(is_class, scores, drop_intermediate=False)
    assert found.false_alarms == pytest.approx(false_alarms[1:])
    assert found.recall == pytest.approx(recall[1:])
    precision, _, _ = oracle.precision_recall_curve(is_class, scores)
    assert found.precision == pytest.approx(precision[:-1][::-1])


def test_rows_of_one_side_have_no_curves():
    assert ranking_curves(np.array([True, True]), np.array([0.1, 0.2])) is None
