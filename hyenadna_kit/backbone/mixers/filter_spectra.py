"""Spectra of a mixer's long filters: made a few channels at a time, or kept while the weights stay."""

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
    """The spectra of the length that was asked for last."""

    def __init__(self) -> None:
        self._key: tuple[object, ...] | None = None
        self._spectra: Spectra | None = None

    def get(self, filters: ImplicitFilter, length: int) -> Spectra:
        """Return the spectra of all channels, made anew where length or weights have changed."""
        key = (length, *(_state(parameter) for parameter in filters.parameters()))
        if self._spectra is None or key != self._key:
            maker = SpectrumMaker(filters, length)
            starts = range(0, filters.channels, _AT_A_TIME)
            self.clear()
            values = torch.empty(0)
            for start in starts:
                rows = maker(slice(start, min(start + _AT_A_TIME, filters.channels)))
                if not start:
                    values = rows.new_empty(filters.channels, rows.shape[1])
                values[start : start + len(rows)] = rows
            self._key, self._spectra = key, Spectra(maker.fft_length, values)
        return self._spectra

    def clear(self) -> None:
        """Free the memory."""
        self._key = self._spectra = None


def _state(parameter: Tensor) -> tuple[object, ...]:
    """Return what differs where the values of a parameter may have changed."""
    # Tensors that were made in inference mode do not count their changes: nothing is equal to a new object.
    version = object() if parameter.is_inference() else parameter._version  # noqa: SLF001 - no public name
    return parameter.data_ptr(), version, parameter.dtype, parameter.device
