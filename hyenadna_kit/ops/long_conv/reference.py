"""The long convolution as its formula reads: O(length^2), any dtype, differentiable."""

import torch
from jaxtyping import Float
from torch import Tensor


def direct_convolution(
    signal: Float[Tensor, "batch channels length"],
    filters: Float[Tensor, "channels taps"],
    skip: Float[Tensor, "channels"],
) -> Float[Tensor, "batch channels length"]:
    """Add up every product of a tap and a position.

    See :func:`~hyenadna_kit.ops.long_conv.long_conv`.
    """
    wide = signal.to(torch.promote_types(signal.dtype, filters.dtype))
    output = skip[:, None] * wide
    for lag in range(filters.shape[1]):
        delayed = torch.nn.functional.pad(wide, (lag, 0))[..., : wide.shape[2]]
        output = output + filters[:, lag, None] * delayed
    return output.to(signal.dtype)
