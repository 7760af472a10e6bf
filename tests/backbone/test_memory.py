"""Memory that is foretold, against peaks of real processes."""

import json
import os
import subprocess
import sys

import pytest

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.memory import in_words, inference_bytes, plan_inference, training_bytes
from hyenadna_kit.backbone.mixers.attention import AttentionConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.config import to_mapping
from hyenadna_kit.errors import MemoryLimitError
from hyenadna_kit.heads.masked_language_model import MaskedLanguageModelHeadConfig
from hyenadna_kit.model import HyenaDNAConfig

SIZE = BackboneConfig(d_model=64, num_layers=4, context_length=50_000).pass_size(2, 50_000)

MEASURE = """
import json, os, sys
from pathlib import Path
import torch
from hyenadna_kit.model import HyenaDNAConfig
from hyenadna_kit.config import from_mapping

def kilobytes(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(field)))

def step(model, job, length, batch):
    ids = torch.randint(7, 11, (batch, length))
    with torch.set_grad_enabled(job["train"]), torch.autocast("cpu", torch.bfloat16, enabled=job["bf16"]):
        logits = model(ids).logits
        if job["train"]:
            model.head.loss(logits, ids.int()).backward()

def measure(job):
    model = from_mapping(HyenaDNAConfig, job["model"], "job").build().train(job["train"])
    model.backbone.recompute_activations(enabled=job["recompute"])
    step(model, job, 64, 1)  # what is loaded by the first call is not part of it
    idle = kilobytes("VmRSS")
    step(model, job, job["length"], job["batch"])
    return 1024 * (kilobytes("VmHWM") - idle)

for name, job in json.loads(sys.argv[1]).items():
    child = os.fork()  # its peak is its own; what is imported is imported once
    if not child:
        print(json.dumps([name, measure(job)]), flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"{name} failed")
"""

# The allocator keeps freed pieces of up to 32 MB for itself. At lengths for which memory matters every tensor
# is larger; the small ones of this test would leave more behind than they hold.
RETURNS_WHAT_IS_FREED = {"MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_TRIM_THRESHOLD_": "1048576"}
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # a fork has none but its own

HYBRID = {"other_mixer": AttentionConfig(num_heads=2), "other_layers": (1,)}
ATTENTION = {"mixer": AttentionConfig(num_heads=2)}
BIDIRECTIONAL = {"mixer": HyenaConfig(bidirectional=True), "masked": True}
BOTH_STRANDS = {"both_strands": True, "masked": True}
USUAL = {"batch": 1, "train": False, "recompute": False, "bf16": False}
OF_MODEL = ("both_strands", "masked")
JOBS = {
    name: USUAL | job
    for name, job in {
        "inference": {"length": 80_000},
        "inference of a batch": {"length": 4096, "batch": 48},
        "inference, bf16": {"length": 60_000, "d_model": 256, "num_layers": 1, "bf16": True},
        "inference, hybrid": {"length": 16_384} | HYBRID,
        # The products of every two positions would take 8 GiB.
        "inference, attention": {"length": 32_768, "d_model": 64, "num_layers": 1} | ATTENTION,
        "training": {"length": 8192, "train": True},
        "training, recomputed": {"length": 8192, "train": True, "recompute": True, "num_layers": 3},
        "training, bf16": {"length": 8192, "train": True, "bf16": True, "d_model": 256},
        "training, hybrid": {"length": 8192, "train": True} | HYBRID,
        "training, hybrid, recomputed": {"length": 8192, "train": True, "recompute": True, "num_layers": 3}
        | HYBRID,
        "training, attention, bf16": {"length": 4096, "train": True, "bf16": True, "d_model": 256}
        | ATTENTION,
        "inference, both strands": {"length": 60_000} | BOTH_STRANDS,
        "inference, bidirectional": {"length": 60_000} | BIDIRECTIONAL,
        "training, both strands": {"length": 4096, "train": True, "batch": 2} | BOTH_STRANDS,
        "training, bidirectional": {"length": 8192, "train": True} | BIDIRECTIONAL,
        "training, both strands, bidirectional, recomputed": {"length": 8192, "train": True}
        | {"recompute": True, "num_layers": 3}
        | BOTH_STRANDS
        | BIDIRECTIONAL,
    }.items()
}


def model_of(job):
    """Return the model that a job runs."""
    sizes = {name: value for name, value in job.items() if name not in (*USUAL, *OF_MODEL, "length")}
    backbone = BackboneConfig(context_length=job["length"], **sizes)
    if "masked" not in job:
        return HyenaDNAConfig(backbone=backbone)
    head = MaskedLanguageModelHeadConfig()
    return HyenaDNAConfig(backbone=backbone, head=head, both_strands=job.get("both_strands", False))


@pytest.fixture(scope="module")
def peaks():
    """Return the bytes that each job takes at its peak, each in a process of its own."""
    fields = ("length", *USUAL)
    jobs = {
        name: {key: job[key] for key in fields} | {"model": to_mapping(model_of(job))}
        for name, job in JOBS.items()
    }
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, json.dumps(jobs)],
        capture_output=True,
        text=True,
        env=os.environ | RETURNS_WHAT_IS_FREED | ONE_THREAD,
    )
    assert run.returncode == 0, run.stderr
    return dict(map(json.loads, run.stdout.splitlines()))


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("name", JOBS)
def test_peak_of_a_process_is_foretold_within_15_percent(peaks, name):
    job = JOBS[name]
    size = model_of(job).pass_size(job["batch"], job["length"])
    if job["train"]:
        told = training_bytes(size, product_bytes=2 if job["bf16"] else 4, recompute=job["recompute"])
    else:
        told = inference_bytes(size, plan_inference(size))
    assert told == pytest.approx(peaks[name], rel=0.15)


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
