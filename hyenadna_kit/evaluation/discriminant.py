"""Linear discriminants: classes as normal distributions of one covariance, which is shrunk.

In: rows of numbers and their classes. Out: probabilities of the classes, laid out as those of a head. Where
columns are many, depend on each other and rows are few, they tell classes apart better than a logistic
regression does; the shrinkage follows from the rows, so nothing is to be chosen.

Source: Ledoit and Wolf 2004, J. Multivar. Anal. 88:365, for the shrinkage; computed by scikit-learn.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

Predict = Callable[[Float[np.ndarray, "rows width"]], Float[np.ndarray, "rows outputs"]]
"""From rows to the probability of yes (binary), or of each class (multiclass)."""


def fit_discriminant(
    objective: Literal["binary", "multiclass"],
    rows: Float[np.ndarray, "rows width"],
    classes: Int[np.ndarray, " rows"],
    *,
    num_classes: int,
) -> Predict:
    """Fit linear discriminants.

    A class that no row has is given no chance; a single one is predicted always.

    Args:
        objective: What is predicted.
        rows: Rows to fit, two of each class at least.
        classes: Number of the class of each row.
        num_classes: Classes that there are.
    """
    found = np.unique(classes)
    first = 1 if objective == "binary" else 0
    if len(found) == 1:
        always = np.eye(num_classes)[found[:1], first:]
        return lambda others: np.repeat(always, len(others), axis=0)
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(rows, classes)

    def predict(others: Float[np.ndarray, "rows width"]) -> Float[np.ndarray, "rows outputs"]:
        probabilities = np.zeros((len(others), num_classes))
        probabilities[:, found] = model.predict_proba(others)
        return probabilities[:, first:]

    return predict
