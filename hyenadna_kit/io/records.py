"""Pieces of DNA without labels, one after the other as a file lists them.

In: FASTA, BED or a table, told apart by the suffix, and a genome where the file holds places. Out: records,
in the order of the file and one at a time: the file may be larger than memory, and is read anew each time.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.bed import read_bed_records
from hyenadna_kit.io.fasta import read_fasta
from hyenadna_kit.io.genome import Genome, GenomesOfRows
from hyenadna_kit.io.label_columns import GENOME
from hyenadna_kit.io.raw_table import Cell
from hyenadna_kit.io.regions import check_inside
from hyenadna_kit.io.table_cells import (
    CONTIG,
    END,
    PLACE,
    SEQUENCE,
    START,
    STRAND,
    interval_of,
    require_same_length,
    sequence_of,
)
from hyenadna_kit.io.tables import read_raw_table, usual_names
from hyenadna_kit.io.tables_text import SEPARATORS
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer

NAME, ROW = "name", "row"
"""What a record is called in FASTA and BED; its number in a table, from 1."""

_PLACE_COLUMNS = (CONTIG, START, END, STRAND)
_FASTA, _BED, _PARQUET = (".fa", ".fasta", ".fna"), (".bed",), (".parquet",)
_NAME_COLUMNS = (NAME, "id")
_BED_COLUMNS = 6


class Record(NamedTuple):
    """One piece of DNA."""

    source: str
    """File, and which of its records, for messages."""
    name: str
    """What the file calls it; its place or its number where it has no name."""
    keys: tuple[Cell, ...]
    """What the file says of it, a value for each of the columns of its file."""
    interval: Interval | None
    """Where it lies on the genome; None where it is given by its bases."""
    length: int
    """Bases."""
    read: Callable[[], tuple[NDArray[np.uint8], ...]]
    """Returns its token ids, one a base, on the strand of the interval; of a variant, with REF and
    with ALT."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How records are read."""

    tokenizer: NucleotideTokenizer
    """That of the model."""
    genome: Genome | None = None
    """Where places lie."""
    longest: int
    """Most bases of a record."""

    def check_length(self, source: str, length: int) -> None:
        """Refuse a record that is too long.

        Raises:
            InputError: It is.
        """
        if length > self.longest:
            raise InputError(
                f"{source}: {length:,} bases or more, and the model reads {self.longest:,}; cut the "
                f"sequence, or let the model read more by --length {length}"
            )

    def of_interval(self, source: str, name: str, keys: tuple[Cell, ...], interval: Interval) -> Record:
        """Return the record of a place on the genome."""
        self.check_length(source, interval.length)
        return Record(source, name, keys, interval, interval.length, partial(self._read, interval))

    def _read(self, interval: Interval) -> tuple[NDArray[np.uint8], ...]:
        assert self.genome is not None
        return (self.genome.tokens(interval),)


