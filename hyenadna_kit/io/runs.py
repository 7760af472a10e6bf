"""Runs of flagged positions along a genome: where N stands, what is soft-masked.

In: one flag a base, in blocks. Out: a file of the borders of every run, and the runs of any stretch.

The file holds little-endian int64 offsets ``start, end, start, end, ...``, each greater than the last:
read flat, one binary search finds a position; read two by two, they are the runs. A run may cross the
border of two contigs, and is cut there by whoever asks for those of one.
"""

from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

RUN_DTYPE = np.dtype("<i8")
"""Type of one border in the file."""

RUN_BYTES = 2 * RUN_DTYPE.itemsize
"""Bytes of one run in the file."""


class RunWriter:
    """Writes the runs of a flag that arrives block by block."""

    def __init__(self, handle: BinaryIO) -> None:
        """Take the open file that the borders are appended to."""
        self.count = 0
        self._handle = handle
        # The last run is held back: the next block may continue it.
        self._pending = np.empty(0, dtype=RUN_DTYPE)

    def add(self, flags: NDArray[np.bool_], offset: int) -> None:
        """Take the flags of the stretch that begins at ``offset``, at or after the end of the last."""
        if not flags.any():
            return
        borders = borders_of(flags)
        borders += offset
        if self._pending.size and self._pending[1] == borders[0]:
            borders[0] = self._pending[0]
        else:
            self._write(self._pending)
        self._write(borders[:-2])
        self._pending = borders[-2:].copy()

    def finish(self) -> None:
        """Write the run that was held back."""
        self._write(self._pending)

    def _write(self, borders: NDArray[np.int64]) -> None:
        self._handle.write(borders.data)
        self.count += borders.size // 2


def borders_of(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return where each run of ``flags`` begins and ends, one after the other."""
    if not flags.size:
        return np.empty(0, dtype=RUN_DTYPE)
    changes = np.empty(flags.size + 1, dtype=np.bool_)
    changes[0], changes[-1] = flags[0], flags[-1]
    np.not_equal(flags[1:], flags[:-1], out=changes[1:-1])
    return np.flatnonzero(changes).astype(RUN_DTYPE, copy=False)
