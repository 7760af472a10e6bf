"""Bootstrap intervals: that they cover, that groups are drawn whole, and that pairs are drawn as pairs."""

import math

import numpy as np
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.bootstrap import bootstrap, bootstrap_difference


def mean_of(values):
    return lambda rows: {"mean": float(values[rows].mean())}


def generator(seed=0):
    return np.random.default_rng(seed)


def coverage(make_rows, num_trials=300):
    """Return how often the interval of the mean of rows with mean 0 holds it."""
    held = 0
    for trial in range(num_trials):
        values, groups = make_rows(np.random.default_rng(trial))
        found = bootstrap(
            mean_of(values), values.size, generator=generator(trial), groups=groups, num_resamples=300
        )
        held += found["mean"].low <= 0 <= found["mean"].high
    return held / num_trials


def test_interval_of_a_mean_is_that_of_the_normal_distribution():
    values = generator().normal(5, 2, 1000)
    found = bootstrap(mean_of(values), 1000, generator=generator(), num_resamples=4000)["mean"]
    half = 1.96 * values.std() / math.sqrt(1000)
    assert found.value == values.mean()
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.01)


def test_interval_holds_the_truth_about_nineteen_times_in_twenty():
    # 300 trials: a standard deviation of 0.013.
    assert coverage(lambda rng: (rng.exponential(1, 100) - 1, None)) == pytest.approx(0.94, abs=0.04)


def test_rows_that_depend_on_their_group_need_groups():
    def rows(rng):
        groups = np.repeat(np.arange(30), 10)
        return rng.normal(size=30)[groups] + 0.1 * rng.normal(size=300), groups

    assert coverage(rows) == pytest.approx(0.94, abs=0.04)
    assert coverage(lambda rng: (rows(rng)[0], None)) < 0.6


def test_draws_are_of_rows_or_of_whole_groups():
    groups = np.array(["b", "a", "b", "c", "a", "b"])
    drawn = []

    def note(rows):
        drawn.append(rows.tolist())
        return {}

    bootstrap(note, 6, generator=generator(), groups=groups, num_resamples=50)
    bootstrap(note, 6, generator=generator(), num_resamples=50)
    assert drawn[0] == drawn[51] == [0, 1, 2, 3, 4, 5]
    for rows in drawn[1:51]:
        times = np.bincount(rows, minlength=6)
        assert times[[0, 2, 5]].tolist() == [times[0]] * 3
        assert times[[1, 4]].tolist() == [times[1]] * 2
        assert times[0] + times[1] + times[3] == 3
    assert all(len(rows) == 6 for rows in drawn[52:])


def test_groups_of_one_row_are_rows():
    values = generator().normal(size=40)
    by_row = bootstrap(mean_of(values), 40, generator=generator())
    assert bootstrap(mean_of(values), 40, generator=generator(), groups=np.arange(40)) == by_row


def test_same_seed_gives_the_same_interval_and_another_one_another():
    values = generator().normal(size=50)
    one, same, other = (bootstrap(mean_of(values), 50, generator=generator(seed)) for seed in (1, 1, 2))
    assert one == same
    assert one["mean"] != other["mean"]


def test_difference_is_of_the_same_rows():
    hardness = generator(1).normal(0, 10, 200)
    better, worse = hardness + 0.5, hardness
    found = bootstrap_difference(mean_of(better), mean_of(worse), 200, generator=generator())["mean"]
    assert found == pytest.approx((0.5, 0.5, 0.5))
    turned = bootstrap_difference(mean_of(worse), mean_of(better), 200, generator=generator())["mean"]
    assert turned == pytest.approx((-0.5, -0.5, -0.5))


def test_model_beside_itself_differs_by_nothing():
    values = generator().normal(size=30)
    found = bootstrap_difference(mean_of(values), mean_of(values), 30, generator=generator())
    assert found["mean"] == (0, 0, 0)


def test_difference_is_of_what_both_have():
    found = bootstrap_difference(
        lambda rows: {"a": 3.0, "b": 1.0}, lambda rows: {"b": 5.0, "c": 0.0}, 3, generator=generator()
    )
    assert found == {"b": (-4, -4, -4)}


def test_draws_that_do_not_define_a_number_are_left_out():
    # Row 0 alone is of a class: about a third of the draws miss it.
    found = bootstrap(
        lambda rows: {"share": float((rows == 0).mean()) if (rows == 0).any() else math.nan},
        20,
        generator=generator(),
    )["share"]
    assert found.low == 1 / 20
    assert found.high >= 3 / 20


def test_what_most_draws_do_not_define_has_no_interval():
    def both_first_rows(rows):
        return {"x": 1.0 if {0, 1, 2} <= set(rows.tolist()) else math.nan, "y": math.nan}

    found = bootstrap(both_first_rows, 20, generator=generator())
    assert found["x"].value == 1
    assert np.isnan([found["x"].low, found["x"].high, *found["y"]]).all()


@pytest.mark.parametrize(
    ("num_rows", "groups", "num_resamples", "message"),
    [
        (1, None, 10, "at least 2 rows to draw from, got 1"),
        (3, np.array(["a", "a", "a"]), 10, "at least 2 groups to draw from, got 1"),
        (3, np.array(["a", "b"]), 10, r"one for each of 3 rows, got the shape \(2,\)"),
        (3, None, 0, "num_resamples must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_drawn_from_is_refused(num_rows, groups, num_resamples, message):
    with pytest.raises(InputError, match=message):
        bootstrap(
            lambda rows: {"x": 1.0},
            num_rows,
            generator=generator(),
            groups=groups,
            num_resamples=num_resamples,
        )
