"""What every mixer has in common."""

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor, nn

from hyenadna_kit.config import ModuleConfig


@dataclass(frozen=True, kw_only=True)
class MixerSize:
    """The sizes that a mixer takes from its backbone."""

    d_model: int
    """Width of the hidden states."""
    context_length: int
    """Most tokens the model is trained on."""


class Mixer(nn.Module):
    """Mixes hidden states along the sequence, from left to right."""

    out_proj: nn.Linear
    """The last layer; its initial weights shrink with the depth of the backbone."""

    def forward(
        self,
        hidden_states: Float[Tensor, "batch length d_model"],
        attention_mask: Bool[Tensor, "batch length"] | None = None,
    ) -> Float[Tensor, "batch length d_model"]:
        """Return the mixed states; positions where the mask is False count as absent."""
        raise NotImplementedError


class MixerConfig(ModuleConfig):
    """Base of the mixers' configurations."""

    def build(self, size: MixerSize) -> Mixer:
        """Return a mixer of the given size."""
        raise NotImplementedError
