"""Figures: the one home of matplotlib, which the extra ``plot`` installs.

In: numbers. Out: the bytes of a PNG file.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from io import BytesIO
from typing import NamedTuple

from hyenadna_kit.errors import InputError

_INCHES = (6.4, 3.6)
_DOTS_PER_INCH = 150
_BAR, _MARK = "#4c72b0", "#c44e52"
_BELOW_ONE = 0.5


class Labels(NamedTuple):
    """The words on a figure."""

    title: str
    """Above it."""
    x: str
    """Below the horizontal axis."""
    y: str
    """Beside the vertical axis."""


def require_matplotlib() -> None:
    """Refuse to go on where figures could not be drawn; to be called before any work starts.

    Raises:
        InputError: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise InputError("figures need matplotlib, which is not installed: pip install 'hyenadna_kit[plot]'")


def histogram_png(
    edges: Sequence[float], counts: Sequence[int], *, labels: Labels, mark: float | None = None
) -> bytes:
    """Draw counts in bins and return the picture, the same for the same numbers.

    The vertical axis is logarithmic, so that a bin of one is seen beside one of millions.

    Args:
        edges: Borders of the bins, one more than there are bins.
        counts: What is in each bin.
        labels: Title and axes.
        mark: Where to draw a vertical line, if anywhere.

    Raises:
        InputError: matplotlib is not installed, or the numbers of edges and counts do not fit.
    """
    require_matplotlib()
    if len(edges) != len(counts) + 1:
        raise InputError(f"{len(counts)} bins need {len(counts) + 1} edges, got {len(edges)}")
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, dpi=_DOTS_PER_INCH, layout="constrained")
    axes = figure.add_subplot()
    axes.stairs(counts, edges, baseline=_BELOW_ONE, fill=True, color=_BAR)
    axes.set_yscale("log")
    axes.set_ylim(bottom=_BELOW_ONE, top=2 * max(1, *counts))
    axes.set_xlim(edges[0], edges[-1])
    if mark is not None:
        axes.axvline(mark, color=_MARK, linestyle="--", linewidth=1)
    axes.set(title=labels.title, xlabel=labels.x, ylabel=labels.y)
    axes.spines[["top", "right"]].set_visible(False)
    picture = BytesIO()
    # Without the version of matplotlib in it the file is the same for the same numbers.
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()
