"""The published HyenaDNA in stock PyTorch, step by step as the papers give it: what ours is measured against.

    residual += mixer(norm1(residual)),  residual += mlp(norm2(residual)),  logits = norm_f(residual) E^T

    u = W x + b                                      transposed as a view
    x0, x1, v = conv of 3 taps over u, cropped to the length
    y = x0 . (filters * (v . x1) + D (v . x1))       one transform of exactly twice the length
    filters = MLP(z) . exp(-t rate)                  anew at every call

The parameters have the names and shapes of our model, so that its state dict loads. Dropout is left
out, and so is the shift of the decay.

Sources: Poli et al. 2023, arXiv:2302.10866; Nguyen et al. 2023, arXiv:2306.15794.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hyenadna_kit.model import HyenaDNAOutput

EMB_DIM, FILTER_WIDTH, SINE_FREQUENCY = 5, 64, 10.0
SLOW_DECAY, FAST_DECAY, DECAY_TARGET = 1.5, 0.3, 1e-2
NUM_TAPS = 3
VOCAB_SIZE = 16


@dataclass(frozen=True, kw_only=True)
class PlainConfig:
    """Sizes of the plain model."""

    d_model: int
    """Width of the hidden states."""
    num_layers: int
    """Number of blocks."""
    context_length: int
    """Most tokens of an input."""
    cache_filter: bool = False
    """Keep the filters of the first call without gradients for the calls that follow."""
    dtype: torch.dtype = torch.float32
    """Number format of parameters and features."""

    def build(self) -> "PlainModel":
        """Return a model with the initial weights of PyTorch's layers."""
        return PlainModel(self)


class PlainModel(nn.Module):
    """Embedding, blocks, final norm and the head that is tied to the embedding."""

    def __init__(self, config: PlainConfig) -> None:
        super().__init__()
        self.backbone = PlainBackbone(config)
        self.to(config.dtype)

    def forward(self, input_ids: Tensor) -> HyenaDNAOutput:
        """Return logits and the hidden states after the final norm; ``batch length`` in."""
        hidden_states = self.backbone(input_ids)
        embedding = self.backbone.embeddings.word_embeddings.weight
        return HyenaDNAOutput(nn.functional.linear(hidden_states, embedding), hidden_states)


class PlainBackbone(nn.Module):
    """Token ids to hidden states, with the residual stream in float32 at least."""

    def __init__(self, config: PlainConfig) -> None:
        super().__init__()
        self.embeddings = nn.Module()
        self.embeddings.word_embeddings = nn.Embedding(VOCAB_SIZE, config.d_model)
        self.layers = nn.ModuleList(PlainBlock(config) for _ in range(config.num_layers))
        self.ln_f = nn.LayerNorm(config.d_model)

    def forward(self, input_ids: Tensor) -> Tensor:
        """Return the hidden states after the final norm."""
        embedded = self.embeddings.word_embeddings(input_ids)
        residual = embedded.to(torch.promote_types(embedded.dtype, torch.float32))
        for block in self.layers:
            residual = block(residual)
        output: Tensor = self.ln_f(residual.to(self.ln_f.weight.dtype))
        return output


class PlainBlock(nn.Module):
    """Two residual sums: the mixer's and the MLP's."""

    def __init__(self, config: PlainConfig) -> None:
        super().__init__()
        self.mixer = PlainMixer(config)
        self.norm1, self.norm2 = nn.LayerNorm(config.d_model), nn.LayerNorm(config.d_model)
        self.mlp = PlainMLP(config.d_model)

    def forward(self, residual: Tensor) -> Tensor:
        """Return the residual stream after the block."""
        residual = self.mixer(self.norm1(residual.to(self.norm1.weight.dtype))) + residual
        return self.mlp(self.norm2(residual.to(self.norm2.weight.dtype))) + residual


