"""The table of mutants: one wrong line each, and the test that must notice.

Every entry is a mistake that is easily made in a kernel and that leaves it running: only numbers change.
"""

from typing import NamedTuple


class Mutant(NamedTuple):
    """One line of the package, made wrong."""

    kind: str
    """The mistake, in words; several mutants may be of one kind."""
    file: str
    """Where the line is, from the root of the project."""
    function: str
    """Function in which the line stands, there exactly once."""
    line: str
    """The line as it is, without its indentation."""
    replacement: str
    """The line as it must not be."""
    test: str
    """What pytest is given, from the root of the project: a file, or one test of it."""

    @property
    def name(self) -> str:
        """Kind and place in one."""
        return f"{self.kind} in {self.function}"


KINDS = (
    "lag sign",
    "store mask",
    "tap index",
    "twiddle sign",
    "bf16 accumulation",
    "missing skip",
    "gate order",
    "N rounding",
)
"""Every one of these has a mutant at least."""

_SHORT, _LONG, _FILTER = (
    f"hyenadna_kit/ops/{operator}" for operator in ("gated_short_conv", "long_conv", "implicit_filter")
)

_SHORT_TEST = "tests/ops/test_gated_short_conv.py::test_any_strides_and_order_give_the_direct_sum"
_TILES_TEST = "tests/ops/test_gated_short_conv.py::test_tiles_meet_without_a_seam"
_FUSED_TEST = "tests/ops/test_fused_conv.py::test_taps_gate_and_reverse_filters_may_be_absent"
_EVERY_LENGTH_TEST = "tests/ops/test_fused_conv.py::test_output_and_all_gradients_equal_the_direct_sum"
_STAGED_TEST = "tests/ops/test_staged_conv.py::test_output_and_gradients_equal_the_direct_sum"
_FILTER_TEST = "tests/ops/test_implicit_filter.py::test_every_shape_equals_the_formula"

