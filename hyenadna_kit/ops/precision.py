"""In what number format products are computed."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor


def product_dtype(tensor: Tensor) -> torch.dtype:
    """Return the number format of matrix products with ``tensor``: autocast's, or its own."""
    device = tensor.device.type
    # Autocast leaves float64 alone.
    if tensor.dtype != torch.float64 and _has_autocast(device) and torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device)
    return tensor.dtype


def without_autocast(device_type: str) -> AbstractContextManager[Any]:
    """Compute in the number formats of the tensors themselves."""
    return torch.autocast(device_type, enabled=False) if _has_autocast(device_type) else nullcontext()


def _has_autocast(device_type: str) -> bool:
    """Say whether a device has autocast; the meta device has none."""
    return torch.amp.is_autocast_available(device_type)
