"""The long convolution against sums over every lag in float64 (``numpy.convolve``)."""

import math

import numpy as np
import pytest
import torch
from torch.utils.checkpoint import checkpoint

from hyenadna_kit.errors import BackendUnavailableError
from hyenadna_kit.ops.backends import Backend, Problem
from hyenadna_kit.ops.fft_length import fast_fft_length
from hyenadna_kit.ops.long_conv import BACKENDS, long_conv
from tests.oracles.direct_conv import NAMES, direct_conv, draw_conv

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]

TF32 = 4 * 2.0**-11
"""Share of the largest value: a dozen operands in turn are rounded to 11 bits, and few errors exceed four
times their spread."""
FORMS = ("plain", "gated", "two-sided", "two-sided gated")

backends = pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
doubles = pytest.mark.parametrize(
    "backend", [each for each in BACKENDS if each.name != "triton"], ids=lambda backend: backend.name
)
"""Those that compute in float64."""
forms = pytest.mark.parametrize("form", FORMS)


def draw(length, taps=None, *, dtype=torch.float64, channels=3, form="plain", **rest):
    """Return inputs whose gate and second direction are there as ``form`` says."""
    return draw_conv(
        length,
        taps,
        dtype=dtype,
        channels=channels,
        gated="gated" in form,
        reverse="two-sided" in form,
        **rest,
    )


def direct(inputs):
    """Return the exact output and gradients in float64, by name."""
    found = zip(NAMES, direct_conv(inputs), strict=True)
    return {name: tensor for name, tensor in found if tensor is not None}


def leaves_of(inputs, device="cpu"):
    """Return the tensors that the operator takes, by name, wanting gradients."""
    given = zip(NAMES[1:], inputs[:-1], strict=True)
    return {name: tensor.to(device).clone().requires_grad_() for name, tensor in given if tensor is not None}


def apply(backend, leaves):
    """Call the operator."""
    rest = {name: leaves[name] for name in ("gate", "reverse_filters") if name in leaves}
    return long_conv(leaves["signal"], leaves["filters"], leaves["skip"], **rest, backend=backend)


def evaluate(backend, inputs, device="cpu"):
    """Return what :func:`direct` returns, from the operator."""
    leaves = leaves_of(inputs, device)
    output = apply(backend, leaves)
    assert output.dtype == inputs.signal.dtype
    output.backward(inputs.gradient.to(device))
    found = {"output": output.detach().cpu()}
    for name, leaf in leaves.items():  # a single reverse tap has no effect, for PyTorch no gradient
        found[name] = (torch.zeros_like(leaf) if leaf.grad is None else leaf.grad).cpu()
    return found


def rounding_bound(found, expected, inputs):
    """Return the error of one rounding in each stage of the FFT, and of one to the final dtype."""
    computing, final = (torch.finfo(tensor.dtype).eps for tensor in (inputs.filters, found))
    return (math.log2(4 * inputs.signal.shape[2]) * computing + final / 2) * expected.abs().max()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("length", [1, 2, 63, 64, 1000, 1025, 4096])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@forms
@backends
def test_output_and_gradients_equal_the_direct_sum(backend, form, dtype, length, device):
    if reason := backend.why_not(Problem(torch.device(device), dtype, length)):
        pytest.skip(reason)
    if backend.name == "reference" and length > 1025:
        pytest.skip("the sum over all lags takes a minute")
    interpreted = backend.name == "triton" and device == "cpu"
    if interpreted and length in (2, 64, 1000, 4096) and form != "two-sided gated":
        pytest.skip("the interpreter is slow; this length is tested with everything switched on")
    rows = {"batch": 1, "channels": 2 if length < 1000 else 1} if interpreted else {}
    inputs = draw(length, dtype=dtype, form=form, **rows)
    exact, eager = direct(inputs), evaluate("eager", inputs, device)
    for name, found in evaluate(backend.name, inputs, device).items():
        error = (found.double() - exact[name]).abs().max()
        if backend.name == "eager":
            assert error <= rounding_bound(found, exact[name], inputs), name
        else:
            rounding = torch.finfo(found.dtype).eps * exact[name].abs().max()
            stock = (eager[name].double() - exact[name]).abs().max()
            shortened = dtype == torch.bfloat16 and backend.name == "triton"
            assert error <= 2 * stock + 16 * rounding + shortened * TF32 * exact[name].abs().max(), name


