"""A page is whole, stands alone, and has colours for the light and for the dark."""

import re

import pytest

from hyenadna_kit.report.page import figure, format_number, html_table, render_page, text_table
from tests.oracles.page import Page


def test_page_is_whole_and_fetches_nothing():
    page = Page(render_page("Scores of <a> & b", ["<p>one</p>", text_table(("x",), [("<y>",)])]))
    assert page.open == []
    assert page.fetched == []
    assert "script" not in page.tags
    assert page.words.count("Scores of <a> & b") == 2  # title and heading
    assert "<y>" in page.words


def test_every_colour_has_a_light_and_a_dark_shade():
    text = render_page("", [])
    light, dark = re.findall(r":root\{[^}]*?(--ink[^}]*)\}", text)
    names, dark_names = (re.findall(r"(--\w+):(#\w+)", shades) for shades in (light, dark))
    assert [name for name, _ in names] == [name for name, _ in dark_names]
    assert all(one != other for (_, one), (_, other) in zip(names, dark_names, strict=True))
    assert "prefers-color-scheme:dark" in text
    used = set(re.findall(r"var\((--\w+)\)", text))
    assert used <= {name for name, _ in names}


def test_cells_of_html_are_left_as_they_are():
    table = html_table(("a", "<b>"), [("<i>x</i>", "y")], style="groups")
    assert table.startswith('<table class="groups"><tr><th>a</th><th>&lt;b&gt;</th></tr>')
    assert "<td><i>x</i></td><td>y</td>" in table


def test_head_without_names_is_no_row():
    assert "<th>" not in text_table(("", ""), [("a", "b")])


def test_caption_is_below_the_picture():
    assert figure("<svg></svg>", "a") == "<figure><svg></svg><figcaption>a</figcaption></figure>\n"


@pytest.mark.parametrize(
    ("value", "text"), [(float("nan"), ""), (0.0, "0"), (-1.23456, "-1.235"), (123456.0, "1.235e+05")]
)
def test_numbers_have_four_digits(value, text):
    assert format_number(value) == text
