"""Null variants: changes that chance makes to a genome, for others to be compared with.

In: a genome and a seed. Out: variants, each with the cells that it is a member of.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator
from itertools import accumulate, islice
from typing import NamedTuple

import numpy as np

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.alphabet import BASES, is_unambiguous
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.genome.variant import Variant, trim
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.scoring.null_cells import (
    VariantClass,
    length_bins,
    length_cells,
    trinucleotide_cell,
    trinucleotide_cells,
)

LEAST_NULL = 500
"""Fewest null variants of a cell that is compared with; under that a wider cell is."""

LONGEST_NULL = 100
"""Longest allele of a null variant, in bp."""

_MOST_PLACES = 1 << 21
_PLACES_AT_ONCE = 1 << 12
_SHARES = {
    VariantClass.SNV: 12,
    VariantClass.MNV: 1,
    VariantClass.INSERTION: 3,
    VariantClass.DELETION: 3,
    VariantClass.DELINS: 1,
}


class NullVariant(NamedTuple):
    """A variant that chance made."""

    variant: Variant
    """The change, trimmed; its REF is that of the genome."""
    variant_class: VariantClass
    """What kind of change it is."""
    cells: tuple[str, ...]
    """The cells that it is a member of."""


def draw_null_variants(
    genome: Genome,
    num_variants: int,
    *,
    seed: int,
    longest: int = LONGEST_NULL,
    classes: Collection[VariantClass] = tuple(VariantClass),
) -> list[NullVariant]:
    """Draw variants at bases that are not N, in the order of the genome.

    Places are uniform, and each serves a class once at most. Twelve of twenty variants are SNVs, three
    insertions, three deletions, one an MNV and one a delins. Half of the SNVs are drawn like that. The
    others fill up the rare trinucleotides, where that brings every cell to ``LEAST_NULL``, and are
    members of those cells alone, so that the class as a whole stays as the genome makes it. Lengths
    are spread evenly over their bins. What is put in stands elsewhere in the genome.

    Args:
        genome: Where the places and the bases are.
        num_variants: How many; fewer come where the genome has not as many places.
        seed: The same seed gives the same variants.
        longest: Longest allele in bp.
        classes: Classes to draw.

    Raises:
        InputError: ``num_variants`` is less than 1, the seed is negative, or the genome has no bases.
    """
    if num_variants < 1 or seed < 0:
        raise InputError(
            f"num_variants must be at least 1 and seed at least 0, got {num_variants} and {seed}"
        )
    found: list[NullVariant] = []
    for variant_class, number in _numbers(num_variants, classes).items():
        places = _Places(genome, np.random.default_rng([seed, list(VariantClass).index(variant_class)]))
        if variant_class is VariantClass.SNV:
            found += _draw_snvs(places, number)
        else:
            found += _draw_longer(places, variant_class, number, longest)
    if not found:
        raise InputError(f"genome {genome.path} has no bases A, C, G or T in which to draw null variants")
    order = {contig: number for number, contig in enumerate(genome.contigs)}
    return sorted(found, key=lambda each: (order[each.variant.contig], each.variant.position))


def _numbers(num_variants: int, classes: Collection[VariantClass]) -> dict[VariantClass, int]:
    shares = {each: share for each, share in _SHARES.items() if each in classes}
    ends = [num_variants * end // sum(shares.values()) for end in accumulate(shares.values())]
    return {each: end - start for each, start, end in zip(shares, [0, *ends], ends, strict=False)}


class _Places:
    """The positions of a genome in random order."""

    def __init__(self, genome: Genome, rng: np.random.Generator) -> None:
        self.genome = genome
        self.rng = rng
        self._contigs = list(genome.contigs)
        self._ends = list(accumulate(genome.contigs.values()))
        self._total = self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Yield places, none twice: all of a small genome, some millions of a large one."""
        return map(self._place, self._shuffled() if self._total <= _MOST_PLACES else self._drawn())

    def _shuffled(self) -> Iterator[int]:
        numbers = self.rng.permutation(self._total)
        for first in range(0, self._total, _PLACES_AT_ONCE):
            yield from numbers[first : first + _PLACES_AT_ONCE].tolist()

    def _drawn(self) -> Iterator[int]:
        seen: set[int] = set()
        for _ in range(0, _MOST_PLACES, _PLACES_AT_ONCE):
            drawn = dict.fromkeys(self.rng.integers(self._total, size=_PLACES_AT_ONCE).tolist())
            yield from (number for number in drawn if number not in seen)
            seen.update(drawn)

    def any(self) -> tuple[str, int]:
        """Return some place."""
        return self._place(int(self.rng.integers(self._total)))

    def pick(self, choices: str) -> str:
        """Return one of some letters."""
        return choices[int(self.rng.integers(len(choices)))]

    def fetch(self, contig: str, start: int, length: int) -> str:
        """Return bases, N beyond the ends of the contig."""
        return self.genome.fetch(Interval(contig, start, start + length))

    def _place(self, number: int) -> tuple[str, int]:
        contig = bisect_right(self._ends, number)
        return self._contigs[contig], number - (self._ends[contig - 1] if contig else 0)


