"""Curves against one axis, as SVG that a page holds in itself.

In: numbers. Out: the text of a picture. What lies beyond the axes is cut off.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hyenadna_kit.report.svg import dot, line, picture, polygon, polyline, text

_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 26.0, 12.0, 36.0
_NOTE_HEIGHT = 14.0
_NAME_HEIGHT = 12.0
_LEAST_TICKS = 4
_LEAST_RATIO = 1.0001
_LEAST_IN_FULL = 1e-3


@dataclass(frozen=True, kw_only=True)
class Axis:
    """What runs along one side of a chart."""

    label: str
    """What it is, with its unit."""
    low: float
    """Value at its beginning."""
    high: float
    """Value at its end, which is greater."""
    is_log: bool = False
    """Whether equal ratios have equal widths; then ``low`` is greater than 0."""
    note: Callable[[float], str] | None = None
    """What stands below the number of a tick, in place of the label, if anything."""

    def share(self, value: float) -> float:
        """Return where a value lies: 0 at the beginning, 1 at the end."""
        if not self.is_log:
            return (value - self.low) / (self.high - self.low)
        if value <= 0:
            return -math.inf
        return math.log(value / self.low) / math.log(self.high / self.low)

    def ticks(self) -> list[float]:
        """Return some round values on it: powers of ten where it is logarithmic, or as many steps."""
        if self.is_log and self.high / self.low >= 100:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high) + 1e-9)
            stride = 1 + (last - first) // (2 * _LEAST_TICKS)
            return [10.0**power for power in range(first, last + 1, stride)]
        step = _round_step((self.high - self.low) / _LEAST_TICKS)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


class Curve(NamedTuple):
    """A line through points."""

    xs: Sequence[float]
    """In ascending order."""
    ys: Sequence[float]
    """As many."""
    style: str
    """Classes of the page: ``c0`` to ``c4``, ``faint``."""
    has_dots: bool = False
    """Whether its points are seen."""


class Band(NamedTuple):
    """The area between two curves."""

    xs: Sequence[float]
    """In ascending order."""
    lows: Sequence[float]
    """As many."""
    highs: Sequence[float]
    """As many."""
    style: str
    """Classes of the page."""


class Cloud(NamedTuple):
    """Points that nothing connects."""

    xs: Sequence[float]
    """In any order."""
    ys: Sequence[float]
    """As many."""
    style: str
    """Classes of the page."""


class Level(NamedTuple):
    """A dashed line over the whole width, with its name."""

    name: str
    """What stands above it, at its end."""
    value: float
    """Where it is."""


class Chart:
    """A picture of curves."""

    def __init__(self, x: Axis, y: Axis, *, width: int = 640, height: int = 260) -> None:
        """Lay out the axes.

        Args:
            x: The horizontal one.
            y: The vertical one.
            width: Of the whole picture, in pixels.
            height: Of the same.
        """
        self.x, self.y = x, y
        self.width, self.height = width, height
        self._right = width - _RIGHT
        self._bottom = height - _BOTTOM - (_NOTE_HEIGHT if x.note is not None else 0)

    def draw(
        self,
        curves: Sequence[Curve],
        *,
        bands: Sequence[Band] = (),
        levels: Sequence[Level] = (),
        clouds: Sequence[Cloud] = (),
    ) -> str:
        """Return the picture: levels behind bands, bands behind clouds, and clouds behind curves."""
        inside = [*self._levels(levels), *(polygon(self._outline(band), band.style) for band in bands)]
        for cloud in clouds:
            inside += [dot(x, y, cloud.style) for x, y in self._points(cloud.xs, cloud.ys)]
        for curve in curves:
            points = list(self._points(curve.xs, curve.ys))
            inside.append(polyline(points, curve.style))
            if curve.has_dots or len(points) == 1:  # no line is seen through one point
                inside += [dot(x, y, curve.style) for x, y in points]
        label = f"{self.y.label} against {self.x.label}"
        return picture(self.width, self.height, self._frame() + self._clipped("".join(inside)), label=label)

    def _points(self, xs: Sequence[float], ys: Sequence[float]) -> Iterator[tuple[float, float]]:
        return ((self._x(x), self._y(y)) for x, y in zip(xs, ys, strict=True))

    def _outline(self, band: Band) -> list[tuple[float, float]]:
        upper, lower = self._points(band.xs, band.highs), self._points(band.xs, band.lows)
        return [*upper, *reversed(list(lower))]

    def _x(self, value: float) -> float:
        return _LEFT + (self._right - _LEFT) * self.x.share(value)

    def _y(self, value: float) -> float:
        # Far beyond the picture is as good as infinitely far, which cannot be written.
        share = min(max(self.y.share(value), -1.0), 2.0)
        return self._bottom - (self._bottom - _TOP) * share

    def _clipped(self, inside: str) -> str:
        """Return what is drawn, without what lies beyond the axes."""
        width, height = self._right - _LEFT, self._bottom - _TOP
        return (
            f'<svg x="{_LEFT:g}" y="{_TOP:g}" width="{width:g}" height="{height:g}" '
            f'viewBox="{_LEFT:g} {_TOP:g} {width:g} {height:g}">{inside}</svg>'
        )

    def _levels(self, levels: Sequence[Level]) -> Iterator[str]:
        """Yield the lines on the axis, and those of their names that have room."""
        taken: list[float] = []
        for level in levels:
            if not 0 <= self.y.share(level.value) <= 1:
                continue
            y = self._y(level.value)
            yield line(_LEFT, y, self._right, y, "zero", dashes="5 4")
            if all(abs(y - other) >= _NAME_HEIGHT for other in taken):
                yield text(self._right - 4, y - 3, level.name, anchor="end", style="soft")
                taken.append(y)

    def _frame(self) -> str:
        parts = []
        for value in self.y.ticks():
            y = self._y(value)
            parts += [
                line(_LEFT, y, self._right, y, "rule"),
                text(_LEFT - 6, y + 4, short(value), anchor="end"),
            ]
        for value in self.x.ticks():
            x = self._x(value)
            parts += [line(x, _TOP, x, self._bottom, "rule")]
            parts += [text(x, self._bottom + 14, short(value), anchor="middle")]
            if self.x.note is not None:
                parts += [text(x, self._bottom + 28, self.x.note(value), anchor="middle", style="soft")]
        middle = (_LEFT + self._right) / 2
        parts += [text(middle, self.height - 5.0, self.x.label, anchor="middle", style="soft")]
        parts += [
            f'<g transform="rotate(-90)">'
            f"{text(-(_TOP + self._bottom) / 2, 12.0, self.y.label, anchor='middle', style='soft')}</g>"
        ]
        return "".join(parts)


def short(value: float, digits: int = 4) -> str:
    """Return a number as a tick shows it: 1500 is 1.5k, 2000000 is 2M, 0.00001 is 1e-5."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.{digits}g}{unit}"
    if 0 < abs(value) < _LEAST_IN_FULL:
        mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
        return f"{float(mantissa):g}e{int(power)}"
    return f"{value:.{digits}g}"


def thinned(xs: Sequence[float], ys: Sequence[float], most: int) -> tuple[list[float], list[float]]:
    """Return ``most`` points or so, the least and the greatest of each stretch among them."""
    stretch = math.ceil(2 * len(xs) / most)
    if stretch <= 2:
        return list(xs), list(ys)
    kept: list[int] = []
    for start in range(0, len(xs), stretch):
        part = range(start, min(start + stretch, len(xs)))
        kept += sorted({min(part, key=lambda index: ys[index]), max(part, key=lambda index: ys[index])})
    return [xs[index] for index in kept], [ys[index] for index in kept]


def _round_step(step: float) -> float:
    """Return the greatest of 1, 2 and 5 times a power of ten that is no more than ``step``."""
    power = 10.0 ** math.floor(math.log10(step) + 1e-9)
    return max(factor * power for factor in (1, 2, 5) if factor * power <= step * _LEAST_RATIO)
