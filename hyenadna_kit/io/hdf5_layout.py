"""The file of a row table: its members, how it is made, and whether a file is one.

values            float32, rows by the shape of one row; chunks of 256 to 1,024 rows, uncompressed
completed_rows    how many rows, from the first, are written
contigs           names of the contigs
contig, start, end, strand                                         keys of intervals, or
contig, position, allele_start, ref_length, alt_length, alleles    keys of variants
attributes        format, version, and where the values come from
"""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.hdf5_guard import AttributeValue, encode_attributes
from hyenadna_kit.io.hdf5_keys import ALLELES, CONTIGS, INTERVAL_COLUMNS, VARIANT_COLUMNS, RowKeys

VALUES, COMPLETED = "values", "completed_rows"
"""Members that every table has."""

FLOAT, COUNT = np.dtype("<f4"), np.dtype("<i8")
"""Their types."""

FILE_VERSION = ("v108", "v108")
"""HDF5 1.8: checksums over the structure, but no mark of an open file that outlives a killed writer."""

_FORMAT, _VERSION = "hyenadna_kit.rows", 1
_MOST_ROWS, _FEWEST_ROWS, _CHUNK_BYTES, _MAX_CHUNK_BYTES = 1024, 256, 1 << 24, 1 << 31
_MAX_CONTIG_BYTES = 1 << 26


class RowLayout(NamedTuple):
    """What a file says of itself, but for the counter."""

    shape: tuple[int, ...]
    """Rows, and the shape of one."""
    contigs: tuple[str, ...]
    """Contig names."""
    columns: tuple[str, ...]
    """Members that hold the keys."""
    provenance: dict[str, AttributeValue]
    """Where the values come from."""


def create_table(
    path: Path, keys: RowKeys, shape: tuple[int, ...], provenance: Mapping[str, AttributeValue]
) -> None:
    """Write a table with all its keys and no values, and take the room for the values.

    Raises:
        InputError: There are no rows, or a row is empty or too large.
        ValueError: ``provenance`` has a name of the format itself, or what an attribute cannot hold.
    """
    own: dict[str, AttributeValue] = {"format": _FORMAT, "version": _VERSION}
    if own.keys() & provenance.keys():
        raise ValueError(
            f"{sorted(own.keys() & provenance.keys())[0]!r} is an attribute of the format itself"
        )
    attributes = encode_attributes({**own, **provenance})
    chunk = (_rows_per_chunk(shape), *shape[1:])
    names = np.array([name.encode() for name in keys.contigs])
    with h5py.File(path, "w", libver=FILE_VERSION, locking=False) as file:
        for name, value in attributes.items():
            file.attrs.create(name, value)
        for name, column in {CONTIGS: names, **keys.columns}.items():
            allocate(file, name, column.dtype, column.shape)[...] = column
        allocate(file, COMPLETED, COUNT, (1,))[0] = 0
        allocate(file, VALUES, FLOAT, shape, chunk)


def allocate(
    file: h5py.File,
    name: str,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    chunk: tuple[int, ...] | None = None,
) -> h5py.Dataset:
    """Make an array whose place in the file is taken now and filled later."""
    layout = h5p.create(h5p.DATASET_CREATE)
    layout.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    layout.set_fill_time(h5d.FILL_TIME_NEVER)
    layout.set_obj_track_times(False)  # equal tables are equal files
    if chunk is not None:
        layout.set_chunk(chunk)
    kind = h5t.py_create(dtype, logical=True)
    return h5py.Dataset(h5d.create(file.id, name.encode(), kind, h5s.create_simple(shape), layout))


def commit_rows(file: h5py.File, completed: h5py.Dataset, num_rows: int) -> None:
    """Count rows as written, once they are on the disk.

    What a kill leaves behind the count is not there.
    """
    _sync(file)
    completed[0] = num_rows
    _sync(file)


def _sync(file: h5py.File) -> None:
    file.flush()
    os.fsync(file.id.get_vfd_handle())


def _rows_per_chunk(shape: tuple[int, ...]) -> int:
    """Return how many rows make 16 MiB, but 256 to 1,024 of them, and no more than there are."""
    row_bytes = max(1, math.prod(shape[1:]) * FLOAT.itemsize)
    if not shape[0] or 0 in shape:
        raise InputError(
            f"a table of the shape {shape} holds nothing; give it keys, and rows that are not empty"
        )
    if row_bytes > _MAX_CHUNK_BYTES:
        raise InputError(f"a row of {row_bytes} bytes is too large; {_MAX_CHUNK_BYTES} at most")
    rows = min(max(_CHUNK_BYTES // row_bytes, _FEWEST_ROWS), _MOST_ROWS)
    return min(rows, _MAX_CHUNK_BYTES // row_bytes, shape[0])


def read_layout(
    path: Path, datasets: Mapping[str, h5py.Dataset], attributes: Mapping[str, AttributeValue]
) -> RowLayout:
    """Return what a table holds, from its members and attributes.

    Raises:
        InputError: The file is no row table, of another version, or has other members than a table.
    """
    provenance = dict(attributes)
    if provenance.pop("format", None) != _FORMAT:
        raise InputError(f"{path} is HDF5, but no row table: its attribute format is not {_FORMAT!r}")
    version = provenance.pop("version", None)
    if version != _VERSION:
        raise InputError(f"{path} is a row table of version {version!r}, expected {_VERSION}; write it again")
    keys = INTERVAL_COLUMNS if ALLELES not in datasets else VARIANT_COLUMNS | {ALLELES: "|u1"}
    expected = {VALUES: FLOAT, COMPLETED: COUNT} | {name: np.dtype(kind) for name, kind in keys.items()}
    if set(datasets) != {CONTIGS, *expected}:
        raise InputError(
            f"{path} has the members {sorted(datasets)}, expected {sorted([CONTIGS, *expected])}"
        )
    shape = datasets[VALUES].shape
    for name, dtype in expected.items():
        is_column = name not in (VALUES, ALLELES, COMPLETED)
        fits = datasets[name].shape == ((shape[0],) if is_column else (1,)) or name in (VALUES, ALLELES)
        if not shape or not fits or datasets[name].dtype != dtype:
            raise InputError(
                f"{path}: {name} is {datasets[name].dtype} of shape {datasets[name].shape}, "
                f"which is not what a table of shape {shape} has"
            )
    return RowLayout(shape, _read_contigs(path, datasets[CONTIGS]), tuple(keys), provenance)


def _read_contigs(path: Path, names: h5py.Dataset) -> tuple[str, ...]:
    if names.dtype.kind != "S" or len(names.shape) != 1 or names.nbytes > _MAX_CONTIG_BYTES:
        raise InputError(f"{path}: contigs is {names.dtype} of shape {names.shape}, expected a list of names")
    return tuple(name.decode() for name in names[...].tolist())
