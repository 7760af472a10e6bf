"""The MLP of a block against its formula in float64, tile after tile."""

import math

import numpy as np
import pytest
import torch

from hyenadna_kit.ops.backends import Problem
from hyenadna_kit.ops.linear_gelu import BACKENDS as FUSED
from hyenadna_kit.ops.linear_gelu import linear_gelu
from hyenadna_kit.ops.mlp import BACKENDS, mlp

backends = pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
fused_backends = pytest.mark.parametrize("backend", FUSED, ids=lambda backend: backend.name)
NAMES = ("output", "states", "first weight", "first bias", "second weight", "second bias")
TOKENS = [1, 2, 127, 129, 1023, 1025, 2500]


def draw(tokens, features=6, inner=10, dtype=torch.float64):
    """Return states, both layers and the gradient of the output."""
    generator = torch.Generator().manual_seed(tokens)
    shapes = (
        (tokens, features),
        (inner, features),
        (inner,),
        (features, inner),
        (features,),
        (tokens, features),
    )
    return [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes]


def exact(inputs):
    """Return output and gradients in float64, every step written out."""
    x, w1, b1, w2, b2, outer = (tensor.double().numpy() for tensor in inputs)
    h, c, k = x @ w1.T + b1, math.sqrt(2 / math.pi), 0.044715
    tanh = np.tanh(c * (h + k * h**3))
    a = 0.5 * h * (1 + tanh)
    slope = 0.5 * (1 + tanh) + 0.5 * h * (1 - tanh**2) * c * (1 + 3 * k * h**2)
    dh = (outer @ w2) * slope
    return [a @ w2.T + b2, dh @ w1, dh.T @ x, dh.sum(0), outer.T @ a, outer.sum(0)]


def evaluate(backend, inputs):
    """Return what :func:`exact` returns, from the operator."""
    leaves = [tensor.clone().requires_grad_() for tensor in inputs[:5]]
    output = mlp(leaves[0], (leaves[1], leaves[2]), (leaves[3], leaves[4]), backend=backend)
    output.backward(inputs[5])
    return [output.detach(), *(leaf.grad for leaf in leaves)]


@pytest.mark.parametrize("tokens", TOKENS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@backends
def test_output_and_gradients_equal_the_formula(backend, dtype, tokens):
    inputs = draw(tokens, dtype=dtype)
    eps = torch.finfo(dtype).eps
    for name, found, expected in zip(NAMES, evaluate(backend.name, inputs), exact(inputs), strict=True):
        assert found.dtype == dtype
        # Some twenty roundings an entry; sums over tokens add theirs as the root of the number.
        bound = (20 + math.sqrt(tokens)) * eps * max(1.0, np.abs(expected).max())
        assert np.abs(found.double().numpy() - expected).max() <= bound, name


@backends
def test_bfloat16_under_autocast_differs_by_roundings_of_bfloat16(backend):
    inputs = draw(1500, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        found = evaluate(backend.name, [*inputs[:5], inputs[5].bfloat16()])
    assert found[0].dtype == torch.bfloat16
    assert {tensor.dtype for tensor in found[1:]} == {torch.float32}
    for name, values, expected in zip(NAMES, found, exact(inputs), strict=True):
        error = np.sqrt(np.mean((values.double().numpy() - expected) ** 2) / np.mean(expected**2))
        assert error < 6e-3, name


@backends
def test_leading_shape_is_kept(backend):
    inputs = draw(12)
    states, gradient = inputs[0].unflatten(0, (3, 4)), inputs[5].unflatten(0, (3, 4))
    found = evaluate(backend.name, [states, *inputs[1:5], gradient])
    assert found[0].shape == states.shape
    np.testing.assert_allclose(found[1].flatten(0, 1), exact(inputs)[1], rtol=0, atol=1e-12)


@backends
def test_gradients_pass_the_numerical_check(backend):
    leaves = [tensor.requires_grad_() for tensor in draw(3, 2, 3)[:5]]
    assert torch.autograd.gradcheck(
        lambda x, w1, b1, w2, b2: mlp(x, (w1, b1), (w2, b2), backend=backend.name), leaves
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@fused_backends
def test_linear_layer_and_gelu_equal_the_formula(backend, dtype):
    if reason := backend.why_not(Problem(torch.device("cpu"), dtype, 100)):
        pytest.skip(reason)
    states, weight, bias = draw(100, 33, 48, dtype=dtype)[:3]
    x, w, b = (tensor.double().numpy() for tensor in (states, weight, bias))
    h = x @ w.T + b
    expected = 0.5 * h * (1 + np.tanh(math.sqrt(2 / math.pi) * (h + 0.044715 * h**3)))
    found = linear_gelu(states, weight, bias, backend=backend.name)
    assert found.dtype == dtype
    # The steps round the sum once more on its way to the GELU.
    bound = 4 * torch.finfo(dtype).eps * max(1.0, np.abs(h).max())
    assert np.abs(found.double().numpy() - expected).max() <= bound
