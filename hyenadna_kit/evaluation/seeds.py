"""Several runs of one task beside each other: mean, deviation and interval of every metric.

In: labels of a table, and the predictions of each run for it. Out: numbers by metric.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.evaluation.bootstrap import NUM_RESAMPLES, Rows, bootstrap
from hyenadna_kit.evaluation.metrics import Metrics, evaluate_predictions
from hyenadna_kit.heads.objectives import Objective


@dataclass(frozen=True)
class OverSeeds:
    """One metric of several runs."""

    mean: float
    """Over the runs; NaN where one does not define it."""
    std: float
    """Standard deviation between runs, with n - 1; NaN of a single run."""
    low: float
    """2.5th percentile of the mean when the rows of the table are drawn anew."""
    high: float
    """97.5th percentile."""


@dataclass(frozen=True)
class SeedMetrics:
    """What the runs of a task came to on one table."""

    of_seed: Mapping[int, Metrics]
    """The metrics of each run."""
    over_seeds: Mapping[str, OverSeeds]
    """Each metric over all of them."""

    def as_plain_data(self) -> dict[str, Any]:
        """Return it for JSON, with None for what is not defined."""
        seeds = {str(seed): _finite(metrics) for seed, metrics in self.of_seed.items()}
        return {name: _finite(asdict(each)) for name, each in self.over_seeds.items()} | {"seeds": seeds}


def metrics_over_seeds(
    objective: Objective,
    labels: NDArray[Any],
    predictions: Mapping[int, NDArray[np.float32]],
    *,
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
) -> SeedMetrics:
    """Return the metrics of every run, and their mean with its 95 % interval.

    Args:
        objective: What is predicted.
        labels: Of the rows of a table.
        predictions: Those of each run, by its seed.
        seed: Of the draws of rows.
        num_resamples: How many.

    Raises:
        InputError: Labels and predictions do not belong together, or there are fewer than two rows.
    """
    of_seed = {each: evaluate_predictions(objective, labels, rows) for each, rows in predictions.items()}

    def mean_of(rows: Rows) -> Metrics:
        return _mean(
            [evaluate_predictions(objective, labels[rows], each[rows]) for each in predictions.values()]
        )

    generator = np.random.default_rng(seed)
    means = bootstrap(mean_of, len(labels), generator=generator, num_resamples=num_resamples)
    deviations = {name: _deviation([metrics[name] for metrics in of_seed.values()]) for name in means}
    over = {
        name: OverSeeds(found.value, deviations[name], found.low, found.high) for name, found in means.items()
    }
    return SeedMetrics(of_seed, over)


def _mean(runs: list[Metrics]) -> Metrics:
    return {name: fmean(metrics[name] for metrics in runs) for name in runs[0]}


def _deviation(values: list[float]) -> float:
    return stdev(values) if len(values) > 1 and not any(map(math.isnan, values)) else math.nan


def _finite(numbers: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in numbers.items()}
