"""The convolution in shared memory against sums over every lag in float64 (``numpy.convolve``)."""

import math

import numpy as np
import pytest
import torch

from hyenadna_kit.ops.backends import Problem
from hyenadna_kit.ops.long_conv import choice
from hyenadna_kit.ops.long_conv.dft import dft_matrix, twiddles, twists
from hyenadna_kit.ops.long_conv.eager import fft_convolution
from tests.oracles.direct_conv import NAMES, direct_conv, draw_conv

pytest.importorskip("triton", reason="Triton is not installed")

from hyenadna_kit.ops.long_conv import fused_op, triton_kernels, triton_op  # they import Triton

CPU = torch.device("cpu")
PRODUCTS = {torch.float16: 1e-3, torch.bfloat16: 1e-3}
"""Relative RMS error of products with 11 digits: a dozen operands, each off by 2^-12 / sqrt(3) of itself
(1.4e-4), add up to 5e-4; twice that."""

devices = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)


@pytest.fixture(autouse=True)
def _kernels_run(request):
    parameters = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    if reason := fused_op.why_not(Problem(torch.device(parameters.get("device", "cpu")))):
        pytest.skip(reason)


def evaluate(function, inputs, device="cpu"):
    """Return what :func:`direct_conv` returns, from an operator; None for what is not given."""
    *tensors, gradient = (tensor if tensor is None else tensor.to(device) for tensor in inputs)
    leaves = [tensor if tensor is None else tensor.detach().requires_grad_() for tensor in tensors]
    output = function(*leaves)
    assert output.dtype == leaves[0].dtype
    output.backward(gradient)
    return [output.detach().cpu(), *(leaf if leaf is None else leaf.grad.cpu() for leaf in leaves)]


def rms(tensor):
    return tensor.double().square().mean().sqrt()


def check(found, expected, stock):
    """Compare with the exact values; ``stock`` is what eager PyTorch makes of the same tensors."""
    dtype = found[0].dtype
    for name, ours, exact, eager in zip(NAMES, found, expected, stock, strict=True):
        if ours is None:
            continue
        error, eps = ours.double() - exact, torch.finfo(ours.dtype).eps
        if dtype == torch.float32 or name == "skip":
            theirs = (eager.double() - exact).abs().max()
            assert error.abs().max() <= 2 * theirs + 16 * eps * exact.abs().max(), name
        else:
            assert rms(error) <= (PRODUCTS[dtype] + eps) * rms(exact), name


@devices
@pytest.mark.parametrize(
    ("dtype", "length"),
    [
        (dtype, length)
        for dtype in (torch.float32, torch.float16, torch.bfloat16)
        for length in (1, 2, 63, 64, 1000, 1025, 2048, 4096, 8191)
        if length <= fused_op.longest(dtype) and (dtype != torch.float16 or length in (2, 1000))
    ],
    ids=str,
)
def test_output_and_all_gradients_equal_the_direct_sum(dtype, length, device):
    rows = 2 if dtype == torch.float32 and length < 4000 else 1  # the interpreter is slow
    inputs = draw_conv(length, dtype=dtype, batch=rows, channels=rows)
    found = evaluate(triton_op.convolve, inputs, device)
    check(found, direct_conv(inputs), evaluate(fft_convolution, inputs, device))


@devices
@pytest.mark.parametrize(
    ("taps", "gated", "two_sided"),
    [(1, True, True), (1024, False, True), (1024, True, False), (40, False, False), (2, True, True)],
)
def test_taps_gate_and_reverse_filters_may_be_absent(taps, gated, two_sided, device):
    signal, filters, skip, gate, reverse, gradient = draw_conv(1024, taps, batch=1, channels=1)
    inputs = (signal, filters, skip, gate if gated else None, reverse if two_sided else None, gradient)
    found = evaluate(triton_op.convolve, inputs, device)
    assert (found[4] is None, found[5] is None) == (not gated, not two_sided)
    check(found, direct_conv(inputs), evaluate(fft_convolution, inputs, device))


@devices
def test_entry_0_of_reverse_filters_has_no_effect_and_no_gradient(device):
    signal, filters, skip, gate, reverse, gradient = draw_conv(50, batch=1, channels=1)
    usual = evaluate(triton_op.convolve, (signal, filters, skip, gate, reverse, gradient), device)
    reverse[:, 0] = 1e6
    found = evaluate(triton_op.convolve, (signal, filters, skip, gate, reverse, gradient), device)
    assert torch.equal(found[5][:, 0], torch.zeros(1))
    for ours, other in zip(found, usual, strict=True):
        torch.testing.assert_close(ours, other)


@devices
@pytest.mark.parametrize(
    ("signal_scale", "filter_scale"), [(1e-20, 1e15), (1e15, 1e-20), (1e-12, 1e-12), (1e12, 1e12)]
)
def test_half_precision_products_keep_their_digits_at_any_scale(signal_scale, filter_scale, device):
    inputs = [*draw_conv(600, dtype=torch.bfloat16, batch=1, channels=1)]
    inputs[0] = inputs[0] * signal_scale
    inputs[1], inputs[4] = inputs[1] * filter_scale, inputs[4] * filter_scale
    found = evaluate(triton_op.convolve, inputs, device)
    check(found, direct_conv(inputs), evaluate(fft_convolution, inputs, device))


