"""Windows centred on features and variants: where the middle comes to lie, and by how much it is moved."""

from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.windows.centre import CentredWindows, centre_window, variant_site

FEATURES = [Interval("c", 100, 104), Interval("d", 5, 6, Strand.REVERSE), Interval("c", 50, 50)]
CHI_SQUARE_10 = 35.56  # exceeded once in 10,000 draws at 10 degrees of freedom


@pytest.mark.parametrize(
    ("feature", "length", "start"),
    [
        (Interval("c", 100, 104), 8, 98),
        (Interval("c", 100, 104), 4, 100),
        (Interval("c", 100, 105), 5, 100),
        (Interval("c", 100, 105), 3, 101),
        (Interval("c", 100, 105), 1, 102),
        (Interval("c", 100, 101), 4, 98),
        (Interval("c", 100, 100), 4, 98),
        (Interval("c", 0, 2), 10, -4),
    ],
    ids=[
        "even",
        "as long",
        "odd as long",
        "odd",
        "one base",
        "one-base feature",
        "no base",
        "past the contig",
    ],
)
@pytest.mark.parametrize("strand", Strand)
def test_middles_coincide_on_either_strand(feature, length, start, strand):
    stranded = Interval(feature.contig, feature.start, feature.end, strand)
    assert centre_window(stranded, length) == Interval("c", start, start + length, strand)


@given(position=st.integers(0, 1000), length=st.integers(1, 64), strand=st.sampled_from(Strand))
def test_variant_sits_where_the_rules_of_scoring_put_it(position, length, strand):
    window = centre_window(variant_site(Variant("c", position, "A", "T"), strand), length)
    read = list(range(window.start, window.end))
    if window.strand is Strand.REVERSE:
        read.reverse()
    # length // 2 forward, length - 1 - length // 2 on the reverse strand.
    expected = length // 2 if strand is Strand.FORWARD else length - 1 - length // 2
    assert read.index(position) == expected
    assert window.length == length


def test_variant_site_is_the_base_at_its_position():
    assert variant_site(Variant("c", 7, "ACG", "A")) == Interval("c", 7, 8)
    assert variant_site(Variant("c", 7, "", "A"), Strand.REVERSE) == Interval("c", 7, 8, Strand.REVERSE)


def test_without_jitter_windows_are_centred():
    windows = CentredWindows(FEATURES, 10)
    assert list(windows) == [centre_window(feature, 10) for feature in FEATURES]
    assert len(windows) == 3


def shifts(windows):
    return [
        windows[item].start - centre_window(windows.features[item], windows.length).start
        for item in range(len(windows))
    ]


def test_every_shift_up_to_the_jitter_is_as_likely():
    windows = CentredWindows([Interval("c", 500, 501)] * 11_000, 10, max_jitter=5)
    counts = Counter(shifts(windows))
    assert sorted(counts) == list(range(-5, 6))
    assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < CHI_SQUARE_10


def test_jitter_keeps_contig_strand_and_length():
    for window, feature in zip(CentredWindows(FEATURES, 10, max_jitter=4), FEATURES, strict=True):
        assert (window.contig, window.strand, window.length) == (feature.contig, feature.strand, 10)


def test_window_is_a_function_of_seed_and_item_alone():
    features = [Interval("c", 1000, 1010)] * 40
    windows = CentredWindows(features, 16, max_jitter=100, seed=3)
    in_order = list(windows)
    again = CentredWindows(features, 16, max_jitter=100, seed=3)
    order = np.random.default_rng(0).permutation(40).tolist()
    assert {item: again[item] for item in order} == dict(enumerate(in_order))
    assert list(CentredWindows(features[:7], 16, max_jitter=100, seed=3)) == in_order[:7]
    assert list(CentredWindows(features, 16, max_jitter=100, seed=4)) != in_order


def test_shifts_are_those_of_every_release():
    assert shifts(CentredWindows([Interval("c", 500, 501)] * 6, 10, max_jitter=1000, seed=11)) == [
        710,
        974,
        644,
        386,
        -798,
        968,
    ]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_every_process_sees_the_same_windows(method):
    windows = CentredWindows(FEATURES, 10, max_jitter=8, seed=1)
    with ProcessPoolExecutor(1, mp_context=get_context(method)) as pool:
        assert list(pool.map(windows.__getitem__, range(3))) == list(windows)


@pytest.mark.parametrize("item", [-1, 3])
def test_there_is_one_window_a_feature(item):
    with pytest.raises(IndexError, match=f"window {item} of 3"):
        CentredWindows(FEATURES, 10)[item]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 0}, "at least 1 bp, got 0"),
        ({"length": 4, "max_jitter": -1}, "at least 0, got -1 and 0"),
        ({"length": 4, "seed": -2}, "at least 0, got 0 and -2"),
    ],
    ids=["length", "jitter", "seed"],
)
def test_impossible_windows_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        CentredWindows(FEATURES, **options)
