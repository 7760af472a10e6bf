"""Row tables in HDF5: one row of float32 values for each interval or variant.

In: keys, and rows as they are computed. Out: one file (see :mod:`hyenadna_kit.io.hdf5_layout`), and the
table that reads it by ranges of rows.

Keys are written first and all room for the values is taken at once. From then on a writer changes the
values and the counter alone, nothing of the file's structure, and the counter after the values: a process
that is killed at any moment leaves a file that can be read and gone on with.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import atomic_file, locked
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.hdf5_guard import (
    AttributeValue,
    damage_told,
    open_plain,
    plain_attributes,
    plain_datasets,
)
from hyenadna_kit.io.hdf5_keys import ALLELES, RowKeys, decode_intervals, decode_variants
from hyenadna_kit.io.hdf5_layout import (
    COMPLETED,
    FILE_VERSION,
    FLOAT,
    VALUES,
    RowLayout,
    commit_rows,
    create_table,
    read_layout,
)


class RowTable:
    """A table of rows that :func:`write_rows` wrote, read by ranges of rows.

    The file is opened when a process first reads from it, so that it can be forked and pickled. A table
    that is still being written can be read as far as it was when it was opened.
    """

    def __init__(self, path: Path | str) -> None:
        """Check the file ``path``; its values are read later.

        Raises:
            InputError: The file is no row table, of another version, damaged, or reaches beyond itself.
        """
        self.path = Path(path)
        self._process = 0
        self._file: h5py.File | None = None
        self._datasets: dict[str, h5py.Dataset] = {}
        self._completed = 0
        self._layout: RowLayout | None = None
        self._open()

    @property
    def layout(self) -> RowLayout:
        """What the file says of itself, but for the counter."""
        assert self._layout is not None
        return self._layout

    @property
    def num_rows(self) -> int:
        """Number of rows, written or not."""
        return self.layout.shape[0]

    @property
    def num_completed(self) -> int:
        """Number of rows, from the first, that were written when this process opened the file."""
        self._open()
        return self._completed

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one row; ``()`` where a row is one number."""
        return self.layout.shape[1:]

    @property
    def contigs(self) -> tuple[str, ...]:
        """Names of the contigs that the keys lie on."""
        return self.layout.contigs

    @property
    def provenance(self) -> Mapping[str, AttributeValue]:
        """Where the values come from, as the writer said."""
        return MappingProxyType(self.layout.provenance)

    def values(self, start: int, end: int) -> NDArray[np.float32]:
        """Return the rows ``[start, end)`` (from 0), float32, in an array of the caller's own.

        Raises:
            InputError: The rows are not all there, or not all written yet.
        """
        completed = self.num_completed
        if not 0 <= start <= end <= completed:
            raise InputError(f"{self.path} has rows 0 to {completed} written, not {start} to {end}")
        return self._read(VALUES, start, end)

    def keys(self, start: int, end: int) -> list[Interval] | list[Variant]:
        """Return what the rows ``[start, end)`` (from 0) are about, whether they are written or not.

        Raises:
            InputError: The rows are not all there, or their keys are damaged.
        """
        if not 0 <= start <= end <= self.num_rows:
            raise InputError(f"{self.path} has rows 0 to {self.num_rows}, not {start} to {end}")
        try:
            if ALLELES in self.layout.columns:
                return decode_variants(self.contigs, self._read, start, end)
            return decode_intervals(self.contigs, self._read, start, end)
        except InputError as error:
            raise InputError(f"{self.path}: {error}") from None

    def column(self, name: str) -> NDArray[Any]:
        """Return one whole column of the keys, as it lies in the file.

        Raises:
            KeyError: The table has no such column.
        """
        if name not in self.layout.columns:
            raise KeyError(name)
        self._open()
        return self._read(name, 0, self._datasets[name].shape[0])

    def close(self) -> None:
        """Close the file; the next reading opens it again."""
        if self._file is not None:
            self._file.close()
        self._file, self._datasets = None, {}

    def _read(self, name: str, start: int, end: int) -> NDArray[Any]:
        self._open()
        with damage_told(self.path):
            return self._datasets[name][start:end]

    def _open(self) -> None:
        """Open the file for this process; a handle from before a fork is not read after it."""
        if self._file is not None and self._process == os.getpid():
            return
        self.close()
        with open_plain(self.path) as file:
            datasets = plain_datasets(self.path, file)
            layout = read_layout(self.path, datasets, plain_attributes(self.path, file))
            if self._layout not in (None, layout):
                raise InputError(
                    f"{self.path} was written anew since it was opened; start again with one table"
                )
            # Read before any value: what the library keeps in memory is then never older than the count.
            completed = int(datasets[COMPLETED][0])
            if not 0 <= completed <= layout.shape[0]:
                raise InputError(f"{self.path} is damaged: {completed} of {layout.shape[0]} rows are written")
            self._file, self._datasets, self._layout, self._completed = file, datasets, layout, completed
            self._process = os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_file": None, "_datasets": {}, "_process": 0}