@dataclass(frozen=True)
class RecordFile(ABC):
    """A file of records."""

    path: Path
    """The file."""
    reading: Reading
    """How it is read."""

    may_overlap: ClassVar[bool] = False
    """Whether places are windows that overlap on purpose."""

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Names of the keys of every record."""

    @property
    @abstractmethod
    def has_places(self) -> bool:
        """Whether records are places on a genome."""

    @property
    def names_genomes(self) -> bool:
        """Whether every record names the genome that its place is on."""
        return False

    @property
    def genomes_read(self) -> list[Genome]:
        """The genomes of the records that have been read."""
        return [] if self.reading.genome is None else [self.reading.genome]

    @abstractmethod
    def __iter__(self) -> Iterator[Record]:
        """Yield every record, in order.

        Raises:
            InputError: The file cannot be read, or a record is wrong or too long; it is named.
            ContigNotFoundError: A place lies on no contig of the genome.
        """


class FastaRecords(RecordFile):
    """Every sequence of a FASTA file whole; one of them is in memory at a time."""

    columns = (NAME,)
    has_places = False

    def __iter__(self) -> Iterator[Record]:
        """Yield every sequence."""
        name, pieces = "", list[NDArray[np.uint8]]()
        for block in read_fasta(self.path):
            if not block.start and pieces:
                yield self._record(name, np.concatenate(pieces))
            if not block.start:
                name, pieces = block.contig, []
            self.reading.check_length(f"{self.path}, sequence {name!r}", block.start + len(block.bases))
            pieces.append(self.reading.tokenizer.encode(block.bases))
        if pieces:
            yield self._record(name, np.concatenate(pieces))

    def _record(self, name: str, tokens: NDArray[np.uint8]) -> Record:
        return Record(f"{self.path}, sequence {name!r}", name, (name,), None, tokens.size, lambda: (tokens,))


class BedRecords(RecordFile):
    """Every interval of a BED file, on its strand."""

    columns = (*_PLACE_COLUMNS, NAME)
    has_places = True

    def __iter__(self) -> Iterator[Record]:
        """Yield every interval."""
        assert self.reading.genome is not None
        for number, record in enumerate(read_bed_records(self.path, num_columns=_BED_COLUMNS), start=1):
            source = f"{self.path}, interval {number}"
            interval = check_inside(record.interval, self.reading.genome, source)
            keys = (*_place_keys(interval), record.name or ".")
            yield self.reading.of_interval(source, record.name or interval.region, keys, interval)


@dataclass(frozen=True)
class TableRecords(RecordFile):
    """Every row of a table, with its columns but ``sequence``."""

    names: tuple[str, ...]
    """All columns of the file; those of a place under our names."""
    genomes: GenomesOfRows = field(default_factory=GenomesOfRows)
    """Those that rows have named so far."""

    @property
    def has_places(self) -> bool:
        """Whether there are no sequences."""
        return SEQUENCE not in self.names

    @property
    def names_genomes(self) -> bool:
        """Whether every row names the genome that its place is on."""
        return self.has_places and GENOME in self.names and self.reading.genome is None

    @property
    def genomes_read(self) -> list[Genome]:
        """That of the reading, or those that rows have named so far."""
        return list(self.genomes.opened.values()) if self.names_genomes else super().genomes_read

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column but ``sequence``; before them the number of the row, unless one has its name."""
        others = tuple(name for name in self.names if name != SEQUENCE)
        return others if ROW in others else (ROW, *others)

    def __iter__(self) -> Iterator[Record]:
        """Yield every row."""
        raw = read_raw_table(self.path)
        for row, (number, values) in enumerate(raw.rows, start=1):
            cells = dict(zip(self.names, values, strict=True))
            source = f"{self.path}, {raw.place} {number}"
            try:
                yield self._record(source, row, cells)
            except InputError as error:
                is_told = str(error).startswith(source)
                raise type(error)(str(error) if is_told else f"{source}, {error}") from None

    def _record(self, source: str, row: int, cells: dict[str, Cell]) -> Record:
        interval = interval_of(cells) if all(name in cells for name in PLACE) else None
        named = next((cells[name] for name in _NAME_COLUMNS if cells.get(name) not in (None, "")), row)
        if self.has_places:
            assert interval is not None
            reading = self._reading_of(source, cells)
            assert reading.genome is not None
            interval = check_inside(interval, reading.genome, source)
            cells |= dict(zip(_PLACE_COLUMNS, _place_keys(interval), strict=True))
            return reading.of_interval(source, str(named), self._keys(row, cells), interval)
        sequence = sequence_of(cells[SEQUENCE])
        if interval is not None:
            require_same_length(sequence, interval)
        self.reading.check_length(source, len(sequence))
        keys, encode = self._keys(row, cells), self.reading.tokenizer.encode
        return Record(source, str(named), keys, interval, len(sequence), lambda: (encode(sequence),))

    def _reading_of(self, source: str, cells: dict[str, Cell]) -> Reading:
        if not self.names_genomes:
            return self.reading
        return replace(self.reading, genome=self.genomes.named(cells[GENOME], self.path, source))

    def _keys(self, row: int, cells: dict[str, Cell]) -> tuple[Cell, ...]:
        return tuple(cells[name] if name in self.names else row for name in self.columns)


def open_records(path: Path, reading: Reading) -> RecordFile:
    """Open a file of records by its suffix; what is in it is read later.

    Args:
        path: FASTA (.fa, .fasta, .fna), BED, .csv or .tsv, each with or without .gz behind, or .parquet.
        reading: How records are read.

    Raises:
        InputError: The suffix is none of these, a table names no piece of DNA, or a genome is missing or
            of no use.
    """
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    records: RecordFile
    if suffix in _FASTA:
        records = FastaRecords(path, reading)
    elif suffix in _BED:
        records = BedRecords(path, reading)
    elif suffix in (*SEPARATORS, *_PARQUET):
        records = TableRecords(path, reading, _checked_names(path))
    else:
        known = ", ".join((*_FASTA, *_BED, *SEPARATORS, *_PARQUET))
        raise InputError(f"--input {path} must end in one of {known}, the text ones with or without .gz")
    if records.has_places and reading.genome is None and not records.names_genomes:
        raise InputError(f"{path} holds places and no sequences; name their genome by --genome")
    if not records.has_places and reading.genome is not None:
        raise InputError(f"{path} holds sequences, which no genome is needed for; leave --genome out")
    return records


def _checked_names(path: Path) -> tuple[str, ...]:
    names = usual_names(read_raw_table(path).names)
    if SEQUENCE not in names and not all(name in names for name in PLACE):
        raise InputError(
            f"{path} has neither the column {SEQUENCE!r} nor {', '.join(PLACE)}; it has "
            f"{', '.join(names)[:80]}"
        )
    return names


def _place_keys(interval: Interval) -> tuple[str, int, int, str]:
    return interval.contig, interval.start, interval.end, interval.strand.value
