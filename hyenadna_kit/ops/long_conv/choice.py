"""When the Triton kernels of the long convolution can run and when they pay; needs no Triton."""

import torch

from hyenadna_kit.ops.backends import Problem
from hyenadna_kit.ops.triton_support import on_gpu, why_not_triton

_SIXTEEN_BITS = (torch.bfloat16, torch.float16)


def why_not(problem: Problem) -> str | None:
    """Return why neither kind of kernels can run on ``problem``, or None."""
    if reason := why_not_triton(problem):
        return reason
    # Only now is it known that Triton is there.
    from hyenadna_kit.ops.long_conv import fused_op, staged_op

    return None if fused_op.why_not(problem) is None else staged_op.why_not(problem)


def preferred(problem: Problem) -> bool:
    """Say whether ``"auto"`` takes the kernels: for signals of 16 bits on a GPU.

    float32 signals want float32 products, which tensor cores make from three or more: cuFFT is the
    better choice for them.
    """
    return on_gpu(problem) and problem.dtype in _SIXTEEN_BITS
