"""What a model says of the bases of a horizon: the raw material of every score.

In: the outputs of a model on windows, and where horizons begin in them. Out: one reading a horizon.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Integer
from numpy.typing import NDArray
from torch import Tensor

from hyenadna_kit.heads.language_model import next_token_entropy, next_token_log_probs


class Readings(NamedTuple):
    """What a model says of some horizons."""

    log_probs: Float[Tensor, "horizons horizon"]
    """``log p`` of every base, in nats, given those before it."""
    entropies: Float[Tensor, " horizons"]
    """Bits of what is predicted of the first base."""
    mean_states: Float[Tensor, "horizons d_model"]
    """Hidden states, averaged over the bases that count."""

    def arrays(self) -> list["HorizonReading"]:
        """Return one entry a horizon."""
        columns = [column.float().cpu().numpy() for column in self]
        return [HorizonReading(*row) for row in zip(*columns, strict=True)]


class HorizonReading(NamedTuple):
    """What a model says of the horizon of one allele."""

    log_probs: NDArray[np.float32]
    """``log p`` of every base, in nats."""
    entropy: np.float32
    """Bits of what is predicted of the first base."""
    mean_state: NDArray[np.float32]
    """Mean hidden state."""


class AlleleReadings(NamedTuple):
    """What a model says of the two alleles of a variant on one strand."""

    ref: HorizonReading
    """Of the genome."""
    alt: HorizonReading
    """Of the changed genome."""


def read_horizons(
    logits: Float[Tensor, "horizons horizon vocab"],
    tokens: Integer[Tensor, "horizons horizon"],
    states: Float[Tensor, "horizons horizon d_model"],
    scored: Bool[Tensor, "horizons horizon"],
) -> Readings:
    """Return readings.

    Args:
        logits: Of the position before each base, which predicts it.
        tokens: The bases.
        states: Hidden states at the bases.
        scored: Which of them count in the mean.
    """
    weights = scored / scored.sum(1, keepdim=True)
    return Readings(
        next_token_log_probs(logits, tokens),
        next_token_entropy(logits[:, :1])[:, 0],
        torch.einsum("hp,hpd->hd", weights.to(states.dtype), states),
    )
