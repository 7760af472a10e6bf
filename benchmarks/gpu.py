"""Everything there is to know on a GPU, in one call of under ten minutes: is it right, how fast, how large.

    PYTHONPATH=. python3 benchmarks/gpu.py                          # needs PyTorch with CUDA, and Triton
    PYTHONPATH=. python3 benchmarks/gpu.py --parts checks,ops       # a part of it

checks   every kernel against float64 on the CPU, outputs and gradients, memory poisoned with NaN
paper    2 layers of d_model 128, forward and backward, beside a Transformer of equal width
models   tokens a second and peak memory of the published shapes: plain PyTorch, Transformer, ours
ops      every operator beside stock PyTorch

Sides take turns, inputs rotate, times are medians of GPU events after a warm-up. A short table of each
part comes last; results/DATE_DEVICE.json holds everything. The exit status is 1 where a check fails.
"""

import argparse
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from gpu_models import MODEL_CASES, PAPER_LENGTHS, measure_model, tflops_and_copies
from measure import LENGTHS, PRECISIONS, SHAPES, comma_list, lengths, table
from op_cases import CASES, Errors, OpCase, Size, errors, max_or_nan, measure
from record import RESULTS, device_name, record

PARTS = ("checks", "paper", "models", "ops")
OP_LENGTHS = [LENGTHS[name] for name in ("1k", "4k", "8k", "32k", "131k", "1m")]
CHECK_LENGTHS = [1, 63, 1000, 1025, 2048, 4096, 8192, 16_384, 131_072, 1_000_000]
TOKENS = 2**18
CHANNELS = 256
DTYPES = dict(zip(PRECISIONS, (torch.float32, torch.bfloat16), strict=True))
TOLERANCE = {torch.float32: 5e-7, torch.bfloat16: 6e-3}
"""Relative RMS error that is always allowed: rounding in float32; bfloat16 in and out with tf32 products."""
OF_PLAIN = 2
"""Where stock PyTorch in the same format is further off, so many times its error is allowed."""


def failures() -> tuple[type[Exception], ...]:
    """Return what a kernel that cannot be compiled or run raises."""
    known = (RuntimeError, TypeError, ValueError, AssertionError)
    if find_spec("triton") is None:
        return known
    from triton.errors import TritonError

    return (*known, TritonError)


FAILURES = failures()


class Run:
    """The device, what was measured so far, and the time that is left."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.device = torch.device(options.device)
        self.ends = time.monotonic() + options.seconds
        self.figures: dict[str, Any] = {part: [] for part in options.parts}
        self.failures: list[dict[str, str]] = []
        self.figures["failures"] = self.failures
        self.path: Path | None = None

    def attempt(self, part: str, what: str, function: Callable[[], list[dict[str, Any]]]) -> bool:
        """Add the rows of ``function`` to a part, and say whether it failed; after the time is over skip it.

        A kernel that does not compile or run is written down and must not end the others' measurements.
        """
        over = time.monotonic() > self.ends
        print(
            f"{part} {what}{': not measured, no time is left' if over else ''}", file=sys.stderr, flush=True
        )
        if over:
            return False
        try:
            self.figures[part] += function()
        except FAILURES as error:
            lines = str(error).strip().splitlines() or [""]
            self.failures.append(
                {"part": part, "what": what, "error": f"{type(error).__name__}: {lines[-1]}"}
            )
            return True
        finally:
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
        return False

    def save(self) -> None:
        """Write what was measured so far."""
        name = re.sub(r"[^a-z0-9]+", "_", device_name().lower()).strip("_")
        command = " ".join(["python3 benchmarks/gpu.py", *sys.argv[1:]])
        self.path = record(self.options.name or name, command, self.figures, folder=self.options.out)


def main(options: argparse.Namespace) -> int:
    """Run the parts, print their tables, and return the exit status."""
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit(
            "benchmarks/gpu.py needs an NVIDIA GPU, and PyTorch finds none here; see benchmarks/model.py"
        )
    torch.manual_seed(0)
    run = Run(options)
    if run.device.type == "cuda":
        run.figures["ceilings"] = tflops_and_copies(run.device)
    work = {"checks": run_checks, "paper": run_paper, "models": run_models, "ops": run_ops}
    for part in options.parts:
        work[part](run)
        run.save()
    for part in options.parts:
        print(f"\n{part}\n{table(shortened(part, run.figures[part]))}")
    if run.failures:
        print(f"\nfailures\n{table(run.failures)}")
    wrong = [row for row in run.figures.get("checks", []) if not row["right"]]
    print(f"\n{run.figures.get('ceilings', '')}\n{run.path}")
    print(f"{len(wrong)} checks wrong, {len(run.failures)} cases failed")
    return 1 if wrong or run.failures else 0


def run_checks(run: Run) -> None:
    """Compare every operator and backend with float64; where one fails, one backend at a time."""
    for length in run.options.check_lengths:
        for case in CASES.values():
            for dtype in case.dtypes:
                size = Size(2, 16 if length <= 2**14 else 4, length, dtype, run.device)
                backends = case.backends(size)
                what = f"{case.name} {short(dtype)} {length}"
                if run.attempt("checks", what, partial(checked, case, size, backends)):
                    for backend in backends:
                        run.attempt("checks", f"{what} {backend}", partial(checked, case, size, [backend]))


def checked(case: OpCase, size: Size, backends: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row for every backend, run with memory that nothing wrote holding NaN."""
    torch.backends.cudnn.allow_tf32 = False  # or the plain way would allow too much
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # operations without a deterministic form say so
        torch.use_deterministic_algorithms(mode=True, warn_only=True)
        try:
            found = errors(case, size, backends)
        finally:
            torch.use_deterministic_algorithms(mode=False)
            torch.backends.cudnn.allow_tf32 = True
    plain = found.pop("plain")
    what = {"op": case.name, "dtype": short(size.dtype), "length": size.length}
    return [
        {**what, "backend": backend, **mine._asdict(), "right": is_right(mine, plain, size.dtype)}
        for backend, mine in found.items()
    ]


