"""Splits without leakage: which k-mers to compare, how many copies are found, and at what cost.

    python benchmarks/splits.py [GENOME.fa ...]

Prints the tables of docs/splits.md and records them. Without arguments it needs no data: genomes are
of random bases. A genome that is given is tiled and its copies are planted too.
"""

import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from record import record

from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.genome import open_genome
from hyenadna_kit.tokenizers.nucleotide import FIRST_BASE, LAST_BASE, reverse_complement_tokens
from hyenadna_kit.windows.layout import tile
from hyenadna_kit.windows.similarity import SimilarityIndex
from hyenadna_kit.windows.sketch import DEFAULT_SKETCH, SketchConfig, canonical_kmers
from hyenadna_kit.windows.splits import GenomeWindows

Tokens = NDArray[np.uint8]

LENGTHS = (500, 1000, 2000)
DIVERGENCE, INDEL_SHARE = 0.1, 0.2
DENSITY_STEPS = 7
"""One k-mer in four: minimizers of 7 neighbouring k-mers, closed syncmers of s-mers 6 bp shorter."""
NUM_PAIRS = 2000
NUM_PLANTED = 1000
RANDOM_BASES = 12_000_000
LARGE_KS = (13, 15)
"""What genomes of up to 268 Mb and of up to 4.3 Gb are compared by."""
LARGE_BASES, LARGE_LENGTH = 200_000_000, 2000


def random_tokens(rng: np.random.Generator, length: int) -> Tokens:
    """Return random bases."""
    return rng.integers(FIRST_BASE, LAST_BASE + 1, length, dtype=np.uint8)


def substituted(tokens: Tokens, rng: np.random.Generator) -> Tokens:
    """Return a copy in which each base is substituted with probability 0.1."""
    hit = (rng.random(tokens.size) < DIVERGENCE) & (tokens <= LAST_BASE)
    turned = FIRST_BASE + (tokens - FIRST_BASE + rng.integers(1, 4, tokens.size, dtype=np.uint8)) % 4
    return np.where(hit, turned, tokens).astype(np.uint8)


def with_indels(tokens: Tokens, rng: np.random.Generator) -> Tokens:
    """Return a copy with a tenth of its columns changed, a fifth of them by indels of one base."""
    copies = np.ones(tokens.size, dtype=np.int64)
    kind = rng.random(tokens.size) / DIVERGENCE
    copies[kind < INDEL_SHARE / 2] = 0
    copies[(kind >= INDEL_SHARE / 2) & (kind < INDEL_SHARE)] = 2
    swapped = (kind >= INDEL_SHARE) & (kind < 1) & (tokens <= LAST_BASE)
    turned = FIRST_BASE + (tokens - FIRST_BASE + rng.integers(1, 4, tokens.size, dtype=np.uint8)) % 4
    changed = np.repeat(np.where(swapped, turned, tokens), copies)
    inserted = (np.cumsum(copies) - copies)[copies == 2]
    changed[inserted] = random_tokens(rng, inserted.size)
    return changed.astype(np.uint8)


def reversed_copy(tokens: Tokens, rng: np.random.Generator) -> Tokens:
    """Return the reverse complement, substituted."""
    return reverse_complement_tokens(substituted(tokens, rng))


def shifted(tokens: Tokens, rng: np.random.Generator) -> Tokens:
    """Return a copy of one half of the window, beside random bases."""
    half = tokens.size // 2
    return np.concatenate([tokens[half:], random_tokens(rng, half)])


COPIES: dict[str, Callable[[Tokens, np.random.Generator], Tokens]] = {
    "equal": lambda tokens, _: tokens.copy(),
    "reverse complement": lambda tokens, _: reverse_complement_tokens(tokens),
    "shifted by half": shifted,
    "90 %, substitutions": substituted,
    "90 %, with indels": with_indels,
    "90 %, reverse complement": reversed_copy,
}


