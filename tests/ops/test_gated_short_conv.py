"""The short convolution with its gate against sums over every tap in float64 (``numpy.convolve``)."""

import math

import numpy as np
import pytest
import torch
from torch.utils.checkpoint import checkpoint

from hyenadna_kit.errors import BackendUnavailableError
from hyenadna_kit.ops.backends import Problem
from hyenadna_kit.ops.gated_short_conv import BACKENDS, gated_short_conv

CPU = torch.device("cpu")
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
NAMES = ("streams", "projected", "taps", "bias")
LAYOUTS = {
    "channels in rows": lambda tensor: tensor,
    "positions in rows": lambda tensor: tensor.transpose(1, 2).contiguous().transpose(1, 2),
    "part of a wider tensor": lambda tensor: torch.nn.functional.pad(tensor, (3, 2, 1, 4))[:, 1:-4, 3:-2],
    "every second position": lambda tensor: tensor.repeat_interleave(2, 2)[..., ::2],
}

backends = pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
layouts = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())


@pytest.fixture
def small_tiles(monkeypatch):
    """Let a few positions fill a tile of every backend, and a program of Triton take three of them."""
    monkeypatch.setattr("hyenadna_kit.ops.gated_short_conv.eager._TILE_ELEMENTS", 24)
    monkeypatch.setattr("hyenadna_kit.ops.gated_short_conv.eager._TILE_POSITIONS", 12)
    monkeypatch.setattr("hyenadna_kit.ops.gated_short_conv.eager._TRANSPOSED_TILE_POSITIONS", 12)
    operator = pytest.importorskip("hyenadna_kit.ops.gated_short_conv.triton_op", reason="no Triton")
    monkeypatch.setattr(operator, "_MOST_POSITIONS", 16)
    monkeypatch.setattr(operator, "_TRANSPOSED_POSITIONS", 16)
    monkeypatch.setattr(operator, "_FORWARD", operator._Launch(32, 4))
    monkeypatch.setattr(operator, "_BACKWARD", operator._Launch(32, 4))
    monkeypatch.setattr(operator, "_ENOUGH_PROGRAMS", 0)
    monkeypatch.setattr(operator, "_NUM_BLOCKS", 3)


def skip_where_it_cannot_run(backend, dtype=torch.float32, device=CPU):
    if reason := backend.why_not(Problem(torch.device(device), dtype)):
        pytest.skip(reason)


def draw(length, num_taps=3, *, dtype=torch.float32, batch=2, channels=3, order=2):
    """Return projections, taps, bias and the gradient of the streams; parameters at least in float32."""
    generator = torch.Generator().manual_seed(length)
    rows, wide = (order + 1) * channels, torch.promote_types(dtype, torch.float32)
    shapes = ((batch, rows, length), (rows, num_taps), (rows,), (order, batch, channels, length))
    return [
        torch.randn(shape, generator=generator, dtype=torch.float64).to(kind)
        for shape, kind in zip(shapes, (dtype, wide, wide, dtype), strict=True)
    ]


def direct(projected, taps, bias, gradient):
    """Return the exact streams and the exact gradients of projections, taps and bias, in float64."""
    p, w, b, g = (tensor.double().numpy() for tensor in (projected, taps, bias, gradient))
    batch, rows, length = p.shape
    order, _, channels, _ = g.shape
    mixed, p_gradient, w_gradient = np.zeros_like(p), np.zeros_like(p), np.zeros_like(w)
    for row in range(batch):
        for index in range(rows):
            mixed[row, index] = np.convolve(p[row, index], w[index, ::-1])[:length] + b[index]
    last, value = mixed[:, -2 * channels : -channels], mixed[:, -channels:]
    streams = [mixed[:, index * channels : (index + 1) * channels] for index in range(order - 1)]
    streams.append(last * value)
    m = np.concatenate([*g[:-1], g[-1] * value, g[-1] * last], axis=1)
    for row in range(batch):
        for index in range(rows):
            p_gradient[row, index] = np.convolve(m[row, index, ::-1], w[index, ::-1])[:length][::-1]
            for lag in range(min(length, w.shape[1])):
                w_gradient[index, -1 - lag] += m[row, index, lag:] @ p[row, index, : length - lag]
    return [torch.from_numpy(array) for array in (np.stack(streams), p_gradient, w_gradient, m.sum((0, 2)))]


