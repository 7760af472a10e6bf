"""Where windows lie: literals, and the two promises that every position is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.scoring.placement import Placement

FORWARD, REVERSE = Strand


@pytest.mark.parametrize(
    ("position", "start"),
    [(0, -8), (3, -8), (4, -4), (7, -4), (8, 0), (9, 0), (11, 0), (12, 4), (1_000_003, 999_992)],
)
@pytest.mark.parametrize("strand", Strand)
def test_grid_of_stride_4(position, start, strand):
    placement = Placement(window=16, horizon=4, min_left_context=8)
    assert placement.stride == 4
    assert placement.window_start(position, strand) == start


@pytest.mark.parametrize(
    ("window", "strand", "start"),
    [(16, FORWARD, 92), (16, REVERSE, 93), (17, FORWARD, 92), (17, REVERSE, 92), (3, REVERSE, 99)],
)
def test_centred_variant_lies_in_the_middle_of_the_same_bases(window, strand, start):
    placement = Placement(window=window, horizon=1, min_left_context=1, kind="centred")
    assert placement.window_start(100, strand) == start


@given(st.integers(0, 3_000_000_000), st.integers(1, 2_000), st.integers(1, 2_000), st.integers(1, 2_000))
def test_every_position_has_its_left_context_and_its_horizon_in_the_window(position, left, horizon, stride):
    placement = Placement(window=left + horizon + stride, horizon=horizon, min_left_context=left)
    offset = position - placement.window_start(position, FORWARD)
    assert left <= offset < left + stride
    assert offset + horizon <= placement.window


@given(st.integers(0, 10_000), st.integers(3, 300), st.data())
def test_centred_horizon_lies_in_the_window_on_both_strands(position, window, data):
    horizon = data.draw(st.integers(1, window // 2))
    placement = Placement.for_window(window, horizon=horizon, kind="centred")
    for strand in Strand:
        offset = position - placement.window_start(position, strand)
        assert 1 <= offset <= offset + horizon <= window


def test_shared_windows_do_not_depend_on_who_shares_them():
    placement = Placement(window=16, horizon=4, min_left_context=8)
    starts = [placement.window_start(position, FORWARD) for position in range(40)]
    assert starts == [4 * (position // 4) - 8 for position in range(40)]
    assert starts == [placement.window_start(p, FORWARD) for p in reversed(range(40))][::-1]


@pytest.mark.parametrize(
    ("window", "horizon", "min_left_context"),
    [(1024, 256, 512), (1_000_000, 512, 500_000), (128, 32, 64), (2048, 512, 1024), (3, 1, 1)],
)
def test_open_options_suit_the_window(window, horizon, min_left_context):
    placement = Placement.for_window(window)
    assert (placement.horizon, placement.min_left_context) == (horizon, min_left_context)


def test_given_options_are_kept():
    assert Placement.for_window(100, horizon=7, min_left_context=9) == Placement(
        window=100, horizon=7, min_left_context=9
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 12, "horizon": 4, "min_left_context": 8}, "12 bp"),
        ({"window": 16, "horizon": 0, "min_left_context": 8}, "8 and 0"),
        ({"window": 16, "horizon": 4, "min_left_context": 0}, "0 and 4"),
        ({"window": 0, "horizon": 1, "min_left_context": 1}, "0 bp"),
        ({"window": 16, "horizon": 9, "min_left_context": 1, "kind": "centred"}, "beyond 8, got 9 and 1"),
        ({"window": 16, "horizon": 1, "min_left_context": 9, "kind": "centred"}, "beyond 8, got 1 and 9"),
        ({"window": 2, "horizon": 1, "min_left_context": 1, "kind": "centred"}, "at least 3 bp, got 2"),
    ],
    ids=["no stride", "no horizon", "no left context", "no window", "far horizon", "far left", "tiny"],
)
def test_options_that_do_not_fit_are_refused_with_their_values(options, message):
    with pytest.raises(InputError, match=message):
        Placement(**options)
