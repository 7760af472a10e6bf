"""The GELU as PyTorch computes it."""

import torch
from jaxtyping import Float
from torch import Tensor


def tanh_gelu(inputs: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return the tanh approximation; see :func:`~hyenadna_kit.ops.gelu.gelu`."""
    return torch.nn.functional.gelu(inputs, approximate="tanh")
