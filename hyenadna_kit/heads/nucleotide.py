"""Labels of every position, or of bins of positions: annotation of bases, profiles and tracks."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.config import check_least
from hyenadna_kit.heads.objectives import LabelledHead, LabelledHeadConfig


@dataclass(frozen=True, kw_only=True)
class NucleotideHeadConfig(LabelledHeadConfig):
    """Classes, labels or values of every position, or of bins of positions."""

    bin_size: int = 1
    """Positions that share a label; their hidden states are averaged."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_least(self, {"bin_size": 1})

    def build(self, backbone: BackboneConfig) -> "NucleotideHead":
        """Return the head."""
        return NucleotideHead(self, backbone.d_model)


class NucleotideHead(LabelledHead):
    """Logits of every position, or of every bin.

    Without bins the logits stand where their tokens stand, between any padding. Bin k holds the tokens
    ``k * bin_size`` to ``(k + 1) * bin_size - 1`` of a sequence, counted from 0 without padding, the last
    one what is left; there are as many as the longest row could fill, padding included. Labels of padding,
    and of bins that hold no token, must be ignored ones.
    """

    def __init__(self, config: NucleotideHeadConfig, width: int) -> None:
        super().__init__(config, width)
        self.bin_size = config.bin_size

    def forward(
        self,
        hidden_states: Float[Tensor, "batch length d_model"],
        embedding_weight: Float[Tensor, "vocab d_model"],
        attention_mask: Bool[Tensor, "batch length"] | None = None,
    ) -> Float[Tensor, "batch bins outputs"]:
        """Return the logits of the ``length / bin_size`` bins of every sequence, rounded up."""
        del embedding_weight
        if self.bin_size > 1:
            hidden_states = bin_means(hidden_states, self.bin_size, attention_mask)
        return self.read(hidden_states)


def bin_means(
    states: Float[Tensor, "batch length d_model"],
    bin_size: int,
    attention_mask: Bool[Tensor, "batch length"] | None = None,
) -> Float[Tensor, "batch bins d_model"]:
    """Return the means of bins of tokens, in float32 at least; zeros where a bin holds none.

    Args:
        states: One vector a position.
        bin_size: Tokens of a bin, counted from the first that is no padding.
        attention_mask: False where a position is padding; None where there is none.
    """
    batch, length, _ = states.shape
    num_tokens = torch.full((batch,), length, device=states.device)
    if attention_mask is not None:
        num_tokens = attention_mask.sum(1)
        # Padding goes behind everything else, which then begins at position 0.
        order = attention_mask.logical_not().byte().argsort(dim=1, stable=True)
        states = states.masked_fill(~attention_mask[..., None], 0)
        states = states.gather(1, order[..., None].expand_as(states))
    num_bins = math.ceil(length / bin_size)
    filled = torch.nn.functional.pad(states, (0, 0, 0, num_bins * bin_size - length))
    total = filled.unflatten(1, (-1, bin_size)).sum(2, dtype=torch.promote_types(states.dtype, torch.float32))
    counts = num_tokens[:, None] - bin_size * torch.arange(num_bins, device=states.device)
    return total / counts.clamp(1, bin_size)[..., None]
