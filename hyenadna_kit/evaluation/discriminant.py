"""Linear discriminants: classes as normal distributions of one covariance, which is shrunk.

In: rows of numbers and their classes. Out: probabilities of the classes. They suit many columns that depend
on each other and few rows; the shrinkage follows from the rows, so nothing is to be chosen.

Source: Ledoit and Wolf 2004, J. Multivar. Anal. 88:365, for the shrinkage; computed by scikit-learn.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

Predict = Callable[[Float[np.ndarray, "rows width"]], Float[np.ndarray, "rows classes"]]
"""From rows to the probability of each class."""


def fit_discriminant(
    rows: Float[np.ndarray, "rows width"], classes: Int[np.ndarray, " rows"], *, num_classes: int
) -> Predict:
    """Fit linear discriminants.

    A class that no row has is given no chance; a single one is predicted always.

    Args:
        rows: Rows to fit, two of each class at least.
        classes: Number of the class of each row.
        num_classes: Classes that there are.
    """
    found = np.unique(classes)
    if len(found) == 1:
        always = np.eye(num_classes)[found]
        return lambda others: np.repeat(always, len(others), axis=0)
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(rows, classes)

    def predict(others: Float[np.ndarray, "rows width"]) -> Float[np.ndarray, "rows classes"]:
        probabilities = np.zeros((len(others), num_classes))
        probabilities[:, found] = model.predict_proba(others)
        return probabilities

    return predict
