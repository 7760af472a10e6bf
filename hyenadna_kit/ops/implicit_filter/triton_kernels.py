"""Kernel of the implicit filter: from the features of a position to its taps in all filters.

Letters:

    L, E     positions (distances), features of each
    W, C     hidden units, channels
    BLOCK_*  how many of them are computed at a time, powers of two from 16; all W at once
    GROUP_C  channels of one program, a multiple of BLOCK_C
    INNER    hidden layers after the first

Weights and biases of the hidden layers come multiplied by the frequencies of their sines. The products
of tensor cores are made of three bfloat16 parts of every number, which hold its 24 bits: "bf16x6".
"""

from typing import no_type_check

import triton
import triton.language as tl


@triton.jit
@no_type_check
def _sine(x):
    """Return sin(x) to 2e-7, for |x| to 1e5 to 1e-6.

    Triton's own brings a branch for huge angles that is unrolled for every number of a block: hundreds
    of kilobytes of code that spills. Here pi is subtracted in three parts, the first two so short that
    the products are exact, and a polynomial of least relative error takes the rest.
    """
    half_turns = tl.floor(x * 0.3183098861837907 + 0.5)
    r = x - half_turns * 3.140625
    r -= half_turns * 9.67502593994140625e-4
    r -= half_turns * 1.5099579897537296e-07
    q = r * r
    p = 2.6018724383902736e-06 * q - 0.00019807404896710068
    p = p * q + 0.008333024568855762
    p = p * q - 0.16666656732559204
    p = p * q + 1.0
    sign = 1.0 - 2.0 * (half_turns.to(tl.int32) & 1).to(tl.float32)
    return sign * r * p


@triton.jit
@no_type_check
def write_filters(
    features, times, first_weight, first_bias, inner_weights, inner_biases, last, rates, filters,
    length, width, channels, shift,
    E: tl.constexpr, INNER: tl.constexpr, BLOCK_W: tl.constexpr,
    BLOCK_L: tl.constexpr, BLOCK_C: tl.constexpr, GROUP_C: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """Write BLOCK_L taps of GROUP_C filters, [C, L]; hidden values never leave the program.

    Programs (positions, groups of channels). ``times`` and ``rates`` may be None: no decay.
    ``features`` is [L, E], ``inner_weights`` [INNER, W, W], ``inner_biases`` [INNER, W].
    """
    positions = tl.program_id(0).to(tl.int64) * BLOCK_L + tl.arange(0, BLOCK_L)
    here = positions < length
    units = tl.arange(0, BLOCK_W)
    used = units < width
    # A unit beyond the width has weights and bias 0, so that its sine is 0 and adds nothing.
    bias = tl.load(first_bias + units, mask=used, other=0.0)
    angles = tl.zeros((BLOCK_L, BLOCK_W), tl.float32) + bias[None, :]
    for feature in tl.static_range(E):
        z = tl.load(features + positions * E + feature, mask=here, other=0.0)
        weight = tl.load(first_weight + units * E + feature, mask=used, other=0.0)
        angles += z[:, None] * weight[None, :]
    # Positions first: as the left operand of a product, which warps share out, a sine is made once.
    hidden = _sine(angles)
    for layer in range(INNER):
        inner_at = inner_weights + (layer * width + units[None, :]) * width + units[:, None]
        inner = tl.load(inner_at, mask=used[None, :] & used[:, None], other=0.0)
        bias = tl.load(inner_biases + layer * width + units, mask=used, other=0.0)
        hidden = _sine(tl.dot(hidden, inner, input_precision=PRECISION) + bias[None, :])
    for start in range(0, GROUP_C, BLOCK_C):
        rows = tl.program_id(1).to(tl.int64) * GROUP_C + start + tl.arange(0, BLOCK_C)
        present = rows < channels
        last_at = last + rows[None, :] * width + units[:, None]
        last_rows = tl.load(last_at, mask=present[None, :] & used[:, None], other=0.0)
        taps = tl.dot(hidden, last_rows, input_precision=PRECISION)
        if rates is not None:
            t = tl.load(times + positions, mask=here, other=0.0)
            rate = tl.load(rates + rows, mask=present, other=0.0)
            taps *= tl.exp(-t[:, None] * rate[None, :]) + shift
        taps_at = filters + rows[None, :] * length + positions[:, None]
        tl.store(taps_at, taps, mask=present[None, :] & here[:, None])
