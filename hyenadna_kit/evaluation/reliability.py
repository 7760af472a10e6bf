"""Reliability of probabilities: of what is said to happen 7 times in 10, how much does.

In: probabilities, and whether what they were given for came true. Out: both by bins, and how far apart
they are over all.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

NUM_BINS = 15
"""Bins of equal width, unless told otherwise."""


class ReliabilityBins(NamedTuple):
    """What was said and what came true, by bins of the probability."""

    edges: Float[np.ndarray, " edges"]
    """Borders of the bins, from 0 to 1. A bin holds its lower border, the last one 1 too."""
    counts: Int[np.ndarray, " bins"]
    """Rows in each bin."""
    said: Float[np.ndarray, " bins"]
    """Mean probability of the rows of each bin; NaN where there is none."""
    true: Float[np.ndarray, " bins"]
    """Share of the rows of each bin that came true; NaN where there is none."""

    @property
    def error(self) -> float:
        """Expected calibration error: |said - true|, each bin weighed by its rows; NaN without rows.

        Source: Guo et al. 2017, On calibration of modern neural networks, arXiv:1706.04599, equation 3; there
        a bin holds its upper border in place of the lower one.
        """
        filled = self.counts > 0
        if not filled.any():
            return float("nan")
        return float(np.average(np.abs(self.said - self.true)[filled], weights=self.counts[filled]))


def reliability_bins(
    came_true: Bool[np.ndarray, " rows"],
    probabilities: Float[np.ndarray, " rows"],
    *,
    num_bins: int = NUM_BINS,
) -> ReliabilityBins:
    """Return what was said and what came true, by bins of equal width.

    Args:
        came_true: For two classes, whether a row is of class 1; for several, whether the class that is
            predicted is the right one.
        probabilities: What was said of that, from 0 to 1.
        num_bins: Bins between 0 and 1.
    """
    bins = np.minimum((probabilities.astype(np.float64) * num_bins).astype(np.int64), num_bins - 1)
    counts = np.bincount(bins, minlength=num_bins)
    rows = np.where(counts > 0, counts, np.nan)
    return ReliabilityBins(
        edges=np.linspace(0.0, 1.0, num_bins + 1),
        counts=counts,
        said=np.bincount(bins, weights=probabilities, minlength=num_bins) / rows,
        true=np.bincount(bins, weights=came_true, minlength=num_bins) / rows,
    )
