"""Implicit filters: a small network that says how much a position any distance upstream counts.

    i (distance in bp)  ->  z_i = [t_i, cos(f w_i), -sin(f w_i)]  ->  MLP with sines  ->  decay  ->  filters

with t_i = i / (context_length - 1) and w_i = 2 pi i / context_length. Because both denominators stay
those of training, a longer filter continues the shorter one and its first taps do not change, unless it
is asked to interpolate.

Everything here runs in float32 at least: in bfloat16 the filters come out wrong, since
neighbouring distances round to one.

Source: Poli et al. 2023, arXiv:2302.10866, section 3.3 and appendix D; Nguyen et al. 2023,
arXiv:2306.15794.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from hyenadna_kit.backbone.linear import weight_and_bias
from hyenadna_kit.config import check_least
from hyenadna_kit.ops.backends import AUTO
from hyenadna_kit.ops.implicit_filter import filters_from_hidden, hidden_features, implicit_filter

_LOWEST_FREQUENCY = 1e-4

BeyondContext = Literal["continue", "truncate", "decay", "interpolate"]
"""What filters do beyond the trained length, see :class:`FilterConfig`."""


@dataclass(frozen=True, kw_only=True)
class FilterConfig:
    """The implicit filter of one mixer, under the names of the published configurations."""

    emb_dim: int = 5
    """Features of a distance: one for t and two a frequency; odd, at least 3."""
    filter_order: int = 64
    """Width of the filter's MLP (the published name; not the order of the operator)."""
    num_inner_mlps: int = 2
    """Hidden layers of the MLP between the first and the last."""
    activation_frequency: float = 10.0
    """Initial frequency of the sine activations."""
    train_frequency: bool = True
    """Train the frequencies of the sines."""
    modulate: bool = True
    """Multiply the filters by a decay that differs from channel to channel."""
    shift: float = 0.0
    """Added to the decay, so that it never reaches zero. Published weights expect 0.05."""
    fast_decay_fraction: float = 0.3
    """Fraction of the context at which the fastest channel has decayed to ``decay_target``."""
    slow_decay_fraction: float = 1.5
    """The same of the slowest channel."""
    decay_target: float = 1e-2
    """Decay that is reached at those fractions."""
    features: Literal["computed", "stored", "learned"] = "computed"
    """Position features z: from the formula, from the checkpoint, or trained from the formula on."""
    beyond_context: BeyondContext = "continue"
    """Beyond the trained length the filter runs on (continue), ends (truncate), or runs on and falls by
    ``decay_target`` a trained length (decay); all three leave the first outputs as they are. With a shift
    the continued tail never dies and outweighs the trained part: truncate. interpolate stretches the
    trained filter to the length of the input instead, which changes every output."""
    max_taps: int | None = None
    """Taps after which the filters end, wherever they were trained to: what lies further upstream is not
    seen. Null leaves them as they are."""

    def __post_init__(self) -> None:
        if self.beyond_context not in get_args(BeyondContext):
            modes = ", ".join(get_args(BeyondContext))
            raise ValueError(f"beyond_context must be one of {modes}, got {self.beyond_context!r}")
        check_least(self, {"max_taps": 1})
        if self.max_taps is not None and self.beyond_context == "interpolate":
            raise ValueError("max_taps ends filters, and interpolate stretches them; leave one out")
        if self.emb_dim < 3 or self.emb_dim % 2 == 0:
            raise ValueError(f"emb_dim must be odd and at least 3, got {self.emb_dim}")
        if self.num_inner_mlps < 0 or self.filter_order < 1:
            raise ValueError(
                f"num_inner_mlps must be >= 0 and filter_order >= 1, "
                f"got {self.num_inner_mlps} and {self.filter_order}"
            )


class Sine(nn.Module):
    """``sin(freq * x)`` with one frequency a unit, shared by all layers of a filter."""

    def __init__(self, width: int, frequency: float, *, trained: bool) -> None:
        super().__init__()
        self.freq = nn.Parameter(torch.full((1, width), frequency), requires_grad=trained)

    def forward(self, inputs: Float[Tensor, "... width"]) -> Float[Tensor, "... width"]:
        """Apply the activation."""
        return torch.sin(self.freq * inputs)


