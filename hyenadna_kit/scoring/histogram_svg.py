"""Histograms as SVG that a page holds in itself.

In: a :class:`Distribution`, alone or with others on one axis. Out: the text of a picture. Heights are square
roots of counts, so that tails can be seen.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

from hyenadna_kit.report.page import format_number
from hyenadna_kit.report.svg import Anchor, bar, line, picture, text
from hyenadna_kit.scoring.distribution import Distribution

_WIDTH, _HEIGHT, _MARGIN = 420, 110, 16
_ROW_WIDTH, _ROW_HEIGHT = 260, 26
_MOST_BARS = 64
_TAIL = 0.002


def histogram(each: Distribution) -> str:
    """Return the histogram of a distribution that has values, with the ends of its axis."""
    first, last = min(each.bins), max(each.bins) + 1
    bars = _bars(each.bins, first, _WIDTH / (last - first), _HEIGHT)
    low, high = format_number(first * each.bin_width), format_number(last * each.bin_width)
    labels = _label(0.0, low, _HEIGHT) + _label(float(_WIDTH), high, _HEIGHT)
    return picture(_WIDTH, _HEIGHT + _MARGIN, bars + labels)


class Axis(NamedTuple):
    """Bins that the rows of a table share; what lies beyond the ends is in the bins there."""

    bin_width: float
    """Of all bins, a power of two."""
    first: int
    """Number of the first bin, which begins at ``first * bin_width``."""
    last: int
    """One past the number of the last bin."""

    @classmethod
    def of(cls, each: Distribution) -> "Axis":
        """Return an axis for all but 0.2 % of a distribution at either end; it has values."""
        factor, first, last = 1, _quantile_bin(each, _TAIL), _quantile_bin(each, 1 - _TAIL) + 1
        while -(-last // factor) - first // factor > _MOST_BARS:
            factor *= 2
        return cls(each.bin_width * factor, first // factor, -(-last // factor))

    def row(self, each: Distribution) -> str:
        """Return the histogram of a part; a line stands at its mean and a dashed one at zero."""
        # Both widths are powers of two, and a part has bins that are no wider than those of the whole.
        ratio = round(self.bin_width / each.bin_width)
        bins: dict[int, int] = {}
        for number, count in each.bins.items():
            place = min(max(number // ratio, self.first), self.last - 1)
            bins[place] = bins.get(place, 0) + count
        step = _ROW_WIDTH / (self.last - self.first)
        zero, mean = self._x(0.0), self._x(each.mean)
        lines = line(zero, 0.0, zero, float(_ROW_HEIGHT), "zero", dashes="2 2")
        lines += line(mean, 0.0, mean, float(_ROW_HEIGHT), "mark")
        return picture(_ROW_WIDTH, _ROW_HEIGHT, _bars(bins, self.first, step, _ROW_HEIGHT) + lines)

    def labels(self) -> str:
        """Return the scale below the rows."""
        ends = (self.first * self.bin_width, self.last * self.bin_width)
        texts = [
            _label(x, format_number(value), 0)
            for x, value in zip((0.0, float(_ROW_WIDTH)), ends, strict=True)
        ]
        zero = self._x(0.0)
        if 0.15 * _ROW_WIDTH < zero < 0.85 * _ROW_WIDTH:
            texts.append(_label(zero, "0", 0))
        return picture(_ROW_WIDTH, _MARGIN, "".join(texts))

    def _x(self, value: float) -> float:
        """Return where a value lies in a row, in pixels; a little outside where it lies beyond."""
        share = (value / self.bin_width - self.first) / (self.last - self.first)
        return _ROW_WIDTH * min(max(share, -1.0), 2.0)


def _quantile_bin(each: Distribution, share: float) -> int:
    """Return the number of the bin below whose end lies this share of the values."""
    seen = 0
    for number, count in sorted(each.bins.items()):
        seen += count
        if seen >= share * each.count:
            return number
    return max(each.bins)


def _bars(bins: Mapping[int, int], first: int, step: float, tallest: int) -> str:
    most = math.sqrt(max(bins.values()))
    bars = []
    for number, count in sorted(bins.items()):
        height = tallest * math.sqrt(count) / most
        bars.append(bar((number - first) * step, tallest - height, max(step, 0.5), height))
    return "".join(bars)


def _label(x: float, words: str, above: int) -> str:
    """Return a label below ``above`` pixels, that ends at the right edge and is centred between the edges."""
    anchor: Anchor = "start" if x == 0 else "end" if x in (_WIDTH, _ROW_WIDTH) else "middle"
    return text(x, float(above + _MARGIN - 3), words, anchor=anchor)
