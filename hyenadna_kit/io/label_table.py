"""Labels in a table of their own, matched to sequences, places or variants by name.

In: a table whose column ``name`` (or else its first one) names records; of variants also by chrom, pos, ref
and alt; or a file laid out as FASTA, with one character for every base. Out: the records with those labels.
Every record has one label, and no label is left over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.label_columns import NAME, expand_columns
from hyenadna_kit.io.labelled_fasta import FASTA_ENDINGS, read_fasta_records
from hyenadna_kit.io.labelled_table import LabelledTable
from hyenadna_kit.io.labelled_variants import variant_key
from hyenadna_kit.io.table_blocks import Cells
from hyenadna_kit.io.table_cells import Column
from hyenadna_kit.io.tables import read_raw_table, table_columns
from hyenadna_kit.io.text_lines import shortened
from hyenadna_kit.io.typed_columns import first_without_label

_VARIANT = ("chrom", "pos", "ref", "alt")


@dataclass(frozen=True)
class LabelTable:
    """Labels by name."""

    path: Path
    """Where they come from."""
    rows: Mapping[str, int]
    """Row of each name, from 0."""
    columns: Mapping[str, Column]
    """The labels, by column."""

    def label(self, table: LabelledTable, source: str) -> LabelledTable:
        """Return the records of a file with their labels, in place of columns of the same name.

        Raises:
            InputError: The records have no names, or one has no label.
        """
        rows = [self._row(keys, source) for keys in _keys(table, source)]
        own: dict[str, Column] = {
            name: column[rows] if isinstance(column, np.ndarray) else tuple(column[row] for row in rows)
            for name, column in self.columns.items()
        }
        return LabelledTable(
            sequences=table.sequences,
            intervals=table.intervals,
            variants=table.variants,
            columns={**table.columns, **own},
        )

    def check_all_used(self, tables: Mapping[str, LabelledTable]) -> None:
        """Refuse labels that are of no record.

        Args:
            tables: The records of every file, by what the file is called.

        Raises:
            InputError: There is such a label.
        """
        seen = {key for source, table in tables.items() for keys in _keys(table, source) for key in keys}
        for name in self.rows:
            if name not in seen:
                raise InputError(
                    f"{self.path}: the label of {shortened(name)} belongs to no record of "
                    f"{', '.join(tables)}; remove it, or add the record"
                )

    def _row(self, keys: Sequence[str], source: str) -> int:
        for key in keys:
            if key in self.rows:
                return self.rows[key]
        raise InputError(
            f"{source}: record {shortened(keys[0])} has no label in {self.path}; add one or remove the record"
        )


def read_label_table(path: Path, label_columns: Sequence[str]) -> LabelTable:
    """Read labels by name.

    Args:
        path: CSV, TSV or Parquet, with or without the records themselves; or FASTA whose letters are classes.
        label_columns: Columns that must have a value in every row.

    Raises:
        InputError: The table cannot be read, a column is missing, a name occurs twice, or a label is missing.
    """
    if path.name.lower().removesuffix(".gz").endswith(FASTA_ENDINGS):
        return _classes_of_bases(path, label_columns)
    raw = read_raw_table(path)
    try:
        labels = expand_columns(label_columns, raw.names)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    rows: dict[str, int] = {}
    columns: dict[str, list[Cells]] = {name: [] for name in labels}
    for block in raw.blocks:
        cells = dict(zip(raw.names, block.columns, strict=True))
        unlabelled = first_without_label({name: cells[name] for name in labels})
        for row, name in enumerate(_names(cells)):
            if not name or name in rows:
                problem = f"{shortened(name)} has a label further up" if name else "there is no name"
                place = f"{path}, {raw.place} {block.numbers[row]}"
                raise InputError(f"{place}: {problem}; every name stands on one line")
            rows[name] = len(rows)
            if unlabelled is not None and row == unlabelled.row:
                unlabelled.refuse(cells, f"{path}, {raw.place} {block.numbers[row]}")
        for label, parts in columns.items():
            parts.append(cells[label].narrowed())
    return LabelTable(path, rows, table_columns(path, raw, columns))


def _classes_of_bases(path: Path, label_columns: Sequence[str]) -> LabelTable:
    """Read one character a base of every record."""
    if len(label_columns) > 1:
        raise InputError(
            f"{path} holds one label a base, got the columns {', '.join(label_columns)}; name one"
        )
    records = list(read_fasta_records(path))
    rows = {record.name: row for row, record in enumerate(records)}
    if len(rows) < len(records):
        raise InputError(f"{path}: {len(records):,} records have {len(rows):,} names; every name stands once")
    texts = tuple(record.text.decode("ascii", "replace") for record in records)
    return LabelTable(path, rows, {label_columns[0]: texts})


def _names(cells: Mapping[str, Cells]) -> list[str]:
    """Return what names the rows: their variants, the column ``name``, or the first column."""
    usual = {name.lower().removeprefix("#"): column for name, column in cells.items()}
    if all(name in usual for name in _VARIANT):
        parts = zip(*(map(str, usual[name].tolist()) for name in _VARIANT), strict=True)
        return [f"{contig}:{position}:{ref.upper()}:{alt.upper()}" for contig, position, ref, alt in parts]
    return [str(cell) for cell in (cells[NAME] if NAME in cells else next(iter(cells.values()))).tolist()]


def _keys(table: LabelledTable, source: str) -> list[tuple[str, ...]]:
    """Return what every record may be called in a table of labels."""
    if NAME not in table.columns:
        raise InputError(f"{source} has no column {NAME!r} by which its rows could be found; add one")
    column = table.columns[NAME]
    names = [str(name) for name in (column.tolist() if isinstance(column, np.ndarray) else column)]
    if table.variants is None:
        return [(name,) for name in names]
    variants = (variant_key(each.contig, each.position, each.ref, each.alt) for each in table.variants)
    return list(zip(names, variants, strict=True))
