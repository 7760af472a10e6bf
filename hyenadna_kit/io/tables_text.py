"""Tables as text: one row a line, values separated by commas or tabs, names in the first line.

In: a path. Out: blocks of rows of text, or a file. A value that holds the separator or a quote stands in
quotes, as spreadsheets write it. A value never holds a line break, so that an error can name its line.
"""

import csv
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.raw_table import Cell, RawTable, check_names
from hyenadna_kit.io.table_blocks import Block, TextCells, batches, block_of_texts
from hyenadna_kit.io.text_lines import MAX_LINE_BYTES, numbered_lines, write_lines

SEPARATORS = {".csv": ",", ".tsv": "\t"}
"""What stands between two values, by the suffix of the file."""

_PLURALS = {",": "commas", "\t": "tabs", ";": "semicolons"}
_QUOTE = '"'
_BYTE_ORDER_MARK = "\ufeff"
_LINE_WEIGHT = 512
"""Bytes that a line takes besides its letters, about."""


def read_text_table(path: Path, separator: str) -> RawTable:
    """Read the first line of a table; the rows are read as they are asked for.

    Blank lines are passed over.

    Raises:
        InputError: The file cannot be read or is empty, or its columns have no names.
    """
    lines = ((number, line) for number, line in numbered_lines(path, "table") if line)
    number, header = next(lines, (0, ""))
    if not header:
        raise InputError(f"table {path} is empty; its first line must name the columns")
    names = _split(f"{path}, line {number}", header, separator)
    _refuse_other_separator(path, names, separator)
    blocks = _blocks(path, lines, names, separator)
    return RawTable(check_names(path, names), blocks, place="line", is_text=True)


def write_text_table(
    path: Path, names: Sequence[str], rows: Iterable[Sequence[Cell]], *, separator: str
) -> None:
    """Write a table, whole or not at all; compressed if the name ends in ``.gz``.

    Raises:
        InputError: A name or a value holds a line break or NUL.
    """
    # The writer returns what ``write`` returns: here the line, which write_lines then ends.
    writer = csv.writer(_Line(), delimiter=separator, lineterminator="")
    write_lines(path, (writer.writerow(row) for row in itertools.chain([names], rows)))


class _Line:
    """Where the csv module writes one line to."""

    def write(self, line: str) -> str:
        """Return the line."""
        return line


def _blocks(
    path: Path, lines: Iterator[tuple[int, str]], names: Sequence[str], separator: str
) -> Iterator[Block]:
    """Yield the rows; those before a mistake come out before its error does."""
    for batch in batches(lines, lambda line: len(line[1]) + _LINE_WEIGHT):
        columns = _plain_columns([line for _, line in batch], len(names), separator)
        if columns is not None:
            yield Block([number for number, _ in batch], columns)
            continue
        for rows in batches(_rows(path, batch, names, separator), lambda _: 0):
            yield block_of_texts(rows)


def _plain_columns(lines: Sequence[str], num_columns: int, separator: str) -> list[TextCells] | None:
    """Return the columns of lines, or None where a line has quotes or another number of values."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    text = "\n".join(lines)
    # A mark of the byte order would be dropped in front of a block; here it is part of a value.
    if _QUOTE in text or text.startswith(_BYTE_ORDER_MARK):
        return None
    data = text.encode()
    names = [str(number) for number in range(num_columns)]
    kind = pa.dictionary(pa.int32(), pa.string())
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(data),
            arrow_csv.ReadOptions(use_threads=False, column_names=names, block_size=len(data) + 1),
            arrow_csv.ParseOptions(delimiter=separator, quote_char=False, double_quote=False),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, kind), null_values=[], check_utf8=False
            ),
        )
    except pa.ArrowException:
        return None
    if table.num_rows != len(lines) or table.num_columns != num_columns:
        return None
    return [TextCells.of(column.combine_chunks()) for column in table.columns]


def _rows(
    path: Path, lines: Iterable[tuple[int, str]], names: Sequence[str], separator: str
) -> Iterator[tuple[int, Sequence[str]]]:
    for number, line in lines:
        values = _split(f"{path}, line {number}", line, separator)
        if len(values) != len(names):
            raise InputError(
                f"{path}, line {number}: expected {len(names)} values ({', '.join(names)[:80]}), "
                f"got {len(values)}"
            )
        yield number, values


def _split(source: str, line: str, separator: str) -> list[str]:
    """Return the values of a line."""
    if _QUOTE not in line:
        return line.split(separator)
    # The module refuses values over 128 kB, which a window of DNA may be. The limit belongs to the
    # process and is never lowered here, for another thread may be reading.
    csv.field_size_limit(max(MAX_LINE_BYTES, csv.field_size_limit()))
    try:
        return next(csv.reader([line], delimiter=separator, strict=True))
    except csv.Error as error:
        raise InputError(
            f"{source}: {error}; a value in quotes must end on its line, and a quote in it is doubled"
        ) from None


def _refuse_other_separator(path: Path, names: Sequence[str], separator: str) -> None:
    other = next((mark for mark in _PLURALS if mark in names[0]), None)
    if len(names) == 1 and other is not None:
        raise InputError(
            f"{path}: the first line holds {_PLURALS[other]} and no {_PLURALS[separator]}; a .csv is "
            "separated by commas, a .tsv by tabs"
        )
