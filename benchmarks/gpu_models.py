"""Tokens a second and peak memory of whole models on a GPU: ours, plain PyTorch, and a Transformer."""

from collections.abc import Callable
from typing import Any

import torch
from attention import Transformer, attention_flops
from measure import (
    LENGTHS,
    SHAPES,
    Shape,
    alternate,
    autocast,
    build_ours,
    build_plain,
    next_token_loss,
    random_tokens,
    seconds_of,
)
from torch import Tensor, nn

GIGABYTE = 1e9
TOKENS = 2**18
"""Tokens of a batch, where one sequence is not longer."""
MOST_ATTENTION_FLOPS = 4e15
"""A Transformer whose training step needs more, ten seconds of an H200, is left out."""
PAPER_LENGTHS = [LENGTHS[name] for name in ("2k", "8k", "64k", "1m")]
MODEL_CASES = tuple(
    (shape, LENGTHS[length])
    for shape, length in (
        ("tiny", "1k"),
        ("tiny", "8k"),
        ("small-32k", "32k"),
        ("medium-160k", "131k"),
        ("medium-160k", "160k"),
        ("large-1m", "1m"),
    )
)
OUT_OF_MEMORY = "does not fit"
MATRIX, COPIED_BYTES = 8192, 4 * 2**30


def measure_model(
    shape_name: str, length: int, direction: str, precision: str, device: torch.device, *, budget: float
) -> list[dict[str, Any]]:
    """Return a row a side: tokens a second, peak memory, and how many times the other sides."""
    shape = SHAPES[shape_name]
    batch = max(1, TOKENS // length) if device.type == "cuda" else 1
    rotation = [random_tokens(batch, length, seed=seed).to(device) for seed in range(3)]
    calls, peaks = {}, {}
    for side, build in builders(shape, length).items():
        model = build().to(device)
        call = step_of(model, direction, autocast(device, precision))
        peaks[side] = peak_of(lambda c=call: c(rotation[0]), device)
        model.zero_grad(set_to_none=True)
        if peaks[side] != OUT_OF_MEMORY:
            calls[side] = call
    seconds = alternate(calls, rotation, device, budget=budget) if calls else {}
    what = {"model": shape_name, "length": length, "batch": batch, "pass": direction, "dtype": precision}
    return [
        {**what, "side": side, "peak_gb": peaks[side], **speeds(seconds, side, batch * length)}
        for side in peaks
    ]


def builders(shape: Shape, length: int) -> dict[str, Callable[[], nn.Module]]:
    """Return how each side's model is made; a Transformer only where it takes seconds, not minutes."""
    sides: dict[str, Callable[[], nn.Module]] = {
        "plain": lambda: build_plain(shape, length),
        "ours": lambda: build_ours(shape, length),
    }
    if attention_flops(shape.num_layers, shape.d_model, length) <= MOST_ATTENTION_FLOPS:
        sides["transformer"] = lambda: Transformer(shape.num_layers, shape.d_model)
    return sides


def step_of(model: nn.Module, direction: str, context: torch.autocast) -> Callable[[Tensor], object]:
    """Return one forward, or forward, loss and backward."""

    def forward(input_ids: Tensor) -> object:
        """Return the logits."""
        with torch.inference_mode(), context:
            return model(input_ids).logits

    def backward(input_ids: Tensor) -> None:
        """Compute all gradients."""
        model.zero_grad(set_to_none=True)
        with context:
            logits = model(input_ids).logits
        next_token_loss(logits, input_ids).backward()

    if direction == "forward":
        model.eval()
    return forward if direction == "forward" else backward


def peak_of(call: Callable[[], object], device: torch.device) -> float | str | None:
    """Return the most GB that a call holds, or that it does not fit; None on a CPU."""
    if device.type != "cuda":
        call()
        return None
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    # What the other sides' weights hold is not this side's.
    before = torch.cuda.memory_allocated(device)
    try:
        call()
    except torch.OutOfMemoryError:
        return OUT_OF_MEMORY
    return round((torch.cuda.max_memory_allocated(device) - before) / GIGABYTE, 3)


def speeds(seconds: dict[str, float], side: str, num_tokens: int) -> dict[str, float]:
    """Return milliseconds, tokens a second and the ratios to the sides that were measured."""
    if side not in seconds:
        return {}
    figures = {"ms": round(1e3 * seconds[side], 4), "tokens_per_s": round(num_tokens / seconds[side])}
    bases = (base for base in ("plain", "transformer") if base in seconds)
    return figures | {f"{base}_over": round(seconds[base] / seconds[side], 3) for base in bases}


def tflops_and_copies(device: torch.device) -> dict[str, float]:
    """Return what the device does at best: bfloat16 products in TFLOP/s, and copies in TB/s."""
    left, right = (torch.randn(MATRIX, MATRIX, device=device).bfloat16() for _ in range(2))
    source = torch.randn(COPIED_BYTES // 4, device=device)
    target = torch.empty_like(source)
    products, copies = (
        sorted(seconds_of(call, device) for _ in range(10))[5]
        for call in (lambda: left @ right, lambda: target.copy_(source))
    )
    return {
        "bf16_tflop_per_s": round(2 * MATRIX**3 / products / 1e12, 1),
        "copy_tb_per_s": round(2 * COPIED_BYTES / copies / 1e12, 3),
    }
