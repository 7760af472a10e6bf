"""Labelled tables: one row a piece of DNA, as bases or as its place on a genome, with its labels.

In: TSV, CSV (either may be compressed) or Parquet, told apart by the suffix. Out: columns, checked.

A table has the column ``sequence``, or ``contig``, ``start`` and ``end`` (0-based, half-open) and maybe
``strand``, or both. Every other column, ``label`` first of all, is kept: as numbers where all of its
values are numbers, and else as text. In a text file ``007`` and ``+5`` are no numbers. Where there is no
sequence, the names of other programs for the three (``chrom``, ``chromStart``, ``chromEnd``, ``Chr_No``) do.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hyenadna_kit.config import nearest
from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.label_columns import LABEL, expand_columns
from hyenadna_kit.io.labelled_table import LabelledTable
from hyenadna_kit.io.raw_table import Cell, RawTable
from hyenadna_kit.io.table_blocks import Cells
from hyenadna_kit.io.table_cells import (
    CONTIG,
    END,
    PLACE,
    RESERVED,
    SEQUENCE,
    START,
    STRAND,
    Column,
    interval_of,
    require_same_length,
    sequence_of,
)
from hyenadna_kit.io.tables_parquet import read_parquet_table, write_parquet_table
from hyenadna_kit.io.tables_text import SEPARATORS, read_text_table, write_text_table
from hyenadna_kit.io.typed_columns import column_of_text_cells, column_of_value_cells, first_without_label

__all__ = [
    "LabelledTable",
    "is_labelled_table",
    "read_labelled_table",
    "read_raw_table",
    "table_columns",
    "usual_names",
    "write_labelled_table",
]

_SUFFIXES = (*SEPARATORS, ".parquet")
_OTHER_NAMES = {
    **dict.fromkeys(("chrom", "chr", "chr_no", "chromosome", "contig"), CONTIG),
    **dict.fromkeys(("start", "chromstart"), START),
    **dict.fromkeys(("end", "chromend"), END),
}


def read_labelled_table(path: Path, label_columns: Sequence[str] = (LABEL,)) -> LabelledTable:
    """Read a table.

    Args:
        path: ``.csv`` or ``.tsv``, with or without ``.gz`` behind, or ``.parquet``.
        label_columns: Columns that must be there and have a value in every row, as
            :func:`~hyenadna_kit.io.label_columns.expand_columns` understands them.

    Raises:
        InputError: The file cannot be read or has no rows, a column is missing (the nearest one is
            named) or occurs twice, or a value is wrong; its row and column are named.
    """
    raw = read_raw_table(path)
    return _table(path, raw._replace(names=usual_names(raw.names)), label_columns)


def read_raw_table(path: Path) -> RawTable:
    """Open a table of any columns, in the format of its suffix.

    Raises:
        InputError: The file cannot be read, or its columns have no names.
    """
    suffix = _suffix(path)
    return read_text_table(path, SEPARATORS[suffix]) if suffix in SEPARATORS else read_parquet_table(path)


def is_labelled_table(path: Path) -> bool:
    """Say by its name whether a file is a table."""
    name = path.name.lower()
    return any(name.endswith(_endings(suffix)) for suffix in _SUFFIXES)


def table_columns(path: Path, raw: RawTable, parts: dict[str, list[Cells]]) -> dict[str, Column]:
    """Return columns of cells as numbers or text; the cells are given away one by one.

    Raises:
        InputError: A whole number does not fit into 64 bits.
    """
    return {name: _column(path, raw, name, parts.pop(name)) for name in list(parts)}


def write_labelled_table(path: Path, table: LabelledTable) -> None:
    """Write a table in the format of its suffix, all of it or nothing.

    The columns are sequence; contig, start, end and strand, or chrom, pos, ref and alt; then the others. A
    text file does not tell text that looks like a number from a number; Parquet does.

    Raises:
        InputError: The suffix is unknown, or a text file cannot hold a value.
    """
    suffix, columns = _suffix(path), _file_columns(table)
    if suffix not in SEPARATORS:
        write_parquet_table(path, columns)
        return
    values = [column.tolist() if isinstance(column, np.ndarray) else column for column in columns.values()]
    write_text_table(path, list(columns), zip(*values, strict=True), separator=SEPARATORS[suffix])


def _suffix(path: Path) -> str:
    name = path.name.lower()
    for suffix in _SUFFIXES:
        if name.endswith(_endings(suffix)):
            return suffix
    raise InputError(f"table {path} must end in {', '.join(_SUFFIXES)}, or in .csv.gz or .tsv.gz")


def _endings(suffix: str) -> tuple[str, ...]:
    return (suffix, f"{suffix}.gz") if suffix in SEPARATORS else (suffix,)


def usual_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names, those of places as we write them where a row is no sequence."""
    usual = [_OTHER_NAMES.get(name.lower().removeprefix("#"), name) for name in names]
    is_place = all(usual.count(part) == 1 for part in PLACE)
    return tuple(usual if is_place and SEQUENCE not in names else names)


