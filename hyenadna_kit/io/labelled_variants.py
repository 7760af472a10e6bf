"""Variants with labels: of the INFO of a VCF or BCF, or of the columns of a table.

In: a file. Out: one row an ALT. A label that a record gives once is that of all its ALTs; one that it gives
for each, parted by commas, is theirs in order.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.label_columns import LABEL, NAME, expand_columns
from hyenadna_kit.io.labelled_table import LabelledTable
from hyenadna_kit.io.raw_table import Cell
from hyenadna_kit.io.table_cells import Column, require_label
from hyenadna_kit.io.typed_columns import column_of_text, column_of_values
from hyenadna_kit.io.variant_sites import require_alt
from hyenadna_kit.io.variant_tables import TableRecord, read_variant_table
from hyenadna_kit.io.vcf import VariantRecord, read_variants
from hyenadna_kit.io.vcf_convert import bcf_to_text

_ID, _INFO = 2, 7
_MISSING = ("", ".")
_PLACE_COLUMNS = ("chrom", "contig", "pos", "ref", "alt")


class _Row(NamedTuple):
    """One ALT of a record."""

    variant: Variant
    name: str
    values: dict[str, Cell]
    source: str
    """The record, for errors."""


def variant_key(contig: str, position: int, ref: str, alt: str) -> str:
    """Return the name of a variant without an ID: ``chr1:100:A:T``, its position 1-based."""
    return f"{contig}:{position + 1}:{ref.upper()}:{alt.upper()}"


def read_labelled_vcf(path: Path, label_columns: Sequence[str] = (LABEL,)) -> LabelledTable:
    """Read variants with labels in their INFO; a flag is 1 where it stands and 0 elsewhere.

    Args:
        path: VCF, VCF.gz or BCF.
        label_columns: Keys of INFO that every record must have.

    Raises:
        InputError: The file cannot be read or has no variants, an ALT is no sequence, or a label is missing;
            the record is named.
    """
    with tempfile.TemporaryDirectory() as folder:
        rows = list(_vcf_rows(_as_text(path, Path(folder)), str(path)))
    keys = tuple(dict.fromkeys(key for row in rows for key in row.values))
    flags = {key for key in keys if all(row.values.get(key, "") == "" for row in rows)}
    for row in rows:
        row.values.update({key: "1" if key in row.values else "0" for key in flags})
    return _table(path, rows, keys, label_columns, is_text=True)


def read_labelled_variant_table(path: Path, label_columns: Sequence[str] = (LABEL,)) -> LabelledTable:
    """Read a table of variants; its columns are those of the table.

    Args:
        path: A table with the columns chrom, pos (1-based), ref and alt; see
            :mod:`hyenadna_kit.io.variant_tables`.
        label_columns: Columns that must have a value in every row.

    Raises:
        InputError: As :func:`read_labelled_vcf`.
    """
    table = read_variant_table(path)
    names = [column.name for column in table.columns]
    is_text = path.suffix != ".parquet"
    rows = [row for record in table.records for row in _table_rows(record, names, str(path))]
    keys = tuple(name for name in names if name.lower().removeprefix("#") not in _PLACE_COLUMNS)
    return _table(path, rows, keys, label_columns, is_text=is_text)


def _table(
    path: Path, rows: Sequence[_Row], keys: Sequence[str], label_columns: Sequence[str], *, is_text: bool
) -> LabelledTable:
    if not rows:
        raise InputError(f"{path} holds no variants; fill it or leave it out")
    try:
        labels = expand_columns(label_columns, keys)
    except InputError as error:
        raise InputError(f"{path}: {error}; name INFO keys or columns by --label_columns") from None
    for row in rows:
        for label in labels:
            try:
                require_label(label, row.values.get(label))
            except InputError as error:
                raise InputError(f"{row.source}: {error}") from None
    columns: dict[str, Column] = {key: _column(rows, key, is_text=is_text) for key in keys if key != NAME}
    names = {NAME: tuple(row.name for row in rows)}
    return LabelledTable(variants=tuple(row.variant for row in rows), columns=names | columns)


def _column(rows: Sequence[_Row], key: str, *, is_text: bool) -> Column:
    cells = [row.values.get(key) for row in rows]
    return column_of_text([str(cell or "") for cell in cells]) if is_text else column_of_values(cells)


def _as_text(path: Path, folder: Path) -> Path:
    """Return a VCF of the same records: the file itself, unless it is BCF."""
    with read_variants(path) as reader:
        if not reader.header.is_bcf:
            return path
    bcf_to_text(path, folder / "variants.vcf", name=str(path))
    return folder / "variants.vcf"


def _vcf_rows(text: Path, name: str) -> Iterator[_Row]:
    with read_variants(text) as reader:
        for record in reader:
            columns = record.raw.decode(errors="replace").rstrip("\r\n").split("\t")
            entries = (entry.partition("=") for entry in columns[_INFO].split(";"))
            info = {key: value for key, _, value in entries if key not in _MISSING}
            yield from _rows(record, columns[_ID], info, name)


def _table_rows(record: TableRecord, names: Sequence[str], source: str) -> Iterator[_Row]:
    cells = dict(zip(names, record.cells, strict=True))
    ids = (cells[name] for name in (NAME, "id", "ID") if name in cells)
    return _rows(record, str(next(ids, "") or ""), cells, source)


def _rows(record: VariantRecord, name: str, values: Mapping[str, Cell], source: str) -> Iterator[_Row]:
    """Yield the ALTs of a record with the values that are theirs."""
    place = f"{source}, record {record.number} ({record.site})"
    for number, alt in enumerate(record.alts or ("",)):
        require_alt(record, alt, place)
        own = {key: _of_alt(value, number, len(record.alts)) for key, value in values.items()}
        variant = Variant(record.contig, record.position, record.ref.upper(), alt.upper())
        key = variant_key(record.contig, record.position, record.ref, alt)
        yield _Row(variant, key if name in _MISSING else name, own, place)


def _of_alt(value: Cell, number: int, num_alts: int) -> Cell:
    if not isinstance(value, str):
        return value
    parts = value.split(",")
    own = parts[number] if num_alts > 1 and len(parts) == num_alts else value
    return None if own == "." else own
