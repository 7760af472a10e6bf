"""Labelled tables as Parquet."""

import tempfile
from pathlib import Path

import numpy as np

from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.tables import LabelledTable, read_labelled_table, write_labelled_table

SUFFIX = ".parquet"


def _bytes_of(table: LabelledTable) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.parquet"
        write_labelled_table(path, table)
        return path.read_bytes()


SEEDS = [
    _bytes_of(LabelledTable(sequences=("ACGTN", "rYu"), columns={"label": ("a", "b")})),
    _bytes_of(
        LabelledTable(
            intervals=(Interval("c", 1, 3), Interval("c", 2, 9, Strand.REVERSE)),
            columns={"label": np.array([0, 1]), "x": np.array([0.5, np.nan])},
        )
    ),
]


def parse(path: Path) -> None:
    """Read every row."""
    read_labelled_table(path)
