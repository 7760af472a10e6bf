"""How likely a language model finds every base of some regions, given the bases before it.

In: a model, a genome and regions. Out: log-likelihood and entropy of every base, once each, in order,
stretch by stretch, so that memory does not grow with the genome.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.heads.language_model import LanguageModelHead, next_token_entropy, next_token_log_probs
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.tokenizers.nucleotide import FIRST_BASE, LAST_BASE
from hyenadna_kit.windows.layout import TiledWindow, tile_windows


class Stretch(NamedTuple):
    """Consecutive bases of one region."""

    region_index: int
    """Which of the regions."""
    interval: Interval
    """Where the bases lie."""
    tokens: NDArray[np.uint8]
    """Token ids of the bases."""
    log_likelihood: NDArray[np.float32]
    """``log p`` of each base in nats; NaN where the genome has no A, C, G or T."""
    entropy: NDArray[np.float32]
    """Bits of uncertainty before each base was seen."""


@dataclass(frozen=True)
class RegionLikelihood:
    """The sum over one region."""

    region: Interval
    """The region."""
    num_bases: int
    """Bases A, C, G and T in it: those that are counted."""
    log_likelihood: float
    """Sum of ``log p`` in nats, added up in float64."""

    @property
    def bits_per_base(self) -> float:
        """Mean cost of a base in bits; NaN where there is none."""
        return -self.log_likelihood / math.log(2) / self.num_bases if self.num_bases else math.nan


def base_likelihoods(
    model: HyenaDNA,
    genome: Genome,
    regions: Sequence[Interval],
    *,
    length: int | None = None,
    batch_size: int = 16,
) -> Iterator[Stretch]:
    """Yield the likelihood of every base of ``regions``, on the forward strand.

    Each base is predicted once, with at least half a window before it (fewer only at the start of a
    contig, see :func:`~hyenadna_kit.windows.layout.tile_windows`).

    Args:
        model: A language model; it runs where its parameters are.
        genome: Where the bases are.
        regions: Stretches inside their contigs.
        length: Window in tokens; None takes the model's context length.
        batch_size: Windows at a time.

    Raises:
        InputError: The model has no language-model head, or ``length`` is less than 2, or
            ``batch_size`` less than 1, or the model gives a base no finite likelihood.
    """
    if batch_size < 1:
        raise InputError(f"batch_size must be at least 1, got {batch_size}")
    _refuse_other_heads(model)
    tiles = (
        (index, tile)
        for index, region in enumerate(regions)
        for tile in tile_windows(region, model.context_length if length is None else length)
    )
    while batch := list(islice(tiles, batch_size)):
        yield from predict_windows(model, genome, batch)


def sum_regions(regions: Sequence[Interval], stretches: Iterable[Stretch]) -> list[RegionLikelihood]:
    """Add up the stretches of every region."""
    counts = np.zeros(len(regions), dtype=np.int64)
    sums = np.zeros(len(regions), dtype=np.float64)
    for stretch in stretches:
        counts[stretch.region_index] += np.isfinite(stretch.log_likelihood).sum()
        sums[stretch.region_index] += np.nansum(stretch.log_likelihood, dtype=np.float64)
    return [
        RegionLikelihood(region, int(count), float(total))
        for region, count, total in zip(regions, counts, sums, strict=True)
    ]


def reported(stretches: Iterable[Stretch], on_progress: Callable[[int], None] | None) -> Iterator[Stretch]:
    """Pass the stretches on, telling ``on_progress`` how many bases have come by."""
    done = 0
    for stretch in stretches:
        done += stretch.interval.length
        if on_progress is not None:
            on_progress(done)
        yield stretch


def predict_windows(
    model: HyenaDNA, genome: Genome, batch: Sequence[tuple[int, TiledWindow]]
) -> Iterator[Stretch]:
    """Yield the likelihoods of the scored bases of windows of one length, read together.

    Args:
        model: A language model; it runs where its parameters are.
        genome: Where the bases are.
        batch: Windows, each with the index that its stretch gets.

    Raises:
        InputError: The model has no language-model head, or gives a base no finite likelihood.
    """
    _refuse_other_heads(model)
    tokens = np.stack([genome.tokens(tile.window) for _, tile in batch])
    log_probs, entropy = _predict(model, tokens)
    for row, (index, tile) in enumerate(batch):
        span = slice(*tile.label_span)
        bases = tokens[row, 1:][span]
        counted = (bases >= FIRST_BASE) & (bases <= LAST_BASE)
        if not np.isfinite(log_probs[row, span][counted]).all():
            raise InputError(
                f"the model gives no finite likelihood to a base of {tile.scored.region}; "
                "its weights may hold NaN"
            )
        likelihood = np.where(counted, log_probs[row, span], np.float32(np.nan))
        yield Stretch(index, tile.scored, bases, likelihood, entropy[row, span])


def _refuse_other_heads(model: HyenaDNA) -> None:
    if not isinstance(model.head, LanguageModelHead):
        raise InputError(
            f"likelihoods need a language-model head, this model has {type(model.head).__name__}"
        )


@torch.inference_mode()
def _predict(model: HyenaDNA, tokens: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return log-likelihood and entropy of what follows each token but the last of every row."""
    windows = torch.from_numpy(tokens).to(next(model.parameters()).device)
    logits = model(windows[:, :-1]).logits
    log_probs = next_token_log_probs(logits, windows[:, 1:].long())
    return log_probs.float().cpu().numpy(), next_token_entropy(logits).float().cpu().numpy()
