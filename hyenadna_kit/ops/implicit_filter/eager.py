"""The implicit filter in stock PyTorch: block by block of positions, exact, in little memory.

A block goes through the whole network while it is in the cache, and only the filters are written to
memory, where layer after layer over all positions would wait for it.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from hyenadna_kit.ops.implicit_filter.gradients import backward, empty_filters, setup_context
from hyenadna_kit.ops.implicit_filter.network import (
    Block,
    Decay,
    block_size,
    hidden_block,
    hidden_layers,
    slices,
)
from hyenadna_kit.ops.implicit_filter.precision import exact_products


@torch.library.custom_op("hyenadna_kit::implicit_filter_in_blocks", mutates_args=())
def filters_in_blocks(
    features: Tensor,
    layers: Sequence[Tensor],
    frequency: Tensor,
    last: Tensor,
    decay: Sequence[Tensor],
    shift: float,
) -> Tensor:
    """Return the filters; arguments as in :func:`~.reference.filters_by_formula`."""
    network = hidden_layers(layers, frequency)
    filters = features.new_empty(len(last), len(features))
    with exact_products(features.device):
        size = block_size(features.device)
        write = _Writer(last, Decay(decay[0], decay[1], shift, size) if decay else None, filters, size)
        for block in slices(len(features), size.positions):
            write(hidden_block(features[block], network), block)
    return filters


filters_in_blocks.register_fake(empty_filters)
filters_in_blocks.register_autograd(backward, setup_context=setup_context)


@torch.no_grad()
def hidden_features(
    features: Float[Tensor, "length emb_dim"],
    layers: Sequence[tuple[Tensor, Tensor]],
    frequency: Float[Tensor, " width"],
) -> Float[Tensor, "length width"]:
    """Return what the last layer reads, for inference: it serves all channels. No gradients."""
    network = hidden_layers([tensor for layer in layers for tensor in layer], frequency)
    hidden = features.new_empty(len(features), len(frequency))
    with exact_products(features.device):
        for block in slices(len(features), block_size(features.device).positions):
            hidden[block] = hidden_block(features[block], network)
    return hidden


@torch.no_grad()
def filters_from_hidden(
    hidden: Float[Tensor, "length width"],
    times: Float[Tensor, " length"],
    last: Float[Tensor, "channels width"],
    rates: Float[Tensor, " channels"] | None,
    shift: float,
) -> Float[Tensor, "channels length"]:
    """Return the filters of the channels whose rows of the last layer and rates are given.

    No gradients; see :func:`~hyenadna_kit.ops.implicit_filter.implicit_filter` for the arguments.
    """
    positions, channels = block_size(hidden.device)
    # Fewer channels than a block can hold: more positions at a time instead.
    size = Block(positions * max(1, min(8, channels // len(last))), channels)
    filters = hidden.new_empty(len(last), len(hidden))
    with exact_products(hidden.device):
        write = _Writer(last, None if rates is None else Decay(times, rates, shift, size), filters, size)
        for block in slices(len(hidden), size.positions):
            write(hidden[block], block)
    return filters


class _Writer:
    """Writes blocks of filters.

    The product goes to memory that stays in the cache, not straight to the filters: their rows are far
    apart, and a product writes them several times.
    """

    def __init__(self, last: Tensor, decay: Decay | None, filters: Tensor, size: Block) -> None:
        self._last, self._decay, self._filters = last, decay, filters
        self._memory = last.new_empty(min(size.channels, len(last)), min(size.positions, filters.shape[1]))

    def __call__(self, hidden: Tensor, block: slice) -> None:
        """Write the filters at the positions of ``block``."""
        for rows in slices(len(self._last), len(self._memory)):
            raw = self._memory[: rows.stop - rows.start, : len(hidden)]
            torch.mm(self._last[rows], hidden.T, out=raw)
            if self._decay is None:
                self._filters[rows, block] = raw
            else:
                torch.mul(raw, self._decay(rows, block), out=self._filters[rows, block])
