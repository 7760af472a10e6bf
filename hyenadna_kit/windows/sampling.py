"""Which training windows are drawn: the options, checked against the genome they are about.

In: options, which name contigs, species and files. Out: the stream of windows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.config import nearest
from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.genome.interval_set import IntervalSet
from hyenadna_kit.io.bed import read_bed
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.genome_store import GenomeStore
from hyenadna_kit.tokenizers.nucleotide import N
from hyenadna_kit.windows.centre import middle
from hyenadna_kit.windows.layout import tile
from hyenadna_kit.windows.places import DrawRules
from hyenadna_kit.windows.stream import CounterStream, LengthSchedule

_LARGEST_FACTOR = 1_000_000_000
_SCAN_BLOCK = 1 << 24  # bases that are searched for N at a time


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """Which training windows are drawn; by default each is as likely as every other."""

    weights: tuple[str, ...] = ()
    """NAME=FACTOR, where NAME is a contig or a species: it is drawn FACTOR times as often as its bases
    would have it. A contig's own factor and that of its species multiply."""
    exclude: str | None = None
    """BED file of regions of which no training window holds a base."""
    features: str | None = None
    """BED, GFF3 or GTF file of features (of an annotation, its genes) that windows are drawn around."""
    feature_fraction: float = 0.0
    """Share of windows that hold the middle of a feature, wherever in the window; features are drawn
    uniformly."""
    max_n_fraction: float = 1.0
    """Largest share of N in a training window."""

    def __post_init__(self) -> None:
        _parse_weights(self.weights)
        for name in ("feature_fraction", "max_n_fraction"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} must lie in 0 to 1, got {getattr(self, name)}")
        if (self.features is None) != (self.feature_fraction == 0):
            raise InputError(
                "features and a feature_fraction above 0 go together, "
                f"got features {self.features} and feature_fraction {self.feature_fraction}"
            )


def build_stream(
    genome: Genome,
    regions: Sequence[Interval],
    *,
    lengths: LengthSchedule,
    sampling: SamplingConfig,
    batch_size: int,
    seed: int,
    reverse_fraction: float,
) -> CounterStream:
    """Return the stream of training windows that the options ask for.

    With the default options it is that of :class:`CounterStream` alone, item by item.

    Args:
        genome: Where the regions lie.
        regions: Where to draw, inside their contigs and apart from each other.
        lengths: Window length in tokens.
        sampling: Which windows are drawn.
        batch_size: Items of one step, over all ranks, once windows have their last length.
        seed: Of the whole stream.
        reverse_fraction: Share of windows that are read on the reverse strand.

    Raises:
        InputError: A name or a file is wrong, or the options leave no place for a window.
    """
    factors = contig_factors(sampling.weights, genome)
    left = [region for region in regions if factors.get(region.contig, 1.0)]
    if sampling.exclude is not None:
        excluded = read_excluded(Path(sampling.exclude), genome)
        left = [piece for region in left for piece in excluded.subtract_from(region)]
    _require_room(left, lengths.final + 1, sampling)
    contigs = dict.fromkeys(region.contig for region in left)
    rules = DrawRules(
        factors=factors,
        n_runs=n_runs(genome, contigs) if sampling.max_n_fraction < 1 else IntervalSet(),
        max_n_fraction=sampling.max_n_fraction,
        feature_middles={} if sampling.features is None else _middles(Path(sampling.features), genome),
        feature_fraction=sampling.feature_fraction,
    )
    return CounterStream(
        left, lengths, batch_size=batch_size, seed=seed, reverse_fraction=reverse_fraction, rules=rules
    )


def contig_factors(weights: Iterable[str], genome: Genome) -> dict[str, float]:
    """Return how many times as often as elsewhere each contig is drawn; 1 where it is absent.

    Raises:
        InputError: A weight is no NAME=FACTOR, or its name is no contig and no species of the genome,
            or both, or given twice.
    """
    factors: dict[str, float] = {}
    named: set[tuple[str, ...]] = set()
    for name, factor in _parse_weights(weights):
        contigs = _contigs_called(name, genome)
        if contigs in named:
            raise InputError(f"the weight of {name!r} is given twice; give one")
        named.add(contigs)
        for contig in contigs:
            factors[contig] = factors.get(contig, 1.0) * factor
    return factors


