"""What linear models see of sequences: k-mers anywhere, or k-mers at their positions.

In: token ids of sequences, of any lengths. Out: a sparse matrix, one row a sequence. K-mers with anything but
A, C, G and T in them count nowhere. A sequence is read on the strand that is given.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from hyenadna_kit.tokenizers.nucleotide import FIRST_BASE, N

Sequences = Sequence[NDArray[np.uint8]]
"""Token ids of each sequence."""

MAX_K = 6
"""Longest k-mers that are counted: 5,460 columns."""

MAX_POSITION_K = 3
"""Longest k-mers that are told apart by position: 84 columns a position."""

_NUM_BASES = 4
_CHUNK_BASES = 1 << 21


def kmer_counts(sequences: Sequences, *, max_k: int = MAX_K) -> sparse.csr_matrix:
    """Return how often each sequence has each k-mer of 1 to ``max_k`` bases.

    The columns are the 4 k-mers of one base, the 16 of two, and so on, each in the order of A, C, G, T.

    Args:
        sequences: Token ids.
        max_k: Bases of the longest k-mers.
    """
    return _matrix(sequences, lambda words: words.kmers, width=1, max_k=max_k)


def position_kmers(
    sequences: Sequences, *, num_positions: int, max_k: int = MAX_POSITION_K
) -> sparse.csr_matrix:
    """Return which k-mer of 1 to ``max_k`` bases each sequence has at each position: 1, or 0.

    Positions count from the first base of each sequence. A short one has nothing at the positions behind its
    end, and a long one's bases from ``num_positions`` on are not looked at. The columns of a k are those of
    the first position, of the second, and so on.

    Args:
        sequences: Token ids.
        num_positions: Positions that have columns.
        max_k: Bases of the longest k-mers.
    """
    cut = [sequence[:num_positions] for sequence in sequences]
    return _matrix(cut, lambda words: words.positions * words.num_kmers + words.kmers, num_positions, max_k)


class _Words(NamedTuple):
    """The k-mers of some sequences, one entry an occurrence."""

    rows: NDArray[np.int64]
    """Sequence of each, among those that are worked on together."""
    positions: NDArray[np.int64]
    """Place of its first base in the sequence."""
    kmers: NDArray[np.int64]
    """Its bases as a number, two bits each, the first base highest."""
    num_kmers: int
    """K-mers that there are of that length."""


def _matrix(
    sequences: Sequences, column: Callable[[_Words], NDArray[np.int64]], width: int, max_k: int
) -> sparse.csr_matrix:
    """Count words in their columns, of which each k has ``width`` times as many as there are k-mers."""
    num_columns = width * sum(_NUM_BASES**k for k in range(1, max_k + 1))
    blocks = [sparse.csr_matrix((0, num_columns))]
    for chunk in _chunks(sequences):
        rows, columns, first = [], [], 0
        for words in _words(chunk, max_k):
            rows.append(words.rows)
            columns.append(first + column(words))
            first += width * words.num_kmers
        places = np.concatenate(rows).astype(np.int32), np.concatenate(columns).astype(np.int32)
        ones = np.ones(places[0].size)
        # Equal places are added up on the way from one format to the other.
        blocks.append(sparse.coo_matrix((ones, places), (len(chunk), num_columns)).tocsr())
    return sparse.vstack(blocks, format="csr")


def _words(sequences: Sequences, max_k: int) -> Iterator[_Words]:
    """Yield the words of 1, 2, ... ``max_k`` bases."""
    lengths = np.array([sequence.size for sequence in sequences])
    # N between them, and behind the last: no word reaches from one sequence into the next.
    gap = np.full(max_k, N, dtype=np.uint8)
    joined = np.concatenate([piece for sequence in sequences for piece in (sequence, gap)])
    starts = np.cumsum(lengths + max_k) - lengths - max_k
    rows = np.repeat(np.arange(lengths.size), lengths + max_k)
    bases = joined - np.uint8(FIRST_BASE)  # wraps below A
    kmers, usable = np.zeros(bases.size, dtype=np.int64), np.ones(bases.size, dtype=np.bool_)
    for k in range(1, max_k + 1):
        last = np.append(bases[k - 1 :], np.full(k - 1, N, dtype=np.uint8))
        usable &= last < _NUM_BASES
        kmers = kmers * _NUM_BASES + last
        places = np.flatnonzero(usable)
        of_word = rows[places]
        yield _Words(of_word, places - starts[of_word], kmers[places], _NUM_BASES**k)


def _chunks(sequences: Sequences) -> Iterator[list[NDArray[np.uint8]]]:
    """Yield stretches of the sequences, so many that little memory is held at a time."""
    chunk: list[NDArray[np.uint8]] = []
    num_bases = 0
    for sequence in sequences:
        chunk.append(sequence)
        num_bases += sequence.size
        if num_bases >= _CHUNK_BASES:
            yield chunk
            chunk, num_bases = [], 0
    if chunk:
        yield chunk
