"""Figures of what a model sees: logos of what each base did, the reach of a model, its filters.

In: numbers. Out: the bytes of a PNG and of an SVG, the same for the same numbers.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.plots.histogram import require_matplotlib
from hyenadna_kit.plots.mutagenesis import BASE_COLOURS, MOST_POSITIONS, Pictures, saved_pictures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_A_LINE = 100
_DOTS_PER_INCH = 150
_ROW, _GAP, _INCHES_A_BASE, _NARROWEST = 1.0, 0.35, 0.12, 5.0
_PANEL = (4.8, 3.2)
_FEWEST_COLUMNS = 20


class FilterPicture(NamedTuple):
    """The long filters of one layer."""

    title: str
    """Which layer, and direction."""
    distances: NDArray[np.float64]
    """Middle of each bin of distances, from 1."""
    sizes: NDArray[np.float64]
    """Of each channel in each bin; shape ``[channels, bins]``."""


def require_logomaker() -> None:
    """Refuse to go on where logos cannot be drawn.

    Raises:
        InputError: logomaker is not installed.
    """
    require_matplotlib()
    try:
        import logomaker  # noqa: F401
    except ImportError:
        raise InputError("logos need logomaker: pip install 'hyenadna_kit[plot]'") from None


def logo_pictures(
    reference: str, rows: Mapping[str, NDArray[np.float64]], *, first_position: int, title: str
) -> Pictures:
    """Draw the bases of a region once for each row of numbers, as high as they are.

    Args:
        reference: The bases; what is not A, C, G or T is left out.
        rows: What the numbers are, and one a base; those that are no number are left out.
        first_position: Number of the first base, as it is to be read.
        title: Above the picture.

    Raises:
        InputError: matplotlib or logomaker is not installed, or there is no base or more than 5,000.
    """
    require_logomaker()
    if not 0 < len(reference) <= MOST_POSITIONS:
        raise InputError(f"a figure has 1 to {MOST_POSITIONS} bases, {title} has {len(reference)}")
    return saved_pictures("logo", lambda: _draw_logos(reference, rows, first_position, title))


def reach_pictures(sizes: NDArray[np.float64], reaches: Mapping[str, int]) -> Pictures:
    """Draw the size of a derivative against distance, both on logarithmic axes.

    Args:
        sizes: By distance, from 0.
        reaches: Distances that are marked, with their names.
    """

    def draw() -> "Figure":
        """Return the figure."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=_PANEL, dpi=_DOTS_PER_INCH, layout="constrained")
        axes = figure.subplots()
        shown = np.flatnonzero(sizes > 0)
        axes.loglog(shown + 1, sizes[shown], linewidth=1)
        for name, distance in reaches.items():
            axes.axvline(distance, color="0.6", linestyle="--", linewidth=1)
            axes.annotate(
                name,
                (distance, 1),
                xycoords=("data", "axes fraction"),
                rotation=90,
                ha="right",
                va="top",
                fontsize=7,
                color="0.4",
            )
        axes.set(xlabel="bases upstream, from 1", ylabel="size of the derivative")
        axes.spines[["top", "right"]].set_visible(False)
        return figure

    return saved_pictures("reach", draw)


def filter_pictures(filters: Sequence[FilterPicture]) -> Pictures:
    """Draw the long filters, a panel a layer: a row a channel, the darker the larger the taps.

    Args:
        filters: At least one.
    """

    def draw() -> "Figure":
        """Return the figure."""
        from matplotlib.colors import LogNorm
        from matplotlib.figure import Figure

        width, height = _PANEL
        figure = Figure(figsize=(width, height * len(filters)), dpi=_DOTS_PER_INCH, layout="constrained")
        for axes, each in zip(figure.subplots(len(filters), squeeze=False)[:, 0], filters, strict=True):
            largest = each.sizes.max() or 1.0
            drawn = axes.pcolormesh(
                each.distances,
                np.arange(len(each.sizes)),
                np.maximum(each.sizes, largest * 1e-6),
                norm=LogNorm(largest * 1e-6, largest),
                cmap="viridis",
                shading="nearest",
                rasterized=True,
            )
            axes.set(title=each.title, xscale="log", xlabel="bases upstream, from 1", ylabel="channel")
            figure.colorbar(drawn, ax=axes).set_label("root mean square of the taps", fontsize=8)
        return figure

    return saved_pictures("filters", draw)


def _draw_logos(
    reference: str, rows: Mapping[str, NDArray[np.float64]], first_position: int, title: str
) -> "Figure":
    from matplotlib.figure import Figure

    lines = range(0, len(reference), _A_LINE)
    count = len(lines) * len(rows)
    width = max(_NARROWEST, 1.2 + _INCHES_A_BASE * min(len(reference), _A_LINE))
    figure = Figure(figsize=(width, 0.5 + count * (_ROW + _GAP)), dpi=_DOTS_PER_INCH, layout="constrained")
    panels: Iterator[Axes] = iter(figure.subplots(count, squeeze=False)[:, 0])
    columns = max(_FEWEST_COLUMNS, min(len(reference), _A_LINE))
    for start in lines:
        part, first = slice(start, start + _A_LINE), first_position + start
        for name, heights in rows.items():
            axes = next(panels)
            _draw_logo(axes, reference[part], heights[part], first)
            # As many columns in each line: a base of the last one is as wide as any other.
            axes.set_xlim(first - 0.5, first + columns - 0.5)
            axes.set_ylim(*_limits(heights))
            axes.set_ylabel(name, fontsize=7)
    figure.suptitle(title, fontsize=9)
    return figure


def _draw_logo(axes: "Axes", reference: str, heights: NDArray[np.float64], first_position: int) -> None:
    import logomaker
    import pandas as pd
    from matplotlib.ticker import MaxNLocator

    bases = list(BASE_COLOURS)
    table = np.zeros((len(reference), len(bases)))
    for place, base in enumerate(reference):
        if base in bases and np.isfinite(heights[place]):
            table[place, bases.index(base)] = heights[place]
    frame = pd.DataFrame(table, columns=bases, index=np.arange(len(reference)) + first_position)
    logomaker.Logo(frame, ax=axes, color_scheme=BASE_COLOURS, flip_below=False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.ticklabel_format(axis="x", useOffset=False, style="plain")
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def _limits(heights: NDArray[np.float64]) -> tuple[float, float]:
    finite = heights[np.isfinite(heights)]
    low, high = float(finite.min(initial=0)), float(finite.max(initial=0))
    return (low, high) if low < high else (0.0, 1.0)
