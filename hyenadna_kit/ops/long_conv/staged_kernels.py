"""The first and the last of the three kernels of a convolution that no shared memory holds.

A row of L positions is the matrix ``x[n1, n2]`` of N = N1 N2 >= L points at ``n = n1 N2 + n2``, zero from
L on; the algebra is that of ``triton_kernels``: twisted rows, circular convolution of N points, the
anticausal taps in the imaginary part. The *outer* kernel transforms over n1 and multiplies by the
twiddles, both with the twist in them, so that its products have a real operand; the *body*
(``staged_body_kernels``) convolves each of the N1 rows of N2 points in shared memory; the *outer inverse*
undoes the first and keeps the real part.

Letters:

    N1           points of the outer transform: any number, since its blocks are masked
    N2           points of the body's transform: a power of two
    n1, n2, k1   position n1 N2 + n2; frequency of the outer transform
    TABLE        pointer to the twisted transform over n1, [2, k1, n1]: dft.dft_matrix(N1, quarters=1)
    PLANES       pointer to temporaries, [row, 2, k1, n2]: real plane, imaginary plane
    row          batch item * channels + channel
    BLOCK        frequencies (outer) or n1 (outer inverse) of one program; REDUCED: terms of one product
    TILE         n2 of one program
    r, i         suffixes of a real and an imaginary part
    PRECISION    of the products: "ieee", "tf32" and "tf32x3" as Triton names them, "bf16" for bf16 operands
"""

from typing import no_type_check

import triton
import triton.language as tl

from hyenadna_kit.ops.long_conv.staged_body_kernels import rounded


