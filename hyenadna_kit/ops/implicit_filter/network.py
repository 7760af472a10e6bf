"""The filter network over blocks of positions that stay in the cache: parts of both directions.

In: tensors in one dtype. Out: values written into memory that the caller owns; nothing here is
differentiable.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Block(NamedTuple):
    """How much is computed at a time."""

    positions: int
    channels: int


def block_size(device: torch.device) -> Block:
    """Return blocks that fit a cache of 2 MB in float32, or such that keep a GPU busy."""
    return Block(1024, 256) if device.type == "cpu" else Block(32768, 1024)


def slices(total: int, step: int) -> Iterator[slice]:
    """Cut ``0 .. total - 1`` into pieces of ``step``; the last may be shorter."""
    for start in range(0, total, step):
        yield slice(start, min(start + step, total))


class HiddenLayer(NamedTuple):
    """One hidden layer, its outputs already multiplied by the frequencies of the sines."""

    weight: Tensor
    bias: Tensor


def hidden_layers(layers: Sequence[Tensor], frequency: Tensor) -> list[HiddenLayer]:
    """Return the layers of ``sin(f * (x W^T + b)) = sin(x (f W)^T + f b)``."""
    return [
        HiddenLayer(frequency[:, None] * weight, frequency * bias)
        for weight, bias in zip(layers[::2], layers[1::2], strict=True)
    ]


def hidden_block(features: Tensor, network: Sequence[HiddenLayer]) -> Tensor:
    """Return what the last layer reads, for the positions of one block."""
    hidden = features
    for layer in network:
        hidden = torch.addmm(layer.bias, hidden, layer.weight.T).sin_()
    return hidden


class Decay:
    """The decay of the filters, block by block, in memory that serves every block."""

    def __init__(self, times: Tensor, rates: Tensor, shift: float, size: Block) -> None:
        """Take the memory of one block of at most ``size``."""
        self._times, self._negative_rates, self._shift = times, -rates[:, None], shift
        self._memory = times.new_empty(min(size.channels, len(rates)), min(size.positions, len(times)))

    def __call__(self, rows: slice, block: slice) -> Tensor:
        """Return ``exp(-rates[rows, None] * times[block]) + shift``, valid until the next call."""
        out = self._memory[: rows.stop - rows.start, : block.stop - block.start]
        torch.mul(self._negative_rates[rows], self._times[block], out=out)
        return out.exp_().add_(self._shift)
