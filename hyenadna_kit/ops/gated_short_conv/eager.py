"""The short convolution and the gate in stock PyTorch, on any device.

The convolution adds one scaled, delayed copy a tap: with so few taps that is faster than ``conv1d``. On a
CPU it goes tile by tile, so that what is added up stays in the cache and memory is written once; other
devices, and the compiler, are given everything as one tile. The backward keeps the inputs alone and
computes the mixed projections again.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

_TILE_ELEMENTS = 1 << 17  # of one projection; a handful of such tiles fits into 2 MB of cache
_TILE_POSITIONS = 4096
_TRANSPOSED_TILE_POSITIONS = 1024  # more of them, a row of memory each, would overrun the cache


def tiled_sum(
    projected: Float[Tensor, "batch projections length"],
    taps: Float[Tensor, "projections num_taps"],
    bias: Float[Tensor, " projections"],
    channels: int,
) -> Float[Tensor, "streams batch channels length"]:
    """Add the delayed copies; see :func:`~hyenadna_kit.ops.gated_short_conv.gated_short_conv`."""
    return _GatedShortConv.apply(projected, taps, bias, channels)


class _Tile(NamedTuple):
    """What is computed together: rows of the batch, channels of one projection, and positions."""

    rows: slice
    channels: slice
    positions: slice


def _tiles(projected: Tensor, channels: int) -> Iterator[_Tile]:
    size = _tile_size(projected, channels)
    for rows in _pieces(projected.shape[0], size[0]):
        for few_channels in _pieces(channels, size[1]):
            for positions in _pieces(projected.shape[2], size[2]):
                yield _Tile(rows, few_channels, positions)


def _tile_size(projected: Tensor, channels: int) -> tuple[int, int, int]:
    batch, _, length = projected.shape
    if projected.device.type != "cpu" or torch.compiler.is_compiling():
        return batch, channels, length
    most = _TILE_POSITIONS if projected.stride(2) == 1 else _TRANSPOSED_TILE_POSITIONS
    positions = max(1, min(length, most))
    few_channels = min(channels, _TILE_ELEMENTS // positions)
    return _TILE_ELEMENTS // (few_channels * positions), few_channels, positions


def _pieces(total: int, size: int) -> Iterator[slice]:
    for start in range(0, total, max(1, size)):
        yield slice(start, min(start + size, total))


class _Layer(NamedTuple):
    """The inputs; taps and bias in the dtype of the sums."""

    projected: Tensor
    taps: Tensor
    bias: Tensor
    channels: int

    @property
    def last_gate(self) -> int:
        """Index of the projection x_{N-1}; v is the next one, and those before it pass."""
        return self.projected.shape[1] // self.channels - 2

    @property
    def reach(self) -> int:
        """Positions that a tile needs beyond its own."""
        return self.taps.shape[1] - 1

    def rows(self, tile: _Tile, index: int) -> slice:
        """Return where ``projected`` holds the tile's channels of projection ``index``."""
        first = index * self.channels
        return slice(first + tile.channels.start, first + tile.channels.stop)

    def window(self, tile: _Tile, index: int) -> Tensor:
        """Return the positions of projection ``index`` from which those of the tile are computed."""
        start = max(0, tile.positions.start - self.reach)
        window = self.projected[tile.rows, self.rows(tile, index), start : tile.positions.stop]
        if window.stride(2) != 1:
            window = window.contiguous()
        return window.to(self.taps.dtype)

    def mix(self, window: Tensor, tile: _Tile, index: int, mixed: Tensor) -> Tensor:
        """Fill ``mixed`` with the tile of projection ``index`` after the convolution; return it."""
        rows = self.rows(tile, index)
        mixed.copy_(self.bias[rows, None].expand_as(mixed))
        for lag, (ends, sources) in enumerate(_delays(window.shape[2], mixed.shape[2], self.reach)):
            mixed[..., ends].addcmul_(window[..., sources], self.taps[rows, self.reach - lag, None])
        return mixed


def _delays(window: int, length: int, reach: int) -> Iterator[tuple[slice, slice]]:
    """Yield for lags 0 .. reach where the delayed window goes, and what of the window that is.

    The last position of the window is the last of the ``length`` positions that it goes to.
    """
    for lag in range(reach + 1):
        count = max(0, min(length, window - lag))
        yield slice(length - count, length), slice(window - lag - count, window - lag)


def _room_for_sums(place: Tensor, dtype: torch.dtype) -> Tensor:
    """Return where to add up, in ``dtype``, what goes into ``place``: there, if it is fit for that."""
    is_fit = place.dtype == dtype and place.stride(2) == 1
    return place if is_fit else torch.empty(place.shape, dtype=dtype, device=place.device)