def evaluate(backend, inputs, device="cpu", layout=LAYOUTS["channels in rows"]):
    """Return what :func:`direct` returns, from the operator."""
    projected, taps, bias, gradient = (tensor.to(device) for tensor in inputs)
    leaves = [layout(projected).detach(), taps.clone(), bias.clone()]
    for leaf in leaves:
        leaf.requires_grad_()
    streams = gated_short_conv(*leaves, channels=gradient.shape[2], backend=backend)
    assert streams.dtype == projected.dtype
    assert streams.is_contiguous()
    streams.backward(gradient)
    assert [leaf.grad.dtype for leaf in leaves] == [leaf.dtype for leaf in leaves]
    return [streams.detach().cpu(), *(leaf.grad.cpu() for leaf in leaves)]


def rounding_bound(inputs):
    """Return the error of one rounding after every step, for sums of the sizes of the terms."""
    projected, taps = inputs[:2]
    step = torch.finfo(taps.dtype).eps
    num_steps = 3 * (taps.shape[1] + 2)  # two mixed projections, their product, and its sum over the taps
    # Gradients of taps and bias add up batch * length terms: roundings of so many add up as their root.
    adding = math.sqrt(projected[:, 0].numel())
    sizes = [sums.max() for sums in direct(*(tensor.double().abs() for tensor in inputs))]
    steps = [num_steps, num_steps, num_steps + adding, num_steps + adding]
    ends = [torch.finfo(tensor.dtype).eps for tensor in (projected, projected, taps, taps)]
    return [size * (step * number + end) for size, number, end in zip(sizes, steps, ends, strict=True)]


def assert_exact_but_for_rounding(backend, inputs, device="cpu", layout=LAYOUTS["channels in rows"]):
    exact, bounds = direct(*inputs), rounding_bound(inputs)
    stock = evaluate("eager", inputs, device)
    found = evaluate(backend.name, inputs, device, layout)
    for name, ours, eager, expected, bound in zip(NAMES, found, stock, exact, bounds, strict=True):
        error, eager_error = (abs(tensor.double() - expected).max() for tensor in (ours, eager))
        rounding = torch.finfo(ours.dtype).eps * expected.abs().max()
        allowed = bound if backend.name == "eager" else 2 * eager_error + 16 * rounding
        assert error <= allowed, name


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("length", [1, 2, 63, 64, 1000, 1025, 4096])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@backends
def test_streams_and_gradients_equal_the_direct_sum(backend, dtype, length, device):
    skip_where_it_cannot_run(backend, dtype, device)
    inputs = draw(length, dtype=dtype, batch=1 if length == 4096 else 2)
    assert_exact_but_for_rounding(backend, inputs, device)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("order", [2, 3])
@layouts
@backends
def test_any_strides_and_order_give_the_direct_sum(backend, layout, order, device):
    skip_where_it_cannot_run(backend, device=device)
    assert_exact_but_for_rounding(backend, draw(70, channels=5, order=order), device, layout)


