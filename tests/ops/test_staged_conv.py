"""The convolution in three kernels against sums over every lag in float64 (``numpy.convolve``).

Small bodies keep the programs few: Triton's interpreter runs about a hundred of them a second.
"""

from dataclasses import replace

import pytest
import torch

from hyenadna_kit.ops.backends import Problem
from tests.oracles.direct_conv import NAMES, direct_conv, draw_conv

pytest.importorskip("triton", reason="Triton is not installed")

from hyenadna_kit.ops.long_conv import staged_op
from hyenadna_kit.ops.long_conv.staged_plan import Plan, plan_for

SMALL = Plan(body=(16, 16), tile=256, precision="ieee")
CPU = torch.device("cpu")

devices = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])


@pytest.fixture(autouse=True)
def _kernels_run(request):
    device = torch.device(
        request.node.callspec.params.get("device", "cpu") if hasattr(request.node, "callspec") else "cpu"
    )
    if reason := staged_op.why_not(Problem(device)):
        pytest.skip(reason)


def evaluate(inputs, plan, device="cpu"):
    """Return what :func:`direct_conv` returns, from the kernels."""
    *tensors, gradient = (tensor if tensor is None else tensor.to(device) for tensor in inputs)
    output = staged_op.forward(*tensors, plan=plan)
    gradients = staged_op.backward(gradient, *tensors, plan=plan)
    for found, given in zip((output, *gradients), (tensors[0], *tensors), strict=True):
        assert found is given is None or (found.dtype == given.dtype and found.shape == given.shape)
    return [found if found is None else found.cpu() for found in (output, *gradients)]


def assert_exact(inputs, plan=SMALL, device="cpu"):
    """Compare with the direct sums: 16 roundings of the largest value in float32, one in bfloat16."""
    for name, found, expected in zip(NAMES, evaluate(inputs, plan, device), direct_conv(inputs), strict=True):
        assert (found is None) == (expected is None), name
        if found is not None:
            error = (found.double() - expected).abs().max()
            roundings = 16 if found.dtype == torch.float32 else 1
            assert error <= roundings * torch.finfo(found.dtype).eps * expected.abs().max(), name


@pytest.mark.parametrize(
    ("length", "gated", "reverse"),
    [
        (1, True, True),
        (2, True, True),
        (63, False, True),
        (64, True, False),
        (256, True, True),
        (257, False, False),
        (1000, True, True),
        (1025, False, False),
        (4096, True, True),
    ],
)
@devices
def test_output_and_gradients_equal_the_direct_sum(length, gated, reverse, device):
    channels = 1 if length > 1000 else 2
    inputs = draw_conv(length, batch=3 - channels, channels=channels, gated=gated, reverse=reverse)
    assert_exact(inputs, device=device)


@pytest.mark.parametrize("length", [63, 700])
@devices
def test_bfloat16_is_rounded_once(length, device):
    # The interpreter cuts off where a GPU rounds: one unit in the last place.
    assert_exact(draw_conv(length, dtype=torch.bfloat16), device=device)


@pytest.mark.parametrize("taps", [1, 2, 299])
@devices
def test_absent_taps_are_zero(taps, device):
    assert_exact(draw_conv(300, taps, batch=1), device=device)


@devices
def test_entry_0_of_the_reverse_filters_has_no_effect_and_no_gradient(device):
    inputs = draw_conv(40, batch=1)
    before = evaluate(inputs, SMALL, device)
    inputs.reverse_filters[:, 0] += 100.0
    after = evaluate(inputs, SMALL, device)
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    assert torch.equal(after[5][:, 0], torch.zeros(2))


@devices
def test_outer_transform_in_several_blocks_and_tiles(device):
    inputs = draw_conv(256 * 20 - 7, batch=1, channels=1, gated=False)
    assert_exact(inputs, replace(SMALL, block=16, reduced=16, tile=128), device)


@devices
def test_plan_of_float32_reaches_its_accuracy(device):
    inputs = draw_conv(10_000, batch=1, channels=1)
    plan = plan_for(Problem(torch.device(device), torch.float32, 10_000))
    assert_exact(inputs, replace(plan, tile=512 if device == "cpu" else plan.tile), device)


