"""Rows of numbers that a long computation has finished, kept beside its output until all are there.

In: what the computation is, and its rows group by group. Out: the same rows again, after a kill too. They
lie in ``OUT.parts``: ``job.json`` says what they are of, ``rows.f32`` holds them.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import atomic_file, locked, remove_left_over, sync, writing

_JOB_NAME, _ROWS_NAME = "job.json", "rows.f32"
_FLOAT = np.dtype("<f4")


class PredictionRows:
    """The rows of one job, in order; :func:`prediction_rows` makes one."""

    def __init__(self, folder: Path, width: int) -> None:
        """Take the folder.

        Args:
            folder: Where the rows lie.
            width: Numbers of a row.
        """
        self.path = folder / _ROWS_NAME
        self.width = width
        self.path.touch()
        self.num_rows = self.path.stat().st_size // (width * _FLOAT.itemsize)
        """Rows that are written."""

    def cut(self, num_rows: int) -> None:
        """Forget what follows the first rows: a group that a kill cut short."""
        with self.path.open("r+b") as handle:
            handle.truncate(num_rows * self.width * _FLOAT.itemsize)
        self.num_rows = num_rows

    def append(self, rows: NDArray[np.float32]) -> None:
        """Write the next rows; when it returns, they are on disk.

        Raises:
            ValueError: They are of another width.
        """
        if rows.shape[1:] != (self.width,):
            raise ValueError(f"rows must have {self.width} numbers, got the shape {rows.shape}")
        with writing(self.path), self.path.open("ab") as handle:
            handle.write(rows.astype(_FLOAT).tobytes())
            handle.flush()
            os.fsync(handle.fileno())
        self.num_rows += len(rows)

    def read(self) -> NDArray[np.float32]:
        """Return all rows, read from the file as they are looked at."""
        if not self.num_rows:
            return np.empty((0, self.width), dtype=_FLOAT)
        return np.memmap(self.path, dtype=_FLOAT, mode="r", shape=(self.num_rows, self.width))


@contextmanager
def prediction_rows(out: Path, job: Mapping[str, object], width: int) -> Iterator[PredictionRows]:
    """Yield the rows of an output that no other process writes at the same time.

    They stay when the process is killed or stopped, and go when the block ends well.

    Args:
        out: What is written in the end.
        job: What decides the rows, as plain data.
        width: Numbers of a row.

    Raises:
        InputError: Rows of another job lie beside the output.
    """
    with locked(out):
        folder = out.with_name(f"{out.name}.parts")
        _open(folder, json.dumps(job, indent=2) + "\n")
        remove_left_over(out)
        yield PredictionRows(folder, width)
        shutil.rmtree(folder)


def _open(folder: Path, job: str) -> None:
    record = folder / _JOB_NAME
    if not record.is_file():
        left = (
            [path for path in folder.iterdir() if not path.match(f".*.tmp.{_JOB_NAME}")]
            if folder.is_dir()
            else []
        )
        if left or (folder.exists() and not folder.is_dir()):
            raise InputError(f"{folder} is no folder of predict; move it away")
        with atomic_file(record) as temporary:
            temporary.write_text(job)
        sync(folder)
        return
    if record.read_text() != job:
        names = _different(record.read_text(), job)
        raise InputError(
            f"{folder} holds parts of another job ({names} differ); run that command again to finish it, or "
            "remove the folder"
        )


def _different(theirs: str, ours: str) -> str:
    try:
        found = json.loads(theirs)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        return "damaged fields"
    return ", ".join(name for name, value in json.loads(ours).items() if found.get(name) != value) or "fields"
