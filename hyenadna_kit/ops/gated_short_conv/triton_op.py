"""The short convolution and the gate on a GPU: one kernel forward, two backward.

In: projections of any strides; those of a linear layer, [batch, length, projections] transposed, are read
where they lie. Out: the streams. The backward keeps the inputs alone.
"""

from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor

from hyenadna_kit.ops.compile_case import KernelCase
from hyenadna_kit.ops.gated_short_conv.triton_kernels import (
    write_gated_gradients,
    write_passed_gradients,
    write_streams,
)


class _Launch(NamedTuple):
    """How a kernel is cut into programs."""

    elements: int
    """Channels times positions of a block."""
    num_warps: int


# Eight elements a thread: 16 bytes of bfloat16. The backward has more values alive, so fewer threads.
_FORWARD, _BACKWARD = _Launch(2048, 8), _Launch(1024, 4)
_MOST_POSITIONS = 512
_TRANSPOSED_POSITIONS = 64
"""Positions of a block where positions, or where channels are contiguous."""
_ENOUGH_PROGRAMS = 4096
"""From here on a program of the backward takes several blocks: fewer partial sums."""
_NUM_BLOCKS = 16


@torch.library.custom_op("hyenadna_kit::gated_short_conv", mutates_args=())
def fused_sum(projected: Tensor, taps: Tensor, bias: Tensor, channels: int) -> Tensor:
    """Return the streams; see :func:`~hyenadna_kit.ops.gated_short_conv.gated_short_conv`."""
    streams = _empty_streams(projected, channels)
    constants = {
        "NUM_STREAMS": streams.shape[0],
        "NUM_TAPS": taps.shape[1],
        **_block(projected, channels, _FORWARD.elements),
    }
    grid = _grid(projected, channels, constants["BLOCK_C"], constants["BLOCK_L"])
    with torch.cuda.device_of(projected):
        write_streams[grid](
            projected,
            taps.T.contiguous(),  # the kernels read the taps of neighbouring channels in runs
            bias.contiguous(),
            streams,
            channels,
            projected.shape[2],
            *projected.stride(),
            streams.stride(0),
            **constants,
            num_warps=_FORWARD.num_warps,
        )
    return streams


@fused_sum.register_fake
def _(projected: Tensor, taps: Tensor, bias: Tensor, channels: int) -> Tensor:  # noqa: ARG001 - the schema's
    return _empty_streams(projected, channels)


