"""The scores from log-probabilities that were written down by hand."""

import math

import numpy as np
import pytest

from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.scoring.alleles import AlleleWindows, WindowKey
from hyenadna_kit.scoring.readings import AlleleReadings, HorizonReading
from hyenadna_kit.scoring.scores import SCORES, cosine, delta_ll, entropy, l2, llr

REF, ALT = [-1.0, -2.0, -3.0, -4.0], [-1.5, -2.0, -1.0, -8.0]


def windows(scored, num_substituted=None):
    tokens = np.full(6, 7, dtype=np.uint8)
    key = WindowKey("c", Strand.FORWARD, 0)
    return AlleleWindows(key, tokens, tokens, 2, np.array(scored, dtype=bool), num_substituted, padded=False)


def log_probs(ref=REF, alt=ALT, ref_state=(1.0, 0.0), alt_state=(1.0, 0.0), bits=1.5):
    return AlleleReadings(
        HorizonReading(np.array(ref, np.float32), np.float32(bits), np.array(ref_state, np.float32)),
        HorizonReading(np.array(alt, np.float32), np.float32(9), np.array(alt_state, np.float32)),
    )


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
        found = score(windows(scored, 1_000), log_probs(ref, alt))
        assert found == pytest.approx(expected, rel=0, abs=1e-6)


@pytest.mark.parametrize("name", [name for name in SCORES if SCORES[name].is_signed])
def test_score_is_0_without_a_change_and_turns_with_the_alleles(name):
    pair, score = windows([1, 0, 1, 1], 3), SCORES[name].function
    assert score(pair, log_probs(REF, REF)) == 0
    assert score(pair, log_probs()) == -score(pair, log_probs(ALT, REF)) != 0


@pytest.mark.parametrize(
    ("ref", "alt", "distance", "angle"),
    [
        ((3, 4), (3, 4), 0, 0),
        ((3, 4), (6, 8), 5, 0),
        ((3, 4), (-3, -4), 10, 2),
        ((1, 0), (0, 2), math.sqrt(5), 1),
        ((0, 0), (0, 2), 2, 0),
        ((1, 0), (1, 1e-4), 1e-4, 5e-9),
    ],
)
def test_states_are_compared_by_distance_and_angle(ref, alt, distance, angle):
    for one, other in ((ref, alt), (alt, ref)):
        found = log_probs(ref_state=one, alt_state=other)
        assert l2(windows([1] * 4), found) == pytest.approx(distance, rel=1e-6)
        assert cosine(windows([1] * 4), found) == pytest.approx(angle, rel=1e-6)


def test_entropy_is_that_of_the_genome():
    assert entropy(windows([1] * 4), log_probs(bits=1.5)) == 1.5


@pytest.mark.parametrize("name", SCORES)
def test_nan_of_a_model_is_not_hidden(name):
    nan = float("nan")
    found = log_probs(alt=[-1, nan, -1, -1], alt_state=(nan, 1), bits=nan)
    assert np.isnan(SCORES[name].function(windows([1, 1, 1, 1], 4), found))
