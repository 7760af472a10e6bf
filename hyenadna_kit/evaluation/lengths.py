"""Bits per base of a model at several window lengths: does it gain from more context, or lose its way?

In: a language model, a genome and regions. Out: for each length the mean over all bases, the same by
position in the window, and how much of what the mixers add comes from beyond the trained length.

The windows lie end to end, so that every base is predicted once and from the bases of its own window
alone: the first of a window from one base before it, the last from all of them.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Integer
from numpy.typing import NDArray
from torch import Tensor

from hyenadna_kit.backbone.inference import normed
from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.likelihood import predict_windows
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.windows.layout import TiledWindow, tile

_TOKENS_TOGETHER = 1 << 14


class PositionBits(NamedTuple):
    """Bits per base of some positions of all windows."""

    first: int
    """First position in the window, from 0."""
    last: int
    """One past the last position."""
    num_bases: int
    """Bases that were scored there."""
    bits_per_base: float
    """Their mean cost; NaN where there is none."""


@dataclass(frozen=True, kw_only=True)
class LengthBits:
    """What a model costs in windows of one length."""

    length: int
    """Tokens of a window."""
    num_bases: int
    """Bases that were scored, each once."""
    bits_per_base: float
    """Their mean cost; NaN where there is none."""
    by_position: tuple[PositionBits, ...]
    """The same by position: 0, 1, 2 to 3, 4 to 7 and so on."""


def evaluate_lengths(
    model: HyenaDNA,
    genome: Genome,
    regions: Sequence[Interval],
    lengths: Sequence[int],
    *,
    on_progress: Callable[[int], None] | None = None,
) -> list[LengthBits]:
    """Score every base of ``regions`` once at each of some window lengths.

    Args:
        model: A language model; it runs where its parameters are.
        genome: Where the bases are.
        regions: Stretches inside their contigs, each at least as long as the longest window.
        lengths: Window lengths in tokens.
        on_progress: Called with the number of bases that were scored so far, over all lengths.

    Raises:
        InputError: A length is less than 2 or longer than every region, the model has no language-model
            head, or it gives a base no finite likelihood.
    """
    longest = max((region.length for region in regions), default=0)
    for length in lengths:
        if not 2 <= length <= longest:
            raise InputError(
                f"window lengths must be 2 to {longest:,}, the longest region, got {length:,}; take longer "
                "regions or a shorter length"
            )
    done = 0
    results: list[LengthBits] = []
    for length in lengths:
        counts, nats = np.zeros(length, dtype=np.int64), np.zeros(length, dtype=np.float64)
        for likelihoods in _likelihoods(model, genome, regions, length):
            known = np.isfinite(likelihoods)
            counts[: len(known)] += known
            nats[: len(known)] -= np.where(known, likelihoods, 0)
            done += len(known)
            if on_progress is not None:
                on_progress(done)
        results.append(_summarise(counts, nats))
    return results


@torch.inference_mode()
def tail_shares(model: HyenaDNA, input_ids: Integer[Tensor, "batch length"]) -> dict[int, float]:
    """Return by layer which share of what its mixer adds comes from beyond the trained length.

    The share is the energy of the difference between the mixer and the same mixer whose filters end with
    the trained length, over the energy of the mixer; both read what the layers before give with all taps.

    Args:
        model: A model; layers without filters are left out, the first layer is 0.
        input_ids: Token ids of windows longer than the trained length.
    """
    backbone = model.backbone
    modes = backbone.config.mixers.filter_modes
    if not any(modes):
        return {}
    ended = model.with_context_length(model.context_length, mode="truncate").backbone
    embedded: Tensor = backbone.embeddings(input_ids)
    residual = embedded.to(torch.promote_types(embedded.dtype, torch.float32))
    shares: dict[int, float] = {}
    for layer, (block, twin, mode) in enumerate(zip(backbone.blocks, ended.blocks, modes, strict=True)):
        if mode is not None:
            states = normed(block.norm1, residual)
            whole = block.mixer(states)
            shares[layer] = _energy(whole - twin.mixer(states)) / _energy(whole)
        residual = block(residual)
    return shares


def _likelihoods(
    model: HyenaDNA, genome: Genome, regions: Sequence[Interval], length: int
) -> Iterator[NDArray[np.float32]]:
    """Yield ``log p`` of the bases of every window, in nats; NaN where there is no A, C, G or T."""
    windows = (window for region in regions for window in tile(region, length))
    while batch := list(islice(windows, max(1, _TOKENS_TOGETHER // length))):
        # Windows of a batch are as long; what reaches past the end of a region is left out behind.
        tiles = [
            TiledWindow(Interval(each.contig, each.start - 1, each.start + length), each) for each in batch
        ]
        for stretch in predict_windows(model, genome, list(enumerate(tiles))):
            yield stretch.log_likelihood


def _summarise(counts: NDArray[np.int64], nats: NDArray[np.float64]) -> LengthBits:
    borders = [0, *(1 << power for power in range(len(counts).bit_length())), len(counts)]
    borders = sorted({border for border in borders if border <= len(counts)})

    def over(first: int, last: int) -> tuple[int, float]:
        """Return the number of bases of some positions and their mean cost."""
        count = int(counts[first:last].sum())
        return count, float(nats[first:last].sum()) / math.log(2) / count if count else math.nan

    num_bases, bits = over(0, len(counts))
    by_position = tuple(PositionBits(first, last, *over(first, last)) for first, last in pairwise(borders))
    return LengthBits(length=len(counts), num_bases=num_bases, bits_per_base=bits, by_position=by_position)


def _energy(states: Float[Tensor, "batch length d_model"]) -> float:
    return float(states.double().square().sum())
