"""Launch the kernels of sequences of up to 8192 positions: one program for every row.

In: the tensors of ``long_conv``. Out: its output, or the gradients of its inputs. Signals of 16 bits are
transformed with float16 operands (relative RMS error 4e-4 to 7e-4, a third of the rounding of a bfloat16
output), float32 signals of up to 2048 positions with three tf32 products for each product.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from jaxtyping import Float
from torch import Tensor

from hyenadna_kit.ops.backends import Problem
from hyenadna_kit.ops.compile_case import KernelCase
from hyenadna_kit.ops.long_conv import triton_kernels as kernels
from hyenadna_kit.ops.long_conv.dft import dft_matrix, twiddles
from hyenadna_kit.ops.triton_support import shared_memory, why_not_triton

Gradients = tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor | None]
"""Gradients of signal, filters, skip, gate and reverse filters."""


class Launch(NamedTuple):
    """How a kernel is cut into programs."""

    rows: int
    """Frequencies at a time: K1 of the kernels."""
    num_warps: int


class Shape(NamedTuple):
    """How sequences of up to so many positions are computed, in one number format."""

    rows: int
    """Rows of the transform: N1 of the kernels."""
    columns: int
    """Columns of the transform: N2."""
    convolve: Launch
    """Launch of the convolution and of the transform of the filters."""
    correlate: Launch
    """Launch of the gradient of the filters."""
    shared_bytes: int
    """Shared memory of the hungriest of the kernels, on any GPU; the compile gate holds it."""


# The launches that spill least on sm_90.
_HALF = {
    1024: Shape(32, 32, Launch(32, 4), Launch(32, 4), 8192),
    2048: Shape(64, 32, Launch(64, 4), Launch(64, 4), 32768),
    4096: Shape(64, 64, Launch(64, 4), Launch(32, 8), 32768),
    8192: Shape(128, 64, Launch(64, 8), Launch(32, 8), 73728),
}
# From 4096 on what three products keep at hand no longer fits in registers before sm_90.
_SINGLE = {
    1024: Shape(32, 32, Launch(32, 8), Launch(16, 8), 8192),
    2048: Shape(64, 32, Launch(16, 8), Launch(16, 8), 38912),
}

# The gradient of the filters shares out the batch until every multiprocessor has a few programs.
_ENOUGH_PROGRAMS = 1024


def longest(dtype: torch.dtype) -> int:
    """Return the most positions of a signal of that number format."""
    return max(_shapes(dtype))


def shape_for(dtype: torch.dtype, length: int) -> Shape:
    """Return how signals of that number format and length (at most the longest) are computed."""
    return next(shape for most, shape in _shapes(dtype).items() if length <= most)


def why_not(problem: Problem) -> str | None:
    """Return why the kernels cannot run on ``problem``, or None."""
    if reason := why_not_triton(problem):
        return reason
    if problem.length > (most := longest(problem.dtype)):
        return f"a program holds {most} positions of {problem.dtype}, the signal has {problem.length}"
    needed, available = shape_for(problem.dtype, problem.length).shared_bytes, shared_memory(problem.device)
    if needed > available:
        return f"it needs {needed} bytes of shared memory, this GPU has {available}"
    return None


def forward(
    signal: Float[Tensor, "batch channels length"],
    filters: Float[Tensor, "channels taps"],
    skip: Float[Tensor, " channels"],
    gate: Float[Tensor, "batch channels length"] | None,
    reverse_filters: Float[Tensor, "channels taps"] | None,
) -> Float[Tensor, "batch channels length"]:
    """Convolve; see :func:`~hyenadna_kit.ops.long_conv.long_conv`.

    Args:
        signal: One row per channel, at most ``longest(signal.dtype)`` positions.
        filters: At most as many taps as the signal has positions.
        skip: Weight of the signal itself.
        gate: Factor of the output, or None for 1.
        reverse_filters: Taps of the positions downstream, or None for 0.
    """
    rows = _Rows(signal, filters, skip, reverse_filters)
    return rows.convolve(signal, after=gate)


def backward(
    grad_output: Float[Tensor, "batch channels length"],
    signal: Float[Tensor, "batch channels length"],
    filters: Float[Tensor, "channels taps"],
    skip: Float[Tensor, " channels"],
    gate: Float[Tensor, "batch channels length"] | None,
    reverse_filters: Float[Tensor, "channels taps"] | None,
) -> Gradients:
    """Return the gradients of signal, filters, skip, gate and reverse filters; some None.

    Those of filters and skip are float32 sums, in the number format of ``filters`` and ``skip``.

    Args:
        grad_output: Gradient of the output.
        signal: As for :func:`forward`, and so are the others.
        filters: See there.
        skip: See there.
        gate: See there.
        reverse_filters: See there.
    """
    rows = _Rows(signal, filters, skip, reverse_filters)
    grad_signal = rows.convolve(grad_output, before=gate, conjugate=True)
    grad_gate = None if gate is None else rows.convolve(signal, after=grad_output).to(gate.dtype)
    grad_filters, grad_skip, grad_reverse = rows.correlate(signal, grad_output, gate)
    if grad_reverse is not None:
        grad_reverse = grad_reverse.to(filters.dtype)
    return grad_signal, grad_filters.to(filters.dtype), grad_skip.to(skip.dtype), grad_gate, grad_reverse


class _Rows:
    """The launches for one signal and its filters."""

    def __init__(self, signal: Tensor, filters: Tensor, skip: Tensor, reverse: Tensor | None) -> None:
        self.shape = shape_for(signal.dtype, signal.shape[2])
        self.format = _format(signal.dtype)
        self.filters = filters.float().contiguous()
        self.reverse = None if reverse is None else reverse.float().contiguous()
        self.skip = skip.float().contiguous()
        rows, columns = self.shape.rows, self.shape.columns
        self.tables = (
            dft_matrix(rows, signal.device, quarters=1, dtype=self.format),
            twiddles(rows, columns, signal.device, quarters=1, dtype=self.format),
            dft_matrix(columns, signal.device, dtype=self.format),
        )
        channels = len(self.filters)
        self.scales = torch.empty_like(self.skip)
        self.spectrum = torch.empty(channels, 2, rows * columns, dtype=self.format, device=signal.device)
        with torch.cuda.device_of(signal):
            kernels.transform_filters[(channels,)](
                self.filters, self.reverse, self.spectrum, self.scales, *self.tables, filters.shape[1],
                **self.constants(self.shape.convolve),
            )  # fmt: skip

    def convolve(
        self, signal: Tensor, *, before: Tensor | None = None, after: Tensor | None = None,
        conjugate: bool = False,
    ) -> Tensor:  # fmt: skip
        """Return ``after * (filter(x) + skip * x)`` with ``x = before * signal``."""
        batch, channels, length = signal.shape
        output = torch.empty_like(signal, memory_format=torch.contiguous_format)
        with torch.cuda.device_of(signal):
            kernels.convolve_rows[(batch * channels,)](
                signal.contiguous(), _contiguous(before), self.spectrum, self.scales, self.skip,
                _contiguous(after), output, *self.tables, batch, channels, length,
                CONJUGATE=conjugate, **self.constants(self.shape.convolve),
            )  # fmt: skip
        return output

    def correlate(
        self, signal: Tensor, gradient: Tensor, gate: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the gradients of the filters, the skip and the reverse filters, in float32."""
        batch, channels, length = signal.shape
        blocks = self.shape.rows // self.shape.correlate.rows
        shares = min(batch, triton.cdiv(_ENOUGH_PROGRAMS, channels * blocks))
        parts = self.filters.new_empty(shares * blocks, *self.filters.shape)
        reverse = None if self.reverse is None else torch.empty_like(parts)
        skip = self.skip.new_empty(shares, channels)
        with torch.cuda.device_of(signal):
            kernels.correlate_rows[(channels, shares, blocks)](
                signal.contiguous(), gradient.contiguous(), _contiguous(gate), parts, reverse, skip,
                *self.tables, batch, channels, length, parts.shape[2],
                **self.constants(self.shape.correlate),
            )  # fmt: skip
        return parts.sum(0), skip.sum(0), None if reverse is None else reverse.sum(0)

    def constants(self, launch: Launch) -> dict[str, Any]:
        """Return the constants of a kernel."""
        return _constants(self.shape, launch, self.format) | {"num_warps": launch.num_warps, "num_stages": 1}


