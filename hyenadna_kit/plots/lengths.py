"""Figure: bits per base against window length, and against the position in the window."""

from collections.abc import Sequence
from io import BytesIO
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hyenadna_kit.errors import InputError
from hyenadna_kit.plots.histogram import require_matplotlib

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INCHES = (9.6, 4.0)
_DOTS_PER_INCH = 150
_LINES = ("-", ":", "-.")  # a curve below another one still shows
_METADATA = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
"""By format, what is left out so that the file is the same for the same numbers: dates and versions."""


class Curve(NamedTuple):
    """One line of a figure."""

    label: str
    """Its name in the legend."""
    xs: Sequence[float]
    """Tokens, or bases."""
    ys: Sequence[float]
    """Bits per base."""


def figure_format(path: Path, option: str) -> str:
    """Return the format that the suffix of a file names: png, svg or pdf.

    Args:
        path: Where a figure is to be written.
        option: What it was given for, for the error.

    Raises:
        InputError: The suffix is another one.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in _METADATA:
        raise InputError(f"{option} must end with .png, .svg or .pdf, got {str(path)!r}")
    return kind


def lengths_figure(
    of_lengths: Sequence[Curve], of_positions: Sequence[Curve], *, trained_length: int, kind: str
) -> bytes:
    """Draw the picture, the same for the same numbers.

    Args:
        of_lengths: Bits per base against the tokens of a window.
        of_positions: The same against the bases that the model reads before a position, from 1.
        trained_length: In tokens; a line stands there.
        kind: ``png``, ``svg`` or ``pdf``.

    Raises:
        InputError: matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib import rc_context

    picture = BytesIO()
    # Names in an SVG are drawn by lot where nothing is given to make them from.
    with rc_context({"svg.hashsalt": "lengths"}):
        figure = _draw(of_lengths, of_positions, trained_length)
        figure.savefig(picture, format=kind, metadata=_METADATA[kind])
    return picture.getvalue()


def _draw(of_lengths: Sequence[Curve], of_positions: Sequence[Curve], trained_length: int) -> "Figure":
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    figure = Figure(figsize=_INCHES, dpi=_DOTS_PER_INCH, layout="constrained")
    by_length, by_position = figure.subplots(1, 2, sharey=True)
    for axes, curves, marker in ((by_length, of_lengths, "o"), (by_position, of_positions, ".")):
        for curve, line in zip(curves, cycle(_LINES)):
            axes.plot(curve.xs, curve.ys, marker=marker, linestyle=line, label=curve.label)
    by_length.set(title="by window length", xlabel="tokens of a window", ylabel="bits per base")
    by_position.set(title="by position, longest windows", xlabel="bases that are read before it")
    for axes in (by_length, by_position):
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _in_tokens(value)))
        axes.axvline(trained_length, color="0.6", linestyle="--", linewidth=1, label="trained length")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    return figure


def _in_tokens(value: float) -> str:
    """Return the label of a tick; k is 1,024."""
    if value < 1:
        return ""
    return f"{value:.0f}" if value < 1024 else f"{value / 1024:,.0f}k"