@pytest.mark.parametrize("rows", [1, 2, 5, 8, 11, 1000])
def test_groups_cover_every_row_once_and_keep_to_the_memory(rows):
    plan = replace(SMALL, temporary_bytes=rows * 2 * 3 * 256 * 4)
    signal = torch.zeros(4, 5, 700)
    seen = torch.zeros(4, 5)
    for channels, batches in staged_op._Stages(signal, plan).groups(signal, items=2, others=3):
        for items in batches:
            seen[items, channels] += 1
            taken = seen[items, channels]
            assert taken.shape[1] * (3 + 2 * taken.shape[0]) <= max(rows, 5)
    assert torch.equal(seen, torch.ones(4, 5))


@pytest.mark.parametrize(("rows", "programs"), [(1, 1), (7, 9), (1000, 4)])
@devices
def test_grouping_does_not_change_the_numbers(rows, programs, device):
    inputs = draw_conv(200, batch=3)
    memory = rows * 2 * 256 * 4
    assert_exact(inputs, replace(SMALL, temporary_bytes=memory, programs=programs), device)


@devices
def test_row_depends_on_no_other_row_or_channel(device):
    inputs = draw_conv(200)
    together = evaluate(inputs, SMALL, device)
    part = [tensor[1:, 1:] if tensor.dim() == 3 else tensor[1:] for tensor in inputs]
    alone = evaluate(part, SMALL, device)
    for name, all_rows, row in zip(NAMES, together, alone, strict=True):
        if all_rows.dim() == 3:
            assert torch.equal(all_rows[1:, 1:], row), name


@devices
def test_strided_inputs_give_the_same(device):
    inputs = draw_conv(200)
    expected = evaluate(inputs, SMALL, device)
    signal, filters, skip, gate, reverse, gradient = inputs
    strided = [
        torch.stack([signal, gate], 2).flatten(1, 2)[:, ::2],
        filters.T.contiguous().T,
        skip.repeat_interleave(2)[::2],
        gate.transpose(0, 1).contiguous().transpose(0, 1),
        torch.cat([reverse, filters], 1)[:, :200],
        gradient.transpose(1, 2).contiguous().transpose(1, 2),
    ]
    assert not any(tensor.is_contiguous() for tensor in strided)
    for found, same in zip(evaluate(strided, SMALL, device), expected, strict=True):
        assert torch.equal(found, same)


@devices
def test_offsets_are_counted_in_64_bits(device):
    far = 2**31 + 7
    inputs = draw_conv(20, batch=2, channels=1, gated=False)
    torch.use_deterministic_algorithms(False)  # which would fill four gigabytes
    memory = torch.empty(far + 20, dtype=torch.bfloat16, device=device)
    signal = memory.as_strided((2, 1, 20), (far, 20, 1))
    signal.copy_(inputs.signal)
    rest = (tensor if tensor is None else tensor.to(device) for tensor in inputs[1:5])
    output = staged_op.forward(signal, *rest, plan=SMALL)
    expected = direct_conv(inputs)[0]
    assert (output.cpu().double() - expected).abs().max() <= torch.finfo(
        torch.bfloat16
    ).eps * expected.abs().max()


@pytest.mark.parametrize("position", [0, 1, 255, 256, 299])
@devices
def test_impulse_comes_out_as_the_filters_on_both_sides(position, device):
    _, filters, skip, _, reverse, _ = draw_conv(300, batch=1)
    signal = torch.zeros(1, 2, 300)
    signal[..., position] = 1.0
    expected = torch.zeros(1, 2, 300)
    expected[0, :, position:] = filters[:, : 300 - position]
    expected[0, :, :position] = reverse[:, 1 : position + 1].flip(1)
    expected[0, :, position] += skip
    tensors = (tensor.to(device) for tensor in (signal, filters, skip))
    found = staged_op.forward(*tensors, None, reverse.to(device), plan=SMALL)
    torch.testing.assert_close(found.cpu(), expected, rtol=0, atol=2e-6)