@pytest.mark.parametrize("stretch", [lambda g: g.mT.contiguous().mT, lambda g: g[..., :1].expand_as(g)])
@backends
def test_strides_of_the_gradient_change_nothing(backend, stretch):
    skip_where_it_cannot_run(backend)
    *inputs, gradient = draw(33)
    strided = stretch(gradient)
    assert not strided.is_contiguous()
    found, expected = (evaluate(backend.name, [*inputs, each]) for each in (strided, strided.contiguous()))
    for ours, theirs in zip(found[1:], expected[1:], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize("num_taps", [1, 2, 4, 7, 12])
@backends
def test_any_number_of_taps_equals_the_direct_sum(backend, num_taps):
    skip_where_it_cannot_run(backend)
    assert_exact_but_for_rounding(backend, draw(9, num_taps))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("num_taps", [1, 4])
@pytest.mark.parametrize("layout", ["channels in rows", "positions in rows"])
@backends
def test_tiles_meet_without_a_seam(backend, layout, num_taps, small_tiles, device):
    skip_where_it_cannot_run(backend, device=device)
    assert_exact_but_for_rounding(backend, draw(59, num_taps, batch=1), device, LAYOUTS[layout])


@backends
def test_short_rows_share_a_tile(backend, small_tiles):
    skip_where_it_cannot_run(backend)
    assert_exact_but_for_rounding(backend, draw(3, batch=4, channels=2))


@backends
def test_last_tap_weighs_the_position_itself(backend):
    skip_where_it_cannot_run(backend)
    projected = torch.tensor([[[0.0, 1.0, 0.0, 0.0, 0.0]]]).repeat(1, 3, 1)
    taps, bias = torch.tensor([[2.0, 3.0, 5.0]]).repeat(3, 1), torch.tensor([7.0, 0.0, -1.0])
    expected = torch.tensor([[[[7.0, 12.0, 10.0, 9.0, 7.0]]], [[[0.0, 20.0, 6.0, 2.0, 0.0]]]])
    assert torch.equal(gated_short_conv(projected, taps, bias, channels=1, backend=backend.name), expected)


@backends
def test_all_gates_but_the_last_pass_and_the_last_meets_v(backend):
    skip_where_it_cannot_run(backend)
    projected = torch.tensor([[[2.0], [3.0], [5.0], [7.0], [11.0], [13.0], [17.0], [19.0]]])
    expected = torch.tensor([[[[2.0], [3.0]]], [[[5.0], [7.0]]], [[[11.0 * 17.0], [13.0 * 19.0]]]])
    found = gated_short_conv(projected, torch.ones(8, 1), torch.zeros(8), channels=2, backend=backend.name)
    assert torch.equal(found, expected)


@backends
def test_future_has_no_effect(backend):
    skip_where_it_cannot_run(backend)
    projected, taps, bias, _ = draw(40)
    changed = projected.clone()
    changed[..., 17:] += 1.0
    before, after = (
        gated_short_conv(each, taps, bias, channels=3, backend=backend.name) for each in (projected, changed)
    )
    assert torch.equal(before[..., :17], after[..., :17])
    assert not torch.isclose(before[..., 17], after[..., 17]).any()


@backends
def test_product_without_bias_is_linear_in_v(backend):
    skip_where_it_cannot_run(backend)
    projected, taps, bias, _ = draw(77)
    changed = projected.clone()
    changed[:, -3:] *= -4.0
    once, scaled = (
        gated_short_conv(each, taps, 0 * bias, channels=3, backend=backend.name)
        for each in (projected, changed)
    )
    assert torch.equal(scaled[-1], -4.0 * once[-1])
    assert torch.equal(scaled[0], once[0])


@backends
def test_row_does_not_depend_on_its_batch(backend):
    skip_where_it_cannot_run(backend)
    projected, taps, bias, _ = draw(333, batch=5)
    together = gated_short_conv(projected, taps, bias, channels=3, backend=backend.name)
    for row in range(5):
        alone = gated_short_conv(projected[row : row + 1], taps, bias, channels=3, backend=backend.name)
        assert torch.equal(together[:, row : row + 1], alone)


@pytest.mark.parametrize("shape", [(0, 9, 5), (2, 9, 0)], ids=["no rows", "no positions"])
@backends
def test_nothing_gives_nothing(backend, shape):
    skip_where_it_cannot_run(backend)
    projected, taps, bias = torch.zeros(shape), torch.ones(9, 3), torch.ones(9)
    leaves = [tensor.requires_grad_() for tensor in (projected, taps, bias)]
    streams = gated_short_conv(*leaves, channels=3, backend=backend.name)
    assert streams.shape == (2, shape[0], 3, shape[2])
    streams.sum().backward()
    assert [leaf.grad.abs().sum() for leaf in leaves] == [0, 0, 0]


@pytest.mark.parametrize(("length", "num_taps", "order"), [(1, 1, 2), (1, 3, 2), (5, 3, 3), (3, 4, 2)])
@pytest.mark.parametrize("backend", ["eager", "reference"])
def test_gradients_pass_the_numerical_check(backend, length, num_taps, order):
    inputs = draw(length, num_taps, dtype=torch.float64, channels=2, order=order)[:3]
    assert torch.autograd.gradcheck(
        lambda *tensors: gated_short_conv(*tensors, channels=2, backend=backend),
        [tensor.requires_grad_() for tensor in inputs],
    )


@pytest.mark.parametrize("wanted", [0, 1, 2])
@backends
def test_one_gradient_alone_equals_that_of_all_together(backend, wanted):
    skip_where_it_cannot_run(backend)
    inputs = draw(20)
    tensors = [tensor.requires_grad_(index == wanted) for index, tensor in enumerate(inputs[:3])]
    gated_short_conv(*tensors, channels=3, backend=backend.name).backward(inputs[3])
    expected = direct(*(tensor.detach() for tensor in inputs))[1 + wanted]
    np.testing.assert_allclose(tensors[wanted].grad, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("backend", ["eager", "reference"])
def test_float64_projections_stay_float64_with_float32_taps(backend):
    projected, taps, bias, gradient = draw(64, dtype=torch.float64)
    inputs = (projected, taps.float(), bias.float(), gradient)
    found = gated_short_conv(*inputs[:3], channels=3, backend=backend)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found, direct(*inputs)[0], rtol=0, atol=1e-13 if backend == "eager" else 1e-5)


@backends
def test_autocast_changes_neither_the_format_nor_the_precision_of_the_sums(backend):
    skip_where_it_cannot_run(backend)
    inputs = draw(50, dtype=torch.bfloat16)
    plain = evaluate(backend.name, inputs)
    with torch.autocast("cpu", torch.bfloat16):
        cast = evaluate(backend.name, inputs)
    assert all(torch.equal(one, other) for one, other in zip(plain, cast, strict=True))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of PyTorch's own compiler
@pytest.mark.parametrize("backend", ["auto", "triton"])
def test_compiled_whole_it_gives_the_same(backend, no_shape_checks):
    if backend == "triton":
        skip_where_it_cannot_run(BACKENDS[0])
    inputs = draw(40)

    def doubled(*tensors):
        return 2.0 * gated_short_conv(2.0 * tensors[0], *tensors[1:], channels=3, backend=backend)

    compiled = torch.compile(doubled, fullgraph=True, backend="aot_eager")
    found = []
    for function in (compiled, doubled):
        leaves = [tensor.clone().requires_grad_() for tensor in inputs[:3]]
        streams = function(*leaves)
        found.append([streams, *torch.autograd.grad(streams, leaves, inputs[3])])
    for ours, expected in zip(*found, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-6, atol=1e-4)


@backends
def test_checkpointed_it_gives_the_same_gradients(backend):
    skip_where_it_cannot_run(backend)
    inputs = draw(30)
    leaves = [tensor.clone().requires_grad_() for tensor in inputs[:3]]
    streams = checkpoint(
        lambda *tensors: gated_short_conv(*tensors, channels=3, backend=backend.name),
        *leaves,
        use_reentrant=False,
    )
    streams.backward(inputs[3])
    for leaf, expected in zip(leaves, evaluate(backend.name, inputs)[1:], strict=True):
        assert torch.equal(leaf.grad, expected)


@pytest.mark.parametrize("backend", BACKENDS[:2], ids=lambda backend: backend.name)
def test_backward_keeps_the_inputs_and_nothing_else(backend):
    skip_where_it_cannot_run(backend)
    leaves = [tensor.requires_grad_() for tensor in draw(30)[:3]]
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda x: x):
        gated_short_conv(*leaves, channels=3, backend=backend.name)
    assert {tensor.data_ptr() for tensor in kept} == {leaf.data_ptr() for leaf in leaves}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of PyTorch's own compiler
