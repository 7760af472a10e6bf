"""Time the generation of many bases: the stream, recomputing the sequence for every base, and dot products.

    python benchmarks/generation.py MODEL [NEW_BASES]

Behind a prompt of 1,024 bases drawn at random the model draws NEW_BASES (8,192). Timed are the whole of it by
the stream; one pass over the sequence so far at 64 positions, spread evenly, whose mean times NEW_BASES is
what recomputing would take (an estimate); and the whole of it where each step sums over all inputs so far of
every long convolution. Prints and records seconds and ratios, all of one process.
"""

import sys
import time
from statistics import fmean
from unittest import mock

import numpy as np
import torch
from record import record

from hyenadna_kit.backbone import streaming
from hyenadna_kit.generation.generate import generate
from hyenadna_kit.model import HyenaDNA

PROMPT = 1024
NUM_POSITIONS = 64


class DotProducts:
    """Convolutions step by step, each output a sum over all inputs so far."""

    def __init__(self, taps: torch.Tensor, *, batch: int, num_steps: int, step: int = 1) -> None:
        assert step == 1
        self.num_done = 0
        self.num_pending = num_steps
        self.num_bytes = 0
        self._taps = taps
        self._reversed = taps.flip(1)
        self._inputs = taps.new_zeros(batch, len(taps), num_steps)
        self._pending = taps.new_zeros(batch, len(taps), num_steps)

    def begin_behind(self, pending: torch.Tensor, rows: slice) -> None:
        """Take what the prompt adds."""
        self._pending[:, rows, : pending.shape[2]] += pending

    def outputs(self, inputs: torch.Tensor, rows: slice) -> torch.Tensor:
        """Return the next outputs of some rows."""
        count = min(self.num_done + 1, self._taps.shape[1])
        first = self.num_done + 1 - count
        self._inputs[:, rows, self.num_done : self.num_done + 1] = inputs
        seen = self._inputs[:, rows, first : self.num_done + 1]
        weights = self._reversed[rows, self._taps.shape[1] - count :]
        products = torch.einsum("brt,rt->br", seen, weights)[..., None]
        return self._pending[:, rows, self.num_done : self.num_done + 1] + products

    def advance(self) -> None:
        """Go on to the next step."""
        self.num_done += 1


def main(name: str, new_bases: str = "8192") -> None:
    """Time, compare, record."""
    model, count = HyenaDNA.from_pretrained(name), int(new_bases)
    prompt = "".join(np.random.default_rng(0).choice(list("ACGT"), PROMPT))
    seconds = {"stream": seconds_of(model, prompt, count)}
    seconds["recomputing"] = count * fmean(seconds_of_passes(model, PROMPT, count))
    with mock.patch.object(streaming, "OnlineConvolution", DotProducts):
        seconds["dot products"] = seconds_of(model, prompt, count)
    figures = {
        "model": name,
        "prompt": PROMPT,
        "new_bases": count,
        "seconds": {name: round(each, 2) for name, each in seconds.items()},
        "times_the_stream": {name: round(each / seconds["stream"], 1) for name, each in seconds.items()},
    }
    print(record("generation", f"python benchmarks/generation.py {name} {count}", figures).read_text())


def seconds_of(model: HyenaDNA, prompt: str, count: int) -> float:
    """Return how long drawing takes; the first bases are drawn before, to warm up."""
    list(generate(model, prompt, 16))
    begun = time.perf_counter()
    list(generate(model, prompt, count))
    return time.perf_counter() - begun


def seconds_of_passes(model: HyenaDNA, prompt: int, count: int) -> list[float]:
    """Return how long passes over sequences of growing length take, without gradients."""
    found = []
    for length in np.linspace(prompt, prompt + count - 1, NUM_POSITIONS).astype(int).tolist():
        ids = torch.randint(7, 11, (1, length))
        with torch.inference_mode():
            begun = time.perf_counter()
            model(ids, read_from=length - 1)
            found.append(time.perf_counter() - begun)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
