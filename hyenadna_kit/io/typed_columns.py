"""Columns of a table, from the cells that its file holds: as numbers where all are numbers, else as text.

In: cells, block after block. Out: one array of numbers, or one tuple of text. Nothing but 0 and 1 is int8,
other whole numbers are int64, and all others float64.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.table_blocks import Cell, Cells, NumberCells, TextCells, first_row
from hyenadna_kit.io.table_cells import Column, lacks_label, require_label

_MAX_DIGITS = 18
# As Python and pandas write numbers: 007 and +5 are names.
_DIGITS = rf"(?:0|[1-9][0-9]{{0,{_MAX_DIGITS - 1}}})"
_WHOLE = re.compile(rf"-?{_DIGITS}")
_NUMBER = re.compile(
    rf"-?(?:{_DIGITS}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|-?inf|nan", re.IGNORECASE | re.ASCII
)


class Unlabelled(NamedTuple):
    """Where a label is missing."""

    row: int
    """Of the block, from 0."""
    column: str
    """Its name."""

    def refuse(self, columns: Mapping[str, Cells], place: str) -> None:
        """Raise the error of this label.

        Raises:
            InputError: Always; it names the place, the column and what stands there.
        """
        try:
            require_label(self.column, columns[self.column].cell(self.row))
        except InputError as error:
            raise InputError(f"{place}, {error}") from None


def first_without_label(columns: Mapping[str, Cells]) -> Unlabelled | None:
    """Return the first row of a block that lacks a label, and the first column in which it does."""
    rows = {name: _row_without_label(cells) for name, cells in columns.items()}
    found = [Unlabelled(row, name) for name, row in rows.items() if row is not None]
    return min(found, key=lambda place: place.row, default=None)


def column_of_text(cells: Sequence[str]) -> Column:
    """Return the cells of a text file as numbers where all that are not empty are numbers."""
    import pyarrow as pa

    return column_of_text_cells([TextCells.of(pa.array(cells, pa.large_string()))])


def column_of_text_cells(parts: Sequence[Cells]) -> Column:
    """Return the same of cells in parts, which are text."""
    if not parts:
        return ()
    whole = TextCells.joined(cast("Sequence[TextCells]", parts))
    distinct: list[str] = whole.distinct.to_pylist()
    present = [cell for cell in distinct if cell]
    if not present or not all(map(_NUMBER.fullmatch, present)):
        return tuple(whole.each(distinct))
    if len(present) == len(distinct) and all(map(_WHOLE.fullmatch, present)):
        return _whole_numbers(np.array([int(cell) for cell in distinct], dtype=np.int64))[whole.codes]
    return np.array([float(cell or "nan") for cell in distinct], dtype=np.float64)[whole.codes]


def column_of_value_cells(parts: Sequence[Cells]) -> Column:
    """Return typed cells as one array of numbers or as text; booleans are 0 and 1.

    Raises:
        OverflowError: A whole number does not fit into 64 bits.
    """
    if parts and isinstance(parts[0], TextCells):
        whole = TextCells.joined(cast("Sequence[TextCells]", parts))
        return tuple(whole.each([cell or "" for cell in whole.distinct.to_pylist()]))
    numbers = cast("Sequence[NumberCells]", parts)
    if parts and all(part.is_missing is not None and part.is_missing.all() for part in numbers):
        return ("",) * sum(len(part.values) for part in numbers)
    if any(part.is_missing is not None or part.values.dtype.kind == "f" for part in numbers):
        return np.concatenate([_floats(part) for part in numbers])
    if parts and all(part.values.dtype in (np.int8, np.bool_) for part in numbers):
        return _whole_numbers(np.concatenate([part.values.astype(np.int8) for part in numbers]))
    return np.concatenate([np.zeros(0, np.int64), *(_int64(part.values) for part in numbers)])


def column_of_values(cells: Sequence[Cell]) -> Column:
    """Return cells of any types as one array of numbers or as text, in the same way.

    Raises:
        OverflowError: A whole number does not fit into 64 bits.
    """
    kinds = {type(cell) for cell in cells}
    if str in kinds or kinds == {type(None)}:
        return tuple("" if cell is None else str(cell) for cell in cells)
    if float in kinds or type(None) in kinds:
        return np.array([math.nan if cell is None else cell for cell in cells], dtype=np.float64)
    return _whole_numbers(np.array(cells, dtype=np.int64))


def _row_without_label(cells: Cells) -> int | None:
    if isinstance(cells, TextCells):
        return cells.first(lacks_label)
    is_lacking = np.zeros(len(cells.values), np.bool_) if cells.is_missing is None else cells.is_missing
    if cells.values.dtype.kind == "f":
        is_lacking = is_lacking | ~np.isfinite(cells.values)
    return first_row(is_lacking)


def _whole_numbers(values: NDArray[np.int8] | NDArray[np.int64]) -> NDArray[np.int8] | NDArray[np.int64]:
    is_flags = len(values) and values.min() >= 0 and values.max() <= 1
    return values.astype(np.int8) if is_flags else values.astype(np.int64)


def _floats(cells: NumberCells) -> NDArray[np.float64]:
    values = cells.values.astype(np.float64)
    return values if cells.is_missing is None else np.where(cells.is_missing, np.nan, values)


def _int64(values: NDArray[Any]) -> NDArray[np.int64]:
    if len(values) and int(values.max()) > np.iinfo(np.int64).max:
        raise OverflowError(f"{values.max()} does not fit into 64 bits")
    return values.astype(np.int64)
