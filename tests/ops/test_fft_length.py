"""FFT lengths: long enough, even, and never much longer than needed."""

import pytest

from hyenadna_kit.ops.fft_length import fast_fft_length

SAMPLES = [*range(1, 3000), *range(3000, 7_000_000, 997)]


def test_length_is_even_and_at_least_the_minimum():
    assert all(fast_fft_length(minimum) >= minimum for minimum in SAMPLES)
    assert all(fast_fft_length(minimum) % 2 == 0 for minimum in SAMPLES)


def test_length_grows_with_the_minimum():
    lengths = [fast_fft_length(minimum) for minimum in SAMPLES]
    assert lengths == sorted(lengths)


def test_length_is_less_than_twice_the_minimum_from_256_on():
    assert all(fast_fft_length(minimum) < 2 * minimum for minimum in SAMPLES if minimum >= 256)


def test_length_has_no_prime_factor_above_7():
    for length in {fast_fft_length(minimum) for minimum in SAMPLES}:
        rest = length
        for prime in (2, 3, 5, 7):
            while rest % prime == 0:
                rest //= prime
        assert rest == 1, length


@pytest.mark.parametrize(
    ("minimum", "expected"),
    [(2 * 131_072 - 1, 262_144), (2 * 1_000_002 - 1, 2_097_152), (6_291_457, 8_388_608), (1 << 25, 1 << 25)],
)
def test_length_of_long_contexts(minimum, expected):
    assert fast_fft_length(minimum) == expected
