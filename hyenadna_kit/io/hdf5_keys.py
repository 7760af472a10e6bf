"""What the rows of a table are about: intervals or variants, as columns of plain arrays.

In: intervals or variants. Out: columns that HDF5 holds, and back. Contigs are numbered in the order in
which they first occur; alleles lie end to end in one run of bytes.
"""

from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.genome.variant import Variant

CONTIGS, ALLELES = "contigs", "alleles"
"""The two arrays that do not have one entry a row."""

INTERVAL_COLUMNS = {"contig": "<i4", "start": "<i8", "end": "<i8", "strand": "|i1"}
VARIANT_COLUMNS = {
    "contig": "<i4",
    "position": "<i8",
    "allele_start": "<i8",
    "ref_length": "<i4",
    "alt_length": "<i4",
}
"""Columns with one entry a row, and their types."""

_STRANDS = {1: Strand.FORWARD, -1: Strand.REVERSE}
_SIGNS = {strand: sign for sign, strand in _STRANDS.items()}

Read = Callable[[str, int, int], NDArray[Any]]
"""``read(column, start, end)``: entries ``[start, end)`` of a column."""


@dataclass(frozen=True, eq=False)
class RowKeys:
    """The keys of all rows of a table, in order."""

    contigs: tuple[str, ...]
    """Contig names; ``contig`` counts in them."""
    columns: Mapping[str, NDArray[Any]]
    """One array for each of ``INTERVAL_COLUMNS``, or of ``VARIANT_COLUMNS`` and the alleles."""

    @classmethod
    def of_intervals(cls, intervals: Iterable[Interval]) -> "RowKeys":
        """Return the keys of rows about intervals, 22 bytes each."""
        numbers: dict[str, int] = {}
        columns = {name: array(_code(kind)) for name, kind in INTERVAL_COLUMNS.items()}
        for interval in intervals:
            columns["contig"].append(numbers.setdefault(interval.contig, len(numbers)))
            columns["start"].append(interval.start)
            columns["end"].append(interval.end)
            columns["strand"].append(_SIGNS[interval.strand])
        return cls(tuple(numbers), _arrays(columns, INTERVAL_COLUMNS))

    @classmethod
    def of_variants(cls, variants: Iterable[Variant]) -> "RowKeys":
        """Return the keys of rows about variants, 28 bytes and their alleles each."""
        numbers: dict[str, int] = {}
        columns = {name: array(_code(kind)) for name, kind in VARIANT_COLUMNS.items()}
        alleles = bytearray()
        for variant in variants:
            ref, alt = variant.ref.encode("ascii"), variant.alt.encode("ascii")
            columns["contig"].append(numbers.setdefault(variant.contig, len(numbers)))
            columns["position"].append(variant.position)
            columns["allele_start"].append(len(alleles))
            columns["ref_length"].append(len(ref))
            columns["alt_length"].append(len(alt))
            alleles += ref + alt
        arrays = _arrays(columns, VARIANT_COLUMNS)
        return cls(tuple(numbers), {**arrays, ALLELES: np.frombuffer(bytes(alleles), dtype=np.uint8)})

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return self.columns["contig"].size


def decode_intervals(contigs: tuple[str, ...], read: Read, start: int, end: int) -> list[Interval]:
    """Return the intervals of the rows ``[start, end)``.

    Raises:
        InputError: A column holds what no interval has.
    """
    columns = [read(name, start, end).tolist() for name in INTERVAL_COLUMNS]
    try:
        return [
            Interval(contigs[_position(contig)], first, last, _STRANDS[sign])
            for contig, first, last, sign in zip(*columns, strict=True)
        ]
    except LookupError as error:
        raise InputError(f"the keys of rows {start} to {end} are damaged ({error})") from None


def decode_variants(contigs: tuple[str, ...], read: Read, start: int, end: int) -> list[Variant]:
    """Return the variants of the rows ``[start, end)``.

    Raises:
        InputError: A column holds what no variant has.
    """
    contig, position, first, num_ref, num_alt = (read(name, start, end) for name in VARIANT_COLUMNS)
    middle, last = first + num_ref, first + num_ref + num_alt
    low, high = int(first.min(initial=0)), int(last.max(initial=0))
    letters = read(ALLELES, low, high).tobytes()[: high - low] if 0 <= low < high else b""
    is_whole = len(letters) == high - low and bool(np.all((first <= middle) & (middle <= last)))
    try:
        if not is_whole:
            raise LookupError("alleles beyond their column")
        text = letters.decode("ascii")
        bounds = zip(first - low, middle - low, last - low, strict=True)
        alleles = [(text[a:b], text[b:c]) for a, b, c in bounds]
        return [
            Variant(contigs[_position(c)], place, ref, alt)
            for c, place, (ref, alt) in zip(contig.tolist(), position.tolist(), alleles, strict=True)
        ]
    except (LookupError, UnicodeDecodeError) as error:
        raise InputError(f"the keys of rows {start} to {end} are damaged ({error})") from None


def _position(number: int) -> int:
    """Return a number that counts something; Python would count a negative one from the end."""
    if number < 0:
        raise LookupError(f"{number} is negative")
    return number


def _code(kind: str) -> str:
    return {"<i4": "i", "<i8": "q", "|i1": "b"}[kind]


def _arrays(columns: Mapping[str, "array[int]"], kinds: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    return {name: np.array(column, dtype=kinds[name]) for name, column in columns.items()}
