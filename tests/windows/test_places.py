"""Places of windows against brute force over every start, and draws against their probabilities."""

import math
import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.genome.interval_set import IntervalSet
from hyenadna_kit.windows.places import DrawRules, Places

DRAWS = 20_000


@st.composite
def apart(draw, most=4):
    """Return intervals of two contigs that share no base, in order."""
    found = []
    for contig in ("one", "two"):
        end = 0
        for _ in range(draw(st.integers(0, most))):
            start = end + draw(st.integers(0, 6))
            end = start + draw(st.integers(1, 18))
            found.append(Interval(contig, start, end))
    return found


def brute_force(regions, num_bases, n_runs=(), max_n_fraction=1.0):
    """Return every window that is allowed, in order."""
    is_n = {(run.contig, position) for run in n_runs for position in range(run.start, run.end)}
    found = []
    for region in regions:
        for start in range(region.start, region.end - num_bases + 1):
            num_n = sum((region.contig, position) in is_n for position in range(start, start + num_bases))
            if num_n / num_bases <= max_n_fraction:
                found.append(Interval(region.contig, start, start + num_bases))
    return found


def probabilities(windows, rules):
    """Return the chance of each window, from the words of the rules."""
    weight = [rules.factors.get(window.contig, 1.0) for window in windows]
    chances = np.array(weight) / sum(weight) * (1 - rules.feature_fraction)
    holders = [
        (rules.factors.get(contig, 1.0), [i for i, w in enumerate(windows) if w.contains(site)])
        for contig, positions in rules.feature_middles.items()
        for position in positions.tolist()
        for site in [Interval(contig, position, position + 1)]
    ]
    total = sum(factor for factor, holding in holders if holding)
    for factor, holding in holders:
        chances[holding] += rules.feature_fraction * factor / total / max(1, len(holding))
    return chances


def assert_drawn_as(places, windows, expected):
    """Compare draws with probabilities; refused once in 10,000 seeds, and the seed is fixed."""
    generator = np.random.default_rng(1)
    counts = Counter(places.draw(generator) for _ in range(DRAWS))
    assert set(counts) <= {window for window, chance in zip(windows, expected, strict=True) if chance > 0}
    possible = [(window, chance) for window, chance in zip(windows, expected, strict=True) if chance > 0]
    assert min(chance for _, chance in possible) * DRAWS > 20
    statistic = sum((counts[w] - DRAWS * chance) ** 2 / (DRAWS * chance) for w, chance in possible)
    freedom = len(possible) - 1
    # Wilson and Hilferty's approximation of the chi-square quantile.
    assert statistic < freedom * (1 - 2 / (9 * freedom) + 3.72 * math.sqrt(2 / (9 * freedom))) ** 3


@given(
    regions=apart(),
    n_runs=apart(),
    num_bases=st.integers(1, 12),
    fraction=st.one_of(st.floats(0, 1), st.fractions(0, 1, max_denominator=12).map(float)),
)
def test_places_are_those_of_brute_force_in_order(regions, n_runs, num_bases, fraction):
    expected = brute_force(regions, num_bases, n_runs, fraction)
    rules = DrawRules(n_runs=IntervalSet(n_runs), max_n_fraction=fraction)
    if not expected:
        with pytest.raises(InputError, match=f"no window of {num_bases} bp in the training regions has"):
            Places(regions, num_bases, rules)
        return
    places = Places(regions, num_bases, rules)
    assert places.num_places == len(expected)
    assert [places.window(place) for place in range(places.num_places)] == expected


def test_a_share_of_n_is_what_a_division_says():
    # In floating point 0.29 * 100 is less than 29.
    region, n_runs = Interval("c", 0, 100), [Interval("c", 0, 29)]
    rules = DrawRules(n_runs=IntervalSet(n_runs), max_n_fraction=0.29)
    assert Places([region], 100, rules).num_places == 1
    assert [rules.max_n(num_bases) for num_bases in (1, 3, 4, 100, 1000)] == [0, 0, 1, 29, 290]
    assert [DrawRules(max_n_fraction=0.0).max_n(n) for n in (1, 100)] == [0, 0]


def test_windows_keep_the_strand_and_the_order_of_their_regions():
    regions = [Interval("two", 3, 6, Strand.REVERSE), Interval("one", 0, 3)]
    places = Places(regions, 2, DrawRules())
    assert [places.window(place) for place in range(4)] == [
        Interval("two", 3, 5, Strand.REVERSE),
        Interval("two", 4, 6, Strand.REVERSE),
        Interval("one", 0, 2),
        Interval("one", 1, 3),
    ]


