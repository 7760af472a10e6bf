"""Predictions as tables: what the input says of each record, then a column for each number.

In: lines as they come. Out: TSV, CSV (either may be compressed) or Parquet, whole or not at all.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import atomic_file
from hyenadna_kit.io.raw_table import Cell
from hyenadna_kit.io.tables_text import SEPARATORS, write_text_table

PARQUET = ".parquet"
TABLE_SUFFIXES = (*SEPARATORS, PARQUET)
"""Of tables that are written."""

_ROWS_AT_A_TIME = 1 << 16


class Line(NamedTuple):
    """One line of a table."""

    keys: tuple[Cell, ...]
    """What it is about."""
    values: Sequence[float]
    """What is predicted of it."""


def check_columns(path: Path, names: Sequence[str]) -> None:
    """Refuse a table with two columns of one name.

    Raises:
        InputError: There are such columns.
    """
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path} would have two columns {twice!r}; rename that of the input")


def write_prediction_table(
    path: Path, keys: dict[str, type[int | str]], values: Sequence[str], lines: Iterable[Line]
) -> None:
    """Write a table in the format of its suffix.

    Args:
        path: ``.tsv`` or ``.csv``, with or without ``.gz`` behind, or ``.parquet``.
        keys: Names of the columns of keys, and what is in them.
        values: Names of the columns of values.
        lines: In order; they are written as they come.

    Raises:
        InputError: Two columns would have one name, or a text file cannot hold a key.
    """
    check_columns(path, [*keys, *values])
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if suffix == PARQUET:
        _write_parquet(path, keys, values, lines)
        return
    names = [*keys, *values]
    texts = ((*map(_text, line.keys), *(f"{value:.6g}" for value in line.values)) for line in lines)
    write_text_table(path, names, texts, separator=SEPARATORS[suffix])


def _write_parquet(
    path: Path, keys: dict[str, type[int | str]], values: Sequence[str], lines: Iterable[Line]
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {int: pa.int64(), str: pa.string()}
    schema = pa.schema(
        [*((name, kinds[kind]) for name, kind in keys.items()), *((name, pa.float32()) for name in values)]
    )
    with atomic_file(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for group in _groups(iter(lines)):
            columns = [
                [cell if kind is int else _text(cell) for cell in column]
                for kind, column in zip(
                    keys.values(), zip(*(line.keys for line in group), strict=True), strict=True
                )
            ]
            numbers = list(zip(*(line.values for line in group), strict=True))
            arrays = [
                pa.array(each, field.type) for each, field in zip([*columns, *numbers], schema, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _groups(lines: Iterator[Line]) -> Iterator[list[Line]]:
    while group := list(islice(lines, _ROWS_AT_A_TIME)):
        yield group


def _text(cell: Cell) -> str:
    return "" if cell is None else str(cell)
