"""The long convolution against sums over every lag in float64 (``numpy.convolve``)."""

import math

import numpy as np
import pytest
import torch

from hyenadna_kit.errors import BackendUnavailableError
from hyenadna_kit.ops.backends import Backend, Problem
from hyenadna_kit.ops.long_conv import BACKENDS, long_conv
from hyenadna_kit.ops.long_conv.eager import fast_fft_length

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
NAMES = ("output", "signal", "filters", "skip")

backends = pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)


@pytest.fixture(autouse=True)
def poisoned_memory():
    """Fill memory that nobody has written with NaN."""
    torch.use_deterministic_algorithms(True)
    assert torch.utils.deterministic.fill_uninitialized_memory
    yield
    torch.use_deterministic_algorithms(False)


def draw(length, taps=None, *, dtype=torch.float64, batch=2, channels=3, seed=0):
    """Return signal, filters, skip and the gradient of the output."""
    generator = torch.Generator().manual_seed(seed)
    wide = torch.promote_types(dtype, torch.float32)

    def normal(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    signal, gradient = normal(batch, channels, length).to(dtype), normal(batch, channels, length).to(dtype)
    filters, skip = normal(channels, taps or length).to(wide), normal(channels).to(wide)
    return signal, filters, skip, gradient


def direct(signal, filters, skip, gradient):
    """Return the exact output and the exact gradients of signal, filters and skip, in float64."""
    u, k, d, g = (tensor.double().numpy() for tensor in (signal, filters, skip, gradient))
    length = u.shape[2]
    output, u_gradient, k_gradient = np.zeros_like(u), np.zeros_like(u), np.zeros_like(k)
    for c in range(u.shape[1]):
        for b in range(u.shape[0]):
            output[b, c] = np.convolve(u[b, c], k[c])[:length] + d[c] * u[b, c]
            u_gradient[b, c] = np.convolve(g[b, c, ::-1], k[c])[:length][::-1] + d[c] * g[b, c]
            lags = np.convolve(g[b, c, ::-1], u[b, c])[:length][::-1][: k.shape[1]]
            k_gradient[c, : len(lags)] += lags
    return [torch.from_numpy(array) for array in (output, u_gradient, k_gradient, (g * u).sum((0, 2)))]


def evaluate(backend, inputs, device="cpu"):
    """Return what :func:`direct` returns, from the operator."""
    signal, filters, skip, gradient = (tensor.to(device) for tensor in inputs)
    leaves = [tensor.clone().requires_grad_() for tensor in (signal, filters, skip)]
    output = long_conv(*leaves, backend=backend)
    assert output.dtype == signal.dtype
    output.backward(gradient)
    return [output.detach().cpu(), *(leaf.grad.cpu() for leaf in leaves)]


def rounding_bound(found, expected, inputs):
    """Return the error of one rounding in each stage of the FFT, and of one to the final dtype."""
    signal, filters = inputs[:2]
    computing, final = (torch.finfo(tensor.dtype).eps for tensor in (filters, found))
    return (math.log2(4 * signal.shape[2]) * computing + final / 2) * expected.abs().max()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("length", [1, 2, 63, 64, 1000, 1025])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@backends
def test_output_and_gradients_equal_the_direct_sum(backend, dtype, length, device):
    if reason := backend.why_not(Problem(torch.device(device), dtype, length)):
        pytest.skip(reason)
    inputs = draw(length, dtype=dtype)
    exact, eager = direct(*inputs), evaluate("eager", inputs, device)
    for name, found, stock, expected in zip(
        NAMES, evaluate(backend.name, inputs, device), eager, exact, strict=True
    ):
        error = (found.double() - expected).abs().max()
        if backend.name == "eager":
            assert error <= rounding_bound(found, expected, inputs), name
        else:
            rounding = torch.finfo(found.dtype).eps * expected.abs().max()
            assert error <= 2 * (stock.double() - expected).abs().max() + 16 * rounding, name


@backends
def test_float64_agrees_with_the_direct_sum_to_1e12(backend):
    inputs = draw(1025, seed=1)
    for name, found, expected in zip(NAMES, evaluate(backend.name, inputs), direct(*inputs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("taps", [1, 2, 5, 39, 40, 41, 300])
@backends
def test_absent_taps_are_zero_and_taps_beyond_the_length_have_no_effect(backend, taps):
    inputs = draw(40, taps)
    for name, found, expected in zip(NAMES, evaluate(backend.name, inputs), direct(*inputs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13, err_msg=name)


def test_backend_is_given_no_more_taps_than_positions(monkeypatch):
    seen = []

    def spy(signal, filters, skip):
        seen.append(tuple(filters.shape))
        return signal

    monkeypatch.setattr("hyenadna_kit.ops.long_conv.BACKENDS", (Backend(name="spy", function=spy),))
    long_conv(*draw(40, 300)[:3])
    assert seen == [(3, 40)]


@pytest.mark.parametrize("position", [0, 1, 31, 99])
@backends
def test_impulse_comes_out_as_the_filter_and_never_earlier(backend, position):
    _, filters, skip, _ = draw(100)
    signal = torch.zeros(1, 3, 100, dtype=torch.float64)
    signal[..., position] = 1.0
    expected = torch.zeros_like(signal)
    expected[0, :, position:] = filters[:, : 100 - position]
    expected[0, :, position] += skip
    found = long_conv(signal, filters, skip, backend=backend.name)
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-15)


@backends
def test_convolution_is_linear(backend):
    one, filters, skip, other = draw(77)
    combined = long_conv(2.0 * one - 3.0 * other, filters, skip, backend=backend.name)
    apart = [long_conv(signal, filters, skip, backend=backend.name) for signal in (one, other)]
    torch.testing.assert_close(combined, 2.0 * apart[0] - 3.0 * apart[1], rtol=0, atol=1e-12)


@backends
def test_row_does_not_depend_on_its_batch(backend):
    signal, filters, skip, _ = draw(333, batch=5)
    together = long_conv(signal, filters, skip, backend=backend.name)
    for row in range(5):
        alone = long_conv(signal[row : row + 1], filters, skip, backend=backend.name)
        torch.testing.assert_close(together[row : row + 1], alone, rtol=0, atol=1e-13)


@backends
def test_channel_does_not_depend_on_the_others(backend):
    signal, filters, skip, _ = draw(50)
    together = long_conv(signal, filters, skip, backend=backend.name)
    alone = long_conv(signal[:, 1:2], filters[1:2], skip[1:2], backend=backend.name)
    torch.testing.assert_close(together[:, 1:2], alone, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("length", "taps"), [(1, 1), (5, 5), (6, 2), (3, 5)])
@backends
def test_gradients_pass_the_numerical_check(backend, length, taps):
    inputs = [tensor.requires_grad_() for tensor in draw(length, taps, channels=2)[:3]]
    assert torch.autograd.gradcheck(lambda *tensors: long_conv(*tensors, backend=backend.name), inputs)


@pytest.mark.parametrize("wanted", [0, 1, 2])
@backends
def test_one_gradient_alone_equals_that_of_all_together(backend, wanted):
    inputs = draw(20)
    expected = direct(*inputs)[1 + wanted]
    tensors = [tensor.requires_grad_(index == wanted) for index, tensor in enumerate(inputs[:3])]
    long_conv(*tensors, backend=backend.name).backward(inputs[3])
    np.testing.assert_allclose(tensors[wanted].grad, expected, rtol=0, atol=1e-13)


@backends
def test_strided_inputs_give_the_same(backend):
    signal, filters, skip, _ = draw(30)
    strided = signal.transpose(1, 2).contiguous().transpose(1, 2)
    found = long_conv(strided, filters.T.contiguous().T, skip, backend=backend.name)
    expected = long_conv(signal, filters, skip, backend=backend.name)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)


@backends
def test_float64_signal_stays_float64_with_float32_filters(backend):
    signal, filters, skip, gradient = draw(64)
    inputs = (signal, filters.float(), skip.float(), gradient)
    found = long_conv(*inputs[:3], backend=backend.name)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found, direct(*inputs)[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("shapes", [((1, 3, 4), (2, 4), (3,)), ((1, 3, 4), (3, 4), (2,))])
def test_differing_channels_are_refused(no_shape_checks, shapes):
    signal, filters, skip = (torch.zeros(shape) for shape in shapes)
    counts = f"got 3, {len(filters)} and {len(skip)}"
    with pytest.raises(ValueError, match=f"must have the same channels, {counts}"):
        long_conv(signal, filters, skip)


def test_unknown_backend_is_refused_by_name():
    with pytest.raises(
        BackendUnavailableError, match="unknown backend 'cufft'; known: auto, eager, reference"
    ):
        long_conv(*draw(4)[:3], backend="cufft")


def smallest_even_smooth(minimum):
    number = max(2, minimum + minimum % 2)
    while True:
        rest = number
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return number
        number += 2


def test_fft_length_is_the_smallest_even_product_of_2_3_and_5():
    for minimum in [*range(1, 5001), 2 * 1_000_002 - 1]:
        assert fast_fft_length(minimum) == smallest_even_smooth(minimum), minimum


@pytest.mark.parametrize(
    ("minimum", "expected"), [(1, 2), (7, 8), (2051, 2160), (320_003, 324_000), (2_000_003, 2_025_000)]
)
def test_fft_length_of_published_contexts(minimum, expected):
    assert fast_fft_length(minimum) == expected
