"""Labelled tables read one cell after the other, slowly: what the reader must agree with."""

import csv
import math
import re

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.table_cells import interval_of, require_label, sequence_of

PLACE = ("contig", "start", "end")
RESERVED = ("sequence", *PLACE, "strand")
WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
NUMBER = re.compile(
    r"-?((0|[1-9][0-9]{0,17})(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|-?[iI][nN][fF]|[nN][aA][nN]"
)


def read_text(path, text, labels):
    """Return sequences, intervals and columns of a text with commas, or raise the first error of its rows."""
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line]
    names = lines[0][1].split(",")
    return _read(path, names, _rows_of_text(path, lines[1:], names), labels, ("line", _column_of_text))


def read_values(path, columns, labels):
    """Return the same of typed columns, as Parquet has them."""
    rows = enumerate(zip(*columns.values(), strict=True), start=1)
    return _read(path, list(columns), rows, labels, ("row", _column_of_values))


def _rows_of_text(path, lines, names):
    for number, line in lines:
        try:
            values = next(csv.reader([line], strict=True))
        except csv.Error as error:
            hint = "a value in quotes must end on its line, and a quote in it is doubled"
            raise InputError(f"{path}, line {number}: {error}; {hint}") from None
        if len(values) != len(names):
            expected = f"{len(names)} values ({', '.join(names)[:80]})"
            raise InputError(f"{path}, line {number}: expected {expected}, got {len(values)}")
        yield number, values


def _read(path, names, rows, labels, format_of_file):
    what, column_of = format_of_file
    sequences, intervals, columns = [], [], {name: [] for name in names if name not in RESERVED}
    for number, row in rows:
        cells = dict(zip(names, row, strict=True))
        try:
            if "sequence" in cells:
                sequences.append(sequence_of(cells["sequence"]))
            else:
                intervals.append(interval_of(cells))
            for label in labels:
                require_label(label, cells[label])
        except InputError as error:
            raise InputError(f"{path}, {what} {number}, {error}") from None
        for name, column in columns.items():
            column.append(cells[name])
    return tuple(sequences), tuple(intervals), {name: column_of(cells) for name, cells in columns.items()}


def _column_of_text(cells):
    present = [cell for cell in cells if cell]
    if not present or not all(NUMBER.fullmatch(cell) for cell in present):
        return list(cells)
    if len(present) == len(cells) and all(WHOLE.fullmatch(cell) for cell in cells):
        return [int(cell) for cell in cells]
    return [float(cell or "nan") for cell in cells]


def _column_of_values(cells):
    present = [cell for cell in cells if cell is not None]
    if not present or any(isinstance(cell, str) for cell in present):
        return [cell or "" for cell in cells]
    if len(present) < len(cells) or any(isinstance(cell, float) for cell in present):
        return [math.nan if cell is None else float(cell) for cell in cells]
    return [int(cell) for cell in cells]
