"""The implicit filter against its formula in float64 numpy, with gradients by the chain rule."""

import os

import numpy as np
import pytest
import torch
from torch.utils.checkpoint import checkpoint

from hyenadna_kit.errors import BackendUnavailableError
from hyenadna_kit.ops.backends import Problem
from hyenadna_kit.ops.implicit_filter import (
    BACKENDS,
    filters_from_hidden,
    hidden_features,
    implicit_filter,
)

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
SHIFT = 0.05

backends = pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
devices = pytest.mark.parametrize("device", DEVICES)


def draw(length, *, dtype=torch.float64, emb_dim=5, width=8, num_inner=2, channels=6, decays=True, seed=0):
    """Return the tensors of a filter as a flat list and a gradient of its output.

    The list is features, frequency, last layer, weight and bias of every hidden layer, times, rates.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    layers = [normal(width, emb_dim), normal(width)]
    for _ in range(num_inner):
        layers += [normal(width, width) / width**0.5, normal(width)]
    tensors = [normal(length, emb_dim), 1 + normal(width).abs(), normal(channels, width), *layers]
    if decays:
        tensors += [torch.linspace(0, 1, length, dtype=torch.float64), 3 + 10 * normal(channels).abs()]
    return [tensor.to(dtype) for tensor in tensors], normal(channels, length)


def call(tensors, *, decays=True, backend="auto"):
    features, frequency, last, *others = tensors
    times, rates = others[-2:] if decays else (features[:, 0], None)
    flat = others[:-2] if decays else others
    layers = list(zip(flat[::2], flat[1::2], strict=True))
    return implicit_filter(features, times, layers, frequency, last, rates, SHIFT, backend=backend)


def direct(tensors, gradient, *, decays=True):
    """Return the exact output and the exact gradients of all tensors, in float64."""
    features, frequency, last, *others = [tensor.double().numpy() for tensor in tensors]
    *flat, times, rates = others if decays else [*others, None, None]
    inputs, angles, hidden = [], [], features
    for weight, bias in zip(flat[::2], flat[1::2], strict=True):
        inputs.append(hidden)
        angles.append(hidden @ weight.T + bias)
        hidden = np.sin(frequency * angles[-1])
    raw, g = last @ hidden.T, gradient.double().numpy()
    decay = np.exp(-np.outer(rates, times)) if decays else 1.0
    window = decay + SHIFT if decays else 1.0
    of_decay = []
    if decays:
        of_exponent = g * raw * decay
        of_decay = [-(rates @ of_exponent), -(of_exponent @ times)]
    of_last, of_hidden = (g * window) @ hidden, (g * window).T @ last
    of_frequency, of_layers = np.zeros_like(frequency), []
    for index in reversed(range(len(inputs))):
        slope = np.cos(frequency * angles[index]) * of_hidden
        of_frequency += (slope * angles[index]).sum(0)
        of_layers = [(slope * frequency).T @ inputs[index], (slope * frequency).sum(0), *of_layers]
        of_hidden = (slope * frequency) @ flat[2 * index]
    results = [raw * window, of_hidden, of_frequency, of_last, *of_layers, *of_decay]
    return [torch.from_numpy(np.asarray(result)) for result in results]


def evaluate(backend, tensors, gradient, device="cpu", **options):
    """Return what :func:`direct` returns, from the operator."""
    leaves = [tensor.detach().to(device, copy=True).requires_grad_() for tensor in tensors]
    output = call(leaves, backend=backend, **options)
    assert output.dtype == torch.promote_types(tensors[0].dtype, torch.float32)
    output.backward(gradient.to(output))
    return [output.detach().cpu(), *(leaf.grad.cpu() for leaf in leaves)]


def bounds(tensors, gradient, exact, dtypes, **options):
    """Return the error that each result may have.

    That is four times (three layers and the window) by how much the largest of the exact results
    moves where every number is off by one rounding, 16 roundings of the result, and one to its dtype.
    """
    # What is compared with is rounded to float64 too, hence 2^-48 there.
    eps = max(torch.finfo(torch.promote_types(tensors[0].dtype, torch.float32)).eps, 2.0**-48)
    generator = torch.Generator().manual_seed(5)
    off = [
        tensor.double() * (1 + eps * (torch.rand(tensor.shape, generator=generator) - 0.5).sign())
        for tensor in tensors
    ]
    scales = [max(result.abs().max().item(), 1e-300) for result in exact]
    moved = max(
        (result - other).abs().max().item() / scale
        for result, other, scale in zip(exact, direct(off, gradient, **options), scales, strict=True)
    )
    return [
        (4 * moved + 16 * eps + torch.finfo(dtype).eps / 2) * scale
        for dtype, scale in zip(dtypes, scales, strict=True)
    ]


def skip_where_impossible(backend, device, dtype):
    if reason := backend.why_not(Problem(torch.device(device), torch.promote_types(dtype, torch.float32), 1)):
        pytest.skip(reason)


@devices
@pytest.mark.parametrize("length", [1, 2, 63, 64, 1000, 1025, 4096])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@backends
def test_filters_and_gradients_equal_the_formula(backend, dtype, length, device):
    skip_where_impossible(backend, device, dtype)
    tensors, gradient = draw(length, dtype=dtype)
    exact = direct(tensors, gradient)
    found = evaluate(backend.name, tensors, gradient, device)
    allowed = bounds(tensors, gradient, exact, [result.dtype for result in found])
    for number, (ours, expected, bound) in enumerate(zip(found, exact, allowed, strict=True)):
        assert (ours.double() - expected).abs().max() <= bound, number


SHAPES = {
    "one channel": {"channels": 1},
    "more channels than a block": {"channels": 300},
    "width 1": {"width": 1},
    "width 64": {"width": 64},
    "width 65": {"width": 65, "num_inner": 1},
    "width 128": {"width": 128, "num_inner": 1},
    "no inner layer": {"num_inner": 0},
    "three inner layers": {"num_inner": 3},
    "emb_dim 3": {"emb_dim": 3},
    "emb_dim 33": {"emb_dim": 33},
    "not modulated": {"decays": False},
}


@devices
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@backends
def test_every_shape_equals_the_formula(backend, shape, device):
    skip_where_impossible(backend, device, torch.float32)
    decays = shape.get("decays", True)
    tensors, gradient = draw(130, dtype=torch.float32, **shape)
    exact = direct(tensors, gradient, decays=decays)
    found = evaluate(backend.name, tensors, gradient, device, decays=decays)
    allowed = bounds(tensors, gradient, exact, [result.dtype for result in found], decays=decays)
    for number, (ours, expected, bound) in enumerate(zip(found, exact, allowed, strict=True)):
        assert (ours.double() - expected).abs().max() <= bound, number


@pytest.mark.parametrize("backend", ["eager", "reference"])
def test_float64_agrees_with_the_formula_to_1e12(backend):
    tensors, gradient = draw(2100, seed=1)
    for found, expected in zip(evaluate(backend, tensors, gradient), direct(tensors, gradient), strict=True):
        assert (found - expected).abs().max() <= 1e-12 * expected.abs().max()


@pytest.mark.parametrize("decays", [True, False], ids=["modulated", "not modulated"])
@pytest.mark.parametrize("backend", ["eager", "reference"])
def test_gradients_pass_the_numerical_check(backend, decays):
    tensors = [tensor.requires_grad_() for tensor in draw(7, width=3, channels=2, decays=decays)[0]]
    assert torch.autograd.gradcheck(lambda *given: call(given, decays=decays, backend=backend), tensors)


@pytest.mark.parametrize("wanted", range(11))
@backends
def test_one_gradient_alone_equals_that_of_all_together(backend, wanted):
    skip_where_impossible(backend, "cpu", torch.float32)
    tensors, gradient = draw(20, dtype=torch.float32)
    leaves = [tensor.requires_grad_(index == wanted) for index, tensor in enumerate(tensors)]
    call(leaves, backend=backend.name).backward(gradient.float())
    expected = direct([leaf.detach() for leaf in leaves], gradient)[1 + wanted]
    error = (leaves[wanted].grad.double() - expected).abs().max()
    assert error <= 256 * 2.0**-24 * expected.abs().max()


@backends
def test_strided_arguments_give_the_same(backend):
    skip_where_impossible(backend, "cpu", torch.float32)
    tensors, _ = draw(70, dtype=torch.float32)
    strided = [torch.stack([tensor, tensor], -1)[..., 0] for tensor in tensors]
    assert not strided[0].is_contiguous()
    found, expected = (call(given, backend=backend.name) for given in (strided, tensors))
    # Products of strided matrices are summed in another order on some processors.
    roundings = 16 * torch.finfo(torch.float32).eps * expected.abs().max()
    torch.testing.assert_close(found, expected, rtol=0, atol=roundings.item())


@backends
def test_tap_does_not_depend_on_the_length(backend):
    skip_where_impossible(backend, "cpu", torch.float32)
    (features, *others, times, rates), _ = draw(1500, dtype=torch.float32)
    long = call([features, *others, times, rates], backend=backend.name)
    short = call([features[:700], *others, times[:700], rates], backend=backend.name)
    torch.testing.assert_close(short, long[:, :700], rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of PyTorch's own compiler
@pytest.mark.parametrize("backend", ["triton", "eager"])
def test_operator_passes_the_checks_of_torch_library(backend):
    skip_where_impossible(next(each for each in BACKENDS if each.name == backend), "cpu", torch.float32)
    leaves = [tensor.requires_grad_() for tensor in draw(9, dtype=torch.float32, num_inner=0)[0]]
    name = {"triton": "implicit_filter", "eager": "implicit_filter_in_blocks"}[backend]
    arguments = (leaves[0], leaves[3:-2], leaves[1], leaves[2], leaves[-2:], SHIFT)
    torch.library.opcheck(getattr(torch.ops.hyenadna_kit, name).default, arguments)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of PyTorch's own compiler
@pytest.mark.parametrize("backend", ["triton", "eager"])
def test_compiled_function_gives_the_same(backend, no_shape_checks):
    skip_where_impossible(next(each for each in BACKENDS if each.name == backend), "cpu", torch.float32)
    tensors, gradient = draw(65, dtype=torch.float32)

    def loss(leaves):
        return (call(leaves, backend=backend) * gradient.float()).sum()

    results = []
    for function in (loss, torch.compile(loss, fullgraph=True, backend="aot_eager")):
        leaves = [tensor.clone().requires_grad_() for tensor in tensors]
        function(leaves).backward()
        results.append([leaf.grad for leaf in leaves])
    for plain, compiled in zip(*results, strict=True):
        torch.testing.assert_close(compiled, plain)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@backends
def test_autocast_changes_nothing(backend, dtype):
    skip_where_impossible(backend, "cpu", torch.float32)
    tensors, gradient = draw(40, dtype=torch.float32)
    expected = evaluate(backend.name, tensors, gradient)
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    with torch.autocast("cpu", dtype):
        output = call(leaves, backend=backend.name)
    output.backward(gradient.float())
    for ours, plain in zip([output, *(leaf.grad for leaf in leaves)], expected, strict=True):
        assert torch.equal(ours, plain)


@pytest.fixture
def restored_precision():
    yield
    torch.set_float32_matmul_precision("highest")
    for switch in (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul):
        switch.fp32_precision = "none"


def use_legacy():
    torch.set_float32_matmul_precision("medium")


def use_new():
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"


@pytest.mark.parametrize("shorten", [use_legacy, use_new])
@backends
def test_shortened_float32_products_elsewhere_change_nothing(backend, shorten, restored_precision):
    skip_where_impossible(backend, "cpu", torch.float32)
    tensors, gradient = draw(200, dtype=torch.float32, width=64, channels=64)
    expected = evaluate(backend.name, tensors, gradient)
    shorten()
    with torch.no_grad():
        forward = call(tensors, backend=backend.name)
    assert torch.equal(forward, expected[0])
    assert torch.backends.cuda.matmul.fp32_precision == "tf32"
    assert torch.backends.mkldnn.matmul.fp32_precision == "bf16"
    if backend.name != "reference":  # whose backward is PyTorch's own
        for ours, plain in zip(evaluate(backend.name, tensors, gradient), expected, strict=True):
            assert torch.equal(ours, plain)


@backends
def test_checkpointing_changes_nothing(backend):
    skip_where_impossible(backend, "cpu", torch.float32)
    tensors, gradient = draw(40, dtype=torch.float32)
    expected = evaluate(backend.name, tensors, gradient)[1:]
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    checkpoint(lambda *given: call(given, backend=backend.name), *leaves, use_reentrant=False).backward(
        gradient.float()
    )
    for leaf, plain in zip(leaves, expected, strict=True):
        assert torch.equal(leaf.grad, plain)


def test_backward_keeps_only_the_arguments():
    tensors, _ = draw(5000, dtype=torch.float32, width=16, channels=8)
    leaves = [tensor.requires_grad_() for tensor in tensors]
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda t: t):
        call(leaves, backend="eager")
    assert {tensor.data_ptr() for tensor in kept} <= {leaf.data_ptr() for leaf in leaves}


@pytest.mark.parametrize("length", [1, 1023, 1025, 9000])
@pytest.mark.parametrize("decays", [True, False], ids=["modulated", "not modulated"])
def test_filters_of_some_channels_are_rows_of_all(length, decays):
    tensors, gradient = draw(length, channels=40, decays=decays)
    features, frequency, last, *others = tensors
    flat, times, rates = (others[:-2], *others[-2:]) if decays else (others, features[:, 0], None)
    hidden = hidden_features(features, list(zip(flat[::2], flat[1::2], strict=True)), frequency)
    assert hidden.shape == (length, 8)
    expected = direct(tensors, gradient, decays=decays)[0]
    for rows in (slice(0, 3), slice(3, 40), slice(39, None)):
        some = filters_from_hidden(hidden, times, last[rows], None if rates is None else rates[rows], SHIFT)
        torch.testing.assert_close(some, expected[rows], rtol=0, atol=1e-12)


def test_meta_tensors_have_their_shape():
    tensors, _ = draw(33, dtype=torch.float32)
    for backend in ("auto", "reference"):
        found = call([tensor.to("meta") for tensor in tensors], backend=backend)
        assert found.is_meta
        assert found.shape == (6, 33)


def test_kernel_is_refused_where_the_network_is_too_wide():
    tensors, _ = draw(3, dtype=torch.float32, width=129)
    with pytest.raises(BackendUnavailableError, match="holds at most 128 hidden units, the filter has 129"):
        call(tensors, backend="triton")
    assert call(tensors).shape == (6, 3)


@pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") != "1", reason="the kernel is not interpreted")
def test_kernel_refuses_float64_with_its_reason():
    with pytest.raises(BackendUnavailableError, match="the kernels compute in float32, the signal is"):
        call(draw(3)[0], backend="triton")


WRONG = {
    "no layer": (lambda t: [*t[:3], *t[-2:]], "layers must hold at least the first layer, got none"),
    "features": (lambda t: [t[0][:, :4], *t[1:]], "4 features and 8 frequencies need layers"),
    "frequency": (lambda t: [t[0], t[1][:7], *t[2:]], "5 features and 7 frequencies need layers"),
    "last": (lambda t: [*t[:2], t[2][:, :7], *t[3:]], r"got \[.*\(6, 7\)\]"),
    "times": (lambda t: [*t[:-2], t[-2][:3], t[-1]], "expected 4 times and 6 rates.*got 3 and 6"),
    "rates": (lambda t: [*t[:-1], t[-1][:5]], "expected 4 times and 6 rates.*got 4 and 5"),
}


def test_cases_of_the_compiler_name_every_argument_of_the_kernel():
    pytest.importorskip("triton", reason="Triton is not installed")
    from hyenadna_kit.ops.implicit_filter.triton_op import compile_cases

    cases = compile_cases()
    assert len({case.name for case in cases}) == len(cases)
    for case in cases:
        assert sorted([*case.signature, *case.constexprs]) == sorted(case.kernel.arg_names), case.name


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG.keys())
def test_shapes_that_do_not_fit_are_refused(no_shape_checks, change, message):
    with pytest.raises(ValueError, match=message):
        call(change(draw(4)[0]))
