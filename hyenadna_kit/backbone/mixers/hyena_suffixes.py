"""The Hyena operator on changed ends of sequences: see ``backbone.suffixes``.

The convolution is linear and causal, so on the suffix [p, p + R) only the change of its input counts:

    y_changed = y + filters[0 : R] * (input_changed - input)

Everything else in the operator looks at a token and the few before it.

Source: the linearity of Poli et al. 2023, arXiv:2302.10866, definition 3.1.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hyenadna_kit.backbone.inference import Tile, normed
from hyenadna_kit.backbone.linear import Linear
from hyenadna_kit.backbone.mixers.filter_spectra import convolve
from hyenadna_kit.backbone.mixers.hyena_inference import blocks
from hyenadna_kit.backbone.suffixes import Suffixes, SuffixMixing
from hyenadna_kit.ops.precision import product_dtype

_CONVOLVED_TOGETHER = 1 << 17
"""Positions, over all rows: what their transforms need stays in the cache of a core."""

if TYPE_CHECKING:
    from hyenadna_kit.backbone.mixers.hyena import HyenaMixer


class HyenaSuffixes(SuffixMixing):
    """One pass of a Hyena mixer over suffixes."""

    def __init__(
        self,
        mixer: "HyenaMixer",
        norm: nn.LayerNorm,
        suffixes: Suffixes,
        residual: Float[Tensor, "batch length d_model"],
        tile_tokens: int,
    ) -> None:
        """Take what lies before the suffixes from the residual, before the mixer changes it."""
        self._mixer = mixer
        self._norm = norm
        self._suffixes = suffixes
        self._dtype = product_dtype(mixer.in_proj.weight)
        self._suffixes_at_a_time = max(1, tile_tokens // suffixes.places.length)
        self._num_before = mixer.config.short_filter_order - 1
        self._before = suffixes.places.before(residual, self._num_before)
        self._signal = self._first_product()

    def see_input(self, signal: Float[Tensor, "batch channels length"]) -> None:
        """Turn the suffixes' input into what differs from that of the sequences themselves."""
        for some in self._blocks():
            self._signal[some] -= self._suffixes.places[some].gather(signal)

    def see_output(self, signal: Float[Tensor, "batch channels length"], index: int) -> None:
        """Convolve the change, add the sequences' own output, gate it for a next convolution."""
        order = self._mixer.config.order
        for some in self._blocks():
            self._convolve_(self._signal[some], index)
            self._signal[some] += self._suffixes.places[some].gather(signal)
        if index < order - 2:
            for some, (gate,) in self._projections(order - 2 - index, 1):
                self._signal[some] *= gate

    def _convolve_(self, change: Float[Tensor, "suffixes d_model suffix_length"], index: int) -> None:
        """Replace some signals by their convolution with the filters of one order."""
        _, d_model, length = change.shape
        spectra_of = self._mixer.suffix_spectrum_cache.get(self._mixer.filter_fn, length)
        for signal in change:
            for channels in blocks(d_model, max(1, _CONVOLVED_TOGETHER // length)):
                first, last = index * d_model + channels.start, index * d_model + channels.stop
                rows = signal[None, channels]
                rows.copy_(convolve(rows, spectra_of(slice(first, last))))

    def add_output_(self) -> None:
        """Apply the last gate and the output layer."""
        output = Linear.of(self._mixer.out_proj, self._dtype)
        for some, (gate,) in self._projections(0, 1):
            mixed = gate.mul_(self._signal[some])
            output.add_to_(self._suffixes.states[some], mixed.transpose(1, 2))

    def _first_product(self) -> Float[Tensor, "suffixes d_model suffix_length"]:
        places, d_model = self._suffixes.places, self._mixer.d_model
        signal = self._suffixes.states.new_empty(len(places), d_model, places.length)
        for some, (gate, value) in self._projections(self._mixer.config.order - 1, 2):
            torch.mul(gate, value, out=signal[some])
        return signal

    def _projections(self, first: int, count: int) -> Iterator[tuple[slice, tuple[Tensor, ...]]]:
        """Yield projections after the short convolution, a few suffixes at a time."""
        project = self._mixer.short_projection(first, count, self._dtype)
        for some in self._blocks():
            states = torch.cat([self._before[some], self._suffixes.states[some]], dim=1)
            tile = Tile(slice(0, len(states)), slice(0, states.shape[1]))
            projected = project(normed(self._norm, states), tile, None)[..., self._num_before :]
            yield some, projected.chunk(count, dim=1)

    def _blocks(self) -> Iterator[slice]:
        for first in range(0, len(self._suffixes.places), self._suffixes_at_a_time):
            yield slice(first, first + self._suffixes_at_a_time)