class _Gradients(NamedTuple):
    """What the backward fills; None where nobody asks."""

    projected: Tensor | None
    taps: Tensor | None
    bias: Tensor | None

    def add(self, layer: _Layer, tile: _Tile, index: int, window: Tensor, mixed: Tensor) -> None:
        """Add the tile of one projection.

        Args:
            layer: The inputs.
            tile: What is written, the positions beyond it that its gradient needs left out.
            index: The projection.
            window: What the positions of ``mixed`` were computed from.
            mixed: Gradient after the convolution, of the tile and of up to ``reach`` positions beyond.
        """
        rows, length = layer.rows(tile, index), tile.positions.stop - tile.positions.start
        if self.projected is not None:
            place = self.projected[tile.rows, rows, tile.positions]
            total = _room_for_sums(place, mixed.dtype).zero_()
            for lag in range(layer.reach + 1):
                advanced = mixed[..., lag : lag + length]
                taps = layer.taps[rows, layer.reach - lag, None]
                total[..., : advanced.shape[2]].addcmul_(advanced, taps)
            if total is not place:
                place.copy_(total)
        own = mixed[..., :length]
        if self.bias is not None:
            self.bias[rows] += own.sum((0, 2))
        if self.taps is not None:
            window = window[..., : window.shape[2] - mixed.shape[2] + length]
            for lag, (ends, sources) in enumerate(_delays(window.shape[2], length, layer.reach)):
                products = own[..., ends] * window[..., sources]
                self.taps[rows, layer.reach - lag] += products.sum((0, 2))


class _GatedShortConv(torch.autograd.Function):
    """The operator; keeps its inputs and nothing else."""

    @staticmethod
    def forward(ctx: Any, projected: Tensor, taps: Tensor, bias: Tensor, channels: int) -> Tensor:
        """Return the streams."""
        ctx.save_for_backward(projected, taps, bias)
        ctx.channels = channels
        layer = _layer(projected, taps, bias, channels)
        batch, _, length = projected.shape
        streams = projected.new_empty(layer.last_gate + 1, batch, channels, length)
        for tile in _tiles(projected, channels):
            for index in range(layer.last_gate + 1):
                place, window = streams[index][tile], layer.window(tile, index)
                stream = layer.mix(window, tile, index, _room_for_sums(place, layer.taps.dtype))
                if index == layer.last_gate:
                    window = layer.window(tile, index + 1)
                    stream *= layer.mix(window, tile, index + 1, torch.empty_like(stream))
                if stream is not place:
                    place.copy_(stream)
        return streams

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        """Return the gradients of the projections, the taps and the bias."""
        projected, taps, bias = ctx.saved_tensors
        layer, wanted = _layer(projected, taps, bias, ctx.channels), ctx.needs_input_grad
        gradients = _Gradients(
            torch.empty_like(projected) if wanted[0] else None,
            torch.zeros_like(layer.taps) if wanted[1] else None,
            torch.zeros_like(layer.bias) if wanted[2] else None,
        )
        for tile in _tiles(projected, layer.channels):
            _differentiate(layer, tile, gradient, gradients)
        return gradients.projected, _like(gradients.taps, taps), _like(gradients.bias, bias), None


def _like(gradient: Tensor | None, parameter: Tensor) -> Tensor | None:
    return None if gradient is None else gradient.to(parameter.dtype)


def _layer(projected: Tensor, taps: Tensor, bias: Tensor, channels: int) -> _Layer:
    dtype = torch.promote_types(torch.promote_types(projected.dtype, taps.dtype), torch.float32)
    return _Layer(projected, taps.to(dtype), bias.to(dtype), channels)


def _differentiate(layer: _Layer, tile: _Tile, gradient: Tensor, gradients: _Gradients) -> None:
    """Add the gradients of one tile."""
    stop = min(layer.projected.shape[2], tile.positions.stop + layer.reach)
    wide = tile._replace(positions=slice(tile.positions.start, stop))
    for index in range(layer.last_gate):
        mixed = gradient[index][wide].to(layer.taps.dtype)
        gradients.add(layer, tile, index, layer.window(wide, index), mixed)
    gated = gradient[layer.last_gate][wide].to(layer.taps.dtype)
    pair = (layer.last_gate, layer.last_gate + 1)
    windows = [layer.window(wide, index) for index in pair]
    factors = [
        layer.mix(window, wide, index, torch.empty_like(gated))
        for window, index in zip(windows, pair, strict=True)
    ]
    for index, window, other in zip(pair, windows, reversed(factors), strict=True):
        gradients.add(layer, tile, index, window, other.mul_(gated))
