"""A genome store: a genome prepared once, so that any window of it is read in microseconds.

In: FASTA files. Out: a folder of tokens with an index of N and soft-masked runs, and the genome that
reads from it. The files of the folder are described in :mod:`hyenadna_kit.io.store_layout`.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import GenomeStoreError, InputError
from hyenadna_kit.files import atomic_folder, fingerprint, locked
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.fasta_text import require_file
from hyenadna_kit.io.runs import RUN_DTYPE, runs_within
from hyenadna_kit.io.store_layout import (
    LAYOUT_FILE,
    N_RUNS_FILE,
    SOFT_MASKED_FILE,
    STORE_FILES,
    TOKENS_FILE,
    read_layout,
)
from hyenadna_kit.io.store_writer import Progress, write_store
from hyenadna_kit.io.token_genome import TokenGenome


class _Arrays(NamedTuple):
    """The binary files, mapped into memory."""

    process: int
    tokens: NDArray[np.uint8]
    n_borders: NDArray[np.int64]
    soft_masked_borders: NDArray[np.int64]


class GenomeStore(TokenGenome):
    """A prepared genome; :func:`build_store` and ``hyenadna-kit prepare`` make one.

    Its files are mapped when a process first reads from it, so that it can be forked and pickled.
    """

    def __init__(self, path: Path | str) -> None:
        """Check the folder ``path``; its bases are read later.

        Raises:
            GenomeStoreError: The folder is no store, or one of another version, or damaged.
        """
        self.path = Path(path)
        self._layout = read_layout(self.path)
        self._arrays: _Arrays | None = None

    @property
    def contigs(self) -> Mapping[str, int]:
        """Length of each contig in bp, in the order of the FASTA files."""
        return MappingProxyType(self._layout.contigs)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the contig names and bases, equal to that of the FASTA."""
        return self._layout.fingerprint

    @property
    def n_fraction(self) -> float:
        """Fraction of the bases that are N (or another IUPAC code for more than one base)."""
        return _length(self._open().n_borders) / self._layout.num_bases

    @property
    def soft_masked_fraction(self) -> float:
        """Fraction of the bases that are lower case in the FASTA."""
        return _length(self._open().soft_masked_borders) / self._layout.num_bases

    def n_runs(self, contig: str) -> NDArray[np.int64]:
        """Return the runs of N on ``contig``: one row ``start, end`` each, 0-based, half-open.

        Raises:
            ContigNotFoundError: The genome has no such contig under any of its usual names.
        """
        return self._runs(self._open().n_borders, self._whole(contig))

    def soft_masked_runs(self, contig: str) -> NDArray[np.int64]:
        """Return the lower-case runs of ``contig``: one row ``start, end`` each, 0-based, half-open.

        Raises:
            ContigNotFoundError: The genome has no such contig under any of its usual names.
        """
        return self._runs(self._open().soft_masked_borders, self._whole(contig))

    def masked(self, interval: Interval) -> NDArray[np.int64]:
        """Return the soft-masked runs in ``interval``, cut to it.

        One row ``start, end`` each, in positions of the contig (0-based, half-open, forward strand
        whatever the strand of ``interval``).

        Raises:
            ContigNotFoundError: The genome has no such contig under any of its usual names.
        """
        return self._runs(self._open().soft_masked_borders, interval)

    def _whole(self, contig: str) -> Interval:
        contig = self.names.resolve(contig, str(self.path))
        return Interval(contig, 0, self.contigs[contig])

    def _runs(self, borders: NDArray[np.int64], interval: Interval) -> NDArray[np.int64]:
        contig = self.names.resolve(interval.contig, str(self.path))
        offset = self._layout.offsets[contig]
        start, end = max(interval.start, 0), min(interval.end, self.contigs[contig])
        return runs_within(borders, offset + start, offset + end) - offset

    def _slice(self, contig: str, start: int, end: int) -> NDArray[np.uint8]:
        offset = self._layout.offsets[contig]
        return self._open().tokens[offset + start : offset + end]

    def _open(self) -> _Arrays:
        """Return the arrays of this process; a map made before a fork is not used after it."""
        if self._arrays is None or self._arrays.process != os.getpid():
            if read_layout(self.path).fingerprint != self.fingerprint:
                raise GenomeStoreError(
                    f"{self.path} was built anew from another FASTA; start again with one store"
                )
            self._arrays = _Arrays(
                os.getpid(),
                _map(self.path / TOKENS_FILE, np.dtype(np.uint8)),
                _map(self.path / N_RUNS_FILE, RUN_DTYPE),
                _map(self.path / SOFT_MASKED_FILE, RUN_DTYPE),
            )
        return self._arrays

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_layout": self._layout, "_arrays": None}


