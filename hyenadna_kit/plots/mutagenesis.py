"""Figures of saturation mutagenesis: a heat map of every change above a logo of the reference.

In: bases and scores. Out: the bytes of a PNG and of an SVG, the same for the same numbers. A long region
is broken into lines, as text is.
"""

from collections.abc import Callable, Iterator
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.plots.histogram import require_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure
    from matplotlib.path import Path

MOST_POSITIONS = 5000
"""Longest region that is drawn, bp."""

_A_LINE = 100
_DOTS_PER_INCH = 150
_CELL, _LOGO, _GAP, _BELOW = 0.16, 0.75, 0.06, 0.45
_LEFT, _RIGHT, _TOP, _SHORTEST = 0.75, 1.05, 0.4, 4.5
_BAR_HEIGHT, _BAR_WIDTH, _BAR_GAP = 1.4, 0.12, 0.25
_TICK_EVERY = 10
_TITLE, _LETTER = 0.2, 0.9
BASE_COLOURS = {"A": "#009e73", "C": "#0072b2", "G": "#e69f00", "T": "#d55e00"}
"""Of the letters of logos."""
_MISSING, _DIVERGING, _SEQUENTIAL = "#dddddd", "RdBu", "Blues"


class MutagenesisPanel(NamedTuple):
    """What is drawn of one region."""

    reference: str
    """Its bases; what is not A, C, G or T stays grey."""
    first_position: int
    """Number of the first base, as it is to be read."""
    columns: tuple[str, ...]
    """Changes, from above: A, C, G, T, del."""
    scores: NDArray[np.float64]
    """One row a base, one column a change; NaN stays grey."""
    heights: NDArray[np.float64]
    """Of every letter of the logo, downwards where negative; NaN is no letter."""


class MutagenesisLabels(NamedTuple):
    """The words on it."""

    title: str
    """Above it."""
    scores: str
    """Beside the colours."""
    heights: str
    """Beside the logo."""


class Pictures(NamedTuple):
    """One figure in two formats."""

    png: bytes
    svg: bytes


class _Geometry(NamedTuple):
    """Lengths in inches, the same for all lines of a figure."""

    num_lines: int
    num_positions: int
    """Of a line."""
    num_columns: int

    @property
    def cells(self) -> float:
        """Height of the cells of a line."""
        return self.num_columns * _CELL

    @property
    def line(self) -> float:
        """Height of a line, with the room below it."""
        return self.cells + _GAP + _LOGO + _BELOW

    @property
    def bar_left(self) -> float:
        """Where the bar of colours begins."""
        return _LEFT + self.num_positions * _CELL + _BAR_GAP

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the figure."""
        width = _LEFT + self.num_positions * _CELL + _RIGHT
        return max(_SHORTEST, width), _TOP + self.num_lines * self.line

    def place(
        self, left: float, down: float, width: float, height: float
    ) -> tuple[float, float, float, float]:
        """Return a rectangle, its top ``down`` inches below that of the figure, as matplotlib counts."""
        whole_width, whole_height = self.size
        bottom = whole_height - down - height
        return left / whole_width, bottom / whole_height, width / whole_width, height / whole_height


def mutagenesis_pictures(panel: MutagenesisPanel, labels: MutagenesisLabels) -> Pictures:
    """Draw the scores of every change, and the reference as a logo below them.

    Colours begin with white at 0: blue is positive and red, where there is anything below 0, negative. A dot
    marks the base that is there.

    Args:
        panel: Bases and numbers.
        labels: Title, and what the numbers are.

    Raises:
        InputError: matplotlib is not installed, or the region holds no base or more than 5,000.
    """
    require_matplotlib()
    if not 0 < len(panel.reference) <= MOST_POSITIONS:
        raise InputError(
            f"a figure has 1 to {MOST_POSITIONS} bases, {labels.title} has {len(panel.reference)}"
        )
    return saved_pictures("mutagenesis", lambda: _draw(panel, labels))


def saved_pictures(salt: str, draw: Callable[[], "Figure"]) -> Pictures:
    """Return what ``draw`` draws in both formats, the same for the same numbers.

    Args:
        salt: Names in an SVG are made from it; they would be drawn by lot.
        draw: Returns the figure.

    Raises:
        InputError: matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib import rc_context

    with rc_context({"svg.hashsalt": salt}):
        figure = draw()
        return Pictures(
            _saved(figure, "png", {"Software": None}),
            _saved(figure, "svg", {"Date": None, "Creator": None}),
        )


def _saved(figure: "Figure", kind: str, metadata: dict[str, None]) -> bytes:
    picture = BytesIO()
    figure.savefig(picture, format=kind, metadata=metadata)
    return picture.getvalue()


