"""A read store: the reads of a BAM or CRAM packed once, so that any stretch of any is read at once.

In: a BAM or CRAM. Out: a folder of tokens and qualities as they were sequenced, with the place of each
read on the reference. The files of the folder are described in :mod:`hyenadna_kit.io.read_layout`.
"""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import fingerprint
from hyenadna_kit.genome.contigs import ContigNames
from hyenadna_kit.io.bam import Bam
from hyenadna_kit.io.read_filter import ReadFilter, ReadReport
from hyenadna_kit.io.read_layout import (
    CONTIGS,
    DTYPES,
    ENDS,
    OFFSETS,
    QUALITIES,
    READ_STORE,
    STARTS,
    TOKENS,
    load_read_layout,
)
from hyenadna_kit.io.read_writer import Progress, write_reads
from hyenadna_kit.io.store_folder import build_folder, map_array


class _Arrays(NamedTuple):
    """The binary files, mapped into memory."""

    process: int
    tokens: NDArray[np.uint8]
    qualities: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    contigs: NDArray[np.int32]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]


class ReadStore:
    """Packed reads, numbered from 0 in the order of their file.

    :func:`build_read_store` makes one. Its files are mapped when a process first reads from it, so that
    it can be forked and pickled.
    """

    def __init__(self, path: Path | str) -> None:
        """Check the folder ``path``; its reads are read later.

        Raises:
            InputError: The folder is no read store, or one of another version, or damaged.
        """
        self.path = Path(path)
        self._layout = load_read_layout(self.path)
        self._arrays: _Arrays | None = None

    @property
    def num_reads(self) -> int:
        """Number of reads."""
        return self._layout.num_reads

    @property
    def num_bases(self) -> int:
        """Bases of all reads."""
        return self._layout.num_bases

    @property
    def contigs(self) -> Mapping[str, int]:
        """Length of each contig of the reference in bp, in the order of the BAM's header."""
        return MappingProxyType(self._layout.contigs)

    @cached_property
    def names(self) -> ContigNames:
        """The contigs of the reference under their usual names."""
        return ContigNames(self._layout.contigs)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the bytes of the BAM or CRAM and of the filter."""
        return self._layout.fingerprint

    @property
    def read_filter(self) -> ReadFilter:
        """Which reads of the file are here."""
        return self._layout.read_filter

    @property
    def report(self) -> ReadReport:
        """How many reads of the file are here, and how many were dropped for which reason."""
        return self._layout.report

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Bases of each read."""
        return np.diff(self._open().offsets)

    @property
    def contig_of(self) -> NDArray[np.int32]:
        """Number of the contig of each read, in the order of ``contigs``; -1 where it has no place."""
        return self._open().contigs

    @property
    def start_of(self) -> NDArray[np.int64]:
        """First base that each read spans on its contig, from 0; 0 where it has no place."""
        return self._open().starts

    @property
    def end_of(self) -> NDArray[np.int64]:
        """One past the last base that each read spans on its contig; 0 where it has no place."""
        return self._open().ends

    def tokens(self, read: int, start: int, end: int) -> NDArray[np.uint8]:
        """Return the tokens of the bases ``[start, end)`` of a read, as sequenced.

        The array is the caller's own: writing to it leaves the store as it is.

        Raises:
            InputError: There is no such read, or it does not reach so far.
        """
        arrays = self._open()
        return arrays.tokens[self._place(arrays, read, start, end)].copy()

    def qualities(self, read: int, start: int, end: int) -> NDArray[np.uint8]:
        """Return the Phred scores of the same bases; 255 where there is none.

        Raises:
            InputError: There is no such read, or it does not reach so far.
        """
        arrays = self._open()
        return arrays.qualities[self._place(arrays, read, start, end)].copy()

    def _place(self, arrays: _Arrays, read: int, start: int, end: int) -> slice:
        if not 0 <= read < self.num_reads:
            raise InputError(f"{self.path} has reads 0 to {self.num_reads - 1}, got {read}")
        first, last = int(arrays.offsets[read]), int(arrays.offsets[read + 1])
        if not 0 <= first <= last <= self.num_bases:
            fault = f"read {read} lies in [{first}, {last})"
            raise InputError(f"{self.path / OFFSETS} is damaged: {fault}; {READ_STORE.remedy}")
        if not 0 <= start <= end <= last - first:
            asked = f"[{start}, {end})"
            raise InputError(f"read {read} of {self.path} has bases [0, {last - first}), got {asked}")
        return slice(first + start, first + end)

    def _open(self) -> _Arrays:
        """Return the arrays of this process; a map made before a fork is not used after it."""
        if self._arrays is None or self._arrays.process != os.getpid():
            if load_read_layout(self.path).fingerprint != self.fingerprint:
                raise InputError(f"{self.path} was packed anew from other reads; start again with one store")
            names = (TOKENS, QUALITIES, OFFSETS, CONTIGS, STARTS, ENDS)
            self._arrays = _Arrays(os.getpid(), *(map_array(self.path / n, DTYPES[n]) for n in names))
        return self._arrays

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_layout": self._layout, "_arrays": None}


def build_read_store(
    bam: Path,
    out: Path,
    *,
    read_filter: ReadFilter | None = None,
    reference: Path | None = None,
    overwrite: bool = False,
    on_progress: Progress | None = None,
) -> ReadStore:
    """Pack the reads of a BAM or CRAM into ``out``, or return it where it is up to date.

    Several processes may build one store: the first builds, the others wait and find it up to date. A
    build that fails leaves ``out`` as it was.

    Args:
        bam: The file; it needs no index.
        out: Folder of the store.
        read_filter: Which reads to keep; by default see :class:`ReadFilter`.
        reference: FASTA that a CRAM was written with, indexed; a BAM needs none.
        overwrite: Build anew even where ``out`` is a store already.
        on_progress: Called with the bytes read and the bytes of the file; never called where the store
            is up to date.

    Raises:
        InputError: The file cannot be read or has no read that passes the filter; ``out`` is the store of
            other reads (and not to be overwritten), is no store, or cannot be written.
    """
    source, wanted = Bam(bam, reference), read_filter or ReadFilter()
    build_folder(
        READ_STORE,
        out,
        overwrite=overwrite,
        write=lambda folder: write_reads(source, wanted, folder, on_progress),
        check=lambda store: _require_same(store, source.path, wanted),
    )
    return ReadStore(out)


def _require_same(store: Path, bam: Path, read_filter: ReadFilter) -> None:
    layout = load_read_layout(store)
    source = layout.source
    if layout.read_filter != read_filter:
        differs = f"{source.path} with another filter"
    elif source.size != bam.stat().st_size or source.sha256 != fingerprint(bam):
        differs = f"{source.path}, not of {bam} as it is now"
    else:
        return
    raise InputError(f"{store} is the read store of {differs}; overwrite it or choose another folder")
