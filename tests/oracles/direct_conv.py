"""The long convolution and its gradients in float64 numpy: sums over every lag (``numpy.convolve``)."""

from typing import NamedTuple

import numpy as np
import torch

NAMES = ("output", "signal", "filters", "skip", "gate", "reverse_filters")
"""What :func:`direct_conv` returns: the output, and the gradients of the inputs."""


class ConvInputs(NamedTuple):
    """Inputs of the operator in its order, and the gradient of its output."""

    signal: torch.Tensor
    filters: torch.Tensor
    skip: torch.Tensor
    gate: torch.Tensor | None
    reverse_filters: torch.Tensor | None
    gradient: torch.Tensor


def draw_conv(
    length, taps=None, *, dtype=torch.float32, batch=2, channels=2, gated=True, reverse=True, seed=0
):
    """Return random inputs; filters and skip in float32 at least."""
    generator = torch.Generator().manual_seed(seed)
    wide = torch.promote_types(dtype, torch.float32)

    def normal(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    signal, gate, gradient = (normal(batch, channels, length).to(dtype) for _ in range(3))
    filters, opposite = (normal(channels, taps or length).to(wide) for _ in range(2))
    skip = normal(channels).to(wide)
    return ConvInputs(signal, filters, skip, gate if gated else None, opposite if reverse else None, gradient)


def direct_conv(inputs):
    """Return the exact output and gradients in the order of NAMES, None for what is not given."""
    u, k, d, gate, reverse, g = (None if each is None else each.double().numpy() for each in inputs)
    q = np.ones_like(u) if gate is None else gate
    r = np.zeros_like(k) if reverse is None else reverse
    length, taps = u.shape[2], k.shape[1]
    mixed, du, dk, dr = (np.zeros_like(array) for array in (u, u, k, k))
    for b, c in np.ndindex(*u.shape[:2]):
        lags = np.concatenate([r[c, :0:-1], k[c]])  # lags 1 - taps to taps - 1
        lags[taps - 1] += d[c]
        outer = g[b, c] * q[b, c]
        mixed[b, c] = np.convolve(u[b, c], lags)[taps - 1 :][:length]
        du[b, c] = np.convolve(outer, lags[::-1])[taps - 1 :][:length]
        products = np.convolve(outer, u[b, c, ::-1])
        after, before = products[length - 1 :][:taps], products[: length - 1][::-1][: taps - 1]
        dk[c, : len(after)] += after
        dr[c, 1 : 1 + len(before)] += before
    found = [q * mixed, du, dk, (g * q * u).sum((0, 2)), g * mixed, dr]
    given = [True, True, True, True, gate is not None, reverse is not None]
    return [torch.from_numpy(array) if present else None for array, present in zip(found, given, strict=True)]