class PositionFeatures(nn.Module):
    """What the filter's MLP is told about a distance upstream."""

    def __init__(self, config: FilterConfig, context_length: int) -> None:
        super().__init__()
        self.context_length = context_length
        self.interpolates = config.beyond_context == "interpolate"
        self.num_frequencies = (config.emb_dim - 1) // 2
        self.z: Tensor | None = None
        if config.features != "computed":
            z = self.formula(context_length).to(torch.get_default_dtype())
            self.z = nn.Parameter(z[None], requires_grad=config.features == "learned")

    def formula(self, length: int, device: torch.device | None = None) -> Float[Tensor, "length emb_dim"]:
        """Return the features of the distances ``0 .. length - 1`` in float64."""
        distances = torch.arange(length, dtype=torch.float64, device=device)
        frequencies = torch.linspace(
            _LOWEST_FREQUENCY,
            self.num_frequencies - 1,
            self.num_frequencies,
            dtype=torch.float64,
            device=device,
        )
        angles = frequencies * (2 * math.pi / self.unit(length) * distances)[:, None]
        return torch.cat([self.times(length, device)[:, None], torch.cos(angles), -torch.sin(angles)], dim=1)

    def times(self, length: int, device: torch.device | None = None) -> Float[Tensor, " length"]:
        """Return t: each distance as a fraction of the unit, in float64."""
        return torch.arange(length, dtype=torch.float64, device=device) / (self.unit(length) - 1)

    def unit(self, length: int) -> int:
        """Return the distance that counts as one: the trained context, unless that is stretched."""
        return max(length, self.context_length) if self.interpolates else self.context_length

    def forward(self, length: int, like: Tensor) -> Float[Tensor, "length emb_dim"]:
        """Return the features in the dtype and on the device of ``like``."""
        if self.z is None or self.unit(length) != self.context_length:
            return self.formula(length, like.device).to(like.dtype)
        stored = self.z[0, :length]
        if length <= self.context_length:
            return stored
        beyond = self.formula(length, like.device)[self.context_length :].to(like.dtype)
        return torch.cat([stored, beyond])


def decay_rates(
    config: FilterConfig, channels: int, device: torch.device | None = None
) -> Float[Tensor, " channels"]:
    """Return how fast each of some channels decays, in units of one trained context; float64."""
    target = math.log(config.decay_target)
    slow, fast = target / config.slow_decay_fraction, target / config.fast_decay_fraction
    return torch.linspace(slow, fast, channels, dtype=torch.float64, device=device).abs()


