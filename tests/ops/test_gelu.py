"""The GELU against its definition in float64."""

import math

import numpy as np
import pytest
import torch

from hyenadna_kit.ops.backends import Problem
from hyenadna_kit.ops.gelu import BACKENDS, gelu

backends = pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
POINTS = np.concatenate([np.linspace(-12, 12, 4801), [-60.0, 60.0, 1e-30, 0.0, -0.0]])


def exact(points):
    """Return values and slopes by the definition with tanh."""
    c, k = math.sqrt(2 / math.pi), 0.044715
    angle = c * (points + k * points**3)
    tanh, sech2 = np.tanh(angle), 1 / np.cosh(np.clip(angle, -300, 300)) ** 2
    return 0.5 * points * (1 + tanh), 0.5 * (1 + tanh) + 0.5 * points * sech2 * c * (1 + 3 * k * points**2)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@backends
def test_values_and_gradients_equal_the_definition(backend, dtype, device):
    inputs = torch.tensor(POINTS, dtype=dtype, device=device, requires_grad=True)
    values, slopes = exact(inputs.detach().double().cpu().numpy())
    output = gelu(inputs, backend=backend.name)
    weights = torch.linspace(0.5, 2, len(POINTS), dtype=dtype, device=device)
    output.backward(weights)
    eps = torch.finfo(dtype).eps
    # Close to zero tanh(x) + 1 cancels: the error is one of x, not of the value.
    np.testing.assert_array_less(
        np.abs(output.detach().double().cpu().numpy() - values), 4 * eps * (np.abs(POINTS) + 1e-30) + 1e-300
    )
    expected = slopes * weights.double().cpu().numpy()
    # Within a rounding of 1 the complement of the sigmoid is wrong by all of it, times x (a + 3 b x^2).
    assert np.abs(inputs.grad.double().cpu().numpy() - expected).max() <= 128 * eps


@backends
def test_input_is_left_as_it_is(backend):
    inputs = torch.randn(3, 5)
    before = inputs.clone()
    gelu(inputs, backend=backend.name)
    assert torch.equal(inputs, before)


@backends
def test_gradients_pass_the_numerical_check(backend):
    inputs = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: gelu(x, backend=backend.name), inputs)


@pytest.mark.parametrize(("dtype", "name"), [(torch.float32, "eager"), (torch.bfloat16, "reference")])
def test_auto_computes_bfloat16_where_each_value_is_rounded_once(dtype, name):
    backend = next(each for each in BACKENDS if each.preferred(Problem(torch.device("cpu"), dtype)))
    assert backend.name == name
