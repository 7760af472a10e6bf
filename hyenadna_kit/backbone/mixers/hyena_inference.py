"""The Hyena operator without gradients, in place on the residual stream: see ``backbone.inference``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from hyenadna_kit.backbone.inference import InferencePlan, ShortProjection, Tile, normed, tiles
from hyenadna_kit.backbone.linear import Linear
from hyenadna_kit.backbone.mixers.filter_spectra import SpectraOf, SpectrumMaker, convolve
from hyenadna_kit.backbone.suffixes import SuffixMixing
from hyenadna_kit.ops.precision import product_dtype

if TYPE_CHECKING:
    from hyenadna_kit.backbone.mixers.hyena import HyenaMixer


class HyenaInference:
    """One pass of a Hyena mixer over a residual stream."""

    def __init__(
        self,
        mixer: "HyenaMixer",
        norm: nn.LayerNorm,
        residual: Float[Tensor, "batch length d_model"],
        mask: Bool[Tensor, "batch length"] | None,
        plan: InferencePlan,
        suffixes: SuffixMixing | None = None,
    ) -> None:
        self.mixer = mixer
        self.norm = norm
        self.residual = residual
        self.mask = mask
        self.plan = plan
        self.suffixes = suffixes
        self.dtype = product_dtype(mixer.in_proj.weight)
        self._maker: SpectrumMaker | None = None

    def advance(self) -> Iterator[Tile]:
        """Add the mixed states to the residual and yield every tile that is finished."""
        order = self.mixer.config.order
        signal = self._first_product()
        for index in range(order - 1):
            if self.suffixes is not None:
                self.suffixes.see_input(signal)
            self._convolve(signal, index)
            if self.suffixes is not None:
                self.suffixes.see_output(signal, index)
            if index < order - 2:
                gate = self._projection(order - 2 - index)
                for tile in self._tiles():
                    signal[tile.rows, :, tile.positions] *= gate(self._normed(tile), tile, self.mask)
        gate, output = self._projection(0), Linear.of(self.mixer.out_proj, self.dtype)
        for tile in self._last_tiles(gate):
            mixed = gate(self._normed(tile), tile, self.mask).mul_(signal[tile.rows, :, tile.positions])
            output.add_to_(self.residual[tile.rows, tile.positions], mixed.transpose(1, 2))
            yield tile

    def _tiles(self) -> Iterator[Tile]:
        batch, length, _ = self.residual.shape
        return tiles(batch, length, self.plan.tile_tokens)

    def _last_tiles(self, gate: ShortProjection) -> Iterator[Tile]:
        """Yield the tiles that are read, having shown the projection what lies before them."""
        batch, length, _ = self.residual.shape
        first = self.plan.read_from if self.plan.read_from >= gate.halo else 0
        for tile in tiles(batch, length, self.plan.tile_tokens, first_position=first):
            if tile.positions.start == first > 0:
                gate.begin_behind(self._normed(Tile(tile.rows, slice(first - gate.halo, first))))
            yield tile

    def _normed(self, tile: Tile) -> Tensor:
        return normed(self.norm, self.residual[tile.rows, tile.positions])

    def _projection(self, first: int, count: int = 1) -> ShortProjection:
        return self.mixer.short_projection(first, count, self.dtype)

    def _first_product(self) -> Float[Tensor, "batch d_model length"]:
        """Return v . x_{N-1}, channels as rows."""
        batch, length, d_model = self.residual.shape
        project = self._projection(self.mixer.config.order - 1, 2)
        signal = torch.empty(batch, d_model, length, dtype=self.residual.dtype, device=self.residual.device)
        for tile in self._tiles():
            gate, value = project(self._normed(tile), tile, self.mask).chunk(2, dim=1)
            torch.mul(gate, value, out=signal[tile.rows, :, tile.positions])
        return signal

    def _convolve(self, signal: Float[Tensor, "batch d_model length"], index: int) -> None:
        """Replace the signal by its convolution with the filters of one order."""
        if self.mask is not None:
            signal *= self.mask[:, None]
        batch, d_model, length = signal.shape
        spectra_of = self._spectra_of(length)
        for channels in blocks(d_model, max(1, self.plan.fft_rows // batch)):
            spectra = spectra_of(slice(index * d_model + channels.start, index * d_model + channels.stop))
            for rows in blocks(batch, self.plan.fft_rows):
                signal[rows, channels] = convolve(signal[rows, channels], spectra)

    def _spectra_of(self, length: int) -> SpectraOf:
        """Return what gives the spectra of some channels."""
        if self.plan.keep_spectra:
            return self.mixer.spectrum_cache.get(self.mixer.filter_fn, length)
        self.mixer.spectrum_cache.clear()
        if self._maker is None:
            self._maker = SpectrumMaker(self.mixer.filter_fn, length)
        return self._maker


def blocks(total: int, step: int) -> Iterator[slice]:
    """Yield slices of ``step`` that cover ``range(total)``."""
    for first in range(0, total, step):
        yield slice(first, min(first + step, total))
