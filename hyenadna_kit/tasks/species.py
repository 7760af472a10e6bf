"""Which species a window is of: windows of several genomes, on sides that share no base.

In: a genome for each species. Out: windows in the order of the genomes, each with its species and its side.

Of every contig one stretch is for validation and, right behind it, one for the test; the rest is for
training. Where on the contig they lie is drawn. A window lies in one stretch, whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.tasks.examples import Screen
from hyenadna_kit.tasks.sides import side_fractions
from hyenadna_kit.windows.splits import TRAIN

_TRIES = 20
"""Draws for each window that is wanted, of a genome that is mostly N or repeats itself."""


@dataclass(frozen=True, kw_only=True)
class SpeciesRequest:
    """What to make."""

    length: int
    """Bases of a window."""
    count: int
    """Windows of each species, on all sides together."""
    validation_fraction: float = 0.1
    """Part of every contig, and of the windows, for validation; 0 makes no such side."""
    test_fraction: float = 0.1
    """Part of every contig, and of the windows, for the test; 0 makes no such side."""
    seed: int = 0
    """Of every draw."""

    def __post_init__(self) -> None:
        for name, lowest in (("length", 1), ("count", 1), ("seed", 0)):
            if getattr(self, name) < lowest:
                raise InputError(f"{name} must be at least {lowest}, got {getattr(self, name)}")
        side_fractions(self.validation_fraction, self.test_fraction)

    @property
    def fractions(self) -> dict[str, float]:
        """Part of each side that there is."""
        return side_fractions(self.validation_fraction, self.test_fraction)


class SpeciesWindow(NamedTuple):
    """A window and what it is of."""

    window: Interval
    """Where it lies, and on which strand it is read."""
    species: str
    """Name of the species."""


class SpeciesTask(NamedTuple):
    """Windows on their sides."""

    windows: dict[str, list[SpeciesWindow]]
    """Those of each side."""
    stretches: dict[str, dict[str, list[Interval]]]
    """What each side may use of each species' genome."""


def make_species_task(genomes: Mapping[str, Genome], request: SpeciesRequest) -> SpeciesTask:
    """Draw windows of every genome; the same for the same arguments.

    Windows of one side may overlap each other; none holds N, and no two of a species have the same bases.

    Raises:
        InputError: There are fewer than two species, or a side of one has no room for its windows.
    """
    if len(genomes) < 2:
        raise InputError(f"species are told apart, so name at least two, got {', '.join(genomes) or 'none'}")
    windows: dict[str, list[SpeciesWindow]] = {side: [] for side in request.fractions}
    stretches: dict[str, dict[str, list[Interval]]] = {}
    for number, (species, genome) in enumerate(genomes.items()):
        rng = np.random.default_rng((request.seed, number))
        stretches[species] = _stretches(genome, request, rng)
        screen = Screen(genome)
        for side, fraction in request.fractions.items():
            wanted = max(1, round(request.count * fraction))
            found = _draw(stretches[species][side], wanted, request.length, screen=screen, rng=rng)
            if len(found) < wanted:
                raise InputError(
                    f"{genome.path}: the {side} side has room for {len(found):,} of {wanted:,} windows of "
                    f"{request.length:,} bp without N; take a smaller --count or --length"
                )
            windows[side] += [SpeciesWindow(window, species) for window in found]
    return SpeciesTask(windows, stretches)


def _stretches(
    genome: Genome, request: SpeciesRequest, rng: np.random.Generator
) -> dict[str, list[Interval]]:
    """Divide every contig among the sides."""
    found: dict[str, list[Interval]] = {side: [] for side in request.fractions}
    for contig, length in genome.contigs.items():
        sizes = {side: int(length * part) for side, part in request.fractions.items() if side != TRAIN}
        first = start = int(rng.integers(length - sum(sizes.values()), endpoint=True))
        for side, size in sizes.items():
            found[side].append(Interval(contig, start, start + size))
            start += size
        found[TRAIN] += [Interval(contig, 0, first), Interval(contig, start, length)]
    return {
        side: [each for each in of_side if each.length >= request.length] for side, of_side in found.items()
    }


def _draw(
    stretches: list[Interval], wanted: int, length: int, *, screen: Screen, rng: np.random.Generator
) -> list[Interval]:
    """Draw windows on random strands, every first base as likely; fewer where there is no room."""
    room = np.cumsum([stretch.length - length + 1 for stretch in stretches])
    found: list[Interval] = []
    for _ in range(_TRIES * wanted if len(room) else 0):
        place = int(rng.integers(room[-1]))
        number = int(room.searchsorted(place, side="right"))
        start = stretches[number].start + place - (int(room[number - 1]) if number else 0)
        strand = Strand.REVERSE if rng.integers(2) else Strand.FORWARD
        window = Interval(stretches[number].contig, start, start + length, strand)
        if screen.objection(window) is None:
            found.append(window)
            if len(found) == wanted:
                break
    return sorted(found, key=lambda window: (window.contig, window.start))
