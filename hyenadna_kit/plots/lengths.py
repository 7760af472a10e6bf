"""Figure: bits per base against window length, and against the position in the window."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from hyenadna_kit.plots.histogram import require_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hyenadna_kit.evaluation.lengths import LengthBits

_INCHES = (9.6, 4.0)
_DOTS_PER_INCH = 150


def lengths_png(modes: "Mapping[str, Sequence[LengthBits]]", trained_length: int) -> bytes:
    """Draw the picture, the same for the same numbers.

    Args:
        modes: Results by what the filters do beyond the trained length.
        trained_length: In tokens; a line stands there.

    Raises:
        InputError: matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    figure = Figure(figsize=_INCHES, dpi=_DOTS_PER_INCH, layout="constrained")
    by_length, by_position = figure.subplots(1, 2, sharey=True)
    for mode, results in modes.items():
        bits = [each.bits_per_base for each in results]
        by_length.plot([each.length for each in results], bits, marker="o", label=mode)
    for mode, results in modes.items():
        _draw_positions(by_position, mode, results[-1])
    by_length.set(title="by window length", xlabel="tokens of a window", ylabel="bits per base")
    by_position.set(title="by position, longest windows", xlabel="bases before it in the window")
    for axes in (by_length, by_position):
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else ""))
        axes.axvline(trained_length, color="0.6", linestyle="--", linewidth=1, label="trained length")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    picture = BytesIO()
    # Without the version of matplotlib in it the file is the same for the same numbers.
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()


def _draw_positions(axes: "Axes", mode: str, result: "LengthBits") -> None:
    known = [each for each in result.by_position if each.num_bases]
    middles = [(each.first + each.last) / 2 for each in known]
    axes.plot(middles, [each.bits_per_base for each in known], marker=".", label=f"{mode}, {result.length:,}")
