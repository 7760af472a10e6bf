"""Intervals of a genome: 0-based, half-open, always written on the forward strand.

A base has the position of its left edge: the first base of a contig is ``[0, 1)``. An interval of
length zero is a place between two bases. Two intervals overlap when they share at least one base.
"""

import re
from dataclasses import dataclass, replace
from enum import Enum

from hyenadna_kit.errors import InputError

_REGION = re.compile(r"(?P<contig>.+):(?P<first>\d[\d,]*)-(?P<last>\d[\d,]*)", re.ASCII)


class Strand(Enum):
    """The strand on which a sequence is read."""

    FORWARD = "+"
    REVERSE = "-"

    @property
    def opposite(self) -> "Strand":
        """The other strand."""
        return Strand.REVERSE if self is Strand.FORWARD else Strand.FORWARD


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch ``[start, end)`` of one contig.

    It may reach beyond the contig on either side: whoever fetches it fills those bases with N.

        Interval("chr1", 100, 105)       the five bases 101 to 105 of a 1-based browser
    """

    contig: str
    """Name of the contig."""
    start: int
    """First base, counted from 0 on the forward strand."""
    end: int
    """One past the last base."""
    strand: Strand = Strand.FORWARD
    """Strand on which the bases are read; start and end do not depend on it."""

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise InputError(f"interval end {self.end} lies before its start {self.start} ({self.contig})")
        if not isinstance(self.strand, Strand):
            raise TypeError(f"a strand of text is read by Strand('+') or Strand('-'), got {self.strand!r}")

    @classmethod
    def from_region(cls, region: str) -> "Interval":
        """Read ``CONTIG:START-END``, 1-based and inclusive as samtools writes it.

            Interval.from_region("chr1:101-105")  ==  Interval("chr1", 100, 105)

        Raises:
            InputError: The text is not a region, or it starts before base 1 or after its end.
        """
        match = _REGION.fullmatch(region.strip())
        if match is None:
            raise InputError(
                f"region {region!r} is not CONTIG:START-END, for example chr1:1001-2000 "
                "(on the command line without commas in the numbers)"
            )
        first, last = (int(match[group].replace(",", "")) for group in ("first", "last"))
        if not 1 <= first <= last:
            raise InputError(f"region {region!r} must satisfy 1 <= START <= END (1-based, inclusive)")
        return cls(match["contig"], first - 1, last)

    @property
    def length(self) -> int:
        """Number of bases."""
        return self.end - self.start

    @property
    def region(self) -> str:
        """The interval as ``CONTIG:START-END``, 1-based and inclusive."""
        return f"{self.contig}:{self.start + 1}-{self.end}"

    def overlaps(self, other: "Interval") -> bool:
        """Say whether the two share a base, on either strand."""
        shared = min(self.end, other.end) - max(self.start, other.start)
        return self.contig == other.contig and shared > 0

    def contains(self, other: "Interval") -> bool:
        """Say whether every base of ``other`` is in this interval, on either strand."""
        return self.contig == other.contig and self.start <= other.start and other.end <= self.end

    def reverse_complement(self) -> "Interval":
        """Return the same bases read on the other strand."""
        return replace(self, strand=self.strand.opposite)
