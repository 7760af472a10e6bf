"""Where tensors are computed, and in which number format."""

from typing import Literal

import torch

from hyenadna_kit.errors import InputError

DeviceName = Literal["auto", "cpu", "cuda"]


def pick_device(name: DeviceName) -> torch.device:
    """Return the device of that name; ``auto`` is a GPU where there is one.

    Raises:
        InputError: A GPU was named and there is none.
    """
    has_gpu = torch.cuda.is_available()
    if name == "cuda" and not has_gpu:
        raise InputError("device 'cuda' was named, but PyTorch finds no GPU here; use --device cpu")
    return torch.device("cuda" if has_gpu and name != "cpu" else "cpu")


def computes_in_bfloat16(device: torch.device) -> bool:
    """Say whether the device multiplies bfloat16 matrices itself, faster than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Without these instructions a CPU emulates bfloat16, slower than it computes in float32.
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001 - no public name
