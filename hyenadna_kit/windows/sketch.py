"""Sketches: a sample of the k-mers of each window, the same on whichever strand the window is read.

In: the tokens of windows. Out: hashes of k-mers, each with the window that it comes from.

Of a k-mer and its reverse complement the smaller one stands for both. It is sampled where its hash is
below a limit (a FracMinHash sketch), whatever bases lie around it: of the k-mers that two copies share,
the same ones are sampled in both. Minimizers, which depend on their neighbours, agree less often in
diverged copies; closed syncmers do as well, at the cost of a minimum for every k-mer and of densities
that are tied to k. docs/splits.md has the numbers.

Source: Hera, Pierce-Ward and Koslicki 2023, Deriving confidence intervals for mutation rates across
a wide range of evolutionary distances using FracMinHash, doi:10.1101/gr.277651.123.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.tokenizers.nucleotide import FIRST_BASE

OnProgress = Callable[[int, int], None]
"""``on_progress(done, total)``, in windows."""

MIN_SHARED = 4
"""Fewer shared k-mers than this tell nothing."""

MAX_K = 31
"""Longest k-mers that windows are compared by, whatever their number."""

_MIN_K, _LEAST_K = 8, 11
_MAX_CHANCE_OCCURRENCES = 8
_MAX_CHANCE_CONTAINMENT = 1 / 1000
_MAX_CHANCE_PARTNERS = 1 / 100
_CHUNK_BASES = 1 << 20
_NUM_HASHES = 1 << 64


@dataclass(frozen=True, kw_only=True)
class SketchConfig:
    """How windows are compared."""

    min_containment: float = 0.1
    """Windows that share this part of their k-mers, or more, are similar."""
    sketch_size: int = 256
    """K-mers that are sampled of the shortest window; of longer ones, more in proportion."""
    max_windows: int = 100
    """A k-mer that occurs in more windows is over-frequent and is ignored."""
    k: int | None = None
    """Bases of a k-mer; None chooses by the number of bases and the longest window."""

    def __post_init__(self) -> None:
        if not 0 < self.min_containment <= 1:
            raise InputError(f"min_containment must be above 0 and at most 1, got {self.min_containment:g}")
        if self.sketch_size < 1:
            raise InputError(f"sketch_size must be at least 1, got {self.sketch_size}")
        if self.max_windows < 2:
            raise InputError(f"max_windows must be at least 2, got {self.max_windows}")
        if self.k is not None and not _MIN_K <= self.k <= MAX_K:
            raise InputError(f"k must lie in {_MIN_K}..{MAX_K}, got {self.k}")


DEFAULT_SKETCH = SketchConfig()


class Sampling(NamedTuple):
    """Which k-mers are taken, decided once for all windows."""

    k: int
    """Bases of a k-mer."""
    fraction: float
    """Part of all k-mers that is sampled."""

    @classmethod
    def for_lengths(cls, lengths: NDArray[np.int64], config: SketchConfig) -> "Sampling":
        """Choose the k-mers for windows of ``lengths`` bases.

        K is the least, from 11 on, with which in random windows a k-mer occurs 8 times by chance, two
        windows share a thousandth of their k-mers, and a hundredth of the windows have a similar one.

        Raises:
            InputError: A window is shorter than k.
        """
        shortest = int(lengths.min())
        candidates = range(_LEAST_K, MAX_K + 1)
        k = config.k or next(k for k in candidates if k == MAX_K or _is_specific(k, lengths, config))
        if shortest < k:
            raise InputError(
                f"window {int(lengths.argmin()) + 1} has {shortest} bp, and windows are compared by k-mers "
                f"of {k} bp; leave out windows shorter than that"
            )
        return cls(k, min(1.0, config.sketch_size / (shortest - k + 1)))


class Kmers(NamedTuple):
    """The sampled k-mers of some windows, one entry an occurrence, in the order of the windows."""

    hashes: NDArray[np.uint64]
    """Hash of the k-mer; different k-mers have different hashes."""
    windows: NDArray[np.uint32]
    """Number of the window that it occurs in."""


def sample_kmers(
    windows: Sequence[NDArray[np.uint8]],
    numbers: NDArray[np.int64],
    sampling: Sampling,
    *,
    on_progress: OnProgress | None = None,
) -> Iterator[Kmers]:
    """Yield the sampled k-mers of the windows with these ``numbers``, chunk by chunk.

    A k-mer with N or a special token in it is left out.

    Args:
        windows: Token ids, one array a window, each at least k long.
        numbers: Ascending.
        sampling: Which k-mers are taken.
        on_progress: Called with the windows that are done and those there are.
    """
    limit = np.uint64(min(int(sampling.fraction * _NUM_HASHES), _NUM_HASHES - 1))
    done = 0
    for chunk in _chunks(windows, numbers):
        lengths = np.array([tokens.size for tokens in chunk.tokens])
        kmers, usable = canonical_kmers(np.concatenate(chunk.tokens), sampling.k)
        # A k-mer must not reach from one window into the next.
        room = np.repeat(np.cumsum(lengths), lengths)[: kmers.size] - np.arange(kmers.size)
        hashes = _mix(kmers)
        taken = usable & (room >= sampling.k) & (hashes <= limit)
        owners = np.repeat(np.array(chunk.numbers, dtype=np.uint32), lengths)[: kmers.size]
        yield Kmers(hashes[taken], owners[taken])
        done += len(chunk.numbers)
        if on_progress is not None:
            on_progress(done, numbers.size)


def canonical_kmers(tokens: NDArray[np.uint8], k: int) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Return the k-mer at every place of ``tokens``, and whether it is of A, C, G and T alone.

    A k-mer is a number with two bits a base (A 0, C 1, G 2, T 3), the first base highest. Of a k-mer
    and its reverse complement the smaller number is returned.

        canonical_kmers(tokens of "ACGA", 3)  ==  (ACG, TCG): 0b000110 of ACG, 0b011000 of CGA

    Args:
        tokens: Token ids, at least ``k``.
        k: Bases of a k-mer, 31 at most.
    """
    bases = tokens - np.uint8(FIRST_BASE)
    is_base = bases < 4
    count = tokens.size - k + 1
    forward, reverse = np.zeros(count, dtype=np.uint64), np.zeros(count, dtype=np.uint64)
    usable = np.ones(count, dtype=np.bool_)
    for place in range(k):
        base = bases[place : place + count]
        usable &= is_base[place : place + count]
        forward <<= np.uint64(2)
        forward |= base
        reverse |= (np.uint8(3) - base).astype(np.uint64) << np.uint64(2 * place)
    return np.minimum(forward, reverse), usable


