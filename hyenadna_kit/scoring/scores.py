"""Scores of one variant from the log-probabilities of its two windows.

In: ``log p`` of every base from the variant to the end of the horizon, for both alleles. Out: one
number a score. Sums are float64.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.scoring.alleles import AlleleWindows


class HorizonLogProbs(NamedTuple):
    """Log-probabilities, in nats, of the bases from the variant on."""

    ref: NDArray[np.float32]
    """Of the genome's bases, one a position of the horizon."""
    alt: NDArray[np.float32]
    """Of the changed genome's bases, at the same offsets."""


def delta_ll(windows: AlleleWindows, log_probs: HorizonLogProbs) -> float:
    """Return how much more likely the changed sequence is over the horizon, in nats.

    Both sums have the same number of terms; offsets at which either allele has N are left out of
    both. After an insertion or deletion the last bases of the two horizons are not the same bases
    of the genome.
    """
    counted = windows.scored
    return float((log_probs.alt[counted].astype(np.float64) - log_probs.ref[counted]).sum())


def llr(windows: AlleleWindows, log_probs: HorizonLogProbs) -> float | None:
    """Return the log-likelihood ratio of the replaced bases themselves, ALT over REF, in nats.

    None where the alleles differ in length: an inserted base has no counterpart.
    """
    if windows.num_substituted is None:
        return None
    allele = slice(windows.num_substituted)
    return float((log_probs.alt[allele].astype(np.float64) - log_probs.ref[allele]).sum())


Score = Callable[[AlleleWindows, HorizonLogProbs], float | None]

SCORES: dict[str, Score] = {"delta_ll": delta_ll, "llr": llr}
"""Every score by its name; each is 0 for identical alleles and changes its sign when they swap."""
