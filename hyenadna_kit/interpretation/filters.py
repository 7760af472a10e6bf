"""How far the long filters of a model reach: the size of their taps against distance, layer by layer.

In: a model. Out: numbers for a picture; only a part of the channels is held at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from hyenadna_kit.backbone.filters import ImplicitFilter
from hyenadna_kit.backbone.mixers.hyena import HyenaMixer
from hyenadna_kit.model import HyenaDNA

QUANTILES = (0.1, 0.5, 0.9)
"""Shares of the channels whose filters are smaller."""

_NUM_BINS = 48
_NUM_CHANNELS = 4
_NUM_FIRST = 64
_TAPS_AT_A_TIME = 1 << 22


@dataclass(frozen=True, kw_only=True)
class FilterShapes:
    """The long filters of one layer that look in one direction."""

    layer: int
    """Number of the layer; the first is 0."""
    direction: str
    """``upstream`` or ``downstream``."""
    distances: NDArray[np.float64]
    """Middle of each bin of distances, where 1 is the position itself; equal ratios apart."""
    quantiles: NDArray[np.float64]
    """Of the channels, at :data:`QUANTILES`, the root of the mean square of the taps of each bin; shape
    ``[quantiles, bins]``."""
    channels: tuple[int, ...]
    """Some channels, from the one that decays least to the one that decays most."""
    sizes: NDArray[np.float64]
    """Of these the same; shape ``[channels, bins]``."""
    first_taps: NDArray[np.float64]
    """Of these the first taps, with their signs; shape ``[channels, taps]``."""


def filter_shapes(model: HyenaDNA, length: int) -> list[FilterShapes]:
    """Return the shapes of all long filters of a model.

    Args:
        model: Any model; layers without long filters have no part in the result.
        length: Taps of each filter that are looked at, at least 2.
    """
    return [
        _shapes(filters, length, layer, direction, first_row)
        for layer, direction, filters, first_row in _long_filters(model)
    ]


class FilterSizes(NamedTuple):
    """The sizes of the long filters of one layer that look in one direction, of every channel."""

    layer: int
    """Number of the layer; the first is 0."""
    direction: str
    """``upstream`` or ``downstream``."""
    distances: NDArray[np.float64]
    """Middle of each bin of distances, where 1 is the position itself."""
    sizes: NDArray[np.float64]
    """Root of the mean square of the taps of each bin; shape ``[channels, bins]``."""


def filter_sizes(model: HyenaDNA, length: int) -> list[FilterSizes]:
    """Return the sizes of all long filters of a model.

    Args:
        model: Any model; layers without long filters have no part in the result.
        length: Taps of each filter that are looked at, at least 2.
    """
    found = []
    for layer, direction, filters, first_row in _long_filters(model):
        blocks = list(_blocks(filters, length, first_row))
        sizes = np.concatenate([block.sizes for block in blocks])
        found.append(FilterSizes(layer, direction, _middles(blocks[0].borders), sizes))
    return found


def _long_filters(model: HyenaDNA) -> Iterator[tuple[int, str, ImplicitFilter, int]]:
    """Yield the filters of each layer and direction, and where their rows begin."""
    for layer, block in enumerate(model.backbone.blocks):
        mixer = block.mixer
        if isinstance(mixer, HyenaMixer):
            filters = mixer.filter_fn
            for index, direction in enumerate(("upstream", "downstream")[: filters.directions]):
                yield layer, direction, filters, index * filters.channels


def _middles(borders: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the middle of each bin, where 1 is the first tap."""
    middles: NDArray[np.float64] = (borders[:-1] + 1 + borders[1:]) / 2
    return middles


def _shapes(filters: ImplicitFilter, length: int, layer: int, direction: str, first_row: int) -> FilterShapes:
    blocks = list(_blocks(filters, length, first_row))
    sizes = np.concatenate([block.sizes for block in blocks])
    first_taps = np.concatenate([block.first_taps for block in blocks])
    chosen = np.unique(np.linspace(0, filters.channels - 1, _NUM_CHANNELS).astype(int))
    return FilterShapes(
        layer=layer,
        direction=direction,
        distances=_middles(blocks[0].borders),
        quantiles=np.quantile(sizes, QUANTILES, axis=0),
        channels=tuple(chosen.tolist()),
        sizes=sizes[chosen],
        first_taps=first_taps[chosen],
    )


class _Block(NamedTuple):
    """The filters of some channels."""

    borders: NDArray[np.int64]
    """First tap of each bin, and one past the last tap."""
    sizes: NDArray[np.float64]
    """Root of the mean square of each bin; shape ``[channels, bins]``."""
    first_taps: NDArray[np.float64]
    """Shape ``[channels, taps]``."""


def _blocks(filters: ImplicitFilter, length: int, first_row: int) -> Iterator[_Block]:
    """Yield the filters of some channels at a time: all of a long model would fill the memory."""
    at_a_time = max(1, _TAPS_AT_A_TIME // length)
    for rows in torch.arange(first_row, first_row + filters.channels).split(at_a_time):
        with torch.no_grad():
            taps = filters(length, rows=rows.to(filters.bias.device)).double().cpu().numpy()
        borders = _borders(taps.shape[1])
        sums = np.add.reduceat(np.square(taps), borders[:-1], axis=1)
        yield _Block(borders, np.sqrt(sums / np.diff(borders)), taps[:, :_NUM_FIRST])


def _borders(num_taps: int) -> NDArray[np.int64]:
    """Return borders of bins that are as wide on a logarithmic axis, and hold a tap at least."""
    spread = np.geomspace(1, num_taps + 1, _NUM_BINS + 1).round().astype(np.int64)
    return np.unique(spread) - 1
