"""The long convolution by FFT in stock PyTorch: O(length log length) on any device.

The FFT is long enough that nothing wraps around, and its length is a product of 2, 3 and 5: the
context lengths of the published models are not, and cost up to five times as much.
"""

from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable


def fft_convolution(
    signal: Float[Tensor, "batch channels length"],
    filters: Float[Tensor, "channels taps"],
    skip: Float[Tensor, "channels"],
) -> Float[Tensor, "batch channels length"]:
    """Convolve by FFT; see :func:`~hyenadna_kit.ops.long_conv.long_conv`."""
    wide = signal.to(torch.promote_types(signal.dtype, filters.dtype))
    convolved = _FFTConvolution.apply(wide, filters)
    return torch.addcmul(convolved, wide, skip[:, None]).to(signal.dtype)


@lru_cache(maxsize=256)
def fast_fft_length(minimum: int) -> int:
    """Return the smallest even product of 2, 3 and 5 that is at least ``minimum``."""
    best = 1 << max(1, (minimum - 1).bit_length())
    fives = 1
    while fives < best:
        threes = fives
        while threes < best:
            twos = max(2, 1 << max(0, (-(-minimum // threes) - 1).bit_length()))
            best = min(best, threes * twos)
            threes *= 3
        fives *= 5
    return best


class _FFTConvolution(torch.autograd.Function):
    """Convolution whose backward keeps the two inputs and transforms them again.

    Saving spectra would cost four times the memory; PyTorch's own backward of ``rfft`` runs a full
    complex transform where half of it is enough.
    """

    @staticmethod
    def forward(ctx: Any, signal: Tensor, filters: Tensor) -> Tensor:
        """Return the first ``length`` outputs of the convolution."""
        ctx.save_for_backward(signal, filters)
        length, size = signal.shape[2], _size(signal, filters)
        spectrum = torch.fft.rfft(signal, n=size)
        spectrum *= torch.fft.rfft(filters, n=size)
        return torch.fft.irfft(spectrum, n=size)[..., :length]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Return the gradients of signal and filters."""
        signal, filters = ctx.saved_tensors
        size = _size(signal, filters)
        spectrum = torch.fft.rfft(gradient, n=size)
        signal_gradient = filters_gradient = None
        if ctx.needs_input_grad[1]:
            products = torch.fft.rfft(signal, n=size).conj_physical_().mul_(spectrum).sum(0)
            filters_gradient = torch.fft.irfft(products, n=size)[:, : filters.shape[1]]
        if ctx.needs_input_grad[0]:
            spectrum *= torch.fft.rfft(filters, n=size).conj_physical_()
            signal_gradient = torch.fft.irfft(spectrum, n=size)[..., : signal.shape[2]]
        return signal_gradient, filters_gradient


def _size(signal: Tensor, filters: Tensor) -> int:
    # A circular transform of at least this many points keeps the tail out of the first outputs.
    return fast_fft_length(signal.shape[2] + filters.shape[1] - 1)
