"""Next-token prediction: the logits at a position speak of the token after it."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.heads.base import HeadConfig
from hyenadna_kit.heads.token_logits import TokenHead


@dataclass(frozen=True, kw_only=True)
class LanguageModelHeadConfig(HeadConfig):
    """A linear layer from hidden states to tokens, without bias."""

    tied: bool = True
    """Use the embedding's weights, as every published model does."""

    @property
    def predicts_next(self) -> bool:
        """True: the label of a position is the next token."""
        return True

    def build(self, backbone: BackboneConfig) -> "LanguageModelHead":
        """Return the head."""
        return LanguageModelHead(backbone, tied=self.tied)


class LanguageModelHead(TokenHead):
    """Logits of the next token."""


def next_token_log_probs(
    logits: Float[Tensor, "batch length vocab"], following: Integer[Tensor, "batch length"]
) -> Float[Tensor, "batch length"]:
    """Return ``log p`` in nats of the token that follows each position.

    The softmax runs over all columns of the logits, as in training; float32 at least.
    """
    return _log_softmax(logits).gather(2, following.long()[..., None])[..., 0]


def next_token_entropy(logits: Float[Tensor, "batch length vocab"]) -> Float[Tensor, "batch length"]:
    """Return the entropy in bits of what each position predicts."""
    return torch.special.entr(_log_softmax(logits).exp()).sum(2) / math.log(2)


def _log_softmax(logits: Tensor) -> Tensor:
    return logits.log_softmax(2, dtype=torch.promote_types(logits.dtype, torch.float32))
