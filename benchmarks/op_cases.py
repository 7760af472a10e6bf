"""The operators with inputs, the plain way to compute them, their error and their time.

What ``ops.py`` and ``gpu.py`` share. The plain way is stock PyTorch as the published algorithm has it:
transforms of twice the length, ``conv1d`` with padding and crop, the filters' network layer by layer.
"""

import importlib
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from measure import alternate, relative_rms
from plain import EMB_DIM, FILTER_WIDTH, NUM_TAPS, SINE_FREQUENCY, fft_convolution, position_features
from torch import Tensor

from hyenadna_kit.ops.backends import Problem
from hyenadna_kit.ops.gated_short_conv import gated_short_conv
from hyenadna_kit.ops.implicit_filter import implicit_filter
from hyenadna_kit.ops.long_conv import long_conv

ROTATED_BYTES = 256 * 2**20
"""Inputs in rotation hold at least this many bytes together: more than any cache."""
Inputs = tuple[Tensor, ...]


class Size(NamedTuple):
    """How much an operator is given."""

    batch: int
    channels: int
    length: int
    dtype: torch.dtype
    device: torch.device


class OpCase(NamedTuple):
    """One operator in one use."""

    name: str
    operator: str
    """Package of ``hyenadna_kit.ops``."""
    make: Callable[[Size], Inputs]
    """Return fresh random inputs."""
    ours: Callable[[Inputs, str], Tensor]
    """Call the operator with a backend."""
    plain: Callable[[Inputs], Tensor | Inputs]
    """Compute the same in stock PyTorch; several streams may come as a tuple."""
    constants: int = 0
    """How many of the first inputs take no gradient."""
    dtypes: tuple[torch.dtype, ...] = (torch.float32, torch.bfloat16)
    """Number formats of the signal."""

    def backends(self, size: Size) -> list[str]:
        """Return the backends that can run, without the reference, which is slow."""
        problem = Problem(size.device, size.dtype, size.length)
        return [
            backend.name
            for backend in importlib.import_module(f"hyenadna_kit.ops.{self.operator}").BACKENDS
            if backend.name != "reference" and backend.why_not(problem) is None
        ]


def decaying_filters(size: Size) -> Tensor:
    """Return random filters that decay as trained ones do, in float32."""
    rates = torch.linspace(3.07, 15.35, size.channels, device=size.device)[:, None]
    times = torch.linspace(0, 1, size.length, device=size.device)
    noise = torch.randn(size.channels, size.length, device=size.device)
    return 0.02 * noise * torch.exp(-rates * times)


def conv_inputs(size: Size) -> Inputs:
    """Return signal, gate, filters and skip."""
    shape = (size.batch, size.channels, size.length)
    signal, gate = (torch.randn(shape, device=size.device).to(size.dtype) for _ in range(2))
    return signal, gate, decaying_filters(size), torch.randn(size.channels, device=size.device)


def conv_ours(inputs: Inputs, backend: str) -> Tensor:
    """Convolve and gate."""
    signal, gate, filters, skip = inputs
    return long_conv(signal, filters, skip, gate=gate, backend=backend)


def conv_plain(inputs: Inputs) -> Tensor:
    """Convolve by a transform of twice the length, then gate."""
    signal, gate, filters, skip = inputs
    return gate * fft_convolution(signal, filters, skip)


def two_sided_inputs(size: Size) -> Inputs:
    """Return the inputs of a convolution and the filters of the other direction."""
    return (*conv_inputs(size), decaying_filters(size))


def two_sided_ours(inputs: Inputs, backend: str) -> Tensor:
    """Convolve in both directions and gate."""
    signal, gate, filters, skip, reverse = inputs
    return long_conv(signal, filters, skip, gate=gate, reverse_filters=reverse, backend=backend)


def two_sided_plain(inputs: Inputs) -> Tensor:
    """Convolve in both directions by one circular transform of twice the length, then gate."""
    signal, gate, filters, skip, reverse = inputs
    length = signal.shape[2]
    around = torch.cat([filters, torch.zeros_like(filters[:, :1]), reverse[:, 1:].flip(1)], dim=1)
    spectrum = torch.fft.rfft(signal.to(filters.dtype), n=2 * length) * torch.fft.rfft(around, n=2 * length)
    convolved = torch.fft.irfft(spectrum, n=2 * length)[..., :length]
    return gate * (convolved + signal * skip[:, None]).to(signal.dtype)


