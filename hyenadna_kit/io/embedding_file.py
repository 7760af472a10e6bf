"""Embeddings in HDF5: for each record one row of numbers, or one row a base.

values              float32 or float16, rows by width
first_rows          int64, one more than there are records: record i has the rows first_rows[i] to
                    first_rows[i + 1]
names               what each record is called, bytes
completed_records   how many records, from the first, are written
contigs; contig, start, end, strand    places, where records have them, as in a row table
attributes          format, version, and where the values come from

See :mod:`hyenadna_kit.io.embedding_writer` for how one is made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.hdf5_guard import (
    AttributeValue,
    damage_told,
    open_plain,
    plain_attributes,
    plain_datasets,
)
from hyenadna_kit.io.hdf5_keys import CONTIGS, INTERVAL_COLUMNS, RowKeys, decode_intervals
from hyenadna_kit.io.hdf5_layout import COUNT, VALUES

FIRST_ROWS, NAMES, COMPLETED = "first_rows", "names", "completed_records"
"""Members that every file has, beside the values."""

Number = Literal["float32", "float16"]
"""Format of the values."""

FORMAT, VERSION = "hyenadna_kit.embeddings", 1
"""What the attributes of that name hold."""

_MAX_NAME_BYTES = 1024


@dataclass(frozen=True)
class EmbeddingKeys:
    """What the records of a file are."""

    names: NDArray[Any]
    """Name of each, bytes of one length."""
    num_rows: NDArray[np.int64]
    """Rows of each."""
    places: RowKeys | None
    """Place of each on the genome, where they have one."""

    @classmethod
    def of_records(
        cls, names: Sequence[str], num_rows: Sequence[int], intervals: Sequence[Interval] | None
    ) -> "EmbeddingKeys":
        """Return the keys of records.

        Raises:
            InputError: There is none, or a name is longer than 1,024 bytes.
        """
        encoded = [name.encode() for name in names]
        if not encoded:
            raise InputError("the input holds no records; there is nothing to embed")
        longest = max(encoded, key=len)
        if len(longest) > _MAX_NAME_BYTES:
            raise InputError(
                f"the name {longest[:60]!r}... is longer than {_MAX_NAME_BYTES} bytes; shorten it"
            )
        places = None if intervals is None else RowKeys.of_intervals(intervals)
        return cls(np.array(encoded), np.array(num_rows, dtype=COUNT), places)

    def members(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of a file that hold them."""
        first_rows = np.concatenate([[0], np.cumsum(self.num_rows)]).astype(COUNT)
        found: dict[str, NDArray[Any]] = {FIRST_ROWS: first_rows, NAMES: self.names}
        if self.places is not None:
            contigs = np.array([name.encode() for name in self.places.contigs])
            found |= {CONTIGS: contigs, **self.places.columns}
        return found


class Embeddings:
    """A file of embeddings, read record by record."""

    def __init__(self, path: Path | str) -> None:
        """Open the file.

        Raises:
            InputError: It is no file of embeddings, of another version, or damaged.
        """
        self.path = Path(path)
        with open_plain(self.path) as file:
            self._datasets = plain_datasets(self.path, file)
            attributes = plain_attributes(self.path, file)
            if attributes.pop("format", None) != FORMAT:
                raise InputError(
                    f"{self.path} is HDF5, but no file of embeddings; hyenadna-kit embed makes one"
                )
            if attributes.pop("version", None) != VERSION:
                raise InputError(f"{self.path} is of another version, expected {VERSION}; write it again")
            self.provenance: dict[str, AttributeValue] = attributes
            """Where the values come from."""
            self._check_members()
            self.first_rows: NDArray[np.int64] = self._datasets[FIRST_ROWS][...]
            """Where the rows of each record begin, and where those of the last one end."""
            self.num_completed = int(self._datasets[COMPLETED][0])
            """Number of records, from the first, that are written."""
            self._check_rows()
            self._file = file

    @property
    def num_records(self) -> int:
        """Number of records, written or not."""
        return len(self.first_rows) - 1

    @property
    def names(self) -> list[str]:
        """What each record is called."""
        return [name.decode() for name in self.member(NAMES).tolist()]

    @property
    def intervals(self) -> list[Interval] | None:
        """Where each record lies; None where records are given by their bases."""
        if CONTIGS not in self._datasets:
            return None
        contigs = tuple(name.decode() for name in self.member(CONTIGS).tolist())
        return decode_intervals(contigs, lambda name, a, b: self.member(name)[a:b], 0, self.num_records)

    def values(self, record: int) -> NDArray[Any]:
        """Return the rows of one record, rows by width.

        Raises:
            InputError: It is not written yet.
        """
        return self.rows(record, record + 1)

    def rows(self, start: int, end: int) -> NDArray[Any]:
        """Return the rows of the records ``[start, end)`` (from 0), below each other.

        Raises:
            InputError: They are not all there, or not all written yet.
        """
        if not 0 <= start <= end <= self.num_completed:
            raise InputError(
                f"{self.path} has {self.num_completed} of {self.num_records} records written, not {start} to "
                f"{end}; the same embed command finishes it"
            )
        with damage_told(self.path):
            return self._datasets[VALUES][self.first_rows[start] : self.first_rows[end]]

    def member(self, name: str) -> NDArray[Any]:
        """Return one array of the file, whole."""
        with damage_told(self.path):
            return self._datasets[name][...]

    def has_member(self, name: str) -> bool:
        """Say whether the file has an array of that name."""
        return name in self._datasets

    @property
    def layout(self) -> tuple[tuple[int, ...], str]:
        """Shape and number format of all values."""
        return self._datasets[VALUES].shape, self._datasets[VALUES].dtype.name

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _check_members(self) -> None:
        needed = {VALUES, FIRST_ROWS, NAMES, COMPLETED}
        allowed = needed | {CONTIGS, *INTERVAL_COLUMNS}
        if set(self._datasets) not in (needed, allowed):
            raise InputError(
                f"{self.path} has the members {sorted(self._datasets)}, expected {sorted(allowed)}"
            )
        ranks = {VALUES: 2} | dict.fromkeys(set(self._datasets) - {VALUES}, 1)
        for name, rank in ranks.items():
            if len(self._datasets[name].shape) != rank or not self._datasets[name].shape[0]:
                raise InputError(f"{self.path}: {name} has the shape {self._datasets[name].shape}")
        for name, kinds in {VALUES: "f", FIRST_ROWS: "i", COMPLETED: "i", NAMES: "S"}.items():
            if self._datasets[name].dtype.kind not in kinds:
                raise InputError(f"{self.path}: {name} is of type {self._datasets[name].dtype}")

    def _check_rows(self) -> None:
        first = self.first_rows
        is_whole = (
            first[0] == 0 and first[-1] == self._datasets[VALUES].shape[0] and (np.diff(first) >= 0).all()
        )
        per_record = (name for name in self._datasets if name in (NAMES, *INTERVAL_COLUMNS))
        if not is_whole or any(self._datasets[name].shape != (self.num_records,) for name in per_record):
            raise InputError(f"{self.path} is damaged: its members do not fit each other; write it again")
        if not 0 <= self.num_completed <= self.num_records:
            raise InputError(
                f"{self.path} is damaged: {self.num_completed} of {self.num_records} are written"
            )
