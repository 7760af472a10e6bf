"""The GELU of the published models: its tanh approximation.

gelu(x) = x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) = x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3))
"""

import torch
from jaxtyping import Float
from torch import Tensor

from hyenadna_kit.ops.backends import AUTO, Backend, Problem, choose
from hyenadna_kit.ops.gelu.eager import sigmoid_gelu
from hyenadna_kit.ops.gelu.reference import tanh_gelu


def _on_cpu(problem: Problem) -> bool:
    # PyTorch's own is slow there; in bfloat16 every step of ours would round.
    return problem.device.type == "cpu" and problem.dtype == torch.float32


BACKENDS = (
    Backend(name="eager", function=sigmoid_gelu, preferred=_on_cpu),
    Backend(name="reference", function=tanh_gelu),
)
"""In order of preference."""


def gelu(inputs: Float[Tensor, "*shape"], *, backend: str = AUTO) -> Float[Tensor, "*shape"]:
    """Return ``x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3))`` of every entry.

    Args:
        inputs: Any shape.
        backend: ``"auto"`` or the name of one entry of ``BACKENDS``.

    Returns:
        A tensor of the same shape and dtype.

    Raises:
        BackendUnavailableError: The named backend cannot run here.

    Source: Hendrycks and Gimpel 2016, Gaussian Error Linear Units, arXiv:1606.08415.
    """
    problem = Problem(inputs.device, inputs.dtype, inputs.shape[-1] if inputs.ndim else 1)
    return choose(BACKENDS, backend, problem).function(inputs)
