"""The blocks without gradients: the residual stream is changed in place, a tile of tokens at a time.

    residual -> tiles: norm, projection, short convolution, first gate -> signal (channel by channel)
             -> a few channels at a time: long convolution, in place
             -> tiles: norm, projection, short convolution, last gate, output -> residual
             -> tiles: norm, MLP -> residual

Beside the residual one tensor of its size is held. A gate is computed where it is used, from the
residual again: that costs less than to write and read it. What the matrix products run in is the
choice of autocast; norms, convolutions, gates and residual are float32 at least.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from hyenadna_kit.backbone.linear import Linear


@dataclass(frozen=True, kw_only=True)
class InferencePlan:
    """In what pieces the blocks are computed; the results differ by rounding at most."""

    tile_tokens: int = 2048
    """Tokens that norms, products and gates are computed for at a time."""
    fft_rows: int = 8
    """Rows (a channel of a sequence each) that are convolved at a time."""
    keep_spectra: bool = True
    """Keep the spectra of the filters for the next pass."""
    read_from: int = 0
    """First position whose output is read; those before it need not be finished."""


class Tile(NamedTuple):
    """Some rows of a batch and a stretch of their positions."""

    rows: slice
    """Rows."""
    positions: slice
    """Positions; the tiles of a row come from left to right."""

    @property
    def is_first(self) -> bool:
        """Whether nothing lies to the left."""
        return self.positions.start == 0


def tiles(batch: int, length: int, tokens: int, *, first_position: int = 0) -> Iterator[Tile]:
    """Yield tiles of up to ``tokens`` tokens that cover every row from left to right."""
    rows = max(1, tokens // max(1, length - first_position))
    for first in range(0, batch, rows):
        for start in range(first_position, length, tokens):
            yield Tile(slice(first, min(first + rows, batch)), slice(start, min(start + tokens, length)))


class ShortProjection:
    """Some projections of a mixer after the short convolution, tile by tile from left to right."""

    def __init__(
        self,
        layer: Linear,
        taps: Float[Tensor, "outputs num_taps"],
        bias: Float[Tensor, " outputs"],
    ) -> None:
        self.layer = layer
        self.taps = taps
        self.bias = bias
        self._halo: Tensor | None = None

    @property
    def halo(self) -> int:
        """States before a tile that it needs."""
        return self.taps.shape[1] - 1

    def begin_behind(self, before: Float[Tensor, "rows halo d_model"]) -> None:
        """Take the normed states before a tile whose left neighbours are left out."""
        self._halo = before

    def __call__(
        self,
        hidden_states: Float[Tensor, "rows tile d_model"],
        tile: Tile,
        mask: Bool[Tensor, "batch length"] | None,
    ) -> Float[Tensor, "rows outputs tile"]:
        """Return the projections of one tile, channels as rows, in the dtype of the taps.

        Args:
            hidden_states: The normed states of the tile.
            tile: Where it lies; tiles of a row must come in order.
            mask: False where a position counts as absent, of the whole batch.
        """
        halo = self.halo
        if tile.is_first:
            self._halo = hidden_states.new_zeros(len(hidden_states), halo, hidden_states.shape[2])
        assert self._halo is not None
        extended = torch.cat([self._halo, hidden_states], dim=1)
        self._halo = extended[:, extended.shape[1] - halo :].clone()
        projected = self.layer.by_channel(extended).to(self.taps.dtype)
        if tile.is_first:
            projected[..., :halo] = 0  # nothing lies to the left, not even the bias
        if mask is not None:
            known = mask[tile.rows, max(0, tile.positions.start - halo) : tile.positions.stop]
            projected[..., -known.shape[1] :] *= known[:, None]
        return self._convolve(projected, hidden_states.shape[1])

    def _convolve(self, projected: Tensor, length: int) -> Tensor:
        output = projected[..., :length] * self.taps[:, :1]
        output += self.bias[:, None]
        for index in range(1, self.taps.shape[1]):
            output.addcmul_(projected[..., index : index + length], self.taps[:, index : index + 1])
        return output


def normed(norm: nn.LayerNorm, states: Float[Tensor, "*shape d_model"]) -> Float[Tensor, "*shape d_model"]:
    """Return the layer norm in the dtype of the residual."""
    weight, bias = (parameter.to(states.dtype) for parameter in (norm.weight, norm.bias))
    return torch.nn.functional.layer_norm(states, norm.normalized_shape, weight, bias, norm.eps)
