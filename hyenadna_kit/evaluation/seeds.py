"""Several runs of one task, and of its baselines, beside each other: means, deviations and intervals.

In: labels of a table, and the predictions of each run for it. Out: numbers by metric, and the differences of
two contestants on the same rows.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any

import numpy as np
from jaxtyping import Shaped
from numpy.typing import NDArray

from hyenadna_kit.evaluation.bootstrap import NUM_RESAMPLES, Estimate, Rows, bootstrap
from hyenadna_kit.evaluation.metrics import Metrics, evaluate_predictions
from hyenadna_kit.heads.objectives import Objective

Runs = Mapping[int, NDArray[np.float32]]
"""The predictions of each run of a contestant, by its seed; of one without chance a single run, 0."""

MODEL = "model"
"""Name of the contestant that the others are compared with."""

_MOST_NUMBERS = 2_000_000_000
"""Predictions that are gone through for intervals: some minutes."""
_FEWEST_RESAMPLES = 100


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


@dataclass(frozen=True)
class Comparison:
    """A model and its baselines on one table."""

    contestants: Mapping[str, SeedMetrics]
    """Each of them, the model first."""
    differences: Mapping[str, Mapping[str, Estimate]]
    """The model minus each baseline, by metric: means over the runs of both, on the same rows."""

    @property
    def model(self) -> SeedMetrics:
        """The model's."""
        return self.contestants[MODEL]

    def differences_as_plain_data(self, name: str) -> dict[str, Any]:
        """Return the differences from one baseline for JSON, with None for what is not defined."""
        return {metric: _finite(each._asdict()) for metric, each in self.differences[name].items()}


def metrics_over_seeds(
    objective: Objective,
    labels: NDArray[Any],
    predictions: Runs,
    *,
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
    groups: Shaped[np.ndarray, " rows"] | None = None,
) -> SeedMetrics:
    """Return the metrics of every run, and their mean with its 95 % interval.

    Args:
        objective: What is predicted.
        labels: Of the rows of a table.
        predictions: Those of each run, by its seed.
        seed: Of the draws of rows.
        num_resamples: How many.
        groups: What each row belongs to, drawn as a whole; None where rows are independent.

    Raises:
        InputError: Labels and predictions do not belong together, or there are fewer than two rows.
    """
    return compare_over_seeds(
        objective, labels, predictions, {}, seed=seed, num_resamples=num_resamples, groups=groups
    ).model


def compare_over_seeds(
    objective: Objective,
    labels: NDArray[Any],
    model: Runs,
    baselines: Mapping[str, Runs],
    *,
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
    groups: Shaped[np.ndarray, " rows"] | None = None,
) -> Comparison:
    """Return the metrics of a model and of its baselines, and how far it is above each.

    The rows of a draw are the same for all. Where the table is so large that this would take hours, or all
    rows belong together, there are no intervals: both ends are NaN.

    Args:
        objective: What is predicted.
        labels: Of the rows of a table.
        model: Predictions of the runs of the model.
        baselines: Those of each baseline, by its name.
        seed: Of the draws of rows.
        num_resamples: How many, of a table that is not too large.
        groups: What each row belongs to, drawn as a whole; None where rows are independent.

    Raises:
        InputError: Labels and predictions do not belong together, or there are fewer than two rows.
    """
    contestants = {MODEL: model} | dict(baselines)

    def means(rows: Rows) -> Metrics:
        found = {
            name: _mean([evaluate_predictions(objective, labels[rows], each[rows]) for each in runs.values()])
            for name, runs in contestants.items()
        }
        own = {_key(name, metric): value for name, each in found.items() for metric, value in each.items()}
        return own | {
            _key(name, metric, MODEL): found[MODEL][metric] - value
            for name in baselines
            for metric, value in found[name].items()
        }

    num_resamples = _affordable(contestants, num_resamples)
    if groups is not None and np.unique(groups).size == 1:
        num_resamples = 0
    if num_resamples:
        generator = np.random.default_rng(seed)
        estimates = bootstrap(
            means, len(labels), generator=generator, groups=groups, num_resamples=num_resamples
        )
    else:
        values = means(np.arange(len(labels)))
        estimates = {key: Estimate(value, math.nan, math.nan) for key, value in values.items()}
    of_all = {name: _of_runs(objective, labels, name, runs, estimates) for name, runs in contestants.items()}
    metrics = tuple(of_all[MODEL].over_seeds)
    differences = {
        name: {metric: estimates[_key(name, metric, MODEL)] for metric in metrics} for name in baselines
    }
    return Comparison(of_all, differences)


def _key(name: str, metric: str, minuend: str = "") -> str:
    """Return under what a number stands: a metric of one contestant, or of another one minus this."""
    return f"{minuend} - {name}: {metric}"


def _affordable(contestants: Mapping[str, Runs], wanted: int) -> int:
    """Return how many draws there is time for; 0 where it is too few for an interval."""
    num_numbers = sum(each.size for runs in contestants.values() for each in runs.values())
    affordable = _MOST_NUMBERS // max(num_numbers, 1)
    return 0 if affordable < _FEWEST_RESAMPLES else min(wanted, affordable)


def _of_runs(
    objective: Objective, labels: NDArray[Any], name: str, runs: Runs, estimates: Mapping[str, Estimate]
) -> SeedMetrics:
    of_seed = {seed: evaluate_predictions(objective, labels, rows) for seed, rows in runs.items()}
    over = {}
    for metric in next(iter(of_seed.values())):
        found = estimates[_key(name, metric)]
        deviation = _deviation([metrics[metric] for metrics in of_seed.values()])
        over[metric] = OverSeeds(found.value, deviation, found.low, found.high)
    return SeedMetrics(of_seed, over)


def _mean(runs: list[Metrics]) -> Metrics:
    return {name: fmean(metrics[name] for metrics in runs) for name in runs[0]}


def _deviation(values: list[float]) -> float:
    return stdev(values) if len(values) > 1 and not any(map(math.isnan, values)) else math.nan


def _finite(numbers: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in numbers.items()}
