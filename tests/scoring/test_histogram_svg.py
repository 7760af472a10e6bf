"""Histograms that are drawn: every value is in a bar, and rows share an axis."""

import re

import hypothesis
import hypothesis.strategies as st
import pytest

from hyenadna_kit.scoring.distribution import Distribution
from hyenadna_kit.scoring.histogram_svg import Axis, histogram

values_of_groups = st.lists(st.lists(st.floats(-1e6, 1e6), max_size=60), min_size=1, max_size=4).filter(any)
WIDTH = 260


def distribution(values):
    each = Distribution()
    for value in values:
        each.add(value)
    return each


def bars(svg):
    """Return x, width and height of every bar."""
    found = re.findall(r'<rect x="([^"]*)" y="[^"]*" width="([^"]*)" height="([^"]*)"', svg)
    return [tuple(map(float, each)) for each in found]


@hypothesis.given(values_of_groups)
def test_every_bar_of_a_row_lies_on_the_axis(groups):
    axis = Axis.of(distribution([value for group in groups for value in group]))
    assert 0 < axis.last - axis.first <= 65
    for group in filter(None, groups):
        drawn = bars(axis.row(distribution(group)))
        assert drawn
        assert all(0 <= x < WIDTH and height > 0 for x, _, height in drawn)


@hypothesis.given(st.lists(st.floats(-1000, 1000), min_size=1, max_size=200))
def test_heights_are_square_roots_of_counts(values):
    each = distribution(values)
    axis = Axis.of(each)
    counts = {}
    for value in values:
        place = min(max(int(value // axis.bin_width), axis.first), axis.last - 1)
        counts[place] = counts.get(place, 0) + 1
    heights = [height for *_, height in bars(axis.row(each))]
    most = max(counts.values())
    assert heights == pytest.approx([26 * (counts[at] / most) ** 0.5 for at in sorted(counts)], abs=0.01)


@pytest.mark.parametrize("far", [150.0, 1e6, -1e6])
def test_axis_leaves_out_what_lies_far_away(far):
    axis = Axis.of(distribution([number / 10 for number in range(1000)] + [far]))
    assert axis.first * axis.bin_width == 0
    assert 99 <= axis.last * axis.bin_width <= 102


def test_mean_and_zero_are_lines():
    each = distribution([-1.0, 3.0])
    svg = Axis.of(each).row(each)
    lines = [float(x) for x in re.findall(r'<line x1="([^"]*)"', svg)]
    axis = Axis.of(each)
    span = (axis.last - axis.first) * axis.bin_width
    assert lines == pytest.approx(
        [WIDTH * (value - axis.first * axis.bin_width) / span for value in (0, 1)], abs=0.01
    )


def test_ends_of_the_axis_are_written():
    each = distribution([-2.0, 0.0, 1.5])
    for svg in (histogram(each), Axis.of(each).labels()):
        assert re.search(r'text-anchor="start">-2<', svg)
        assert re.search(r'text-anchor="end">1.5', svg)
    assert 'text-anchor="middle">0<' in Axis.of(each).labels()