def _is_specific(k: int, lengths: NDArray[np.int64], config: SketchConfig) -> bool:
    """Say whether random windows of ``lengths`` share few enough k-mers."""
    num_bases, longest, shortest = float(lengths.sum()), float(lengths.max()), float(lengths.min())
    num_kmers = 4**k / 2  # one for both strands
    # Chance matches come in stretches: each further k-mer that two windows share costs one base more.
    num_shared = max(MIN_SHARED, config.min_containment * (shortest - k + 1))
    return (
        num_bases <= _MAX_CHANCE_OCCURRENCES * num_kmers
        and longest <= _MAX_CHANCE_CONTAINMENT * num_kmers
        and num_bases * shortest / num_kmers * 4 ** (1 - num_shared) <= _MAX_CHANCE_PARTNERS
    )


class _Chunk(NamedTuple):
    """Windows that are worked on together."""

    numbers: list[int]
    tokens: list[NDArray[np.uint8]]


def _chunks(windows: Sequence[NDArray[np.uint8]], numbers: NDArray[np.int64]) -> Iterator[_Chunk]:
    chunk, num_bases = _Chunk([], []), 0
    for number in numbers.tolist():
        chunk.numbers.append(number)
        chunk.tokens.append(windows[number])
        num_bases += chunk.tokens[-1].size
        if num_bases >= _CHUNK_BASES:
            yield chunk
            chunk, num_bases = _Chunk([], []), 0
    if chunk.numbers:
        yield chunk


def _mix(kmers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Hash 64-bit numbers one to one: the finalizer of SplitMix64.

    Source: Steele, Lea and Flood 2014, Fast splittable pseudorandom number generators,
    doi:10.1145/2660193.2660195.
    """
    mixed = kmers + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed ^= mixed >> np.uint64(shift)
        mixed *= np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))