class PlainMLP(nn.Module):
    """Two layers around the tanh form of GELU."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(d_model, 4 * d_model)
        self.fc2 = nn.Linear(4 * d_model, d_model)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """Transform every position by itself."""
        output: Tensor = self.fc2(nn.functional.gelu(self.fc1(hidden_states), approximate="tanh"))
        return output


class PlainMixer(nn.Module):
    """The Hyena operator of order 2."""

    def __init__(self, config: PlainConfig) -> None:
        super().__init__()
        d_model = config.d_model
        self.in_proj = nn.Linear(d_model, 3 * d_model)
        self.out_proj = nn.Linear(d_model, d_model)
        self.short_filter = nn.Conv1d(
            3 * d_model, 3 * d_model, NUM_TAPS, padding=NUM_TAPS - 1, groups=3 * d_model
        )
        self.filter_fn = PlainFilter(config)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """Return the mixed states; ``batch length d_model`` in and out."""
        length, d_model = hidden_states.shape[1:]
        projected = self.in_proj(hidden_states).transpose(1, 2)
        x0, x1, value = self.short_filter(projected)[..., :length].split(d_model, dim=1)
        value = fft_convolution(value * x1, self.filter_fn(length), self.filter_fn.bias)
        output: Tensor = self.out_proj((value * x0).transpose(1, 2))
        return output


class Sine(nn.Module):
    """``sin(freq * x)``."""

    def __init__(self) -> None:
        super().__init__()
        self.freq = nn.Parameter(torch.full((1, FILTER_WIDTH), SINE_FREQUENCY))

    def forward(self, inputs: Tensor) -> Tensor:
        """Apply the activation."""
        return torch.sin(self.freq * inputs)


class PlainFilter(nn.Module):
    """The implicit filters of one mixer; features and decay rates are made once."""

    def __init__(self, config: PlainConfig) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.randn(config.d_model))
        sine = Sine()
        hidden = [nn.Linear(EMB_DIM, FILTER_WIDTH), sine]
        for _ in range(2):
            hidden += [nn.Linear(FILTER_WIDTH, FILTER_WIDTH), sine]
        self.implicit_filter = nn.Sequential(*hidden, nn.Linear(FILTER_WIDTH, config.d_model, bias=False))
        times, features = position_features(config.context_length)
        target = math.log(DECAY_TARGET)
        rates = torch.linspace(
            target / SLOW_DECAY, target / FAST_DECAY, config.d_model, dtype=torch.float64
        ).abs()
        for name, values in (("z", features), ("t", times[:, None]), ("rates", rates)):
            self.register_buffer(name, values.to(config.dtype), persistent=False)
        self.cache_filter = config.cache_filter
        self.cached: Tensor | None = None

    def forward(self, length: int) -> Tensor:
        """Return the filters as a transposed view, ``channels length``."""
        if self.cached is not None and self.cached.shape[1] == length and not torch.is_grad_enabled():
            return self.cached
        taps = self.implicit_filter(self.z[:length])
        filters = (taps * torch.exp(-self.t[:length] * self.rates)).T
        if self.cache_filter and not torch.is_grad_enabled():
            self.cached = filters
        return filters


def position_features(context_length: int) -> tuple[Tensor, Tensor]:
    """Return t and z = [t, cos(f w), -sin(f w)] of every distance, in float64."""
    distances = torch.arange(context_length, dtype=torch.float64)
    times = distances / (context_length - 1)
    frequencies = torch.tensor([1e-4, 1.0], dtype=torch.float64)
    angles = frequencies * (2 * math.pi / context_length * distances)[:, None]
    return times, torch.cat([times[:, None], torch.cos(angles), -torch.sin(angles)], dim=1)


def fft_convolution(signal: Tensor, filters: Tensor, skip: Tensor) -> Tensor:
    """Convolve through transforms of exactly twice the length, and add the scaled signal.

    Args:
        signal: ``batch channels length``.
        filters: ``channels length``; the transforms run in their dtype.
        skip: One weight a channel.
    """
    length = signal.shape[2]
    size = 2 * length
    filter_spectrum = torch.fft.rfft(filters, n=size) / size
    spectrum = torch.fft.rfft(signal.to(filters.dtype), n=size)
    convolved = torch.fft.irfft(spectrum * filter_spectrum, n=size, norm="forward")[..., :length]
    return (convolved + signal * skip[:, None]).to(signal.dtype)
