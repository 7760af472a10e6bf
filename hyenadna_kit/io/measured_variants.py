"""Variants with measured effects: tables of assays, of clinical classes, of any predictor's values.

In: TSV, CSV (either may be compressed) or Parquet with a variant a row and any other columns. Out: the rows
as they are, columns of them as numbers or texts, and the variants as records that can be scored.

A cell that is empty or holds ``.``, ``NA``, ``NaN``, ``None`` or ``null`` in any case is missing. Like
:mod:`hyenadna_kit.io.vcf`, this module is where a 1-based position becomes a 0-based one.
"""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from hyenadna_kit.config import nearest
from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.raw_table import Cell
from hyenadna_kit.io.tables_parquet import read_parquet_table
from hyenadna_kit.io.tables_text import SEPARATORS, read_text_table
from hyenadna_kit.io.text_lines import finite_number, shortened, whole_number
from hyenadna_kit.io.vcf import VariantRecord

DELETED = "-"
"""ALT of a variant that deletes the bases of REF, in tables that do not write an anchor base."""

_PARQUET = ".parquet"
_MISSING = frozenset({"", ".", "na", "nan", "none", "null"})
_USUAL_NAMES = {
    "contig": ("chrom", "contig", "chr", "chromosome"),
    "position": ("pos", "position"),
    "ref": ("ref", "reference"),
    "alt": ("alt", "alternative"),
}
_CONDITION = re.compile(r"(.+?)(>=|<=|!=|=|>|<)(.*)")
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


class VariantColumns(NamedTuple):
    """Which columns make a variant; None is the one of a usual name, whatever its case."""

    contig: str | None = None
    """Name of the contig; usual are chrom, contig, chr and chromosome."""
    position: str | None = None
    """First base of REF, from 1; usual are pos and position."""
    ref: str | None = None
    """Bases of the reference; usual are ref and reference."""
    alt: str | None = None
    """Bases instead of them, ``-`` for none; usual are alt and alternative."""


@dataclass(frozen=True, kw_only=True)
class MeasuredTable:
    """The rows of a table, in order."""

    path: Path
    """The file."""
    names: tuple[str, ...]
    """Names of the columns."""
    rows: tuple[tuple[Cell, ...], ...]
    """One value a column; text of a text file."""
    numbers_in_file: tuple[int, ...]
    """Where each row stands, as ``place`` counts."""
    place: str
    """What is counted: ``line`` or ``row``, from 1."""

    def numbers(self, name: str) -> Float[np.ndarray, " rows"]:
        """Return a column of numbers, NaN where a cell is missing.

        Raises:
            InputError: There is no such column, or a cell is no finite number.
        """
        return np.array([self._number(row, name, cell) for row, cell in enumerate(self._column(name))])

    def texts(self, name: str) -> list[str | None]:
        """Return a column of texts, None where a cell is missing.

        Raises:
            InputError: There is no such column.
        """
        return [None if is_missing(cell) else str(cell) for cell in self._column(name)]

    def where(self, conditions: Sequence[str]) -> "MeasuredTable":
        """Return the rows for which all conditions hold; a missing cell fulfils none.

        Args:
            conditions: ``COLUMN=VALUE``, ``COLUMN!=VALUE``, or ``>=``, ``<=``, ``>``, ``<`` and a number.

        Raises:
            InputError: A condition is none, there is no such column, a cell is no number, or no row is left.
        """
        is_kept = np.ones(len(self.rows), dtype=np.bool_)
        for condition in conditions:
            is_kept &= self._fulfils(condition)
        if not is_kept.any():
            raise InputError(f"{self.path}: none of {len(self.rows):,} rows has {' and '.join(conditions)}")
        kept = np.flatnonzero(is_kept).tolist()
        return replace(
            self,
            rows=tuple(self.rows[row] for row in kept),
            numbers_in_file=tuple(self.numbers_in_file[row] for row in kept),
        )

    def variants(
        self, columns: VariantColumns, places: Mapping[str, Interval] | None = None
    ) -> list[VariantRecord | None]:
        """Return the variant of each row; None where its contig, position or an allele is missing.

        Args:
            columns: Which columns make it.
            places: Where contigs lie on chromosomes, if positions are those of chromosomes.

        Raises:
            InputError: A column is missing, or a position is no whole number.
        """
        found = [self._find(kind, name) for kind, name in columns._asdict().items()]
        cells = zip(*(self._column(name) for name in found), strict=True)
        return [self._variant(row, found[1], each, places or {}) for row, each in enumerate(cells)]

    def complaint(self, row: int, name: str, expected: str) -> InputError:
        """Return the error of a cell: file, row, column, value and remedy."""
        cell = self.rows[row][self.names.index(name)]
        shown = shortened(cell) if isinstance(cell, str) else repr(cell)
        return InputError(
            f"{self.path}, {self.place} {self.numbers_in_file[row]}, column {name!r}: expected {expected}, "
            f"got {shown}; mend it or leave the row out"
        )

    def _column(self, name: str) -> list[Cell]:
        if name not in self.names:
            raise InputError(f"{self.path}: there is no column {name!r}{nearest(name, self.names)}")
        place = self.names.index(name)
        return [row[place] for row in self.rows]

    def _find(self, kind: str, name: str | None) -> str:
        """Return the name of the column of a kind."""
        if name is not None:
            return name
        usual = _USUAL_NAMES[kind]
        found = [each for each in self.names if each.lower().removeprefix("#") in usual]
        if not found:
            raise InputError(
                f"{self.path}: there is no column {' or '.join(map(repr, usual))}; say which one holds the "
                f"{kind} of a variant{nearest(usual[0], self.names)}"
            )
        if len(found) > 1:
            raise InputError(
                f"{self.path}: columns {found[0]!r} and {found[1]!r} may both hold the {kind} of a variant; "
                "say which one does"
            )
        return found[0]

    def _number(self, row: int, name: str, cell: Cell) -> float:
        if is_missing(cell):
            return math.nan
        number = finite_number(cell) if isinstance(cell, str) else float(cell or 0)
        if number is None or not math.isfinite(number):
            raise self.complaint(row, name, "a number, or NA where there is none")
        return number

    def _fulfils(self, condition: str) -> list[bool]:
        match = _CONDITION.fullmatch(condition)
        if match is None:
            raise InputError(f"condition {condition!r} is not COLUMN=VALUE, COLUMN!=VALUE or COLUMN>=NUMBER")
        name, sign, wanted = match.groups()
        compare = _COMPARISONS[sign]
        if sign in ("=", "!="):
            return [text is not None and compare(text, wanted) for text in self.texts(name)]
        limit = finite_number(wanted)
        if limit is None:
            raise InputError(f"condition {condition!r} compares with {wanted!r}, which is no number")
        return [compare(number, limit) for number in self.numbers(name).tolist()]

    def _variant(
        self, row: int, position_name: str, cells: Sequence[Cell], places: Mapping[str, Interval]
    ) -> VariantRecord | None:
        if any(map(is_missing, cells)):
            return None
        contig, written, ref, alt = cells
        position = _whole(written)
        if position is None:
            raise self.complaint(row, position_name, "a whole number (1-based)")
        name = _contig_name(contig)
        start = places[name].start if name in places else 0
        site = (name, position - 1 - start, str(ref), (str(alt),))
        return VariantRecord(row + 1, *site, (), b"")


