"""Spectra of a mixer's long filters: made a few channels at a time, or kept while the weights stay."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Complex
from torch import Tensor

from hyenadna_kit.backbone.filters import ImplicitFilter
from hyenadna_kit.ops.fft_length import fast_fft_length
from hyenadna_kit.ops.long_conv.eager import filter_spectra

_AT_A_TIME = 8


class Spectra(NamedTuple):
    """What a signal of one length is multiplied by."""

    fft_length: int
    """Points of the transform."""
    values: Complex[Tensor, "channels frequencies"]
    """One row a channel; the skip weight is part of them."""


class SpectrumMaker:
    """The spectra of one mixer's filters for one length."""

    def __init__(self, filters: ImplicitFilter, length: int) -> None:
        self._filters = filters
        self._hidden = filters.hidden(length)
        self.fft_length = fast_fft_length(length + len(self._hidden))

    def __call__(self, channels: slice) -> Tensor:
        """Return the spectra of some channels."""
        filters = self._filters
        taps = filters.rows(self._hidden, channels)
        taps[:, 0] += filters.bias[channels]
        if filters.directions == 1:
            return filter_spectra(taps, self.fft_length)
        second = slice(filters.channels + channels.start, filters.channels + channels.stop)
        return filter_spectra(taps, self.fft_length, filters.rows(self._hidden, second))


class SpectrumCache:
    """The spectra of the length that was asked for last; copies and pickles of it are empty."""

    def __init__(self) -> None:
        self._length = 0
        self._weights: list[Tensor] = []
        self._spectra: Spectra | None = None

    def __reduce__(self) -> tuple[type["SpectrumCache"], tuple[()]]:
        """Leave out what can be made again."""
        return SpectrumCache, ()

    def get(self, filters: ImplicitFilter, length: int) -> Spectra:
        """Return the spectra of all channels, made anew where length or weights have changed."""
        weights = list(filters.parameters())
        if self._spectra is None or length != self._length or not _same(weights, self._weights):
            self.clear()
            self._spectra = _all_spectra(filters, length)
            self._length, self._weights = length, [weight.detach().clone() for weight in weights]
        return self._spectra

    def clear(self) -> None:
        """Free the memory."""
        self._spectra, self._weights = None, []


def _all_spectra(filters: ImplicitFilter, length: int) -> Spectra:
    maker = SpectrumMaker(filters, length)
    frequencies = maker.fft_length // 2 + 1
    values = filters.bias.new_empty(filters.channels, frequencies, dtype=filters.bias.dtype.to_complex())
    for start in range(0, filters.channels, _AT_A_TIME):
        channels = slice(start, start + _AT_A_TIME)
        values[channels] = maker(channels)
    return Spectra(maker.fft_length, values)


def _same(weights: Sequence[Tensor], others: Sequence[Tensor]) -> bool:
    """Say whether all values are equal; the version counter of a tensor misses changes of its data."""
    pairs = zip(weights, others, strict=True)
    return all(a.dtype == b.dtype and a.device == b.device and torch.equal(a, b) for a, b in pairs)
