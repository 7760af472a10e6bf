"""The genome as everything above reads it, whichever file holds it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import HyenaDNAKitError, InputError
from hyenadna_kit.genome.contigs import ContigNames
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.genome_store import GenomeStore


class GenomesOfRows:
    """Genomes that the rows of tables name by paths, each opened once."""

    def __init__(self) -> None:
        self.opened: dict[Path, Genome] = {}
        """Those that have been asked for."""

    def open(self, path: Path) -> "Genome":
        """Return the genome of a path.

        Raises:
            InputError: It is no genome store or FASTA.
        """
        if path not in self.opened:
            self.opened[path] = open_genome(path)
        return self.opened[path]

    def named(self, cell: object, table: Path, source: str) -> "Genome":
        """Return the genome that a row names by a path, which may begin where the table lies.

        Args:
            cell: What the row says.
            table: Its file.
            source: The file and the row, for the error.

        Raises:
            InputError: The cell is empty, or names no genome.
        """
        name = "" if cell is None else str(cell).strip()
        if not name:
            raise InputError(f"{source}: the column of genomes is empty; name the genome of the row")
        beside = table.parent / name
        try:
            return self.open(beside if beside.exists() else Path(name))
        except HyenaDNAKitError as error:
            raise InputError(f"{source}: {error}") from None


@runtime_checkable
class Contigs(Protocol):
    """Contigs that regions can be named on: of a genome, or of the reference of reads."""

    @property
    def path(self) -> Path:
        """File or folder that they are of."""

    @property
    def contigs(self) -> Mapping[str, int]:
        """Length of each contig in bp, in the order of the file."""

    @property
    def names(self) -> ContigNames:
        """The contigs under their usual names."""


@runtime_checkable
class Genome(Contigs, Protocol):
    """Named contigs whose intervals can be read: a :class:`Fasta`, a :class:`GenomeStore`."""

    @property
    def species(self) -> Mapping[str, str]:
        """Label of the species of each contig; empty where none was given."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the contig names and bases: equal for a FASTA and the store built from it."""

    def fetch(self, interval: Interval) -> str:
        """Return the bases (ACGTN) on the strand of ``interval``, N beyond the ends of the contig.

        Raises:
            ContigNotFoundError: The genome has no such contig under any of its usual names.
        """

    def tokens(self, interval: Interval) -> NDArray[np.uint8]:
        """Return the same bases as token ids, in an array of the caller's own.

        Raises:
            ContigNotFoundError: The genome has no such contig under any of its usual names.
        """

    def masked(self, interval: Interval) -> NDArray[np.int64]:
        """Return the soft-masked runs in ``interval``, cut to it: one row ``start, end`` each.

        They are positions of the contig, on the forward strand whatever the strand of ``interval``.

        Raises:
            ContigNotFoundError: The genome has no such contig under any of its usual names.
        """


def open_genome(path: Path | str) -> Genome:
    """Open a genome: a folder as a genome store, a file as FASTA.

    Raises:
        InputError: There is nothing at ``path``, or the file cannot be read.
        GenomeStoreError: The folder is not a genome store, or a damaged one.
    """
    path = Path(path)
    if path.is_dir():
        return GenomeStore(path)
    if path.is_file():
        return Fasta(path)
    raise InputError(f"genome {path} is neither a FASTA file nor a genome store; check the path")
