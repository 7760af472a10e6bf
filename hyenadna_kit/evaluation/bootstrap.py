"""How sure a number is: its 95 % interval when the rows, or groups of rows, had been drawn anew.

In: numbers as functions of rows. Out: each number with its interval, or the difference of two models on the
same rows with its interval.

Rows that come from one place (variants of a locus, windows of a contig) are not independent: drawn one by one
they make intervals too narrow. Given their groups, whole groups are drawn.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError

NUM_RESAMPLES = 1000
"""Draws, unless told otherwise."""

Rows = NDArray[np.int64]
"""Numbers of rows; of a draw, some of them more than once."""

Statistic = Callable[[Rows], Mapping[str, float]]
"""Numbers by name, computed from the rows with these numbers; NaN where they do not define one."""

_PERCENTILES = (2.5, 97.5)
_MIN_DEFINED = 0.5
_MIN_DRAWN = 2


class Estimate(NamedTuple):
    """A number and its 95 % interval."""

    value: float
    """From all rows, each once; NaN where they do not define it."""
    low: float
    """2.5th percentile of the draws; NaN where fewer than half of them, or all rows, do not define it."""
    high: float
    """97.5th percentile of the draws."""


def bootstrap(
    statistic: Statistic,
    num_rows: int,
    *,
    generator: np.random.Generator,
    groups: Shaped[np.ndarray, " rows"] | None = None,
    num_resamples: int = NUM_RESAMPLES,
) -> dict[str, Estimate]:
    """Return what ``statistic`` gives, with 95 % percentile intervals.

        bootstrap(lambda rows: binary_metrics(labels[rows], probabilities[rows]), len(labels), ...)

    Draws in which a number is not defined (no row of a class) are left out of its percentiles.

    Args:
        statistic: Called with all rows, then with each draw.
        num_rows: Rows that there are.
        generator: Makes the draws; the same seed makes the same.
        groups: What each row belongs to, drawn as a whole; None where rows are independent.
        num_resamples: Draws.

    Raises:
        InputError: There are fewer than two rows or groups, no draws, or groups of other rows.

    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, section 13.3.
    """
    values = statistic(np.arange(num_rows))
    draws = [statistic(rows) for rows in _draws(num_rows, groups, num_resamples, generator)]
    return {
        name: _estimate(value, np.array([draw[name] for draw in draws])) for name, value in values.items()
    }


def bootstrap_difference(
    first: Statistic,
    second: Statistic,
    num_rows: int,
    *,
    generator: np.random.Generator,
    groups: Shaped[np.ndarray, " rows"] | None = None,
    num_resamples: int = NUM_RESAMPLES,
) -> dict[str, Estimate]:
    """Return what ``first`` gives minus what ``second`` gives on the same rows of each draw.

    Rows that are hard are so for both models: the interval of the difference is narrower than the two
    intervals side by side suggest.

    Args:
        first: Of the one model.
        second: Of the other one; names that both have are compared.
        num_rows: As :func:`bootstrap`.
        generator: As :func:`bootstrap`.
        groups: As :func:`bootstrap`.
        num_resamples: As :func:`bootstrap`.

    Raises:
        InputError: As :func:`bootstrap`.
    """

    def difference(rows: Rows) -> dict[str, float]:
        ours, theirs = first(rows), second(rows)
        return {name: value - theirs[name] for name, value in ours.items() if name in theirs}

    return bootstrap(difference, num_rows, generator=generator, groups=groups, num_resamples=num_resamples)


def _draws(
    num_rows: int,
    groups: Shaped[np.ndarray, " rows"] | None,
    num_resamples: int,
    generator: np.random.Generator,
) -> Iterator[Rows]:
    """Check what is drawn from, and return the draws."""
    if num_resamples < 1:
        raise InputError(f"num_resamples must be at least 1, got {num_resamples}")
    if groups is None:
        _require_several(num_rows, "rows")
        return (generator.integers(num_rows, size=num_rows) for _ in range(num_resamples))
    if groups.shape != (num_rows,):
        raise InputError(f"groups must name one for each of {num_rows} rows, got the shape {groups.shape}")
    _, group_of_row, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    _require_several(sizes.size, "groups")
    members = np.split(np.argsort(group_of_row, kind="stable"), np.cumsum(sizes)[:-1])
    return _group_draws(members, num_resamples, generator)


def _group_draws(
    members: Sequence[Rows], num_resamples: int, generator: np.random.Generator
) -> Iterator[Rows]:
    """Yield the rows of as many groups as there are, drawn with replacement."""
    for _ in range(num_resamples):
        drawn = generator.integers(len(members), size=len(members))
        yield np.concatenate([members[group] for group in drawn.tolist()])


def _require_several(number: int, what: str) -> None:
    if number < _MIN_DRAWN:
        raise InputError(f"an interval needs at least {_MIN_DRAWN} {what} to draw from, got {number}")


def _estimate(value: float, draws: Float[np.ndarray, " resamples"]) -> Estimate:
    defined = draws[~np.isnan(draws)]
    if math.isnan(value) or defined.size < _MIN_DEFINED * draws.size:
        return Estimate(value, math.nan, math.nan)
    low, high = np.percentile(defined, _PERCENTILES)
    return Estimate(value, float(low), float(high))
