"""The short convolution and the gate as their formula reads, one delayed copy a tap."""

import torch
from jaxtyping import Float
from torch import Tensor


def shifted_sum(
    projected: Float[Tensor, "batch projections length"],
    taps: Float[Tensor, "projections num_taps"],
    bias: Float[Tensor, " projections"],
    channels: int,
) -> Float[Tensor, "streams batch channels length"]:
    """Add the delayed copies; see :func:`~hyenadna_kit.ops.gated_short_conv.gated_short_conv`."""
    dtype = torch.promote_types(torch.promote_types(projected.dtype, taps.dtype), torch.float32)
    wide, num_taps, length = projected.to(dtype), taps.shape[1], projected.shape[2]
    mixed = bias[:, None].to(dtype).expand_as(wide)
    for index in range(num_taps):
        delayed = torch.nn.functional.pad(wide, (num_taps - 1 - index, 0))[..., :length]
        mixed = mixed + taps[:, index, None] * delayed
    *gates, last_gate, value = mixed.split(channels, dim=1)
    return torch.stack([*gates, last_gate * value]).to(projected.dtype)
