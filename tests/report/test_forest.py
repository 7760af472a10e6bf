"""Numbers and their intervals lie in the order of their values, above one axis."""

import math
import re
from xml.etree import ElementTree as ET

import pytest

from hyenadna_kit.report.forest import ForestRow, forest

ROWS = [ForestRow("first <b>", 0.2, 0.1, 0.3), ForestRow("second", -0.4, math.nan, math.nan)]


def test_dots_lie_as_their_numbers_do():
    xs = [float(x) for x in re.findall(r'<circle cx="([-\d.]+)"', forest(ROWS))]
    # One scale for dots and the dashed line of 0: distances from it are as the numbers.
    middle = float(re.search(r'<line x1="([-\d.]+)"[^>]*dasharray', forest(ROWS))[1])
    assert (xs[0] - middle) / (xs[1] - middle) == pytest.approx(0.2 / -0.4, abs=0.01)


def test_interval_that_is_none_is_not_drawn():
    assert len(re.findall(r'class="c0"', forest(ROWS))) == 3 + 1 + 1


def test_picture_is_well_formed_and_names_are_text():
    found = ET.fromstring(forest(ROWS))
    assert "first <b>" in [each.text for each in found.iter("text")]


def test_equal_numbers_have_an_axis():
    assert "nan" not in forest([ForestRow("one", 0.0, 0.0, 0.0)])
