"""Scores of one variant from what a model says of its two alleles.

In: the readings of the horizon of both alleles. Out: one number a score. Sums are float64.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.scoring.alleles import AlleleWindows
from hyenadna_kit.scoring.readings import AlleleReadings


def delta_ll(windows: AlleleWindows, readings: AlleleReadings) -> float:
    """Return how much more likely the changed sequence is over the horizon, in nats.

    Both sums have the same number of terms; offsets at which either allele has N are left out of
    both. After an insertion or deletion the last bases of the two horizons are not the same bases
    of the genome.
    """
    return _difference(readings, windows.scored)


def llr(windows: AlleleWindows, readings: AlleleReadings) -> float | None:
    """Return the log-likelihood ratio of the replaced bases themselves, ALT over REF, in nats.

    None where the alleles differ in length: an inserted base has no counterpart.
    """
    if windows.num_substituted is None:
        return None
    return _difference(readings, slice(windows.num_substituted))


def entropy(windows: AlleleWindows, readings: AlleleReadings) -> float:  # noqa: ARG001 - as every score
    """Return how uncertain the model is of the first base that differs, in bits."""
    return float(readings.ref.entropy)


def l2(windows: AlleleWindows, readings: AlleleReadings) -> float:  # noqa: ARG001 - as every score
    """Return the Euclidean distance of the alleles' mean hidden states over the horizon."""
    return float(np.linalg.norm(_state(readings.alt.mean_state) - _state(readings.ref.mean_state)))


def cosine(windows: AlleleWindows, readings: AlleleReadings) -> float:  # noqa: ARG001 - as every score
    """Return the cosine distance of those means: ``1 - cos``, 0 for the same direction."""
    ref, alt = _state(readings.ref.mean_state), _state(readings.alt.mean_state)
    lengths = np.linalg.norm(ref) * np.linalg.norm(alt)
    # As the distance of unit vectors: the difference of 1 and a cosine near it would lose its digits.
    apart = ref / np.linalg.norm(ref) - alt / np.linalg.norm(alt) if lengths else ref * 0
    return float(apart @ apart / 2)


class Score(NamedTuple):
    """A number that readings become."""

    function: Callable[[AlleleWindows, AlleleReadings], float | None]
    """None where the score is not defined for a variant."""
    is_signed: bool
    """Whether it changes its sign when the alleles swap; the others do not change then."""


SCORES: dict[str, Score] = {
    "delta_ll": Score(delta_ll, is_signed=True),
    "llr": Score(llr, is_signed=True),
    "entropy": Score(entropy, is_signed=False),
    "l2": Score(l2, is_signed=False),
    "cosine": Score(cosine, is_signed=False),
}
"""Every score by its name; all but the entropy are 0 for identical alleles."""


def _difference(readings: AlleleReadings, counted: NDArray[np.bool_] | slice) -> float:
    alt, ref = readings.alt.log_probs[counted], readings.ref.log_probs[counted]
    return float((alt.astype(np.float64) - ref).sum())


def _state(state: NDArray[np.float32]) -> NDArray[np.float64]:
    return state.astype(np.float64)
