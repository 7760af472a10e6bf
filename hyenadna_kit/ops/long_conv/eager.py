"""The long convolution by FFT in stock PyTorch: O(length log length) on any device.

The FFT is long enough that nothing wraps around. It runs over a few rows at a time, so that what it
needs beside its input and output stays small: eight rows of a million bases take some 200 MB. The
skip weight is added to the first tap, which costs nothing.
"""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Complex, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from hyenadna_kit.ops.fft_length import fast_fft_length

_BLOCK_POINTS = 1 << 20
# The library vectorises over rows: fewer at a time cost more each.
_LEAST_ROWS = 8


def fft_convolution(
    signal: Float[Tensor, "batch channels length"],
    filters: Float[Tensor, "channels taps"],
    skip: Float[Tensor, " channels"],
    gate: Float[Tensor, "batch channels length"] | None = None,
    reverse_filters: Float[Tensor, "channels taps"] | None = None,
) -> Float[Tensor, "batch channels length"]:
    """Convolve by FFT; see :func:`~hyenadna_kit.ops.long_conv.long_conv`."""
    kernels = filters.to(torch.promote_types(filters.dtype, torch.float32), copy=True)
    kernels[:, 0] += skip
    convolved: Tensor = _FFTConvolution.apply(signal, kernels, gate, reverse_filters)
    return convolved


def rows_at_a_time(fft_length: int) -> int:
    """Return how many rows are transformed together."""
    return max(_LEAST_ROWS, _BLOCK_POINTS // fft_length)


def filter_spectra(
    filters: Float[Tensor, "channels taps"],
    fft_length: int,
    reverse_filters: Float[Tensor, "channels taps"] | None = None,
) -> Complex[Tensor, "channels frequencies"]:
    """Return the spectra of filters; a reverse filter lies at the end of the buffer."""
    taps = filters.shape[1]
    padded = filters.new_zeros(filters.shape[0], fft_length)
    padded[:, :taps] = filters
    if reverse_filters is not None and taps > 1:
        padded[:, 1 - taps :] += reverse_filters[:, 1:].flip(1)
    return torch.fft.rfft(padded)


def convolve_with_spectra(
    signal: Float[Tensor, "batch channels length"],
    spectra: Complex[Tensor, "channels frequencies"],
    fft_length: int,
) -> Float[Tensor, "batch channels length"]:
    """Return the convolution of a few rows, in the precision of the spectra."""
    spectrum = _spectra(signal, fft_length, spectra.real.dtype).mul_(spectra)
    return _invert(spectrum, fft_length, signal.shape[2])


def _spectra(signal: Tensor, fft_length: int, dtype: torch.dtype) -> Tensor:
    # Ten times as fast as the padding of rfft itself.
    padded = torch.empty(*signal.shape[:2], fft_length, dtype=dtype, device=signal.device)
    padded[..., : signal.shape[2]] = signal
    padded[..., signal.shape[2] :] = 0
    return torch.fft.rfft(padded)


class _FFTConvolution(torch.autograd.Function):
    """Convolution whose backward keeps the inputs and transforms them again.

    Saving spectra would cost four times the memory; PyTorch's own backward of ``rfft`` runs a full
    complex transform where half of it is enough.
    """

    @staticmethod
    def forward(
        ctx: Any, signal: Tensor, kernels: Tensor, gate: Tensor | None, reverse: Tensor | None
    ) -> Tensor:
        """Return the gated outputs of the convolution."""
        ctx.save_for_backward(signal, kernels, gate, reverse)
        output = torch.empty_like(signal, memory_format=torch.contiguous_format)
        for spectra, channels, size in _filter_blocks(signal, kernels, reverse):
            for rows in _row_blocks(signal, channels):
                convolved = convolve_with_spectra(signal[rows, channels], spectra, size)
                output[rows, channels] = convolved if gate is None else convolved * gate[rows, channels]
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of signal, kernels, gate and reverse filters."""
        signal, kernels, gate, reverse = saved = ctx.saved_tensors  # once: activation checkpointing
        found = [
            torch.empty_like(tensor, memory_format=torch.contiguous_format) if needed else None
            for tensor, needed in zip(saved, ctx.needs_input_grad, strict=True)
        ]
        for spectra, channels, size in _filter_blocks(signal, kernels, reverse):
            products = torch.zeros_like(spectra)
            for rows in _row_blocks(signal, channels):
                block = (rows, channels)
                inputs = _spectra(signal[block], size, spectra.real.dtype)
                outer = gradient[block].to(spectra.real.dtype)
                if gate is not None:
                    if found[2] is not None:
                        found[2][block] = outer * _invert(inputs * spectra, size, signal.shape[2])
                    outer = outer * gate[block]
                outputs = _spectra(outer, size, spectra.real.dtype)
                products += inputs.conj_physical_().mul_(outputs).sum(0)
                if found[0] is not None:
                    found[0][block] = _invert(outputs.mul_(spectra.conj()), size, signal.shape[2])
            _split_taps(products, size, channels, found[1], found[3])
        return tuple(found)


def _filter_blocks(
    signal: Tensor, kernels: Tensor, reverse: Tensor | None
) -> Iterator[tuple[Tensor, slice, int]]:
    """Yield the spectra of the filters of a few channels, those channels and the length of the FFT."""
    size = fast_fft_length(signal.shape[2] + kernels.shape[1] - 1)
    dtype = torch.promote_types(signal.dtype, kernels.dtype)
    step = max(1, rows_at_a_time(size) // signal.shape[0])
    for first in range(0, signal.shape[1], step):
        channels = slice(first, first + step)
        backwards = None if reverse is None else reverse[channels].to(dtype)
        yield filter_spectra(kernels[channels].to(dtype), size, backwards), channels, size


def _row_blocks(signal: Tensor, channels: slice) -> Iterator[slice]:
    num_channels = channels.stop - channels.start
    size = 2 * signal.shape[2]
    step = max(1, rows_at_a_time(size) // num_channels)
    for first in range(0, signal.shape[0], step):
        yield slice(first, first + step)


def _invert(spectrum: Tensor, size: int, length: int) -> Tensor:
    return torch.fft.irfft(spectrum, n=size)[..., :length]


def _split_taps(
    products: Tensor, size: int, channels: slice, kernels: Tensor | None, reverse: Tensor | None
) -> None:
    """Write the gradients of a few channels: position k of the inverse is lag k, position -k lag -k."""
    if kernels is None and reverse is None:
        return
    lags = torch.fft.irfft(products, n=size)
    if kernels is not None:
        kernels[channels] = lags[:, : kernels.shape[1]]
    if reverse is not None:
        reverse[channels, 0] = 0
        reverse[channels, 1:] = lags[:, lags.shape[1] - reverse.shape[1] + 1 :].flip(1)
