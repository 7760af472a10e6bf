"""Speed of every operator and backend beside stock PyTorch, on the CPU or a GPU.

    python benchmarks/ops.py                                        # on the CPU: about half an hour
    python benchmarks/ops.py --ops long_conv --lengths 1k,8k        # a part of it

``plain`` is the published way: transforms of exactly twice the length, ``conv1d`` with padding and crop,
the filters' network layer by layer. ``backward`` is forward and backward. Sides take turns, inputs
rotate, times are medians; GB/s counts every input and output once.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from measure import LENGTHS, PRECISIONS, comma_list, lengths, table
from op_cases import CASES, OpCase, Size, measure
from record import RESULTS, cpu_name, device_name, record

from hyenadna_kit.devices import pick_device
from hyenadna_kit.errors import InputError
from hyenadna_kit.ops.triton_support import is_interpreted

DEFAULT_LENGTHS = [LENGTHS[name] for name in ("1k", "4k", "8k", "32k", "131k", "1m")]
DTYPES = dict(zip(PRECISIONS, (torch.float32, torch.bfloat16), strict=True))
TOKENS, GPU_CHANNELS = 2**18, 256
CPU_ELEMENTS, CPU_CHANNELS = 2**22, (8, 64)


def main(options: argparse.Namespace) -> None:
    """Measure operator by operator and record."""
    device = pick_device(options.device)
    measured: list[dict[str, Any]] = []
    for name in options.ops:
        measured += measure_case(CASES[name], device, options)
    print(table(measured))
    command = " ".join(["python benchmarks/ops.py", *sys.argv[1:]])
    machine = device_name() if device.type == "cuda" else cpu_name()
    print(record(options.name, command, {"table": measured}, folder=options.out, device=machine))


def measure_case(case: OpCase, device: torch.device, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the rows of one operator at every length, in every format it takes."""
    found = []
    for length in options.lengths:
        for dtype in (DTYPES[precision] for precision in options.precision):
            if dtype not in case.dtypes:
                continue
            size = size_of(length, dtype, device, options.channels)
            backends = [name for name in case.backends(size) if is_wanted(name, device, options.backends)]
            if backends:
                found += measure(case, size, backends, budget=options.budget)
                print(f"{case.name} {length} {dtype}", file=sys.stderr, flush=True)
    return found


def is_wanted(backend: str, device: torch.device, named: Sequence[str]) -> bool:
    """Say whether to measure a backend: those named, else all but kernels in the interpreter."""
    if named:
        return backend in named
    return not (backend == "triton" and device.type == "cpu" and is_interpreted())


def size_of(length: int, dtype: torch.dtype, device: torch.device, channels: int | None) -> Size:
    """Return a batch that fills the device, and on the CPU takes seconds."""
    if device.type == "cuda":
        return Size(max(1, TOKENS // length), channels or GPU_CHANNELS, length, dtype, device)
    least, most = CPU_CHANNELS
    return Size(1, channels or min(most, max(least, CPU_ELEMENTS // length)), length, dtype, device)


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ops", type=comma_list(list(CASES)), default=list(CASES), help=",".join(CASES))
    parser.add_argument("--lengths", type=lengths, default=DEFAULT_LENGTHS, help="1k,8k,131k,1m or numbers")
    parser.add_argument(
        "--precision", type=comma_list(PRECISIONS), default=list(PRECISIONS), help="fp32,bf16"
    )
    parser.add_argument(
        "--backends", type=lambda text: text.split(","), default=[], help="such as eager,triton"
    )
    parser.add_argument("--channels", type=int, help="channels; what fills the device if not given")
    parser.add_argument("--budget", type=float, default=1.0, help="seconds for each side")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--name", default="ops", help="of the results: DATE_NAME.json")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    return parser.parse_args(words)


if __name__ == "__main__":
    try:
        main(parse())
    except InputError as error:
        sys.exit(str(error))
