"""The long convolution as its formula reads: O(length^2), any dtype, differentiable."""

import torch
from jaxtyping import Float
from torch import Tensor


def direct_convolution(
    signal: Float[Tensor, "batch channels length"],
    filters: Float[Tensor, "channels taps"],
    skip: Float[Tensor, " channels"],
    gate: Float[Tensor, "batch channels length"] | None = None,
    reverse_filters: Float[Tensor, "channels taps"] | None = None,
) -> Float[Tensor, "batch channels length"]:
    """Add up every product of a tap and a position.

    See :func:`~hyenadna_kit.ops.long_conv.long_conv`.
    """
    wide = signal.to(torch.promote_types(signal.dtype, filters.dtype))
    length = wide.shape[2]
    output = skip[:, None] * wide
    for lag in range(filters.shape[1]):
        delayed = torch.nn.functional.pad(wide, (lag, 0))[..., :length]
        output = output + filters[:, lag, None] * delayed
        if reverse_filters is not None and lag:
            advanced = torch.nn.functional.pad(wide, (0, lag))[..., lag:]
            output = output + reverse_filters[:, lag, None] * advanced
    if gate is not None:
        output = output * gate
    return output.to(signal.dtype)
