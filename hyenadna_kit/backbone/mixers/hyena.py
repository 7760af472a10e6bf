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
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from hyenadna_kit.backbone.filters import FilterConfig, ImplicitFilter
from hyenadna_kit.backbone.mixers.base import Mixer, MixerConfig, MixerSize
from hyenadna_kit.ops.backends import AUTO
from hyenadna_kit.ops.long_conv import long_conv
from hyenadna_kit.ops.short_conv import short_conv


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
    backend: str = AUTO
    """Kernel backend of both convolutions: auto, eager or reference."""

    def __post_init__(self) -> None:
        if self.order < 2 or self.short_filter_order < 1:
            raise ValueError(
                f"order must be >= 2 and short_filter_order >= 1, "
                f"got {self.order} and {self.short_filter_order}"
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
    """The Hyena operator of one block, causal and of any length."""

    def __init__(self, config: HyenaConfig, size: MixerSize) -> None:
        super().__init__()
        self.config = config
        self.d_model = size.d_model
        num_projections = config.order + 1
        self.in_proj = nn.Linear(size.d_model, num_projections * size.d_model)
        self.out_proj = nn.Linear(size.d_model, size.d_model)
        self.short_filter = ShortFilter(num_projections * size.d_model, config.short_filter_order)
        self.filter_fn = ImplicitFilter(config.filter, size.d_model * (config.order - 1), size.context_length)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        hidden_states: Float[Tensor, "batch length d_model"],
        attention_mask: Bool[Tensor, "batch length"] | None = None,
    ) -> Float[Tensor, "batch length d_model"]:
        """Return the mixed states.

        Positions where ``attention_mask`` is False are taken out of the short and of every long
        convolution, so that padding on either side changes nothing.
        """
        mask = None if attention_mask is None else attention_mask[:, None, :]
        *gates, value = self._projections(hidden_states, mask)
        length = hidden_states.shape[1]
        filters = self.filter_fn(length).unflatten(0, (self.config.order - 1, self.d_model))
        skips = self.filter_fn.bias.unflatten(0, (self.config.order - 1, self.d_model))
        for gate, filters_o, skip in zip(reversed(gates[1:]), filters, skips, strict=True):
            value = self.dropout(_masked(value * gate, mask))
            value = long_conv(value, filters_o, skip, backend=self.config.backend)
        output: Tensor = self.out_proj((value * gates[0]).transpose(1, 2))
        return output

    def _projections(
        self,
        hidden_states: Float[Tensor, "batch length d_model"],
        mask: Bool[Tensor, "batch 1 length"] | None,
    ) -> tuple[Float[Tensor, "batch d_model length"], ...]:
        """Return x_0 .. x_{N-1} and v, channel by channel, after the short convolution."""
        batch = hidden_states.shape[0]
        # One product that writes channel-major rows: the convolutions need them contiguous.
        projected = torch.baddbmm(
            self.in_proj.bias[None, :, None],
            self.in_proj.weight.expand(batch, -1, -1),
            hidden_states.transpose(1, 2),
        )
        mixed = short_conv(
            _masked(projected, mask),
            self.short_filter.weight[:, 0],
            self.short_filter.bias,
            backend=self.config.backend,
        )
        return mixed.split(self.d_model, dim=1)


def _masked(signal: Tensor, mask: Tensor | None) -> Tensor:
    return signal if mask is None else signal * mask