def _file_columns(table: LabelledTable) -> dict[str, Column]:
    columns: dict[str, Column] = {}
    if table.sequences is not None:
        columns[SEQUENCE] = table.sequences
    if table.intervals is not None:
        columns[CONTIG] = tuple(interval.contig for interval in table.intervals)
        columns[START] = np.array([interval.start for interval in table.intervals], dtype=np.int64)
        columns[END] = np.array([interval.end for interval in table.intervals], dtype=np.int64)
        columns[STRAND] = tuple(interval.strand.value for interval in table.intervals)
    if table.variants is not None:
        columns |= {"chrom": tuple(variant.contig for variant in table.variants)}
        columns["pos"] = np.array([variant.position + 1 for variant in table.variants], dtype=np.int64)
        columns |= {
            each: tuple(getattr(variant, each) for variant in table.variants) for each in ("ref", "alt")
        }
    return columns | dict(table.columns)


class _Pieces(NamedTuple):
    """Which columns say what the pieces of DNA are."""

    have_bases: bool
    have_places: bool


def _table(path: Path, raw: RawTable, label_columns: Sequence[str]) -> LabelledTable:
    pieces = _pieces(path, raw.names)
    labels = _labels(path, raw.names, label_columns)
    sequences: list[str] = []
    intervals: list[Interval] = []
    others: dict[str, list[Cells]] = {name: [] for name in raw.names if name not in RESERVED}
    for block in raw.blocks:
        cells = dict(zip(raw.names, block.columns, strict=True))
        of_pieces = {name: cells[name].tolist() for name in RESERVED if name in cells}
        unlabelled = first_without_label({name: cells[name] for name in labels})
        for row, values in enumerate(zip(*of_pieces.values(), strict=True)):
            try:
                _take(dict(zip(of_pieces, values, strict=True)), pieces, sequences, intervals)
            except InputError as error:
                raise InputError(f"{path}, {raw.place} {block.numbers[row]}, {error}") from None
            if unlabelled is not None and row == unlabelled.row:
                unlabelled.refuse(cells, f"{path}, {raw.place} {block.numbers[row]}")
        for name, parts in others.items():
            parts.append(cells[name].narrowed())
    if not sequences and not intervals:
        raise InputError(f"{path} names its columns but has no rows; fill it or leave it out")
    return LabelledTable(
        sequences=tuple(sequences) if pieces.have_bases else None,
        intervals=tuple(intervals) if pieces.have_places else None,
        columns=table_columns(path, raw, others),
    )


def _take(
    cells: Mapping[str, Cell], pieces: _Pieces, sequences: list[str], intervals: list[Interval]
) -> None:
    """Append the piece of DNA that one row is about."""
    if pieces.have_bases:
        sequences.append(sequence_of(cells[SEQUENCE]))
    if pieces.have_places:
        intervals.append(interval_of(cells))
    if pieces.have_bases and pieces.have_places:
        require_same_length(sequences[-1], intervals[-1])


def _labels(path: Path, names: Sequence[str], label_columns: Sequence[str]) -> tuple[str, ...]:
    try:
        return expand_columns(label_columns, names)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _pieces(path: Path, names: Sequence[str]) -> _Pieces:
    """Find what the pieces of DNA are, and refuse a table without a column that is needed."""
    pieces = _Pieces(SEQUENCE in names, any(name in names for name in (*PLACE, STRAND)))
    needed = PLACE if pieces.have_places else () if pieces.have_bases else (SEQUENCE,)
    for name in needed:
        if name not in names:
            instead = " (nor contig, start and end)" if name == SEQUENCE else ""
            raise InputError(f"{path}: there is no column {name!r}{instead}{nearest(name, names)}")
    return pieces


def _column(path: Path, raw: RawTable, name: str, parts: list[Cells]) -> Column:
    try:
        return column_of_text_cells(parts) if raw.is_text else column_of_value_cells(parts)
    except OverflowError:
        raise InputError(
            f"{path}, column {name!r}: a number does not fit into 64 bits; write the column as text"
        ) from None
