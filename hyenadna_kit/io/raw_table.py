"""A table as its file holds it, before its columns have a meaning.

In: names and cells from a text file or from Parquet. Out: the same, with the names checked, in the form
that :mod:`hyenadna_kit.io.tables` reads whatever the format.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.table_blocks import Block, Cell
from hyenadna_kit.io.text_lines import shortened

__all__ = ["Cell", "RawTable", "check_names"]

_MAX_NAME_LENGTH = 256


class RawTable(NamedTuple):
    """Names, and the rows as they are read."""

    names: tuple[str, ...]
    """Names of the columns, all different."""
    blocks: Iterator[Block]
    """The rows, many at a time: their numbers in the file, as ``place`` counts, and a column a name. They
    are read once."""
    place: str
    """What the numbers count: ``line`` of a text file or ``row`` of Parquet, from 1."""
    is_text: bool
    """Whether numbers are still text."""

    @property
    def rows(self) -> Iterator[tuple[int, Sequence[Cell]]]:
        """The same row by row: the number of each, and its values, one a name."""
        return chain.from_iterable(block.rows for block in self.blocks)


def check_names(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the columns.

    Raises:
        InputError: A column has no name or the name of another, or one that cannot be shown.
    """
    seen: set[str] = set()
    for number, name in enumerate(names, start=1):
        if not name:
            raise InputError(
                f"{path}: column {number} has no name; name it, or write the table without row numbers"
            )
        if len(name) > _MAX_NAME_LENGTH or not name.isprintable():
            raise InputError(
                f"{path}: the name {shortened(name)} of column {number} is no text of at most "
                f"{_MAX_NAME_LENGTH} characters; the first line must name the columns"
            )
        if name in seen:
            raise InputError(f"{path}: column {name!r} occurs twice; rename or remove one of the two")
        seen.add(name)
    return tuple(names)
