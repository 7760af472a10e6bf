"""Labels as tables hold them, and as a head's loss takes them.

In: columns of a training table. Out: the options of the head that predicts them, and the labels of any table
as an array: the number of each row's class, or a number a column.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.table_cells import Column
from hyenadna_kit.io.tables import LabelledTable
from hyenadna_kit.training.finetune_config import FinetuneConfig

_MOST_SHOWN = 8
_LEAST_TO_MEASURE = 2


@dataclass(frozen=True)
class Labelling(ABC):
    """How the labels of one task are read."""

    names: tuple[str, ...]
    """Columns."""

    @abstractmethod
    def encode(self, table: LabelledTable, path: str) -> NDArray[np.generic]:
        """Return the labels of a table, one row an example.

        Raises:
            InputError: A label is none of this task; its row and value are named.
        """

    def check_measurable(self, labels: NDArray[np.generic], path: str) -> None:
        """Refuse labels that are all alike: nothing can be measured on them."""
        if len(np.unique(labels, axis=0)) < _LEAST_TO_MEASURE:
            raise InputError(f"{path}: every row has the same label; nothing can be measured on it")

    @abstractmethod
    def head_options(self, train: NDArray[np.generic], *, balanced: bool) -> dict[str, Any]:
        """Return what a head must know of the labels of the training table.

        Args:
            train: What ``encode`` made of them.
            balanced: Whether classes count alike.
        """


@dataclass(frozen=True)
class ClassLabels(Labelling):
    """One class a row."""

    classes: tuple[str, ...]
    """Their names, by number."""

    def encode(self, table: LabelledTable, path: str) -> NDArray[np.generic]:
        """Return the number of each row's class."""
        (name,) = self.names
        numbers = {label: number for number, label in enumerate(self.classes)}
        labels = _texts(table.columns[name])
        for row, label in enumerate(labels, start=1):
            if label not in numbers:
                raise InputError(
                    f"{path}, row {row}: class {label!r} is not in the training table, which has "
                    f"{_listed(self.classes)}; remove the row, or train on the class"
                )
        return np.array([numbers[label] for label in labels], dtype=np.int64)

    def head_options(self, train: NDArray[np.generic], *, balanced: bool) -> dict[str, Any]:
        """Return the names of the classes, and their weights."""
        counts = np.bincount(train, minlength=len(self.classes))
        weights = tuple(len(train) / (len(counts) * counts)) if balanced else ()
        return {"labels": self.classes, "class_weights": weights}


@dataclass(frozen=True)
class YesOrNoLabels(Labelling):
    """Columns of 0 and 1."""

    def encode(self, table: LabelledTable, path: str) -> NDArray[np.generic]:
        """Return the columns beside each other."""
        labels = _numbers(table, self.names, path)
        row, column = _first(~np.isin(labels, (0, 1)))
        if row is not None:
            found = f"{self.names[column]!r}: expected 0 or 1, got {labels[row, column]:g}"
            raise InputError(f"{path}, row {row + 1}, column {found}")
        return labels

    def head_options(self, train: NDArray[np.generic], *, balanced: bool) -> dict[str, Any]:
        """Return the names of the columns, and what a 1 of each counts."""
        share = np.asarray(train, dtype=np.float64).mean(0)
        for name, each in zip(self.names, share, strict=True):
            if each in (0, 1):
                raise InputError(
                    f"column {name!r} is {each:g} in every row of the training table; leave it out"
                )
        return {"labels": self.names, "class_weights": tuple((1 - share) / share) if balanced else ()}


