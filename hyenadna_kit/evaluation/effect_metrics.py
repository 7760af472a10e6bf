"""How well numbers rank, or follow, measured effects: on any rows, and fast enough for a bootstrap.

In: effects and one predictor. Out: Spearman and Pearson of effects that are numbers, AUROC and AUPRC of two
classes. A bootstrap asks a thousand times for the same rows in other numbers: values become whole numbers of
the same order once, and ranks of a draw are counted instead of sorted.
"""

import math
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from hyenadna_kit.evaluation.bootstrap import Rows
from hyenadna_kit.evaluation.ranking import rank

EffectKind = Literal["number", "class"]
"""What is measured: numbers, or one of two classes as 0 and 1."""

EFFECT_METRICS: dict[EffectKind, tuple[str, ...]] = {
    "number": ("spearman", "pearson"),
    "class": ("auroc", "auprc"),
}
"""Names of the metrics, the first one first."""


class EffectMetrics:
    """The metrics of one predictor."""

    def __init__(
        self, kind: EffectKind, effects: Float[np.ndarray, " rows"], values: Float[np.ndarray, " rows"]
    ) -> None:
        """Take what was measured and what is predicted; rows where either is NaN are never counted.

        Args:
            kind: What is measured.
            effects: Numbers, or 0 and 1.
            values: The predictor.
        """
        self.kind = kind
        self.is_known: Bool[np.ndarray, " rows"] = ~(np.isnan(effects) | np.isnan(values))
        self._effects, self._values = effects, values
        self._effect_codes, self._value_codes = _codes(effects), _codes(values)

    def of(self, rows: Rows) -> dict[str, float]:
        """Return the metrics of some rows; NaN where they are of one class or do not vary."""
        rows = rows[self.is_known[rows]]
        if self.kind == "class":
            found = rank(self._effects[rows] == 1, self._values[rows])
            return {"auroc": found.auroc, "auprc": found.auprc}
        effects, values = _ranks(self._effect_codes[rows]), _ranks(self._value_codes[rows])
        return {
            "spearman": _correlation(effects, values),
            "pearson": _correlation(self._effects[rows], self._values[rows]),
        }


def _codes(values: Float[np.ndarray, " rows"]) -> Int[np.ndarray, " rows"]:
    """Return whole numbers from 0 on in the order of the values, equal for equal ones."""
    _, codes = np.unique(values, return_inverse=True)
    return codes


def _ranks(codes: NDArray[np.int64]) -> Float[np.ndarray, " rows"]:
    """Return the rank of each value, the mean one of equal values."""
    counts = np.bincount(codes)
    return (np.cumsum(counts) - (counts - 1) / 2)[codes]


def _correlation(first: Float[np.ndarray, " rows"], second: Float[np.ndarray, " rows"]) -> float:
    # Equal numbers are told before their mean is taken, which rounds.
    if not first.size or np.ptp(first) == 0 or np.ptp(second) == 0:
        return math.nan
    first, second = first - first.mean(), second - second.mean()
    lengths = math.sqrt(float(first @ first)) * math.sqrt(float(second @ second))
    return float(first @ second) / lengths if lengths else math.nan
