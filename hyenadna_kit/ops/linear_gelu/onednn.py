"""A linear layer and the GELU behind it in one pass over memory, by oneDNN on a CPU.

It is the operator that PyTorch's own compiler emits.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from hyenadna_kit.ops.backends import Problem


def why_not_onednn(problem: Problem) -> str | None:
    """Return why the fused layer cannot run on ``problem``, or None."""
    if problem.device.type != "cpu":
        return "it runs on CPUs"
    if problem.dtype not in (torch.float32, torch.bfloat16):
        return f"it computes in float32 or bfloat16, not in {problem.dtype}"
    if not (torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled):
        return "this PyTorch was built without oneDNN, or it is switched off"
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return f"PyTorch {torch.__version__} has no fused linear layer"
    if problem.dtype == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():  # noqa: SLF001 - no public name
        return "this CPU does not compute in bfloat16"
    return None


def fused_linear_gelu(
    inputs: Float[Tensor, "*shape features"],
    weight: Float[Tensor, "outputs features"],
    bias: Float[Tensor, " outputs"],
) -> Float[Tensor, "*shape outputs"]:
    """Apply the two at once; see :func:`~hyenadna_kit.ops.linear_gelu.linear_gelu`."""
    if torch.is_grad_enabled() and (inputs.requires_grad or weight.requires_grad or bias.requires_grad):
        raise ValueError("the fused layer of oneDNN has no gradients; take ops.mlp, or backend eager")
    fused = torch.ops.mkldnn._linear_pointwise  # noqa: SLF001 - no public name
    output: Tensor = fused(inputs, weight, bias, "gelu", [], "tanh")
    return output