def compile_cases() -> list[KernelCase]:
    """Return the ways in which each kernel is launched, forward and backward, with a gate."""
    return [
        case
        for dtype in (torch.bfloat16, torch.float32)
        for length in _shapes(dtype)
        for case in _cases(length, dtype)
    ]


def _cases(length: int, dtype: torch.dtype) -> Iterator[KernelCase]:
    shape, number = shape_for(dtype, length), "bf16" if dtype == torch.bfloat16 else "fp32"
    operand = "*fp16" if dtype == torch.bfloat16 else "*fp32"
    types = dict.fromkeys(("filters", "scales", "skip", "reverse"), "*fp32")
    types |= dict.fromkeys(("spectrum", "first", "twiddle", "second"), operand)
    types |= dict.fromkeys(("signal", "gradient", "before", "after", "gate", "output"), f"*{number}")
    types |= dict.fromkeys(("batch", "channels", "length", "taps"), "i32")
    forward, back = {"before": None, "CONJUGATE": False}, {"after": None, "CONJUGATE": True}
    for name, kernel, launch, given in (
        ("transform", kernels.transform_filters, shape.convolve, {}),
        ("convolve", kernels.convolve_rows, shape.convolve, forward),
        ("convolve_back", kernels.convolve_rows, shape.convolve, back),
        ("correlate", kernels.correlate_rows, shape.correlate, {}),
    ):
        constants = _constants(shape, launch, _format(dtype)) | given
        yield KernelCase(
            name=f"{name}_{length}_{number}",
            kernel=kernel,
            signature={each: types[each] for each in kernel.arg_names if each not in constants},
            constexprs=constants,
            num_warps=launch.num_warps,
            num_stages=1,
            least_shared_memory=shape.shared_bytes,
        )


def _shapes(dtype: torch.dtype) -> dict[int, Shape]:
    return _SINGLE if dtype == torch.float32 else _HALF


def _format(dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if dtype == torch.float32 else torch.float16


def _constants(shape: Shape, launch: Launch, number: torch.dtype) -> dict[str, Any]:
    operands = tl.float16 if number == torch.float16 else tl.float32
    return {"N1": shape.rows, "N2": shape.columns, "K1": launch.rows, "FORMAT": operands}


def _contiguous(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.contiguous()
