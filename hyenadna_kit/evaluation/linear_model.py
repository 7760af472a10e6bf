"""Linear models with an L2 penalty: logistic regression of classes, ridge regression of values.

In: a sparse matrix of features, and labels as the loss of a head takes them. Out: a model whose predictions
are laid out as those of a head. The penalty is chosen on rows that are set aside for it.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Real
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.confusion import Confusion
from hyenadna_kit.evaluation.metrics import class_numbers, has_label
from hyenadna_kit.heads.objectives import Objective

Predict = Callable[[sparse.csr_matrix], Float[np.ndarray, "rows outputs"]]
"""From features to probabilities or values, laid out as ``predictions`` of a head."""

_RIDGE_TOLERANCE, _MAX_ITERATIONS = 1e-6, 2000
_LEAST_PROBABILITY = 1e-12

_FULL = 2 / 3
"""Share of features other than 0 from which an array is smaller than a sparse matrix, and faster."""


class LabelledRows(NamedTuple):
    """Rows and what is to be predicted of them."""

    features: sparse.csr_matrix
    """One row each."""
    labels: Real[np.ndarray, "rows ..."]
    """Number of the class of each row, or one label a column; NaN (of classes -100 too) is none."""


@dataclass(frozen=True)
class Penalty:
    """Which strengths are tried, and what decides between them."""

    strengths: tuple[float, ...]
    """C of ``C * sum of the losses + |weights|^2 / 2``, where the loss of a value is half its squared error.
    The first one is taken where nothing decides."""
    criterion: Literal["loss", "mcc"] = "loss"
    """What is best on the rows set aside: the lowest loss, or the highest MCC. Of values it is the loss."""
    tolerance: float = 1e-4
    """Where a logistic regression stops: the largest slope of the mean loss that is left."""
    refit: bool = False
    """Fit the best one anew, on the rows set aside as well."""

    def __post_init__(self) -> None:
        if not self.strengths or not all(0 < strength < math.inf for strength in self.strengths):
            raise ValueError(f"strengths must be one or more finite numbers above 0, got {self.strengths}")


class _Fit(NamedTuple):
    """What one strength gives."""

    strength: float
    predict: Predict


@dataclass(frozen=True)
class LinearModel:
    """One fit of all classes, or one of each column."""

    fits: tuple[_Fit, ...]
    """In the order of the columns."""

    @property
    def strengths(self) -> tuple[float, ...]:
        """The strength of each fit; NaN where training had one class, and there was none."""
        return tuple(fit.strength for fit in self.fits)

    def predict(self, features: sparse.csr_matrix) -> Float[np.ndarray, "rows outputs"]:
        """Return probabilities or values, laid out as ``predictions`` of a head."""
        return np.concatenate([fit.predict(features) for fit in self.fits], axis=1)


def fit_linear(
    objective: Objective,
    train: LabelledRows,
    *,
    penalty: Penalty,
    validation: LabelledRows | None = None,
    num_classes: int = 2,
) -> LinearModel:
    """Fit logistic regressions (binary, multiclass, multilabel) or ridge regressions.

    A column, or all classes, of which training has a single one is predicted to be that one.

    Args:
        objective: What is predicted. The columns of multilabel and regression are fitted one by one.
        train: Rows to fit.
        penalty: Strengths that are tried on ``validation``.
        validation: Rows set aside, which decide between the strengths; None takes the first strength.
        num_classes: Classes of multiclass.

    Raises:
        InputError: A column has no label in training, or a label is no class.
    """
    if objective == "multiclass":
        fit = _fit(objective, train, validation, penalty=penalty, num_classes=num_classes)
        return LinearModel((fit,))
    fits = []
    for column in range(1 if train.labels.ndim == 1 else train.labels.shape[1]):
        of_validation = None if validation is None else _column(validation, column)
        fits.append(_fit(objective, _column(train, column), of_validation, penalty=penalty, num_classes=2))
    if objective != "regression":
        fits = [_Fit(fit.strength, _second_output(fit.predict)) for fit in fits]
    return LinearModel(tuple(fits))


def _fit(
    objective: Objective,
    train: LabelledRows,
    validation: LabelledRows | None,
    *,
    penalty: Penalty,
    num_classes: int,
) -> _Fit:
    """Fit one label a row."""
    best = _best_fit(objective, train, validation, penalty=penalty, num_classes=num_classes)
    if validation is None or not penalty.refit:
        return best
    if not math.isnan(best.strength):
        penalty = replace(penalty, strengths=(best.strength,))
    return _best_fit(objective, _joined(train, validation), None, penalty=penalty, num_classes=num_classes)


def _joined(*parts: LabelledRows) -> LabelledRows:
    features, labels = zip(*parts, strict=True)
    return LabelledRows(sparse.vstack(features, format="csr"), np.concatenate(labels))


def _best_fit(
    objective: Objective,
    train: LabelledRows,
    validation: LabelledRows | None,
    *,
    penalty: Penalty,
    num_classes: int,
) -> _Fit:
    """Fit one label a row with each strength, and return the best."""
    train = _with_label(objective, train)
    if not train.labels.size:
        raise InputError("no row of the training side has a label in one of the columns; leave it out")
    if objective == "regression":
        fits = (_Fit(strength, _ridge(train, strength)) for strength in penalty.strengths)
    else:
        train = _with_classes(train, num_classes)
        if np.ptp(train.labels) == 0:
            return _Fit(math.nan, _constant(np.eye(num_classes)[train.labels[0]]))
        fits = (
            _Fit(strength, _logistic(train, strength, penalty.tolerance, num_classes))
            for strength in penalty.strengths
        )
    validation = None if validation is None else _with_label(objective, validation)
    if validation is None or not validation.labels.size:
        return next(fits)
    if objective == "regression":
        return max(fits, key=lambda fit: -_mean_square(fit.predict, validation))
    decisive, score = _with_classes(validation, num_classes), _SCORES[penalty.criterion]
    return max(fits, key=lambda fit: score(fit.predict(decisive.features), decisive.labels))


def _logistic(rows: LabelledRows, strength: float, tolerance: float, num_classes: int) -> Predict:
    model = LogisticRegression(C=strength, tol=tolerance, max_iter=_MAX_ITERATIONS)
    with warnings.catch_warnings():
        # Stopped early it is as good a floor: what is left to gain is less than the labels can tell.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(_compact(rows.features), rows.labels)

    def predict(features: sparse.csr_matrix) -> Float[np.ndarray, "rows outputs"]:
        probabilities = np.zeros((features.shape[0], num_classes))
        probabilities[:, model.classes_] = model.predict_proba(features)
        return probabilities

    return predict


def _compact(features: sparse.csr_matrix) -> sparse.csr_matrix | Float[np.ndarray, "rows features"]:
    return features.toarray() if features.nnz > _FULL * math.prod(features.shape) else features


def _ridge(rows: LabelledRows, strength: float) -> Predict:
    model = Ridge(alpha=1 / strength, solver="sparse_cg", tol=_RIDGE_TOLERANCE, max_iter=_MAX_ITERATIONS)
    model.fit(rows.features, rows.labels)
    return lambda features: model.predict(features)[:, None]


def _constant(outputs: Float[np.ndarray, " outputs"]) -> Predict:
    return lambda features: np.tile(outputs, (features.shape[0], 1))


def _second_output(predict: Predict) -> Predict:
    """Return the probability of yes, of those of no and yes."""
    return lambda features: predict(features)[:, 1:]


def _likelihood(probabilities: Float[np.ndarray, "rows outputs"], classes: Int[np.ndarray, " rows"]) -> float:
    of_class = np.take_along_axis(probabilities, classes[:, None], axis=1)
    # A class that training lacks has the probability 0.
    return float(np.log(np.maximum(of_class, _LEAST_PROBABILITY)).mean())


def _mcc(probabilities: Float[np.ndarray, "rows outputs"], classes: Int[np.ndarray, " rows"]) -> float:
    mcc = Confusion.of_rows(classes, probabilities.argmax(axis=1), probabilities.shape[1]).mcc
    return -math.inf if math.isnan(mcc) else mcc


_SCORES = {"loss": _likelihood, "mcc": _mcc}


def _mean_square(predict: Predict, rows: LabelledRows) -> float:
    return float(np.square(predict(rows.features)[:, 0] - rows.labels).mean())


def _column(rows: LabelledRows, column: int) -> LabelledRows:
    return rows if rows.labels.ndim == 1 else LabelledRows(rows.features, rows.labels[:, column])


def _with_label(objective: Objective, rows: LabelledRows) -> LabelledRows:
    """Return the rows that have a label."""
    known = has_label(objective, rows.labels)
    return rows if known.all() else LabelledRows(rows.features[np.flatnonzero(known)], rows.labels[known])


def _with_classes(rows: LabelledRows, num_classes: int) -> LabelledRows:
    return LabelledRows(rows.features, class_numbers(rows.labels, num_classes))