def test_operators_keep_the_rules_of_pytorch():
    skip_where_it_cannot_run(BACKENDS[0])
    from hyenadna_kit.ops.gated_short_conv.triton_op import fused_gradients, fused_sum

    projected, taps, bias, gradient = draw(17)
    torch.library.opcheck(fused_gradients, (gradient, projected, taps, bias, 3))
    leaves = [tensor.requires_grad_() for tensor in (projected.mT.contiguous().mT, taps, bias)]
    torch.library.opcheck(fused_sum, (*leaves, 3))


@pytest.mark.parametrize(
    "strides",
    [(1 << 31, 8, 1), (0, 1 << 29, 1), (0, 1, 1 << 30)],
    ids=["row of the batch", "projection", "position"],
)
@backends
def test_elements_beyond_the_2_to_the_31st_are_reached(backend, strides, tmp_path):
    skip_where_it_cannot_run(backend)
    shape = (2 if strides[0] else 1, 12, 5)
    inputs = draw(5, batch=shape[0], channels=4, dtype=torch.bfloat16)
    size = 1 + sum((number - 1) * stride for number, stride in zip(shape, strides, strict=True))
    memory = torch.from_file(str(tmp_path / "sparse"), shared=True, size=size, dtype=torch.bfloat16)
    projected = memory.as_strided(shape, strides)
    projected.copy_(inputs[0])
    found = gated_short_conv(projected, *inputs[1:3], channels=4, backend=backend.name)
    expected = gated_short_conv(*inputs[:3], channels=4, backend=backend.name)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("shapes", [((1, 9, 4), (6, 3), (9,)), ((1, 9, 4), (9, 3), (6,))])
