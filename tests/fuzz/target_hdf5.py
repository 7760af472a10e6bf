"""Row tables in HDF5."""

import tempfile
from pathlib import Path

import numpy as np

from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.hdf5 import RowTable, write_rows
from hyenadna_kit.io.hdf5_keys import RowKeys

SUFFIX = ".h5"


def _bytes_of(keys: RowKeys, shape: tuple[int, ...]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.h5"
        with write_rows(path, keys, shape=shape, provenance={"model": "m", "steps": 3}) as writer:
            writer.append(np.ones((keys.num_rows, *shape), dtype=np.float32))
        return path.read_bytes()


SEEDS = [
    _bytes_of(RowKeys.of_intervals([Interval("c", 1, 3), Interval("d", 2, 9, Strand.REVERSE)]), (2,)),
    _bytes_of(RowKeys.of_variants([Variant("c", 1, "A", "CT"), Variant("c", 7, "", "G")]), ()),
]


def parse(path: Path) -> None:
    """Read every row and its key."""
    table = RowTable(path)
    try:
        table.values(0, table.num_completed)
        table.keys(0, table.num_rows)
    finally:
        table.close()
