"""How likely a language model finds a sequence of any length, read as a stream: each token sees all before.

In: token ids, piece by piece. Out: log-likelihood and entropy, in order. What is kept does not grow with the
sequence where the filters end (``truncate``, or :meth:`~hyenadna_kit.model.HyenaDNA.with_filter_taps`).
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8

from hyenadna_kit.backbone.mixer_stream import StreamSize
from hyenadna_kit.errors import InputError
from hyenadna_kit.generation.stream import LanguageModelStream
from hyenadna_kit.heads.language_model import next_token_entropy, next_token_log_probs
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.tokenizers.nucleotide import N


class StreamedLikelihood(NamedTuple):
    """What the model says of some consecutive tokens."""

    tokens: UInt8[np.ndarray, " tokens"]
    """Their ids."""
    log_likelihood: Float[np.ndarray, " tokens"]
    """``log p`` of each in nats, given all before it."""
    entropy: Float[np.ndarray, " tokens"]
    """Bits of uncertainty before each was seen."""


def stream_likelihoods(
    model: HyenaDNA,
    pieces: Iterable[UInt8[np.ndarray, " tokens"]],
    *,
    num_tokens: int | None = None,
    step: int = 2048,
) -> Iterator[StreamedLikelihood]:
    """Yield what a model says of every token of a sequence but the first.

    Args:
        model: A language model in eval mode; it runs where its parameters are.
        pieces: The sequence, in pieces of any size.
        num_tokens: Most tokens that come; None is any number, where the filters end.
        step: Tokens that are read at a time; it changes nothing but time and memory.

    Raises:
        InputError: The model predicts no next token, a number is below 1, or more tokens come.
        ValueError: The filters of the model do not end, and ``num_tokens`` is None.
    """
    if step < 1 or (num_tokens is not None and num_tokens < 1):
        raise InputError(f"step and num_tokens must be at least 1, got {step} and {num_tokens}")
    num_steps = None if num_tokens is None else -(-num_tokens // step)
    stream = LanguageModelStream(model, StreamSize(batch=1, num_steps=num_steps, step=step))
    num_left = num_tokens
    for block in _blocks(pieces, step):
        read = block[:step]
        if num_left is not None and (num_left := num_left - len(read)) < 0:
            raise InputError(f"more tokens came than the {num_tokens} that there is room for")
        # What stands behind the end changes nothing before it.
        padded = np.concatenate([read, np.full(step - len(read), N, np.uint8)])
        logits = stream.step(_on_device(padded, model)[None])[:, : len(block) - 1]
        following = _on_device(block[1:], model)[None]
        yield StreamedLikelihood(
            tokens=block[1:],
            log_likelihood=next_token_log_probs(logits, following)[0].cpu().numpy(),
            entropy=next_token_entropy(logits)[0].cpu().numpy(),
        )


def _blocks(
    pieces: Iterable[UInt8[np.ndarray, " tokens"]], step: int
) -> Iterator[UInt8[np.ndarray, " tokens"]]:
    """Yield ``step`` tokens and the one behind them; the last block may have fewer, at least two."""
    rest = np.empty(0, np.uint8)
    for piece in pieces:
        rest = np.concatenate([rest, piece])
        while len(rest) > step:
            yield rest[: step + 1]
            rest = rest[step:]
    if len(rest) > 1:
        yield rest


def _on_device(tokens: UInt8[np.ndarray, " tokens"], model: HyenaDNA) -> torch.Tensor:
    return torch.from_numpy(tokens).to(next(model.parameters()).device).long()
