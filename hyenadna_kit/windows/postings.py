"""Postings: of each sampled k-mer, the windows that have it.

In: the sampled k-mers of windows. Out: for some windows, every other window that shares a k-mer with
them, once for each k-mer; whoever counts these knows how many k-mers two windows share.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.windows.sketch import Kmers

_MIN_RARE_PART = 0.5

Numbers = NDArray[np.int64]
"""Whole numbers: of windows, of k-mers, or how many there are."""


class Postings(NamedTuple):
    """The windows of each k-mer that two windows or more have and that is not over-frequent."""

    windows: NDArray[np.uint32]
    """Windows of the first k-mer, of the second, and so on."""
    starts: Numbers
    """Where the windows of each k-mer start, and where the last ones end."""
    kmers: NDArray[np.uint32]
    """K-mers of the first window, of the second, and so on."""
    kmer_starts: Numbers
    """Where the k-mers of each window start, and where the last ones end."""
    sizes: NDArray[np.float64]
    """K-mers by which the containment of each window is measured."""
    work: Numbers
    """Entries that :meth:`partners` returns for each window."""

    @classmethod
    def build(cls, kmers: Iterable[Kmers], num_windows: int, max_windows: int) -> "Postings":
        """Sort the k-mers and drop those that tell nothing of similarity."""
        windows, counts = _group_by_kmer(kmers)
        sizes = np.bincount(windows, minlength=num_windows)
        is_rare = counts <= max_windows
        rare_sizes = np.bincount(windows[np.repeat(is_rare, counts)], minlength=num_windows)
        is_kept = is_rare & (counts > 1)
        windows, counts = windows[np.repeat(is_kept, counts)], counts[is_kept]
        of_entry = np.repeat(np.arange(counts.size, dtype=np.uint32), counts)
        work = np.bincount(windows, weights=counts[of_entry], minlength=num_windows)
        return cls(
            windows=windows,
            starts=_starts(counts),
            kmers=of_entry[np.argsort(windows, kind="stable")],
            kmer_starts=_starts(np.bincount(windows, minlength=num_windows)),
            sizes=np.maximum(rare_sizes, _MIN_RARE_PART * sizes),
            work=work.astype(np.int64),
        )

    def partners(self, lefts: Numbers) -> tuple[Numbers, Numbers]:
        """Return the windows that have a k-mer of one of ``lefts``, with that left, once a k-mer."""
        num_kmers = self.kmer_starts[1:][lefts] - self.kmer_starts[lefts]
        kmers = self.kmers[_ranges(self.kmer_starts[lefts], num_kmers)]
        num_partners = self.starts[1:][kmers] - self.starts[kmers]
        left = np.repeat(np.repeat(lefts, num_kmers), num_partners)
        return left, self.windows[_ranges(self.starts[kmers], num_partners)].astype(np.int64)


def _group_by_kmer(kmers: Iterable[Kmers]) -> tuple[NDArray[np.uint32], Numbers]:
    """Return the windows of each k-mer, one k-mer after the other, and the number of windows of each."""
    parts = list(kmers)
    hashes = np.concatenate([part.hashes for part in parts])
    windows = np.concatenate([part.windows for part in parts])
    del parts
    # A stable sort leaves the windows of a k-mer in ascending order, so that repeats are neighbours.
    order = np.argsort(hashes, kind="stable")
    hashes, windows = hashes[order], windows[order]
    is_first = np.ones(hashes.size, dtype=np.bool_)
    is_first[1:] = hashes[1:] != hashes[:-1]
    is_new = is_first.copy()
    is_new[1:] |= windows[1:] != windows[:-1]
    windows = windows[is_new]
    return windows, np.diff(np.flatnonzero(is_first[is_new]), append=windows.size)


def _starts(counts: Numbers) -> Numbers:
    return np.concatenate([[0], np.cumsum(counts)])


def _ranges(starts: Numbers, counts: Numbers) -> Numbers:
    """Return starts[0], starts[0] + 1, ... (counts[0] numbers), starts[1], and so on."""
    ends = np.cumsum(counts)
    return np.arange(counts.sum()) + np.repeat(starts - (ends - counts), counts)
