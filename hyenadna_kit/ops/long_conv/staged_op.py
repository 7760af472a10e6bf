"""Launch the three kernels of long sequences, a few channels at a time.

In: the tensors of ``long_conv``. Out: its output, or the gradients of its inputs. The temporaries of the
channels (or, for very long sequences, the batch items) that are computed together stay within
``Plan.temporary_bytes``, which keeps them in the L2 cache of a data-centre GPU; every tensor of the
caller is read and written once or twice.
"""

from collections.abc import Iterator

import torch
import triton
from jaxtyping import Float
from torch import Tensor

from hyenadna_kit.ops.backends import Problem
from hyenadna_kit.ops.long_conv import staged_body_kernels as body
from hyenadna_kit.ops.long_conv import staged_kernels as kernels
from hyenadna_kit.ops.long_conv.dft import dft_matrix, twiddles
from hyenadna_kit.ops.long_conv.staged_cases import compile_cases
from hyenadna_kit.ops.long_conv.staged_plan import SUMMED, Plan, plan_for
from hyenadna_kit.ops.triton_support import why_not_triton

__all__ = ["LONGEST", "Gradients", "backward", "compile_cases", "forward", "why_not"]

LONGEST = 1 << 23
"""Most positions: beyond, the table and the products of the outer transform grow out of proportion."""

Gradients = tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor | None]
"""Gradients of signal, filters, skip, gate and reverse filters."""


def why_not(problem: Problem) -> str | None:
    """Return why the kernels cannot run on ``problem``, or None."""
    if problem.length > LONGEST:
        return f"it takes up to {LONGEST} positions, the signal has {problem.length}"
    return why_not_triton(problem)


def forward(
    signal: Float[Tensor, "batch channels length"],
    filters: Float[Tensor, "channels taps"],
    skip: Float[Tensor, " channels"],
    gate: Float[Tensor, "batch channels length"] | None,
    reverse_filters: Float[Tensor, "channels taps"] | None,
    *,
    plan: Plan | None = None,
) -> Float[Tensor, "batch channels length"]:
    """Convolve; see :func:`~hyenadna_kit.ops.long_conv.long_conv`.

    Args:
        signal: One row per channel.
        filters: At most as many taps as the signal has positions.
        skip: Weight of the signal itself.
        gate: Factor of the output, or None for 1.
        reverse_filters: Taps of the positions downstream, or None for 0.
        plan: How to cut; None picks by number format and length.
    """
    stages = _Stages(signal, plan)
    output = torch.empty_like(signal, memory_format=torch.contiguous_format)
    signal, gate = _rows(signal), gate if gate is None else _rows(gate)
    with torch.cuda.device_of(signal):
        for channels, batches in stages.groups(signal, items=1, others=1):
            spectrum = stages.spectrum(filters, reverse_filters, skip, channels)
            for items in batches:
                planes = stages.outer(signal[items, channels])
                stages.product(planes, spectrum)
                stages.inverse(planes, output[items, channels], _part(gate, items, channels))
    return output


def backward(
    grad_output: Float[Tensor, "batch channels length"],
    signal: Float[Tensor, "batch channels length"],
    filters: Float[Tensor, "channels taps"],
    skip: Float[Tensor, " channels"],
    gate: Float[Tensor, "batch channels length"] | None,
    reverse_filters: Float[Tensor, "channels taps"] | None,
    *,
    plan: Plan | None = None,
) -> Gradients:
    """Return the gradients of signal, filters, skip, gate and reverse filters; some None.

    The arguments are those of :func:`forward` after the gradient of its output.
    """
    stages = _Stages(signal, plan)
    grad_signal = torch.empty_like(signal, memory_format=torch.contiguous_format)
    grad_gate = None if gate is None else torch.empty_like(gate, memory_format=torch.contiguous_format)
    grad_filters = torch.empty(filters.shape, device=signal.device)
    grad_reverse = None if reverse_filters is None else torch.empty_like(grad_filters)
    grad_skip = torch.zeros(skip.shape, device=signal.device)
    signal, grad_output, gate = _rows(signal), _rows(grad_output), gate if gate is None else _rows(gate)
    with torch.cuda.device_of(signal):
        for channels, batches in stages.groups(signal, items=2, others=3):
            spectrum = stages.spectrum(filters, reverse_filters, skip, channels)
            lags = None
            for items in batches:
                rows = signal[items, channels], grad_output[items, channels], _part(gate, items, channels)
                grad_skip[channels] += stages.inner_products(*rows)
                inputs = stages.transform(stages.outer(rows[0]))
                gradients = stages.outer(*rows[1:])
                share = stages.correlate(inputs, stages.transform(gradients))
                lags = share if lags is None else lags.add_(share)
                stages.product(gradients, spectrum, transformed=True, conjugate=True)
                stages.inverse(gradients, grad_signal[items, channels])
                if grad_gate is not None:
                    stages.product(inputs, spectrum, transformed=True)
                    stages.inverse(inputs, grad_gate[items, channels], rows[1])
            reverse = None if grad_reverse is None else grad_reverse[channels]
            lags = torch.zeros_like(spectrum) if lags is None else lags  # a batch of none
            stages.inverse(lags, grad_filters[None, channels], reverse=reverse)
    if reverse_filters is not None and grad_reverse is not None:
        grad_reverse = grad_reverse.to(reverse_filters.dtype)
    return grad_signal, grad_filters.to(filters.dtype), grad_skip.to(skip.dtype), grad_gate, grad_reverse


