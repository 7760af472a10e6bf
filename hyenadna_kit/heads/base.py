"""What every head has in common."""

from jaxtyping import Float, Int
from torch import Tensor, nn

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.config import ModuleConfig


class Head(nn.Module):
    """Turns hidden states into logits, and owns the loss on them."""

    def forward(
        self,
        hidden_states: Float[Tensor, "batch length d_model"],
        embedding_weight: Float[Tensor, "vocab d_model"],
    ) -> Float[Tensor, "..."]:
        """Return the logits; ``embedding_weight`` is the backbone's, for heads tied to it."""
        raise NotImplementedError

    def loss(
        self,
        logits: Float[Tensor, "..."],
        labels: Int[Tensor, "..."],
        weights: Float[Tensor, "..."] | None = None,
    ) -> Float[Tensor, ""]:
        """Return the mean loss over the labels that count, each with its weight."""
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
