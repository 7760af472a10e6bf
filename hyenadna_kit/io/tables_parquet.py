"""Tables as Parquet, through pyarrow.

In: a path. Out: blocks of rows, text and numbers; or a file. Columns of other types (lists, dates) are
refused.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import atomic_file
from hyenadna_kit.io.raw_table import Cell, RawTable, check_names
from hyenadna_kit.io.table_blocks import Block, Cells, NumberCells, TextCells

_ROWS_AT_A_TIME = 1 << 16
_CELLS_AT_A_TIME = 1 << 24
_MOST_ROWS = 50_000_000
"""A few bytes of Parquet can stand for any number of equal rows."""


def read_parquet_table(path: Path) -> RawTable:
    """Read the schema of a table; the rows are read as they are asked for.

    Raises:
        InputError: The file cannot be read or is no Parquet, or a column holds neither text nor
            numbers.
    """
    import pyarrow.parquet as pq

    with _read_errors(path):
        metadata = pq.read_metadata(path)
        schema = metadata.schema.to_arrow_schema()
    if metadata.num_rows > _MOST_ROWS:
        raise InputError(f"{path} declares {metadata.num_rows:,} rows; split it, {_MOST_ROWS:,} at most")
    names = check_names(path, schema.names)
    for field in schema:
        _require_plain(path, field)
    return RawTable(names, _blocks(path, len(names)), place="row", is_text=False)


def write_parquet_table(path: Path, columns: Mapping[str, Sequence[Cell] | Any]) -> None:
    """Write columns of equal length, numpy arrays or sequences of text; all of it or nothing."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({name: pa.array(column) for name, column in columns.items()})
    with atomic_file(path) as temporary:
        pq.write_table(table, temporary)


def _blocks(path: Path, num_columns: int) -> Iterator[Block]:
    import pyarrow.parquet as pq

    done = 0
    rows_at_a_time = max(1, min(_ROWS_AT_A_TIME, _CELLS_AT_A_TIME // max(1, num_columns)))
    with _read_errors(path), pq.ParquetFile(path) as file:
        for batch in file.iter_batches(rows_at_a_time):
            columns = [_cells(column) for column in batch.columns]
            yield Block(range(done + 1, done + batch.num_rows + 1), columns)
            done += batch.num_rows


def _cells(column: Any) -> Cells:
    from pyarrow import types

    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if types.is_integer(column.type) or types.is_floating(column.type) or types.is_boolean(column.type):
        return NumberCells.of(column)
    cells = TextCells.of(column)
    cells.distinct.to_pylist()  # raises where it is no UTF-8, while the file is still known
    return cells


def _require_plain(path: Path, field: Any) -> None:
    """Refuse a column that is neither text nor numbers, plain or as a dictionary."""
    from pyarrow import types

    kind = field.type.value_type if types.is_dictionary(field.type) else field.type
    text = types.is_string(kind) or types.is_large_string(kind) or types.is_null(kind)
    if not (text or types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
        raise InputError(
            f"{path}: column {field.name!r} is of type {kind}; a table holds text and numbers, so convert "
            "or drop it"
        )


@contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    from pyarrow import ArrowException

    try:
        yield
    except OSError as error:
        if error.strerror:
            raise InputError(f"table {path} cannot be read: {error.strerror}") from None
        raise InputError(f"{path} is damaged Parquet ({_one_line(error)}); write it again") from None
    except (ArrowException, UnicodeDecodeError, OverflowError) as error:
        raise InputError(f"{path} is no Parquet, or damaged ({_one_line(error)}); write it again") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120]
