"""Numbers and their intervals lie on one axis."""

import math
import re
from xml.etree import ElementTree as ET

import pytest

from hyenadna_kit.report.intervals import Ranged, draw_intervals


def drawn(*rows, mark=None):
    named = [Ranged(f"n{number}", *row, "c0", f"words {number}") for number, row in enumerate(rows)]
    return draw_intervals(named, "MCC", mark=mark)


def dots(svg):
    return [float(x) for x in re.findall(r'<circle cx="([^"]*)"', svg)]


def test_values_lie_in_proportion_and_intervals_end_where_they_should():
    svg = drawn((0.2, 0.1, 0.3), (0.4, 0.3, 0.5), (0.8, 0.7, 0.9))
    first, second, third = dots(svg)
    assert (third - first) / (second - first) == pytest.approx(3, abs=0.01)
    ends = [
        sorted(map(float, pair))
        for pair in re.findall(r'<line x1="([^"]*)" y1="[^"]*" x2="([^"]*)" y2="[^"]*" class="c0"', svg)
    ]
    spans = [each for each in ends if each[0] != each[1]]
    assert [sum(each) / 2 for each in spans] == pytest.approx([first, second, third], abs=0.1)


def test_number_without_an_interval_is_a_dot_alone():
    svg = drawn((0.2, math.nan, math.nan))
    assert len(dots(svg)) == 1
    assert 'class="c0"' not in re.sub("<circle[^>]*>", "", svg)


def test_mark_is_on_the_picture_though_no_number_is_near():
    svg = drawn((0.6, 0.5, 0.7), (0.5, 0.4, 0.6), mark=0.0)
    (x,) = [float(x) for x in re.findall(r'<line x1="([^"]*)"[^>]*stroke-dasharray', svg)]
    assert 0 < x < min(dots(svg))


def test_picture_is_xml_and_names_every_row():
    root = ET.fromstring(drawn((1.0, 0.9, 1.1), (2.0, 1.9, 2.1)))
    texts = {each.text for each in root.iter("text")}
    assert {"n0", "n1", "words 0", "words 1", "MCC"} <= texts