class ImplicitFilter(nn.Module):
    """All long filters of one mixer, for any length, and the weight of the skip connection."""

    def __init__(
        self, config: FilterConfig, channels: int, context_length: int, *, directions: int = 1
    ) -> None:
        """Build the filters.

        Args:
            config: Their options.
            channels: One filter a channel and direction: ``d_model * (order - 1)``.
            context_length: Tokens of training; the unit in which distances are measured.
            directions: 1 for filters that look upstream, 2 for as many more that look downstream, from
                the same network with rows of their own in its last layer, and of the same decay.
        """
        super().__init__()
        self.config = config
        self.context_length = context_length
        self.channels = channels
        self.directions = directions
        self.bias = nn.Parameter(torch.randn(channels))
        self.pos_emb = PositionFeatures(config, context_length)
        sine = Sine(config.filter_order, config.activation_frequency, trained=config.train_frequency)
        layers: list[nn.Module] = [nn.Linear(config.emb_dim, config.filter_order), sine]
        for _ in range(config.num_inner_mlps):
            layers += [nn.Linear(config.filter_order, config.filter_order), sine]
        last = nn.Linear(config.filter_order, channels * directions, bias=False)
        self.implicit_filter = nn.Sequential(*layers, last)

    def forward(
        self, length: int, *, rows: Integer[Tensor, " rows"] | None = None, backend: str = AUTO
    ) -> Float[Tensor, "rows taps"]:
        """Return the first taps of every filter.

        Args:
            length: Taps of each filter; there are fewer where the filters end with the context.
            rows: Those that are returned, see below; None is all.
            backend: Backend of :func:`~hyenadna_kit.ops.implicit_filter.implicit_filter`.

        Returns:
            One row a channel; for two directions the rows of the second follow those of the first.
        """
        length, last, rates = self._taps(length), self._last, self._rates()
        if rows is not None:
            last, rates = last[rows], None if rates is None else rates[rows]
        filters = implicit_filter(
            self.pos_emb(length, last),
            self._times(length),
            self._layers,
            self._frequency,
            last,
            rates,
            self.config.shift,
            backend=backend,
        )
        tail = self._tail(length)
        return filters if tail is None else filters * tail

    def hidden(self, length: int) -> Float[Tensor, "taps width"]:
        """Return what the last layer makes every filter from, for :meth:`rows`; without gradients."""
        length = self._taps(length)
        return hidden_features(self.pos_emb(length, self._last), self._layers, self._frequency)

    def rows(self, hidden: Float[Tensor, "taps width"], channels: slice) -> Float[Tensor, "rows taps"]:
        """Return some rows of what :meth:`forward` returns, for inference; without gradients.

        Args:
            hidden: What :meth:`hidden` returned.
            channels: The rows.
        """
        rates = self._rates()
        filters = filters_from_hidden(
            hidden,
            self._times(len(hidden)),
            self._last[channels],
            None if rates is None else rates[channels],
            self.config.shift,
        )
        tail = self._tail(len(hidden))
        return filters if tail is None else filters.mul_(tail)

    @property
    def num_taps(self) -> int | None:
        """Most taps of a filter; None where filters are as long as the input."""
        ends = self.context_length if self.config.beyond_context == "truncate" else None
        found = [each for each in (ends, self.config.max_taps) if each is not None]
        return min(found, default=None)

    @property
    def _last(self) -> Float[Tensor, "rows width"]:
        return weight_and_bias(self.implicit_filter[-1])[0]

    def decay_rates(self) -> Float[Tensor, " channels"]:
        """Return how fast each channel decays, in units of one trained context; float64."""
        return decay_rates(self.config, self.channels, self.bias.device)

    @property
    def _layers(self) -> list[tuple[Tensor, Tensor]]:
        layers = list(self.implicit_filter)[:-1]
        return [weight_and_bias(layer) for layer in layers if not isinstance(layer, Sine)]

    @property
    def _frequency(self) -> Float[Tensor, " width"]:
        sine = self.implicit_filter[1]
        assert isinstance(sine, Sine)
        return sine.freq[0]

    def _rates(self) -> Float[Tensor, "rows"] | None:
        if not self.config.modulate:
            return None
        return self.decay_rates().to(self.bias.dtype).repeat(self.directions)

    def _times(self, length: int) -> Float[Tensor, " taps"]:
        return self.pos_emb.times(length, self.bias.device).to(self.bias.dtype)

    def _tail(self, length: int) -> Float[Tensor, " length"] | None:
        """Return what the taps are multiplied by where they decay beyond the trained length."""
        if self.config.beyond_context != "decay" or length <= self.context_length:
            return None
        return self.config.decay_target ** (self._times(length) - 1).clamp(min=0)

    def _taps(self, length: int) -> int:
        if self.num_taps is not None:
            length = min(length, self.num_taps)
        if length <= self.context_length:
            return length
        if self.config.beyond_context == "continue" and self.config.modulate and self.config.shift:
            warnings.warn(
                f"filters continue to {length} bp, beyond the trained {self.context_length}, with shift "
                f"{self.config.shift}: their tail does not decay; beyond_context='truncate' ends them",
                stacklevel=3,
            )
        return length

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:  # noqa: FBT001, FBT002 - torch's
        def keep_precision(tensor: Tensor) -> Any:
            """Apply ``fn``, but leave what it would make coarser than float32 in its own dtype."""
            changed = fn(tensor)
            if changed.is_floating_point() and changed.dtype.itemsize < torch.float32.itemsize:
                return tensor.to(changed.device)
            return changed

        return super()._apply(keep_precision, recurse)  # type: ignore[no-untyped-call]  # torch leaves it bare