def hashes(kmers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Hash one to one: two rounds of multiply and shift."""
    mixed = (kmers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return mixed ^ (mixed >> np.uint64(32))


def by_hash(tokens: Tokens, k: int) -> set[int]:
    """Return the k-mers whose hash is in the lowest quarter."""
    kmers = canonical_kmers(tokens, k)[0]
    return set(kmers[hashes(kmers) < np.uint64(1 << 62)].tolist())


def by_minimizer(tokens: Tokens, k: int) -> set[int]:
    """Return of every 7 neighbouring k-mers the one with the smallest hash."""
    kmers = canonical_kmers(tokens, k)[0]
    views = sliding_window_view(hashes(kmers), DENSITY_STEPS)
    return set(kmers[np.unique(views.argmin(axis=1) + np.arange(len(views)))].tolist())


def by_syncmer(tokens: Tokens, k: int) -> set[int]:
    """Return the k-mers whose smallest s-mer is their first or their last."""
    kmers = canonical_kmers(tokens, k)[0]
    inner = hashes(canonical_kmers(tokens, k - DENSITY_STEPS + 1)[0])
    smallest = sliding_window_view(inner, DENSITY_STEPS).argmin(axis=1)
    return set(kmers[(smallest == 0) | (smallest == DENSITY_STEPS - 1)].tolist())


SCHEMES: dict[str, Callable[[Tokens, int], set[int]]] = {
    "hash": by_hash,
    "syncmer": by_syncmer,
    "minimizer": by_minimizer,
}


class Row(NamedTuple):
    """One line of a table."""

    name: str
    cells: tuple[str, ...]


def show(title: str, columns: Sequence[str], rows: Sequence[Row]) -> dict[str, Any]:
    """Print a table in Markdown and return it."""
    print(f"\n{title}\n\n| | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {row.name} | {' | '.join(row.cells)} |", flush=True)
    return {row.name: dict(zip(columns, row.cells, strict=True)) for row in rows}


def sampling_row(name: str, k: int) -> Row:
    """Compare windows with their diverged copies by one kind of k-mers."""
    cells = []
    for length in LENGTHS:
        rng = np.random.default_rng(length)
        shares = []
        for _ in range(NUM_PAIRS):
            window = random_tokens(rng, length)
            one, other = SCHEMES[name](window, k), SCHEMES[name](substituted(window, rng), k)
            shares.append(len(one & other) / min(len(one), len(other)))
        joined = np.mean(np.array(shares) >= DEFAULT_SKETCH.min_containment)
        cells.append(f"{np.mean(shares):.3f} ± {np.std(shares):.3f}, {joined:.1%}")
    return Row(f"{name}, k = {k}", tuple(cells))


def planted_row(name: str, originals: Sequence[Tokens], sketch: SketchConfig) -> Row:
    """Plant copies of every kind among windows and count those in the group of their originals."""
    cells = []
    for make_copy in COPIES.values():
        rng = np.random.default_rng(1)
        chosen = rng.choice(len(originals), NUM_PLANTED, replace=False)
        copies = [make_copy(originals[number], rng) for number in chosen]
        groups = SimilarityIndex([*originals, *copies], sketch).groups
        cells.append(f"{np.mean(groups[chosen] == groups[len(originals) :]):.1%}")
    return Row(name, tuple(cells))


def random_windows(length: int) -> list[Tokens]:
    """Return the windows of a random genome."""
    genome = random_tokens(np.random.default_rng(0), RANDOM_BASES)
    return np.split(genome, range(length, RANDOM_BASES, length))


def genome_windows(path: Path, length: int) -> list[Tokens]:
    """Return the windows of a genome."""
    genome = open_genome(path)
    contigs = [Interval(contig, 0, size) for contig, size in genome.contigs.items()]
    windows = [window for contig in contigs for window in tile(contig, length, partial="drop")]
    return list(GenomeWindows(genome, windows))


def cost_row(name: str, windows: Sequence[Tokens]) -> Row:
    """Split windows and tell what it took."""
    started = time.process_time()
    index = SimilarityIndex(windows)
    sketched = time.process_time()
    sizes = np.bincount(index.groups)
    grouped = time.process_time()
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Row(
        name,
        (
            f"{len(windows):,}",
            str(index.sampling.k),
            f"{sketched - started:.1f} s",
            f"{grouped - sketched:.1f} s",
            f"{sizes[sizes > 1].sum():,}",
            f"{sizes.max():,}",
            f"{megabytes:,.0f} MiB",
        ),
    )


def main() -> None:
    """Measure, print and record."""
    figures = {
        "sampling": show(
            "Share of k-mers in common with a 90 % copy (mean ± sd), and pairs at 0.1 or more",
            [f"{length} bp" for length in LENGTHS],
            [sampling_row(name, k) for k in (11, 13, 15) for name in SCHEMES],
        )
    }
    genomes = {Path(name).name.partition(".")[0]: Path(name) for name in sys.argv[1:]}
    rows, costs = [], []
    for length in LENGTHS:
        for source in ("random", *genomes):
            windows = genome_windows(genomes[source], length) if source in genomes else random_windows(length)
            costs.append(cost_row(f"{source}, {length} bp", windows))
            rows.append(planted_row(f"{source}, {length} bp", windows, DEFAULT_SKETCH))
        windows = random_windows(length)
        rows += [planted_row(f"random, {length} bp, k = {k}", windows, SketchConfig(k=k)) for k in LARGE_KS]
    figures["planted"] = show("Planted copies in the group of their originals", list(COPIES), rows)
    large = random_tokens(np.random.default_rng(2), LARGE_BASES)
    large_windows = np.split(large, range(LARGE_LENGTH, LARGE_BASES, LARGE_LENGTH))
    costs.append(cost_row(f"random, {LARGE_BASES // 1_000_000} Mb in {LARGE_LENGTH} bp", large_windows))
    columns = [
        "windows",
        "k",
        "sketch (CPU)",
        "compare (CPU)",
        "in groups",
        "largest group",
        "peak memory so far",
    ]
    figures["cost"] = show("Cost", columns, costs)
    files = " ".join(Path(name).name for name in sys.argv[1:])
    record("splits", f"python benchmarks/splits.py {files}".strip(), figures)


if __name__ == "__main__":
    main()
