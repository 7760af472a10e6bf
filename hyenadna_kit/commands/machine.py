"""Facts of this machine: its processor, its memory and its GPUs.

In: what the operating system and PyTorch say. Out: plain values; None where they do not say.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import torch

from hyenadna_kit.devices import computes_in_bfloat16, processor_field, processor_name
from hyenadna_kit.main_memory import available_main_memory, main_memory_limit
from hyenadna_kit.ops.triton_support import shared_memory

_PROC = Path("/proc")
_NEITHER = "emulated, slower than float32"


@dataclass(frozen=True, kw_only=True)
class Processor:
    """The CPU, and what of it this process may use."""

    model: str
    """As the operating system names it."""
    cores: int
    """Logical cores of the machine."""
    usable_cores: int
    """Those on which this process may run."""
    threads: int
    """Threads with which PyTorch computes."""
    bfloat16: str
    """How bfloat16 matrices are multiplied."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Main memory, in bytes."""

    total: int | None
    """Of the machine."""
    available: int | None
    """What a program could still take, caches of files given up."""
    limit: int | None
    """What the control group of this process (a container) may hold, where there is such a limit."""


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One NVIDIA GPU."""

    device: str
    """``"cuda:0"``."""
    name: str
    """As the driver names it."""
    capability: str
    """Compute capability: ``"9.0"``."""
    multiprocessors: int
    """Streaming multiprocessors."""
    total: int
    """Bytes of memory."""
    free: int
    """Bytes of memory that nobody holds."""
    shared_memory: int
    """Bytes of shared memory that one program of a kernel may use."""


def processor() -> Processor:
    """Return what the CPU is."""
    cores = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    return Processor(
        model=processor_name(_PROC / "cpuinfo"),
        cores=cores,
        usable_cores=usable,
        threads=torch.get_num_threads(),
        bfloat16=_bfloat16(),
    )


def _bfloat16() -> str:
    if not computes_in_bfloat16(torch.device("cpu")):
        return _NEITHER
    flags = processor_field("flags", _PROC / "cpuinfo") or ""
    return "natively (AMX)" if "amx_bf16" in flags.split() else "natively (AVX512)"


def memory() -> Memory:
    """Return how much memory there is, and how much of it is to be had."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Memory(total=total, available=available_main_memory(), limit=main_memory_limit())


def gpus() -> list[Gpu]:
    """Return what PyTorch finds of NVIDIA GPUs."""
    return [_gpu(torch.device("cuda", index)) for index in range(torch.cuda.device_count())]


def _gpu(device: torch.device) -> Gpu:
    properties = torch.cuda.get_device_properties(device)
    free, total = torch.cuda.mem_get_info(device)
    return Gpu(
        device=str(device),
        name=properties.name,
        capability=f"{properties.major}.{properties.minor}",
        multiprocessors=properties.multi_processor_count,
        total=total,
        free=free,
        shared_memory=shared_memory(device),
    )


def why_no_gpu() -> str:
    """Return why PyTorch finds no GPU."""
    if torch.version.cuda is None:
        return "this PyTorch is built without CUDA"
    return f"PyTorch is built for CUDA {torch.version.cuda} and finds no GPU, or no driver for it"
