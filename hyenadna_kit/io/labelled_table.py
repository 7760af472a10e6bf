"""Pieces of DNA with their labels, column by column, whatever file they come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hyenadna_kit.config import nearest
from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.label_columns import LABEL
from hyenadna_kit.io.table_cells import RESERVED, Column


@dataclass(frozen=True, kw_only=True)
class LabelledTable:
    """Pieces of DNA with their labels, column by column.

    LabelledTable(sequences=("ACGT", "GGA"), columns={"label": ("promoter", "other")})
    """

    sequences: tuple[str, ...] | None = None
    """Bases of each row, IUPAC letters in either case; None where the rows are intervals."""
    intervals: tuple[Interval, ...] | None = None
    """Place of each row; None where the rows are sequences."""
    variants: tuple[Variant, ...] | None = None
    """Change of a genome that each row is about; None where the rows are sequences or intervals."""
    columns: Mapping[str, Column] = field(default_factory=dict)
    """Every other column by its name, in order: numbers, or text."""

    def __post_init__(self) -> None:
        pieces = self._pieces
        if not pieces:
            raise InputError("a table needs sequences, intervals or variants, got none of them")
        for rows in (*pieces, *self.columns.values()):
            if len(rows) != len(pieces[0]):
                raise InputError(
                    f"columns of one table have one length, got {len(pieces[0])} and {len(rows)}"
                )
        for name in self.columns:
            if name in RESERVED:
                raise InputError(f"column {name!r} is made of sequences or intervals; give it another name")

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return len(self._pieces[0])

    @property
    def _pieces(self) -> list[Sequence[str] | Sequence[Interval] | Sequence[Variant]]:
        every = (self.sequences, self.intervals, self.variants)
        return [rows for rows in every if rows is not None]

    @property
    def labels(self) -> Column:
        """The column ``label``.

        Raises:
            InputError: There is none.
        """
        if LABEL not in self.columns:
            raise InputError(f"the table has no column {LABEL!r}{nearest(LABEL, list(self.columns))}")
        return self.columns[LABEL]

    def take(self, rows: Sequence[int]) -> "LabelledTable":
        """Return the rows with these numbers, from 0, in their order."""

        def taken(values: Any) -> Any:
            if values is None or isinstance(values, np.ndarray):
                return None if values is None else values[list(rows)]
            return tuple(values[row] for row in rows)

        return LabelledTable(
            sequences=taken(self.sequences),
            intervals=taken(self.intervals),
            variants=taken(self.variants),
            columns={name: taken(column) for name, column in self.columns.items()},
        )
