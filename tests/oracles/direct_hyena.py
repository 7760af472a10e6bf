"""HyenaDNA in float64 numpy, written from its definition: sums over lags, no FFT, no shared code."""

import math
from dataclasses import dataclass, field

import numpy as np
import torch

from tests.oracles import direct_attention


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the tensors do not tell."""

    context_length: int
    order: int = 2
    num_layers: int = 2
    num_inner_mlps: int = 2
    modulate: bool = True
    shift: float = 0.0
    fast: float = 0.3
    slow: float = 1.5
    target: float = 1e-2
    truncate: bool = False
    heads_of_layers: dict[int, int] = field(default_factory=dict)
    """Layers that are attention, and their heads."""


def model_logits(tensors, options, input_ids):
    """Return logits of shape (batch, length, vocab) from the tensors under the names of the model."""
    embedding = tensors["backbone.embeddings.word_embeddings.weight"]
    hidden = backbone(tensors, options, input_ids)
    return hidden @ tensors.get("head.weight", embedding).T


def backbone(tensors, options, input_ids):
    residual = tensors["backbone.embeddings.word_embeddings.weight"][input_ids]
    for index in range(options.num_layers):
        block = _below(tensors, f"backbone.layers.{index}.")
        mixer, normed = _below(block, "mixer."), layer_norm(block, "norm1", residual)
        if index in options.heads_of_layers:
            residual = residual + attention(mixer, options.heads_of_layers[index], normed)
        else:
            residual = residual + hyena(mixer, options, normed)
        inner = gelu(linear(block, "mlp.fc1", layer_norm(block, "norm2", residual)))
        residual = residual + linear(block, "mlp.fc2", inner)
    return layer_norm(tensors, "backbone.ln_f", residual)


def attention(tensors, num_heads, hidden):
    """Return the output of causal attention."""
    tensors = {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}
    return direct_attention.attention(tensors, torch.from_numpy(hidden), num_heads).numpy()


def hyena(tensors, options, hidden):
    """Return the operator's output; ``hidden`` is (batch, length, d_model)."""
    length, width = hidden.shape[1:]
    projected = linear(tensors, "in_proj", hidden)
    taps, mixed = tensors["short_filter.weight"][:, 0], np.zeros_like(projected)
    for tap in range(taps.shape[1]):
        mixed += taps[:, tap] * _delayed(projected, taps.shape[1] - 1 - tap)
    mixed += tensors["short_filter.bias"]
    *gates, value = np.split(mixed, options.order + 1, axis=2)
    filters = long_filters(_below(tensors, "filter_fn."), options, length)
    for step in range(options.order - 1):
        channels = slice(step * width, (step + 1) * width)
        value = value * gates[options.order - 1 - step]
        skipped = tensors["filter_fn.bias"][channels] * value
        value = skipped + sum(
            filters[lag, channels] * _delayed(value, lag) for lag in range(min(length, len(filters)))
        )
    return linear(tensors, "out_proj", value * gates[0])


def long_filters(tensors, options, length):
    """Return (taps, channels): ``length`` taps, or those of the context where the filter ends there."""
    if options.truncate:
        length = min(length, options.context_length)
    emb_dim = tensors["implicit_filter.0.weight"].shape[1]
    hidden = position_features(options.context_length, emb_dim, length)
    if "pos_emb.z" in tensors:
        known = tensors["pos_emb.z"][0][:length]
        hidden = np.concatenate([known, hidden[len(known) :]])
    for number in range(options.num_inner_mlps + 1):
        hidden = linear(tensors, f"implicit_filter.{2 * number}", hidden)
        hidden = np.sin(tensors["implicit_filter.1.freq"] * hidden)
    filters = hidden @ tensors[f"implicit_filter.{2 * options.num_inner_mlps + 2}.weight"].T
    if not options.modulate:
        return filters
    slow, fast = (math.log(options.target) / fraction for fraction in (options.slow, options.fast))
    decay = np.abs(np.linspace(slow, fast, filters.shape[1]))
    times = np.arange(length)[:, None] / (options.context_length - 1)
    return filters * (np.exp(-times * decay) + options.shift)


def position_features(context_length, emb_dim, length):
    """Return [t, Re e^{-i f w}, Im e^{-i f w}] of every distance."""
    bands = (emb_dim - 1) // 2
    frequencies = np.linspace(1e-4, bands - 1, bands)
    distances = np.arange(length)
    waves = np.exp(-1j * np.outer(2 * np.pi * distances / context_length, frequencies))
    return np.column_stack([distances / (context_length - 1), waves.real, waves.imag])


def linear(tensors, name, inputs):
    return inputs @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]


def layer_norm(tensors, name, inputs):
    centred = inputs - inputs.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
    return scaled * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]


def gelu(inputs):
    return 0.5 * inputs * (1 + np.tanh(math.sqrt(2 / math.pi) * (inputs + 0.044715 * inputs**3)))


def _delayed(rows, lag):
    """Move (batch, length, channels) ``lag`` positions to the right; zeros enter."""
    moved = np.zeros_like(rows)
    moved[:, lag:] = rows[:, : rows.shape[1] - lag]
    return moved


def _below(tensors, prefix):
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
