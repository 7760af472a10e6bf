"""The short causal convolution of all projections and the first gate, in one operator.

An operator of order N projects its input N + 1 times: x_0, ..., x_{N-1} and v, ``channels`` rows each.

    mixed[b, p, l] = bias[p] + sum_t taps[p, t] * projected[b, p, l - (num_taps - 1) + t]
    result         = x_0, ..., x_{N-2}, v . x_{N-1}    of mixed

What comes out is what the long convolutions read: N streams, each contiguous along the sequence.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from hyenadna_kit.ops.backends import AUTO, Backend, Problem, choose
from hyenadna_kit.ops.gated_short_conv.eager import tiled_sum
from hyenadna_kit.ops.gated_short_conv.reference import shifted_sum
from hyenadna_kit.ops.triton_support import on_gpu, why_not_triton

_LEAST_PROJECTIONS = 3


def _triton(projected: Tensor, taps: Tensor, bias: Tensor, channels: int) -> Tensor:
    """Run the kernels; Triton is imported by those who have it."""
    from hyenadna_kit.ops.gated_short_conv.triton_op import fused_sum

    return fused_sum(projected, taps, bias, channels)


def _is_not_compiled(_: Problem) -> bool:
    """Say that PyTorch runs as it reads: of the plain formula the compiler makes fewer passes."""
    return not torch.compiler.is_compiling()


BACKENDS = (
    Backend(name="triton", function=_triton, why_not=why_not_triton, preferred=on_gpu),
    Backend(name="eager", function=tiled_sum, preferred=_is_not_compiled),
    Backend(name="reference", function=shifted_sum),
)
"""In order of preference."""


def gated_short_conv(
    projected: Float[Tensor, "batch projections length"],
    taps: Float[Tensor, "projections num_taps"],
    bias: Float[Tensor, " projections"],
    *,
    channels: int,
    backend: str = AUTO,
) -> Float[Tensor, "streams batch channels length"]:
    """Convolve every projection causally with its few taps, add its bias, and gate v.

        mixed[b, p, l] = bias[p] + sum_t taps[p, t] projected[b, p, l - (num_taps - 1) + t]

    Args:
        projected: x_0, ..., x_{N-1} and v, one below the other, for an operator of order N >= 2. Any
            strides; positions before the first count as zero.
        taps: The *last* tap weighs the position itself, the first the one furthest upstream.
        bias: Added to every position.
        channels: Rows of one projection; ``projections`` is (N + 1) times as many.
        backend: ``"auto"`` or the name of one entry of ``BACKENDS``.

    Returns:
        The N streams x_0, ..., x_{N-2} and v * x_{N-1}, contiguous and in the dtype of ``projected``;
        computed at least in float32 and rounded once.

    Raises:
        ValueError: ``projected``, ``taps`` and ``bias`` differ in projections, or these are not at
            least three times ``channels`` and a multiple of them.
        BackendUnavailableError: The named backend cannot run here.
    """
    projections = projected.shape[1]
    if not taps.shape[0] == bias.shape[0] == projections:
        raise ValueError(
            f"projected, taps and bias must have the same projections, "
            f"got {projections}, {taps.shape[0]} and {bias.shape[0]}"
        )
    if channels < 1 or projections % channels or projections < _LEAST_PROJECTIONS * channels:
        raise ValueError(
            f"projections must be (order + 1) times channels={channels} with order >= 2, got {projections}"
        )
    problem = Problem(projected.device, projected.dtype, projected.shape[2])
    return choose(BACKENDS, backend, problem).function(projected, taps, bias, channels)
