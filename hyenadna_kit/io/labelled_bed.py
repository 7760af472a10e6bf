"""BED files with labels.

In: a file whose columns are those of BED, or those that its header names. Out: one row a line: its place, and
the columns ``name`` and ``score``, or whatever the header says.

    #chrom  start  end  label  strand        a header: one comment line with a name for every column
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.bed import read_bed_records
from hyenadna_kit.io.label_columns import LABEL, NAME, expand_columns
from hyenadna_kit.io.labelled_table import LabelledTable
from hyenadna_kit.io.table_cells import PLACE, RESERVED, Column, interval_of, require_label
from hyenadna_kit.io.text_lines import numbered_lines
from hyenadna_kit.io.typed_columns import column_of_text

_SCORE = "score"
_BED6 = 6
_SEPARATOR = "\t"


def read_labelled_bed(path: Path, label_columns: Sequence[str] = (LABEL,)) -> LabelledTable:
    """Read places with the labels in their lines; a place without a name is named by its region.

    Args:
        path: BED, plain, gzip or bgzip.
        label_columns: Columns that must be there and have a value in every line.

    Raises:
        InputError: The file cannot be read or has no intervals, a line is wrong, or a label is missing; the
            line is named.
    """
    names = _header(path)
    table = _bed_table(path) if names is None else _headed_table(path, names)
    try:
        labels = expand_columns(label_columns, tuple(table.columns))
    except InputError as error:
        raise InputError(
            f"{path}: {error}; take --label_columns {NAME} or {_SCORE}, name the columns in a header that "
            "begins with '#chrom', or give --labels TABLE"
        ) from None
    for label in labels:
        _require_labels(path, label, table.columns[label])
    return table


def _header(path: Path) -> tuple[str, ...] | None:
    """Return the names in the last comment before the first line; None where it has none."""
    found = None
    for _, line in numbered_lines(path, "BED file"):
        if line.strip() and not line.startswith("#"):
            break
        names = line.removeprefix("#").strip().split(_SEPARATOR)
        if line.startswith("#") and len(names) > len(PLACE):
            found = (*PLACE, *names[len(PLACE) :])
    return found


def _bed_table(path: Path) -> LabelledTable:
    records = list(read_bed_records(path, num_columns=_BED6))
    if not records:
        raise InputError(f"BED file {path} holds no intervals; fill it or leave it out")
    columns: dict[str, Column] = {NAME: tuple(record.name or record.interval.region for record in records)}
    scores = [np.nan if record.score is None else record.score for record in records]
    if not np.isnan(scores).all():
        columns[_SCORE] = np.array(scores, dtype=np.float64)
    return LabelledTable(intervals=tuple(record.interval for record in records), columns=columns)


def _headed_table(path: Path, names: Sequence[str]) -> LabelledTable:
    intervals: list[Interval] = []
    others: dict[str, list[str]] = {name: [] for name in names if name not in RESERVED}
    for number, line in numbered_lines(path, "BED file"):
        if not line.strip() or line.startswith("#"):
            continue
        values = line.split(_SEPARATOR)
        if len(values) != len(names):
            raise InputError(f"{path}, line {number}: expected {', '.join(names)[:80]}, got {line[:60]!r}")
        cells = dict(zip(names, values, strict=True))
        try:
            intervals.append(interval_of(cells))
        except InputError as error:
            raise InputError(f"{path}, line {number}, {error}") from None
        for name, column in others.items():
            column.append(cells[name])
    if not intervals:
        raise InputError(f"BED file {path} holds no intervals; fill it or leave it out")
    regions = {NAME: tuple(interval.region for interval in intervals)}
    return LabelledTable(
        intervals=tuple(intervals),
        columns=regions | {name: column_of_text(cells) for name, cells in others.items()},
    )


def _require_labels(path: Path, label: str, column: Column) -> None:
    values = column.tolist() if isinstance(column, np.ndarray) else column
    for number, value in enumerate(values, start=1):
        try:
            require_label(label, value)
        except InputError as error:
            raise InputError(f"{path}, interval {number}, {error}") from None
