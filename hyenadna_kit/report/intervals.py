"""Numbers with their intervals below each other, on one axis.

In: names and numbers. Out: the text of a picture, one line a number.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from hyenadna_kit.report.chart import Axis, short
from hyenadna_kit.report.svg import dot, line, picture, text

_NAME_WIDTH, _VALUE_WIDTH, _ROW_HEIGHT, _SCALE_HEIGHT, _TOP = 120.0, 170.0, 26.0, 36.0, 8.0
_END = 4.0
_MARGIN = 0.08
_LEAST_MARGIN = 0.02


class Ranged(NamedTuple):
    """A number and its interval."""

    name: str
    """What it is of."""
    value: float
    """The number, which is finite."""
    low: float
    """Lower end of its interval; NaN where there is none."""
    high: float
    """Upper end."""
    style: str
    """Classes of the page."""
    words: str
    """What stands behind it."""


def draw_intervals(rows: Sequence[Ranged], label: str, *, width: int = 640, mark: float | None = None) -> str:
    """Return the picture of at least one number.

    Args:
        rows: From above.
        label: What the axis shows.
        width: Of the whole picture, in pixels.
        mark: Where a dashed line stands from top to bottom, on the axis in any case.
    """
    axis = _axis(rows, label, mark)
    left, right = _NAME_WIDTH, width - _VALUE_WIDTH
    bottom = _TOP + _ROW_HEIGHT * len(rows)

    def x(value: float) -> float:
        return left + (right - left) * axis.share(value)

    parts = [line(x(tick), _TOP, x(tick), bottom, "rule") for tick in axis.ticks()]
    parts += [text(x(tick), bottom + 14, short(tick), anchor="middle") for tick in axis.ticks()]
    parts += [text((left + right) / 2, bottom + 30, label, anchor="middle", style="soft")]
    if mark is not None:
        parts.append(line(x(mark), _TOP, x(mark), bottom, "zero", dashes="5 4"))
    for number, row in enumerate(rows):
        y = _TOP + _ROW_HEIGHT * (number + 0.5)
        parts += [text(left - 10, y + 4, row.name, anchor="end"), text(right + 10, y + 4, row.words)]
        if not math.isnan(row.low):
            parts.append(line(x(row.low), y, x(row.high), y, row.style))
            parts += [line(x(end), y - _END, x(end), y + _END, row.style) for end in (row.low, row.high)]
        parts.append(dot(x(row.value), y, row.style))
    return picture(width, round(bottom + _SCALE_HEIGHT), "".join(parts), label=label)


def _axis(rows: Sequence[Ranged], label: str, mark: float | None) -> Axis:
    shown = [end for row in rows for end in (row.value, row.low, row.high) if not math.isnan(end)]
    shown += [] if mark is None else [mark]
    margin = max(_MARGIN * (max(shown) - min(shown)), _LEAST_MARGIN * (max(map(abs, shown)) or 1.0))
    return Axis(label=label, low=min(shown) - margin, high=max(shown) + margin)