@dataclass(frozen=True)
class NumberLabels(Labelling):
    """Columns of numbers."""

    def encode(self, table: LabelledTable, path: str) -> NDArray[np.generic]:
        """Return the columns beside each other."""
        return _numbers(table, self.names, path)

    def check_measurable(self, labels: NDArray[np.generic], path: str) -> None:
        """Refuse columns of which every one is constant, or has no number."""
        if not _ranges(np.asarray(labels, dtype=np.float64)).any():
            raise InputError(f"{path}: every row has the same label; nothing can be measured on it")

    def head_options(self, train: NDArray[np.generic], *, balanced: bool) -> dict[str, Any]:
        """Return the names of the columns, and by what they are brought to mean 0 and deviation 1."""
        del balanced
        numbers = np.asarray(train, dtype=np.float64)
        ranges = _ranges(numbers)
        for name, column, spread in zip(self.names, numbers.T, ranges, strict=True):
            if spread == 0:
                raise InputError(
                    f"column {name!r} is {column[0]:g} in every row of the training table; leave it out"
                )
        return {
            "labels": self.names,
            "target_mean": tuple(map(float, np.nanmean(numbers, axis=0))),
            "target_std": tuple(map(float, np.nanstd(numbers, axis=0))),
        }


def learn_labels(config: FinetuneConfig, train: LabelledTable, source: str) -> Labelling:
    """Return how the labels of a task are read, from its training table.

    Args:
        config: The options, with the columns of the table for label_columns.
        train: The training table.
        source: Where it comes from, for errors.

    Raises:
        InputError: The training table has too few classes, numbers of classes that leave one out, or text
            where numbers are predicted.
    """
    if config.task == "regression":
        return NumberLabels(config.label_columns)
    if config.task == "multilabel":
        return YesOrNoLabels(config.label_columns)
    return learn_classes(config, train.columns[config.label_columns[0]], source)


def learn_classes(config: FinetuneConfig, column: Column, source: str) -> ClassLabels:
    """Return how classes are numbered, from all of them in training.

    Raises:
        InputError: There are too few or too many classes, or numbers of classes that leave one out.
    """
    classes = _classes(column, source)
    if config.task == "binary" and len(classes) > 2:
        raise InputError(
            f"{source}: a binary task has two classes, got {_listed(classes)}; choose --task multiclass"
        )
    return ClassLabels(config.label_columns, classes)


def _classes(column: Column, path: str) -> tuple[str, ...]:
    """Return the names of the classes: numbers from 0 on, or texts in their order."""
    counts = Counter(_texts(column))
    if len(counts) < 2:
        raise InputError(f"{path}: every row has the class {next(iter(counts))!r}; a task needs two at least")
    if not isinstance(column, np.ndarray):
        return tuple(sorted(counts))
    names = tuple(map(str, range(len(counts))))
    if set(names) != set(counts):
        found = _listed(tuple(sorted(counts, key=float)))
        raise InputError(
            f"{path}: classes that are numbers must be 0 to {len(counts) - 1}, each with a row, got {found}; "
            "number them anew, or write names"
        )
    return names


def _texts(column: Column) -> list[str]:
    """Return a column of classes as text: 1 and 1.0 are the same class."""
    if isinstance(column, np.ndarray):
        return [f"{value:.0f}" if float(value).is_integer() else str(value) for value in column.tolist()]
    return list(column)


def _numbers(table: LabelledTable, names: Sequence[str], path: str) -> NDArray[np.float64]:
    for name in names:
        if not isinstance(table.columns[name], np.ndarray):
            found = f"holds text, such as {table.columns[name][0]!r}"
            raise InputError(f"{path}: column {name!r} {found}; numbers are predicted")
    return np.stack([np.asarray(table.columns[name], dtype=np.float64) for name in names], axis=1)


def _ranges(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far the numbers of each column reach, 0 where it has none; NaN is none."""
    is_number = ~np.isnan(numbers)
    highest = np.where(is_number, numbers, -np.inf).max(axis=0)
    lowest = np.where(is_number, numbers, np.inf).min(axis=0)
    return np.where(is_number.any(axis=0), highest - lowest, 0)


def _first(wrong: NDArray[np.bool_]) -> tuple[int | None, int]:
    places = np.argwhere(wrong)
    return (int(places[0][0]), int(places[0][1])) if len(places) else (None, 0)


def _listed(classes: Sequence[str]) -> str:
    more = f", ... ({len(classes)} in all)" if len(classes) > _MOST_SHOWN else ""
    return ", ".join(classes[:_MOST_SHOWN]) + more
