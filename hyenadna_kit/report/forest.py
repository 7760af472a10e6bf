"""Numbers with their intervals below each other, as SVG that a page holds in itself.

In: named numbers. Out: the text of a picture: a dot on its interval in each row, above one axis.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from hyenadna_kit.report.chart import Axis
from hyenadna_kit.report.page import format_number
from hyenadna_kit.report.svg import dot, line, picture, text

_WIDTH, _NAMES, _RIGHT = 640, 220.0, 20.0
_ROW, _BOTTOM = 20, 24
_LONGEST = 34
_MARGIN = 0.05
_WHISKER = 3.0


class ForestRow(NamedTuple):
    """A number and its interval."""

    name: str
    """What stands beside it."""
    value: float
    """The number."""
    low: float
    """Where the interval begins; NaN where there is none."""
    high: float
    """Where it ends."""


def forest(rows: Sequence[ForestRow], *, middle: float = 0.0) -> str:
    """Return the picture.

    Args:
        rows: At least one, from the top.
        middle: Where a dashed line stands: what chance, or no difference, gives.
    """
    numbers = [number for row in rows for number in row[1:] if not math.isnan(number)] + [middle]
    width = (max(numbers) - min(numbers)) or 1.0
    axis = Axis(label="", low=min(numbers) - _MARGIN * width, high=max(numbers) + _MARGIN * width)
    bottom = float(_ROW * len(rows) + _ROW // 2)
    x = _place(axis, middle)
    parts = [line(x, 0.0, x, bottom, "zero", dashes="3 3")]
    for tick in axis.ticks():
        parts.append(line(_place(axis, tick), bottom, _place(axis, tick), bottom + 4, "rule"))
        parts.append(
            text(_place(axis, tick), bottom + 16, format_number(tick), anchor="middle", style="soft")
        )
    parts += [_row(axis, row, _ROW * (number + 0.75)) for number, row in enumerate(rows)]
    return picture(_WIDTH, int(bottom) + _BOTTOM, "".join(parts), label="numbers with their intervals")


def _place(axis: Axis, value: float) -> float:
    return _NAMES + (_WIDTH - _NAMES - _RIGHT) * axis.share(value)


def _row(axis: Axis, row: ForestRow, y: float) -> str:
    name = row.name if len(row.name) <= _LONGEST else f"{row.name[: _LONGEST - 1]}…"
    parts = [text(_NAMES - 10, y + 4, name, anchor="end")]
    if not math.isnan(row.low):
        low, high = _place(axis, row.low), _place(axis, row.high)
        parts.append(line(low, y, high, y, "c0"))
        parts += [line(end, y - _WHISKER, end, y + _WHISKER, "c0") for end in (low, high)]
    parts.append(dot(_place(axis, row.value), y, "c0"))
    return "".join(parts)
