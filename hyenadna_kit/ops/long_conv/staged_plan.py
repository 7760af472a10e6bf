"""How a convolution of a long sequence is cut into programs.

In: number format and length of the signal. Out: the sizes and the precision that the three kernels are
compiled for. No kernel is imported here.
"""

from dataclasses import dataclass
from typing import Any

import torch

from hyenadna_kit.ops.backends import Problem
from hyenadna_kit.ops.triton_support import is_interpreted, shared_memory

SMALLEST_BODY = (32, 32)
SMALL_BODY = (64, 32)
LARGE_BODY = (64, 64)

HOPPER_MEMORY = 200 << 10
"""Bytes of shared memory of a program by which Hopper is known. Its tensor cores read operands from shared
memory; on earlier GPUs the same operands fill the registers, and a smaller body is faster."""

SUMMED = 4096
"""Positions that one program adds up for the gradient of the skip."""

_FEW_OUTER_POINTS = 128
_TENSOR_CORE_ROWS = 16


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a convolution is cut into programs."""

    body: tuple[int, int] = SMALL_BODY
    """Rows and columns of the transform in shared memory: powers of two from 16 on."""

    tile: int = 64
    """Neighbouring positions of one program of the outer kernels: a power of two from 16 on."""

    block: int = 128
    """Most frequencies of one program of the outer kernel."""

    reduced: int = 32
    """Most terms of one product of the outer kernels."""

    precision: str = "tf32"
    """Of the products: ``"ieee"``, ``"tf32x3"`` (float32 by three products), ``"tf32"`` or ``"bf16"``."""

    temporaries: torch.dtype = torch.float32
    """Number format of the temporaries; bfloat16 halves their traffic and adds an error of 2e-3."""

    temporary_bytes: int = 40 << 20
    """Bytes of temporaries at a time; one channel of one batch item may need more."""

    programs: int = 256
    """Programs that keep the device busy: where channels are few, sums over the batch are shared out."""

    @property
    def points(self) -> int:
        """Points of the transform in shared memory."""
        return self.body[0] * self.body[1]

    def outer_points(self, length: int) -> int:
        """Return the points of the outer transform of a signal of ``length`` positions."""
        return -(-length // self.points)

    def outer_blocks(self, outer_points: int) -> int:
        """Return how many programs share one tile of the outer transform."""
        return -(-outer_points // self._block(outer_points))

    def outer_constants(self, outer_points: int) -> dict[str, Any]:
        """Return the constants of the outer kernels and their warps."""
        block = self._block(outer_points)
        return {
            "N2": self.points,
            "TILE": self.tile,
            "BLOCK": block,
            "REDUCED": min(self.reduced, block),
            "PRECISION": self._products(),
            "num_warps": 8 if block * self.tile > 64 * 64 else 4,
            "num_stages": 1,  # more take more registers and shared memory than there are
        }

    def body_constants(self) -> dict[str, Any]:
        """Return the constants of the body kernels and their warps."""
        rows, columns = self.body
        warps = 8 if self.points > 64 * 32 else 4
        return {"A": rows, "B": columns, "PRECISION": self._products(), "num_warps": warps, "num_stages": 1}

    def _block(self, outer_points: int) -> int:
        covering = 1 << (outer_points - 1).bit_length()
        return min(self.block, max(_TENSOR_CORE_ROWS, covering))

    def _products(self) -> str:
        # Triton's interpreter multiplies bf16 numbers as if they were integers.
        return "ieee" if self.precision == "bf16" and is_interpreted() else self.precision


def plan_for(problem: Problem) -> Plan:
    """Return the plan for the number format and the length of a problem.

    float32 signals get the accuracy of float32 from three tf32 products (relative RMS error 4e-7 at 2^19
    positions, emulated); 16-bit signals one tf32 product (5e-4, a third of the rounding of the output).
    """
    hopper = shared_memory(problem.device) >= HOPPER_MEMORY
    if problem.dtype == torch.float32:
        return Plan(body=SMALL_BODY if hopper else SMALLEST_BODY, precision="tf32x3")
    plan = Plan()
    long = plan.outer_points(problem.length) > _FEW_OUTER_POINTS
    return Plan(body=LARGE_BODY) if hopper and long else plan