class _Site(NamedTuple):
    """A base with its two neighbours."""

    contig: str
    position: int
    context: str

    def to(self, alt: str, *, counts_in_class: bool = True) -> NullVariant:
        """Return the SNV that puts ``alt`` here."""
        cell = trinucleotide_cell(self.context, alt)
        narrow = () if cell is None else (cell,)
        wide = (VariantClass.SNV.value,) if counts_in_class else ()
        variant = Variant(self.contig, self.position, self.context[1], alt)
        return NullVariant(variant, VariantClass.SNV, narrow + wide)


def _draw_snvs(places: _Places, number: int) -> list[NullVariant]:
    sites = _sites(places)
    found = [_any_snv(site, places) for site in islice(sites, (number + 1) // 2)]
    counts = Counter(each.cells[0] for each in found)
    quotas = _quotas({cell: counts[cell] for cell in trinucleotide_cells()}, number - len(found))
    if min(counts[cell] + quota for cell, quota in quotas.items()) < LEAST_NULL:
        return found + [_any_snv(site, places) for site in islice(sites, number - len(found))]
    return found + list(_fill(sites, quotas, places))


def _sites(places: _Places) -> Iterator[_Site]:
    for contig, position in places:
        context = places.fetch(contig, position - 1, 3)
        if context[1] in BASES:
            yield _Site(contig, position, context)


def _any_snv(site: _Site, places: _Places) -> NullVariant:
    return site.to(places.pick(BASES.replace(site.context[1], "")))


def _quotas(counts: dict[str, int], number: int) -> dict[str, int]:
    """Return how many more of each cell make the rarest cells as frequent as ``number`` more can."""
    low, high = 0, max(counts.values()) + number
    while low < high:  # the highest level that ``number`` can fill every cell up to
        level = (low + high + 1) // 2
        if sum(max(0, level - count) for count in counts.values()) <= number:
            low = level
        else:
            high = level - 1
    quotas = {cell: max(0, low - count) for cell, count in counts.items()}
    left = number - sum(quotas.values())
    for cell in [cell for cell, count in counts.items() if count <= low][:left]:
        quotas[cell] += 1
    return quotas


def _fill(sites: Iterator[_Site], quotas: dict[str, int], places: _Places) -> Iterator[NullVariant]:
    """Yield SNVs until every cell has its quota, one a site at most."""
    missing = sum(quotas.values())
    for site in sites:
        if not missing:
            return
        alts = "".join(alt for alt in BASES if quotas.get(trinucleotide_cell(site.context, alt) or "", 0))
        if alts:
            snv = site.to(places.pick(alts), counts_in_class=False)
            quotas[snv.cells[0]] -= 1
            missing -= 1
            yield snv


def _draw_longer(
    places: _Places, variant_class: VariantClass, number: int, longest: int
) -> Iterator[NullVariant]:
    """Yield variants of a class whose length is not always 1."""
    candidates = iter(places)
    for length in _lengths(variant_class, number, longest, places.rng):
        for contig, position in candidates:
            variant = _change(places, contig, position, _sizes(variant_class, length, places.rng))
            if variant is not None:
                yield NullVariant(variant, variant_class, length_cells(variant_class, length))
                break


def _lengths(variant_class: VariantClass, number: int, longest: int, rng: np.random.Generator) -> list[int]:
    """Return lengths, as many of every bin, in random order."""
    starts = [first for first in length_bins(variant_class).values() if first <= longest]
    if not starts:
        return []
    bins = rng.permutation(np.arange(number) % len(starts))
    ends = np.array([*starts[1:], longest + 1])
    return rng.integers(np.array(starts)[bins], ends[bins]).tolist()


def _sizes(variant_class: VariantClass, length: int, rng: np.random.Generator) -> tuple[int, int]:
    """Return how many bases go and how many come; the longer of the two is ``length``."""
    if variant_class is VariantClass.MNV:
        return length, length
    if variant_class is VariantClass.DELINS:
        shorter = int(rng.integers(1, length))
        return (length, shorter) if rng.integers(2) else (shorter, length)
    return (length, 0) if variant_class is VariantClass.DELETION else (0, length)


def _change(places: _Places, contig: str, position: int, sizes: tuple[int, int]) -> Variant | None:
    """Return the change at a place; None where that would be no base, or a change of another kind."""
    removed, inserted = sizes
    stretch = places.fetch(contig, position, max(1, removed))
    alt = places.fetch(*places.any(), inserted)
    if not is_unambiguous(stretch + alt):
        return None
    variant = Variant(contig, position, stretch[:removed], alt)
    return variant if trim(variant) == variant else None