@devices
def test_bfloat16_temporaries_err_by_their_roundings(device):
    inputs = draw_conv(1000, batch=1, channels=1, gated=False)
    exact = direct_conv(inputs)
    found = evaluate(inputs, replace(SMALL, temporaries=torch.bfloat16), device)
    for name, value, expected in zip(NAMES, found, exact, strict=True):
        if name not in ("gate", "skip"):
            error = (value - expected).square().mean().sqrt() / expected.square().mean().sqrt()
            # At most five roundings on the way, each of at most a unit in the last place of 8 bits.
            assert 1e-4 < error < 5 * 2**-8, name


@pytest.mark.parametrize(("precision", "bound"), [("tf32", 1e-3), ("tf32x3", 5e-7), ("bf16", 6e-3)])
@devices
def test_error_of_every_precision_is_bounded(precision, bound, device):
    # The interpreter rounds operands to tf32 as a GPU does, and computes the other two in float32.
    inputs = draw_conv(600, batch=1, channels=1)
    found = evaluate(inputs, replace(SMALL, precision=precision), device)
    for name, value, expected in zip(NAMES, found, direct_conv(inputs), strict=True):
        error = (value - expected).square().mean().sqrt() / expected.square().mean().sqrt()
        assert error <= bound, name
        assert error >= 1e-4 or name == "skip" or precision != "tf32", name


def test_batch_of_none_has_gradients_of_zero():
    inputs = draw_conv(20, batch=0)
    for found, expected in zip(evaluate(inputs, SMALL), direct_conv(inputs), strict=True):
        assert torch.equal(found.double(), expected)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("length", [8193, 100_000, 262_145, 1_000_002, 1 << 20, (1 << 21) + 1])
def test_long_sequences_equal_float64_transforms(length, dtype):
    device = torch.device("cuda")
    inputs = draw_conv(length, dtype=dtype, reverse=False)
    signal, filters, skip, gate, gradient = (tensor.to(device) for tensor in inputs if tensor is not None)
    leaves = [tensor.double().requires_grad_() for tensor in (signal, filters, skip, gate)]
    size = 2 * length
    product = torch.fft.rfft(leaves[0], size) * torch.fft.rfft(leaves[1], size)
    expected = leaves[3] * (torch.fft.irfft(product, size)[..., :length] + leaves[2][:, None] * leaves[0])
    expected.backward(gradient.double())
    found = staged_op.forward(signal, filters, skip, gate, None)
    gradients = staged_op.backward(gradient, signal, filters, skip, gate, None)[:4]
    bound = 1e-6 if dtype == torch.float32 else 6e-3
    for name, value, exact in zip(
        NAMES, (found, *gradients), (expected, *(x.grad for x in leaves)), strict=False
    ):
        error = (value - exact).square().mean().sqrt() / exact.square().mean().sqrt()
        assert error <= bound, name


def test_plan_takes_the_small_body_until_the_outer_transform_is_long():
    plans = {
        length: plan_for(Problem(CPU, torch.bfloat16, length)) for length in (8193, 1 << 18, 262_145, 1 << 20)
    }
    assert {length: (plan.body, plan.outer_points(length)) for length, plan in plans.items()} == {
        8193: ((64, 32), 5),
        1 << 18: ((64, 32), 128),
        262_145: ((64, 64), 65),
        1 << 20: ((64, 64), 256),
    }


@pytest.mark.parametrize(("dtype", "body"), [(torch.bfloat16, (64, 32)), (torch.float32, (32, 32))], ids=str)
def test_plan_takes_a_smaller_body_before_hopper(monkeypatch, dtype, body):
    monkeypatch.setattr("hyenadna_kit.ops.long_conv.staged_plan.shared_memory", lambda device: 163 << 10)
    assert plan_for(Problem(CPU, dtype, 1 << 20)).body == body


def test_what_it_cannot_do_is_refused_with_the_reason():
    problem = Problem(CPU, torch.float32, staged_op.LONGEST + 1)
    assert staged_op.why_not(problem) == "it takes up to 8388608 positions, the signal has 8388609"
    assert "float64" in staged_op.why_not(Problem(CPU, torch.float64, 10))
    assert staged_op.why_not(Problem(CPU, torch.float32, 10)) is None


@pytest.mark.parametrize("case", staged_op.compile_cases(), ids=lambda case: case.name)
def test_compiled_cases_name_every_argument_of_their_kernel(case):
    assert {*case.signature, *case.constexprs} == set(case.kernel.arg_names)
    assert len(case.signature) <= 16
