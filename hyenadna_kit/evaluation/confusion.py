"""Which classes are taken for which: accuracy, MCC and F1 of predicted classes.

In: the class of each row, and the one that is predicted. Out: a table of counts, and what follows from it.

A bootstrap asks for these a thousand times: one table of counts takes the place of a pass over the rows for
each of them.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True)
class Confusion:
    """Counts of rows by their class and by the one that is predicted; there is at least one row."""

    counts: Int[np.ndarray, "classes classes"]
    """``counts[a, b]``: rows of class ``a`` that are predicted to be of class ``b``."""

    @classmethod
    def of_rows(
        cls, classes: Int[np.ndarray, " rows"], predicted: Int[np.ndarray, " rows"], num_classes: int
    ) -> "Confusion":
        """Count the rows; classes are numbered from 0."""
        counts = np.bincount(classes * num_classes + predicted, minlength=num_classes**2)
        return cls(counts.reshape(num_classes, num_classes))

    @property
    def accuracy(self) -> float:
        """Share of the rows that are predicted right."""
        return float(self.counts.trace() / self.counts.sum())

    @property
    def balanced_accuracy(self) -> float:
        """Mean over the classes of the share that is predicted right; NaN where a class has no row."""
        return float(_ratio(self.counts.diagonal(), self.counts.sum(axis=1)).mean())

    @property
    def mcc(self) -> float:
        """Matthews' correlation of the classes with those that are predicted.

            TP TN - FP FN over sqrt((TP + FP) (TP + FN) (TN + FP) (TN + FN)), of two classes

        It is NaN where all rows are of one class, and 0 where all are predicted to be of one.

        Source: Gorodkin 2004, Comparing two K-category assignments by a K-category correlation coefficient,
        doi:10.1016/j.compbiolchem.2004.09.006.
        """
        shares = self.counts / self.counts.sum()
        true, predicted = shares.sum(axis=1), shares.sum(axis=0)
        spread, spread_predicted = 1 - float(true @ true), 1 - float(predicted @ predicted)
        if np.count_nonzero(true) == 1:
            return math.nan
        if np.count_nonzero(predicted) == 1:
            return 0.0
        return float(shares.trace() - true @ predicted) / math.sqrt(spread * spread_predicted)

    @property
    def f1_of_class(self) -> Float[np.ndarray, " classes"]:
        """F1 of each class, 2 TP / (2 TP + FP + FN); NaN of one that no row has or is said to."""
        return _ratio(2 * self.counts.diagonal(), self.counts.sum(axis=0) + self.counts.sum(axis=1))


def _ratio(
    part: Int[np.ndarray, " classes"], whole: Int[np.ndarray, " classes"]
) -> Float[np.ndarray, " classes"]:
    return part / np.where(whole > 0, whole, np.nan)
