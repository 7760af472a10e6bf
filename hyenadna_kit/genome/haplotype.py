"""A contig with variants in it: its bases, and which of its bases was which of the reference.

In: variants of one contig that do not overlap, in order. Out: the changed contig in pieces or whole,
and positions on one contig for positions on the other.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.variant import Variant


class Piece(NamedTuple):
    """A stretch of the reference as the haplotype has it."""

    start: int
    """First base on the reference, from 0."""
    end: int
    """One past the last base on the reference."""
    alt: str | None
    """The bases in its place; None where they are those of the reference."""


class Lifted(NamedTuple):
    """Positions on the other contig."""

    positions: NDArray[np.int64]
    """One for each that was asked for, from 0."""
    is_exact: NDArray[np.bool_]
    """False where the other contig lacks the base and the first one behind the gap is given."""


def pieces(variants: Iterable[Variant], length: int) -> Iterator[Piece]:
    """Yield a contig of ``length`` bases, from its first to its last, with ``variants`` in it.

    Insertions at one place go in one after the other. Nothing is kept in memory.

    Raises:
        InputError: A variant begins before the end of the one before it, or ends beyond the contig.
    """
    cursor = 0
    for variant in variants:
        if not cursor <= variant.position <= variant.end <= length:
            change = f"{variant.ref[:20] or '-'}>{variant.alt[:20] or '-'}"
            raise InputError(
                f"variant {change} at {variant.contig}:{variant.position + 1} overlaps the one before it or "
                f"the end of the contig ({length} bp); leave one of them out"
            )
        if cursor < variant.position:
            yield Piece(cursor, variant.position, None)
        yield Piece(variant.position, variant.end, variant.alt)
        cursor = variant.end
    if cursor < length:
        yield Piece(cursor, length, None)


def apply_variants(bases: str, variants: Iterable[Variant]) -> str:
    """Return ``bases``, a whole contig, with ``variants`` in it; they keep the case they have.

        apply_variants("ACGT", [Variant("chr1", 1, "C", "TT")])  ==  "ATTGT"

    Raises:
        InputError: Variants overlap or lie beyond the contig, or a REF is not what ``bases`` has.
    """
    return "".join(_bases_of(bases, piece) for piece in pieces(_checked(bases, variants), len(bases)))


class Haplotype:
    """A contig with variants in it, and the map between its positions and the reference's.

    reference   A C - - G T A A       variants  Variant("chr1", 2, "", "TT")
    haplotype   A C T T G - - A                 Variant("chr1", 3, "TA", "")

    to_haplotype([1, 2, 3, 4, 5])     positions  1 4 5 5 5     is_exact  yes yes no no yes
    to_reference([1, 2, 3, 4, 5])     positions  1 2 2 2 5     is_exact  yes no no yes yes
    """

    def __init__(self, contig: str, reference_length: int, variants: Sequence[Variant]) -> None:
        """Take a contig and the variants on it.

        Args:
            contig: Its name.
            reference_length: Its bases without the variants.
            variants: In order, not overlapping; see :func:`pieces`. The map goes base by base along
                both alleles, so trimmed variants (:func:`hyenadna_kit.genome.variant.trim`) map best.

        Raises:
            InputError: Variants overlap or lie beyond the contig.
        """
        self.contig = contig
        self.reference_length = reference_length
        self.variants = tuple(variants)
        for _ in pieces(self.variants, reference_length):
            pass
        # An empty change before the first base, so that some change begins at or before every base.
        self._starts = np.array([0, *(v.position for v in self.variants)], dtype=np.int64)
        self._ref_lengths = np.array([0, *(len(v.ref) for v in self.variants)], dtype=np.int64)
        self._alt_lengths = np.array([0, *(len(v.alt) for v in self.variants)], dtype=np.int64)
        shifts = np.cumsum(self._alt_lengths - self._ref_lengths)
        self._haplotype_starts = self._starts + np.concatenate([[0], shifts[:-1]])
        self.length = reference_length + int(shifts[-1])

    def to_haplotype(self, positions: NDArray[np.int64]) -> Lifted:
        """Return where bases of the reference lie on the haplotype.

        A deleted base gives the first base behind the deletion. Base ``i`` of a REF lies at base ``i``
        of its ALT, as far as that reaches. The length of the contig gives that of the haplotype.

        Raises:
            InputError: A position lies outside the contig.
        """
        return _lift(
            _within(positions, self.reference_length, f"reference contig {self.contig}"),
            (self._starts, self._ref_lengths),
            (self._haplotype_starts, self._alt_lengths),
        )

    def to_reference(self, positions: NDArray[np.int64]) -> Lifted:
        """Return where bases of the haplotype lie on the reference.

        An inserted base gives the first base behind the insertion; see :meth:`to_haplotype`.

        Raises:
            InputError: A position lies outside the haplotype.
        """
        return _lift(
            _within(positions, self.length, f"haplotype of {self.contig}"),
            (self._haplotype_starts, self._alt_lengths),
            (self._starts, self._ref_lengths),
        )

    def changes(self, start: int, end: int) -> tuple[Variant, ...]:
        """Return the variants that touch, or lie at an end of, ``[start, end]`` of the reference."""
        first = int(np.searchsorted(self._starts[1:], start, side="left"))
        while first and self.variants[first - 1].end >= start:
            first -= 1
        last = int(np.searchsorted(self._starts[1:], end, side="right"))
        return self.variants[first:last]

    def pieces(self, start: int, end: int) -> Iterator[Piece]:
        """Yield the bases ``[start, end)`` of the haplotype, as they come from the reference.

        Raises:
            InputError: They are not all on the haplotype.
        """
        if not 0 <= start <= end <= self.length:
            raise InputError(
                f"[{start}, {end}) is not within the haplotype of {self.contig} ({self.length} bp)"
            )
        first = int(np.searchsorted(self._haplotype_starts, start, side="right")) - 1
        last = int(np.searchsorted(self._haplotype_starts, end, side="left"))
        cursor = start
        for index in range(first, last):
            change_start, ref_start = int(self._haplotype_starts[index]), int(self._starts[index])
            if cursor < change_start:
                yield Piece(ref_start - (change_start - cursor), ref_start, None)
            alt = self.variants[index - 1].alt if index else ""
            ref_end = ref_start + int(self._ref_lengths[index])
            kept = alt[max(0, start - change_start) : end - change_start]
            if kept:
                yield Piece(ref_start, ref_end, kept)
            cursor = max(start, change_start + len(alt))
        if cursor < end:
            behind = int(self.to_reference(np.array([cursor])).positions[0])
            yield Piece(behind, behind + end - cursor, None)


def _bases_of(bases: str, piece: Piece) -> str:
    return bases[piece.start : piece.end] if piece.alt is None else piece.alt


def _checked(bases: str, variants: Iterable[Variant]) -> Iterator[Variant]:
    for variant in variants:
        found = bases[variant.position : variant.end]
        if found.upper() != variant.ref.upper():
            raise InputError(
                f"REF {variant.ref!r} at {variant.contig}:{variant.position + 1} is not what the contig has "
                f"there, {found!r}; check that it is the reference of the variant"
            )
        yield variant


def _within(positions: NDArray[np.int64], length: int, what: str) -> NDArray[np.int64]:
    if positions.size and not 0 <= int(positions.min()) <= int(positions.max()) <= length:
        raise InputError(
            f"positions must lie in 0..{length} on the {what}, got {positions.min()}..{positions.max()}"
        )
    return positions


def _lift(
    positions: NDArray[np.int64],
    here: tuple[NDArray[np.int64], NDArray[np.int64]],
    there: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> Lifted:
    """Lift positions from the contig whose changes have starts and lengths ``here`` to ``there``."""
    starts, lengths = here
    change = np.searchsorted(starts, positions, side="right") - 1
    into = positions - starts[change]
    length, other_start, other_length = lengths[change], there[0][change], there[1][change]
    is_inside = into < length
    lifted = np.where(is_inside, np.minimum(into, other_length), other_length + into - length) + other_start
    return Lifted(lifted, ~is_inside | (into < other_length))