@torch.library.custom_op("hyenadna_kit::gated_short_conv_backward", mutates_args=())
def fused_gradients(
    gradient: Tensor, projected: Tensor, taps: Tensor, bias: Tensor, channels: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of the projections, the taps and the bias."""
    batch, projections, length = projected.shape
    gradient, found = gradient.contiguous(), torch.empty_like(projected)
    constants = _backward_constants(projected, taps, channels)
    width = constants["BLOCK_L"] * constants["NUM_BLOCKS"]
    groups = batch * triton.cdiv(length, width)
    sums = taps.new_empty(groups, projections, taps.shape[1] + 1, dtype=torch.float32)
    grid = _grid(projected, channels, constants["BLOCK_C"], width)
    columns, offsets = taps.T.contiguous(), bias.contiguous()
    strides = (*projected.stride(), *found.stride())
    options = {**constants, "num_warps": _BACKWARD.num_warps}
    with torch.cuda.device_of(projected):
        write_passed_gradients[grid](
            gradient,
            projected,
            columns,
            found,
            sums,
            channels,
            length,
            gradient.stride(0),
            *strides,
            **options,
        )
        write_gated_gradients[grid](
            gradient[-1], projected, columns, offsets, found, sums, channels, length, *strides, **options
        )
    total = sums.sum(0)
    return found, total[:, :-1].to(taps.dtype, copy=True), total[:, -1].to(bias.dtype, copy=True)


@fused_gradients.register_fake
def _(
    gradient: Tensor,  # noqa: ARG001 - the schema's
    projected: Tensor,
    taps: Tensor,
    bias: Tensor,
    channels: int,  # noqa: ARG001 - the schema's
) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(projected), taps.new_empty(taps.shape), bias.new_empty(bias.shape)


def _setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, int], output: Tensor) -> None:  # noqa: ARG001 - the protocol's
    *tensors, ctx.channels = inputs
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
    return *fused_gradients(gradient, *ctx.saved_tensors, ctx.channels), None


fused_sum.register_autograd(_backward, setup_context=_setup_context)


def _empty_streams(projected: Tensor, channels: int) -> Tensor:
    batch, projections, length = projected.shape
    return projected.new_empty(projections // channels - 1, batch, channels, length)


def _block(projected: Tensor, channels: int, elements: int) -> dict[str, int]:
    """Return the channels and positions of a block: longest along the axis that is contiguous."""
    most = _TRANSPOSED_POSITIONS if projected.stride(2) != 1 else _MOST_POSITIONS
    positions = min(most, triton.next_power_of_2(max(1, projected.shape[2])))
    return {"BLOCK_C": min(elements // positions, triton.next_power_of_2(channels)), "BLOCK_L": positions}


def _grid(projected: Tensor, channels: int, channels_each: int, positions_each: int) -> tuple[int]:
    blocks = triton.cdiv(channels, channels_each) * triton.cdiv(projected.shape[2], positions_each)
    return (projected.shape[0] * blocks,)


def _backward_constants(projected: Tensor, taps: Tensor, channels: int) -> dict[str, int]:
    block = _block(projected, channels, _BACKWARD.elements)
    (blocks,) = _grid(projected, channels, block["BLOCK_C"], block["BLOCK_L"])
    return {
        "NUM_STREAMS": projected.shape[1] // channels - 1,
        "NUM_TAPS": taps.shape[1],
        "SUMS": triton.next_power_of_2(taps.shape[1] + 1),
        "NUM_BLOCKS": _NUM_BLOCKS if blocks >= _NUM_BLOCKS * _ENOUGH_PROGRAMS else 1,
        **block,
    }


def compile_cases() -> list[KernelCase]:
    """Return launches for order 2 and 3 taps, by the contiguous axis of the projections.

    A launch tells the compiler which sizes are multiples of 16: those in bfloat16 have all their sizes as
    constants, those in float32 all but what depends on the length.
    """
    kernels = {
        "forward": (write_streams, _FORWARD),
        "backward_passed": (write_passed_gradients, _BACKWARD),
        "backward_gated": (write_gated_gradients, _BACKWARD),
    }
    return [
        _case(f"{name}_{axis}_{dtype}", *kernel, axis)
        for name, kernel in kernels.items()
        for axis in ("channels", "positions")
        for dtype in ("bf16", "fp32")
    ]


def _case(name: str, kernel: Any, launch: _Launch, axis: str) -> KernelCase:
    channels, length, dtype = 256, 8192, name.rpartition("_")[2]
    row, position = (1, 3 * channels) if axis == "channels" else (length, 1)
    sizes = {
        "channels": channels,
        "length": length,
        "stream_stride": channels * length,
        "batch_stride": 3 * channels * length,
        "row_stride": row,
        "position_stride": position,
    }
    known = {**sizes, **{f"to_{size}": value for size, value in sizes.items()}}
    known |= {"NUM_STREAMS": 2, "NUM_TAPS": 3, "SUMS": 4, "NUM_BLOCKS": _NUM_BLOCKS}
    positions = _TRANSPOSED_POSITIONS if axis == "channels" else _MOST_POSITIONS
    known |= {"BLOCK_C": launch.elements // positions, "BLOCK_L": positions}
    signature = {argument: f"*{dtype}" for argument in kernel.arg_names if argument not in known}
    signature |= {argument: "*fp32" for argument in ("taps", "bias", "sums") if argument in signature}
    if dtype == "fp32":
        any_length = {size for size, value in known.items() if size in kernel.arg_names and value == length}
        signature |= dict.fromkeys(any_length, "i32")
    constants = {a: known[a] for a in kernel.arg_names if a not in signature}
    return KernelCase(
        name=name, kernel=kernel, signature=signature, constexprs=constants, num_warps=launch.num_warps
    )
