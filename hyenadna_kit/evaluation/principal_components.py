"""The two directions in which embeddings vary most.

In: rows of numbers. Out: where each row lies along both, and their shares of the variance.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from hyenadna_kit.errors import InputError

_LEAST_ROWS = 3


class PrincipalComponents(NamedTuple):
    """The first two."""

    places: Float[np.ndarray, "rows 2"]
    """Where each row lies, from the mean of all."""
    shares: tuple[float, float]
    """Share of the variance of all rows along each; 0 where nothing varies."""


def principal_components(rows: Float[np.ndarray, "rows width"]) -> PrincipalComponents:
    """Return the first two principal components.

    The largest weight of each is positive: its sign, which nothing else settles, is the same each time.

    Raises:
        InputError: There are fewer than 3 rows, or fewer than 2 numbers in each.
    """
    if len(rows) < _LEAST_ROWS or rows.shape[1] < 2:
        raise InputError(f"two components need {_LEAST_ROWS} rows of 2 numbers at least, got {rows.shape}")
    centred = rows.astype(np.float64) - rows.mean(0, dtype=np.float64)
    variances, directions = np.linalg.eigh(centred.T @ centred)
    first_two = directions[:, [-1, -2]]
    signs = np.sign(first_two[np.abs(first_two).argmax(0), [0, 1]])
    total = float(variances.sum())
    first, second = (max(0.0, float(variances[place])) / total if total else 0.0 for place in (-1, -2))
    return PrincipalComponents(centred @ (first_two * signs), (first, second))
