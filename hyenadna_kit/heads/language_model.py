"""Next-token prediction: the logits at a position speak of the token after it."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.batch import IGNORED_LABEL
from hyenadna_kit.heads.base import Head, HeadConfig
from hyenadna_kit.ops.precision import without_autocast

_INITIALIZER_RANGE = 0.02


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
        return LanguageModelHead(self, backbone)


class LanguageModelHead(Head):
    """Logits over the padded vocabulary and the cross-entropy on them."""

    def __init__(self, config: LanguageModelHeadConfig, backbone: BackboneConfig) -> None:
        super().__init__()
        self.weight = (
            None if config.tied else nn.Parameter(torch.empty(backbone.padded_vocab_size, backbone.d_model))
        )
        if self.weight is not None:
            nn.init.normal_(self.weight, std=_INITIALIZER_RANGE)

    def forward(
        self,
        hidden_states: Float[Tensor, "batch length d_model"],
        embedding_weight: Float[Tensor, "vocab d_model"],
    ) -> Float[Tensor, "batch length vocab"]:
        """Return unnormalised log-probabilities of the next token, not rounded by autocast.

        A product with so few columns costs nothing, and bfloat16 would blur small differences.
        """
        weight = embedding_weight if self.weight is None else self.weight
        with without_autocast(hidden_states.device.type):
            return torch.nn.functional.linear(hidden_states.to(weight.dtype), weight)

    def loss(
        self,
        logits: Float[Tensor, "batch length vocab"],
        labels: Int[Tensor, "batch length"],
        weights: Float[Tensor, "batch length"] | None = None,
    ) -> Float[Tensor, ""]:
        """Return the mean cross-entropy in nats over the labels that are not ignored.

        With weights it is ``sum(weight * cross-entropy) / sum(weight)`` over those labels. A batch in
        which no label counts has loss 0 and zero gradients.
        """
        counted = labels != IGNORED_LABEL
        nats = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1).to(torch.promote_types(logits.dtype, torch.float32)),
            labels.flatten().long(),
            ignore_index=IGNORED_LABEL,
            reduction="sum" if weights is None else "none",
        )
        if weights is None:
            return nats / counted.sum().clamp(min=1)
        total = (weights * counted).sum()
        # Weights may add up to less than 1: only a total of 0 must not divide.
        return (nats * weights.flatten()).sum() / total.where(total > 0, 1)


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
