"""Write files of embeddings, so that a process that is killed leaves one that can be gone on with.

In: what the records are, and their rows as they are computed. Out: a file of
:mod:`hyenadna_kit.io.embedding_file`.

Everything but the values is written first, and their room is taken at once. From then on the values and the
counter alone change, the counter after the values.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import atomic_file, locked, remove_left_over
from hyenadna_kit.io.embedding_file import (
    COMPLETED,
    FIRST_ROWS,
    FORMAT,
    VERSION,
    EmbeddingKeys,
    Embeddings,
    Number,
)
from hyenadna_kit.io.hdf5_guard import AttributeValue, damage_told, encode_attributes
from hyenadna_kit.io.hdf5_layout import COUNT, FILE_VERSION, VALUES, allocate, commit_rows

_CHUNK_BYTES = 1 << 20


class EmbeddingWriter:
    """Appends the rows of records; :func:`write_embeddings` makes one."""

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self._values, self._completed = file[VALUES], file[COMPLETED]
        self._first_rows: NDArray[np.int64] = file[FIRST_ROWS][...]
        self.num_completed = int(self._completed[0])
        """Number of records, from the first, that are on disk: where to go on."""

    def append(self, records: Sequence[NDArray[Any]]) -> None:
        """Write the rows of the next records; when it returns, they are on disk and counted.

        Raises:
            ValueError: They are of other shapes than the file has room for.
            InputError: A value is beyond the largest number of float16.
        """
        end = self.num_completed + len(records)
        rows = np.concatenate(records)
        low, high = self._first_rows[self.num_completed], self._first_rows[end]
        if rows.shape != (high - low, self._values.shape[1]):
            raise ValueError(
                f"rows must have the shape {(high - low, self._values.shape[1])}, got {rows.shape}"
            )
        with np.errstate(over="ignore"):
            stored = rows.astype(self._values.dtype)
        if not np.isfinite(stored).all() and np.isfinite(rows).all():
            raise InputError(
                f"a value of records {self.num_completed + 1} to {end} is beyond the largest number of "
                f"{stored.dtype}, {np.finfo(stored.dtype).max:g}; take --dtype float32"
            )
        self._values[low:high] = stored
        commit_rows(self._file, self._completed, end)
        self.num_completed = end


@contextmanager
def write_embeddings(
    path: Path,
    keys: EmbeddingKeys,
    *,
    width: int,
    number: Number = "float32",
    provenance: Mapping[str, AttributeValue],
) -> Iterator[EmbeddingWriter]:
    """Open a file for writing: a new one, or one that a run left unfinished.

    One process at a time writes a file; another one waits.

    Args:
        path: The file.
        keys: What the records are.
        width: Numbers of a row.
        number: Their format.
        provenance: Texts and numbers that say where the values come from.

    Raises:
        InputError: ``path`` is no file of embeddings, or one of other records, shape or provenance.
    """
    with locked(path):
        remove_left_over(path)
        if path.exists():
            _require_same(path, keys, width, number, provenance)
        else:
            with atomic_file(path) as temporary:
                _create(temporary, keys, width, number, provenance)
        with damage_told(path):
            file = h5py.File(path, "r+", libver=FILE_VERSION, locking=False)
        try:
            yield EmbeddingWriter(file)
        finally:
            file.close()


def _create(
    path: Path, keys: EmbeddingKeys, width: int, number: Number, provenance: Mapping[str, AttributeValue]
) -> None:
    attributes = encode_attributes({"format": FORMAT, "version": VERSION, **provenance})
    dtype = np.dtype(number).newbyteorder("<")
    num_rows = int(keys.num_rows.sum())
    chunk = (min(num_rows, max(1, _CHUNK_BYTES // (width * dtype.itemsize))), width)
    with h5py.File(path, "w", libver=FILE_VERSION, locking=False) as file:
        for name, value in attributes.items():
            file.attrs.create(name, value)
        for name, column in keys.members().items():
            allocate(file, name, column.dtype, column.shape)[...] = column
        allocate(file, COMPLETED, COUNT, (1,))[0] = 0
        allocate(file, VALUES, dtype, (num_rows, width), chunk)


def _require_same(
    path: Path, keys: EmbeddingKeys, width: int, number: Number, provenance: Mapping[str, AttributeValue]
) -> None:
    found = Embeddings(path)
    try:
        problem = _difference(found, keys, width, number, provenance)
    finally:
        found.close()
    if problem:
        raise InputError(f"{path} holds embeddings of another {problem}; choose another --out, or remove it")


def _difference(
    found: Embeddings,
    keys: EmbeddingKeys,
    width: int,
    number: Number,
    provenance: Mapping[str, AttributeValue],
) -> str | None:
    """Return what is not the same, or None."""
    for name in sorted(provenance.keys() | found.provenance.keys()):
        there, here = found.provenance.get(name), provenance.get(name)
        if there != here:
            return f"{name}, {there!r} and not {here!r}"
    if found.layout != ((int(keys.num_rows.sum()), width), number):
        return f"shape or number format, {found.layout}"
    for name, column in keys.members().items():
        if not found.has_member(name) or not np.array_equal(found.member(name), column):
            return f"input: its {name} differ"
    return None