def read_excluded(bed: Path, genome: Genome) -> IntervalSet:
    """Return the bases of the genome that a BED file leaves out.

    Lines on contigs that the genome does not have leave nothing out, and a line that reaches beyond the
    end of its contig is cut there.

    Raises:
        InputError: The file cannot be read, none of its lines is on a contig of the genome, or one
            starts beyond the end of its contig.
    """
    lines = _on_genome(read_bed(bed), genome, bed)
    return IntervalSet(replace(line, end=min(line.end, genome.contigs[line.contig])) for line in lines)


def n_runs(genome: Genome, contigs: Iterable[str]) -> IntervalSet:
    """Return where N stands on some contigs: as the store knows it, or by reading them."""
    if isinstance(genome, GenomeStore):
        return IntervalSet(runs={contig: genome.n_runs(contig) for contig in contigs})
    return IntervalSet(runs={contig: _scan_for_n(genome, contig) for contig in contigs})


def _scan_for_n(genome: Genome, contig: str) -> NDArray[np.int64]:
    found = [np.empty(0, dtype=np.int64)]
    for block in tile(Interval(contig, 0, genome.contigs[contig]), _SCAN_BLOCK):
        is_n = genome.tokens(block) == N
        found.append(np.flatnonzero(np.diff(is_n, prepend=False, append=False)) + block.start)
    return np.concatenate(found).reshape(-1, 2)


def _middles(path: Path, genome: Genome) -> Mapping[str, NDArray[np.int64]]:
    """Return the middle of every feature of a file, by contig."""
    middles: dict[str, list[int]] = {}
    for feature in _on_genome(_read_features(path), genome, path):
        middles.setdefault(feature.contig, []).append(middle(feature))
    return {contig: np.array(positions, dtype=np.int64) for contig, positions in middles.items()}


def _read_features(path: Path) -> Iterator[Interval]:
    if path.name.lower().removesuffix(".gz").endswith(".bed"):
        return read_bed(path)
    from hyenadna_kit.io.annotation import read_annotation

    return (gene.interval for gene in read_annotation(path).genes)


def _on_genome(intervals: Iterable[Interval], genome: Genome, path: Path) -> Iterator[Interval]:
    """Yield the intervals on contigs of the genome, under its own names for them."""
    names: dict[str, str | None] = {}
    for interval in intervals:
        if interval.contig not in names:
            names[interval.contig] = genome.names.find(interval.contig)
        contig = names[interval.contig]
        if contig is None:
            continue
        if interval.start >= genome.contigs[contig]:
            raise InputError(
                f"{path}: {interval.region} starts beyond contig {contig!r} of {genome.path}, which has "
                f"{genome.contigs[contig]} bp; use a file about this assembly"
            )
        yield replace(interval, contig=contig)
    if not any(names.values()):
        raise InputError(
            f"{path} has no interval on a contig of {genome.path}, which has {genome.names.summary()}"
        )


def _parse_weights(weights: Iterable[str]) -> list[tuple[str, float]]:
    parsed = []
    for weight in weights:
        name, _, factor = weight.rpartition("=")
        try:
            parsed.append((name.strip(), float(factor)))
        except ValueError:
            parsed.append(("", 0.0))
        if not parsed[-1][0] or not 0 <= parsed[-1][1] <= _LARGEST_FACTOR:
            raise InputError(
                f"weight {weight!r} is not NAME=FACTOR with a factor from 0 to {_LARGEST_FACTOR:,}, "
                "for example chr1=0.5"
            )
    return parsed


def _contigs_called(name: str, genome: Genome) -> tuple[str, ...]:
    """Return the contigs of a species, or the one contig of that name."""
    of_species = tuple(contig for contig, species in genome.species.items() if species == name)
    contig = genome.names.find(name)
    if contig is None and not of_species:
        known = [*dict.fromkeys(genome.species.values()), *genome.contigs]
        raise InputError(
            f"the weight of {name!r} is for no contig and no species of {genome.path}{nearest(name, known)}"
        )
    if contig is not None and of_species and of_species != (contig,):
        raise InputError(
            f"the weight of {name!r} is for a contig or for a species of {genome.path}; weigh the contigs "
            "of the species one by one"
        )
    return of_species or (str(contig),)


def _require_room(regions: Sequence[Interval], num_bases: int, sampling: SamplingConfig) -> None:
    """Raise where the weights or the excluded regions leave no stretch as long as a window."""
    longest = max((region.length for region in regions), default=0)
    if longest < num_bases and (sampling.weights or sampling.exclude is not None):
        raise InputError(
            f"windows of {num_bases} bp have no room: weights {', '.join(sampling.weights) or 'of 1'} and "
            f"exclude {sampling.exclude} leave stretches of at most {longest} bp of the training regions"
        )