def short_inputs(size: Size) -> Inputs:
    """Return projections as a transposed view of what a linear layer writes, taps and bias."""
    projections = 3 * size.channels
    projected = torch.randn(size.batch, size.length, projections, device=size.device).to(size.dtype)
    taps = torch.randn(projections, NUM_TAPS, device=size.device)
    return projected.transpose(1, 2), taps, torch.randn(projections, device=size.device)


def short_contiguous_inputs(size: Size) -> Inputs:
    """Return projections that lie channel by channel, taps and bias."""
    projected, taps, bias = short_inputs(size)
    return projected.contiguous(), taps, bias


def short_ours(inputs: Inputs, backend: str) -> Tensor:
    """Convolve, split and gate."""
    projected, taps, bias = inputs
    return gated_short_conv(projected, taps, bias, channels=taps.shape[0] // 3, backend=backend)


def short_plain(inputs: Inputs) -> Inputs:
    """Convolve with padding, crop, split, multiply."""
    projected, taps, bias = inputs
    channels, num_taps = taps.shape
    mixed = torch.nn.functional.conv1d(
        projected,
        taps[:, None].to(projected.dtype),
        bias.to(projected.dtype),
        padding=num_taps - 1,
        groups=channels,
    )[..., : projected.shape[2]]
    x0, x1, value = mixed.split(channels // 3, dim=1)
    return x0, value * x1


def filter_inputs(size: Size) -> Inputs:
    """Return features, times, rates; weight and bias of three layers, frequency and the last weight."""
    times, features = (each.float() for each in position_features(max(2, size.length)))
    rates = torch.linspace(3.07, 15.35, size.channels)
    layers: list[Tensor] = []
    for width in (EMB_DIM, FILTER_WIDTH, FILTER_WIDTH):
        layers += [0.3 * torch.randn(FILTER_WIDTH, width) / math.sqrt(width), 0.1 * torch.randn(FILTER_WIDTH)]
    frequency = torch.full((FILTER_WIDTH,), SINE_FREQUENCY)
    last = torch.randn(size.channels, FILTER_WIDTH) / math.sqrt(FILTER_WIDTH)
    inputs = (features[: size.length], times[: size.length], rates, *layers, frequency, last)
    return tuple(each.to(size.device) for each in inputs)


def filter_ours(inputs: Inputs, backend: str) -> Tensor:
    """Make the filters."""
    features, times, rates, *layers, frequency, last = inputs
    pairs = list(zip(layers[::2], layers[1::2], strict=True))
    return implicit_filter(features, times, pairs, frequency, last, rates, 0.0, backend=backend)


def filter_plain(inputs: Inputs) -> Tensor:
    """Make the filters layer by layer, and return them as a transposed view."""
    features, times, rates, *layers, frequency, last = inputs
    hidden = features
    for weight, bias in zip(layers[::2], layers[1::2], strict=True):
        hidden = torch.sin(frequency * torch.nn.functional.linear(hidden, weight, bias))
    return (torch.nn.functional.linear(hidden, last) * torch.exp(-times[:, None] * rates)).T


CASES = {
    case.name: case
    for case in (
        OpCase("long_conv", "long_conv", conv_inputs, conv_ours, conv_plain),
        OpCase("long_conv_two_sided", "long_conv", two_sided_inputs, two_sided_ours, two_sided_plain),
        OpCase("gated_short_conv", "gated_short_conv", short_inputs, short_ours, short_plain),
        OpCase(
            "gated_short_conv_contiguous",
            "gated_short_conv",
            short_contiguous_inputs,
            short_ours,
            short_plain,
        ),
        OpCase(
            "implicit_filter",
            "implicit_filter",
            filter_inputs,
            filter_ours,
            filter_plain,
            constants=3,
            dtypes=(torch.float32,),
        ),
    )
}


def leaves(case: OpCase, inputs: Inputs) -> Inputs:
    """Let the inputs take gradients, but for the constants."""
    return tuple(each.detach().requires_grad_(place >= case.constants) for place, each in enumerate(inputs))


def gradients(
    case: OpCase, output: Tensor | Inputs, inputs: Inputs, gradient: Tensor | None = None
) -> Inputs:
    """Return the gradients of all inputs but the constants; None stands for a gradient of ones."""
    outputs = output if isinstance(output, tuple) else (output,)
    seeds = tuple(map(torch.ones_like, outputs)) if gradient is None else (gradient,)
    return torch.autograd.grad(outputs, inputs[case.constants :], seeds, materialize_grads=True)


class Errors(NamedTuple):
    """Relative RMS errors against float64."""

    output: float
    gradients: float
    """Of the gradient that is furthest off."""


def errors(case: OpCase, size: Size, backends: Sequence[str]) -> dict[str, Errors]:
    """Return the errors of the plain way and of every backend against float64 on the CPU."""
    inputs = case.make(size)
    wide = leaves(case, tuple(each.double().cpu() for each in inputs))
    expected = stacked(case.plain(wide))
    gradient = torch.randn(expected.shape).to(size.dtype)
    expected_gradients = gradients(case, expected, wide, gradient.double())
    sides: dict[str, Callable[[Inputs], Tensor | Inputs]] = {"plain": case.plain}
    sides |= {name: (lambda inputs, b=name: case.ours(inputs, b)) for name in backends}
    found = {}
    for name, function in sides.items():
        mine = leaves(case, inputs)
        output = stacked(function(mine))
        pairs = zip(gradients(case, output, mine, gradient.to(size.device)), expected_gradients, strict=True)
        worst = max_or_nan([relative_rms(actual.cpu(), true) for actual, true in pairs])
        found[name] = Errors(relative_rms(output.detach().cpu(), expected.detach()), worst)
    return found


def stacked(output: Tensor | Inputs) -> Tensor:
    """Return several streams as one tensor."""
    return torch.stack(output) if isinstance(output, tuple) else output


def max_or_nan(values: Sequence[float]) -> float:
    """Return the largest, or NaN where there is one."""
    return math.nan if any(map(math.isnan, values)) else max(values)


def measure(case: OpCase, size: Size, backends: Sequence[str], *, budget: float) -> list[dict[str, Any]]:
    """Return a row for every side and pass: milliseconds, ratio to the plain way, GB/s.

    GB/s counts the fewest bytes: every input and output once, in the backward the inputs again, the
    gradient of the output and the gradients of the inputs.
    """
    first = case.make(size)
    given = sum(each.nbytes for each in first)
    copies = max(2, min(6, -(-ROTATED_BYTES // given))) if size.device.type == "cuda" else 2
    rotation = [leaves(case, each) for each in (first, *(case.make(size) for _ in range(copies - 1)))]
    returned = case.ours(rotation[0], backends[0]).nbytes
    sides: dict[str, Callable[[Inputs], Tensor | Inputs]] = {"plain": case.plain}
    sides |= {name: (lambda inputs, b=name: case.ours(inputs, b)) for name in backends}
    backward = {
        name: (lambda inputs, f=function: gradients(case, f(inputs), inputs))
        for name, function in sides.items()
    }
    with torch.no_grad():
        forward_times = alternate(sides, rotation, size.device, budget=budget)
    backward_times = alternate(backward, rotation, size.device, budget=budget)
    return [
        *rows(case, size, "forward", forward_times, given + returned),
        *rows(case, size, "backward", backward_times, 3 * given + 2 * returned),
    ]


def rows(
    case: OpCase, size: Size, direction: str, seconds: dict[str, float], num_bytes: int
) -> list[dict[str, Any]]:
    """Return one row a side."""
    return [
        {
            "op": case.name,
            "length": size.length,
            "batch": size.batch,
            "channels": size.channels,
            "dtype": str(size.dtype).removeprefix("torch."),
            "pass": direction,
            "side": side,
            "ms": round(1e3 * taken, 5),
            "plain_over": round(seconds["plain"] / taken, 3),
            "gb_per_s": round(num_bytes / taken / 1e9, 2),
        }
        for side, taken in seconds.items()
    ]
