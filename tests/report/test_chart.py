"""Curves lie where their numbers say, on axes with round ticks."""

import math
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hyenadna_kit.report.chart import Axis, Band, Chart, Curve, Level, short, thinned

ENDS = st.floats(-1e6, 1e6)
X = Axis(label="x", low=0.0, high=10.0)
Y = Axis(label="y", low=1.0, high=3.0)


def points(svg, tag="polyline"):
    """Return the points of every line."""
    found = re.findall(rf'<{tag} class="[^"]*" points="([^"]*)"', svg)
    return [[tuple(map(float, pair.split(","))) for pair in each.split()] for each in found]


@given(low=ENDS, span=st.floats(1e-3, 1e6))
def test_ticks_are_a_few_round_numbers_on_the_axis(low, span):
    assume(low + span > low)
    axis = Axis(label="", low=low, high=low + span)
    ticks = axis.ticks()
    assert 2 <= len(ticks) <= 11
    assert all(-1e-6 <= axis.share(tick) <= 1 + 1e-6 for tick in ticks)
    step = ticks[1] - ticks[0]
    leading = step / 10 ** math.floor(math.log10(step) + 1e-6)
    assert min(abs(leading - each) for each in (1, 2, 5)) < 1e-3


@given(low=st.floats(1e-6, 1.0), decades=st.floats(2.1, 12))
def test_ticks_of_a_logarithmic_axis_are_powers_of_ten(low, decades):
    axis = Axis(label="", low=low, high=low * 10**decades, is_log=True)
    ticks = axis.ticks()
    assert 2 <= len(ticks) <= 9
    assert all(math.isclose(math.log10(tick), round(math.log10(tick)), abs_tol=1e-9) for tick in ticks)
    assert all(-1e-6 <= axis.share(tick) <= 1 + 1e-6 for tick in ticks)


def test_equal_ratios_are_equally_wide_on_a_logarithmic_axis():
    axis = Axis(label="", low=1.0, high=1000.0, is_log=True)
    assert [axis.share(value) for value in (1.0, 10.0, 100.0, 1000.0)] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert axis.share(0.0) == -math.inf


def test_points_are_where_the_ticks_say():
    svg = Chart(X, Y).draw([Curve([0.0, 5.0, 10.0], [1.0, 2.0, 3.0], "c0")])
    ((left, low), (middle, half), (right, high)) = points(svg)[0]
    assert middle == pytest.approx((left + right) / 2, abs=0.06)
    assert half == pytest.approx((low + high) / 2, abs=0.06)
    assert high < low  # upwards is less in a picture
    rules = re.findall(r'<line x1="([^"]*)" y1="([^"]*)" x2="([^"]*)" y2="([^"]*)" class="rule"', svg)
    assert {float(x1) for x1, _, x2, _ in rules if x1 == x2} >= {left, right}
    assert {float(y1) for _, y1, _, y2 in rules if y1 == y2} >= {low, high}


def test_picture_is_xml_and_says_what_it_shows():
    labelled = Axis(label="a < b", low=0.0, high=1.0)
    svg = Chart(labelled, Y).draw([], levels=[Level("one & two", 2.0)])
    root = ET.fromstring(svg)
    assert root.get("aria-label") == "y against a < b"
    assert [each.text for each in root.iter("text")].count("one & two") == 1


def test_far_away_values_are_written_as_finite_numbers():
    log = Axis(label="", low=1e-5, high=1.0, is_log=True)
    svg = Chart(X, log).draw([Curve([1.0, 2.0, 3.0], [0.0, 1e30, 0.1], "c0")])
    assert all(math.isfinite(value) and abs(value) < 1e4 for point in points(svg)[0] for value in point)


def test_band_goes_there_and_back():
    svg = Chart(X, Y).draw([], bands=[Band([1.0, 9.0], [1.5, 1.5], [2.5, 2.5], "c0 faint")])
    (outline,) = points(svg, "polygon")
    xs, ys = zip(*outline, strict=True)
    assert xs == (xs[0], xs[1], xs[1], xs[0])
    assert ys == (ys[0], ys[0], ys[2], ys[2])


def test_levels_beyond_the_axis_and_names_without_room_are_left_out():
    levels = [Level("inside", 2.0), Level("close", 2.001), Level("above", 3.5), Level("apart", 2.5)]
    svg = Chart(X, Y).draw([], levels=levels)
    assert svg.count("stroke-dasharray") == 3
    assert [name for name in ("inside", "close", "above", "apart") if name in svg] == ["inside", "apart"]


def test_dots_are_drawn_where_they_are_asked_for():
    curves = [Curve([1.0, 2.0], [2.0, 2.0], "c0"), Curve([1.0, 2.0, 3.0], [2.0, 2.0, 2.0], "c1", True)]
    assert Chart(X, Y).draw(curves).count("<circle") == 3


def test_notes_stand_below_the_ticks():
    noted = Axis(label="step", low=0.0, high=4.0, note=lambda value: f"{value * 100:g} bases")
    svg = Chart(noted, Y).draw([])
    assert all(f">{step * 100} bases<" in svg for step in range(5))


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=500), st.integers(10, 100))
def test_thinned_curve_keeps_order_and_extremes(ys, most):
    xs = [float(index) for index in range(len(ys))]
    thin_xs, thin_ys = thinned(xs, ys, most)
    assert thin_xs == sorted(set(thin_xs))
    assert all(ys[int(x)] == y for x, y in zip(thin_xs, thin_ys, strict=True))
    assert (min(thin_ys), max(thin_ys)) == (min(ys), max(ys))
    assert len(thin_xs) <= most + 2
    assert len(ys) > most or thin_ys == ys


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.925, "1.925"),
        (-0.5, "-0.5"),
        (1500.0, "1.5k"),
        (2e6, "2M"),
        (4.6416e9, "4.642G"),
        (1e-5, "1e-5"),
        (2.5e-4, "2.5e-4"),
        (0.001, "0.001"),
    ],
)
def test_ticks_are_short(value, text):
    assert short(value) == text


@pytest.mark.parametrize(("xs", "dots"), [((5.0,), 1), ((5.0, 6.0), 0)])
def test_curve_of_one_point_is_seen(xs, dots):
    svg = Chart(X, Y).draw([Curve(xs, (2.0,) * len(xs), "own")])
    assert svg.count("<circle") == dots