@devices
@pytest.mark.parametrize("kind", ["constant", "impulse", "outlier", "zero"])
def test_half_precision_products_stay_in_range_whatever_the_shape_of_the_signal(kind, device):
    inputs = [*draw_conv(4096, dtype=torch.float16, batch=1, channels=1)]
    signal = {
        "constant": torch.full((4096,), 60000.0),
        "impulse": torch.nn.functional.one_hot(torch.tensor(17), 4096),
        "outlier": inputs[0][0, 0] + 1e4 * torch.nn.functional.one_hot(torch.tensor(99), 4096),
        "zero": torch.zeros(4096),
    }
    inputs[0][:] = signal[kind]
    inputs[1] = inputs[1].abs() / inputs[1].abs().sum()
    inputs[2:] = inputs[2] / 10, None, None, inputs[5]
    found = evaluate(triton_op.convolve, inputs, device)
    check(found, direct_conv(inputs), evaluate(fft_convolution, inputs, device))


@dtypes
def test_without_reverse_filters_an_impulse_changes_nothing_before_it(dtype):
    filters = draw_conv(900)[1]
    signal = torch.zeros(1, 2, 900, dtype=dtype)
    signal[..., 333] = 1
    found = fused_op.forward(signal, filters, torch.zeros(2), None, None).double()
    rounding = PRODUCTS.get(dtype, 1e-6) * filters.abs().max()
    assert found[..., :333].abs().max() <= rounding
    assert (found[0, :, 333:] - filters[:, :567]).abs().max() <= rounding + found.abs().max() / 128


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy, which interprets, sees the NaN
@dtypes
def test_a_row_does_not_depend_on_the_others(dtype):
    signal, filters, skip, gate, reverse, _ = draw_conv(200, dtype=dtype, batch=3)
    together = fused_op.forward(signal, filters, skip, gate, reverse)
    poisoned = signal.clone()
    poisoned[0, 1, 5] = math.nan
    found = fused_op.forward(poisoned, filters, skip, gate, reverse)
    assert found[0, 1].isnan().all()
    found[0, 1] = together[0, 1]
    assert torch.equal(found, together)
    alone = fused_op.forward(signal[2:, 1:], filters[1:], skip[1:], gate[2:, 1:], reverse[1:])
    assert torch.equal(alone, together[2:, 1:])


def test_any_strides_give_the_same():
    inputs = draw_conv(60)
    strided = [
        tensor.transpose(0, -1).contiguous().transpose(0, -1) if tensor.dim() > 1 else tensor
        for tensor in inputs
    ]
    for ours, other in zip(
        evaluate(triton_op.convolve, strided), evaluate(triton_op.convolve, inputs), strict=True
    ):
        assert torch.equal(ours, other)


def test_rows_past_2_31_elements_are_found():
    length, channels = 1024, 2**21 + 1
    torch.utils.deterministic.fill_uninitialized_memory = False  # pages that nobody touches take no memory
    rows = torch.empty(channels + 1, length, dtype=torch.bfloat16)
    torch.utils.deterministic.fill_uninitialized_memory = True
    signal, filters, skip, *_ = draw_conv(length, dtype=torch.bfloat16, batch=2, channels=1)
    expected = fused_op.forward(signal, filters, skip, None, None)
    rows[[0, channels]] = signal[:, 0]
    known = fused_op._Rows(signal, filters, skip, None)
    triton_kernels.convolve_rows[(2,)](
        *(rows, None, known.spectrum, known.scales, known.skip, None, rows, *known.tables),
        *(2, channels, length),
        CONJUGATE=False,
        **known.constants(known.shape.convolve),
    )
    assert torch.equal(rows[[0, channels]], expected[:, 0])


@pytest.mark.parametrize("programs", [1, 4, 10**6])
def test_batch_is_shared_out_among_programs_and_summed(monkeypatch, programs):
    monkeypatch.setattr(fused_op, "_ENOUGH_PROGRAMS", programs)
    inputs = draw_conv(70, batch=5, channels=1)
    found = evaluate(triton_op.convolve, inputs)
    check(found, direct_conv(inputs), evaluate(fft_convolution, inputs))


def test_gradients_have_the_number_formats_of_their_inputs():
    signal, filters, skip, gate, reverse, gradient = draw_conv(30, dtype=torch.bfloat16)
    inputs = (signal, filters.double(), skip.double(), gate.float(), reverse.double())
    found = fused_op.backward(gradient, *inputs)
    assert [tensor.dtype for tensor in found] == [tensor.dtype for tensor in inputs]


