"""Figures of a mutagenesis: a cell for every score, a letter for every base, as SVG and PNG tell them."""

import re
import sys
from io import BytesIO
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.plots.mutagenesis import (
    MOST_POSITIONS,
    MutagenesisLabels,
    MutagenesisPanel,
    mutagenesis_pictures,
)

LABELS = MutagenesisLabels("a region", "a score", "a mean")
COLUMNS = ("A", "C", "G", "T", "del")
SVG = "{http://www.w3.org/2000/svg}"
GREEN, BLUE, ORANGE, RED = "#009e73", "#0072b2", "#e69f00", "#d55e00"
REFERENCE = "ANCGTTA"
HEIGHTS = np.array([1.0, np.nan, 2.0, -0.5, 0.0, np.nan, 0.25])


def panel(reference=REFERENCE, heights=HEIGHTS, *, seed=0, first=101, columns=COLUMNS):
    scores = np.random.default_rng(seed).normal(size=(len(reference), len(columns)))
    for row, base in enumerate(reference):
        scores[row, columns.index(base) if base in columns else slice(None)] = np.nan
    return MutagenesisPanel(reference, first, columns, scores, heights)


def groups(svg, prefix):
    """Return what the SVG draws under names with a prefix, by the number behind it, in order."""
    found = {
        int(each.get("id").removeprefix(prefix)): each
        for each in ET.fromstring(svg).iter(f"{SVG}g")
        if (each.get("id") or "").startswith(prefix)
    }
    return dict(sorted(found.items()))


def box(group):
    """Return left, right, top and bottom of the outline in a group; y counts downwards."""
    numbers = re.findall(r"-?\d+(?:\.\d+)?", " ".join(path.get("d") for path in group.iter(f"{SVG}path")))
    across, down = np.array(numbers, dtype=float).reshape(-1, 2).T
    return across.min(), across.max(), down.min(), down.max()


def fill(group):
    (style,) = {path.get("style") for path in group.iter(f"{SVG}path")}
    return re.search(r"fill: (#\w+)", style)[1]


def test_letters_are_as_high_as_they_are_told():
    letters = groups(mutagenesis_pictures(panel(), LABELS).svg, "letter-")
    assert list(letters) == [101, 103, 104, 105, 107]
    assert [fill(each) for each in letters.values()] == [GREEN, BLUE, ORANGE, RED, GREEN]
    boxes = {number: box(each) for number, each in letters.items()}
    heights = [bottom - top for _, _, top, bottom in boxes.values()]
    # Curves have handles a little outside: a letter of 2 is twice one of 1 within some percent.
    assert np.array(heights) / heights[0] == pytest.approx([1, 2, 0.5, 0, 0.25], rel=0.05)
    line = boxes[101][3]
    assert boxes[103][3] == pytest.approx(line, abs=0.5)
    assert boxes[104][2] == pytest.approx(line, abs=0.5)
    lefts = np.array([left for left, *_ in boxes.values()])
    assert np.diff(lefts) / (0.16 * 72) == pytest.approx([2, 1, 1, 2], abs=0.05)


def test_every_scored_change_is_a_cell_red_below_zero_and_blue_above():
    drawn = panel()
    (heat,) = groups(mutagenesis_pictures(drawn, LABELS).svg, "heat-").values()
    colours = [re.search(r"fill: #(\w{6})", path.get("style")) for path in heat.iter(f"{SVG}path")]
    found = [tuple(bytes.fromhex(colour[1])) for colour in colours if colour]
    scores = drawn.scores.T[np.isfinite(drawn.scores.T)]
    assert len(found) == scores.size == 6 * 4
    for score, (red, _, blue) in zip(scores, found, strict=True):
        assert (blue > red) == (score > 0)
    lightness = np.array([sum(colour) for colour in found])
    order = np.argsort(np.abs(scores))
    assert lightness[order[0]] > 3 * 235
    assert lightness[order[-1]] == lightness.min()


