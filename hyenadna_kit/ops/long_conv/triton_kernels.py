"""The long convolution of up to 8192 positions, one row in the shared memory of one program.

A row of L positions is the matrix ``x[n1, n2]`` of N = N1 N2 >= L points at ``n = n1 N2 + n2``, zero from
L on. With ``w = exp(i pi / (2 N))`` and the filter ``F[n] = w^n (k[n] - i r[N - n])``, the circular
convolution of ``w^n x[n]`` and ``F`` has N points, not 2 N, and ``w^-n`` times it holds in its real part
the causal sums over k and the anticausal sums over r, and in its imaginary part what wraps around. The
conjugate of the spectrum of F gives the gradient of the signal, and the correlation of two rows gives
``w^n (dk[n] - i dr[N - n])``.

Only the transforms over n1 mix frequencies k1: everything between them works on a few k1 at a time,
which is what fits in registers.

Products take float32 operands, or float16 operands: these hold as many digits as the tf32 that tensor
cores make of float32, in half the bytes. Scales keep them in range whatever the signal and the filter
are: a row is divided by a power of two near its sum of magnitudes, which bounds its spectrum, and an
inverse transform by its size.

Letters:

    B, D, L      batch, channels, positions; T taps of a filter
    N, N1, N2    points of the transform, its rows and columns (powers of two, at least 16)
    K1           frequencies k1 at a time (a power of two from 16 to N1)
    k1, k2       frequency k1 + N1 k2, which stands at [k1, k2]
    first        the twisted transform over n1, [2, k1, n1]: dft.dft_matrix(N1, quarters=1)
    twiddle      the twisted twiddles, [2, k1, n2]: dft.twiddles(N1, N2, quarters=1)
    second       the transform over n2, [2, k2, n2], symmetric: dft.dft_matrix(N2)
    r, i         suffixes of a real and an imaginary part
    FORMAT       of the operands of products: tl.float32 or tl.float16
"""

from typing import no_type_check

import triton
import triton.language as tl

# Scaled rows sum to less than twice this in magnitude: far from float16's largest, 65504, and so far
# from its least that what rounds to zero is nothing beside the rest.
_SUM = tl.constexpr(4096.0)


@triton.jit
@no_type_check
def transform_filters(
    filters, reverse, spectrum, scales, first, twiddle, second, taps,
    N1: tl.constexpr, N2: tl.constexpr, K1: tl.constexpr, FORMAT: tl.constexpr,
):  # fmt: skip
    """Write the scaled spectrum of one channel, [2, k1, k2], and its scale; reverse may be None."""
    N: tl.constexpr = N1 * N2
    channel = tl.program_id(0).to(tl.int64)
    n = _index(tl.arange(0, N1), N2)
    k = tl.load(filters + channel * taps + n, mask=n < taps, other=0.0)
    magnitudes = tl.abs(k)
    if reverse is not None:
        lag = N - n
        r = tl.load(reverse + channel * taps + lag, mask=lag < taps, other=0.0)
        magnitudes += tl.abs(r)
    scale, inverse = _power_of_two(tl.sum(magnitudes))
    k = (k * inverse * _SUM).to(FORMAT)
    if reverse is not None:
        r = (r * inverse * _SUM).to(FORMAT)
    tl.store(scales + channel, scale)
    for start in range(0, N1, K1):
        k1 = start + tl.arange(0, K1)
        xr, xi = _over_rows(k, k1, first, N1, FORMAT)
        if reverse is not None:
            ri, rr = _over_rows(r, k1, first, N1, FORMAT)
            xr, xi = xr + rr, xi - ri
        xr, xi = _over_columns(xr, xi, k1, twiddle, second, N1, N2, FORMAT)
        target = spectrum + channel * 2 * N + _index(k1, N2)
        tl.store(target, xr.to(spectrum.dtype.element_ty))
        tl.store(target + N, xi.to(spectrum.dtype.element_ty))