def read_measured_table(path: Path) -> MeasuredTable:
    """Read a table.

    Args:
        path: ``.csv`` or ``.tsv``, with or without ``.gz`` behind, or ``.parquet``.

    Raises:
        InputError: The file cannot be read, has another ending or no rows, or a row has too many values or
            too few.
    """
    name = path.name.lower()
    suffix = next((each for each in SEPARATORS if name.endswith((each, f"{each}.gz"))), None)
    if suffix is None and not name.endswith(_PARQUET):
        raise InputError(f"table {path} must end in .csv, .tsv, .csv.gz, .tsv.gz or {_PARQUET}")
    raw = read_parquet_table(path) if suffix is None else read_text_table(path, SEPARATORS[suffix])
    rows = [(number, tuple(cells)) for number, cells in raw.rows]
    if not rows:
        raise InputError(f"{path} names its columns but has no rows; fill it or leave it out")
    return MeasuredTable(
        path=path,
        names=raw.names,
        rows=tuple(cells for _, cells in rows),
        numbers_in_file=tuple(number for number, _ in rows),
        place=raw.place,
    )


def is_missing(cell: Cell) -> bool:
    """Say whether a cell holds nothing, or a word for it."""
    if isinstance(cell, str):
        return cell.strip().lower() in _MISSING
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def spelled_out(record: VariantRecord, genome: Genome) -> VariantRecord:
    """Return a record whose ALT is ``-`` with an anchor base, as a VCF spells a deletion.

    chr1 100 A -  becomes  chr1 99 CA C, and at the first base of a contig  chr1 1 AC C. A record on a contig
    that the genome has not stays as it is.
    """
    contig = genome.names.find(record.contig)
    if record.alts != (DELETED,) or contig is None or record.position < 0:
        return record
    end = record.position + len(record.ref)
    start = record.position - 1
    if start >= 0:
        anchor = genome.fetch(Interval(contig, start, record.position))
        return replace(record, position=start, ref=anchor + record.ref, alts=(anchor,))
    anchor = genome.fetch(Interval(contig, end, end + 1))
    return replace(record, ref=record.ref + anchor, alts=(anchor,))


def _whole(cell: Cell) -> int | None:
    """Return a position; tables that once had a hole in the column write ``100.0``."""
    if isinstance(cell, str):
        number = whole_number(cell.removesuffix(".0"))
    else:
        number = int(cell) if cell is not None and cell == int(cell) else None
    return number if number is None or number >= 1 else None


def _contig_name(cell: Cell) -> str:
    """Return the name of a contig; chromosomes that a data frame took for numbers are whole."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
