"""A benchmark of predictors: values are scipy's, draws are of loci, differences are on what both have."""

import math

import numpy as np
import pytest
from scipy import stats

from hyenadna_kit.evaluation.variant_benchmark import CLASS_ALONE, Draws, Predictor, benchmark
from hyenadna_kit.evaluation.variant_effects import MeasuredEffects

NUM_ROWS = 120
DRAWS = Draws(number=60)


@pytest.fixture
def made():
    """Return effects of six groups, of which two are one locus, and three predictors."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=NUM_ROWS)
    groups = np.array(list("abcdef")).repeat(20)
    measured = MeasuredEffects(
        kind="number",
        values=np.where(rng.random(NUM_ROWS) < 0.05, np.nan, values),
        groups=groups,
        loci=np.where(groups == "b", "a", groups),
        classes=rng.choice(["x", "y"], NUM_ROWS).tolist(),
    )
    model = np.where(rng.random(NUM_ROWS) < 0.1, np.nan, values + rng.normal(size=NUM_ROWS))
    column = np.where(rng.random(NUM_ROWS) < 0.1, np.nan, -values + 2 * rng.normal(size=NUM_ROWS))
    predictors = [
        Predictor("m", "model", model),
        Predictor("c", "column", column),
        Predictor(CLASS_ALONE, "class", rng.normal(size=NUM_ROWS)),
    ]
    return measured, predictors


def spearman(effects, values, rows):
    rows = rows[~np.isnan(effects[rows]) & ~np.isnan(values[rows])]
    return stats.spearmanr(effects[rows], values[rows]).statistic


def line_of(part, predictor, minus=None):
    (line,) = [each for each in part.lines if (each.predictor, each.minus) == (predictor, minus)]
    return line


def test_parts_are_all_variants_then_groups_then_classes_from_the_largest_on(made):
    parts = benchmark(*made, DRAWS)
    assert [(part.kind, part.name) for part in parts[:2]] == [("all", "all"), ("within", "within groups")]
    sizes = {name: rows.size for name, rows in made[0].rows_of_classes().items()}
    assert [part.name for part in parts[2:]] == sorted(sizes, key=lambda name: -sizes[name])
    names = [(line.predictor, line.minus) for line in parts[0].lines]
    assert names == [("m", None), ("c", None), (CLASS_ALONE, None), ("m", "c"), ("m", CLASS_ALONE)]
    assert all(CLASS_ALONE not in (line.predictor, line.minus) for part in parts[2:] for line in part.lines)


def test_each_predictor_is_measured_on_the_variants_that_have_it(made):
    measured, predictors = made
    whole = benchmark(measured, predictors, DRAWS)[0]
    for name, _, values in predictors:
        line = line_of(whole, name)
        assert line.metrics["spearman"].value == pytest.approx(
            spearman(measured.values, values, np.arange(NUM_ROWS))
        )
        assert line.num_rows == int((~np.isnan(measured.values) & ~np.isnan(values)).sum())
        assert line.num_units == 5
    assert line_of(whole, "c").metrics["spearman"].value < 0


def test_difference_is_on_the_variants_that_have_both(made):
    measured, (model, column, _) = made
    line = line_of(benchmark(*made, DRAWS)[0], "m", "c")
    both = np.flatnonzero(~np.isnan(model.values) & ~np.isnan(column.values))
    values = [spearman(measured.values, each.values, both) for each in (model, column)]
    assert line.metrics["spearman"].value == pytest.approx(values[0] - values[1])


def test_intervals_come_from_draws_of_whole_loci(made):
    measured, predictors = made
    found = line_of(benchmark(measured, predictors, Draws(number=400, seed=3))[0], "m").metrics["spearman"]
    rng = np.random.default_rng(7)
    rows_of = [np.flatnonzero(measured.loci == locus) for locus in np.unique(measured.loci)]
    draws = [
        spearman(
            measured.values,
            predictors[0].values,
            np.concatenate([rows_of[i] for i in rng.integers(5, size=5)]),
        )
        for _ in range(400)
    ]
    assert (found.low, found.high) == pytest.approx(np.percentile(draws, (2.5, 97.5)), abs=0.04)


def test_within_groups_is_the_mean_over_loci_of_the_means_of_their_groups(made):
    measured, predictors = made
    within = {
        group: spearman(measured.values, predictors[0].values, np.flatnonzero(measured.groups == group))
        for group in "abcdef"
    }
    line = line_of(benchmark(*made, DRAWS)[1], "m")
    expected = np.mean([(within["a"] + within["b"]) / 2, *(within[group] for group in "cdef")])
    assert line.metrics["spearman"].value == pytest.approx(expected)
    assert line.metrics["spearman"].low < expected < line.metrics["spearman"].high


def test_class_in_a_single_locus_has_a_number_and_no_interval(made):
    measured, predictors = made
    classes = ["only" if group == "f" else "x" for group in measured.groups.tolist()]
    of_one = MeasuredEffects(
        kind="number", values=measured.values, groups=measured.groups, loci=measured.loci, classes=classes
    )
    found = line_of(benchmark(of_one, predictors, DRAWS)[-1], "m")
    assert found.num_units == 1
    assert not math.isnan(found.metrics["spearman"].value)
    assert math.isnan(found.metrics["spearman"].low)


def test_equal_seeds_make_equal_intervals(made):
    assert repr(benchmark(*made, DRAWS)) == repr(benchmark(*made, DRAWS))
    assert repr(benchmark(*made, DRAWS)) != repr(benchmark(*made, Draws(number=60, seed=1)))
