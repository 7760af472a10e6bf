"""Figures of attributions: a letter for each base, as high as its number, and the same bytes each time."""

import re

import numpy as np
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.plots.attribution import FilterPicture, filter_pictures, logo_pictures, reach_pictures
from hyenadna_kit.plots.mutagenesis import BASE_COLOURS, MOST_POSITIONS

HEIGHTS = np.array([0.5, -1.0, 0.0, np.nan, 2.0])
FILTERS = FilterPicture("layer 0, upstream", np.geomspace(1, 64, 8), np.random.default_rng(0).random((4, 8)))
PICTURES = {
    "logo": lambda: logo_pictures("ACGTN", {"ism": HEIGHTS}, first_position=1001, title="chr1:1,001-1,005"),
    "reach": lambda: reach_pictures(np.geomspace(1, 1e-4, 50), {"50% within 3": 3}),
    "filters": lambda: filter_pictures([FILTERS, FILTERS]),
}


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
def test_pictures_are_the_same_for_the_same_numbers(draw):
    first, second = draw(), draw()
    assert first == second
    assert first.png.startswith(b"\x89PNG")
    assert b"<svg" in first.svg


def letters(svg, base):
    """Return how many shapes of a base's colour a picture has."""
    return len(re.findall(f"fill: {BASE_COLOURS[base]}", svg.decode()))


def test_logo_has_a_letter_for_each_base_with_a_number():
    svg = logo_pictures("ACGTN", {"ism": HEIGHTS}, first_position=1, title="t").svg
    assert [letters(svg, base) > 0 for base in "ACGT"] == [True, True, False, False]


def test_logo_has_a_row_for_each_kind_of_number_and_each_line_of_bases():
    reference = "ACGT" * 40
    rows = {"ism": np.ones(160), "input_x_gradient": -np.ones(160)}
    svg = logo_pictures(reference, rows, first_position=1, title="t").svg.decode()
    assert svg.count('id="axes_') == 4  # lines of 100 and of 60
    assert sum(letters(svg.encode(), base) for base in "ACGT") == 320


def test_long_names_and_regions_that_cannot_be_drawn_are_refused():
    with pytest.raises(InputError, match="a figure has 1 to 5000 bases, t has 5001"):
        logo_pictures("A" * (MOST_POSITIONS + 1), {"x": np.ones(5001)}, first_position=1, title="t")
    with pytest.raises(InputError, match="t has 0"):
        logo_pictures("", {"x": np.ones(0)}, first_position=1, title="t")


def test_filters_of_each_layer_have_a_panel():
    svg = filter_pictures([FILTERS, FILTERS._replace(title="layer 1, upstream")]).svg.decode()
    assert "layer 0, upstream" in svg
    assert "layer 1, upstream" in svg
    assert len(svg) < 300_000  # the cells are one picture


def test_reach_marks_its_distances():
    assert "50% within 3" in reach_pictures(np.array([1.0, 0.0, 0.5]), {"50% within 3": 3}).svg.decode()
