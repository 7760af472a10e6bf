"""Logits over the vocabulary at every position, and the cross-entropy on them."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.batch import IGNORED_LABEL
from hyenadna_kit.heads.base import Head
from hyenadna_kit.ops.precision import without_autocast

_INITIALIZER_RANGE = 0.02


class TokenHead(Head):
    """Logits over the padded vocabulary and the cross-entropy on them."""

    def __init__(self, backbone: BackboneConfig, *, tied: bool) -> None:
        super().__init__()
        self.weight = (
            None if tied else nn.Parameter(torch.empty(backbone.padded_vocab_size, backbone.d_model))
        )
        if self.weight is not None:
            nn.init.normal_(self.weight, std=_INITIALIZER_RANGE)

    def forward(
        self,
        hidden_states: Float[Tensor, "batch length d_model"],
        embedding_weight: Float[Tensor, "vocab d_model"],
        attention_mask: Bool[Tensor, "batch length"] | None = None,
    ) -> Float[Tensor, "batch length vocab"]:
        """Return unnormalised log-probabilities of the tokens, not rounded by autocast.

        A product with so few columns costs nothing, and bfloat16 would blur small differences. Positions
        are read one by one, padding as well.
        """
        del attention_mask
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

    def predictions(self, logits: Float[Tensor, "*shape vocab"]) -> Float[Tensor, "*shape vocab"]:
        """Return the probabilities of the tokens, in float32 at least."""
        return logits.softmax(-1, dtype=torch.promote_types(logits.dtype, torch.float32))
