"""Sequences that a language model draws base by base, each given those before it.

In: a model and the bases that a sequence begins with. Out: the bases that follow, and how likely the model
found each. They are those that recomputing the whole sequence for each of them would give.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8

from hyenadna_kit.backbone.mixer_stream import StreamSize
from hyenadna_kit.errors import InputError
from hyenadna_kit.generation.sampling import Sampler
from hyenadna_kit.generation.sampling_options import SamplingOptions
from hyenadna_kit.generation.stream import LanguageModelStream
from hyenadna_kit.heads.language_model import next_token_log_probs
from hyenadna_kit.model import HyenaDNA

OnProgress = Callable[[int], None]
"""``on_progress(done)`` in bases."""


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
    taps: int | None = None,
    on_progress: OnProgress | None = None,
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
        taps: The filters end after so many taps, so that memory does not grow with ``num_bases``; that is
            another model, see :meth:`~hyenadna_kit.model.HyenaDNA.with_filter_taps`. None leaves them whole.
        on_progress: Is told how many bases of all sequences are drawn.

    Raises:
        TypeError: The model is that of another library, the prompt is no text, or the words are one text.
        InputError: The model predicts no next token, the prompt or a word is empty or no DNA, or a number is
            below 1.
    """
    _check_kinds(model, prompt, stop)
    for name, value in {"num_bases": num_bases, "count": count, "batch_size": batch_size}.items():
        if value < 1:
            raise InputError(f"{name} must be at least 1, got {value}")
    _refuse_empty(prompt, stop)
    sampling = sampling or SamplingOptions()
    ids = model.tokenizer.encode(prompt)
    if taps is not None:
        model = model.with_filter_taps(taps)
    for first in range(0, count, batch_size):
        numbers = range(first, min(first + batch_size, count))
        batch = _Batch(model, Sampler(sampling, numbers), len(numbers), num_bases, stop)
        for num_drawn in batch.draw(ids):
            if on_progress is not None:
                on_progress(first * num_bases + num_drawn * len(numbers))
        yield from batch.sequences()


def _check_kinds(model: HyenaDNA, prompt: str, stop: tuple[str, ...]) -> None:
    if not isinstance(model, HyenaDNA):
        raise TypeError(
            f"generate takes a HyenaDNA, got {type(model).__name__}; of a model of transformers name its "
            ".hyena, of one with adapters .base_model.model.hyena"
        )
    if not isinstance(prompt, str):
        raise TypeError(f"a prompt is text, got {type(prompt).__name__}; call generate for each of several")
    if isinstance(stop, str):
        raise TypeError(f"stop takes words, got the text {stop!r}; write stop=({stop!r},)")


def _refuse_empty(prompt: str, stop: tuple[str, ...]) -> None:
    if not prompt:
        raise InputError("a prompt needs at least one base: a model predicts a base from those before it")
    if "" in stop:
        raise InputError("a stop word needs at least one base, got an empty one; leave it out")


class _Batch:
    """Sequences that are drawn beside each other."""

    def __init__(
        self, model: HyenaDNA, sampler: Sampler, size: int, num_bases: int, stop: tuple[str, ...]
    ) -> None:
        self._model = model
        self._sampler = sampler
        self._words = [model.tokenizer.encode(word) for word in stop]
        self._stop = [model.tokenizer.decode(word) for word in self._words]
        self._has_ended = np.zeros(size, dtype=bool)
        self._tokens = np.empty((size, num_bases), np.uint8)
        self._log_probs = np.empty((size, num_bases), np.float32)
        self._num_drawn = 0

    def draw(self, prompt: UInt8[np.ndarray, " length"]) -> Iterator[int]:
        """Draw base after base until every sequence has ended; yield how many each has."""
        size, num_bases = self._tokens.shape
        stream = LanguageModelStream(
            self._model, StreamSize(batch=size, prompt_length=len(prompt), num_steps=num_bases)
        )
        device = next(self._model.parameters()).device
        logits = stream.read_prompt(torch.from_numpy(np.tile(prompt, (size, 1))).to(device))
        while True:
            drawn = self._sampler.draw(logits)[:, None]
            self._tokens[:, self._num_drawn] = drawn[:, 0].cpu()
            self._log_probs[:, self._num_drawn] = next_token_log_probs(logits[:, None], drawn)[:, 0].cpu()
            self._num_drawn += 1
            yield self._num_drawn
            if self._num_drawn == num_bases or self._all_end():
                return
            logits = stream.step(drawn)[:, -1]

    def sequences(self) -> Iterator[GeneratedSequence]:
        """Yield what was drawn, each sequence up to the end of the first word that ends it."""
        for tokens, log_probs in zip(self._tokens, self._log_probs, strict=True):
            bases = self._model.tokenizer.decode(tokens[: self._num_drawn])
            ends = [found + len(word) for word in self._stop if (found := bases.find(word)) >= 0]
            end = min(ends, default=len(bases))
            yield GeneratedSequence(bases=bases[:end], log_likelihoods=log_probs[:end])

    def _all_end(self) -> bool:
        """Say whether every sequence holds a word that ends it."""
        tokens = self._tokens[:, : self._num_drawn]
        for word in self._words:
            if tokens.shape[1] >= len(word):
                self._has_ended |= (tokens[:, tokens.shape[1] - len(word) :] == word).all(1)
        return bool(self._has_ended.all())
