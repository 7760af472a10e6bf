"""Which windows resemble each other, and splits that keep those together.

In: the tokens of windows. Out: a side for each window, such that similar windows are on one side; or,
for sides made otherwise, how much of each test window the training windows hold.

Two windows are similar where their estimated containment is high: the sampled k-mers that both have,
over those of the window that has fewer. K-mers of more than ``max_windows`` windows are over-frequent:
repeats share them everywhere. They are left out above and below the line, except that a window counts
as if at least half of its k-mers were left. Fewer than 4 shared k-mers are chance and count as none.
Windows that are equal, on either strand, are similar whatever they are made of.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.tokenizers.nucleotide import FIRST_BASE, LAST_BASE, reverse_complement_tokens
from hyenadna_kit.windows.postings import Numbers, Postings
from hyenadna_kit.windows.sketch import (
    DEFAULT_SKETCH,
    MIN_SHARED,
    OnProgress,
    Sampling,
    SketchConfig,
    sample_kmers,
)
from hyenadna_kit.windows.splits import TEST, TRAIN, fill_sides

_SHARED_AT_A_TIME = 1 << 20
_NUM_BINS = 20


class SimilarityHistogram(NamedTuple):
    """How much of each test window the training windows hold."""

    edges: tuple[float, ...]
    """Borders of the bins, from 0 to 1; the last bin holds 1 too."""
    counts: tuple[int, ...]
    """Test windows in each bin, by their highest containment against a training window."""
    num_similar: int
    """Test windows that are similar to a training window."""
    num_equal: int
    """Test windows that equal a training window, on either strand."""
    num_without_kmers: int
    """Test windows of which no k-mer was sampled, mostly runs of N; they are in the first bin."""


class _Pairs(NamedTuple):
    """Pairs of windows that share k-mers, each pair once."""

    left: Numbers
    right: Numbers
    shared: Numbers
    """K-mers that both have."""


class SimilarityIndex:
    """The sampled k-mers of some windows, and for each the windows that have it."""

    def __init__(
        self,
        windows: Sequence[NDArray[np.uint8]],
        sketch: SketchConfig = DEFAULT_SKETCH,
        *,
        on_progress: OnProgress | None = None,
    ) -> None:
        """Sketch the windows.

        Args:
            windows: Token ids of each window; read twice and in order, so a lazy sequence will do.
            sketch: How they are compared.
            on_progress: Called with the windows that are done and those there are.

        Raises:
            InputError: There are no windows, or one is shorter than a k-mer.
        """
        self.sketch = sketch
        lengths, self._first_equal = survey(windows)
        distinct = np.unique(self._first_equal)
        self.sampling = Sampling.for_lengths(lengths, sketch)
        kmers = sample_kmers(windows, distinct, self.sampling, on_progress=on_progress)
        self._postings = Postings.build(kmers, len(lengths), sketch.max_windows)

    @property
    def num_windows(self) -> int:
        """Number of windows."""
        return self._first_equal.size

    @cached_property
    def groups(self) -> Numbers:
        """One number a window, the same for windows that a chain of similar pairs connects."""
        lefts, rights = [np.arange(self.num_windows)], [self._first_equal]
        for pairs in self._pairs(np.arange(self.num_windows), lambda left, right: right < left):
            similar = self._containment(pairs) >= self.sketch.min_containment
            lefts.append(pairs.left[similar])
            rights.append(pairs.right[similar])
        return connected_components(self.num_windows, np.concatenate(lefts), np.concatenate(rights))

    def highest_containment(
        self, queries: NDArray[np.bool_], references: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Return the highest containment of each query window against the reference windows.

        Args:
            queries: One flag a window.
            references: One flag a window.

        Returns:
            One number from 0 to 1 for each window that ``queries`` flags, in order.
        """
        is_query, is_reference = self._distinct(queries), self._distinct(references)
        highest = np.where(is_query & is_reference, 1.0, 0.0)
        for pairs in self._pairs(
            np.flatnonzero(is_query & ~is_reference), lambda _, right: is_reference[right]
        ):
            np.maximum.at(highest, pairs.left, self._containment(pairs))
        return highest[self._first_equal[queries]]

    def histogram(self, sides: Sequence[str], *, train: str = TRAIN, test: str = TEST) -> SimilarityHistogram:
        """Return how much of the windows on side ``test`` those on side ``train`` hold."""
        names = np.array(sides)
        is_train, is_test = names == train, names == test
        highest = self.highest_containment(is_test, is_train)
        counts, edges = np.histogram(highest, bins=_NUM_BINS, range=(0.0, 1.0))
        first_equal = self._first_equal[is_test]
        return SimilarityHistogram(
            edges=tuple(round(edge, 6) for edge in edges.tolist()),
            counts=tuple(counts.tolist()),
            num_similar=int((highest >= self.sketch.min_containment).sum()),
            num_equal=int(self._distinct(is_train)[first_equal].sum()),
            num_without_kmers=int((self._postings.sizes[first_equal] == 0).sum()),
        )

    def _distinct(self, flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Flag the first of the equal windows where any of them is flagged."""
        distinct = np.zeros(self.num_windows, dtype=np.bool_)
        distinct[self._first_equal[flags]] = True
        return distinct

    def _containment(self, pairs: _Pairs) -> NDArray[np.float64]:
        sizes = np.minimum(self._postings.sizes[pairs.left], self._postings.sizes[pairs.right])
        return np.where(pairs.shared >= np.minimum(MIN_SHARED, sizes), pairs.shared / sizes, 0.0)

    def _pairs(
        self, lefts: Numbers, wanted: Callable[[Numbers, Numbers], NDArray[np.bool_]]
    ) -> Iterator[_Pairs]:
        """Yield the pairs of ``lefts`` with the windows that ``wanted`` flags, a block of lefts at a time."""
        before = np.cumsum(self._postings.work[lefts]) - self._postings.work[lefts]
        borders = np.flatnonzero(np.diff(before // _SHARED_AT_A_TIME)) + 1
        for block in np.split(lefts, borders):
            left, right = self._postings.partners(block)
            flags = wanted(left, right)
            keys, shared = np.unique(left[flags] * self.num_windows + right[flags], return_counts=True)
            yield _Pairs(keys // self.num_windows, keys % self.num_windows, shared)


def split_by_similarity(
    windows: Sequence[NDArray[np.uint8]],
    fractions: Mapping[str, float],
    *,
    seed: int,
    sketch: SketchConfig = DEFAULT_SKETCH,
) -> list[str]:
    """Return the side of each window; windows that resemble each other are on one side.

        split_by_similarity(windows, {"train": 0.8, "validation": 0.1, "test": 0.1}, seed=0)

    Args:
        windows: Token ids of each window, of any lengths, on any strand.
        fractions: Part of the windows that each side gets, about; together 1.
        seed: Of the draw.
        sketch: What counts as similar.

    Raises:
        InputError: More than half of the windows are connected by similarity, a side stays empty, a
            window is shorter than a k-mer, or the fractions are not above 0 and together 1.
    """
    return fill_sides(SimilarityIndex(windows, sketch).groups, fractions, seed=seed)


def similarity_histogram(
    windows: Sequence[NDArray[np.uint8]], sides: Sequence[str], *, sketch: SketchConfig = DEFAULT_SKETCH
) -> SimilarityHistogram:
    """Return how much of the windows on side ``test`` those on side ``train`` hold.

    Args:
        windows: Token ids of each window, of any lengths, on any strand.
        sides: Side of each window; windows on other sides are not compared.
        sketch: How windows are compared.

    Raises:
        InputError: A window is shorter than a k-mer.
    """
    return SimilarityIndex(windows, sketch).histogram(sides)


def connected_components(num_nodes: int, left: Numbers, right: Numbers) -> Numbers:
    """Return for each node the smallest node that it is connected to, itself included.

    Args:
        num_nodes: Nodes 0, 1, ...
        left: One end of each edge.
        right: The other end.
    """
    roots = np.arange(num_nodes)
    while True:
        low = np.minimum(roots[left], roots[right])
        high = np.maximum(roots[left], roots[right])
        if (low == high).all():
            return roots
        # Every root that has a smaller neighbour hangs itself below the smallest of them.
        np.minimum.at(roots, high, low)
        while (roots != roots[roots]).any():
            roots = roots[roots]


def merge_groups(groups: Numbers, left: Numbers, right: Numbers) -> Numbers:
    """Return coarser groups in which both ends of each edge are in one.

    Args:
        groups: For each node a node of its group, as :func:`connected_components` returns it.
        left: One end of each edge.
        right: The other end.
    """
    nodes = np.arange(groups.size)
    return connected_components(groups.size, np.concatenate([nodes, left]), np.concatenate([groups, right]))


def survey(windows: Sequence[NDArray[np.uint8]]) -> tuple[Numbers, Numbers]:
    """Return the length of each window, and the number of the first one that equals it.

    Windows are equal on either strand. A window without any base equals itself alone: two runs of N are not
    copies of each other.

    Args:
        windows: Token ids of each window.

    Raises:
        InputError: There are no windows.
    """
    if not len(windows):
        raise InputError("there are no windows to compare")
    first: dict[bytes, int] = {}
    lengths, first_equal = np.empty(len(windows), np.int64), np.arange(len(windows))
    for number, tokens in enumerate(windows):
        lengths[number] = tokens.size
        if ((tokens >= FIRST_BASE) & (tokens <= LAST_BASE)).any():
            first_equal[number] = first.setdefault(_digest(tokens), number)
    return lengths, first_equal


def _digest(tokens: NDArray[np.uint8]) -> bytes:
    """Return 16 bytes that a window and its reverse complement share with no other."""
    strands = (tokens, reverse_complement_tokens(tokens))
    return min(hashlib.blake2b(strand.tobytes(), digest_size=16).digest() for strand in strands)
