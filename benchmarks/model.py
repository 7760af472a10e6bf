"""Speed and memory of a model on the CPU, beside the plain algorithm and beside attention.

    python benchmarks/model.py                                              # everything: about 2.5 hours
    python benchmarks/model.py --shapes small-32k --lengths 32k,131k        # a part of it

Sides: ``plain`` is the published algorithm in stock PyTorch (plain.py), ``plain_cached`` the same with
its filters kept between calls, ``ours`` the toolkit, ``ours_recomputed`` the toolkit with
activations computed again in the backward pass. Each measurement is a process of its own; the sides
take turns, and ratios are of the medians within one run. ``backward`` is forward, loss and backward.
Errors are relative RMS against float64 of the same weights. At 1,000,000 tokens the plain algorithm
runs only with ``--plain_at_1m``. ``mixers`` compares one Hyena mixer with causal attention of equal
width on ``scaled_dot_product_attention``, projections included.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from measure import LENGTHS, PRECISIONS, SHAPES, comma_list, lengths, table
from one_run import Job
from record import RESULTS, cpu_name, record

PARTS = ("models", "mixers")
PASSES = ("forward", "backward")
DEFAULT_SHAPES = ["tiny", "small-32k", "large-1m"]
DEFAULT_LENGTHS = [LENGTHS[name] for name in ("1k", "8k", "32k", "131k", "1m")]
MIXER_LENGTHS = [LENGTHS[name] for name in ("2k", "8k", "64k")]
MIXER_SHAPES = ("tiny", "small-32k")
ERRORS = "relative_rms_error"
MOST_PLAIN = LENGTHS["160k"]
MOST_CHECKED = {"forward": LENGTHS["131k"], "backward": LENGTHS["8k"]}
"""Longest input whose error is measured: the gradients in float64 take too much memory beyond."""


def main(options: argparse.Namespace) -> None:
    """Measure case by case; the file is written after each, so that a run that is ended leaves its part."""
    figures: dict[str, Any] = {}
    for part in options.parts:
        rows: list[dict[str, object]] = []
        figures[part] = {"table": rows, "cases": {}}
        for shape, length, direction in cases_of(part, options):
            measure = measure_model if part == "models" else measure_mixer
            case = measure(shape, length, direction, options)
            these = rows_of(f"{part[:-1]} {shape}", length, direction, case)
            print(table(these), flush=True)
            rows += these
            figures[part]["cases"][f"{shape} {length} {direction}"] = case
            record(options.name, command(), figures, folder=options.out, device=cpu_name())
    for part in figures.values():
        print(f"\n{table(part['table'])}")


def cases_of(part: str, options: argparse.Namespace) -> list[tuple[str, int, str]]:
    """Return shape, length and pass of everything that a part measures."""
    shapes = options.shapes if part == "models" else [s for s in options.shapes if s in MIXER_SHAPES]
    some = options.lengths if part == "models" else options.mixer_lengths
    return [(shape, length, name) for shape in shapes for length in some for name in options.passes]


def measure_model(shape: str, length: int, direction: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return figures of every side and precision, ratios to the plain one, and errors."""
    with_plain = length <= MOST_PLAIN or options.plain_at_1m
    plain = ["plain", *(["plain_cached"] if direction == "forward" else [])] if with_plain else []
    own = ["ours"] if direction == "forward" else ["ours", "ours_recomputed"]
    sides = [(side, precision) for precision in options.precision for side in [*plain, *own]]
    case = take_turns(sides, shape, length, direction, options)
    if length <= MOST_CHECKED[direction]:
        job = job_of(("errors", ",".join(options.precision)), shape, length, direction, options)
        case[ERRORS] = run(job)
    return case


