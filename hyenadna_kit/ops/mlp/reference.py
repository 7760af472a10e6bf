"""The MLP one step after the other; PyTorch keeps every step for the gradients."""

import torch
from jaxtyping import Float
from torch import Tensor

from hyenadna_kit.ops.gelu import gelu


def stepwise_mlp(
    states: Float[Tensor, "*shape features"],
    first_weight: Float[Tensor, "inner features"],
    first_bias: Float[Tensor, " inner"],
    second_weight: Float[Tensor, "outputs inner"],
    second_bias: Float[Tensor, " outputs"],
) -> Float[Tensor, "*shape outputs"]:
    """Apply the layers; see :func:`~hyenadna_kit.ops.mlp.mlp`."""
    inner = gelu(torch.nn.functional.linear(states, first_weight, first_bias))
    return torch.nn.functional.linear(inner, second_weight, second_bias)
