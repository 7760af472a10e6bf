"""Where tensors are computed, and in which number format."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import torch

from hyenadna_kit.errors import InputError
from hyenadna_kit.main_memory import available_main_memory

DeviceName = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "fp32", "bf16"]

_CPUINFO = Path("/proc/cpuinfo")


def pick_device(name: DeviceName) -> torch.device:
    """Return the device of that name; ``auto`` is a GPU where there is one.

    Raises:
        InputError: A GPU was named and there is none.
    """
    has_gpu = torch.cuda.is_available()
    if name == "cuda" and not has_gpu:
        raise InputError("device 'cuda' was named, but PyTorch finds no GPU here; use --device cpu")
    return torch.device("cuda" if has_gpu and name != "cpu" else "cpu")


def available_memory(device: torch.device) -> int | None:
    """Return the bytes of memory that are to be had on a device; None where nobody says."""
    if device.type == "cuda":
        # What PyTorch holds but does not use is to be had, too.
        idle = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + idle
    return available_main_memory() if device.type == "cpu" else None


@contextmanager
def products_in(device: torch.device, precision: Precision) -> Iterator[None]:
    """Compute the matrix products inside the ``with`` block in a number format.

    Filters, convolutions, norms, residuals and logits stay in float32. ``auto`` is bfloat16 where the
    device computes in it.
    """
    bfloat16 = format_of_products(device, precision) == "bf16"
    with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
        yield


def format_of_products(device: torch.device, precision: Precision) -> Literal["fp32", "bf16"]:
    """Return the number format in which a device computes matrix products: ``auto`` is decided."""
    if precision == "auto":
        return "bf16" if computes_in_bfloat16(device) else "fp32"
    return precision


def computes_in_bfloat16(device: torch.device) -> bool:
    """Say whether the device multiplies bfloat16 matrices itself, faster than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Without these instructions a CPU emulates bfloat16, slower than it computes in float32.
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001 - no public name


def device_words(device: torch.device) -> str:
    """Return what a device is, for a reader: the GPU, or the CPU with its threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{processor_name()}, {threads} thread{'s' if threads > 1 else ''}"


def processor_name(cpuinfo: Path = _CPUINFO) -> str:
    """Return what the operating system calls the processor."""
    return processor_field("model name", cpuinfo) or platform.processor() or platform.machine()


def processor_field(name: str, cpuinfo: Path = _CPUINFO) -> str | None:
    """Return what Linux says of the processor under a name, or None where it does not say."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        key, colon, value = line.partition(":")
        if colon and key.strip() == name:
            return value.strip()
    return None
