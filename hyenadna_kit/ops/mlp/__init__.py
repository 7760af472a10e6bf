"""The MLP of a block: two linear layers around a GELU, for training.

output = gelu(states W1^T + b1) W2^T + b2
"""

import torch
from jaxtyping import Float
from torch import Tensor

from hyenadna_kit.ops.backends import AUTO, Backend, Problem, choose
from hyenadna_kit.ops.mlp.eager import tiled_mlp
from hyenadna_kit.ops.mlp.reference import stepwise_mlp


def _on_cpu(problem: Problem) -> bool:
    return problem.device.type == "cpu" and not torch.compiler.is_compiling()


BACKENDS = (
    Backend(name="eager", function=tiled_mlp, preferred=_on_cpu),
    Backend(name="reference", function=stepwise_mlp),
)
"""In order of preference."""


def mlp(
    states: Float[Tensor, "*shape features"],
    first: tuple[Float[Tensor, "inner features"], Float[Tensor, " inner"]],
    second: tuple[Float[Tensor, "outputs inner"], Float[Tensor, " outputs"]],
    *,
    backend: str = AUTO,
) -> Float[Tensor, "*shape outputs"]:
    """Return ``gelu(states W1^T + b1) W2^T + b2``, products in the format of autocast.

    Args:
        states: Any leading shape.
        first: Weight and bias of the first layer.
        second: Weight and bias of the second layer.
        backend: ``"auto"`` or the name of one entry of ``BACKENDS``.

    Raises:
        BackendUnavailableError: The named backend cannot run here.
    """
    problem = Problem(states.device, states.dtype, states.shape[-2] if states.ndim > 1 else 1)
    return choose(BACKENDS, backend, problem).function(states, *first, *second)
