"""The implicit filter as its formula reads: any dtype, differentiable, all positions at once."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from hyenadna_kit.ops.implicit_filter.precision import exact_products


def filters_by_formula(
    features: Float[Tensor, "length emb_dim"],
    layers: Sequence[Tensor],
    frequency: Float[Tensor, " width"],
    last: Float[Tensor, "channels width"],
    decay: Sequence[Tensor],
    shift: float,
) -> Float[Tensor, "channels length"]:
    """Return the filters; see :func:`~hyenadna_kit.ops.implicit_filter.implicit_filter`.

    Args:
        features: One row a position.
        layers: Weight, bias, weight, bias, ... of the hidden layers.
        frequency: One a hidden unit.
        last: Weights of the last layer.
        decay: Times and rates, or nothing.
        shift: Added to the decay.
    """
    with exact_products(features.device):
        hidden = features
        for weight, bias in zip(layers[::2], layers[1::2], strict=True):
            hidden = torch.sin(frequency * (hidden @ weight.T + bias))
        filters = last @ hidden.T
        if not decay:
            return filters
        times, rates = decay
        return filters * (torch.exp(-rates[:, None] * times) + shift)