class RowWriter:
    """Appends rows to a row table; :func:`write_rows` makes one."""

    def __init__(self, file: h5py.File) -> None:
        """Take the open file of a table."""
        self._file = file
        self._values, self._completed = file[VALUES], file[COMPLETED]
        self.num_rows: int = self._values.shape[0]
        """Number of rows that there will be."""
        self.num_completed = int(self._completed[0])
        """Number of rows, from the first, that are on disk: where to go on."""

    def append(self, rows: ArrayLike) -> None:
        """Write the next rows; when it returns, they are on disk and counted.

        Every call waits for the disk, so give it as many rows at a time as come at a time.

        Args:
            rows: Values, rows first; what is not float32 is converted.

        Raises:
            ValueError: A row is of another shape, or there are more rows than keys.
        """
        values = np.asarray(rows, dtype=FLOAT)
        end = self.num_completed + len(values)
        if values.shape[1:] != self._values.shape[1:]:
            raise ValueError(f"rows must have the shape {self._values.shape[1:]}, got {values.shape[1:]}")
        if end > self.num_rows:
            raise ValueError(f"{end} rows for a table of {self.num_rows} keys")
        self._values[self.num_completed : end] = values
        commit_rows(self._file, self._completed, end)
        self.num_completed = end


@contextmanager
def write_rows(
    path: Path,
    keys: RowKeys,
    *,
    shape: Sequence[int] = (),
    provenance: Mapping[str, AttributeValue] = MappingProxyType({}),
    overwrite: bool = False,
) -> Iterator[RowWriter]:
    """Open the table ``path`` for writing: a new one, or one that a run left unfinished.

        with write_rows(path, RowKeys.of_intervals(windows), shape=(4, 128)) as writer:
            for start in range(writer.num_completed, writer.num_rows, 512):
                writer.append(compute(windows[start : start + 512]))

    One process at a time writes a table; another one waits.

    Args:
        path: The file.
        keys: What every row is about.
        shape: Shape of one row.
        provenance: Texts and numbers that say where the values come from: model, genome, options.
        overwrite: Begin anew where there is a file already.

    Raises:
        InputError: There are no keys, a row is too large, or ``path`` is no table or one of other keys,
            shape or provenance.
    """
    with locked(path):
        if overwrite or not path.exists():
            with atomic_file(path) as temporary:
                create_table(temporary, keys, (keys.num_rows, *shape), provenance)
        else:
            _require_same(path, keys, (keys.num_rows, *shape), provenance)
        with damage_told(path):
            file = h5py.File(path, "r+", libver=FILE_VERSION, locking=False)
        try:
            yield RowWriter(file)
        finally:
            file.close()


def _require_same(
    path: Path, keys: RowKeys, shape: tuple[int, ...], provenance: Mapping[str, AttributeValue]
) -> None:
    table = RowTable(path)
    try:
        problem = _difference(table, keys, shape, provenance)
    finally:
        table.close()
    if problem:
        raise InputError(
            f"{path} is a table of other {problem}; overwrite it (overwrite=True) or choose another file"
        )


def _difference(
    table: RowTable, keys: RowKeys, shape: tuple[int, ...], provenance: Mapping[str, AttributeValue]
) -> str | None:
    """Return what is not the same, or None."""
    if (table.num_rows, *table.shape) != shape:
        return f"shape, {(table.num_rows, *table.shape)}, not {shape}"
    for name in sorted(provenance.keys() | table.provenance.keys()):
        there, here = table.provenance.get(name), provenance.get(name)
        if there != here:
            return f"provenance: {name} is {there!r}, not {here!r}"
    if set(keys.columns) != set(table.layout.columns):
        return "keys"
    same = table.contigs == keys.contigs and all(
        np.array_equal(table.column(name), column) for name, column in keys.columns.items()
    )
    return None if same else "keys"
