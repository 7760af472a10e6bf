"""Spectra of a mixer's long filters: made a few channels at a time, or kept while the weights stay.

The rounding error of an FFT is the same at every position. A causal convolution is small where the
sequence begins, since it has seen little: there the error would be a hundred times what it is on
average. So the first 32nd of a sequence is convolved once more by itself, and the first 32nd of that.
"""

import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from hyenadna_kit.backbone.filters import ImplicitFilter
from hyenadna_kit.ops.fft_length import fast_fft_length
from hyenadna_kit.ops.long_conv.eager import convolve_with_spectra, filter_spectra

_AT_A_TIME = 8
_SHARE_OF_HEAD = 32
_LEAST_HEAD = 64


class Spectra(NamedTuple):
    """What the first positions of a signal are convolved by."""

    length: int
    """How many positions."""
    fft_length: int
    """Points of the transform."""
    values: Complex[Tensor, "channels frequencies"]
    """One row a channel; the skip weight is part of them."""


SpectraOf = Callable[[slice], list[Spectra]]
"""Gives the spectra of some channels, for the whole length and for ever shorter heads."""


def convolve(
    signal: Float[Tensor, "batch channels length"], spectra: Sequence[Spectra]
) -> Float[Tensor, "batch channels length"]:
    """Return the convolution of some rows with their filters."""
    whole, *heads = spectra
    output = convolve_with_spectra(signal, whole.values, whole.fft_length)
    for length, fft_length, values in heads:
        output[..., :length] = convolve_with_spectra(signal[..., :length], values, fft_length)
    return output


def spectrum_lengths(length: int, *, causal: bool = True) -> list[int]:
    """Return the length and those of the heads; what sees both sides is small nowhere."""
    lengths = [length]
    while causal and lengths[-1] >= _SHARE_OF_HEAD * _LEAST_HEAD:
        lengths.append(lengths[-1] // _SHARE_OF_HEAD)
    return lengths


class SpectrumMaker:
    """The spectra of one mixer's filters for one length."""

    def __init__(self, filters: ImplicitFilter, length: int) -> None:
        self._filters = filters
        self._hidden = filters.hidden(length)
        self._lengths = spectrum_lengths(length, causal=filters.directions == 1)

    def __call__(self, channels: slice) -> list[Spectra]:
        """Return the spectra of some channels."""
        filters = self._filters
        taps = filters.rows(self._hidden, channels)
        taps[:, 0] += filters.bias[channels]
        if filters.directions == 1:
            return [self._spectra(length, taps) for length in self._lengths]
        second = slice(filters.channels + channels.start, filters.channels + channels.stop)
        return [self._spectra(length, taps, filters.rows(self._hidden, second)) for length in self._lengths]

    def _spectra(self, length: int, taps: Tensor, reverse: Tensor | None = None) -> Spectra:
        fft_length = fast_fft_length(length + min(length, taps.shape[1]))
        return Spectra(length, fft_length, filter_spectra(taps[:, :length], fft_length, reverse))


class SpectrumCache:
    """The spectra of the length that was asked for last; copies and pickles of it are empty."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._length = 0
        self._weights: list[Tensor] = []
        self._spectra: list[Spectra] = []

    def __reduce__(self) -> tuple[type["SpectrumCache"], tuple[()]]:
        """Leave out what can be made again."""
        return SpectrumCache, ()

    def get(self, filters: ImplicitFilter, length: int) -> SpectraOf:
        """Return what gives the spectra, made anew where length or weights have changed."""
        weights = list(filters.parameters())
        with self._lock:
            if length != self._length or not _same(weights, self._weights):
                self.clear()
                self._spectra = _all_spectra(filters, length)
                self._length, self._weights = length, [weight.detach().clone() for weight in weights]
            spectra = self._spectra

        def some(channels: slice) -> list[Spectra]:
            """Return the spectra of some channels; another thread may ask for another length meanwhile."""
            return [each._replace(values=each.values[channels]) for each in spectra]

        return some

    @property
    def num_bytes(self) -> int:
        """Bytes of what is kept."""
        return sum(each.values.nbytes for each in self._spectra)

    def clear(self) -> None:
        """Free the memory."""
        self._length, self._weights, self._spectra = 0, [], []


def _all_spectra(filters: ImplicitFilter, length: int) -> list[Spectra]:
    maker = SpectrumMaker(filters, length)
    spectra: list[Spectra] = []
    for start in range(0, filters.channels, _AT_A_TIME):
        channels = slice(start, min(start + _AT_A_TIME, filters.channels))
        some = maker(channels)
        spectra = spectra or [_room_for(filters.channels, each) for each in some]
        for each, part in zip(spectra, some, strict=True):
            each.values[channels] = part.values
    return spectra


def _room_for(channels: int, part: Spectra) -> Spectra:
    return part._replace(values=part.values.new_empty(channels, part.values.shape[1]))


def _same(weights: Sequence[Tensor], others: Sequence[Tensor]) -> bool:
    """Say whether all values are equal; the version counter of a tensor misses changes of its data."""
    pairs = zip(weights, others, strict=True)
    return all(a.dtype == b.dtype and a.device == b.device and torch.equal(a, b) for a, b in pairs)
