"""A context-mixing anchor: what a compressor that is frozen after training makes of the same bases.

In: uint8 tokens of training and of test stretches (see ``tokenizers.nucleotide``). Out: the probability of
every base of the test given those before it, and its bits.

    log p(base | before)  =  sum over orders k of  weight[k, level] * log p_k(base)  + constant
    p_k(base)             =  (n_k(base) + 1/4) / (n_k + 1)

n_k counts what followed the last k bases in training, on both strands, so that inverted repeats are found as
repeats are; the level says how often that was, for a context that was seen more often is trusted more. The
weights are fitted on short blocks all over the training stretches, with the counts of what lies between the
blocks; then all of it is counted. A model below this has learnt more than which words and repeats there are.

Source: mixing of finite contexts, as data compressors do it (Mahoney 2005, Adaptive weighing of context
models, CS-2005-16; for DNA Silva et al. 2020, GeCo3, doi:10.1093/gigascience/giaa119). There counts and
weights adapt to what is being coded; here neither does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.context_counts import (
    LONGEST_CONTEXT,
    ContextCounts,
    Contexts,
    contexts_of,
    count_contexts,
    is_base,
    join_contexts,
)
from hyenadna_kit.tokenizers.nucleotide import FIRST_BASE

ORDERS = (2, 4, 6, 8, 9, 10, 11, 12, 13, 14, 16, 18, 20, 24)
"""Bases that the mixed models see."""

MAX_TRAIN_BASES = 25_000_000
"""Most bases that are counted: some 1.6 GB of memory."""

_NUM_BASES = 4
_PSEUDOCOUNT = 0.25
_NUM_LEVELS = 14
"""Level k: seen at least 2^k - 1 times."""
_UNIFORM_SHARE = 1e-3
"""Share of the uniform distribution in every prediction: no base costs more than 12 bits."""
_POSITIONS_AT_A_TIME = 1 << 16

_FITTED_FRACTION, _MOST_FITTED = 0.05, 100_000
_BLOCK_LENGTH = 32
_SMOOTHNESS = 30.0
"""Holds the weights of neighbouring levels together: some are met a few times only."""
_PULL = 1e-2
"""Holds every weight to that of a plain mean; decides alone where no level of an order was met."""
_NEWTON_STEPS = 20
_CONVERGED_NATS = 1e-7

Stretch = tuple[NDArray[np.uint8], int]
"""Tokens, and the index of the first that is scored; those before it are context."""


class _Experts(NamedTuple):
    """What each order says about some positions."""

    log_odds: NDArray[np.float64]
    """Logarithms of probabilities, of mean 0 over the bases; shape ``[orders, positions, 4]``."""
    levels: NDArray[np.int64]
    """How often the context was seen, as a level; shape ``[orders, positions]``."""


@dataclass(frozen=True, eq=False)
class ContextMixing:
    """Counts of contexts of many lengths, and the weights that mix their predictions."""

    counts: ContextCounts
    """What followed each context in training."""
    weights: NDArray[np.float64]
    """Shape ``[orders, levels]``."""

    def probabilities(self, contexts: Contexts) -> NDArray[np.float64]:
        """Return the probability that A, C, G and T follow each context; shape ``[contexts, 4]``."""
        parts = [np.empty((0, _NUM_BASES))]
        for start in range(0, contexts.packed.size, _POSITIONS_AT_A_TIME):
            part = slice(start, start + _POSITIONS_AT_A_TIME)
            experts = _ask(self.counts, Contexts(contexts.packed[part], contexts.known[part]))
            parts.append(_mix(experts, self.weights))
        return (1 - _UNIFORM_SHARE) * np.concatenate(parts) + _UNIFORM_SHARE / _NUM_BASES

    def bits(self, stretches: Sequence[Stretch]) -> NDArray[np.float64]:
        """Return ``-log2 p`` of every scored base, stretch by stretch; NaN where it is none."""
        bases, counted, contexts = _questions(stretches)
        bits = np.full(bases.size, np.nan)
        probabilities = self.probabilities(contexts)
        bits[counted] = -np.log2(probabilities[counted, bases[counted]])
        return bits


def fit_context_mixing(token_runs: Iterable[NDArray[np.uint8]]) -> ContextMixing:
    """Fit the weights on a part of the stretches that is not counted, then count all of them.

    Args:
        token_runs: Stretches of contigs; no context reaches from one into the next.

    Raises:
        InputError: They have more than :data:`MAX_TRAIN_BASES` bases.
    """
    runs = list(token_runs)
    total = sum(run.size for run in runs)
    if total > MAX_TRAIN_BASES:
        raise InputError(f"context mixing counts {MAX_TRAIN_BASES:,} bases at most, got {total:,}")
    blocks, rest = _hold_away(runs, total)
    weights = _fit_weights(count_contexts(rest), blocks)
    return ContextMixing(count_contexts(runs), weights)


def context_mixing_bits_per_base(train: Iterable[NDArray[np.uint8]], test: Sequence[Stretch]) -> float:
    """Return mean bits per base of ``test`` under a mixture that is fitted on ``train``.

    Args:
        train: Stretches to fit on.
        test: Stretches with the index of their first scored base; what precedes it is context.

    Raises:
        InputError: ``train`` is too long, or the test scores no A, C, G or T.
    """
    bits = fit_context_mixing(train).bits(test)
    if np.isnan(bits).all():
        raise InputError(f"the {len(test)} test stretches score no A, C, G or T: nothing to average")
    return float(np.nanmean(bits))


def _hold_away(
    runs: Sequence[NDArray[np.uint8]], total: int
) -> tuple[list[Stretch], list[NDArray[np.uint8]]]:
    """Return short blocks, spread evenly over all stretches, and the stretches between them."""
    stride = round(_BLOCK_LENGTH * max(1 / _FITTED_FRACTION, total / _MOST_FITTED))
    blocks: list[Stretch] = []
    rest: list[NDArray[np.uint8]] = []
    offset = stride // 2
    for run in runs:
        end = 0
        for start in range(offset, run.size, stride):
            rest.append(run[end:start])
            end = min(start + _BLOCK_LENGTH, run.size)
            before = max(0, start - LONGEST_CONTEXT)
            blocks.append((run[before:end], start - before))
        rest.append(run[end:])
        offset = (offset - run.size) % stride
    return blocks, rest


def _questions(
    stretches: Sequence[Stretch],
) -> tuple[NDArray[np.int64], NDArray[np.bool_], Contexts]:
    """Return the scored bases (A is 0), which of them are bases at all, and what precedes each."""
    tokens = np.concatenate([np.empty(0, np.uint8), *(each[first:] for each, first in stretches)])
    contexts = join_contexts([contexts_of(each, first) for each, first in stretches])
    return tokens.astype(np.int64) - FIRST_BASE, is_base(tokens), contexts


def _ask(counts: ContextCounts, contexts: Contexts) -> _Experts:
    following = counts.following(contexts, ORDERS)
    levels = np.log2(following.sum(axis=2) + 1).astype(np.int64)
    # Centred, so that an order which has seen nothing says nothing, whatever its weight.
    logs = np.log(following + _PSEUDOCOUNT)
    return _Experts(logs - logs.mean(axis=2, keepdims=True), np.minimum(levels, _NUM_LEVELS - 1))


def _mix(experts: _Experts, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mixed probabilities, shape ``[positions, 4]``."""
    chosen = np.take_along_axis(weights, experts.levels, axis=1)
    logits = np.einsum("kp,kpb->pb", chosen, experts.log_odds)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    mixed: NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
    return mixed


