"""The short convolution against sums over every tap in float64 (``numpy.convolve``)."""

import math

import numpy as np
import pytest
import torch

from hyenadna_kit.errors import BackendUnavailableError
from hyenadna_kit.ops.backends import Problem
from hyenadna_kit.ops.short_conv import BACKENDS, short_conv

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
NAMES = ("output", "signal", "taps", "bias")

backends = pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)


@pytest.fixture(autouse=True)
def poisoned_memory():
    """Fill memory that nobody has written with NaN."""
    torch.use_deterministic_algorithms(True)
    assert torch.utils.deterministic.fill_uninitialized_memory
    yield
    torch.use_deterministic_algorithms(False)


def draw(length, num_taps=3, *, dtype=torch.float64, batch=2, channels=3):
    """Return signal, taps, bias and the gradient of the output."""
    generator = torch.Generator().manual_seed(length)
    shapes = ((batch, channels, length), (channels, num_taps), (channels,), (batch, channels, length))
    return [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes]


def direct(signal, taps, bias, gradient):
    """Return the exact output and the exact gradients of signal, taps and bias, in float64."""
    u, w, b, g = (tensor.double().numpy() for tensor in (signal, taps, bias, gradient))
    length = u.shape[2]
    output, u_gradient, w_gradient = np.zeros_like(u), np.zeros_like(u), np.zeros_like(w)
    for c in range(u.shape[1]):
        for row in range(u.shape[0]):
            output[row, c] = np.convolve(u[row, c], w[c, ::-1])[:length] + b[c]
            u_gradient[row, c] = np.convolve(g[row, c, ::-1], w[c, ::-1])[:length][::-1]
            for lag in range(min(length, w.shape[1])):
                w_gradient[c, -1 - lag] += g[row, c, lag:] @ u[row, c, : length - lag]
    return [torch.from_numpy(array) for array in (output, u_gradient, w_gradient, g.sum((0, 2)))]


def evaluate(backend, inputs, device="cpu"):
    """Return what :func:`direct` returns, from the operator."""
    signal, taps, bias, gradient = (tensor.to(device) for tensor in inputs)
    leaves = [tensor.clone().requires_grad_() for tensor in (signal, taps, bias)]
    output = short_conv(*leaves, backend=backend)
    assert output.dtype == signal.dtype
    output.backward(gradient)
    return [output.detach().cpu(), *(leaf.grad.cpu() for leaf in leaves)]


def rounding_bound(inputs):
    """Return the error of one rounding after every term: eps (number of terms) (sum of their sizes)."""
    dtype = inputs[0].dtype
    eps = torch.finfo(dtype).eps
    terms = [tensor.double().abs() for tensor in inputs]
    num_terms = inputs[1].shape[1] + 2
    sums = direct(*terms)
    # Gradients of taps and bias add up batch * length terms, at least in float32; roundings of so
    # many terms add up as their root.
    adding = torch.finfo(torch.promote_types(dtype, torch.float32)).eps * math.sqrt(inputs[0][:, 0].numel())
    return [num_terms * eps * sums[0].max(), num_terms * eps * sums[1].max()] + [
        (2 * eps + adding) * total.max() for total in sums[2:]
    ]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("length", [1, 2, 63, 64, 1000, 1025])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@backends
def test_output_and_gradients_equal_the_direct_sum(backend, dtype, length, device):
    if reason := backend.why_not(Problem(torch.device(device), dtype, length)):
        pytest.skip(reason)
    inputs = draw(length, dtype=dtype)
    exact, eager, bounds = direct(*inputs), evaluate("eager", inputs, device), rounding_bound(inputs)
    for name, found, stock, expected, bound in zip(
        NAMES, evaluate(backend.name, inputs, device), eager, exact, bounds, strict=True
    ):
        error = (found.double() - expected).abs().max()
        if backend.name == "eager":
            assert error <= bound, name
        else:
            rounding = torch.finfo(dtype).eps * expected.abs().max()
            assert error <= 2 * (stock.double() - expected).abs().max() + 16 * rounding, name


@pytest.mark.parametrize("num_taps", [1, 2, 4, 7, 12])
@backends
def test_any_number_of_taps_equals_the_direct_sum(backend, num_taps):
    inputs = draw(9, num_taps)
    for name, found, expected in zip(NAMES, evaluate(backend.name, inputs), direct(*inputs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13, err_msg=name)


@backends
def test_last_tap_weighs_the_position_itself(backend):
    signal = torch.tensor([[[0.0, 1.0, 0.0, 0.0, 0.0]]])
    taps, bias = torch.tensor([[2.0, 3.0, 5.0]]), torch.tensor([7.0])
    expected = torch.tensor([[[7.0, 12.0, 10.0, 9.0, 7.0]]])
    assert torch.equal(short_conv(signal, taps, bias, backend=backend.name), expected)


@backends
def test_future_has_no_effect(backend):
    signal, taps, bias, other = draw(40)
    changed = signal.clone()
    changed[..., 17:] = other[..., 17:]
    before, after = (short_conv(s, taps, bias, backend=backend.name) for s in (signal, changed))
    assert torch.equal(before[..., :17], after[..., :17])
    assert not torch.isclose(before[..., 17], after[..., 17]).any()


@backends
def test_convolution_without_bias_is_linear(backend):
    one, taps, bias, other = draw(77)
    found, *apart = (
        short_conv(signal, taps, 0 * bias, backend=backend.name)
        for signal in (2.0 * one - 3.0 * other, one, other)
    )
    torch.testing.assert_close(found, 2.0 * apart[0] - 3.0 * apart[1], rtol=0, atol=1e-13)


@backends
def test_row_does_not_depend_on_its_batch(backend):
    signal, taps, bias, _ = draw(333, batch=5)
    together = short_conv(signal, taps, bias, backend=backend.name)
    for row in range(5):
        alone = short_conv(signal[row : row + 1], taps, bias, backend=backend.name)
        torch.testing.assert_close(together[row : row + 1], alone, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("length", "num_taps"), [(1, 1), (1, 3), (5, 3), (3, 4)])
@backends
def test_gradients_pass_the_numerical_check(backend, length, num_taps):
    inputs = [tensor.requires_grad_() for tensor in draw(length, num_taps)[:3]]
    assert torch.autograd.gradcheck(lambda *tensors: short_conv(*tensors, backend=backend.name), inputs)


@pytest.mark.parametrize("shapes", [((1, 3, 4), (2, 3), (3,)), ((1, 3, 4), (3, 3), (2,))])
def test_differing_channels_are_refused(no_shape_checks, shapes):
    signal, taps, bias = (torch.zeros(shape) for shape in shapes)
    counts = f"got 3, {len(taps)} and {len(bias)}"
    with pytest.raises(ValueError, match=f"must have the same channels, {counts}"):
        short_conv(signal, taps, bias)


def test_unknown_backend_is_refused_by_name():
    with pytest.raises(
        BackendUnavailableError, match="unknown backend 'cudnn'; known: auto, eager, reference"
    ):
        short_conv(*draw(4)[:3], backend="cudnn")
