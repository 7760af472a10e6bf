"""Which bases followed a context in training, for contexts of every length up to 24 bases at once.

In: uint8 tokens of stretches of a genome (see ``tokenizers.nucleotide``). Out: how often A, C, G and T
followed the last 1, 2, ... bases before a position, on both strands of the stretches.

A context is written as one number with its latest base first. In a sorted array of such numbers those that
agree in their last k bases are neighbours, whatever k is: one array answers for every length.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.tokenizers.nucleotide import FIRST_BASE, LAST_BASE, reverse_complement_tokens

LONGEST_CONTEXT = 24
"""Bases of a context that are told apart: 48 bits, and two for the base that follows."""

_NUM_BASES = 4
_BITS = 2


class Contexts(NamedTuple):
    """The bases before some positions."""

    packed: NDArray[np.uint64]
    """The last 24 of them, two bits each, the latest the most significant; A, C, G, T are 0 to 3."""
    known: NDArray[np.int64]
    """How many of them are A, C, G or T without a gap, from the latest on: 0 to 24."""


def contexts_of(tokens: NDArray[np.uint8], first: int = 0) -> Contexts:
    """Return what precedes every position from ``first`` on; before ``tokens`` nothing is known."""
    codes = np.where(is_base(tokens), tokens - np.uint8(FIRST_BASE), 0).astype(np.uint64)
    packed = np.zeros(tokens.size - first, dtype=np.uint64)
    for distance in range(1, LONGEST_CONTEXT + 1):
        packed <<= np.uint64(_BITS)
        begin = max(first, distance)
        packed[begin - first :] |= codes[begin - distance : max(0, tokens.size - distance)]
    return Contexts(packed, _num_known(tokens)[first:])


def join_contexts(parts: Sequence[Contexts]) -> Contexts:
    """Return the contexts of several stretches, one stretch after the other."""
    return Contexts(
        np.concatenate([np.empty(0, np.uint64), *(part.packed for part in parts)]),
        np.concatenate([np.empty(0, np.int64), *(part.known for part in parts)]),
    )


def is_base(tokens: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Say of every token whether it is A, C, G or T."""
    return (tokens >= FIRST_BASE) & (tokens <= LAST_BASE)


def _num_known(tokens: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return how many bases stand directly before each position, 24 at most."""
    position = np.arange(tokens.size)
    gaps = np.where(is_base(tokens), -1, position)
    last_gap = np.maximum.accumulate(np.concatenate([[-1], gaps]))[:-1] if tokens.size else position
    return np.minimum(position - 1 - last_gap, LONGEST_CONTEXT)


@dataclass(frozen=True, eq=False)
class ContextCounts:
    """What followed the contexts of some training stretches."""

    sorted_words: NDArray[np.uint64]
    """Each context and, in its lowest two bits, the base after it; in ascending order."""
    num_before: NDArray[np.uint32]
    """``num_before[i, base]``: how many of the first i words end in that base."""

    def following(self, contexts: Contexts, orders: Sequence[int]) -> NDArray[np.int64]:
        """Count what followed the last bases of each context.

        Args:
            contexts: Of some positions.
            orders: How many of the last bases must agree, 1 to 24 each.

        Returns:
            Shape ``[orders, positions, 4]``; 0 where fewer bases than the order are known.
        """
        # Neighbouring questions look into the same part of the array: sorted, they are found much faster.
        in_order = np.argsort(contexts.packed)
        packed, known = contexts.packed[in_order], contexts.known[in_order]
        found = np.zeros((len(orders), packed.size, _NUM_BASES), dtype=np.int64)
        for index, order in enumerate(orders):
            ignored = np.uint64(_BITS * (LONGEST_CONTEXT - order))
            to_word = ignored + np.uint64(_BITS)
            first = (packed >> ignored) << to_word
            behind = first + (np.uint64(1) << to_word)
            begin, end = (np.searchsorted(self.sorted_words, border) for border in (first, behind))
            counts = self.num_before[end].astype(np.int64) - self.num_before[begin]
            found[index, in_order] = counts * (known >= order)[:, None]
        return found


def count_contexts(token_runs: Sequence[NDArray[np.uint8]]) -> ContextCounts:
    """Count both strands of stretches.

    No context reaches from one stretch into the next, nor across an N: the first 24 bases of a stretch, and
    those after an N, are context alone.
    """
    strands = [strand for run in token_runs for strand in (run, reverse_complement_tokens(run))]
    words = np.empty(sum(_is_counted(strand).sum() for strand in strands), dtype=np.uint64)
    filled = 0
    for strand in strands:
        counted = _is_counted(strand)
        following = words[filled : (filled := filled + int(counted.sum()))]
        following[:] = contexts_of(strand).packed[counted]
        following <<= np.uint64(_BITS)
        following |= (strand[counted] - np.uint8(FIRST_BASE)).astype(np.uint64)
    words.sort()
    num_before = np.zeros((words.size + 1, _NUM_BASES), dtype=np.uint32)
    ends = (words & np.uint64(_NUM_BASES - 1)).astype(np.uint8)
    for base in range(_NUM_BASES):
        np.cumsum(ends == base, dtype=np.uint32, out=num_before[1:, base])
    return ContextCounts(words, num_before)


def _is_counted(tokens: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return is_base(tokens) & (_num_known(tokens) == LONGEST_CONTEXT)
