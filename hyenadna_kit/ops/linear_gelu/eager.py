"""A linear layer and the GELU behind it, one after the other."""

import torch
from jaxtyping import Float
from torch import Tensor

from hyenadna_kit.ops.gelu import gelu


def linear_then_gelu(
    inputs: Float[Tensor, "*shape features"],
    weight: Float[Tensor, "outputs features"],
    bias: Float[Tensor, " outputs"],
) -> Float[Tensor, "*shape outputs"]:
    """Apply the two; see :func:`~hyenadna_kit.ops.linear_gelu.linear_gelu`."""
    return gelu(torch.nn.functional.linear(inputs, weight, bias))
