"""How good predictions are: accuracy, ranking and calibration of classes, correlation and error of values.

In: labels and predictions of some rows, as a table and ``predictions`` of a head give them. Out: numbers by
name.

| objective  | metrics                                                                                  |
|------------|------------------------------------------------------------------------------------------|
| binary     | accuracy, balanced_accuracy, mcc, f1, f1_macro, auroc, auprc, brier, ece                 |
| multiclass | the same without f1; auroc and auprc are means over the classes, each against the others |
| multilabel | those of binary, each the mean over the columns that define it                           |
| regression | pearson, spearman, r2, mse, each the mean over the columns that define it                |

A metric that the rows do not define is NaN: whatever asks for a class that no row has, or for the spread of
a constant. Predictions that are all of one class have the MCC 0, which is chance. Labels that are missing
(NaN; of classes ``IGNORED_LABEL`` too) are left out, column by column.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Real
from numpy.typing import NDArray
from scipy import stats

from hyenadna_kit.batch import IGNORED_LABEL
from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.confusion import Confusion
from hyenadna_kit.evaluation.ranking import rank
from hyenadna_kit.evaluation.reliability import reliability_bins
from hyenadna_kit.heads.objectives import Objective

Metrics = dict[str, float]
"""Numbers by the name of the metric; NaN where the rows do not define one."""

BINARY_METRICS = (
    *("accuracy", "balanced_accuracy", "mcc", "f1", "f1_macro"),
    *("auroc", "auprc", "brier", "ece"),
)
REGRESSION_METRICS = ("pearson", "spearman", "r2", "mse")
"""Their names, in order."""

THRESHOLD = 0.5
"""A probability above it predicts the class."""

_MIN_VALUES = 2
_SUM_TOLERANCE = 1e-3


def evaluate_predictions(
    objective: Objective, labels: Real[np.ndarray, "rows ..."], predictions: Float[np.ndarray, "rows outputs"]
) -> Metrics:
    """Return the metrics of an objective.

    Args:
        objective: What is predicted.
        labels: Number of the class of each row (binary, multiclass), or one label a column.
        predictions: Probability of the second class (binary), of each class (multiclass) or of each column
            (multilabel), or a value a column (regression).

    Raises:
        InputError: Labels and predictions do not belong together, no row has a label, a label is no class,
            or a prediction is no number or no probability.
    """
    if objective == "multiclass":
        return multiclass_metrics(labels.reshape(-1), predictions)
    return mean_metrics(column_metrics(objective, labels, predictions))


def column_metrics(
    objective: Objective, labels: Real[np.ndarray, "rows ..."], predictions: Float[np.ndarray, "rows outputs"]
) -> list[Metrics]:
    """Return the metrics of each column, over the rows that have a label in it.

    Args:
        objective: Any but multiclass, whose outputs are no columns.
        labels: One label a column; a single column may lack its axis.
        predictions: Like the labels.

    Raises:
        InputError: As :func:`evaluate_predictions`; or the objective is multiclass.
    """
    if objective == "multiclass":
        raise InputError("objective multiclass has classes, not columns; use multiclass_metrics")
    labels = labels[:, None] if labels.ndim == 1 else labels
    if labels.shape != predictions.shape:
        raise InputError(
            f"predictions of {objective} must have the shape of the labels, {labels.shape}, got "
            f"{predictions.shape}"
        )
    if not has_label(objective, labels).any():
        raise InputError(f"none of {len(labels):,} rows has a label; there is nothing to evaluate")
    of_column = regression_metrics if objective == "regression" else binary_metrics
    return [of_column(*column) for column in zip(labels.T, predictions.T, strict=True)]


def mean_metrics(columns: Sequence[Metrics]) -> Metrics:
    """Return the mean of each metric over the columns that define it, NaN where none does."""
    return {name: _mean_of_defined([column[name] for column in columns]) for name in columns[0]}


def binary_metrics(labels: Real[np.ndarray, " rows"], probabilities: Float[np.ndarray, " rows"]) -> Metrics:
    """Return the metrics of two classes; all are NaN where no row has a label.

    Args:
        labels: 0 or 1.
        probabilities: Of class 1.

    Raises:
        InputError: A label is neither 0 nor 1, a probability is NaN or outside 0..1.
    """
    known = has_label("binary", labels)
    classes, probabilities = class_numbers(labels[known], 2), probabilities[known]
    _check_probabilities(probabilities)
    if not classes.size:
        return dict.fromkeys(BINARY_METRICS, math.nan)
    is_positive = classes == 1
    confusion = Confusion.of_rows(classes, (probabilities > THRESHOLD).astype(np.int64), 2)
    f1_of_class = confusion.f1_of_class
    ranking = rank(is_positive, probabilities)
    return {
        "accuracy": confusion.accuracy,
        "balanced_accuracy": confusion.balanced_accuracy,
        "mcc": confusion.mcc,
        "f1": float(f1_of_class[1]),
        "f1_macro": float(f1_of_class.mean()),
        "auroc": ranking.auroc,
        "auprc": ranking.auprc,
        "brier": _mean(np.square(probabilities - is_positive)),
        "ece": reliability_bins(is_positive, probabilities).error,
    }


def multiclass_metrics(
    labels: Real[np.ndarray, " rows"], probabilities: Float[np.ndarray, "rows classes"]
) -> Metrics:
    """Return the metrics of several classes.

    The Brier score is the sum over the classes, from 0 to 2. Calibration is that of the class that is
    predicted, the one of the highest probability.

    Args:
        labels: Number of the class.
        probabilities: Of each class; those of a row add up to 1.

    Raises:
        InputError: No row has a label, a label is no class, or the probabilities are none.

    Source: Brier 1950, Verification of forecasts expressed in terms of probability, Monthly Weather Review
    78(1).
    """
    if len(labels) != len(probabilities):
        raise InputError(
            f"predictions must be of {len(labels):,} rows, as the labels, got {len(probabilities):,}"
        )
    known = has_label("multiclass", labels)
    if not known.any():
        raise InputError(f"none of {len(labels):,} rows has a label; there is nothing to evaluate")
    num_classes = probabilities.shape[1]
    classes, probabilities = class_numbers(labels[known], num_classes), probabilities[known]
    _check_probabilities(probabilities)
    _check_sums(probabilities.sum(axis=1))
    predicted = probabilities.argmax(axis=1)
    is_class = np.eye(num_classes, dtype=np.bool_)[classes]
    confusion = Confusion.of_rows(classes, predicted, num_classes)
    rankings = np.array([rank(*of_class) for of_class in zip(is_class.T, probabilities.T, strict=True)])
    auroc, auprc = rankings.mean(axis=0)
    return {
        "accuracy": confusion.accuracy,
        "balanced_accuracy": confusion.balanced_accuracy,
        "mcc": confusion.mcc,
        "f1_macro": float(confusion.f1_of_class.mean()),
        "auroc": float(auroc),
        "auprc": float(auprc),
        "brier": _mean(np.square(probabilities - is_class).sum(axis=1)),
        "ece": reliability_bins(predicted == classes, probabilities.max(axis=1)).error,
    }


def regression_metrics(labels: Real[np.ndarray, " rows"], values: Float[np.ndarray, " rows"]) -> Metrics:
    """Return correlation and error of values; all are NaN where no row has a label.

        R2 = 1 - sum((label - value)^2) / sum((label - mean of the labels)^2)

    Args:
        labels: What was measured.
        values: What is predicted, in the units of the labels.

    Raises:
        InputError: A value is not finite.
    """
    known = has_label("regression", labels)
    labels, values = labels[known].astype(np.float64), values[known].astype(np.float64)
    _refuse_any(~np.isfinite(values), values, "a finite number")
    _refuse_any(np.isinf(labels), labels, "a finite number, or NaN where there is none", what="label")
    if not labels.size:
        return dict.fromkeys(REGRESSION_METRICS, math.nan)
    mse = _mean(np.square(labels - values))
    varies = labels.size >= _MIN_VALUES and bool(np.ptp(labels) > 0)
    return {
        "pearson": _correlation(stats.pearsonr, labels, values) if varies else math.nan,
        "spearman": _correlation(stats.spearmanr, labels, values) if varies else math.nan,
        "r2": 1 - mse / float(labels.var()) if varies else math.nan,
        "mse": mse,
    }


def has_label(objective: Objective, labels: Real[np.ndarray, "*shape"]) -> Bool[np.ndarray, "*shape"]:
    """Say of each label whether there is one, as the loss of a head counts them."""
    is_number = ~np.isnan(labels.astype(np.float64))
    return is_number if objective == "regression" else is_number & (labels != IGNORED_LABEL)


def class_numbers(labels: Real[np.ndarray, " rows"], num_classes: int) -> Int[np.ndarray, " rows"]:
    """Return labels as numbers of classes.

    Raises:
        InputError: A label is no class.
    """
    is_class = (labels >= 0) & (labels < num_classes) & (labels == np.floor(labels))
    _refuse_any(~is_class, labels, f"a class from 0 to {num_classes - 1}", what="label")
    return labels.astype(np.int64)


def _correlation(
    correlate: Callable[..., Any], labels: Float[np.ndarray, " rows"], values: Float[np.ndarray, " rows"]
) -> float:
    """Return a correlation of scipy; NaN of a constant, which scipy warns of as well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.ConstantInputWarning)
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)
        return float(correlate(labels, values).statistic)


def _mean(numbers: NDArray[np.generic]) -> float:
    return float(numbers.mean(dtype=np.float64))


def _mean_of_defined(numbers: Sequence[float]) -> float:
    defined = [number for number in numbers if not math.isnan(number)]
    return math.fsum(defined) / len(defined) if defined else math.nan


def _check_probabilities(probabilities: Float[np.ndarray, "rows ..."]) -> None:
    # A comparison with NaN is false.
    _refuse_any(~((probabilities >= 0) & (probabilities <= 1)), probabilities, "a probability from 0 to 1")


def _check_sums(sums: Float[np.ndarray, " rows"]) -> None:
    _refuse_any(np.abs(sums - 1) > _SUM_TOLERANCE, sums, "1, the sum of the probabilities of a row")


def _refuse_any(
    wrong: Bool[np.ndarray, "rows ..."],
    values: Real[np.ndarray, "rows ..."],
    wanted: str,
    *,
    what: str = "prediction",
) -> None:
    """Name the first value that is wrong.

    Raises:
        InputError: One is.
    """
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        row = np.unravel_index(place, wrong.shape)[0] + 1
        raise InputError(f"{what} {values.flat[place]} of labelled row {row:,} must be {wanted}")
