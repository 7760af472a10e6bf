"""Sequences that a language model draws base by base, each given those before it.

In: a model and the bases that a sequence begins with. Out: the bases that follow, and how likely the model
found each. They are those that recomputing the whole sequence for each of them would give.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8

from hyenadna_kit.backbone.mixer_stream import StreamSize
from hyenadna_kit.errors import InputError
from hyenadna_kit.generation.sampling import Sampler, SamplingOptions
from hyenadna_kit.generation.stream import LanguageModelStream
from hyenadna_kit.heads.language_model import next_token_log_probs
from hyenadna_kit.model import HyenaDNA


@dataclass(frozen=True, kw_only=True)
class GeneratedSequence:
    """One sequence behind its prompt."""

    bases: str
    """The bases that were drawn."""
    log_likelihoods: Float[np.ndarray, " bases"]
    """``log p`` in nats that the model gives each, over its whole vocabulary, at temperature 1."""

    @property
    def bits_per_base(self) -> float:
        """Mean of ``-log2 p``; NaN where nothing was drawn."""
        return float(-self.log_likelihoods.mean() / math.log(2)) if len(self.bases) else math.nan


def generate(
    model: HyenaDNA,
    prompt: str,
    num_bases: int,
    *,
    count: int = 1,
    batch_size: int = 8,
    sampling: SamplingOptions | None = None,
    stop: tuple[str, ...] = (),
) -> Iterator[GeneratedSequence]:
    """Yield sequences that a model draws behind a prompt.

    Args:
        model: A language model in eval mode; it runs where its parameters are.
        prompt: Bases before the first one that is drawn, at least one.
        num_bases: Most bases of a sequence.
        count: Sequences.
        batch_size: Sequences that are drawn at a time; it changes no base, but for rounding.
        sampling: How bases are drawn; None takes the defaults.
        stop: A sequence ends behind the first of these words that it holds.

    Raises:
        InputError: The model predicts no next token, the prompt is empty or no DNA, or a number is below 1.
    """
    sampling = sampling or SamplingOptions()
    for name, value in {"num_bases": num_bases, "count": count, "batch_size": batch_size}.items():
        if value < 1:
            raise InputError(f"{name} must be at least 1, got {value}")
    if not prompt:
        raise InputError("a prompt needs at least one base: a model predicts a base from those before it")
    ids = model.tokenizer.encode(prompt)
    for first in range(0, count, batch_size):
        numbers = range(first, min(first + batch_size, count))
        tokens, log_probs = _draw(model, ids, num_bases, Sampler(sampling, numbers), len(numbers), stop)
        for row, values in zip(tokens, log_probs, strict=True):
            bases = _cut(model.tokenizer.decode(row), stop)
            yield GeneratedSequence(bases=bases, log_likelihoods=values[: len(bases)])


def _draw(
    model: HyenaDNA,
    prompt: UInt8[np.ndarray, " length"],
    num_bases: int,
    sampler: Sampler,
    batch: int,
    stop: tuple[str, ...],
) -> tuple[UInt8[np.ndarray, "batch drawn"], Float[np.ndarray, "batch drawn"]]:
    """Return the tokens of a batch and their log-likelihoods; it ends early where every row has stopped."""
    device = next(model.parameters()).device
    size = StreamSize(batch=batch, prompt_length=len(prompt), num_steps=num_bases)
    stream = LanguageModelStream(model, size)
    logits = stream.read_prompt(torch.from_numpy(np.tile(prompt, (batch, 1))).to(device))
    tokens, log_probs = np.empty((batch, num_bases), np.uint8), np.empty((batch, num_bases), np.float32)
    ends = _Ends(model, batch, stop)
    for place in range(num_bases):
        drawn = sampler.draw(logits)[:, None]
        tokens[:, place] = drawn[:, 0].cpu()
        log_probs[:, place] = next_token_log_probs(logits[:, None], drawn)[:, 0].cpu()
        if ends.all_reached(tokens[:, : place + 1]):
            return tokens[:, : place + 1], log_probs[:, : place + 1]
        if place + 1 < num_bases:
            logits = stream.step(drawn)[:, -1]
    return tokens, log_probs


class _Ends:
    """Which sequences of a batch hold a word that ends them."""

    def __init__(self, model: HyenaDNA, batch: int, stop: tuple[str, ...]) -> None:
        self._words = [model.tokenizer.encode(word) for word in stop]
        self._reached = np.zeros(batch, dtype=bool)

    def all_reached(self, tokens: UInt8[np.ndarray, "batch drawn"]) -> bool:
        """Say whether every sequence has ended, from the tokens so far."""
        for word in self._words:
            if tokens.shape[1] >= len(word):
                self._reached |= (tokens[:, tokens.shape[1] - len(word) :] == word).all(1)
        return bool(self._reached.all())


def _cut(bases: str, stop: tuple[str, ...]) -> str:
    """Return the bases up to the end of the first word that stops them."""
    ends = [found + len(word) for word in stop if (found := bases.find(word)) >= 0]
    return bases[: min(ends, default=len(bases))]