@pytest.mark.parametrize(("lowest", "signs"), [(0.0, set()), (-1e-3, {"\N{MINUS SIGN}"})])
def test_colours_below_zero_are_there_where_scores_are(lowest, signs):
    scores = np.array([[lowest, 0.5, np.nan, 1.0]])
    drawn = MutagenesisPanel("G", 1, ("A", "C", "G", "T"), scores, np.ones(1))
    svg = mutagenesis_pictures(drawn, LABELS).svg.decode()
    numbers = re.findall(r"<!-- (\W?)\d+\.\d+ -->", svg)  # matplotlib writes every text as a comment, too
    assert set(numbers) - {""} == signs
    assert numbers


def test_long_region_is_broken_into_lines_and_keeps_every_letter():
    reference = "ACGT" * 62 + "A"
    pictures = mutagenesis_pictures(panel(reference, np.ones(249), first=1), LABELS)
    assert list(groups(pictures.svg, "heat-")) == [1, 101, 201]
    letters = groups(pictures.svg, "letter-")
    assert list(letters) == list(range(1, 250))
    assert box(letters[150])[0] == pytest.approx(box(letters[50])[0], abs=0.05)
    assert box(letters[150])[2] > box(letters[50])[3]


def test_picture_is_as_wide_as_its_cells_and_shows_both_colours():
    image = pytest.importorskip("matplotlib.image").imread(BytesIO(mutagenesis_pictures(panel(), LABELS).png))
    assert image.shape[:2] == (round(150 * (0.4 + 5 * 0.16 + 0.06 + 0.75 + 0.45)), round(150 * 4.5))
    narrow = image[..., :3]
    assert ((narrow[..., 0] - narrow[..., 2]) > 0.3).any()
    assert ((narrow[..., 2] - narrow[..., 0]) > 0.3).any()


@pytest.mark.parametrize(
    ("reference", "heights", "scores"),
    [
        ("A", [0.0], 0.0),
        ("NN", [np.nan, np.nan], np.nan),
        ("ACG", [-1.0, -2.0, -3.0], -1.0),
        ("ACGT" * 25, [1.0] * 100, 1e-12),
    ],
    ids=["zero", "nothing known", "all negative", "tiny"],
)
def test_any_numbers_are_drawn(reference, heights, scores):
    values = np.full((len(reference), 4), scores)
    pictures = mutagenesis_pictures(
        MutagenesisPanel(reference, 1, ("A", "C", "G", "T"), values, np.array(heights)), LABELS
    )
    assert pictures.png.startswith(b"\x89PNG\r\n")
    assert len(groups(pictures.svg, "letter-")) == np.isfinite(heights).sum()


def test_scores_of_zero_are_white():
    zero = MutagenesisPanel("ACG", 1, ("A", "C", "G", "T"), np.zeros((3, 4)), np.zeros(3))
    (heat,) = groups(mutagenesis_pictures(zero, LABELS).svg, "heat-").values()
    colours = re.findall(r"fill: #(\w{6})", ET.tostring(heat, encoding="unicode"))
    assert len(colours) == 12
    assert all(min(bytes.fromhex(colour)) > 235 for colour in colours)


def test_same_numbers_give_the_same_pictures():
    first = mutagenesis_pictures(panel(), LABELS)
    assert mutagenesis_pictures(panel(), LABELS) == first
    assert mutagenesis_pictures(panel(seed=1), LABELS).png != first.png


@pytest.mark.parametrize("length", [0, MOST_POSITIONS + 1])
def test_length_that_cannot_be_drawn_is_refused(length):
    empty = MutagenesisPanel("A" * length, 1, COLUMNS, np.zeros((length, 5)), np.zeros(length))
    with pytest.raises(InputError, match=f"^a figure has 1 to 5000 bases, a region has {length}$"):
        mutagenesis_pictures(empty, LABELS)


def test_missing_matplotlib_is_said_with_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match=r"not installed: pip install 'hyenadna_kit\[plot\]'$"):
        mutagenesis_pictures(panel(), LABELS)