def test_differing_projections_are_refused(no_shape_checks, shapes):
    tensors = [torch.zeros(shape) for shape in shapes]
    counts = f"got 9, {len(tensors[1])} and {len(tensors[2])}"
    with pytest.raises(ValueError, match=f"must have the same projections, {counts}"):
        gated_short_conv(*tensors, channels=3)


@pytest.mark.parametrize(("projections", "channels"), [(9, 2), (6, 3), (9, 0)])
def test_projections_of_no_order_are_refused(projections, channels):
    tensors = torch.zeros(1, projections, 4), torch.zeros(projections, 3), torch.zeros(projections)
    message = rf"\(order \+ 1\) times channels={channels} with order >= 2, got {projections}"
    with pytest.raises(ValueError, match=message):
        gated_short_conv(*tensors, channels=channels)


def test_unknown_backend_is_refused_by_name():
    with pytest.raises(
        BackendUnavailableError, match="unknown backend 'cudnn'; known: auto, triton, eager, reference"
    ):
        gated_short_conv(*draw(4)[:3], channels=3, backend="cudnn")


@pytest.mark.parametrize("device", DEVICES)
def test_auto_takes_triton_on_a_gpu_and_stock_pytorch_elsewhere(device):
    from hyenadna_kit.ops.backends import AUTO, choose

    expected = "triton" if device == "cuda" else "eager"
    assert choose(BACKENDS, AUTO, Problem(torch.device(device))).name == expected


def test_every_launch_has_a_case_for_the_compile_gate():
    operator = pytest.importorskip("hyenadna_kit.ops.gated_short_conv.triton_op", reason="no Triton")
    cases = operator.compile_cases()
    assert len({case.name for case in cases}) == len(cases) == 12
    for case in cases:
        assert set(case.signature) | set(case.constexprs) == set(case.kernel.arg_names)
