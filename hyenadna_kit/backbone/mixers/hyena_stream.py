"""The Hyena operator token by token: see ``backbone.streaming``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hyenadna_kit.backbone.inference import InferencePlan, Tile, normed
from hyenadna_kit.backbone.mixer_stream import MixerStream, StreamSize
from hyenadna_kit.backbone.suffixes import SuffixMixing
from hyenadna_kit.ops.long_conv.eager import rows_at_a_time
from hyenadna_kit.ops.online_conv import OnlineConvolution, sums_ahead

if TYPE_CHECKING:
    from hyenadna_kit.backbone.mixers.hyena import HyenaMixer


class HyenaStream(MixerStream):
    """What a Hyena mixer keeps: its last projections, and its rows of the long convolutions."""

    def __init__(
        self, mixer: "HyenaMixer", size: StreamSize, convolution: OnlineConvolution, first_row: int
    ) -> None:
        """Take the rows of the convolutions from ``first_row`` on."""
        self._mixer = mixer
        self._size = size
        self._convolution = convolution
        self._first_row = first_row
        short = mixer.short_filter
        wide = torch.promote_types(short.weight.dtype, torch.float32)
        self._taps, self._bias = short.weight[:, 0].to(wide), short.bias.to(wide)[:, None]
        self._halo = self._taps.new_zeros(size.batch, len(self._taps), self._taps.shape[1] - 1)

    def read_prompt(
        self, residual: Float[Tensor, "batch length d_model"], norm: nn.LayerNorm, plan: InferencePlan
    ) -> Iterator[Tile]:
        """Mix a prompt in place; see the base class."""
        count = min(self._halo.shape[2], residual.shape[1])
        if count:
            last = normed(norm, residual[:, residual.shape[1] - count :])
            self._halo[..., -count:] = self._project(last)
        return self._mixer.advance(residual, norm, None, plan, _PromptReader(self))

    def see_prompt(self, signal: Float[Tensor, "batch d_model length"], index: int) -> None:
        """Keep what the input of convolution ``index`` adds to the positions behind the prompt."""
        d_model, length = signal.shape[1:]
        span, filters = self._convolution.num_pending, self._mixer.filter_fn
        hidden = filters.hidden(length + span)
        block = rows_at_a_time(2 * (length + span))
        for first in range(0, d_model, block):
            channels = slice(first, min(first + block, d_model))
            rows = slice(index * d_model + channels.start, index * d_model + channels.stop)
            sums = sums_ahead(signal[:, channels], filters.rows(hidden, rows), span=span)
            self._convolution.begin_behind(sums, self._rows(rows))

    def step(self, states: Float[Tensor, "batch step d_model"]) -> Float[Tensor, "batch step d_model"]:
        """Mix the next tokens."""
        d_model = self._mixer.d_model
        *gates, value = self._short_convolution(self._project(states)).split(d_model, dim=1)
        value = value * gates.pop()
        for index, gate in enumerate(reversed(gates)):
            rows = self._rows(slice(index * d_model, (index + 1) * d_model))
            value = self._convolution.outputs(value, rows).mul_(gate)
        output: Tensor = self._mixer.out_proj(value.transpose(1, 2).to(states.dtype))
        return output

    def _project(self, states: Tensor) -> Tensor:
        projected: Tensor = self._mixer.in_proj(states).transpose(1, 2)
        return projected.to(self._taps.dtype)

    def _short_convolution(self, projected: Tensor) -> Tensor:
        window = torch.cat([self._halo, projected], dim=2)
        length, num_taps = projected.shape[2], self._taps.shape[1]
        self._halo = window[..., length:]
        output = torch.addcmul(self._bias, window[..., :length], self._taps[:, :1])
        for index in range(1, num_taps):
            output.addcmul_(window[..., index : index + length], self._taps[:, index : index + 1])
        return output

    def _rows(self, rows: slice) -> slice:
        return slice(self._first_row + rows.start, self._first_row + rows.stop)


class _PromptReader(SuffixMixing):
    """Shows a stream the input of every long convolution of a prompt."""

    def __init__(self, stream: HyenaStream) -> None:
        self._stream = stream
        self._num_seen = 0

    def see_input(self, signal: Float[Tensor, "batch channels length"]) -> None:
        """Hand it on."""
        self._stream.see_prompt(signal, self._num_seen)
        self._num_seen += 1

    def see_output(self, signal: Float[Tensor, "batch channels length"], index: int) -> None:
        """Do nothing: the steps make their outputs themselves."""

    def add_output_(self) -> None:
        """Do nothing: there are no suffixes."""