_ROUNDED = ".to(tl.bfloat16).to(tl.float32)"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        kind="lag sign",
        file=f"{_SHORT}/triton_kernels.py",
        function="_mix",
        line="positions = n + (SHIFT - lag)",
        replacement="positions = n + (SHIFT + lag)",
        test=_SHORT_TEST,
    ),
    Mutant(
        kind="lag sign",
        file=f"{_LONG}/triton_kernels.py",
        function="transform_filters",
        line="xr, xi = xr + rr, xi - ri",
        replacement="xr, xi = xr + rr, xi + ri",
        test=_FUSED_TEST,
    ),
    Mutant(
        kind="lag sign",
        file=f"{_LONG}/staged_kernels.py",
        function="outer",
        line="lag = n1_count * N2 - n",
        replacement="lag = n",
        test=_STAGED_TEST,
    ),
    Mutant(
        kind="store mask",
        file=f"{_SHORT}/triton_kernels.py",
        function="write_streams",
        line="tl.store(target, mixed.to(streams.dtype.element_ty), mask=present[:, None] & (n < length))",
        replacement="tl.store(target, mixed.to(streams.dtype.element_ty), "
        "mask=present[:, None] & (n < length - 1))",
        test=_SHORT_TEST,
    ),
    Mutant(
        kind="store mask",
        file=f"{_LONG}/triton_kernels.py",
        function="convolve_rows",
        line="tl.store(output + row * length + n, y.to(output.dtype.element_ty), mask=inside)",
        replacement="tl.store(output + row * length + n, y.to(output.dtype.element_ty), mask=n < length - 1)",
        test=_FUSED_TEST,
    ),
    Mutant(
        kind="store mask",
        file=f"{_LONG}/staged_kernels.py",
        function="outer_inverse",
        line="tl.store(at + n, y.to(target.dtype.element_ty), mask=n < length)",
        replacement="tl.store(at + n, y.to(target.dtype.element_ty), mask=n < length - 1)",
        test=_STAGED_TEST,
    ),
    Mutant(
        kind="store mask",
        file=f"{_FILTER}/triton_kernels.py",
        function="write_filters",
        line="here = positions < length",
        replacement="here = positions < length - 1",
        test=_FILTER_TEST,
    ),
    Mutant(
        kind="tap index",
        file=f"{_SHORT}/triton_kernels.py",
        function="_mix",
        line="tap = tl.load(taps + (NUM_TAPS - 1 - lag) * projections + p, mask=present, other=0.0)",
        replacement="tap = tl.load(taps + lag * projections + p, mask=present, other=0.0)",
        test=_SHORT_TEST,
    ),
    Mutant(
        kind="tap index",
        file=f"{_SHORT}/triton_kernels.py",
        function="write_passed_gradients",
        line="tap = tl.load(taps + (NUM_TAPS - 1 - lag) * projections + p, mask=present, other=0.0)",
        replacement="tap = tl.load(taps + lag * projections + p, mask=present, other=0.0)",
        test=_SHORT_TEST,
    ),
    Mutant(
        kind="twiddle sign",
        file=f"{_LONG}/triton_kernels.py",
        function="_over_columns",
        line="xr, xi = xr * tr - xi * ti, xr * ti + xi * tr",
        replacement="xr, xi = xr * tr + xi * ti, xi * tr - xr * ti",
        test=_FUSED_TEST,
    ),
    Mutant(
        kind="twiddle sign",
        file=f"{_LONG}/staged_kernels.py",
        function="outer",
        line="cosine, sine = _turned(n2[None, :] * (4 * k1[:, None] - 1), n1_count * N2)",
        replacement="cosine, sine = _turned(n2[None, :] * (1 - 4 * k1[:, None]), n1_count * N2)",
        test=_STAGED_TEST,
    ),
    Mutant(
        kind="twiddle sign",
        file=f"{_LONG}/staged_body_kernels.py",
        function="_transform",
        line="yr, yi = rounded(yr * tr - yi * ti, PRECISION), rounded(yr * ti + yi * tr, PRECISION)",
        replacement="yr, yi = rounded(yr * tr + yi * ti, PRECISION), rounded(yi * tr - yr * ti, PRECISION)",
        test=_STAGED_TEST,
    ),
    Mutant(
        kind="bf16 accumulation",
        file=f"{_SHORT}/triton_kernels.py",
        function="_mix",
        line="mixed = mixed + tap.to(tl.float32)[:, None] * delayed",
        replacement=f"mixed = (mixed + tap.to(tl.float32)[:, None] * delayed){_ROUNDED}",
        test=_SHORT_TEST,
    ),
    Mutant(
        kind="bf16 accumulation",
        file=f"{_LONG}/triton_kernels.py",
        function="convolve_rows",
        line="y += _dot(inverser, yr, FORMAT) + _dot(inversei, yi, FORMAT)",
        replacement=f"y = (y + _dot(inverser, yr, FORMAT) + _dot(inversei, yi, FORMAT)){_ROUNDED}",
        test=_FUSED_TEST,
    ),
    Mutant(
        kind="bf16 accumulation",
        file=f"{_LONG}/staged_kernels.py",
        function="outer",
        line="sumr += real",
        replacement=f"sumr = (sumr + real){_ROUNDED}",
        test=_STAGED_TEST,
    ),
    Mutant(
        kind="missing skip",
        file=f"{_LONG}/triton_kernels.py",
        function="convolve_rows",
        line="y += tl.load(skip + channel) * _gated(signal, before, row * length + n, inside)",
        replacement="y += 0.0",
        test=_FUSED_TEST,
    ),
    Mutant(
        kind="missing skip",
        file=f"{_LONG}/staged_kernels.py",
        function="outer",
        line="x += tl.where(n == 0, tl.load(skip + channel).to(tl.float32), 0.0)",
        replacement="x += 0.0",
        test=_STAGED_TEST,
    ),
    Mutant(
        kind="gate order",
        file=f"{_SHORT}/triton_kernels.py",
        function="write_streams",
        line="if index == NUM_STREAMS - 1:",
        replacement="if index == 0:",
        test=_SHORT_TEST,
    ),
    Mutant(
        kind="gate order",
        file=f"{_LONG}/triton_kernels.py",
        function="convolve_rows",
        line="x = _gated(signal, before, row * length + n, inside)",
        replacement="x = _gated(signal, after, row * length + n, inside)",
        test=_FUSED_TEST,
    ),
    Mutant(
        kind="N rounding",
        file=f"{_LONG}/fused_op.py",
        function="shape_for",
        line="return next(shape for most, shape in _shapes(dtype).items() if length <= most)",
        replacement="return next(shape for most, shape in _shapes(dtype).items() if length <= most + 1)",
        test=_EVERY_LENGTH_TEST,
    ),
    Mutant(
        kind="N rounding",
        file=f"{_LONG}/staged_plan.py",
        function="outer_points",
        line="return -(-length // self.points)",
        replacement="return max(1, length // self.points)",
        test=_STAGED_TEST,
    ),
    Mutant(
        kind="N rounding",
        file=f"{_SHORT}/triton_op.py",
        function="_grid",
        line="blocks = triton.cdiv(channels, channels_each) * "
        "triton.cdiv(projected.shape[2], positions_each)",
        replacement="blocks = triton.cdiv(channels, channels_each) * "
        "max(1, projected.shape[2] // positions_each)",
        test=_TILES_TEST,
    ),
)
