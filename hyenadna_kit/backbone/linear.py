"""What a linear layer computes with, also where an adapter stands around it.

The mixers and the MLP hand weights to kernels and do not call their layers. PEFT's adapters put a module in
the place of a layer and compute what they add in its ``forward``: what such a module makes of the unit
vectors is the weight that it stands for, with the gradients of its own weights.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Linear(NamedTuple):
    """A linear layer whose weights have been brought to the number format of the products."""

    weight: Float[Tensor, "outputs inputs"]
    """Weights."""
    bias: Float[Tensor, " outputs"]
    """Biases."""

    @classmethod
    def of(cls, layer: nn.Module, dtype: torch.dtype, rows: slice = slice(None)) -> "Linear":
        """Take the rows of a layer."""
        weight, bias = weight_and_bias(layer)
        return cls(weight[rows].to(dtype), bias[rows].to(dtype))

    def by_channel(
        self, inputs: Float[Tensor, "batch length inputs"]
    ) -> Float[Tensor, "batch outputs length"]:
        """Apply the layer and return channels as rows, without a transposing copy."""
        transposed = inputs.to(self.weight.dtype).transpose(1, 2)
        weight = self.weight.expand(len(inputs), -1, -1)
        return torch.baddbmm(self.bias[None, :, None], weight, transposed)

    def add_to_(
        self, target: Float[Tensor, "batch length outputs"], inputs: Float[Tensor, "batch length inputs"]
    ) -> None:
        """Add what the layer makes of the inputs in place; they may be transposed channels."""
        weight = self.weight.T.expand(len(inputs), -1, -1)
        if target.dtype == self.weight.dtype:
            target.add_(self.bias).baddbmm_(inputs, weight)
        else:
            target += torch.baddbmm(self.bias[None, None], inputs.to(weight.dtype), weight)


def weight_and_bias(layer: Any) -> tuple[Float[Tensor, "outputs inputs"], Float[Tensor, " outputs"]]:
    """Return what a layer, or the adapter around it, multiplies by and adds (perhaps 0)."""
    weight, bias = layer.weight, layer.bias
    if isinstance(layer, nn.Linear):
        return weight, weight.new_zeros(len(weight)) if bias is None else bias
    units = torch.eye(weight.shape[1], dtype=weight.dtype, device=weight.device)
    with torch.autocast(weight.device.type, enabled=False):
        moved: Tensor = layer(torch.cat([units, torch.zeros_like(units[:1])]))
    return (moved[:-1] - moved[-1]).T, moved[-1]
