"""A linear layer and the GELU behind it, for use without gradients.

output = gelu(inputs weight^T + bias),    gelu(x) = x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3))
"""

from jaxtyping import Float
from torch import Tensor

from hyenadna_kit.ops.backends import AUTO, Backend, Problem, choose
from hyenadna_kit.ops.linear_gelu.eager import linear_then_gelu
from hyenadna_kit.ops.linear_gelu.onednn import fused_linear_gelu, why_not_onednn

BACKENDS = (
    Backend(name="onednn", function=fused_linear_gelu, why_not=why_not_onednn),
    Backend(name="eager", function=linear_then_gelu),
)
"""In order of preference."""


def linear_gelu(
    inputs: Float[Tensor, "*shape features"],
    weight: Float[Tensor, "outputs features"],
    bias: Float[Tensor, " outputs"],
    *,
    backend: str = AUTO,
) -> Float[Tensor, "*shape outputs"]:
    """Return ``gelu(inputs weight^T + bias)``, the tanh form; without gradients.

    Args:
        inputs: Any leading shape.
        weight: One row an output, in the dtype of ``inputs``.
        bias: One value an output, in the dtype of ``inputs``.
        backend: ``"auto"`` or the name of one entry of ``BACKENDS``.

    Returns:
        The activations in the dtype of ``inputs``.

    Raises:
        BackendUnavailableError: The named backend cannot run here.
    """
    problem = Problem(inputs.device, inputs.dtype, inputs.shape[-2] if inputs.ndim > 1 else 1)
    return choose(BACKENDS, backend, problem).function(inputs, weight, bias)
