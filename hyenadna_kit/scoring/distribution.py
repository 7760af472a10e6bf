"""How values are distributed: number, mean, spread and histogram, in one pass and bounded memory.

In: values, one by one, in any order. Out: a :class:`Distribution`.
"""

import math
from collections import Counter

_MOST_BINS = 96
_FINEST_BIN = 2.0**-30


class Distribution:
    """Number, mean, spread and histogram of values that come one by one.

    Bins are all as wide, by a power of two: as fine as goes with 96 bins that are not empty. They do not
    depend on the order of the values.
    """

    def __init__(self) -> None:
        """Begin without values."""
        self.count = 0
        self.minimum, self.maximum = math.inf, -math.inf
        self.bin_width = _FINEST_BIN
        """Bin k holds ``[k * bin_width, (k + 1) * bin_width)``."""
        self.bins: Counter[int] = Counter()
        """How many values each bin holds."""
        self._mean = self._squares = 0.0

    def add(self, value: float) -> None:
        """Take note of one more value, a finite one."""
        self.count += 1
        self.minimum, self.maximum = min(self.minimum, value), max(self.maximum, value)
        # Welford's recurrence: sums of squares would lose the spread of values far from 0.
        change = value - self._mean
        self._mean += change / self.count
        self._squares += change * (value - self._mean)
        self.bins[math.floor(value / self.bin_width)] += 1
        while len(self.bins) > _MOST_BINS:
            self._widen()

    @property
    def mean(self) -> float:
        """Mean; NaN without values."""
        return self._mean if self.count else math.nan

    @property
    def standard_deviation(self) -> float:
        """Standard deviation of the values as they are; NaN without values."""
        return math.sqrt(self._squares / self.count) if self.count else math.nan

    def plain(self) -> dict[str, object]:
        """Return all of it as plain data; without values the count alone."""
        if not self.count:
            return {"count": 0}
        return {
            "count": self.count,
            "mean": self.mean,
            "standard_deviation": self.standard_deviation,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "bin_width": self.bin_width,
            "bins": {str(number): self.bins[number] for number in sorted(self.bins)},
        }

    def _widen(self) -> None:
        self.bin_width *= 2
        wider: Counter[int] = Counter()
        for number, count in self.bins.items():
            wider[number // 2] += count
        self.bins = wider
