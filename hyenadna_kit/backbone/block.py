"""One block: a mixer along the sequence and an MLP at every position, each before a residual sum."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from hyenadna_kit.backbone.mixers.base import Mixer


class MLP(nn.Module):
    """Two layers with a GELU (its tanh approximation, as in the published models)."""

    def __init__(self, d_model: int, d_inner: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(d_model, d_inner)
        self.fc2 = nn.Linear(d_inner, d_model)

    def forward(self, hidden_states: Float[Tensor, "*shape d_model"]) -> Float[Tensor, "*shape d_model"]:
        """Transform every position by itself."""
        hidden = torch.nn.functional.gelu(self.fc1(hidden_states), approximate="tanh")
        output: Tensor = self.fc2(hidden)
        return output


class Block(nn.Module):
    """``residual += mixer(norm(residual))``, then ``residual += mlp(norm(residual))``."""

    def __init__(
        self, mixer: Mixer, mlp: MLP, norms: tuple[nn.LayerNorm, nn.LayerNorm], dropout: float
    ) -> None:
        super().__init__()
        self.mixer = mixer
        self.norm1, self.norm2 = norms
        self.mlp = mlp
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        residual: Float[Tensor, "batch length d_model"],
        attention_mask: Bool[Tensor, "batch length"] | None = None,
    ) -> Float[Tensor, "batch length d_model"]:
        """Return the residual stream after the block, in its own dtype (float32 at least)."""
        mixed = self.mixer(_norm(self.norm1, residual), attention_mask)
        residual = residual + self.dropout(mixed)
        return residual + self.dropout(self.mlp(_norm(self.norm2, residual)))


def _norm(norm: nn.LayerNorm, residual: Tensor) -> Tensor:
    output: Tensor = norm(residual.to(norm.weight.dtype))
    return output