def _draw(panel: MutagenesisPanel, labels: MutagenesisLabels) -> "Figure":
    from matplotlib.figure import Figure

    lines = list(_lines(panel))
    geometry = _Geometry(len(lines), len(lines[0].reference), len(panel.columns))
    figure = Figure(figsize=geometry.size, dpi=_DOTS_PER_INCH)
    colours = _colours(panel.scores)
    for number, line in enumerate(lines):
        down, width = _TOP + number * geometry.line, len(line.reference) * _CELL
        heat = figure.add_axes(geometry.place(_LEFT, down, width, geometry.cells))
        _draw_heat(heat, line, colours)
        logo = figure.add_axes(geometry.place(_LEFT, down + geometry.cells + _GAP, width, _LOGO))
        _draw_logo(logo, line, _limits(panel.heights))
        logo.set_ylabel(labels.heights, fontsize=7)
    bar = figure.add_axes(geometry.place(geometry.bar_left, _TOP, _BAR_WIDTH, _BAR_HEIGHT))
    figure.colorbar(colours, cax=bar).set_label(labels.scores, fontsize=8)
    bar.tick_params(labelsize=7)
    left, bottom, *_ = geometry.place(_LEFT, _TITLE, 0.0, 0.0)
    figure.suptitle(labels.title, x=left, y=bottom, ha="left", va="bottom", fontsize=10)
    return figure


def _lines(panel: MutagenesisPanel) -> Iterator[MutagenesisPanel]:
    """Yield the parts of a region that stand below each other."""
    for start in range(0, len(panel.reference), _A_LINE):
        part = slice(start, start + _A_LINE)
        yield panel._replace(
            reference=panel.reference[part],
            first_position=panel.first_position + start,
            scores=panel.scores[part],
            heights=panel.heights[part],
        )


def _colours(scores: NDArray[np.float64]) -> "ScalarMappable":
    """Return colours from 0 to the largest score, and as far below 0 where there is anything."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    finite = scores[np.isfinite(scores)]
    largest = float(np.abs(finite).max(initial=0)) or 1.0
    if finite.min(initial=0) < 0:
        return ScalarMappable(Normalize(-largest, largest), _DIVERGING)
    return ScalarMappable(Normalize(0, largest), _SEQUENTIAL)


def _draw_heat(axes: "Axes", line: MutagenesisPanel, colours: "ScalarMappable") -> None:
    axes.set_facecolor(_MISSING)
    name, (lowest, highest) = f"heat-{line.first_position}", colours.get_clim()
    axes.pcolormesh(line.scores.T, vmin=lowest, vmax=highest, cmap=colours.cmap, gid=name)
    there = [(x, line.columns.index(base)) for x, base in enumerate(line.reference) if base in line.columns]
    axes.scatter([x + 0.5 for x, _ in there], [y + 0.5 for _, y in there], s=5, c="black", linewidths=0)
    axes.set_xlim(0, len(line.reference))
    axes.set_ylim(len(line.columns), 0)
    axes.set_xticks([])
    axes.set_yticks(np.arange(len(line.columns)) + 0.5, line.columns, fontsize=7)
    axes.tick_params(length=0)


def _draw_logo(axes: "Axes", line: MutagenesisPanel, limits: tuple[float, float]) -> None:
    for offset, (base, height) in enumerate(zip(line.reference, line.heights.tolist(), strict=True)):
        if base in BASE_COLOURS and np.isfinite(height):
            _draw_letter(axes, base, offset, height, gid=f"letter-{line.first_position + offset}")
    axes.axhline(0, color="black", linewidth=0.5)
    axes.set_xlim(0, len(line.reference))
    axes.set_ylim(*limits)
    ticks = [at for at in range(len(line.reference)) if (line.first_position + at) % _TICK_EVERY == 0] or [0]
    axes.set_xticks([at + 0.5 for at in ticks], [f"{line.first_position + at:,}" for at in ticks])
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_letter(axes: "Axes", base: str, offset: int, height: float, *, gid: str) -> None:
    """Draw a letter between 0 and ``height``, upright on either side."""
    from matplotlib.patches import PathPatch
    from matplotlib.transforms import Affine2D

    to_place = Affine2D().scale(_LETTER, abs(height)).translate(offset + (1 - _LETTER) / 2, min(0.0, height))
    outline = _outline(base).transformed(to_place)
    axes.add_patch(PathPatch(outline, facecolor=BASE_COLOURS[base], linewidth=0, gid=gid))


@cache
def _outline(letter: str) -> "Path":
    """Return a letter that fills the square from 0 to 1."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    drawn = TextPath((0, 0), letter, size=1, prop=FontProperties(family="DejaVu Sans", weight="bold"))
    box = drawn.get_extents()
    return Affine2D().translate(-box.x0, -box.y0).scale(1 / box.width, 1 / box.height).transform_path(drawn)


def _limits(heights: NDArray[np.float64]) -> tuple[float, float]:
    """Return the lowest and the highest that letters reach, with 0 between them."""
    finite = heights[np.isfinite(heights)]
    low, high = float(finite.min(initial=0)), float(finite.max(initial=0))
    return (low, high) if low < high else (0.0, 1.0)
