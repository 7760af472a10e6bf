"""The scores from log-probabilities that were written down by hand."""

import numpy as np
import pytest

from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.scoring.alleles import AlleleWindows, WindowKey
from hyenadna_kit.scoring.scores import SCORES, HorizonLogProbs, delta_ll, llr

REF, ALT = [-1.0, -2.0, -3.0, -4.0], [-1.5, -2.0, -1.0, -8.0]


def windows(scored, num_substituted=None):
    tokens = np.full(6, 7, dtype=np.uint8)
    key = WindowKey("c", Strand.FORWARD, 0)
    return AlleleWindows(key, tokens, tokens, 2, np.array(scored, dtype=bool), num_substituted, padded=False)


def log_probs(ref=REF, alt=ALT):
    return HorizonLogProbs(np.array(ref, dtype=np.float32), np.array(alt, dtype=np.float32))


@pytest.mark.parametrize(
    ("scored", "expected"),
    [
        ([1, 1, 1, 1], -2.5),
        ([1, 0, 1, 1], -2.5),
        ([1, 1, 0, 1], -4.5),
        ([1, 0, 0, 0], -0.5),
        ([0, 0, 1, 0], 2.0),
    ],
)
def test_delta_is_the_sum_over_what_is_counted(scored, expected):
    assert delta_ll(windows(scored), log_probs()) == expected


@pytest.mark.parametrize(
    ("num_substituted", "expected"), [(0, 0.0), (1, -0.5), (2, -0.5), (3, 1.5), (4, -2.5), (None, None)]
)
def test_ratio_is_the_sum_over_what_is_replaced(num_substituted, expected):
    assert llr(windows([1, 1, 1, 1], num_substituted), log_probs()) == expected


def test_sums_are_taken_in_float64():
    ref, alt = np.zeros(1_000, dtype=np.float32), np.full(1_000, 0.1, dtype=np.float32)
    alt[0] = 2.0**24  # in float32 every later term would be lost
    scored = np.ones(1_000, dtype=bool)
    expected = 2.0**24 + 999 * float(np.float32(0.1))
    for score in (delta_ll, llr):
        found = score(windows(scored, 1_000), HorizonLogProbs(ref, alt))
        assert found == pytest.approx(expected, rel=0, abs=1e-6)


@pytest.mark.parametrize("name", SCORES)
def test_score_is_0_without_a_change_and_turns_with_the_alleles(name):
    pair = windows([1, 0, 1, 1], 3)
    assert SCORES[name](pair, log_probs(REF, REF)) == 0
    assert SCORES[name](pair, log_probs()) == -SCORES[name](pair, log_probs(ALT, REF)) != 0


@pytest.mark.parametrize("name", SCORES)
def test_nan_of_a_model_is_not_hidden(name):
    assert np.isnan(SCORES[name](windows([1, 1, 1, 1], 4), log_probs(alt=[-1, float("nan"), -1, -1])))
