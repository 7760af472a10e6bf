"""Effects of variants: the sequence with the reference and the one with the alternative, read together.

In: hidden states of ``2 * variants`` rows, first those with REF of every variant, then those with ALT in the
same order. Out: one row of logits a variant.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.heads.objectives import LabelledHead, LabelledHeadConfig
from hyenadna_kit.heads.pooling import Pooler, Pooling, check_pooling

Combination = Literal["difference", "concatenation"]
"""What is read of the two pooled vectors."""


@dataclass(frozen=True, kw_only=True)
class VariantEffectHeadConfig(LabelledHeadConfig):
    """Classes, labels or values of variants, from the sequences with REF and with ALT."""

    pooling: Pooling = "mean"
    """How one vector is made of all positions: mean, max, the last, first or middle one, attention, or all
    positions one behind the other."""
    num_positions: int = 0
    """Of the pooling positions, how many there are at most."""
    combine: Combination = "difference"
    """difference reads ALT - REF, which changes its sign when the alleles change places; concatenation
    reads both."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_pooling(self.pooling, self.num_positions)
        if self.combine not in get_args(Combination):
            raise ValueError(
                f"combine must be one of {', '.join(get_args(Combination))}, got {self.combine!r}"
            )

    def build(self, backbone: BackboneConfig) -> "VariantEffectHead":
        """Return the head."""
        return VariantEffectHead(self, backbone)


class VariantEffectHead(LabelledHead):
    """Logits of variants; a batch holds the rows of REF, then those of ALT."""

    pools = True

    def __init__(self, config: VariantEffectHeadConfig, backbone: BackboneConfig) -> None:
        vectors = {"difference": 1, "concatenation": 2}[config.combine]
        pooler = Pooler(backbone.d_model, config.pooling, config.num_positions)
        super().__init__(config, vectors * pooler.width)
        self.combine = config.combine
        self.pooler = pooler

    def forward(
        self,
        hidden_states: Float[Tensor, "rows length d_model"],
        embedding_weight: Float[Tensor, "vocab d_model"],
        attention_mask: Bool[Tensor, "rows length"] | None = None,
    ) -> Float[Tensor, "variants outputs"]:
        """Return the logits of every variant; the two sequences of one may differ in length.

        Raises:
            ValueError: The number of rows is odd.
        """
        del embedding_weight
        if len(hidden_states) % 2:
            raise ValueError(
                f"a batch must hold a row with REF of every variant, then one with ALT of each, "
                f"got {len(hidden_states)} rows"
            )
        reference, alternative = self.pooler(hidden_states, attention_mask).chunk(2)
        if self.combine == "difference":
            return self.read(alternative - reference)
        return self.read(torch.cat([reference, alternative], dim=1))