@pytest.mark.parametrize("wanted", range(5), ids=NAMES[1:])
def test_gradient_of_one_input_alone(wanted):
    *tensors, gradient = inputs = draw_conv(40, batch=1, channels=1)
    tensors = [tensor.requires_grad_(index == wanted) for index, tensor in enumerate(tensors)]
    triton_op.convolve(*tensors).backward(gradient)
    assert [tensor.grad is not None for tensor in tensors] == [index == wanted for index in range(5)]
    expected = direct_conv(tensor.detach() for tensor in inputs)[1 + wanted]
    torch.testing.assert_close(tensors[wanted].grad.double(), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("optional", [False, True])
def test_operator_keeps_the_rules_of_torch_library(optional):
    *tensors, _ = draw_conv(20, batch=1, channels=1)
    if not optional:
        tensors[3:] = [None, None]
    leaves = [tensor if tensor is None else tensor.requires_grad_() for tensor in tensors]
    torch.library.opcheck(triton_op.convolve, leaves)


def test_compiles_into_one_graph_with_its_gradient():
    inputs = draw_conv(25, batch=1, channels=1)
    compiled = torch.compile(
        lambda *tensors: 2 * triton_op.convolve(*tensors), fullgraph=True, backend="aot_eager"
    )
    for ours, eager in zip(evaluate(compiled, inputs), evaluate(triton_op.convolve, inputs), strict=True):
        assert torch.equal(ours, 2 * eager)


def test_autocast_changes_nothing():
    inputs = draw_conv(25, batch=1, channels=1)
    usual = evaluate(triton_op.convolve, inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = evaluate(triton_op.convolve, inputs)
    for ours, other in zip(found, usual, strict=True):
        assert torch.equal(ours, other)


def test_checkpointed_activations_give_the_same_gradients():
    inputs = draw_conv(25, batch=1, channels=1)

    def checkpointed(*tensors):
        return torch.utils.checkpoint.checkpoint(triton_op.convolve, *tensors, use_reentrant=False)

    for ours, other in zip(evaluate(checkpointed, inputs), evaluate(triton_op.convolve, inputs), strict=True):
        assert torch.equal(ours, other)


def test_only_inputs_are_kept_for_the_backward():
    *tensors, _ = draw_conv(25)
    leaves = [tensor.requires_grad_() for tensor in tensors]
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.data_ptr()), lambda _: _):
        triton_op.convolve(*leaves)
    assert sorted(kept) == sorted(leaf.data_ptr() for leaf in leaves)


def test_what_cannot_run_is_refused_with_the_reason():
    assert "of torch.float32, the signal has 2049" in fused_op.why_not(Problem(CPU, torch.float32, 2049))
    assert "holds 8192 positions of" in fused_op.why_not(Problem(CPU, torch.bfloat16, 8193))
    assert "compute in float32" in fused_op.why_not(Problem(CPU, torch.float64, 10))
    assert "compute in float32" in choice.why_not(Problem(CPU, torch.float64, 10))
    assert choice.why_not(Problem(CPU, torch.bfloat16, 8193)) is None


def test_small_shared_memory_is_refused_and_the_staged_kernels_take_over(monkeypatch):
    problem = Problem(CPU, torch.bfloat16, 8192)
    needed = fused_op.shape_for(torch.bfloat16, 8192).shared_bytes
    monkeypatch.setattr(fused_op, "shared_memory", lambda _: needed)
    assert fused_op.why_not(problem) is None
    monkeypatch.setattr(fused_op, "shared_memory", lambda _: needed - 1)
    assert f"{needed} bytes of shared memory, this GPU has {needed - 1}" in fused_op.why_not(problem)
    assert choice.why_not(problem) is None


@pytest.mark.parametrize(
    ("kind", "dtype", "expected"),
    [
        ("cuda", torch.bfloat16, True),
        ("cuda", torch.float16, True),
        ("cuda", torch.float32, False),
        ("cpu", torch.bfloat16, False),
    ],
)
def test_auto_takes_the_kernels_for_16_bits_on_a_gpu(kind, dtype, expected):
    assert choice.preferred(Problem(torch.device(kind), dtype, 1024)) == expected


def test_every_launch_is_described_for_the_compile_gate():
    cases = fused_op.compile_cases()
    assert len({case.name for case in cases}) == len(cases) == 24
    for case in cases:
        assert {*case.signature, *case.constexprs} == {*case.kernel.arg_names}, case.name


@pytest.mark.parametrize("quarters", [0, 1])
def test_tables_hold_a_transform_of_rows_and_columns(quarters):
    rows, columns = 16, 32
    first, middle, second = (
        table.double()[0] + 1j * table.double()[1]
        for table in (
            dft_matrix(rows, CPU, quarters=quarters),
            twiddles(rows, columns, CPU, quarters=quarters),
            dft_matrix(columns, CPU),
        )
    )
    signal = torch.randn(rows * columns, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = ((first @ signal.view(rows, columns).cdouble()) * middle @ second).T.reshape(-1)
    twist = torch.complex(*twists(rows * columns, CPU).double()) if quarters else 1
    torch.testing.assert_close(found, torch.fft.fft(twist * signal), rtol=0, atol=1e-5)


def test_twists_of_a_long_sequence_are_exact_to_float32():
    expected = np.exp(0.5j * np.pi * np.arange(1 << 18) / (1 << 18))
    found = twists(1 << 18, CPU).numpy()
    np.testing.assert_allclose(found, [expected.real, expected.imag], rtol=0, atol=3.1e-8)
