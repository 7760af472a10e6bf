"""Tables of complex roots of one for Fourier transforms by matrix products.

A transform of ``rows * columns`` points, written as a matrix ``x[n1, n2]`` at ``n = n1 * columns + n2``,
is a transform over ``n1``, a product with twiddles, and a transform over ``n2``; the frequency
``k1 + rows * k2`` stands at ``[k1, k2]``. The kernels transform signals that were multiplied by
``w^n``, ``w = exp(i pi / (2 size))``, which lowers every frequency by a quarter: with
``quarters=1`` the matrix over ``n1`` and the twiddles do that at no cost, and a real signal stays real
until after the first product.

Angles are reduced exactly in integers and evaluated in float64; the tables hold the real parts first, then
the imaginary parts, in float32 unless told otherwise, and are kept for every device.
"""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor


@lru_cache(maxsize=128)
def dft_matrix(
    size: int, device: torch.device, *, quarters: int = 0, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "2 frequencies positions"]:
    """Return ``exp(-2 pi i n (k - quarters / 4) / size)`` at ``[k, n]``.

    Args:
        size: Points of the transform.
        device: Where the table is kept.
        quarters: Quarters by which every frequency is lowered.
        dtype: Number format of the table.
    """
    return _table(_quarter_turns(size, size, quarters), 4 * size, device, dtype)


@lru_cache(maxsize=128)
def twiddles(
    rows: int, columns: int, device: torch.device, *, quarters: int = 0, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "2 rows columns"]:
    """Return ``exp(-2 pi i n2 (k1 - quarters / 4) / (rows * columns))`` at ``[k1, n2]``.

    Args:
        rows: Points of the transform over ``n1``, which comes before.
        columns: Points of the transform over ``n2``, which comes after.
        device: Where the table is kept.
        quarters: Quarters by which every frequency is lowered.
        dtype: Number format of the table.
    """
    return _table(_quarter_turns(rows, columns, quarters), 4 * rows * columns, device, dtype)


@lru_cache(maxsize=32)
def twists(size: int, device: torch.device) -> Float[Tensor, "2 positions"]:
    """Return ``w^n`` with ``w = exp(i pi / (2 size))``, for the positions ``n < size``."""
    return _table(_quarter_turns(1, size, 1), 4 * size, device, torch.float32)[:, 0]


def _quarter_turns(frequencies: int, positions: int, quarters: int) -> Int[np.ndarray, "k n"]:
    lowered = 4 * np.arange(frequencies, dtype=np.int64) - quarters
    return np.multiply.outer(lowered, np.arange(positions, dtype=np.int64))


def _table(
    numerators: Int[np.ndarray, "k n"], turn: int, device: torch.device, dtype: torch.dtype
) -> Float[Tensor, "2 k n"]:
    angles = (numerators % turn) * (-2 * np.pi / turn)
    parts = torch.from_numpy(np.stack([np.cos(angles), np.sin(angles)]))
    with torch.inference_mode(mode=False):  # a table made in inference serves training too
        return parts.to(dtype).to(device)
