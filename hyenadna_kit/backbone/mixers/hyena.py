"""The Hyena operator: projections, short convolutions, gates and long implicit convolutions.

With order N the input is projected N + 1 times, u = [x_0, ..., x_{N-1}, v], and

    v  <-  filters_o * (v . x_{N-1-o}) + D_o (v . x_{N-1-o})      for o = 0 .. N - 2
    y   =  x_0 . v

where ``*`` is the causal convolution along the sequence and ``.`` the product of every element.

Order counts as in the published code: **order N has N - 1 long convolutions**, so the order 2 of
every published HyenaDNA has one. The papers' recurrence and some tutorials call that order 1.

Source: Poli et al. 2023, arXiv:2302.10866, definition 3.1.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from hyenadna_kit.backbone.filters import BeyondContext, FilterConfig, ImplicitFilter
from hyenadna_kit.backbone.inference import InferencePlan, ShortProjection, Tile
from hyenadna_kit.backbone.linear import Linear, weight_and_bias
from hyenadna_kit.backbone.mixer_stream import StreamSize
from hyenadna_kit.backbone.mixers.base import Mixer, MixerConfig, MixerSize
from hyenadna_kit.backbone.mixers.filter_spectra import SpectrumCache
from hyenadna_kit.backbone.mixers.hyena_inference import HyenaInference
from hyenadna_kit.backbone.mixers.hyena_memory import HyenaMemory
from hyenadna_kit.backbone.mixers.hyena_stream import HyenaStream
from hyenadna_kit.backbone.mixers.hyena_suffixes import HyenaSuffixes
from hyenadna_kit.backbone.suffixes import Suffixes, SuffixMixing
from hyenadna_kit.config import check_shares
from hyenadna_kit.ops.backends import AUTO, Problem, choose
from hyenadna_kit.ops.gated_short_conv import BACKENDS as GATED_SHORT_CONVS
from hyenadna_kit.ops.gated_short_conv import gated_short_conv
from hyenadna_kit.ops.implicit_filter import backends_for
from hyenadna_kit.ops.long_conv import BACKENDS as LONG_CONVS
from hyenadna_kit.ops.long_conv import long_conv
from hyenadna_kit.ops.online_conv import OnlineConvolution


@dataclass(frozen=True, kw_only=True)
class HyenaConfig(MixerConfig):
    """The Hyena operator."""

    order: int = 2
    """Order in the published counting: order N has N - 1 long convolutions."""
    short_filter_order: int = 3
    """Taps of the short convolution."""
    filter: FilterConfig = field(default_factory=FilterConfig)
    """The long filters."""
    dropout: float = 0.0
    """Dropout of the gated signal before each long convolution."""
    bidirectional: bool = False
    """Let the long filters reach downstream too, by filters of their own; for masked training only,
    since every output then depends on the whole input."""
    backend: str = AUTO
    """Kernel backend of filters and convolutions: auto, triton, eager or reference."""

    def __post_init__(self) -> None:
        if self.order < 2 or self.short_filter_order < 1:
            raise ValueError(
                f"order must be >= 2 and short_filter_order >= 1, "
                f"got {self.order} and {self.short_filter_order}"
            )
        check_shares(self, "dropout")

    @property
    def causal(self) -> bool:
        """Whether the long filters reach upstream only."""
        return not self.bidirectional

    @property
    def keeps_prefixes(self) -> bool:
        """Whether it is causal and its filters are the same for any length."""
        return self.causal and self.filter.beyond_context != "interpolate"

    @property
    def runs_in_place(self) -> bool:
        """Whether no backend is named that computes in another way."""
        return self.backend in (AUTO, "eager")

    @property
    def shares_prefixes(self) -> bool:
        """Whether it keeps prefixes and may run in place."""
        return self.keeps_prefixes and self.runs_in_place

    @property
    def suffix_context(self) -> int:
        """What the short convolution looks back."""
        return self.short_filter_order - 1

    @property
    def beyond_context(self) -> BeyondContext:
        """What the long filters do beyond the trained length."""
        return self.filter.beyond_context

    def check_device(self, device: torch.device) -> None:
        """Refuse a backend that is not there."""
        problem = Problem(device)
        for backends in (
            GATED_SHORT_CONVS,
            backends_for(self.filter.filter_order),
            LONG_CONVS,
        ):
            choose(backends, self.backend, problem)

    def memory(self, size: MixerSize, *, batch: int, length: int) -> HyenaMemory:
        """Return what it takes in a pass."""
        ends = self.filter.beyond_context == "truncate"
        taps = min(length, size.context_length) if ends else length
        return HyenaMemory(
            batch=batch,
            length=length,
            d_model=size.d_model,
            order=self.order,
            taps=taps if self.filter.max_taps is None else min(taps, self.filter.max_taps),
            filter_width=self.filter.filter_order,
            directions=2 if self.bidirectional else 1,
        )

    def build(self, size: MixerSize) -> "HyenaMixer":
        """Return the operator."""
        return HyenaMixer(self, size)


class ShortFilter(nn.Module):
    """Taps and bias of the short convolution."""

    def __init__(self, channels: int, num_taps: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(num_taps)
        self.weight = nn.Parameter(torch.empty(channels, 1, num_taps).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(channels).uniform_(-bound, bound))


class HyenaMixer(Mixer):
    """The Hyena operator of one block, of any length; causal unless it is bidirectional."""

    def __init__(self, config: HyenaConfig, size: MixerSize) -> None:
        super().__init__()
        self.config = config
        self.d_model = size.d_model
        num_projections = config.order + 1
        self.in_proj = nn.Linear(size.d_model, num_projections * size.d_model)
        self.out_proj = nn.Linear(size.d_model, size.d_model)
        self.short_filter = ShortFilter(num_projections * size.d_model, config.short_filter_order)
        self.filter_fn = ImplicitFilter(
            config.filter,
            size.d_model * (config.order - 1),
            size.context_length,
            directions=2 if config.bidirectional else 1,
        )
        self.dropout = nn.Dropout(config.dropout)
        self.spectrum_cache = SpectrumCache()
        self.suffix_spectrum_cache = SpectrumCache()

    def forward(
        self,
        hidden_states: Float[Tensor, "batch length d_model"],
        attention_mask: Bool[Tensor, "batch length"] | None = None,
    ) -> Float[Tensor, "batch length d_model"]:
        """Return the mixed states.

        Positions where ``attention_mask`` is False are taken out of the short and of every long
        convolution, so that padding on either side changes nothing.
        """
        order, backend = self.config.order, self.config.backend
        mask = None if attention_mask is None else attention_mask[:, None, :]
        *gates, value = gated_short_conv(
            _masked(self._project(hidden_states), mask),
            self.short_filter.weight[:, 0],
            self.short_filter.bias,
            channels=self.d_model,
            backend=backend,
        )
        filters = self.filter_fn(hidden_states.shape[1], backend=backend).split(self.d_model)
        skips = self.filter_fn.bias.split(self.d_model)
        for index, gate in enumerate(reversed(gates)):
            value = long_conv(
                self.dropout(_masked(value, mask)),
                filters[index],
                skips[index],
                gate=gate,
                reverse_filters=filters[order - 1 + index] if self.config.bidirectional else None,
                backend=backend,
            )
        output: Tensor = self.out_proj(value.transpose(1, 2))
        return output

    def advance(
        self,
        residual: Float[Tensor, "batch length d_model"],
        norm: nn.LayerNorm,
        attention_mask: Bool[Tensor, "batch length"] | None,
        plan: InferencePlan,
        suffixes: SuffixMixing | None = None,
    ) -> Iterator[Tile]:
        """Add the mixed states in place, with one tensor of the residual's size beside it."""
        return HyenaInference(self, norm, residual, attention_mask, plan, suffixes).advance()

    @property
    def kept_bytes(self) -> int:
        """Bytes of the spectra that are kept."""
        return self.spectrum_cache.num_bytes + self.suffix_spectrum_cache.num_bytes

    def mix_suffixes(
        self,
        suffixes: Suffixes,
        residual: Float[Tensor, "batch length d_model"],
        norm: nn.LayerNorm,
        plan: InferencePlan,
    ) -> SuffixMixing:
        """Return the pass over suffixes that goes with :meth:`advance`."""
        return HyenaSuffixes(self, norm, suffixes, residual, plan.tile_tokens)

    def stream_filters(self, size: StreamSize) -> Float[Tensor, "rows taps"]:
        """Return the filters as far as steps are apart; the skip weight is part of the first tap."""
        filters = self.filter_fn
        reach = filters.num_taps if size.span is None else size.span + 1
        if reach is None:
            raise ValueError("a stream without end needs filters that end; give max_taps, or truncate them")
        taps = filters.rows(filters.hidden(reach), slice(None))
        taps[:, 0] += filters.bias
        return taps

    def stream(self, size: StreamSize, convolution: OnlineConvolution | None, first_row: int) -> HyenaStream:
        """Return what it keeps."""
        assert convolution is not None
        return HyenaStream(self, size, convolution, first_row)

    def short_projection(self, first: int, count: int, dtype: torch.dtype) -> ShortProjection:
        """Return some projections with the short convolution behind them.

        Args:
            first: The first of them; x_0 is 0.
            count: How many.
            dtype: Number format of the products.
        """
        rows = slice(first * self.d_model, (first + count) * self.d_model)
        short = self.short_filter
        wide = torch.promote_types(short.weight.dtype, torch.float32)
        layer = Linear.of(self.in_proj, dtype, rows)
        return ShortProjection(layer, short.weight[rows, 0].to(wide), short.bias[rows].to(wide))

    def _project(
        self, hidden_states: Float[Tensor, "batch length d_model"]
    ) -> Float[Tensor, "batch projections length"]:
        """Return x_0 .. x_{N-1} and v before the short convolution, channels as rows."""
        # One product that writes rows of channels: the convolutions need them contiguous.
        weight, bias = weight_and_bias(self.in_proj)
        channels = hidden_states.transpose(1, 2)
        return torch.baddbmm(bias[None, :, None], weight.expand(len(hidden_states), -1, -1), channels)


def _masked(signal: Tensor, mask: Tensor | None) -> Tensor:
    return signal if mask is None else signal * mask
