"""A genome store: a genome prepared once, so that any window of it is read in microseconds.

In: FASTA files. Out: a folder of tokens with an index of N and soft-masked runs, and the genome that
reads from it. The files of the folder are described in :mod:`hyenadna_kit.io.store_layout`.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import GenomeStoreError, InputError
from hyenadna_kit.files import fingerprint
from hyenadna_kit.genome.contigs import ContigNames
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.genome.interval_set import runs_within
from hyenadna_kit.io.contig_aliases import known_aliases, read_aliases
from hyenadna_kit.io.fasta_text import require_file
from hyenadna_kit.io.runs import RUN_DTYPE
from hyenadna_kit.io.store_folder import build_folder, map_array
from hyenadna_kit.io.store_layout import (
    GENOME_STORE,
    N_RUNS_FILE,
    SOFT_MASKED_FILE,
    TOKENS_FILE,
    StoreLayout,
    read_layout,
)
from hyenadna_kit.io.store_writer import Progress, StoreInputs, write_store
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

    @cached_property
    def contigs(self) -> Mapping[str, int]:
        """Length of each contig in bp, in the order of the FASTA files."""
        return MappingProxyType(self._layout.contigs)

    @property
    def species(self) -> Mapping[str, str]:
        """Label of the species of each contig that was given one.

        Where there are several, their contigs are named after them: ``human.chr1``.
        """
        return MappingProxyType(self._layout.species)

    @property
    def aliases(self) -> Mapping[str, str]:
        """Contigs under the names that a user gave: other name to name here."""
        return MappingProxyType(self._layout.aliases)

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
                map_array(self.path / TOKENS_FILE, "u1"),
                map_array(self.path / N_RUNS_FILE, RUN_DTYPE.str),
                map_array(self.path / SOFT_MASKED_FILE, RUN_DTYPE.str),
            )
        return self._arrays

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_layout": self._layout, "_arrays": None}


def build_store(
    fasta_paths: Sequence[Path],
    out: Path,
    *,
    species: Sequence[str] = (),
    aliases: Path | None = None,
    overwrite: bool = False,
    on_progress: Progress | None = None,
) -> GenomeStore:
    """Build the genome store ``out`` from FASTA files, or return it where it is up to date.

    Where there are labels of more than one species, every contig is named after its own, as in
    ``human.chr1``, so that two genomes may each have a ``chr1``. One label alone leaves names as they are.

    Several processes may build one store: the first builds, the others wait and find it up to date. A
    build that fails leaves ``out`` as it was.

    Args:
        fasta_paths: Plain, gzip or bgzip files; their contigs follow each other in this order.
        out: Folder of the store.
        species: Label of each file, or one label for all; none where it is empty.
        aliases: Table of further names of the contigs; see :mod:`hyenadna_kit.io.contig_aliases`.
        overwrite: Build anew even where ``out`` is a store already.
        on_progress: Called with the bytes read and the bytes of all files; never called where the
            store is up to date.

    Raises:
        InputError: A file is no FASTA, a contig occurs twice, a label or the table cannot be used.
        GenomeStoreError: ``out`` is a store of other files, labels or aliases (and not to be overwritten),
            is no store, or cannot be written.
    """
    if not fasta_paths:
        raise InputError(f"no FASTA file was given to build {out} from; name at least one")
    for path in fasta_paths:
        require_file(path)
    inputs = StoreInputs.of(fasta_paths, species, aliases)
    build_folder(
        GENOME_STORE,
        out,
        overwrite=overwrite,
        write=lambda folder: write_store(inputs, folder, on_progress),
        check=lambda folder: _require_same(folder, inputs),
    )
    return GenomeStore(out)


def _require_same(store: Path, inputs: StoreInputs) -> None:
    difference = _difference(read_layout(store), inputs)
    if difference:
        raise GenomeStoreError(
            f"{store} is the store {difference}; overwrite it (--overwrite) or choose another folder"
        )


def _difference(layout: StoreLayout, inputs: StoreInputs) -> str:
    """Say in what a store differs from one of ``inputs``; files are read only where all else agrees."""
    labels, aliases = [source.species for source in layout.sources], {}
    if inputs.aliases is not None:
        names = ContigNames(layout.contigs, species=labels)
        aliases = known_aliases(read_aliases(inputs.aliases), names, inputs.aliases)
    paths = inputs.fasta_paths
    if [source.size for source in layout.sources] == [path.stat().st_size for path in paths]:
        if labels != list(inputs.species):
            return f"of the species {_join(labels)}, not of {_join(inputs.species)}"
        if aliases != layout.aliases:
            table = inputs.aliases or "no table"
            return f"with {len(layout.aliases)} aliases, not the {len(aliases)} of {table}"
        if [source.sha256 for source in layout.sources] == [fingerprint(path) for path in paths]:
            return ""
    return f"of {_join(source.path for source in layout.sources)}, not of {_join(paths)} as it is now"


def _join(words: Iterable[Path | str]) -> str:
    return ", ".join(str(word) or "(no label)" for word in words)


def _length(borders: NDArray[np.int64]) -> int:
    return int(borders[1::2].sum() - borders[::2].sum())