def measure_mixer(shape: str, length: int, direction: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return figures of one Hyena mixer and one of attention."""
    sides = [(side, precision) for precision in options.precision for side in ("attention", "hyena")]
    return take_turns(sides, shape, length, direction, options)


def take_turns(
    sides: Sequence[tuple[str, str]], shape: str, length: int, direction: str, options: argparse.Namespace
) -> dict[str, Any]:
    """Run every side once a round, and return the medians with the figures of each round."""
    rounds: dict[str, list[dict[str, Any]]] = {"_".join(side): [] for side in sides}
    for _ in range(1 if length > MOST_PLAIN else options.rounds):
        for side in sides:
            figures = run(job_of(side, shape, length, direction, options))
            rounds["_".join(side)].append(figures)
    case: dict[str, Any] = {}
    for name, found in rounds.items():
        failed = [figures for figures in found if "failed" in figures]
        case[name] = failed[0] if failed else medians(found)
    return case


def medians(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the median of every figure, and the wall seconds of every round."""
    figures = {name: round(statistics.median(each[name] for each in found), 5) for name in found[0]}
    of_rounds = {name: [round(each[name], 5) for each in found] for name in ("wall_seconds", "cpu_seconds")}
    return figures | {f"{name}_of_rounds": values for name, values in of_rounds.items()}


def job_of(
    side: tuple[str, str], shape: str, length: int, direction: str, options: argparse.Namespace
) -> Job:
    """Return the job of one side and precision."""
    return Job(
        side=side[0],
        precision=side[1],
        shape=shape,
        length=length,
        direction=direction,
        budget=options.budget,
        threads=options.threads,
    )


def run(job: Job) -> dict[str, Any]:
    """Run a job in a fresh process."""
    # Threads that wait must not spin and count as CPU time; the console command sees to that, too.
    environment = os.environ | {
        "OMP_WAIT_POLICY": "PASSIVE",  # as the console command sets them
        "GOMP_SPINCOUNT": "10000",
        "CUDA_VISIBLE_DEVICES": "",
    }
    worker = str(Path(__file__).with_name("one_run.py"))
    words = [sys.executable, worker, json.dumps(asdict(job))]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    if done.returncode < 0:
        return {"failed": f"ended by signal {-done.returncode}"}
    if done.returncode:
        raise SystemExit(f"{job}\n{done.stderr}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def rows_of(what: str, length: int, direction: str, case: dict[str, Any]) -> list[dict[str, object]]:
    """Return one line a side: seconds, memory, how many times as fast as the other, and the error."""
    base = "attention" if what.startswith("mixer") else "plain"
    rows: list[dict[str, object]] = []
    for name in (name for name in case if name != ERRORS):
        side, _, precision = name.rpartition("_")
        rows.append(
            {"what": what, "length": length, "pass": direction, "side": side, "precision": precision}
            | figures_of(case[name])
            | {f"{base}_fp32_over": speed(case, f"{base}_fp32", name)}
            | {f"{base}_fp32_over_cpu": speed(case, f"{base}_fp32", name, clock="cpu_seconds")}
            | {f"{base}_same_over": speed(case, f"{base}_{precision}", name)}
            | {f"memory_of_{base}": memory_share(case, f"{base}_{precision}", name)}
            | {"error": case.get(ERRORS, {}).get(name.replace("_cached", ""))}
        )
    return rows


def figures_of(figures: dict[str, Any]) -> dict[str, object]:
    """Return what is printed of one side."""
    if "failed" in figures:
        return {"wall_s": figures["failed"]}
    return {
        "wall_s": figures["wall_seconds"],
        "cpu_s": figures["cpu_seconds"],
        "first_cpu_s": figures["first_cpu_seconds"],
        "peak_gib": figures["peak_resident_gib"],
        "above_idle_gib": above_idle(figures),
    }


def above_idle(figures: dict[str, Any]) -> float:
    """Return the GiB that a call takes beside the libraries and the weights."""
    return round(figures["peak_resident_gib"] - figures["idle_gib"], 5)


def speed(case: dict[str, Any], base: str, name: str, *, clock: str = "wall_seconds") -> float | None:
    """Return how many times the seconds of a side ``base`` takes: the median over the rounds."""
    sides = [case.get(each, {}).get(f"{clock}_of_rounds") for each in (base, name)]
    if not all(sides):
        return None
    return round(statistics.median(slow / fast for slow, fast in zip(*sides, strict=True)), 3)


def memory_share(case: dict[str, Any], base: str, name: str) -> float | None:
    """Return the memory above idle as a fraction of that of ``base``."""
    sides = [case.get(each, {}) for each in (base, name)]
    if not all("peak_resident_gib" in figures for figures in sides):
        return None
    slow, fast = map(above_idle, sides)
    return round(fast / slow, 3) if slow else None


def command() -> str:
    """Return the command line."""
    return " ".join(["python benchmarks/model.py", *sys.argv[1:]])


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", type=comma_list(PARTS), default=list(PARTS), help="models,mixers")
    parser.add_argument("--shapes", type=comma_list(list(SHAPES)), default=DEFAULT_SHAPES)
    parser.add_argument(
        "--lengths", type=lengths, default=DEFAULT_LENGTHS, help="1k,8k,32k,131k,1m or numbers"
    )
    parser.add_argument("--mixer_lengths", type=lengths, default=MIXER_LENGTHS, help="lengths of the mixers")
    parser.add_argument("--passes", type=comma_list(PASSES), default=list(PASSES), help="forward,backward")
    parser.add_argument(
        "--precision", type=comma_list(PRECISIONS), default=list(PRECISIONS), help="fp32,bf16"
    )
    parser.add_argument(
        "--plain_at_1m", action="store_true", help="run the plain algorithm beyond 160,000, too"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="processes of each side; one beyond 160,000 tokens"
    )
    parser.add_argument("--budget", type=float, default=5.0, help="seconds to go on calling for in a process")
    parser.add_argument("--threads", type=int, default=0, help="threads of PyTorch; 0 is its own choice")
    parser.add_argument("--name", default="model", help="of the results: DATE_NAME.json")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    return parser.parse_args(words)


if __name__ == "__main__":
    main(parse())
