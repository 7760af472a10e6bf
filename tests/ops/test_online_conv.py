"""Online convolution: step by step, the outputs are those of the sums that define it."""

import pytest
import torch

from hyenadna_kit.ops.online_conv import OnlineConvolution, sums_ahead

BATCH, ROWS = 2, 5


def direct(signal, taps):
    """Return ``sum_s signal[s] taps[t - s]``, position by position."""
    output = torch.zeros_like(signal)
    for place in range(signal.shape[2]):
        for lag in range(min(place + 1, taps.shape[1])):
            output[..., place] += signal[..., place - lag] * taps[:, lag]
    return output


def draw(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


def run(convolution, signal):
    """Feed a signal in steps, two groups of rows one after the other."""
    found = []
    for inputs in signal.split(convolution.step, dim=2):
        groups = (slice(0, 2), slice(2, ROWS))
        found.append(torch.cat([convolution.outputs(inputs[:, rows], rows) for rows in groups], dim=1))
        convolution.advance()
    return torch.cat(found, dim=2)


@pytest.mark.parametrize("num_taps", [1, 2, 3, 16, 17, 100, 333])
@pytest.mark.parametrize(("step", "num_steps"), [(1, 1), (1, 2), (1, 77), (3, 21), (16, 8)])
def test_outputs_are_the_sums_that_define_them(step, num_steps, num_taps):
    taps, signal = draw(ROWS, num_taps), draw(BATCH, ROWS, step * num_steps)
    convolution = OnlineConvolution(taps, batch=BATCH, num_steps=num_steps, step=step)
    torch.testing.assert_close(run(convolution, signal), direct(signal, taps), atol=1e-11, rtol=0)


@pytest.mark.parametrize("num_taps", [2, 9, 40, 200])
@pytest.mark.parametrize("before", [1, 10, 64])
def test_inputs_before_the_first_step_are_part_of_the_sums(before, num_taps):
    taps, signal = draw(ROWS, num_taps), draw(BATCH, ROWS, before + 50)
    convolution = OnlineConvolution(taps[:, :51], batch=BATCH, num_steps=50)
    ahead = sums_ahead(signal[..., :before], taps, span=convolution.num_pending)
    convolution.begin_behind(ahead, slice(None))
    found = run(convolution, signal[..., before:])
    torch.testing.assert_close(found, direct(signal, taps)[..., before:], atol=1e-11, rtol=0)


def test_memory_is_that_of_the_taps_however_many_steps_there_are():
    taps = draw(ROWS, 33)
    sizes = {
        steps: OnlineConvolution(taps, batch=BATCH, num_steps=steps).num_bytes for steps in (32, 10_000, None)
    }
    assert set(sizes.values()) == {2 * BATCH * ROWS * 32 * 8}


def test_any_number_of_steps_where_none_is_named():
    taps, signal = draw(ROWS, 9), draw(BATCH, ROWS, 150)
    convolution = OnlineConvolution(taps, batch=BATCH, num_steps=None)
    torch.testing.assert_close(run(convolution, signal), direct(signal, taps), atol=1e-11, rtol=0)


def test_step_beyond_the_room_is_refused():
    convolution = OnlineConvolution(draw(ROWS, 4), batch=BATCH, num_steps=3)
    run(convolution, draw(BATCH, ROWS, 3))
    with pytest.raises(ValueError, match="there is room for 3 steps"):
        convolution.outputs(draw(BATCH, ROWS, 1), slice(None))
