"""bigWig tracks: one number for each base of a genome, where there is one.

In: a file. Out: the values of any interval, base by base or as means of bins. Decoding is pybigtools'
work, which is the extra ``bigwig``.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.contigs import ContigNames
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.bigwig_guard import check_bigwig

_MISSING = float("nan")


class BigWig:
    """A track of a bigWig file; contigs are found under their usual names.

    The file is opened when a process first reads from it, so that it can be forked and pickled.
    """

    def __init__(self, path: Path | str, contig_aliases: Mapping[str, str] | None = None) -> None:
        """Check the file ``path``: what is in it lies inside it. Its values are read later.

        Args:
            path: The file; nothing is ever fetched from a network.
            contig_aliases: What you call contigs: your name to the file's.

        Raises:
            InputError: The file is no bigWig, or truncated or damaged; or pybigtools is not installed.
        """
        self.path = Path(path)
        self._aliases = dict(contig_aliases or {})
        self._contigs: Mapping[str, int] = {}
        self._checked: tuple[int, int] | None = None
        self._process = 0
        self._handle: BinaryIO | None = None
        self._reader: Any = None
        self._open()

    @property
    def contigs(self) -> Mapping[str, int]:
        """Length of each contig in bp, in the order of the file."""
        return MappingProxyType(dict(self._contigs))

    @cached_property
    def names(self) -> ContigNames:
        """The contigs under their usual names."""
        return ContigNames(self._contigs, self._aliases)

    def values(self, interval: Interval, *, fill: float = _MISSING) -> NDArray[np.float32]:
        """Return one value a base, in the direction in which ``interval`` is read.

        Args:
            interval: 0-based, half-open; it may reach beyond the contig.
            fill: What stands where the track has no value, and beyond the ends of the contig.

        Raises:
            ContigNotFoundError: The track has no such contig under any of its usual names.
            InputError: The data of the interval are damaged.
        """
        contig = self.names.resolve(interval.contig, str(self.path))
        start, end = max(interval.start, 0), min(interval.end, self._contigs[contig])
        values = np.full(interval.length, _MISSING, dtype=np.float32)
        if start < end:
            with self._damage_told(f"{contig}:{start + 1}-{end}"):
                covered = self._open().values(contig, start, end, fillna=None)
            values[start - interval.start : end - interval.start] = covered
        if not np.isnan(fill):
            values[np.isnan(values)] = fill
        return values[::-1].copy() if interval.strand is Strand.REVERSE else values

    def bins(self, interval: Interval, num_bins: int, *, fill: float = _MISSING) -> NDArray[np.float32]:
        """Return the mean of each of ``num_bins`` bins, in the direction of reading.

        Bin k covers the bases ``k * length // num_bins`` to ``(k + 1) * length // num_bins``, counted in
        that direction. The mean is over the bases that have a value; every base is read, no zoom level.

        Args:
            interval: 0-based, half-open; it may reach beyond the contig.
            num_bins: Number of bins, 1 to the length of the interval.
            fill: What stands for a bin in which no base has a value.

        Raises:
            ValueError: There are more bins than bases, or none.
            ContigNotFoundError: The track has no such contig under any of its usual names.
            InputError: The data of the interval are damaged.
        """
        if not 1 <= num_bins <= interval.length:
            raise ValueError(f"an interval of {interval.length} bp cannot have {num_bins} bins")
        values = self.values(interval).astype(np.float64)
        borders = np.arange(num_bins) * interval.length // num_bins
        covered = ~np.isnan(values)
        counts = np.add.reduceat(covered, borders, dtype=np.int64)
        sums = np.add.reduceat(np.where(covered, values, 0.0), borders)
        means = np.full(num_bins, fill, dtype=np.float32)
        np.divide(sums, counts, out=means, where=counts > 0, casting="same_kind")
        return means

    def close(self) -> None:
        """Close the file; the next reading opens it again."""
        self._reader = None
        if self._handle is not None:
            self._handle.close()
        self._handle = None

    def _open(self) -> Any:
        """Return the reader of this process; a handle from before a fork is not read after it."""
        if self._reader is not None and self._process == os.getpid():
            return self._reader
        self.close()
        pybigtools = _import_pybigtools(self.path)
        if not self.path.is_file():
            raise InputError(f"bigWig {self.path} does not exist (or is no regular file); check the path")
        state = self.path.stat()
        if self._checked not in (None, (state.st_size, state.st_mtime_ns)):
            raise InputError(f"{self.path} has changed since it was opened; start again with one version")
        # A file object, because the library tells formats apart by the ending of a name.
        handle = self.path.open("rb")
        try:
            if self._checked is None:
                self._contigs = check_bigwig(self.path, handle)
            with self._damage_told("its header"):
                handle.seek(0)
                self._reader = pybigtools.open(handle)
        except BaseException:
            handle.close()
            raise
        self._handle, self._process = handle, os.getpid()
        self._checked = (state.st_size, state.st_mtime_ns)
        return self._reader

    @contextmanager
    def _damage_told(self, what: str) -> Iterator[None]:
        """Turn what the library says of damaged data into one line that names the file."""
        try:
            yield
        except InputError:
            raise
        except BaseException as error:
            if not _is_damage(error):
                raise
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"bigWig {self.path} is damaged in {what} ({reason}); fetch or make it again"
            ) from None

    def __getstate__(self) -> dict[str, Any]:
        dropped = {"_handle": None, "_reader": None, "_process": 0}
        return self.__dict__ | dropped


def _is_damage(error: BaseException) -> bool:
    """Say whether the library found the file damaged.

    A panic of its Rust code is no ``Exception``, and has no name that could be imported.
    """
    known = isinstance(error, OSError | ValueError | LookupError)
    return known or type(error).__name__ in ("BBIReadError", "PanicException")


def _import_pybigtools(path: Path) -> Any:
    try:
        import pybigtools
    except ImportError:
        raise InputError(
            f"reading the bigWig {path} needs pybigtools: pip install 'hyenadna_kit[bigwig]'"
        ) from None
    return pybigtools
