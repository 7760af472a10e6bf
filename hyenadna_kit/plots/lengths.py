"""Figure: bits per base against window length, and against the position in the window."""

from collections.abc import Sequence
from io import BytesIO
from itertools import cycle
from typing import NamedTuple

from hyenadna_kit.plots.histogram import require_matplotlib

_INCHES = (9.6, 4.0)
_DOTS_PER_INCH = 150
_LINES = ("-", ":", "-.")  # a curve below another one still shows


class Curve(NamedTuple):
    """One line of a figure."""

    label: str
    """Its name in the legend."""
    xs: Sequence[float]
    """Tokens, or positions."""
    ys: Sequence[float]
    """Bits per base."""


def lengths_png(of_lengths: Sequence[Curve], of_positions: Sequence[Curve], *, trained_length: int) -> bytes:
    """Draw the picture, the same for the same numbers.

    Args:
        of_lengths: Bits per base against the tokens of a window.
        of_positions: The same against the position in a window, from 0.
        trained_length: In tokens; a line stands there.

    Raises:
        InputError: matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    figure = Figure(figsize=_INCHES, dpi=_DOTS_PER_INCH, layout="constrained")
    by_length, by_position = figure.subplots(1, 2, sharey=True)
    for axes, curves, marker in ((by_length, of_lengths, "o"), (by_position, of_positions, ".")):
        for curve, line in zip(curves, cycle(_LINES)):
            axes.plot(curve.xs, curve.ys, marker=marker, linestyle=line, label=curve.label)
    by_length.set(title="by window length", xlabel="tokens of a window", ylabel="bits per base")
    by_position.set(title="by position, longest windows", xlabel="bases before it in the window")
    for axes in (by_length, by_position):
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _in_tokens(value)))
        axes.axvline(trained_length, color="0.6", linestyle="--", linewidth=1, label="trained length")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    picture = BytesIO()
    # Without the version of matplotlib in it the file is the same for the same numbers.
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()


def _in_tokens(value: float) -> str:
    """Return the label of a tick; k is 1,024."""
    if value < 1:
        return ""
    return f"{value:.0f}" if value < 1024 else f"{value / 1024:,.0f}k"