def is_right(mine: Errors, plain: Errors, dtype: torch.dtype) -> bool:
    """Say whether the errors are those of rounding; NaN is not."""
    return all(
        error <= max(TOLERANCE[dtype], OF_PLAIN * of_plain)
        for error, of_plain in zip(mine, plain, strict=True)
    )


def run_ops(run: Run) -> None:
    """Time every operator and backend beside stock PyTorch."""
    tokens = TOKENS if run.device.type == "cuda" else 0
    for length in run.options.op_lengths:
        for case in CASES.values():
            for dtype in (DTYPES[precision] for precision in run.options.precision):
                if dtype in case.dtypes:
                    batch = max(1, tokens // length)
                    size = Size(batch, run.options.channels, length, dtype, run.device)
                    timed = partial(measure, case, size, case.backends(size), budget=run.options.budget / 2)
                    run.attempt("ops", f"{case.name} {short(dtype)} {length}", timed)


def run_paper(run: Run) -> None:
    """Time the training of the paper's shape beside a Transformer."""
    for length in run.options.paper_lengths:
        run_model(run, "paper", "tiny", length, "backward", run.options.precision[-1])


def run_models(run: Run) -> None:
    """Time inference and training of the published shapes."""
    for shape, length in MODEL_CASES:
        if length <= run.options.longest and shape in run.options.shapes:
            for direction in ("forward", "backward"):
                for precision in run.options.precision:
                    run_model(run, "models", shape, length, direction, precision)


def run_model(run: Run, part: str, shape: str, length: int, direction: str, precision: str) -> None:
    """Time one shape in one way."""
    timed = partial(measure_model, shape, length, direction, precision, run.device, budget=run.options.budget)
    run.attempt(part, f"{shape} {length} {direction} {precision}", timed)


def shortened(part: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what is printed of a part: everything, but for the long ones."""
    if part == "checks":
        return worst_of_lengths(rows)
    return ratios_of_lengths(rows) if part == "ops" else rows


def worst_of_lengths(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a line for every operator, backend and format: the worst errors, and where it is wrong."""
    return [
        {
            **what,
            "output": max_or_nan([row["output"] for row in group]),
            "gradients": max_or_nan([row["gradients"] for row in group]),
            "wrong_at": ",".join(str(row["length"]) for row in group if not row["right"]) or "-",
        }
        for what, group in grouped(rows, ("op", "backend", "dtype"))
    ]


def ratios_of_lengths(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a line for every operator and backend: how many times as fast as stock PyTorch."""
    ours = [row for row in rows if row["side"] != "plain"]
    return [
        what | {str(row["length"]): row["plain_over"] for row in group}
        for what, group in grouped(ours, ("op", "side", "dtype", "pass"))
    ]


def grouped(
    rows: list[dict[str, Any]], names: Sequence[str]
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Return the rows that agree in ``names``, with what they agree in."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    for key, group in groups.items():
        yield dict(zip(names, key, strict=True)), group


def short(dtype: torch.dtype) -> str:
    """Return the name of a number format."""
    return str(dtype).removeprefix("torch.")


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", type=comma_list(PARTS), default=list(PARTS), help=",".join(PARTS))
    parser.add_argument("--precision", type=comma_list(PRECISIONS), default=["bf16"], help="fp32,bf16")
    parser.add_argument("--check_lengths", type=lengths, default=CHECK_LENGTHS, help="1000,8k,1m")
    parser.add_argument("--op_lengths", type=lengths, default=OP_LENGTHS, help="1k,8k,131k,1m")
    parser.add_argument("--paper_lengths", type=lengths, default=PAPER_LENGTHS, help="2k,8k,64k,1m")
    parser.add_argument("--shapes", type=comma_list(list(SHAPES)), default=list(SHAPES), help="of the models")
    parser.add_argument("--longest", type=int, default=LENGTHS["1m"], help="longest input of the models")
    parser.add_argument("--channels", type=int, default=CHANNELS, help="of the operators")
    parser.add_argument("--budget", type=float, default=1.0, help="seconds for each side")
    parser.add_argument("--seconds", type=float, default=540.0, help="begin nothing after so many seconds")
    parser.add_argument("--name", help="of the results: DATE_NAME.json; the device if not given")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda", help=argparse.SUPPRESS)
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main(parse()))
