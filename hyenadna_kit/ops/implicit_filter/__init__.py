"""The implicit filter: a small network with sines that turns distances into the taps of long filters.

hidden = sin(frequency * (features @ W_0^T + b_0)), then the same for every inner layer
filters[d, l] = (last @ hidden^T)[d, l] * (exp(-rates[d] * times[l]) + shift)
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from hyenadna_kit.ops.backends import AUTO, Backend, Problem, choose
from hyenadna_kit.ops.implicit_filter.eager import filters_from_hidden, filters_in_blocks, hidden_features
from hyenadna_kit.ops.implicit_filter.reference import filters_by_formula
from hyenadna_kit.ops.triton_support import on_gpu, why_not_triton

__all__ = ["BACKENDS", "filters_from_hidden", "hidden_features", "implicit_filter"]

Layers = Sequence[tuple[Float[Tensor, "width _"], Float[Tensor, " width"]]]
"""Weight and bias of the first and of every inner layer."""

_WIDEST_KERNEL = 128


def _triton(*arguments: object) -> Tensor:
    from hyenadna_kit.ops.implicit_filter.triton_op import filters_by_kernel

    return filters_by_kernel(*arguments)


BACKENDS = (
    Backend(name="triton", function=_triton, why_not=why_not_triton, preferred=on_gpu),
    Backend(name="eager", function=filters_in_blocks),
    Backend(name="reference", function=filters_by_formula),
)
"""In order of preference."""


def implicit_filter(
    features: Float[Tensor, "length emb_dim"],
    times: Float[Tensor, " length"],
    layers: Layers,
    frequency: Float[Tensor, " width"],
    last: Float[Tensor, "channels width"],
    rates: Float[Tensor, " channels"] | None,
    shift: float,
    *,
    backend: str = AUTO,
) -> Float[Tensor, "channels length"]:
    """Return one filter a channel, as long as ``features``.

        filters = last @ sin(frequency * (... sin(frequency * (features @ W_0^T + b_0)) ...))^T

    times ``exp(-rates[:, None] * times) + shift`` unless ``rates`` is None.

    Args:
        features: What the network is told of the distance ``l`` upstream, one row a distance.
        times: The distances in the unit of ``rates``; read only where there are rates.
        layers: Weight and bias of the first and of every inner layer, each followed by the sine.
        frequency: Frequency of the sine of each hidden unit, shared by all layers.
        last: Weights of the last layer, which has no bias.
        rates: How fast each channel decays; None for filters that are not modulated.
        shift: Added to the decay, so that it never reaches zero.
        backend: ``"auto"`` or the name of one entry of ``BACKENDS``.

    Returns:
        The filters in the widest dtype of the arguments, float32 at least. Products are never made
        with fewer digits, whatever autocast or ``torch.set_float32_matmul_precision`` say.

    Raises:
        ValueError: Shapes do not fit together.
        BackendUnavailableError: The named backend cannot run here.

    Source: Poli et al. 2023, arXiv:2302.10866, section 3.3 and appendix D.
    """
    flat = [tensor for layer in layers for tensor in layer]
    decay = [] if rates is None else [times, rates]
    _check(features, flat, frequency, last, decay)
    dtype = torch.float32
    for tensor in (features, frequency, last, *flat, *decay):
        dtype = torch.promote_types(dtype, tensor.dtype)
    problem = Problem(features.device, dtype, len(features))
    return choose(backends_for(len(frequency)), backend, problem).function(
        features.to(dtype),
        [tensor.to(dtype) for tensor in flat],
        frequency.to(dtype),
        last.to(dtype),
        [tensor.to(dtype) for tensor in decay],
        shift,
    )


def backends_for(width: int) -> tuple[Backend, ...]:
    """Return the backends for a network of ``width`` hidden units, in order of preference."""
    if width <= _WIDEST_KERNEL:
        return BACKENDS
    reason = f"its kernel holds at most {_WIDEST_KERNEL} hidden units, the filter has {width}"
    return tuple(
        replace(each, why_not=lambda _: reason) if each.name == "triton" else each for each in BACKENDS
    )


def _check(
    features: Tensor, layers: list[Tensor], frequency: Tensor, last: Tensor, decay: list[Tensor]
) -> None:
    width, found = len(frequency), [tuple(tensor.shape) for tensor in (*layers, last)]
    if not layers:
        raise ValueError("layers must hold at least the first layer, got none")
    expected = [(width, features.shape[1]), (width,)] + [(width, width), (width,)] * (len(layers) // 2 - 1)
    if found != [*expected, (len(last), width)]:
        raise ValueError(
            f"{features.shape[1]} features and {width} frequencies need layers and a last layer of shapes "
            f"{[*expected, (len(last), width)]}, got {found}"
        )
    lengths = [len(tensor) for tensor in decay]
    if decay and lengths != [len(features), len(last)]:
        raise ValueError(
            f"expected {len(features)} times and {len(last)} rates, as many as positions and channels, "
            f"got {lengths[0]} and {lengths[1]}"
        )