@triton.jit(do_not_specialize=["batch", "channels"])
@no_type_check
def convolve_rows(
    signal, before, spectrum, scales, skip, after, output, first, twiddle, second, batch, channels, length,
    N1: tl.constexpr, N2: tl.constexpr, K1: tl.constexpr, CONJUGATE: tl.constexpr, FORMAT: tl.constexpr,
):  # fmt: skip
    """Write ``after * (filter(x) + skip * x)`` with ``x = before * signal`` for one row.

    ``before`` and ``after`` may be None, which stands for one. CONJUGATE applies the transposed filter.
    The rows of one channel are neighbours in the grid: they share its spectrum in the L2 cache.
    """
    N: tl.constexpr = N1 * N2
    channel = tl.program_id(0).to(tl.int64) // batch
    row = (tl.program_id(0).to(tl.int64) % batch) * channels + channel
    n = _index(tl.arange(0, N1), N2)
    inside = n < length
    x = _gated(signal, before, row * length + n, inside)
    scale, inverse = _power_of_two(tl.sum(tl.abs(x)))
    x = (x * inverse * _SUM).to(FORMAT)
    y = tl.zeros((N1, N2), tl.float32)
    for start in range(0, N1, K1):
        k1 = start + tl.arange(0, K1)
        xr, xi = _over_rows(x, k1, first, N1, FORMAT)
        xr, xi = _over_columns(xr, xi, k1, twiddle, second, N1, N2, FORMAT)
        fr, fi = _complex(spectrum + channel * 2 * N, k1, N1, N2)
        fr, fi = fr.to(tl.float32) * (2 / _SUM), fi.to(tl.float32) * (2 / _SUM)
        if CONJUGATE:
            fi = -fi
        yr, yi = xr * fr - xi * fi, xr * fi + xi * fr
        yr, yi = _inverse_columns(yr, yi, k1, twiddle, second, N1, N2, FORMAT)
        inverser, inversei = _complex_transposed(first, k1, N1)
        y += _dot(inverser, yr, FORMAT) + _dot(inversei, yi, FORMAT)
    y *= scale * tl.load(scales + channel) / (2 * _SUM * N1)
    y += tl.load(skip + channel) * _gated(signal, before, row * length + n, inside)
    if after is not None:
        y *= tl.load(after + row * length + n, mask=inside, other=0.0).to(tl.float32)
    tl.store(output + row * length + n, y.to(output.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=["batch", "channels"])
@no_type_check
def correlate_rows(
    signal, gradient, gate, filters, reverse, skip, first, twiddle, second, batch, channels, length, taps,
    N1: tl.constexpr, N2: tl.constexpr, K1: tl.constexpr, FORMAT: tl.constexpr,
):  # fmt: skip
    """Write one share of the gradients of one channel's filters and skip.

    Programs (channel, share of the batch, rows of K1 frequencies): the last two number the parts at
    [share, rows, channel] of ``filters`` and ``reverse`` (or None), which add up to the gradients.
    ``skip`` is [share, channel]. ``gate`` (or None) multiplies ``gradient``.
    """
    N: tl.constexpr = N1 * N2
    channel, share, rows = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    k1 = rows * K1 + tl.arange(0, K1)
    n = _index(tl.arange(0, N1), N2)
    inside = n < length
    sumr, sumi = tl.zeros((K1, N2), tl.float32), tl.zeros((K1, N2), tl.float32)
    products = 0.0
    for index in range(share, batch, tl.num_programs(1)):
        at = (index * channels + channel) * length + n
        # Zeros that the compiler does not see through: tables that it loads once fill the registers.
        none, nothing = (index >> 30) * N, (index >> 29) * N
        x = _gated(signal, None, at, inside)
        g = _gated(gradient, gate, at, inside)
        products += tl.sum(x * g)
        xscale, inverse = _power_of_two(tl.sum(tl.abs(x)))
        xr, xi = _over_rows(x * inverse * _SUM, k1, first + none, N1, FORMAT)
        xr, xi = _over_columns(xr, xi, k1, twiddle + none, second + none, N1, N2, FORMAT)
        gscale, inverse = _power_of_two(tl.sum(tl.abs(g)))
        gr, gi = _over_rows(g * inverse * _SUM, k1, first + nothing, N1, FORMAT)
        gr, gi = _over_columns(gr, gi, k1, twiddle + nothing, second + nothing, N1, N2, FORMAT)
        scale = xscale / (_SUM * N) * (gscale / _SUM)
        sumr += (xr * gr + xi * gi) * scale
        sumi += (xr * gi - xi * gr) * scale
    tl.store(skip + share * channels + channel, products, mask=rows == 0)
    scale, inverse = _power_of_two(tl.max(tl.maximum(tl.abs(sumr), tl.abs(sumi))))
    yr, yi = _inverse_columns(
        sumr * inverse * _SUM, sumi * inverse * _SUM, k1, twiddle, second, N1, N2, FORMAT
    )
    inverser, inversei = _complex_transposed(first, k1, N1)
    scale *= N2 / _SUM
    target = ((share * tl.num_programs(2) + rows) * channels + channel) * taps
    causal = _dot(inverser, yr, FORMAT) + _dot(inversei, yi, FORMAT)
    tl.store(filters + target + n, causal * scale, mask=n < taps)
    if reverse is not None:
        wrapped = _dot(inversei, yr, FORMAT) - _dot(inverser, yi, FORMAT)
        lag = (N - n) % N
        tl.store(reverse + target + lag, tl.where(lag > 0, wrapped * scale, 0.0), mask=lag < taps)


@triton.jit
@no_type_check
def _index(rows, COLUMNS: tl.constexpr):
    return rows[:, None] * COLUMNS + tl.arange(0, COLUMNS)[None, :]


@triton.jit
@no_type_check
def _gated(values, gate, at, inside):
    # Volatile: rows pass by the L1 cache, which is for the tables, and are read again rather than kept.
    x = tl.load(values + at, mask=inside, other=0.0, volatile=True).to(tl.float32)
    if gate is not None:
        x *= tl.load(gate + at, mask=inside, other=0.0, volatile=True).to(tl.float32)
    return x


@triton.jit
@no_type_check
def _power_of_two(most):
    """Return s and 1 / s with ``most < 2 s``, both powers of two that float32 holds."""
    bits = most.to(tl.int32, bitcast=True) & 0x7F800000
    bits = tl.minimum(tl.maximum(bits, 0x00800000), 0x7E800000)
    return bits.to(tl.float32, bitcast=True), (0x7F000000 - bits).to(tl.float32, bitcast=True)


@triton.jit
@no_type_check
def _complex(table, rows, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    at = table + _index(rows, COLUMNS)
    return tl.load(at), tl.load(at + ROWS * COLUMNS)


@triton.jit
@no_type_check
def _complex_transposed(table, rows, SIZE: tl.constexpr):
    at = table + tl.arange(0, SIZE)[:, None] + rows[None, :] * SIZE
    return tl.load(at), tl.load(at + SIZE * SIZE)


@triton.jit
@no_type_check
def _dot(a, b, FORMAT: tl.constexpr):
    return tl.dot(a.to(FORMAT), b.to(FORMAT), input_precision="tf32x3")


@triton.jit
@no_type_check
def _over_rows(x, k1, first, N1: tl.constexpr, FORMAT: tl.constexpr):
    firstr, firsti = _complex(first, k1, N1, N1)
    return _dot(firstr, x, FORMAT), _dot(firsti, x, FORMAT)


@triton.jit
@no_type_check
def _over_columns(xr, xi, k1, twiddle, second, N1: tl.constexpr, N2: tl.constexpr, FORMAT: tl.constexpr):
    tr, ti = _complex(twiddle, k1, N1, N2)
    secondr, secondi = _complex(second, tl.arange(0, N2), N2, N2)
    xr, xi = xr * tr - xi * ti, xr * ti + xi * tr
    yr = _dot(xr, secondr, FORMAT) - _dot(xi, secondi, FORMAT)
    yi = _dot(xr, secondi, FORMAT) + _dot(xi, secondr, FORMAT)
    return yr, yi


@triton.jit
@no_type_check
def _inverse_columns(xr, xi, k1, twiddle, second, N1: tl.constexpr, N2: tl.constexpr, FORMAT: tl.constexpr):
    tr, ti = _complex(twiddle, k1, N1, N2)
    secondr, secondi = _complex(second, tl.arange(0, N2), N2, N2)
    yr = (_dot(xr, secondr, FORMAT) + _dot(xi, secondi, FORMAT)) / N2
    yi = (_dot(xi, secondr, FORMAT) - _dot(xr, secondi, FORMAT)) / N2
    return yr * tr + yi * ti, yi * tr - yr * ti
