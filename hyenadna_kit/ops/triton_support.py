"""Where Triton kernels run, and with how much shared memory.

Kernels run on NVIDIA GPUs from compute capability 8.0 on. With ``TRITON_INTERPRET=1`` in the
environment before they are imported they run on CPU tensors too, slowly, which is how they are tested
where there is no GPU; ``"auto"`` never picks them there.
"""

import importlib.util
import os
from typing import Any

import torch

from hyenadna_kit.ops.backends import Problem

_LEAST_CAPABILITY = (8, 0)
_INTERPRETED_SHARED_MEMORY = 227 * 1024
_COMPUTED = (torch.float32, torch.bfloat16, torch.float16)


def is_interpreted() -> bool:
    """Say whether kernels run in Triton's interpreter, on CPU tensors."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def why_not_triton(problem: Problem) -> str | None:
    """Return why no Triton kernel can run on ``problem``, or None."""
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed; pip install 'hyenadna_kit[gpu]' (Linux)"
    if problem.dtype not in _COMPUTED:
        return f"the kernels compute in float32, the signal is {problem.dtype}"
    if problem.device.type == "cuda":
        capability = torch.cuda.get_device_capability(problem.device)
        if capability < _LEAST_CAPABILITY:
            return f"it needs compute capability 8.0, this GPU has {capability[0]}.{capability[1]}"
        return None
    return None if problem.device.type == "cpu" and is_interpreted() else "it needs an NVIDIA GPU"


def on_gpu(problem: Problem) -> bool:
    """Say that the tensors are on a GPU: the interpreter is for tests."""
    return problem.device.type == "cuda"


def shared_memory(device: torch.device) -> int:
    """Return the bytes of shared memory that one program may use on ``device``."""
    if device.type != "cuda":
        return _INTERPRETED_SHARED_MEMORY
    properties: Any = torch.cuda.get_device_properties(device)
    limit: int = properties.shared_memory_per_block_optin
    return limit