@forms
@doubles
def test_float64_agrees_with_the_direct_sum_to_1e12(backend, form):
    assert_exact(backend, draw(1025, seed=1, form=form), atol=2e-12)


@pytest.mark.parametrize("length", [128, 129, 140, 141])
@forms
@doubles
def test_nothing_wraps_around_where_the_transform_just_fits(backend, form, length):
    assert fast_fft_length(2 * 129 - 2) == 256
    assert fast_fft_length(2 * 141 - 2) == 280
    assert_exact(backend, draw(length, form=form), atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@backends
def test_filters_of_16_bits_are_taken_as_they_are(backend, dtype):
    if reason := backend.why_not(Problem(torch.device("cpu"), torch.float32, 50)):
        pytest.skip(reason)
    signal, filters, skip, *_ = draw(50, dtype=torch.float32)
    filters, skip = filters.to(dtype), skip.to(dtype)
    found = long_conv(signal, filters, skip, backend=backend.name)
    expected = long_conv(signal, filters.float(), skip.float(), backend="reference")
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("shape", [(0, 3, 8), (2, 3, 0)])
@backends
def test_a_signal_without_positions_comes_out_as_it_is(backend, shape):
    signal = torch.zeros(shape, requires_grad=True)
    found = long_conv(signal, torch.zeros(3, 8), torch.zeros(3), backend=backend.name)
    assert found.shape == shape
    found.sum().backward()


def test_filters_without_taps_are_refused():
    with pytest.raises(ValueError, match="filters must have at least one tap, got 0"):
        long_conv(torch.zeros(1, 3, 8), torch.zeros(3, 0), torch.zeros(3))


@pytest.mark.parametrize("taps", [1, 2, 5, 39, 40, 41, 300])
@forms
@doubles
def test_absent_taps_are_zero_and_taps_beyond_the_length_have_no_effect(backend, form, taps):
    assert_exact(backend, draw(40, taps, form=form), atol=1e-13)


def assert_exact(backend, inputs, atol):
    """Compare output and all gradients with the direct sum."""
    exact = direct(inputs)
    for name, found in evaluate(backend.name, inputs).items():
        np.testing.assert_allclose(found, exact[name], rtol=0, atol=atol, err_msg=name)


def test_backend_is_given_no_more_taps_than_positions(monkeypatch):
    seen = []

    def spy(signal, filters, skip, gate, reverse_filters):
        seen.append(tuple(filters.shape))
        return signal

    monkeypatch.setattr("hyenadna_kit.ops.long_conv.BACKENDS", (Backend(name="spy", function=spy),))
    long_conv(*draw(40, 300)[:3])
    assert seen == [(3, 40)]


@pytest.mark.parametrize("position", [0, 1, 31, 99])
@doubles
def test_impulse_comes_out_as_the_filter_and_never_earlier(backend, position):
    _, filters, skip, *_ = draw(100)
    signal = torch.zeros(1, 3, 100, dtype=torch.float64)
    signal[..., position] = 1.0
    expected = torch.zeros_like(signal)
    expected[0, :, position:] = filters[:, : 100 - position]
    expected[0, :, position] += skip
    found = long_conv(signal, filters, skip, backend=backend.name)
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-15)


@doubles
def test_convolution_is_linear(backend):
    one, filters, skip, *_, other = draw(77)
    combined = long_conv(2.0 * one - 3.0 * other, filters, skip, backend=backend.name)
    apart = [long_conv(signal, filters, skip, backend=backend.name) for signal in (one, other)]
    torch.testing.assert_close(combined, 2.0 * apart[0] - 3.0 * apart[1], rtol=0, atol=1e-12)


@doubles
def test_row_does_not_depend_on_its_batch(backend):
    signal, filters, skip, *_ = draw(333, batch=5)
    together = long_conv(signal, filters, skip, backend=backend.name)
    for row in range(5):
        alone = long_conv(signal[row : row + 1], filters, skip, backend=backend.name)
        torch.testing.assert_close(together[row : row + 1], alone, rtol=0, atol=1e-13)


