"""One measurement in a process of its own, so that its peak of memory is nobody else's.

    python benchmarks/one_run.py '{"side": "ours", "shape": "tiny", "length": 1024, ...}'

Called by benchmarks/model.py with the fields of :class:`Job`; prints one line of JSON.
"""

import json
import resource
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from attention import Attention
from measure import (
    GIB,
    SHAPES,
    Shape,
    Usage,
    autocast,
    build_ours,
    build_plain,
    next_token_loss,
    peak_resident,
    random_tokens,
    relative_rms,
    use,
)
from torch import Tensor, nn

from hyenadna_kit.backbone.mixers.base import MixerSize
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig

CPU = torch.device("cpu")
MOST_CALLS = 15
TOO_LONG_TO_REPEAT = 100.0
WARM_UP_LENGTH = 64
OUT_OF_MEMORY = "out of memory"


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to run."""

    side: str
    """ours, ours_recomputed, plain, plain_cached; hyena, attention (one mixer); errors (no time is taken)."""
    shape: str
    """Name of the shape."""
    length: int
    """Tokens of the one sequence."""
    direction: str
    """forward, or backward for forward and backward."""
    precision: str
    """fp32 or bf16; where errors are asked for: a list with commas."""
    budget: float = 5.0
    """Seconds to go on calling for; a second call is made unless the first took minutes."""
    threads: int = 0
    """Threads of PyTorch; 0 leaves its own choice."""


def main(job: Job) -> dict[str, Any]:
    """Run the job in no more memory than is free."""
    if job.threads:
        torch.set_num_threads(job.threads)
    limit_memory()
    try:
        return errors(job) if job.side == "errors" else times(job)
    except RuntimeError as error:
        if "alloc" not in str(error).lower():
            raise
        return {"failed": OUT_OF_MEMORY}


def limit_memory() -> None:
    """Fail where memory runs out, before the system ends some process of its choice."""
    meminfo = Path("/proc/meminfo")
    lines = meminfo.read_text().splitlines() if meminfo.exists() else []
    for line in lines:
        if line.startswith("MemAvailable:"):
            limit = int(line.split()[1]) * 1024
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def times(job: Job) -> dict[str, Any]:
    """Return seconds of the first call and the median of later ones, and memory."""
    make = mixer_step if job.side in ("hyena", "attention") else model_step
    make(replace(job, length=WARM_UP_LENGTH))()  # what is imported by the first call is neither's cost
    step = make(job)
    idle = peak_resident()
    first = use(step)
    later: list[Usage] = []
    spent = first.wall
    # The second call is the first that finds cached filters: only minutes are a reason to leave it out.
    while spent < (job.budget if later else TOO_LONG_TO_REPEAT) and len(later) < MOST_CALLS:
        later.append(use(step))
        spent += later[-1].wall
    counted = later or [first]
    return {
        "wall_seconds": statistics.median(usage.wall for usage in counted),
        "cpu_seconds": statistics.median(usage.cpu for usage in counted),
        "first_wall_seconds": first.wall,
        "first_cpu_seconds": first.cpu,
        "calls": 1 + len(later),
        "idle_gib": idle / GIB,
        "peak_resident_gib": peak_resident() / GIB,
    }


def model_step(job: Job) -> Callable[[], object]:
    """Return the call that is timed: logits, or the gradients of the loss."""
    model = model_of(job.side, SHAPES[job.shape], job.length)
    input_ids = random_tokens(1, job.length)
    return step_of(model, input_ids, job)


def model_of(side: str, shape: Shape, length: int) -> nn.Module:
    """Return the model of a side, with the same weights on every side."""
    if side in ("ours", "ours_recomputed"):
        model = build_ours(shape, length)
        model.backbone.recompute_activations(enabled=side == "ours_recomputed")
        return model
    return build_plain(shape, length, cache_filter=side == "plain_cached")


def step_of(model: nn.Module, input_ids: Tensor, job: Job) -> Callable[[], object]:
    """Return one forward, or forward and backward, in the precision of the job."""
    if job.direction == "forward":
        model.eval()

        def forward() -> object:
            """Return the logits."""
            with torch.inference_mode(), autocast(CPU, job.precision):
                return model(input_ids)

        return forward

    def backward() -> None:
        """Compute the loss and all gradients."""
        model.zero_grad(set_to_none=True)
        with autocast(CPU, job.precision):
            logits = model(input_ids).logits
        next_token_loss(logits, input_ids).backward()

    return backward


def mixer_step(job: Job) -> Callable[[], object]:
    """Return a call of one mixer: Hyena's or attention, with the projections of each."""
    d_model = SHAPES[job.shape].d_model
    torch.manual_seed(0)
    size = MixerSize(d_model=d_model, context_length=job.length)
    mixer = HyenaConfig().build(size) if job.side == "hyena" else Attention(d_model)
    hidden_states = torch.randn(1, job.length, d_model)

    def forward() -> object:
        """Return the mixed states."""
        with torch.inference_mode(), autocast(CPU, job.precision):
            return mixer(hidden_states)

    def backward() -> None:
        """Compute the gradients of the weights and of the input."""
        inputs = hidden_states.clone().requires_grad_()
        with autocast(CPU, job.precision):
            mixed = mixer(inputs)
        mixed.float().square().mean().backward()

    return forward if job.direction == "forward" else backward


def errors(job: Job) -> dict[str, Any]:
    """Return the relative RMS error of each side and precision against float64 of the same weights.

    Of a forward it is the larger one of logits and last hidden state, of a backward that of all
    gradients as one vector.
    """
    shape = SHAPES[job.shape]
    expected = results(build_plain(shape, job.length, dtype=torch.float64), job, "plain", "fp32")
    found: dict[str, Any] = {}
    for precision in job.precision.split(","):
        for side in ("plain", "ours"):
            actual = results(model_of(side, shape, job.length), job, side, precision)
            pairs = zip(actual, expected, strict=True)
            found[f"{side}_{precision}"] = max(relative_rms(mine, true) for mine, true in pairs)
    return found


def results(model: nn.Module, job: Job, side: str, precision: str) -> list[Tensor]:
    """Return what a side computes: logits and hidden states, or the gradients as one vector."""
    step = step_of(model, random_tokens(1, job.length), replace(job, side=side, precision=precision))
    output = step()
    if job.direction == "forward":
        return list(output)
    return [torch.cat([gradient.flatten() for gradient in gradients(model)])]


def gradients(model: nn.Module) -> Iterator[Tensor]:
    """Return the gradients in the order of the parameters' names."""
    for _, parameter in sorted(model.named_parameters()):
        assert parameter.grad is not None
        yield parameter.grad.double()


if __name__ == "__main__":
    print(json.dumps(main(Job(**json.loads(sys.argv[1])))))
