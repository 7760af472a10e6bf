"""Metrics of a predictor on any rows are those of scipy and scikit-learn on the same rows."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from hyenadna_kit.evaluation.effect_metrics import EffectMetrics


def made(seed, *, with_ties):
    rng = np.random.default_rng(seed)
    effects, values = rng.normal(size=(2, 80)) + rng.normal(size=80)
    if with_ties:
        effects, values = np.round(effects), np.round(values)
    effects[rng.integers(80, size=5)] = np.nan
    values[rng.integers(80, size=5)] = np.nan
    return effects, values, rng.integers(80, size=100)


def known(effects, values, rows):
    return rows[~np.isnan(effects[rows]) & ~np.isnan(values[rows])]


@pytest.mark.parametrize("with_ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_correlations_of_a_draw_are_those_of_scipy(seed, with_ties):
    effects, values, draw = made(seed, with_ties=with_ties)
    found = EffectMetrics("number", effects, values).of(draw)
    rows = known(effects, values, draw)
    assert found["spearman"] == pytest.approx(stats.spearmanr(effects[rows], values[rows]).statistic)
    assert found["pearson"] == pytest.approx(stats.pearsonr(effects[rows], values[rows]).statistic)


@pytest.mark.parametrize("with_ties", [False, True])
def test_areas_of_a_draw_are_those_of_scikit_learn(with_ties):
    effects, values, draw = made(0, with_ties=with_ties)
    effects = np.where(np.isnan(effects), np.nan, effects > 0)
    found = EffectMetrics("class", effects, values).of(draw)
    rows = known(effects, values, draw)
    assert found["auroc"] == pytest.approx(roc_auc_score(effects[rows], values[rows]))
    assert found["auprc"] == pytest.approx(average_precision_score(effects[rows], values[rows]))


@pytest.mark.parametrize("values", [[0.1, 0.1, 0.1], [1.0, math.nan, math.nan], [math.nan] * 3])
def test_what_does_not_vary_has_no_correlation(values):
    metrics = EffectMetrics("number", np.array([1.0, 2.0, 3.0]), np.array(values))
    assert all(map(math.isnan, metrics.of(np.arange(3)).values()))


def test_one_class_has_no_area():
    metrics = EffectMetrics("class", np.ones(3), np.arange(3.0))
    assert all(map(math.isnan, metrics.of(np.arange(3)).values()))