@triton.jit(do_not_specialize=["channels", "n1_count"])
@no_type_check
def outer(
    source, gate, reverse, skip, planes, table,
    source_batch, source_channel, gate_batch, gate_channel, channels, length, n1_count,
    N2: tl.constexpr, TILE: tl.constexpr, BLOCK: tl.constexpr, REDUCED: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Transform ``gate * source`` of one row over n1 and multiply by the twiddles.

    ``gate`` (or None) and ``source`` have strides of batch and channel. For filters, ``reverse`` (or None)
    holds the anticausal taps, with the strides of ``source``, and ``skip`` (or None) is added to tap 0.
    """
    row, first, tile = _program(n1_count, BLOCK, N2 // TILE)
    item, channel = row // channels, row % channels
    k1, n2 = first + tl.arange(0, BLOCK), tile * TILE + tl.arange(0, TILE)
    sumr = tl.zeros((BLOCK, TILE), tl.float32)
    sumi = tl.zeros((BLOCK, TILE), tl.float32)
    for start in range(0, n1_count, REDUCED):
        n1 = start + tl.arange(0, REDUCED)
        tr, ti = _table(table, k1[:, None], n1[None, :], n1_count)
        n = n1[:, None] * N2 + n2[None, :]
        at = source + item * source_batch + channel * source_channel
        x = tl.load(at + n, mask=n < length, other=0.0).to(tl.float32)
        if gate is not None:
            at = gate + item * gate_batch + channel * gate_channel
            x *= tl.load(at + n, mask=n < length, other=0.0).to(tl.float32)
        if skip is not None:
            x += tl.where(n == 0, tl.load(skip + channel).to(tl.float32), 0.0)
        real, imaginary = _by_real(tr, ti, x, PRECISION)
        sumr += real
        sumi += imaginary
        if reverse is not None:
            lag = n1_count * N2 - n
            at = reverse + channel * source_channel
            x = tl.load(at + lag, mask=(n > 0) & (lag > 0) & (lag < length), other=0.0)
            real, imaginary = _by_real(tr, ti, x, PRECISION)
            sumr += imaginary
            sumi -= real
    cosine, sine = _turned(n2[None, :] * (4 * k1[:, None] - 1), n1_count * N2)
    at = planes + row * 2 * n1_count * N2 + k1[:, None] * N2 + n2[None, :]
    inside = (k1 < n1_count)[:, None]
    tl.store(at, (sumr * cosine + sumi * sine).to(planes.dtype.element_ty), mask=inside)
    at += n1_count * N2
    tl.store(at, (sumi * cosine - sumr * sine).to(planes.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=["channels", "n1_count"])
@no_type_check
def outer_inverse(
    planes, gate, target, reverse, table,
    gate_batch, gate_channel, target_batch, target_channel, channels, length, n1_count,
    N2: tl.constexpr, TILE: tl.constexpr, BLOCK: tl.constexpr, REDUCED: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Write the first ``length`` positions of one row, times ``gate`` (or None), to ``target``.

    ``reverse`` (or None) receives what stands in the imaginary part, the gradient of the anticausal taps,
    with the strides of ``target``.
    """
    row, first, tile = _program(n1_count, BLOCK, N2 // TILE)
    item, channel = row // channels, row % channels
    n1, n2 = first + tl.arange(0, BLOCK), tile * TILE + tl.arange(0, TILE)
    y = tl.zeros((BLOCK, TILE), tl.float32)
    wrapped = tl.zeros((BLOCK, TILE), tl.float32)
    for start in range(0, n1_count, REDUCED):
        k1 = start + tl.arange(0, REDUCED)
        tr, ti = _table(table, k1[None, :], n1[:, None], n1_count)
        at = planes + row * 2 * n1_count * N2 + k1[:, None] * N2 + n2[None, :]
        inside = (k1 < n1_count)[:, None]
        zr = tl.load(at, mask=inside, other=0.0).to(tl.float32)
        zi = tl.load(at + n1_count * N2, mask=inside, other=0.0).to(tl.float32)
        cosine, sine = _turned(n2[None, :] * (4 * k1[:, None] - 1), n1_count * N2)
        zr, zi = zr * cosine - zi * sine, zi * cosine + zr * sine
        trzr, tizr = _by_real(tr, ti, zr, PRECISION)
        trzi, tizi = _by_real(tr, ti, zi, PRECISION)
        y += trzr
        y += tizi
        wrapped += tizr
        wrapped -= trzi
    n = n1[:, None] * N2 + n2[None, :]
    y *= 1.0 / (n1_count * N2)
    if gate is not None:
        at = gate + item * gate_batch + channel * gate_channel
        y *= tl.load(at + n, mask=n < length, other=0.0).to(tl.float32)
    at = target + item * target_batch + channel * target_channel
    tl.store(at + n, y.to(target.dtype.element_ty), mask=n < length)
    if reverse is not None:
        lag = tl.where(n == 0, 0, n1_count * N2 - n)  # tap 0 has no effect
        wrapped = tl.where(n == 0, 0.0, wrapped * (1.0 / (n1_count * N2)))
        at = reverse + channel * target_channel
        tl.store(at + lag, wrapped, mask=(lag >= 0) & (lag < length))


@triton.jit(do_not_specialize=["channels"])
@no_type_check
def inner_products(
    signal, gradient, gate, sums,
    signal_batch, signal_channel, gradient_batch, gradient_channel, gate_batch, gate_channel,
    channels, length,
    POSITIONS: tl.constexpr,
):  # fmt: skip
    """Write sums of ``signal * gradient * gate`` over POSITIONS of one row, [row, part].

    It is the gradient of the skip. The correlation holds it at lag 0, with the rounding of every lag.
    """
    parts = tl.cdiv(length, POSITIONS)
    row = tl.program_id(0).to(tl.int64) // parts
    item, channel = row // channels, row % channels
    n = (tl.program_id(0) % parts) * POSITIONS + tl.arange(0, POSITIONS)
    at = signal + item * signal_batch + channel * signal_channel
    x = tl.load(at + n, mask=n < length, other=0.0).to(tl.float32)
    at = gradient + item * gradient_batch + channel * gradient_channel
    x *= tl.load(at + n, mask=n < length, other=0.0).to(tl.float32)
    if gate is not None:
        at = gate + item * gate_batch + channel * gate_channel
        x *= tl.load(at + n, mask=n < length, other=0.0).to(tl.float32)
    tl.store(sums + tl.program_id(0), tl.sum(x))


@triton.jit
@no_type_check
def _program(n1_count, BLOCK: tl.constexpr, TILES: tl.constexpr):
    # Row, first of the block, tile: programs of one row are neighbours and share its lines in the L2 cache.
    program = tl.program_id(0).to(tl.int64)
    blocks = tl.cdiv(n1_count, BLOCK)
    place = (program % (blocks * TILES)).to(tl.int32)
    return program // (blocks * TILES), place // TILES * BLOCK, place % TILES


@triton.jit
@no_type_check
def _table(table, k1, n1, n1_count):
    inside = (k1 < n1_count) & (n1 < n1_count)
    at = table + k1 * n1_count + n1
    real = tl.load(at, mask=inside, other=0.0).to(tl.float32)
    return real, tl.load(at + n1_count * n1_count, mask=inside, other=0.0).to(tl.float32)


@triton.jit
@no_type_check
def _turned(numerator, quarter):
    # Cosine and sine of (pi / 2) numerator / quarter. Whole quarters are taken off in integers, so that
    # the angle is exact to the last bit; within an eighth of a turn Taylor's series errs by 3e-8.
    turns = tl.floor(numerator.to(tl.float32) * (1.0 / quarter) + 0.5).to(tl.int32)
    x = (numerator - turns * quarter).to(tl.float32) * (1.5707963267948966 / quarter)
    s = x * x
    cosine = 1.0 - s * (1 / 2 - s * (1 / 24 - s * (1 / 720 - s * (1 / 40320))))
    sine = x * (1.0 - s * (1 / 6 - s * (1 / 120 - s * (1 / 5040 - s * (1 / 362880)))))
    odd = (turns & 1) == 1
    one, other = tl.where(odd, sine, cosine), tl.where(odd, cosine, sine)
    return tl.where(((turns + 1) & 2) == 2, -one, one), tl.where((turns & 2) == 2, -other, other)


@triton.jit
@no_type_check
def _by_real(ar, ai, b, PRECISION: tl.constexpr):
    b = rounded(b, PRECISION)
    INPUT: tl.constexpr = "ieee" if PRECISION == "bf16" else PRECISION
    if PRECISION == "bf16":
        ar, ai, b = ar.to(tl.bfloat16), ai.to(tl.bfloat16), b.to(tl.bfloat16)
    return tl.dot(ar, b, input_precision=INPUT), tl.dot(ai, b, input_precision=INPUT)
