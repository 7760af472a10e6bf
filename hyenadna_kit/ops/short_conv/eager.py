"""The short convolution in stock PyTorch, on any device."""

import torch
from jaxtyping import Float
from torch import Tensor


def depthwise_convolution(
    signal: Float[Tensor, "batch channels length"],
    taps: Float[Tensor, "channels num_taps"],
    bias: Float[Tensor, "channels"],
) -> Float[Tensor, "batch channels length"]:
    """Convolve channel by channel; see :func:`~hyenadna_kit.ops.short_conv.short_conv`."""
    channels, num_taps = taps.shape
    padded = torch.nn.functional.pad(signal, (num_taps - 1, 0))
    return torch.nn.functional.conv1d(
        padded, taps[:, None].to(signal.dtype), bias.to(signal.dtype), groups=channels
    )
