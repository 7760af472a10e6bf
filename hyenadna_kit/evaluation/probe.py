"""What a linear model reads off embeddings, always on rows that it was not fitted on.

In: embeddings, one row a record, and their labels (:mod:`hyenadna_kit.evaluation.probe_labels`). Out: metrics
with 95 % intervals. Classes are told apart by a logistic regression or by linear discriminants, values are
predicted by a ridge regression.

Rows are held out by the column ``side`` of the table (fitted on ``train`` and ``validation``, measured on
``test``), or else five times in turn, a fifth each: every row is then predicted by a model that has not seen
it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy import sparse

from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.bootstrap import Estimate, bootstrap
from hyenadna_kit.evaluation.discriminant import fit_discriminant
from hyenadna_kit.evaluation.linear_model import LabelledRows, Penalty, fit_linear
from hyenadna_kit.evaluation.metrics import evaluate_predictions
from hyenadna_kit.evaluation.probe_labels import CLASS_OBJECTIVES, SIDE, ProbeLabels
from hyenadna_kit.windows.splits import TEST, VALIDATION

Classifier = Literal["logistic", "discriminant"]
"""What tells classes apart: logistic regression, or linear discriminants."""

NUM_FOLDS = 5
"""Parts that are held out in turn."""

_STRENGTHS = (0.1, 1.0, 0.01, 10.0, 0.001, 100.0)
_LEAST_ROWS = 2 * NUM_FOLDS


class Fold(NamedTuple):
    """One division of the rows."""

    fitted: Int[np.ndarray, " rows"]
    """Numbers of the rows that a probe is fitted on."""
    held_out: Int[np.ndarray, " rows"]
    """Numbers of those that it predicts."""
    decisive: Int[np.ndarray, " rows"] | None
    """Those of the fitted ones on which the penalty is chosen, before they are fitted, too; None draws a
    fifth of them."""


@dataclass(frozen=True)
class ProbeResult:
    """What a probe came to."""

    labels: ProbeLabels
    """What was predicted."""
    method: str
    """What predicted it: logistic, discriminant or ridge."""
    num_fitted: int
    """Rows that the probe, or each of those of several folds, was fitted on; of folds the fewest."""
    num_held_out: int
    """Rows that were predicted."""
    metrics: dict[str, Estimate]
    """Each with its 95 % interval, the held-out rows drawn anew."""

    def as_plain_data(self) -> dict[str, Any]:
        """Return it for JSON, with None for what is not defined."""
        way = f"{NUM_FOLDS} folds" if self.labels.sides is None else f"column {SIDE}"
        metrics = {name: each._asdict() for name, each in self.metrics.items()}
        return {
            "task": self.labels.objective,
            "labels": list(self.labels.names),
            "method": self.method,
            "held_out_by": way,
            "rows_fitted": self.num_fitted,
            "rows_held_out": self.num_held_out,
            "metrics": {
                name: {key: value if math.isfinite(value) else None for key, value in numbers.items()}
                for name, numbers in metrics.items()
            },
        }


def check_probe(labels: ProbeLabels, *, classifier: Classifier = "logistic", seed: int = 0) -> list[Fold]:
    """Return the folds of a probe that can be made.

    Embeddings are not needed for that: a fault of the labels is known before they are computed.

    Args:
        labels: What is predicted.
        classifier: What tells classes apart.
        seed: Of the folds.

    Raises:
        InputError: There are fewer than 10 rows, a class has no row to fit (or one, for discriminants), or
            discriminants are asked for where labels are no classes.
    """
    if len(labels.labels) < _LEAST_ROWS:
        raise InputError(f"a probe needs {_LEAST_ROWS} records at least, got {len(labels.labels)}")
    folds = list(_folds(labels, np.random.default_rng(seed)))
    if labels.objective in CLASS_OBJECTIVES:
        for fold in folds:
            _check_classes(labels, fold, least=2 if classifier == "discriminant" else 1)
    elif classifier == "discriminant":
        raise InputError(
            f"linear discriminants tell classes apart, and the labels are {labels.objective}; where they are "
            "classes, say so by the task"
        )
    return folds


def _check_classes(labels: ProbeLabels, fold: Fold, *, least: int) -> None:
    """Refuse classes of which too few rows are fitted."""
    fitted = np.bincount(labels.labels[fold.fitted], minlength=len(labels.names))
    wanted = np.bincount(labels.labels[fold.held_out], minlength=len(labels.names)) + fitted > 0
    lacking = np.flatnonzero(wanted & (fitted < least))
    if lacking.size:
        first = int(lacking[0])
        raise InputError(
            f"class {labels.names[first]!r} has {fitted[first]} rows to fit and needs {least}; give it more "
            "rows that are not held out, or leave it out"
        )


def probe(
    embeddings: Float[np.ndarray, "rows width"],
    labels: ProbeLabels,
    *,
    classifier: Classifier = "logistic",
    seed: int = 0,
) -> ProbeResult:
    """Fit linear models on embeddings, and measure them on rows that they were not fitted on.

    Args:
        embeddings: One row a record.
        labels: What is predicted.
        classifier: What tells classes apart. Discriminants choose no penalty.
        seed: Of the folds and of the draws of intervals.

    Raises:
        InputError: The labels allow no probe, see :func:`check_probe`, or there is nothing to fit or measure.
    """
    folds, generator = check_probe(labels, classifier=classifier, seed=seed), np.random.default_rng(seed)
    predict = _discriminant if classifier == "discriminant" else _penalised
    predictions = [predict(embeddings, labels, fold, generator) for fold in folds]
    rows = np.concatenate([fold.held_out for fold in folds])
    truth, found = labels.labels[rows], np.concatenate(predictions).astype(np.float32)
    metrics = bootstrap(
        lambda drawn: evaluate_predictions(labels.objective, truth[drawn], found[drawn]),
        len(rows),
        generator=generator,
    )
    method = "ridge" if labels.objective == "regression" else classifier
    return ProbeResult(labels, method, min(len(fold.fitted) for fold in folds), len(rows), metrics)


def _discriminant(
    embeddings: NDArray[np.floating[Any]], labels: ProbeLabels, fold: Fold, _: np.random.Generator
) -> NDArray[np.float64]:
    """Return what linear discriminants say of held-out rows."""
    fitted = embeddings[fold.fitted].astype(np.float64)
    classes = labels.labels[fold.fitted].astype(np.int64)
    predict = fit_discriminant(fitted, classes, num_classes=len(labels.names))
    probabilities = predict(embeddings[fold.held_out].astype(np.float64))
    return probabilities[:, 1:] if labels.objective == "binary" else probabilities


def _penalised(
    embeddings: NDArray[np.floating[Any]], labels: ProbeLabels, fold: Fold, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Return what a logistic or ridge regression says of held-out rows."""
    fitted = embeddings[fold.fitted].astype(np.float64)
    mean, deviation = fitted.mean(0), fitted.std(0)
    deviation[deviation == 0] = 1

    def features(rows: NDArray[np.int64]) -> sparse.csr_matrix:
        """Return rows with mean 0 and deviation 1 among those that are fitted."""
        return sparse.csr_matrix((embeddings[rows] - mean) / deviation)

    decisive = fold.decisive
    if decisive is None:
        decisive = next(_turns(labels, fold.fitted, generator)).held_out
    train = np.setdiff1d(fold.fitted, decisive)
    width = embeddings.shape[1]
    model = fit_linear(
        labels.objective,
        LabelledRows(features(train), labels.labels[train]),
        penalty=Penalty(tuple(strength / width for strength in _STRENGTHS), refit=True),
        validation=LabelledRows(features(decisive), labels.labels[decisive]),
        num_classes=len(labels.names),
    )
    return np.asarray(model.predict(features(fold.held_out)), dtype=np.float64)


def _folds(labels: ProbeLabels, generator: np.random.Generator) -> Iterator[Fold]:
    if labels.sides is None:
        yield from _turns(labels, np.arange(len(labels.labels)), generator)
        return
    sides = np.array(labels.sides)
    decisive = np.flatnonzero(sides == VALIDATION)
    yield Fold(
        np.flatnonzero(sides != TEST), np.flatnonzero(sides == TEST), decisive if decisive.size else None
    )


def _turns(labels: ProbeLabels, rows: NDArray[np.int64], generator: np.random.Generator) -> Iterator[Fold]:
    """Yield the rows with a fifth held out, five times; classes are spread evenly."""
    shuffled = generator.permutation(rows)
    if labels.objective in CLASS_OBJECTIVES:
        shuffled = shuffled[np.argsort(labels.labels[shuffled], kind="stable")]
    turn = np.arange(len(shuffled)) % NUM_FOLDS
    for number in range(NUM_FOLDS):
        yield Fold(np.sort(shuffled[turn != number]), np.sort(shuffled[turn == number]), None)
