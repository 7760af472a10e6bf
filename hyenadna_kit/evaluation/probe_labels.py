"""What a probe predicts of every record, from a table.

In: a table, with a column of names or a row a record, and what the records are called. Out: numbers of
classes, or values, in the order of the records, and by the column ``side`` which of them are held out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Real
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
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

CLASS_OBJECTIVES = ("binary", "multiclass")
"""Objectives of which every row has one class."""

_MOST_NUMBERED_CLASSES = 20


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
        if self.objective in CLASS_OBJECTIVES:
            return tuple(self.names[number] for number in self.labels.tolist())
        return np.asarray(self.labels[:, 0], dtype=np.float64)


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
    if objective in CLASS_OBJECTIVES:
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
