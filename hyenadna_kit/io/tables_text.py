"""Tables as text: one row a line, values separated by commas or tabs, names in the first line.

In: a path. Out: rows of text, or a file. A value that holds the separator or a quote stands in quotes, as
spreadsheets write it. A value never holds a line break, so that an error can name its line.
"""

import csv
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.raw_table import Cell, RawTable, check_names
from hyenadna_kit.io.text_lines import MAX_LINE_BYTES, numbered_lines, write_lines

SEPARATORS = {".csv": ",", ".tsv": "\t"}
"""What stands between two values, by the suffix of the file."""

_PLURALS = {",": "commas", "\t": "tabs", ";": "semicolons"}
_QUOTE = '"'


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
    rows = _rows(path, lines, names, separator)
    return RawTable(check_names(path, names), rows, place="line", is_text=True)


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


def _rows(
    path: Path, lines: Iterator[tuple[int, str]], names: Sequence[str], separator: str
) -> Iterator[tuple[int, Sequence[Cell]]]:
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
