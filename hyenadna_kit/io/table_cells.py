"""What the cells of a labelled table mean.

In: cells as the file holds them, text or numbers. Out: bases and intervals. An error names the column and the
value; whoever reads the row adds the file and the row.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.alphabet import AMBIGUOUS, BASES
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.raw_table import Cell
from hyenadna_kit.io.text_lines import shortened, whole_number

SEQUENCE, CONTIG, START, END, STRAND = "sequence", "contig", "start", "end", "strand"
PLACE = (CONTIG, START, END)
"""Columns that together make an interval."""
RESERVED = (SEQUENCE, *PLACE, STRAND)
"""Columns that are not kept as they are: sequences or intervals are made of them."""

Column = NDArray[np.int8] | NDArray[np.int64] | NDArray[np.float64] | tuple[str, ...]
"""Numbers (int8 where they are 0 and 1), or text; in a column of numbers NaN stands for a missing one."""

_LETTERS = f"{BASES}U{AMBIGUOUS}"
_VALID = _LETTERS + _LETTERS.lower()
_VALID_BYTES = _VALID.encode()
_STRANDS = {"+": Strand.FORWARD, ".": Strand.FORWARD, "-": Strand.REVERSE}
_NO_LABELS = ("", "nan", "inf", "-inf")


def sequence_of(cell: Cell) -> str:
    """Return the bases in the cell of a column ``sequence``, in their case.

    Raises:
        InputError: It is empty or holds a character that is no IUPAC nucleotide code.
    """
    if not isinstance(cell, str) or not cell:
        raise InputError(
            f"column {SEQUENCE!r}: expected bases, got {_shown(cell)}; fill it in or remove the row"
        )
    # Every character past ASCII becomes "?", which is no nucleotide code either.
    if cell.encode("ascii", "replace").translate(None, _VALID_BYTES):
        position = next(place for place, letter in enumerate(cell) if letter not in _VALID)
        raise InputError(
            f"column {SEQUENCE!r}: character {cell[position]!r} at base {position + 1} is no nucleotide code "
            f"(IUPAC letters {_LETTERS} in either case)"
        )
    return cell


def interval_of(cells: Mapping[str, Cell]) -> Interval:
    """Return the interval in the columns contig, start, end and, where it is there, strand.

    Raises:
        InputError: A value is missing or of the wrong kind, or the interval holds no base.
    """
    contig = cells[CONTIG]
    if not isinstance(contig, str) or not contig:
        raise InputError(f"column {CONTIG!r}: expected a name, got {_shown(contig)}")
    start, end = _position(START, cells[START]), _position(END, cells[END])
    if start >= end:
        raise InputError(f"column {END!r}: {end} must lie after start {start} (0-based, half-open)")
    strand = cells.get(STRAND, "+")
    if not isinstance(strand, str) or strand not in _STRANDS:
        raise InputError(f"column {STRAND!r}: expected +, - or ., got {_shown(strand)}")
    return Interval(contig, start, end, _STRANDS[strand])


def require_same_length(sequence: str, interval: Interval) -> None:
    """Refuse a row whose bases and place disagree, as they do where coordinates are 1-based.

    Raises:
        InputError: The interval has more or fewer bases.
    """
    if len(sequence) != interval.length:
        raise InputError(
            f"column {SEQUENCE!r}: {len(sequence)} bases, but start {interval.start} and end {interval.end} "
            f"span {interval.length} (0-based, half-open)"
        )


def require_label(name: str, cell: Cell) -> None:
    """Refuse a label that is missing or no finite number.

    Raises:
        InputError: The cell of column ``name`` is empty, NaN or infinite.
    """
    if lacks_label(cell):
        raise InputError(
            f"column {name!r}: expected a label, got {_shown(cell)}; fill it in or remove the row"
        )


def lacks_label(cell: Cell) -> bool:
    """Say whether a cell holds no label: it is missing or no finite number."""
    if isinstance(cell, str):
        return cell.lower() in _NO_LABELS
    return cell is None or (isinstance(cell, float) and not math.isfinite(cell))


def _position(name: str, cell: Cell) -> int:
    position = whole_number(cell) if isinstance(cell, str) else cell
    if type(position) is int and position >= 0:
        return position
    raise InputError(f"column {name!r}: expected a whole number from 0 on, got {_shown(cell)}")


def _shown(cell: Cell) -> str:
    return shortened(cell) if isinstance(cell, str) else repr(cell)
