"""What a linear model reads off embeddings, always on rows that it was not fitted on.

In: embeddings, one row a record, and labels from a table. Out: metrics with 95 % intervals. Classes are told
apart by a logistic regression or by linear discriminants, values are predicted by a ridge regression.

Rows are held out by the column ``side`` of the table (fitted on ``train`` and ``validation``, measured on
``test``), or else five times in turn, a fifth each: every row is then predicted by a model that has not seen
it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Real
from numpy.typing import NDArray
from scipy import sparse

from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.bootstrap import Estimate, bootstrap
from hyenadna_kit.evaluation.discriminant import fit_discriminant
from hyenadna_kit.evaluation.linear_model import LabelledRows, Penalty, fit_linear
from hyenadna_kit.evaluation.metrics import evaluate_predictions
from hyenadna_kit.heads.objectives import Objective
from hyenadna_kit.io.label_columns import NAME, expand_columns
from hyenadna_kit.io.label_table import read_label_table
from hyenadna_kit.io.table_blocks import Cells
from hyenadna_kit.io.table_cells import Column
from hyenadna_kit.io.tables import read_raw_table, table_columns
from hyenadna_kit.io.text_lines import shortened
from hyenadna_kit.io.typed_columns import first_without_label
from hyenadna_kit.windows.splits import SIDES, TEST, TRAIN, VALIDATION

SIDE = "side"
"""The column that says which rows are held out: ``train``, ``validation`` or ``test``."""

Classifier = Literal["logistic", "discriminant"]
"""What tells classes apart: logistic regression, or linear discriminants."""

NUM_FOLDS = 5
"""Parts that are held out in turn."""

_CLASSES = ("binary", "multiclass")
_STRENGTHS = (0.1, 1.0, 0.01, 10.0, 0.001, 100.0)
_MOST_NUMBERED_CLASSES = 20
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
class ProbeLabels:
    """What is predicted of every record."""

    objective: Objective
    """What kind of labels they are."""
    labels: Real[np.ndarray, "rows ..."]
    """Number of the class of each row, or a number a column."""
    names: tuple[str, ...]
    """Names of the classes, or of the columns."""
    sides: tuple[str, ...] | None = None
    """``train``, ``validation`` or ``test`` of each row; None holds rows out in turn."""

    def colours(self) -> tuple[str, ...] | NDArray[np.floating[Any]]:
        """Return the class of each row, or the number in its first column."""
        if self.objective in _CLASSES:
            return tuple(self.names[number] for number in self.labels.tolist())
        return np.asarray(self.labels[:, 0], dtype=np.float64)


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


def read_probe_labels(
    path: Path, names: Sequence[str], label_columns: Sequence[str], objective: Objective | None = None
) -> ProbeLabels:
    """Read the labels of records.

    Args:
        path: Table: with a column ``name``, rows are matched by it; without one, they are those of the
            records, in their order.
        names: What the records are called.
        label_columns: What is predicted.
        objective: What kind of labels they are. None: text, and up to 20 different whole numbers from 0 on,
            are classes; other numbers are values; several columns of 0 and 1 are labels of their own.

    Raises:
        InputError: A record has no label, the table has other rows, or the labels are none of that kind.
    """
    columns, sides = _columns_of_records(path, names, label_columns)
    found = _encode(path, columns, objective or _usual_objective(columns))
    if sides is None:
        return found
    texts = tuple(map(str, sides.tolist() if isinstance(sides, np.ndarray) else sides))
    wrong = next((text for text in texts if text not in SIDES), None)
    if wrong is not None or not {TRAIN, TEST} <= set(texts):
        has = " and ".join(sorted(set(texts))) if wrong is None else shortened(wrong)
        raise InputError(
            f"{path}: column {SIDE!r} must say {TRAIN} and {TEST}, and may say {VALIDATION}; it holds {has}"
        )
    return ProbeLabels(found.objective, found.labels, found.names, texts)


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
    if labels.objective in _CLASSES:
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
    if labels.objective in _CLASSES:
        shuffled = shuffled[np.argsort(labels.labels[shuffled], kind="stable")]
    turn = np.arange(len(shuffled)) % NUM_FOLDS
    for number in range(NUM_FOLDS):
        yield Fold(np.sort(shuffled[turn != number]), np.sort(shuffled[turn == number]), None)


def _columns_of_records(
    path: Path, names: Sequence[str], label_columns: Sequence[str]
) -> tuple[dict[str, Column], Column | None]:
    """Return the label columns in the order of the records, and that of sides where there is one."""
    raw = read_raw_table(path)
    wanted = [*label_columns, *((SIDE,) if SIDE in raw.names else ())]
    if NAME in raw.names:
        table = read_label_table(path, wanted)
        lost = next((name for name in names if name not in table.rows), None)
        if lost is not None:
            raise InputError(f"{path}: there is no label of record {shortened(lost)}; add one")
        order = [table.rows[name] for name in names]
        columns = {name: _taken(column, order) for name, column in table.columns.items()}
    else:
        columns = _in_order(path, wanted, len(names))
    return columns, columns.pop(SIDE, None)


def _in_order(path: Path, wanted: Sequence[str], num_records: int) -> dict[str, Column]:
    """Return columns of a table whose rows are the records."""
    raw = read_raw_table(path)
    try:
        columns: dict[str, list[Cells]] = {name: [] for name in expand_columns(wanted, raw.names)}
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    num_rows = 0
    for block in raw.blocks:
        num_rows += len(block.numbers)
        cells = dict(zip(raw.names, block.columns, strict=True))
        unlabelled = first_without_label({name: cells[name] for name in columns})
        if unlabelled is not None:
            unlabelled.refuse(cells, f"{path}, {raw.place} {block.numbers[unlabelled.row]}")
        for name, parts in columns.items():
            parts.append(cells[name].narrowed())
    if num_rows != num_records:
        raise InputError(
            f"{path} has {num_rows:,} rows without names, and there are {num_records:,} records; give it a "
            f"column {NAME!r}, or a row a record"
        )
    return table_columns(path, raw, columns)


def _taken(column: Column, order: list[int]) -> Column:
    return column[order] if isinstance(column, np.ndarray) else tuple(column[row] for row in order)


def _usual_objective(columns: dict[str, Column]) -> Objective:
    if len(columns) > 1:
        of_yes = all(
            isinstance(each, np.ndarray) and set(each.tolist()) <= {0, 1} for each in columns.values()
        )
        return "multilabel" if of_yes else "regression"
    (column,) = columns.values()
    classes = set(column.tolist() if isinstance(column, np.ndarray) else column)
    is_numbered = classes == set(range(len(classes))) and len(classes) <= _MOST_NUMBERED_CLASSES
    if isinstance(column, np.ndarray) and not is_numbered:
        return "regression"
    return "binary" if len(classes) == 2 else "multiclass"


def _encode(path: Path, columns: dict[str, Column], objective: Objective) -> ProbeLabels:
    if objective in ("binary", "multiclass"):
        return _classes(path, columns, objective)
    for name, column in columns.items():
        if not isinstance(column, np.ndarray):
            raise InputError(
                f"{path}: column {name!r} holds text, such as {column[0]!r}; numbers are predicted"
            )
    numbers = np.stack([np.asarray(column, dtype=np.float64) for column in columns.values()], axis=1)
    return ProbeLabels(objective, numbers, tuple(columns))


def _classes(path: Path, columns: dict[str, Column], objective: Objective) -> ProbeLabels:
    if len(columns) > 1:
        raise InputError(f"{path}: a {objective} probe has one label column, got {', '.join(columns)}")
    (column,) = columns.values()
    values: list[Any] = column.tolist() if isinstance(column, np.ndarray) else list(column)
    classes = sorted(set(values))
    if len(classes) < 2 or (objective == "binary" and len(classes) > 2):
        wanted = "two classes" if objective == "binary" else "at least two classes"
        shown = ", ".join(map(str, classes[:8]))
        raise InputError(f"{path}: a {objective} probe needs {wanted}, got {len(classes)} ({shown})")
    numbers = {label: number for number, label in enumerate(classes)}
    labels = np.array([numbers[value] for value in values], dtype=np.int64)
    return ProbeLabels(objective, labels, tuple(map(str, classes)))
