"""The long convolution on a GPU as one operator of PyTorch: in the graph, its gradient is another.

In: the tensors of ``long_conv``. Out: its output. Rows that one program can hold take the kernels of
``fused_op``, longer ones those of ``staged_op``. The backward keeps the inputs alone and computes
everything else again.
"""

from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from hyenadna_kit.ops.backends import Problem
from hyenadna_kit.ops.long_conv import fused_op, staged_op


@torch.library.custom_op("hyenadna_kit::long_conv", mutates_args=())
def convolve(
    signal: Tensor,
    filters: Tensor,
    skip: Tensor,
    gate: Tensor | None = None,
    reverse_filters: Tensor | None = None,
) -> Tensor:
    """Convolve; see :func:`~hyenadna_kit.ops.long_conv.long_conv`."""
    with torch.autocast(signal.device.type, enabled=False):
        output: Tensor = _kernels(signal).forward(signal, filters, skip, gate, reverse_filters)
        return output


@convolve.register_fake
def _(
    signal: Tensor,
    filters: Tensor,  # noqa: ARG001 - the schema's
    skip: Tensor,  # noqa: ARG001 - the schema's
    gate: Tensor | None = None,  # noqa: ARG001 - the schema's
    reverse_filters: Tensor | None = None,  # noqa: ARG001 - the schema's
) -> Tensor:
    return torch.empty_like(signal, memory_format=torch.contiguous_format)


@torch.library.custom_op("hyenadna_kit::long_conv_backward", mutates_args=())
def gradients(
    grad_output: Tensor,
    signal: Tensor,
    filters: Tensor,
    skip: Tensor,
    gate: Tensor | None,
    reverse_filters: Tensor | None,
) -> list[Tensor]:
    """Return the gradients of signal, filters, skip, and of what else is given."""
    inputs = (signal, filters, skip, gate, reverse_filters)
    with torch.autocast(signal.device.type, enabled=False):
        found = _kernels(signal).backward(grad_output, *inputs)
    return [gradient for gradient in found if gradient is not None]


@gradients.register_fake
def _(
    grad_output: Tensor,  # noqa: ARG001 - the schema's
    signal: Tensor,
    filters: Tensor,
    skip: Tensor,
    gate: Tensor | None,
    reverse_filters: Tensor | None,
) -> list[Tensor]:
    inputs = (signal, filters, skip, gate, reverse_filters)
    return [
        torch.empty_like(tensor, memory_format=torch.contiguous_format)
        for tensor in inputs
        if tensor is not None
    ]


def _kernels(signal: Tensor) -> ModuleType:
    problem = Problem(signal.device, signal.dtype, signal.shape[2])
    return fused_op if fused_op.why_not(problem) is None else staged_op


def _keep_inputs(ctx: Any, inputs: tuple[Tensor | None, ...], output: Tensor) -> None:  # noqa: ARG001 - the protocol's
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
    inputs = ctx.saved_tensors
    found = iter(gradients(grad_output, *inputs))
    return tuple(None if tensor is None else next(found) for tensor in inputs)


convolve.register_autograd(_backward, setup_context=_keep_inputs)
