"""The middle one of the three kernels of ``staged_kernels``: transforms in shared memory.

In: the planes of the outer kernel, [row, 2, k1, n2]. Each program takes one k1 of one row, the matrix
``x[a, b]`` of N2 = A B points at ``n2 = a B + b``, transforms it over a and over b, multiplies, and goes
back. Out: planes again, or spectra, whose points stand wherever the transform leaves them.

Letters:

    A, B         rows and columns of the transform: powers of two, at least 16
    FIRST        pointer to the transform over a, [2, A, A]: dft.dft_matrix(A)
    TWIDDLE      pointer to the twiddles, [2, A, B]: dft.twiddles(A, B)
    SECOND       pointer to the transform over b, [2, B, B]: dft.dft_matrix(B)
    n1_count     N1, the k1 of a row; a plane has N1 A B points
    r, i         suffixes of a real and an imaginary part
    PRECISION    of the products: "ieee", "tf32" and "tf32x3" as Triton names them, "bf16" for bf16 operands
"""

from typing import no_type_check

import triton
import triton.language as tl


@triton.jit(do_not_specialize=["n1_count"])
@no_type_check
def transform(
    planes, first, twiddle, second, n1_count,
    A: tl.constexpr, B: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Transform, in place, one k1 of one row."""
    _, x = _body_program(n1_count, A, B)
    xr, xi = _load(planes + x, n1_count * A * B)
    xr, xi = _transform(xr, xi, first, twiddle, second, A, B, PRECISION)
    _store(planes + x, n1_count * A * B, xr, xi)


@triton.jit(do_not_specialize=["channels", "n1_count"])
@no_type_check
def product(
    planes, spectrum, first, twiddle, second, channels, n1_count,
    A: tl.constexpr, B: tl.constexpr, TRANSFORMED: tl.constexpr, CONJUGATE: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """Convolve one k1 of one row in place with the spectrum of its channel's filter.

    CONJUGATE applies the transposed filter. TRANSFORMED says that ``planes`` holds spectra already.
    """
    row, x = _body_program(n1_count, A, B)
    h = x - (row - row % channels) * 2 * n1_count * (A * B)
    xr, xi = _load(planes + x, n1_count * A * B)
    if not TRANSFORMED:
        xr, xi = _transform(xr, xi, first, twiddle, second, A, B, PRECISION)
    tl.debug_barrier()  # keeps the compiler from loading the spectrum before there are registers for it
    hr, hi = _load(spectrum + h, n1_count * A * B)
    if CONJUGATE:
        hi = -hi
    xr, xi = xr * hr - xi * hi, xr * hi + xi * hr
    xr, xi = _inverse(xr, xi, first, twiddle, second, A, B, PRECISION)
    _store(planes + x, n1_count * A * B, xr, xi)


@triton.jit(do_not_specialize=["rows", "channels", "n1_count", "items"])
@no_type_check
def correlate(
    spectrum, other, target, first, twiddle, second, rows, channels, n1_count, items,
    A: tl.constexpr, B: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Write the inverse of the sum of ``other * conjugate(spectrum)`` over items, for one k1.

    Row ``share * channels + channel`` of ``target`` receives the sum over the batch items from
    ``share * items`` to before ``(share + 1) * items``.
    """
    target_row, at = _body_program(n1_count, A, B)
    stride = 2 * n1_count * (A * B)
    share = target_row // channels
    first_item = (share * items).to(tl.int32)
    row = target_row + share * (items - 1) * channels
    sumr = tl.zeros((A, B), tl.float32)
    sumi = tl.zeros((A, B), tl.float32)
    for _ in range(tl.minimum(items, rows // channels - first_item)):
        offset = (row - target_row) * stride + at
        xr, xi = _load(spectrum + offset, n1_count * A * B)
        yr, yi = _load(other + offset, n1_count * A * B)
        sumr += xr * yr + xi * yi
        sumi += xr * yi - xi * yr
        row += channels
    sumr, sumi = _inverse(sumr, sumi, first, twiddle, second, A, B, PRECISION)
    _store(target + at, n1_count * A * B, sumr, sumi)


@triton.jit
@no_type_check
def _body_program(n1_count, A: tl.constexpr, B: tl.constexpr):
    # Row, and where the k1 of this program stands in the planes.
    program = tl.program_id(0).to(tl.int64)
    row = program // n1_count
    at = (row * n1_count + program) * (A * B)  # two planes a row
    return row, at + tl.arange(0, A)[:, None] * B + tl.arange(0, B)[None, :]


@triton.jit
@no_type_check
def _load(at, plane):
    return tl.load(at).to(tl.float32), tl.load(at + plane).to(tl.float32)


@triton.jit
@no_type_check
def _store(at, plane, real, imaginary):
    tl.store(at, real.to(at.dtype.element_ty))
    tl.store(at + plane, imaginary.to(at.dtype.element_ty))


@triton.jit
@no_type_check
def _matrix(table, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    at = table + tl.arange(0, ROWS)[:, None] * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    return tl.load(at).to(tl.float32), tl.load(at + ROWS * COLUMNS).to(tl.float32)


@triton.jit
@no_type_check
def _transform(
    xr, xi, first, twiddle, second, A: tl.constexpr, B: tl.constexpr, PRECISION: tl.constexpr
):  # fmt: skip
    fr, fi = _matrix(first, A, A)
    xr, xi = rounded(xr, PRECISION), rounded(xi, PRECISION)
    yr, yi = _by_complex(fr, fi, xr, xi, PRECISION)
    tr, ti = _matrix(twiddle, A, B)
    yr, yi = rounded(yr * tr - yi * ti, PRECISION), rounded(yr * ti + yi * tr, PRECISION)
    sr, si = _matrix(second, B, B)
    return _by_complex(yr, yi, sr, si, PRECISION)


@triton.jit
@no_type_check
def _inverse(
    zr, zi, first, twiddle, second, A: tl.constexpr, B: tl.constexpr, PRECISION: tl.constexpr
):  # fmt: skip
    # Exchanging real and imaginary parts before and after conjugates the three tables.
    sr, si = _matrix(second, B, B)
    zr, zi = rounded(zr, PRECISION), rounded(zi, PRECISION)
    yi, yr = _by_complex(zi, zr, sr, si, PRECISION)
    tr, ti = _matrix(twiddle, A, B)
    yi, yr = rounded(yi * tr - yr * ti, PRECISION), rounded(yi * ti + yr * tr, PRECISION)
    fr, fi = _matrix(first, A, A)
    xi, xr = _by_complex(fr, fi, yi, yr, PRECISION)
    return xr, xi


@triton.jit
@no_type_check
def _by_complex(ar, ai, br, bi, PRECISION: tl.constexpr):
    INPUT: tl.constexpr = "ieee" if PRECISION == "bf16" else PRECISION
    if PRECISION == "bf16":
        ar, ai, br, bi = ar.to(tl.bfloat16), ai.to(tl.bfloat16), br.to(tl.bfloat16), bi.to(tl.bfloat16)
    real = tl.dot(ar, br, input_precision=INPUT) - tl.dot(ai, bi, input_precision=INPUT)
    return real, tl.dot(ar, bi, input_precision=INPUT) + tl.dot(ai, br, input_precision=INPUT)


@triton.jit
@no_type_check
def rounded(x, PRECISION: tl.constexpr):
    """Round to ten bits after the leading one if the products are of tf32 numbers.

    Tensor cores only cut the other bits off, which makes every product too small: the error of the
    convolution would be 4e-3 in place of 5e-4. Tables are rounded when they are made.
    """
    if PRECISION == "tf32":
        x = ((x.to(tl.int32, bitcast=True) + 0x1000) & -0x2000).to(tl.float32, bitcast=True)
    return x
