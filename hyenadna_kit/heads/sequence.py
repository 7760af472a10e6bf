"""Labels of whole sequences: the hidden states of a sequence become one vector, which is read."""

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.heads.objectives import LabelledHead, LabelledHeadConfig
from hyenadna_kit.heads.pooling import Pooler, Pooling, check_pooling


@dataclass(frozen=True, kw_only=True)
class SequenceHeadConfig(LabelledHeadConfig):
    """Classes, labels or values of whole sequences."""

    pooling: Pooling = "mean"
    """How one vector is made of all positions: mean, max, the last, first or middle one, attention, or all
    positions one behind the other."""
    num_positions: int = 0
    """Of the pooling positions, how many there are at most."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_pooling(self.pooling, self.num_positions)

    def build(self, backbone: BackboneConfig) -> "SequenceHead":
        """Return the head."""
        return SequenceHead(self, backbone)


class SequenceHead(LabelledHead):
    """Logits of whole sequences."""

    pools = True

    def __init__(self, config: SequenceHeadConfig, backbone: BackboneConfig) -> None:
        pooler = Pooler(backbone.d_model, config.pooling, config.num_positions)
        super().__init__(config, pooler.width)
        self.pooler = pooler

    def forward(
        self,
        hidden_states: Float[Tensor, "batch length d_model"],
        embedding_weight: Float[Tensor, "vocab d_model"],
        attention_mask: Bool[Tensor, "batch length"] | None = None,
    ) -> Float[Tensor, "batch outputs"]:
        """Return the logits of every sequence; padding changes none."""
        del embedding_weight
        return self.read(self.pooler(hidden_states, attention_mask))
