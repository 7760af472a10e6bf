"""Markov baselines: how many bits a base costs when only the few bases before it are known.

In: uint8 tokens of training and of test stretches (see ``tokenizers.nucleotide``). Out: bits per
base for every order. A model worth having is below the best of them on the same bases.

The counts are frozen after training and hold both strands: every training stretch is counted as it
is and as its reverse complement.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.tokenizers.nucleotide import FIRST_BASE, reverse_complement_tokens

DEFAULT_ORDERS = (2, 6, 8, 12)
"""Short enough to be learnt from one bacterium, and one that is not."""

MAX_ORDER = 13
"""Largest order: its counts take 1 GiB; those of order 12 take 256 MiB."""

UNIFORM_BITS = 2.0
"""Cost of a base about which nothing is known."""

_NUM_BASES = 4
_PSEUDOCOUNT = 1.0
_BLOCK_LENGTH = 1 << 20


@dataclass(frozen=True, eq=False)
class MarkovModel:
    """How often each base followed each stretch of ``order`` bases."""

    order: int
    """Number of preceding bases that the model sees."""
    counts: NDArray[np.uint32]
    """``counts[context, base]``, shape ``[4**order, 4]``; A, C, G, T are the digits 0 to 3 of a
    context, its oldest base the most significant."""

    def bits(self, tokens: NDArray[np.uint8], first_scored: int = 0) -> NDArray[np.float64]:
        """Return ``-log2 p`` of every base of ``tokens[first_scored:]``.

            p(base | context) = (counts[context, base] + 1) / (counts[context, :].sum() + 4)

        A base whose context is cut off by the start of ``tokens`` or broken by anything but A, C, G
        and T costs 2 bits: the caller gives the bases to the left of those that are scored, so this
        concerns only the first ``order`` bases of a contig and those after a run of N.

        Args:
            tokens: A stretch of a contig, its left context included.
            first_scored: Index of the first base to score.

        Returns:
            Bits, one a position; NaN where ``tokens`` holds no A, C, G or T.

        Raises:
            InputError: ``first_scored`` lies outside ``tokens``.
        """
        if not 0 <= first_scored <= tokens.size:
            raise InputError(f"first_scored must lie in 0..{tokens.size}, the stretch, got {first_scored}")
        bits = np.where(_is_base(tokens[first_scored:]), UNIFORM_BITS, np.nan)
        for start, words, complete in _words(tokens, self.order, max(first_scored, self.order)):
            offset = start - first_scored
            bits[offset : offset + words.size][complete] = self._word_bits(words[complete])
        return bits

    def _word_bits(self, words: NDArray[np.int64]) -> NDArray[np.float64]:
        context, base = np.divmod(words, _NUM_BASES)
        followers = self.counts[context].astype(np.float64)
        seen = np.take_along_axis(followers, base[:, None], axis=1)[:, 0]
        total = followers.sum(axis=1)
        odds: NDArray[np.float64] = (total + _NUM_BASES * _PSEUDOCOUNT) / (seen + _PSEUDOCOUNT)
        return np.log2(odds)


def fit_markov(token_runs: Iterable[NDArray[np.uint8]], order: int) -> MarkovModel:
    """Count what follows every stretch of ``order`` bases, on both strands.

    Args:
        token_runs: Stretches of contigs, one after the other; no context reaches from one into the
            next, nor across a token other than A, C, G and T.
        order: Number of preceding bases, 0 to 13; order 12 needs 256 MiB.

    Raises:
        InputError: ``order`` is outside its range.
    """
    if not 0 <= order <= MAX_ORDER:
        raise InputError(f"the order of a Markov model must lie in 0..{MAX_ORDER}, got {order}")
    counts = np.zeros(_NUM_BASES ** (order + 1), dtype=np.uint32)
    for tokens in token_runs:
        for strand in (tokens, reverse_complement_tokens(tokens)):
            for _, words, complete in _words(strand, order, order):
                # In place: np.bincount would allocate a second, wider table for every block.
                np.add.at(counts, words[complete], np.uint32(1))
    return MarkovModel(order, counts.reshape(-1, _NUM_BASES))


def markov_bits_per_base(
    train: Iterable[NDArray[np.uint8]],
    test: Sequence[tuple[NDArray[np.uint8], int]],
    orders: Sequence[int] = DEFAULT_ORDERS,
) -> dict[int, float]:
    """Return mean bits per base of ``test`` under a model of each order, trained on ``train``.

    One model is held at a time.

    Args:
        train: Stretches to count.
        test: Stretches with the index of their first scored base; what precedes it is context.
        orders: Orders of the models.

    Returns:
        Order to the mean over every scored A, C, G and T.

    Raises:
        InputError: An order is out of range, or the test scores no A, C, G or T.
    """
    runs = tuple(train)
    return {order: _mean_bits(fit_markov(runs, order), test) for order in orders}


def _mean_bits(model: MarkovModel, test: Sequence[tuple[NDArray[np.uint8], int]]) -> float:
    total, num_bases = 0.0, 0
    for tokens, first_scored in test:
        bits = model.bits(tokens, first_scored)
        total += float(np.nansum(bits))
        num_bases += int(np.count_nonzero(~np.isnan(bits)))
    if not num_bases:
        raise InputError(f"the {len(test)} test stretches score no A, C, G or T: nothing to average")
    return total / num_bases


def _words(
    tokens: NDArray[np.uint8], order: int, first: int
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.bool_]]]:
    """Pack every base from ``first >= order`` on with the ``order`` before it, by blocks.

        start, words, complete     words[i] ends at tokens[start + i]; complete[i]: no N in it

    The packed base-4 number of an incomplete word means nothing.
    """
    for start in range(first, tokens.size, _BLOCK_LENGTH):
        block = tokens[start - order : start + _BLOCK_LENGTH]
        length = block.size - order
        is_base = _is_base(block)
        words, complete = np.zeros(length, dtype=np.int64), np.ones(length, dtype=np.bool_)
        for shift in range(order + 1):
            words *= _NUM_BASES
            words += block[shift : shift + length]
            words -= FIRST_BASE
            complete &= is_base[shift : shift + length]
        yield start, words, complete


def _is_base(tokens: NDArray[np.uint8]) -> NDArray[np.bool_]:
    # uint8 wraps below A to values far above T, so one comparison tests both ends.
    return (tokens - np.uint8(FIRST_BASE)) < _NUM_BASES
