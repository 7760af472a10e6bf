"""The short convolution as its formula reads, one delayed copy a tap."""

import torch
from jaxtyping import Float
from torch import Tensor


def shifted_sum(
    signal: Float[Tensor, "batch channels length"],
    taps: Float[Tensor, "channels num_taps"],
    bias: Float[Tensor, "channels"],
) -> Float[Tensor, "batch channels length"]:
    """Add the delayed copies; see :func:`~hyenadna_kit.ops.short_conv.short_conv`."""
    wide = signal.to(torch.promote_types(signal.dtype, taps.dtype))
    num_taps, length = taps.shape[1], signal.shape[2]
    output = bias[:, None].expand_as(wide)
    for index in range(num_taps):
        delayed = torch.nn.functional.pad(wide, (num_taps - 1 - index, 0))[..., :length]
        output = output + taps[:, index, None] * delayed
    return output.to(signal.dtype)
