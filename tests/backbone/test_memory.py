"""Memory that is foretold, against peaks of real processes."""

import json
import os
import subprocess
import sys

import pytest

from hyenadna_kit.backbone.memory import PassSize, in_words, inference_bytes, plan_inference, training_bytes
from hyenadna_kit.errors import MemoryLimitError

SIZE = PassSize(
    batch=2,
    length=50_000,
    num_layers=4,
    d_model=64,
    d_inner=256,
    vocab_size=16,
    order=2,
    taps=50_000,
    filter_width=64,
)

MEASURE = """
import json, sys
from pathlib import Path
import torch
from hyenadna_kit.model import HyenaDNAConfig
from hyenadna_kit.backbone.backbone import BackboneConfig

def kilobytes(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(field)))

job = json.loads(sys.argv[1])
config = HyenaDNAConfig(backbone=BackboneConfig(
    d_model=job["d_model"], num_layers=job["layers"], context_length=job["length"]
))
model = config.build().train(job["train"])
model.backbone.recompute_activations(enabled=job["recompute"])

def step(length, batch):
    ids = torch.randint(7, 11, (batch, length))
    with torch.set_grad_enabled(job["train"]), torch.autocast("cpu", torch.bfloat16, enabled=job["bf16"]):
        logits = model(ids).logits
        if job["train"]:
            model.head.loss(logits, ids.int()).backward()

step(64, 1)  # what is loaded by the first call is not part of it
idle = kilobytes("VmRSS")
step(job["length"], job["batch"])
print(1024 * (kilobytes("VmHWM") - idle))
"""

# The allocator keeps freed pieces of up to 32 MB for itself. At lengths for which memory matters every tensor
# is larger; the small ones of this test would leave more behind than they hold.
RETURNS_WHAT_IS_FREED = {"MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_TRIM_THRESHOLD_": "1048576"}

JOBS = {
    "inference": {"length": 100_000},
    "inference of a batch": {"length": 4096, "batch": 64},
    "inference, bf16": {"length": 60_000, "d_model": 256, "layers": 1, "bf16": True},
    "training": {"length": 16_384, "train": True},
    "training, recomputed": {"length": 32_768, "train": True, "recompute": True, "layers": 3},
    "training, bf16": {"length": 16_384, "train": True, "bf16": True, "d_model": 256},
}


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS.keys())
def test_peak_of_a_process_is_foretold_within_15_percent(job):
    from hyenadna_kit.backbone.backbone import BackboneConfig

    usual = {"batch": 1, "layers": 2, "d_model": 128, "train": False, "recompute": False, "bf16": False}
    job = usual | job
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, json.dumps(job)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | RETURNS_WHAT_IS_FREED,
    )
    config = BackboneConfig(d_model=job["d_model"], num_layers=job["layers"], context_length=job["length"])
    size = config.pass_size(job["batch"], job["length"])
    if job["train"]:
        told = training_bytes(size, product_bytes=2 if job["bf16"] else 4, recompute=job["recompute"])
    else:
        told = inference_bytes(size, plan_inference(size))
    assert told == pytest.approx(int(run.stdout), rel=0.15)


def test_less_room_gives_smaller_pieces_and_no_kept_spectra():
    free = plan_inference(SIZE)
    assert all(plan.keep_spectra for plan in free)
    needed = inference_bytes(SIZE, free)
    tight = plan_inference(SIZE, needed - 1)
    assert inference_bytes(SIZE, tight) < needed
    least = needed
    while True:
        try:
            plans = plan_inference(SIZE, least - 1)
        except MemoryLimitError:
            break
        least = inference_bytes(SIZE, plans)
    assert not any(plan.keep_spectra for plan in plan_inference(SIZE, least))
    assert plan_inference(SIZE, least)[0].fft_rows == 1
    assert least >= 2 * SIZE.stream_bytes


def test_what_cannot_fit_is_refused_with_both_figures():
    with pytest.raises(
        MemoryLimitError,
        match=r"^a pass over 2 x 50,000 tokens takes \d+ MiB of memory at least, there is room for 1 MiB; ",
    ):
        plan_inference(SIZE, 1 << 20)


def test_recomputing_takes_a_fraction_of_the_memory():
    assert training_bytes(SIZE, recompute=True) < 0.6 * training_bytes(SIZE)


@pytest.mark.parametrize(("count", "words"), [(1 << 20, "1 MiB"), (3 << 29, "1.50 GiB"), (10**9, "954 MiB")])
def test_bytes_are_told_in_words(count, words):
    assert in_words(count) == words
