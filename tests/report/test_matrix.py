"""Cells of a table of counts are as dark as their share of the row."""

import re
from xml.etree import ElementTree as ET

from hyenadna_kit.report.matrix import draw_matrix


def opacities(svg):
    return [float(value) for value in re.findall(r'fill-opacity="([^"]*)"', svg)]


def test_darkness_is_the_share_of_the_row():
    svg = draw_matrix([[3, 1], [0, 10]], ("no", "yes"), row_label="class", column_label="predicted")
    first, second, third, fourth = opacities(svg)
    assert (round(first / fourth, 2), round(second / fourth, 2), third) == (0.75, 0.25, 0.0)
    texts = [each.text for each in ET.fromstring(svg).iter("text")]
    assert {"3", "75%", "10", "100%", "class", "predicted"} <= set(texts)
    assert texts.count("yes") == 2


def test_class_without_rows_is_white():
    assert opacities(draw_matrix([[0, 0], [1, 0]], ("a", "b"), row_label="class", column_label="predicted"))[
        :2
    ] == [0.0, 0.0]


def test_many_classes_have_cells_without_numbers_and_long_names_are_cut():
    names = [f"class number {number:06}" for number in range(12)]
    svg = draw_matrix([[7] * 12] * 12, names, row_label="class", column_label="predicted")
    texts = [each.text for each in ET.fromstring(svg).iter("text")]
    assert "7" not in texts
    assert len(opacities(svg)) == 144
    assert all(len(text) <= 16 for text in texts)
