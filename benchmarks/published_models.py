"""Measure a pass of every published shape at the longest input it was trained on: memory and time.

    python benchmarks/published_models.py [SHAPE ...]

The weights are drawn at random: neither depends on them. Each shape has a process of its own, whose greatest
resident memory is taken; one pass without gradients, log-likelihoods of all bases. Prints and records
parameters, GiB beyond those of a process that has only loaded the model, GiB in all, and seconds.
"""

import json
import resource
import subprocess
import sys
import time

import torch
from record import record

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.heads.language_model import next_token_log_probs
from hyenadna_kit.model import HyenaDNAConfig

SHAPES = {
    "hyenadna-tiny-1k-seqlen": (128, 2, 1026),
    "hyenadna-tiny-1k-seqlen-d256": (256, 2, 1026),
    "hyenadna-tiny-16k-seqlen-d128": (128, 2, 16_386),
    "hyenadna-small-32k-seqlen": (256, 4, 32_770),
    "hyenadna-medium-160k-seqlen": (256, 8, 160_002),
    "hyenadna-medium-450k-seqlen": (256, 8, 450_002),
    "hyenadna-large-1m-seqlen": (256, 8, 1_000_002),
}
GIB = 1 << 30


def main(*shapes: str) -> None:
    """Measure each shape in a process of its own, record."""
    found = {}
    for name in shapes or tuple(SHAPES):
        finished = subprocess.run(
            [sys.executable, __file__, "--one", name], check=True, stdout=subprocess.PIPE
        )
        found[name] = json.loads(finished.stdout)
        print(name, found[name], flush=True)
    print(record("published_models", " ".join(["python benchmarks/published_models.py", *shapes]), found))


def measured(name: str) -> dict[str, float]:
    """Return the figures of one shape."""
    width, layers, length = SHAPES[name]
    mixer = HyenaConfig(filter=FilterConfig(shift=0.05, beyond_context="truncate"))
    backbone = BackboneConfig(d_model=width, num_layers=layers, context_length=length, mixer=mixer)
    model = HyenaDNAConfig(backbone=backbone).build().eval()
    before, ids = peak(), torch.randint(7, 11, (1, length))
    begun = time.perf_counter()
    with torch.inference_mode():
        next_token_log_probs(model(ids[:, :-1]).logits, ids[:, 1:])
    return {
        "parameters": model.num_parameters,
        "tokens": length,
        "gib_of_the_pass": round((peak() - before) / GIB, 2),
        "gib_in_all": round(peak() / GIB, 2),
        "seconds": round(time.perf_counter() - begun, 1),
    }


def peak() -> int:
    """Return the greatest resident memory of this process so far, in bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measured(sys.argv[2])))
    else:
        main(*sys.argv[1:])
