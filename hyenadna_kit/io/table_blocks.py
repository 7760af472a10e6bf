"""Rows of a table some thousand at a time, column by column.

In: arrays of pyarrow, or rows. Out: cells of which equal text is held once and numbers are numbers, so that
what is asked of a column is asked of its distinct cells. A cell of a column of 0 and 1 takes one byte.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import compress
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError

T = TypeVar("T")

Cell = str | int | float | None
"""One value; None where Parquet has none."""

_MOST_WEIGHT = 1 << 25


class TextCells(NamedTuple):
    """Text of consecutive rows of one column."""

    distinct: Any
    """What stands in them, each text once: a pyarrow array of large_string; null where Parquet has none."""
    codes: NDArray[np.integer[Any]]
    """Number of the text of each row, in the narrowest type."""

    @classmethod
    def of(cls, array: Any) -> "TextCells":
        """Take a pyarrow array of text, plain or as a dictionary."""
        import pyarrow as pa

        if not pa.types.is_dictionary(array.type):
            array = array.cast(pa.large_string()).dictionary_encode(null_encoding="encode")
        codes = array.indices.to_numpy(zero_copy_only=False)
        return cls(array.dictionary.cast(pa.large_string()), codes.astype(_narrowest(len(array.dictionary))))

    @classmethod
    def joined(cls, parts: Sequence["TextCells"]) -> "TextCells":
        """Return the rows of all parts, one part after the other."""
        import pyarrow as pa

        every = pa.concat_arrays([part.distinct for part in parts]).dictionary_encode(null_encoding="encode")
        new = every.indices.to_numpy(zero_copy_only=False).astype(_narrowest(len(every.dictionary)))
        of_parts = np.split(new, np.cumsum([len(part.distinct) for part in parts[:-1]]))
        codes = [own[part.codes] for own, part in zip(of_parts, parts, strict=True)]
        return cls(every.dictionary, np.concatenate(codes))

    def tolist(self) -> list[Cell]:
        """Return the cells of all rows."""
        return self.each(self.distinct.to_pylist())

    def each(self, values: Sequence[Any]) -> list[Any]:
        """Return a value for every row, from one for every distinct text."""
        return np.array(values, dtype=object)[self.codes].tolist()

    def cell(self, row: int) -> Cell:
        """Return the cell of one row."""
        return self.distinct[int(self.codes[row])].as_py()

    def first(self, is_meant: Callable[[Cell], bool]) -> int | None:
        """Return the first row whose cell is meant."""
        texts = self.distinct.to_pylist()
        codes = list(compress(range(len(texts)), map(is_meant, texts)))
        return first_row(np.isin(self.codes, codes)) if codes else None

    def narrowed(self) -> "TextCells":
        """Return the same: it is as small as it can be."""
        return self


class NumberCells(NamedTuple):
    """Numbers of consecutive rows of one column."""

    values: NDArray[Any]
    """Integers, floats or booleans; where there is none, 0."""
    is_missing: NDArray[np.bool_] | None
    """Which rows have none; None where all have one."""

    @classmethod
    def of(cls, array: Any) -> "NumberCells":
        """Take a pyarrow array of numbers or booleans."""
        import pyarrow as pa

        if not array.null_count:
            return cls(array.to_numpy(zero_copy_only=False), None)
        is_missing = array.is_null().to_numpy(zero_copy_only=False)
        zero = pa.scalar(0, pa.int8()).cast(array.type)
        return cls(array.fill_null(zero).to_numpy(zero_copy_only=False), is_missing)

    def tolist(self) -> list[Cell]:
        """Return the cells of all rows."""
        values: list[Cell] = self.values.tolist()
        if self.is_missing is None:
            return values
        return [None if missing else value for value, missing in zip(values, self.is_missing, strict=True)]

    def cell(self, row: int) -> Cell:
        """Return the cell of one row."""
        return None if self.is_missing is not None and self.is_missing[row] else self.values[row].item()

    def narrowed(self) -> "NumberCells":
        """Return the same, in one byte a cell where all are 0 or 1."""
        values = np.ascontiguousarray(self.values)
        if values.dtype.kind in "iu" and len(values) and values.min() >= 0 and values.max() <= 1:
            values = values.astype(np.int8)
        return NumberCells(values, self.is_missing)


Cells = TextCells | NumberCells
"""Consecutive cells of one column."""


class Block(NamedTuple):
    """Consecutive rows of a table."""

    numbers: Sequence[int]
    """Where each stands in the file."""
    columns: Sequence[Cells]
    """Their cells, one entry a column."""

    @property
    def rows(self) -> Iterator[tuple[int, Sequence[Cell]]]:
        """Number and cells of every row."""
        return zip(self.numbers, zip(*(cells.tolist() for cells in self.columns), strict=True), strict=False)


def block_of_texts(rows: Sequence[tuple[int, Sequence[str]]]) -> Block:
    """Return numbered rows of text as a block."""
    import pyarrow as pa

    columns = zip(*(cells for _, cells in rows), strict=True)
    return Block(
        [number for number, _ in rows],
        [TextCells.of(pa.array(cells, pa.large_string())) for cells in columns],
    )


def batches(items: Iterable[T], weight: Callable[[T], int]) -> Iterator[list[T]]:
    """Yield consecutive items in lists of limited weight; before an error, those before it.

    Args:
        items: What may raise InputError.
        weight: Bytes that an item takes, about.
    """
    batch: list[T] = []
    total = 0
    try:
        for item in items:
            batch.append(item)
            total += weight(item)
            if total >= _MOST_WEIGHT:
                yield batch
                batch, total = [], 0
    except InputError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def first_row(is_meant: NDArray[np.bool_]) -> int | None:
    """Return the first row that is True."""
    row = int(is_meant.argmax()) if len(is_meant) else 0
    return row if len(is_meant) and is_meant[row] else None


def _narrowest(num_codes: int) -> Any:
    return np.min_scalar_type(max(0, num_codes - 1))