@doubles
def test_channel_does_not_depend_on_the_others(backend):
    signal, filters, skip, *_ = draw(50)
    together = long_conv(signal, filters, skip, backend=backend.name)
    alone = long_conv(signal[:, 1:2], filters[1:2], skip[1:2], backend=backend.name)
    torch.testing.assert_close(together[:, 1:2], alone, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("length", "taps"), [(1, 1), (5, 5), (6, 2), (3, 5)])
@forms
@doubles
def test_gradients_pass_the_numerical_check(backend, form, length, taps):
    leaves = leaves_of(draw(length, taps, channels=2, form=form))
    names = list(leaves)

    def call(*tensors):
        return apply(backend.name, dict(zip(names, tensors, strict=True)))

    assert torch.autograd.gradcheck(call, list(leaves.values()))


@pytest.mark.parametrize("wanted", ["signal", "filters", "skip", "gate", "reverse_filters"])
@doubles
def test_one_gradient_alone_equals_that_of_all_together(backend, wanted):
    inputs = draw(20, form="two-sided gated")
    leaves = {name: leaf.detach() for name, leaf in leaves_of(inputs).items()}
    leaves[wanted].requires_grad_()
    apply(backend.name, leaves).backward(inputs.gradient)
    np.testing.assert_allclose(leaves[wanted].grad, direct(inputs)[wanted], rtol=0, atol=1e-13)


@doubles
def test_activation_checkpointing_gives_the_same_gradients(backend):
    inputs = draw(50, form="two-sided gated")
    leaves = leaves_of(inputs)
    output = checkpoint(lambda: apply(backend.name, leaves), use_reentrant=False)
    output.backward(inputs.gradient)
    for name, expected in evaluate(backend.name, inputs).items():
        if name != "output":
            assert torch.equal(leaves[name].grad, expected), name


def test_more_rows_than_are_transformed_at_a_time_give_the_same(monkeypatch):
    inputs = draw(30, batch=3, channels=5, form="two-sided gated")
    exact = direct(inputs)
    for rows in (1, 2, 4, 7):
        monkeypatch.setattr("hyenadna_kit.ops.long_conv.eager.rows_at_a_time", lambda _, rows=rows: rows)
        for name, found in evaluate("eager", inputs).items():
            np.testing.assert_allclose(found, exact[name], rtol=0, atol=1e-13, err_msg=f"{rows} {name}")


@doubles
def test_strided_inputs_give_the_same(backend):
    signal, filters, skip, *_ = draw(30)
    strided = signal.transpose(1, 2).contiguous().transpose(1, 2)
    found = long_conv(strided, filters.T.contiguous().T, skip, backend=backend.name)
    expected = long_conv(signal, filters, skip, backend=backend.name)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)


@doubles
def test_float64_signal_stays_float64_with_float32_filters(backend):
    inputs = draw(64)
    inputs = inputs._replace(filters=inputs.filters.float(), skip=inputs.skip.float())
    found = long_conv(*inputs[:3], backend=backend.name)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found, direct(inputs)["output"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("shapes", [((1, 3, 4), (2, 4), (3,)), ((1, 3, 4), (3, 4), (2,))])
def test_differing_channels_are_refused(no_shape_checks, shapes):
    signal, filters, skip = (torch.zeros(shape) for shape in shapes)
    counts = f"got 3, {len(filters)} and {len(skip)}"
    with pytest.raises(ValueError, match=f"must have the same channels, {counts}"):
        long_conv(signal, filters, skip)


@pytest.mark.parametrize("name", ["gate", "reverse_filters"])
def test_misshapen_gate_and_reverse_filters_are_refused(no_shape_checks, name):
    signal, filters, skip, *_ = draw(4)
    with pytest.raises(ValueError, match=f"{name} must have the shape .* got \\(2, 3, 3\\)"):
        long_conv(signal, filters, skip, **{name: torch.zeros(2, 3, 3)})


def test_unknown_backend_is_refused_by_name():
    with pytest.raises(
        BackendUnavailableError, match=r"unknown backend 'cufft'; known: auto, .*eager, reference"
    ):
        long_conv(*draw(4)[:3], backend="cufft")