def build_store(
    fasta_paths: Sequence[Path],
    out: Path,
    *,
    overwrite: bool = False,
    on_progress: Progress | None = None,
) -> GenomeStore:
    """Build the genome store ``out`` from FASTA files, or return it where it is up to date.

    Several processes may build one store: the first builds, the others wait and find it up to date. A
    build that fails leaves ``out`` as it was.

    Args:
        fasta_paths: Plain, gzip or bgzip files; their contigs follow each other in this order.
        out: Folder of the store.
        overwrite: Build anew even where ``out`` is a store already.
        on_progress: Called with the bytes read and the bytes of all files; never called where the
            store is up to date.

    Raises:
        InputError: A file is no FASTA, or a contig occurs twice.
        GenomeStoreError: ``out`` is a store of other files (and not to be overwritten), is no store,
            or cannot be written.
    """
    if not fasta_paths:
        raise InputError(f"no FASTA file was given to build {out} from; name at least one")
    for path in fasta_paths:
        require_file(path)
    # A link is followed: the folder that it points to is replaced, not the link.
    target = out.resolve()
    with _write_errors(out):
        _refuse_foreign(target)
    with _write_errors(out), locked(target):
        if overwrite or not (target / LAYOUT_FILE).exists():
            with atomic_folder(target) as folder:
                write_store(fasta_paths, folder, on_progress)
        else:
            _require_same_sources(out, fasta_paths)
    return GenomeStore(out)


def _require_same_sources(store: Path, fasta_paths: Sequence[Path]) -> None:
    sources = read_layout(store).sources
    if [s.size for s in sources] == [path.stat().st_size for path in fasta_paths] and [
        s.sha256 for s in sources
    ] == [fingerprint(path) for path in fasta_paths]:
        return
    raise GenomeStoreError(
        f"{store} is the store of {_join(s.path for s in sources)}, not of {_join(fasta_paths)} "
        "as it is now; overwrite it (--overwrite) or choose another folder"
    )


def _refuse_foreign(folder: Path) -> None:
    """Refuse to replace what is no store: only an absent or empty folder, or a store."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise GenomeStoreError(f"{folder} is a file; choose a folder for the store")
    if folder == Path.cwd():
        raise GenomeStoreError(f"{folder} is the current folder and is not replaced; choose another folder")
    foreign = sorted(path.name for path in folder.iterdir() if path.name not in STORE_FILES)
    if foreign:
        raise GenomeStoreError(
            f"{folder} holds {foreign[0]!r}, which is no part of a genome store, and is not replaced; "
            "choose another folder"
        )


@contextmanager
def _write_errors(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise GenomeStoreError(f"cannot write {out}: {error.strerror or error}") from None


def _join(paths: Iterable[Path | str]) -> str:
    return ", ".join(str(path) for path in paths)


def _map(path: Path, dtype: np.dtype[Any]) -> NDArray[Any]:
    if not path.stat().st_size:
        return np.empty(0, dtype=dtype)
    # Slices of the plain view are several times faster than those of np.memmap itself.
    return np.memmap(path, dtype=dtype, mode="r").view(np.ndarray)


def _length(borders: NDArray[np.int64]) -> int:
    return int(borders[1::2].sum() - borders[::2].sum())
