"""BED files: intervals, 0-based and half-open as in the file, with what hangs on them.

In: a path, plain, gzip or bgzip. Out: intervals (:func:`read_bed`) or whole records of BED3 to BED12
(:func:`read_bed_records`), in the order of the file; and back (:func:`write_bed`).
"""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.bed_record import (
    NOT_RECORDS,
    STANDARD_COLUMNS,
    BedRecord,
    format_record,
    num_columns_needed,
    parse_interval,
    parse_record,
)
from hyenadna_kit.io.text_lines import formatted, parsed_lines, write_lines

__all__ = ["BedRecord", "read_bed", "read_bed_records", "write_bed"]


def read_bed(path: Path) -> Iterator[Interval]:
    """Yield the interval of every line; track lines, comments and blank lines are passed over.

    Columns past the sixth are not read.

    Raises:
        InputError: The file cannot be read, or a line has too few columns, no whole numbers, an end
            before its start or an unknown strand; file and line are named.
    """
    return parsed_lines(path, "BED file", _interval)


def read_bed_records(path: Path, *, num_columns: int = STANDARD_COLUMNS[-1]) -> Iterator[BedRecord]:
    """Yield every line as a record.

    Args:
        path: BED file.
        num_columns: Columns that have the standard meaning, where the line has them; 6 for the formats
            called BED6+4 (narrowPeak) and their like. What follows is kept in ``extra``.

    Raises:
        InputError: A line is wrong in one of its standard columns: see :func:`read_bed`, or the score
            is no number, a thick part lies outside, or the blocks do not reach from the first base of
            the interval to its last in ascending order; file and line are named.
    """
    _require_standard(num_columns, path)

    def parse(line: str) -> BedRecord | None:
        """Return the record of a line, or None."""
        columns = _columns(line)
        return parse_record(columns, num_columns) if columns else None

    return parsed_lines(path, "BED file", parse)


def write_bed(path: Path, records: Iterable[BedRecord], *, num_columns: int | None = None) -> None:
    """Write records as a BED file, bgzipped where ``path`` ends in ``.gz``.

    Args:
        path: File to write; it appears whole or not at all.
        records: What :func:`read_bed_records` gives.
        num_columns: Standard columns of every line: 3, 4, 5, 6, 8, 9 or 12. By default as many as hold
            what the records say, and 12 where one has extra columns.

    Raises:
        InputError: A record holds what so many columns cannot, or what a BED line cannot.
    """
    records = list(records)
    needed = max(map(num_columns_needed, records), default=STANDARD_COLUMNS[0])
    if num_columns is None:
        num_columns = STANDARD_COLUMNS[-1] if any(record.extra for record in records) else needed
    _require_standard(num_columns, path)
    if num_columns < needed:
        raise InputError(
            f"{path}: the records say what needs {needed} columns, got num_columns={num_columns}"
        )
    write_lines(path, formatted(path, records, partial(format_record, num_columns=num_columns)))


def _interval(line: str) -> Interval | None:
    columns = _columns(line)
    return parse_interval(columns) if columns else None


def _columns(line: str) -> list[str]:
    """Return the columns of a line, or none where it is no record."""
    if not line.strip() or line.startswith("#") or line.split(maxsplit=1)[0] in NOT_RECORDS:
        return []
    return line.split("\t") if "\t" in line else line.split()


def _require_standard(num_columns: int, path: Path) -> None:
    if num_columns not in STANDARD_COLUMNS:
        raise InputError(f"{path}: num_columns must be one of {STANDARD_COLUMNS}, got {num_columns}")
