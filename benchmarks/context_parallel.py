"""Memory and time of a training step whose sequence is spread over processes, beside one process.

    python benchmarks/context_parallel.py                                       # about five minutes
    python benchmarks/context_parallel.py --length 32k --d_model 64 --processes 1,2

Every count of processes takes one step (loss, gradients, AdamW) on the same sequence in float32, on the
CPU with one thread each, connected by Gloo. ``peak_above_idle_gib`` is what a process holds at its highest
point above what it held before the step; of several, the one that held most. All give freed memory back at
once, one process too. The loss and the norm of the gradient are there to be compared.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import torch
from measure import (
    GIB,
    LENGTHS,
    Shape,
    build_ours,
    peak_resident,
    random_tokens,
    table,
    use,
)
from record import RESULTS, cpu_name, record
from torch import Tensor, distributed

from hyenadna_kit.backbone.context_parallel import shard, spread_context, sum_gradients
from hyenadna_kit.batch import IGNORED_LABEL
from hyenadna_kit.main_memory import give_back_freed_memory
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.ops.shards import Shards

WARM_UP_LENGTH = 256


def main(options: argparse.Namespace) -> None:
    """Measure one count of processes after the other, and compare each with one process."""
    if "RANK" in os.environ:
        print(json.dumps(one_process(options)))
        return
    cases = {count: several(count) for count in options.processes}
    rows = [{"processes": count, **case} for count, case in cases.items()]
    if 1 in cases:
        for row in rows:
            row["share_of_one"] = row["peak_above_idle_gib"] / cases[1]["peak_above_idle_gib"]
    print(table(rows))
    record(
        options.name,
        " ".join(["python", "benchmarks/context_parallel.py", *sys.argv[1:]]),
        {
            "length": options.length,
            "d_model": options.d_model,
            "num_layers": options.num_layers,
            "cases": rows,
        },
        folder=options.out,
        device=cpu_name(),
    )


def several(count: int) -> dict[str, Any]:
    """Return what the processes of one count measure."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = [
        subprocess.Popen(
            [sys.executable, __file__, *sys.argv[1:]],
            env=os.environ
            | {
                "RANK": str(rank),
                "WORLD_SIZE": str(count),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
                "OMP_NUM_THREADS": "1",
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]
    printed = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise SystemExit(f"a process of {count} failed")
    measured = [json.loads(line) for line in printed]
    return {
        **measured[0],
        **{name: max(each[name] for each in measured) for name in ("peak_above_idle_gib",)},
    }


def one_process(options: argparse.Namespace) -> dict[str, float]:
    """Return the figures of this process: one of several, or one by itself."""
    torch.set_num_threads(1)
    give_back_freed_memory()
    distributed.init_process_group("gloo")
    shards = Shards(distributed.group.WORLD)
    model = build_ours(Shape(options.num_layers, options.d_model), options.length).train()
    if shards.count > 1:
        spread_context(model.backbone, shards)
    model.backbone.recompute_activations(enabled=options.recompute)
    optimizer = torch.optim.AdamW(model.parameters())
    take_step(model, optimizer, WARM_UP_LENGTH, shards)()  # what a first step loads is no part of it
    step = take_step(model, optimizer, options.length, shards)
    idle = peak_resident()
    losses: list[float] = []
    usage = use(lambda: losses.append(step()))
    peak = peak_resident()
    norm = sum(float(each.grad.square().sum()) for each in model.parameters() if each.grad is not None) ** 0.5
    return {
        "peak_above_idle_gib": (peak - idle) / GIB,
        "idle_gib": idle / GIB,
        "cpu_seconds": usage.cpu,
        "wall_seconds": usage.wall,
        "loss": losses[0],
        "gradient_norm": norm,
    }


def take_step(
    model: HyenaDNA, optimizer: torch.optim.Optimizer, length: int, shards: Shards
) -> Callable[[], float]:
    """Return a function that takes one step on this process's shard and returns the loss of all."""
    input_ids, labels = (shard(each, shards).contiguous() for each in sequence(length))

    def step() -> float:
        """Take the step."""
        optimizer.zero_grad()
        # Every shard has as many labels but the last, which has one fewer.
        loss = model.head.loss(model(input_ids).logits, labels) * ((labels >= 0).sum() / (length - 1))
        loss.backward()
        if shards.count > 1:
            sum_gradients(model, shards)
        optimizer.step()
        distributed.all_reduce(total := loss.detach())
        return float(total)

    return step


def sequence(length: int) -> tuple[Tensor, Tensor]:
    """Return tokens and the token that follows each of them."""
    input_ids = random_tokens(1, length)
    labels = input_ids.roll(-1, dims=1)
    labels[:, -1] = IGNORED_LABEL
    return input_ids.to(torch.uint8), labels.to(torch.int16)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--length", type=lambda text: LENGTHS.get(text) or int(text), default=LENGTHS["131k"])
    parser.add_argument("--d_model", type=int, default=128)
    parser.add_argument("--num_layers", type=int, default=2)
    parser.add_argument(
        "--processes", type=lambda text: [int(each) for each in text.split(",")], default=[1, 2, 4]
    )
    parser.add_argument(
        "--recompute", action="store_true", help="compute activations again in the backward pass"
    )
    parser.add_argument("--name", default="context_parallel")
    parser.add_argument("--out", default=RESULTS, type=type(RESULTS))
    return parser.parse_args()


if __name__ == "__main__":
    main(parse())