REGIONS = [Interval("one", 0, 10), Interval("one", 14, 22), Interval("three", 2, 4), Interval("two", 5, 13)]
N_RUNS = [Interval("one", 3, 5), Interval("one", 17, 19), Interval("two", 11, 13)]
FEATURES = {
    "one": np.array([0, 3, 9, 16, 100]),
    "two": np.array([6, 6, 12]),
    "three": np.array([3]),
    "absent": np.array([5]),
}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"factors": {"two": 5.0, "three": 7.0}},
        {"factors": {"one": 0.25, "absent": 3.0}},
        {"n_runs": IntervalSet(N_RUNS), "max_n_fraction": 0.3},
        {"feature_middles": FEATURES, "feature_fraction": 0.4},
        {
            "factors": {"two": 3.0},
            "n_runs": IntervalSet(N_RUNS),
            "max_n_fraction": 0.5,
            "feature_middles": FEATURES,
            "feature_fraction": 0.7,
        },
        {"feature_middles": FEATURES, "feature_fraction": 1.0},
    ],
    ids=["uniform", "weighed", "weighed down", "few N", "features", "all rules", "features alone"],
)
def test_windows_are_drawn_as_often_as_the_rules_say(options):
    rules = DrawRules(**options)
    windows = brute_force(REGIONS, 4, N_RUNS if rules.max_n_fraction < 1 else (), rules.max_n_fraction)
    assert_drawn_as(Places(REGIONS, 4, rules), windows, probabilities(windows, rules))


@given(
    regions=apart().filter(lambda regions: any(region.length >= 5 for region in regions)),
    sites=st.lists(st.tuples(st.sampled_from(["one", "two"]), st.integers(0, 60)), min_size=1, max_size=6),
    seed=st.integers(0, 10**6),
)
def test_windows_around_features_hold_the_middle_of_one(regions, sites, seed):
    middles = {
        contig: np.array([position for name, position in sites if name == contig], dtype=np.int64)
        for contig in ("one", "two")
    }
    rules = DrawRules(feature_middles=middles, feature_fraction=1.0)
    windows = brute_force(regions, 5)
    points = [Interval(contig, position, position + 1) for contig, position in sites]
    held = [point for point in points if any(window.contains(point) for window in windows)]
    if not held:
        with pytest.raises(InputError, match=r"no window of 5 bp that is allowed .* holds the middle"):
            Places(regions, 5, rules)
        return
    places = Places(regions, 5, rules)
    assert places.num_features == len(held)
    generator = np.random.default_rng(seed)
    for window in (places.draw(generator) for _ in range(20)):
        assert window in windows
        assert any(window.contains(point) for point in held)


def test_the_middle_of_a_feature_lies_anywhere_in_its_window():
    rules = DrawRules(feature_middles={"c": np.array([500])}, feature_fraction=1.0)
    places, generator = Places([Interval("c", 0, 1000)], 8, rules), np.random.default_rng(0)
    offsets = Counter(500 - places.draw(generator).start for _ in range(8000))
    # At most half a window left or right of the base 4 of 8, at which it would be centred.
    assert sorted(offsets) == list(range(8))
    assert sum((count - 1000) ** 2 / 1000 for count in offsets.values()) < 29.9  # 1 in 10,000, 7 degrees


def test_share_of_windows_around_features():
    rules = DrawRules(feature_middles={"c": np.array([10])}, feature_fraction=0.25)
    places, generator = Places([Interval("c", 0, 10**9)], 4, rules), np.random.default_rng(0)
    near = sum(places.draw(generator).start < 20 for _ in range(4000))
    assert near == pytest.approx(1000, abs=6 * math.sqrt(4000 * 0.25 * 0.75))


def test_contigs_between_each_other_do_not_lend_their_places_to_features():
    # The feature lies on "one", behind its last window, and before the first place of "two".
    regions = [Interval("one", 0, 10), Interval("two", 0, 10)]
    rules = DrawRules(feature_middles={"one": np.array([13, 4])}, feature_fraction=1.0)
    places = Places(regions, 3, rules)
    assert places.num_features == 1
    generator = np.random.default_rng(0)
    assert {places.draw(generator).contig for _ in range(50)} == {"one"}


def test_places_can_be_sent_to_another_process():
    rules = DrawRules(factors={"two": 3.0}, feature_middles=FEATURES, feature_fraction=0.5)
    places = Places(REGIONS, 4, rules)
    again = pickle.loads(pickle.dumps(places))
    one, other = np.random.default_rng(0), np.random.default_rng(0)
    assert [places.draw(one) for _ in range(50)] == [again.draw(other) for _ in range(50)]


def test_a_hundred_thousand_runs_of_n_are_a_matter_of_moments():
    starts = np.arange(0, 10**8, 1000)
    n_runs = IntervalSet(runs={"c": np.column_stack((starts, starts + 80))})
    rules = DrawRules(n_runs=n_runs, max_n_fraction=0.01)
    places = Places([Interval("c", 0, 10**8)], 500, rules)
    # Between two runs 920 bases are known, and up to 5 of N may be in on either side.
    assert places.num_places == 99_999 * (920 - 500 + 1 + 2 * 5) + 920 - 500 + 1 + 5
