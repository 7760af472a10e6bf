"""What the speed benchmarks share: shapes, lengths, models with equal weights, clocks and errors."""

import argparse
import math
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from plain import PlainConfig, PlainModel
from torch import Tensor

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig

GIB = 2**30
FIRST_BASE, NUM_BASES = 7, 4
"""Token ids of A, C, G and T."""
PRECISIONS = ("fp32", "bf16")
LENGTHS = {
    "1k": 1024,
    "2k": 2048,
    "4k": 4096,
    "8k": 8192,
    "16k": 16_384,
    "32k": 32_768,
    "64k": 65_536,
    "131k": 131_072,
    "160k": 160_000,
    "1m": 1_000_000,
}


class Shape(NamedTuple):
    """Depth and width of a published model."""

    num_layers: int
    d_model: int


SHAPES = {
    "tiny": Shape(2, 128),
    "small-32k": Shape(4, 256),
    "medium-160k": Shape(8, 256),
    "large-1m": Shape(8, 256),
}


def comma_list(known: Sequence[str]) -> Callable[[str], list[str]]:
    """Return the parser of a flag that lists some of ``known``, separated by commas."""

    def parse(text: str) -> list[str]:
        """Split ``text`` and refuse what is not known."""
        words = text.split(",")
        for word in words:
            if word not in known:
                raise argparse.ArgumentTypeError(f"{word!r} is none of {', '.join(known)}")
        return words

    return parse


def lengths(text: str) -> list[int]:
    """Parse a list of lengths: ``8k,131k,1m`` (8,192, 131,072 and 1,000,000) or plain numbers."""
    try:
        return [LENGTHS[word] if word in LENGTHS else int(word) for word in text.lower().split(",")]
    except ValueError as error:
        known = ", ".join(LENGTHS)
        raise argparse.ArgumentTypeError(f"{text!r}: lengths are numbers or {known}") from error


def build_ours(shape: Shape, length: int) -> HyenaDNA:
    """Return our model with seeded weights and a context of ``length`` tokens, without dropout."""
    torch.manual_seed(0)
    backbone = BackboneConfig(
        num_layers=shape.num_layers, d_model=shape.d_model, context_length=max(2, length), embed_dropout=0.0
    )
    return HyenaDNAConfig(backbone=backbone).build()


def build_plain(
    shape: Shape, length: int, *, cache_filter: bool = False, dtype: torch.dtype = torch.float32
) -> PlainModel:
    """Return the plain model with the weights of :func:`build_ours`."""
    config = PlainConfig(
        d_model=shape.d_model,
        num_layers=shape.num_layers,
        context_length=max(2, length),
        cache_filter=cache_filter,
        dtype=dtype,
    )
    model = config.build()
    model.load_state_dict(build_ours(shape, length).state_dict())
    return model


def random_tokens(batch: int, length: int, *, seed: int = 0) -> Tensor:
    """Return random bases as token ids, ``batch length``."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(FIRST_BASE, FIRST_BASE + NUM_BASES, (batch, length), generator=generator)


def next_token_loss(logits: Tensor, input_ids: Tensor) -> Tensor:
    """Return the mean cross-entropy of every token but the first; the same for every model."""
    predicted = logits[:, :-1].flatten(0, 1).to(torch.promote_types(logits.dtype, torch.float32))
    return torch.nn.functional.cross_entropy(predicted, input_ids[:, 1:].flatten())


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return the context in which PyTorch computes products in ``precision``: fp32 or bf16."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")


def relative_rms(actual: Tensor, expected: Tensor) -> float:
    """Return ``|actual - expected| / |expected|``, and 0 where both vanish; ``expected`` is in float64."""
    distance, norm = (actual.to(expected) - expected).norm().item(), expected.norm().item()
    if norm == 0:
        return distance and math.inf
    return distance / norm


class Usage(NamedTuple):
    """What one call took."""

    wall: float
    """Seconds on the clock."""
    cpu: float
    """Seconds of all threads together."""


def use(function: Callable[[], object]) -> Usage:
    """Call ``function`` once on the CPU."""
    wall, cpu = time.perf_counter(), time.process_time()
    function()
    return Usage(time.perf_counter() - wall, time.process_time() - cpu)


def peak_resident() -> int:
    """Return the most bytes of memory this process has held so far.

    Linux counts what the parent held before the program was started into ``ru_maxrss``; ``VmHWM``
    is of this program alone.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def synchronize(device: torch.device) -> None:
    """Wait for the GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_of(function: Callable[[], object], device: torch.device) -> float:
    """Return the seconds of one call: by the GPU's events there, by the clock on a CPU."""
    if device.type != "cuda":
        return use(function).wall
    started, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    started.record()
    function()
    ended.record()
    ended.synchronize()
    return 1e-3 * started.elapsed_time(ended)


def alternate(
    sides: Mapping[str, Callable[[Any], object]],
    rotation: Sequence[Any],
    device: torch.device,
    *,
    budget: float = 1.0,
) -> dict[str, float]:
    """Return the median seconds of a call of each side, the sides taking turns.

    Args:
        sides: What to call, with one entry of ``rotation``.
        rotation: Inputs, used in turn so that no call finds its own in the cache.
        device: Where they are.
        budget: Seconds to spend on each side after the first call, which compiles and is not
            counted; at least three calls are made.
    """
    for function in sides.values():
        function(rotation[0])
    taken: dict[str, list[float]] = {name: [] for name in sides}
    turn = 0
    while turn < 3 or (turn < 200 and max(map(sum, taken.values())) < budget):
        inputs = rotation[turn % len(rotation)]
        for name, function in sides.items():
            taken[name].append(seconds_of(lambda f=function, i=inputs: f(i), device))
        turn += 1
    return {name: statistics.median(times) for name, times in taken.items()}


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Return the rows below their names, in columns as wide as they need."""
    if not rows:
        return "(no rows)"
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names, *([shown(row.get(name)) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells
    )


def shown(value: object) -> str:
    """Return a figure with three digits, and what is missing as a dash."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)