class _Stages:
    """The launches on one device, for one length."""

    def __init__(self, signal: Tensor, plan: Plan | None) -> None:
        self.plan = plan or plan_for(Problem(signal.device, signal.dtype, signal.shape[2]))
        rows, columns = self.plan.body
        self.device = signal.device
        self.body = self.plan.body_constants()
        self.count = self.plan.outer_points(signal.shape[2])
        self.outside = self.plan.outer_constants(self.count)
        self.table = self._matrix(self.count, quarters=1)
        self.tables = (
            self._matrix(rows), twiddles(rows, columns, signal.device), self._matrix(columns)
        )  # fmt: skip

    def groups(self, signal: Tensor, *, items: int, others: int) -> Iterator[tuple[slice, list[slice]]]:
        """Yield channels to take together, and the batch items of each turn.

        A channel needs ``items`` rows of temporaries for every batch item, and ``others``.
        """
        batch, channels, _ = signal.shape
        row = 2 * self.count * self.plan.points * self.plan.temporaries.itemsize
        fitting = self.plan.temporary_bytes // row
        together = max(1, fitting // (others + items * batch))
        turn = max(1, batch if together > 1 else min(batch, (fitting - others) // items))
        batches = [slice(start, min(start + turn, batch)) for start in range(0, batch, turn)]
        for start in range(0, channels, together):
            yield slice(start, min(start + together, channels)), batches

    def spectrum(self, filters: Tensor, reverse: Tensor | None, skip: Tensor, channels: slice) -> Tensor:
        """Return the spectra of the filters of some channels, with the skip in tap 0."""
        rows = filters[None, channels].float().contiguous()
        reverse = None if reverse is None else reverse[channels].float().contiguous()
        return self.transform(self.outer(rows, reverse=reverse, skip=skip[channels].float().contiguous()))

    def outer(
        self, source: Tensor, gate: Tensor | None = None, reverse: Tensor | None = None,
        skip: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """Return the planes of ``gate * source``, batch channels length, or of filters with batch 1."""
        batch, channels, length = source.shape
        planes = self._planes(batch, channels)
        kernels.outer[self._outer_grid(planes)](
            source, gate, reverse, skip, planes, self.table,
            *_strides(source), *_strides(gate), channels, length, self.count, **self.outside,
        )  # fmt: skip
        return planes

    def inverse(
        self, planes: Tensor, target: Tensor, gate: Tensor | None = None, reverse: Tensor | None = None
    ) -> None:
        """Write ``gate`` times the rows that ``planes`` stand for to ``target`` and ``reverse``."""
        _, channels, length = target.shape
        kernels.outer_inverse[self._outer_grid(planes)](
            planes, gate, target, reverse, self.table,
            *_strides(gate), *_strides(target), channels, length, self.count, **self.outside,
        )  # fmt: skip

    def transform(self, planes: Tensor) -> Tensor:
        """Turn planes into spectra, in place, and return them."""
        body.transform[self._body_grid(planes)](planes, *self.tables, self.count, **self.body)
        return planes

    def product(
        self, planes: Tensor, spectrum: Tensor, *, transformed: bool = False, conjugate: bool = False
    ) -> None:
        """Multiply by the spectra of the channels and go back, in place."""
        body.product[self._body_grid(planes)](
            planes, spectrum, *self.tables, planes.shape[1], self.count,
            TRANSFORMED=transformed, CONJUGATE=conjugate, **self.body,
        )  # fmt: skip

    def correlate(self, spectrum: Tensor, other: Tensor) -> Tensor:
        """Return planes of the correlations of signals and gradients, summed over the batch."""
        batch, channels = spectrum.shape[:2]
        shares = min(batch, triton.cdiv(self.plan.programs, channels * self.count))
        items = triton.cdiv(batch, shares)
        target = self._planes(triton.cdiv(batch, items), channels)
        body.correlate[self._body_grid(target)](
            spectrum, other, target, *self.tables, batch * channels, channels, self.count, items,
            **self.body,
        )  # fmt: skip
        return target if len(target) == 1 else target.sum(0, keepdim=True)

    def inner_products(self, signal: Tensor, gradient: Tensor, gate: Tensor | None) -> Tensor:
        """Return the sums of ``signal * gradient * gate`` of every channel."""
        batch, channels, length = signal.shape
        sums = torch.empty(batch, channels, triton.cdiv(length, SUMMED), device=self.device)
        kernels.inner_products[(sums.numel(),)](
            signal, gradient, gate, sums,
            *_strides(signal), *_strides(gradient), *_strides(gate), channels, length, POSITIONS=SUMMED,
        )  # fmt: skip
        return sums.sum((0, 2))

    def _matrix(self, size: int, quarters: int = 0) -> Tensor:
        table = dft_matrix(size, self.device, quarters=quarters)
        # float16 rounds to the bits of tf32, and is half to read.
        return table.half() if self.plan.precision == "tf32" else table

    def _planes(self, batch: int, channels: int) -> Tensor:
        shape = (batch, channels, 2, self.count, self.plan.points)
        return torch.empty(shape, dtype=self.plan.temporaries, device=self.device)

    def _outer_grid(self, planes: Tensor) -> tuple[int]:
        tiles = self.plan.points // self.plan.tile
        return (planes.shape[0] * planes.shape[1] * tiles * self.plan.outer_blocks(self.count),)

    def _body_grid(self, planes: Tensor) -> tuple[int]:
        return (planes.shape[0] * planes.shape[1] * self.count,)


def _rows(tensor: Tensor) -> Tensor:
    # The kernels take any strides of batch and channel, and neighbours along the length.
    return tensor if tensor.stride(2) == 1 else tensor.contiguous()


def _part(tensor: Tensor | None, items: slice, channels: slice) -> Tensor | None:
    return None if tensor is None else tensor[items, channels]


def _strides(tensor: Tensor | None) -> tuple[int, int]:
    return (0, 0) if tensor is None else (tensor.stride(0), tensor.stride(1))
