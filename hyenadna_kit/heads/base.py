"""What every head has in common."""

from typing import ClassVar

from jaxtyping import Bool, Float, Real
from torch import Tensor, nn

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.config import ModuleConfig


class Head(nn.Module):
    """Turns hidden states into logits, and owns the loss on them."""

    pools: ClassVar[bool] = False
    """Whether its logits speak of whole sequences; False: of positions, or of bins of them."""

    def forward(
        self,
        hidden_states: Float[Tensor, "batch length d_model"],
        embedding_weight: Float[Tensor, "vocab d_model"],
        attention_mask: Bool[Tensor, "batch length"] | None = None,
    ) -> Float[Tensor, "..."]:
        """Return the logits.

        Args:
            hidden_states: What the backbone makes of the tokens.
            embedding_weight: The backbone's, for heads that are tied to it.
            attention_mask: False where a position is padding; None where there is none.
        """
        raise NotImplementedError

    def loss(
        self,
        logits: Float[Tensor, "..."],
        labels: Real[Tensor, "..."],
        weights: Float[Tensor, "..."] | None = None,
    ) -> Float[Tensor, ""]:
        """Return the mean loss over the labels that count, each with its weight."""
        raise NotImplementedError

    def predictions(self, logits: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Return what the logits say: probabilities, or values in the units of the labels."""
        raise NotImplementedError


class HeadConfig(ModuleConfig):
    """Base of the heads' configurations."""

    @property
    def predicts_next(self) -> bool:
        """Whether each position predicts the one after it, which it must not see."""
        return False

    def build(self, backbone: BackboneConfig) -> Head:
        """Return a head for hidden states of that backbone."""
        raise NotImplementedError