def _fit_weights(counts: ContextCounts, blocks: Sequence[Stretch]) -> NDArray[np.float64]:
    """Return the weights that make the bases of the blocks most likely, by Newton's method."""
    bases, counted, contexts = _questions(blocks)
    experts = _ask(counts, Contexts(contexts.packed[counted], contexts.known[counted]))
    likelihood = _PenalisedLikelihood(experts, bases[counted])
    weights = likelihood.plain
    if not counted.any():
        return weights
    nats, step = likelihood.nats(weights), 1.0
    for _ in range(_NEWTON_STEPS):
        candidate = weights - step * likelihood.newton_step(weights)
        gain = nats - likelihood.nats(candidate)
        if gain < 0:
            step /= 2
            continue
        weights, nats, step = candidate, nats - gain, 1.0
        if gain <= _CONVERGED_NATS * bases.size:
            break
    return weights


class _PenalisedLikelihood:
    """How unlikely some bases are, and how far the weights are from plain ones: convex in the weights."""

    def __init__(self, experts: _Experts, bases: NDArray[np.int64]) -> None:
        self._experts = experts
        self._chosen = np.arange(bases.size), bases
        self.plain = np.full((len(ORDERS), _NUM_LEVELS), 1 / len(ORDERS))
        differences = np.diff(np.eye(_NUM_LEVELS), axis=0)
        of_order = _SMOOTHNESS * differences.T @ differences + _PULL * np.eye(_NUM_LEVELS)
        self._penalty = np.kron(np.eye(len(ORDERS)), of_order)

    def nats(self, weights: NDArray[np.float64]) -> float:
        """Return the cost of the bases together with the penalty."""
        apart = (weights - self.plain).ravel()
        likely = np.log(_mix(self._experts, weights)[self._chosen]).sum()
        return float(0.5 * apart @ self._penalty @ apart - likely)

    def newton_step(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what to take from the weights to reach the least of a parabola."""
        mixed = _mix(self._experts, weights)
        gradient = self._penalty @ (weights - self.plain).ravel() + self._gradient(mixed)
        return np.linalg.solve(self._penalty + self._curvature(mixed), gradient).reshape(weights.shape)

    def _gradient(self, mixed: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the first derivatives of the cost of the bases."""
        errors = mixed.copy()
        errors[self._chosen] -= 1
        slopes = np.einsum("kpb,pb->kp", self._experts.log_odds, errors)
        pairs = zip(self._experts.levels, slopes, strict=True)
        return np.concatenate([np.bincount(level, each, _NUM_LEVELS) for level, each in pairs])

    def _curvature(self, mixed: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the second derivatives of the cost of the bases."""
        log_odds, levels = self._experts
        expected = np.einsum("kpb,pb->kp", log_odds, mixed)
        spread = (log_odds - expected[:, :, None]) * np.sqrt(mixed)
        curvature = np.zeros((len(ORDERS), _NUM_LEVELS) * 2)
        # At a position each order has one level: a table of pairs of levels for every pair of orders.
        for one in range(len(ORDERS)):
            for other in range(one + 1):
                pairs = levels[one] * _NUM_LEVELS + levels[other]
                products = np.einsum("pb,pb->p", spread[one], spread[other])
                table = np.bincount(pairs, products, _NUM_LEVELS**2).reshape(_NUM_LEVELS, _NUM_LEVELS)
                curvature[one, :, other] = table
                curvature[other, :, one] = table.T
        return curvature.reshape(self._penalty.shape)
