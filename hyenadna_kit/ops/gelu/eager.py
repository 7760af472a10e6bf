"""The GELU through a sigmoid, in place where it can be."""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

_LINEAR = 2 * math.sqrt(2 / math.pi)
_CUBIC = 0.044715 * _LINEAR


def sigmoid_gelu(inputs: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return ``x sigmoid(a x + b x^3)``; see :func:`~hyenadna_kit.ops.gelu.gelu`."""
    output: Tensor = _SigmoidGELU.apply(inputs)
    return output


class _SigmoidGELU(torch.autograd.Function):
    """GELU whose backward keeps its input alone."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor) -> Tensor:
        """Return the activations."""
        ctx.save_for_backward(inputs)
        return _sigmoid(inputs).mul_(inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Return the gradient of the input."""
        (inputs,) = ctx.saved_tensors
        return _slope(inputs, _sigmoid(inputs)).mul_(gradient)


def gelu_and_slope(
    inputs: Float[Tensor, "*shape"],
) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"]]:
    """Return the GELU of every entry and its derivative."""
    sigmoid = _sigmoid(inputs)
    slope = _slope(inputs, sigmoid)
    return sigmoid.mul_(inputs), slope


def _slope(inputs: Tensor, sigmoid: Tensor) -> Tensor:
    """Return ``s + x s (1 - s) (a + 3 b x^2)`` in new memory."""
    inner = torch.addcmul(_scalar(inputs, _LINEAR), inputs, inputs, value=3 * _CUBIC).mul_(inputs)
    inner.mul_(torch.addcmul(sigmoid, sigmoid, sigmoid, value=-1))
    return inner.add_(sigmoid)


def _sigmoid(inputs: Tensor) -> Tensor:
    """Return ``sigmoid(a x + b x^3)`` in new memory."""
    polynomial = torch.addcmul(_scalar(inputs, _LINEAR), inputs, inputs, value=_CUBIC)
    return polynomial.mul_(inputs).sigmoid_()


def _scalar(like: Tensor, value: float) -> Tensor:
    return torch.full((), value, dtype=like.dtype, device=like.device)
