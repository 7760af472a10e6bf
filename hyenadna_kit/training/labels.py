"""Labels as tables hold them, and as a head's loss takes them.

In: columns of a training table. Out: the options of the head that predicts them, and the labels of any table
as an array: the number of each row's class, or a number a column.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.table_blocks import first_row
from hyenadna_kit.io.table_cells import Column
from hyenadna_kit.io.tables import LabelledTable
from hyenadna_kit.training.finetune_config import FinetuneConfig

_MOST_SHOWN = 8
_NO_CLASS = -1
_ROWS_AT_A_TIME = 4096


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
        if not varies(labels):
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
        found = _distinct(table.columns[name])
        labels = np.array([numbers.get(text, _NO_CLASS) for text in found.texts], dtype=np.int64)[found.codes]
        row = first_row(labels == _NO_CLASS)
        if row is not None:
            label = found.texts[found.codes[row]]
            raise InputError(
                f"{path}, row {row + 1}: class {label!r} is not in the training table, which has "
                f"{_listed(self.classes)}; remove the row, or train on the class"
            )
        return labels

    def head_options(self, train: NDArray[np.generic], *, balanced: bool) -> dict[str, Any]:
        """Return the names of the classes, and their weights."""
        counts = np.bincount(train, minlength=len(self.classes))
        weights = tuple((len(train) / (len(counts) * counts)).tolist()) if balanced else ()
        return {"labels": self.classes, "class_weights": weights}


@dataclass(frozen=True)
class YesOrNoLabels(Labelling):
    """Columns of 0 and 1."""

    def encode(self, table: LabelledTable, path: str) -> NDArray[np.generic]:
        """Return the columns beside each other, as int8."""
        columns = _numbers(table, self.names, path)
        rows = {name: first_row((each != 0) & (each != 1)) for name, each in columns.items()}
        wrong = {name: row for name, row in rows.items() if row is not None}
        if wrong:
            name = min(wrong, key=lambda name: wrong[name])
            row = wrong[name]
            found = f"{name!r}: expected 0 or 1, got {float(columns[name][row]):g}"
            raise InputError(f"{path}, row {row + 1}, column {found}")
        return _beside(list(columns.values()), np.int8)

    def head_options(self, train: NDArray[np.generic], *, balanced: bool) -> dict[str, Any]:
        """Return the names of the columns, and what a 1 of each counts."""
        share = train.mean(axis=0, dtype=np.float64)
        for name, each in zip(self.names, share, strict=True):
            if each in (0, 1):
                raise InputError(
                    f"column {name!r} is {each:g} in every row of the training table; leave it out"
                )
        weights = tuple(((1 - share) / share).tolist()) if balanced else ()
        return {"labels": self.names, "class_weights": weights}


@dataclass(frozen=True)
class NumberLabels(Labelling):
    """Columns of numbers."""

    def encode(self, table: LabelledTable, path: str) -> NDArray[np.generic]:
        """Return the columns beside each other."""
        return _beside(list(_numbers(table, self.names, path).values()), np.float64)

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
    found = dict.fromkeys(_distinct(column).texts)
    if len(found) < 2:
        raise InputError(f"{path}: every row has the class {next(iter(found))!r}; a task needs two at least")
    if not isinstance(column, np.ndarray):
        return tuple(sorted(found))
    names = tuple(map(str, range(len(found))))
    if set(names) != set(found):
        listed = _listed(tuple(sorted(found, key=float)))
        raise InputError(
            f"{path}: classes that are numbers must be 0 to {len(found) - 1}, each with a row, got {listed}; "
            "number them anew, or write names"
        )
    return names


class _Distinct(NamedTuple):
    """What a column of classes holds."""

    texts: Sequence[str]
    """Its classes as text: 1 and 1.0 are the same class."""
    codes: NDArray[np.int64]
    """Number of the text of each row."""


def _distinct(column: Column) -> _Distinct:
    if not isinstance(column, np.ndarray):
        codes = {text: code for code, text in enumerate(dict.fromkeys(column))}
        return _Distinct(tuple(codes), np.fromiter(map(codes.__getitem__, column), np.int64, len(column)))
    # By their bits, for -0.0 is another text than 0.0.
    values, codes_of_rows = np.unique(column.view(f"i{column.itemsize}"), return_inverse=True)
    texts = [
        f"{value:.0f}" if float(value).is_integer() else str(value)
        for value in values.view(column.dtype).tolist()
    ]
    return _Distinct(texts, codes_of_rows)


def varies(labels: NDArray[np.generic]) -> bool:
    """Say whether two rows differ."""
    return len(labels) > 1 and bool((labels.max(axis=0) != labels.min(axis=0)).any())


def _numbers(table: LabelledTable, names: Sequence[str], path: str) -> dict[str, NDArray[Any]]:
    for name in names:
        if not isinstance(table.columns[name], np.ndarray):
            found = f"holds text, such as {table.columns[name][0]!r}"
            raise InputError(f"{path}: column {name!r} {found}; numbers are predicted")
    return {name: np.asarray(table.columns[name]) for name in names}


def _beside(columns: Sequence[NDArray[Any]], dtype: type[np.generic]) -> NDArray[np.generic]:
    """Return columns as those of one array, some thousand rows at a time: a row stays in the cache."""
    beside = np.empty((len(columns[0]), len(columns)), dtype=dtype)
    for start in range(0, len(beside), _ROWS_AT_A_TIME):
        rows = slice(start, start + _ROWS_AT_A_TIME)
        np.stack([column[rows] for column in columns], axis=1, out=beside[rows], casting="unsafe")
    return beside


def _ranges(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far the numbers of each column reach, 0 where it has none; NaN is none."""
    is_number = ~np.isnan(numbers)
    highest = np.where(is_number, numbers, -np.inf).max(axis=0)
    lowest = np.where(is_number, numbers, np.inf).min(axis=0)
    return np.where(is_number.any(axis=0), highest - lowest, 0)


def _listed(classes: Sequence[str]) -> str:
    more = f", ... ({len(classes)} in all)" if len(classes) > _MOST_SHOWN else ""
    return ", ".join(classes[:_MOST_SHOWN]) + more
