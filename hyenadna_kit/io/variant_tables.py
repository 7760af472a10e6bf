"""Variants as tables: one row a record in, one row an ALT out.

In: TSV, CSV (either may be compressed) or Parquet with the columns ``chrom`` (or ``contig``), ``pos``
(1-based), ``ref`` and ``alt``, or an open variant file. Out: the same records, each with the cells of its
row; and the other way round, rows to a file that is written whole or not at all. Like
:mod:`hyenadna_kit.io.vcf`, this module is where a 1-based ``pos`` becomes a 0-based position.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from hyenadna_kit.config import nearest
from hyenadna_kit.errors import InputError
from hyenadna_kit.files import atomic_file
from hyenadna_kit.io.raw_table import Cell, RawTable
from hyenadna_kit.io.tables_parquet import read_parquet_table
from hyenadna_kit.io.tables_text import SEPARATORS, read_text_table, write_text_table
from hyenadna_kit.io.text_lines import shortened, whole_number
from hyenadna_kit.io.vcf import VariantReader, VariantRecord

VARIANT_TABLE_SUFFIXES = (".tsv", ".tsv.gz", ".parquet")
"""What the name of a table that is written may end in."""

_PARQUET = ".parquet"
_READ_SUFFIXES = (*SEPARATORS, *(f"{suffix}.gz" for suffix in SEPARATORS), _PARQUET)
_MISSING = "."
_CONTIG_NAMES = ("chrom", "contig")
_ROWS_A_GROUP = 1 << 14
_BCF_ID_AT = 32
_LONG = 15


class TableColumn(NamedTuple):
    """What a column of a table is called and holds."""

    name: str
    """Its name, different from all others of the table."""
    type: str
    """``string``, ``int64``, ``double`` or another name that Arrow has for a type."""


_VCF_COLUMNS = (
    TableColumn("chrom", "string"),
    TableColumn("pos", "int64"),
    *(TableColumn(name, "string") for name in ("id", "ref", "alt", "filter")),
)


@dataclass(frozen=True, slots=True)
class TableRecord(VariantRecord):
    """One row of a variant table; ``number`` counts rows from 1 and ``raw`` is empty."""

    cells: tuple[Cell, ...]
    """The whole row, one value a column; None for a hole."""


class VariantTable(NamedTuple):
    """Columns, and the rows as they are read."""

    name: str
    """What the rows come from, for messages."""
    columns: tuple[TableColumn, ...]
    """Columns in their order."""
    alt: int
    """Which of them holds ALT, from 0."""
    records: Iterator[TableRecord]
    """Every row, once."""


class _Places(NamedTuple):
    """Where the columns stand that make a variant, from 0."""

    contig: int
    position: int
    ref: int
    alt: int


def is_variant_table(path: str | Path) -> bool:
    """Say by its name whether a file of variants is a table rather than VCF or BCF."""
    return Path(path).name.lower().endswith(_READ_SUFFIXES)


def read_variant_table(path: Path) -> VariantTable:
    """Open a table of variants; its rows are read as they are asked for.

    The names of the four columns are found whatever their case and with a ``#`` before them. A number may be
    the name of a contig, and ``alt`` hold several alleles parted by commas; ``.`` and nothing stand for none.

    Args:
        path: ``.tsv``, ``.csv``, either with ``.gz`` behind, or ``.parquet``.

    Raises:
        InputError: The file cannot be read, a column is missing (the nearest one is named) or there twice,
            or, while rows are read, a value is wrong: its row and column are named.
    """
    suffixes = [suffix for suffix in SEPARATORS if path.name.lower().endswith((suffix, f"{suffix}.gz"))]
    raw = read_text_table(path, SEPARATORS[suffixes[0]]) if suffixes else read_parquet_table(path)
    places = _places(path, raw.names)
    types = ["string"] * len(raw.names) if suffixes else _parquet_types(path)
    if "int" not in types[places.position]:
        types[places.position] = "int64"
    columns = tuple(TableColumn(*column) for column in zip(raw.names, types, strict=True))
    return VariantTable(str(path), columns, places.alt, _records(path, raw, places))


def variants_as_table(reader: VariantReader) -> VariantTable:
    """Return the records of a VCF or BCF as rows of chrom, pos, id, ref, alt and filter.

    The samples and the INFO are left out; ``.`` becomes a hole.

    Raises:
        InputError: While rows are read: an ID is not UTF-8.
    """
    names = [column.name for column in _VCF_COLUMNS]
    records = (_row_of_variant(record, reader) for record in reader)
    return VariantTable(reader.name, _VCF_COLUMNS, names.index("alt"), records)


def write_variant_rows(
    path: Path,
    columns: Sequence[TableColumn],
    rows: Iterable[Sequence[Cell]],
    *,
    metadata: Mapping[str, str],
) -> None:
    """Write rows as they come, in bounded memory, to a file that appears whole or not at all.

    A text file has ``.`` for None and floats with all their digits.

    Args:
        path: ``.tsv``, ``.tsv.gz`` (bgzip) or ``.parquet``.
        columns: Names, and for Parquet the types.
        rows: One value a column.
        metadata: What Parquet keeps about the whole table; a text file has no place for it.

    Raises:
        InputError: The name has another ending or is a folder's, a text file cannot hold a value, or a
            number does not fit its type.
    """
    if not path.name.endswith(VARIANT_TABLE_SUFFIXES):
        raise InputError(f"table {path} must end in {', '.join(VARIANT_TABLE_SUFFIXES)}")
    if path.is_dir():
        raise InputError(f"output {path} is a folder; name a file in it")
    if path.suffix == _PARQUET:
        _write_parquet(path, columns, rows, metadata)
        return
    texts = ([_MISSING if cell is None else cell for cell in row] for row in rows)
    write_text_table(path, [column.name for column in columns], texts, separator="\t")


def _places(path: Path, names: Sequence[str]) -> _Places:
    return _Places(*(_place(path, names, wanted) for wanted in (_CONTIG_NAMES, ("pos",), ("ref",), ("alt",))))


def _place(path: Path, names: Sequence[str], wanted: Sequence[str]) -> int:
    """Return where the one column stands that has one of the ``wanted`` names."""
    found = [place for place, name in enumerate(names) if name.lower().removeprefix("#") in wanted]
    if not found:
        expected = " or ".join(map(repr, wanted))
        raise InputError(
            f"{path}: there is no column {expected}; a table of variants has chrom, pos (1-based), ref and "
            f"alt{nearest(wanted[0], names)}"
        )
    if len(found) > 1:
        first, second, *_ = (names[place] for place in found)
        raise InputError(f"{path}: columns {first!r} and {second!r} mean the same; rename or remove one")
    return found[0]


def _parquet_types(path: Path) -> list[str]:
    """Return the type of every column of a table whose columns are text and numbers."""
    import pyarrow.parquet as pq
    from pyarrow import types

    kinds = [field.type for field in pq.read_schema(path)]
    return [str(kind.value_type if types.is_dictionary(kind) else kind) for kind in kinds]


def _records(path: Path, raw: RawTable, places: _Places) -> Iterator[TableRecord]:
    for number, (place, cells) in enumerate(raw.rows, start=1):
        try:
            record = _record(number, raw.names, cells, places)
        except InputError as error:
            raise InputError(f"{path}, {raw.place} {place}, {error}; mend or remove it") from None
        yield record


def _record(number: int, names: Sequence[str], cells: Sequence[Cell], places: _Places) -> TableRecord:
    contig, vcf_position, ref, alt = (cells[place] for place in places)
    if type(contig) is int:  # chromosomes that a data frame took for numbers
        contig = str(contig)
    if not isinstance(contig, str) or not contig:
        raise _wrong(names[places.contig], "the name of a contig", contig)
    whole = whole_number(vcf_position) if isinstance(vcf_position, str) else vcf_position
    if type(whole) is not int or whole < 0:
        raise _wrong(names[places.position], "a whole number (1-based)", vcf_position)
    if not isinstance(ref, str) or not ref:
        raise _wrong(names[places.ref], "bases", ref)
    if not isinstance(alt, str | None):
        raise _wrong(names[places.alt], "bases", alt)
    row = (*cells[: places.position], whole, *cells[places.position + 1 :])
    alts = () if alt in (None, "", _MISSING) else tuple(alt.split(","))
    return TableRecord(number, contig, whole - 1, ref, alts, (), b"", row)


def _wrong(name: str, expected: str, cell: Cell) -> InputError:
    shown = shortened(cell) if isinstance(cell, str) else repr(cell)
    return InputError(f"column {name!r}: expected {expected}, got {shown}")


def _row_of_variant(record: VariantRecord, reader: VariantReader) -> TableRecord:
    name = _bcf_id(record.raw) if reader.header.is_bcf else record.raw.split(b"\t", 3)[2]
    try:
        name_text = name.decode()
    except UnicodeDecodeError:
        raise InputError(
            f"{reader.name}, record {record.number} ({record.site}): ID {name[:40]!r} is not UTF-8; mend it"
        ) from None
    id_cell = None if name_text in ("", _MISSING) else name_text
    alt, filters = ",".join(record.alts) or None, ";".join(record.filters) or None
    cells = (record.contig, record.position + 1, id_cell, record.ref, alt, filters)
    site = (record.contig, record.position, record.ref, record.alts, record.filters)
    return TableRecord(record.number, *site, b"", cells)


def _bcf_id(record: bytes) -> bytes:
    """Return the ID of a binary record that was read without fault."""
    # A byte of type and length; where the length is 15, an integer with a byte of its own has the true one.
    length, start = record[_BCF_ID_AT] >> 4, _BCF_ID_AT + 1
    if length == _LONG:
        end = start + 1 + (1 << (record[start] & _LONG) - 1)
        length, start = int.from_bytes(record[start + 1 : end], "little"), end
    return record[start : start + length].rstrip(b"\0")


def _write_parquet(
    path: Path, columns: Sequence[TableColumn], rows: Iterable[Sequence[Cell]], metadata: Mapping[str, str]
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = [pa.field(column.name, pa.type_for_alias(column.type)) for column in columns]
    schema = pa.schema(fields, metadata=dict(metadata))
    rows = iter(rows)
    with atomic_file(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        while group := list(islice(rows, _ROWS_A_GROUP)):
            arrays = [
                _array(path, field, values)
                for field, values in zip(schema, zip(*group, strict=True), strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def _array(path: Path, field: Any, values: Sequence[Cell]) -> Any:
    import pyarrow as pa

    try:
        return pa.array(values, type=field.type)
    except OverflowError:
        raise InputError(
            f"{path}, column {field.name!r}: a number does not fit into {field.type}; write .tsv instead"
        ) from None
