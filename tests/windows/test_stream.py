"""The counter stream: a pure function of (seed, item), uniform over its regions, cut without loss."""

import hashlib
import math
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import islice, pairwise
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.genome.interval_set import IntervalSet
from hyenadna_kit.windows.places import DrawRules
from hyenadna_kit.windows.stream import CounterSampler, CounterStream, LengthSchedule

REGIONS = (
    Interval("one", 0, 10),
    Interval("one", 20, 23),
    Interval("two", 5, 12),
    Interval("three", 0, 4),
)
# Windows of 4 bases: 7 of the first region, none of the second, 4 of the third, 1 of the last.
PLACES = [("one", start) for start in range(7)] + [("two", start) for start in range(5, 9)] + [("three", 0)]
CHI_SQUARE_11 = 37.37  # exceeded once in 10,000 draws at 11 degrees of freedom
DRAWS = 6000


RULES = DrawRules(
    factors={"two": 3.0},
    n_runs=IntervalSet([Interval("one", 4, 7), Interval("one", 11, 14), Interval("two", 0, 6)]),
    max_n_fraction=0.4,
    feature_middles={"two": np.array([7, 11]), "one": np.array([2, 8, 40])},
    feature_fraction=0.3,
)


def build(regions=REGIONS, *, seed=5, final=3, initial=None, steps_per_length=2, **options):
    lengths = LengthSchedule(final=final, initial=initial, steps_per_length=steps_per_length)
    return CounterStream(regions, lengths, **({"batch_size": 4, "seed": seed} | options))


def chi_square(counts, expected):
    return sum((count - expected) ** 2 / expected for count in counts)


def test_items_are_those_of_every_release():
    # A change here breaks the promise that a run which was stopped goes on exactly.
    stream = build([Interval("chr1", 0, 1_000_000), Interval("chr2", 500, 90_000)], seed=7, final=1023)
    assert [stream[item] for item in (0, 1, 12345678901)] == [
        Interval("chr1", 178045, 179069, Strand.REVERSE),
        Interval("chr1", 583304, 584328, Strand.FORWARD),
        Interval("chr1", 729824, 730848, Strand.REVERSE),
    ]


STORED_REGIONS = (
    Interval("b", 500, 90_000),
    Interval("a", 0, 1_000_000),
    Interval("short", 3, 40),
    Interval("a", 2_000_000, 2_000_700),
    Interval("b", 100, 400),
)
STORED_ITEMS = (
    (0, "a", 756144, 756209, "+"),
    (1, "a", 137067, 137132, "+"),
    (599, "a", 839490, 839555, "-"),
    (600, "a", 901380, 901509, "+"),
    (1199, "a", 828063, 828192, "-"),
    (2400, "a", 423390, 424391, "+"),
    (2401, "a", 478517, 479518, "+"),
    (10**6, "a", 980920, 981921, "-"),
    (2**40 + 7, "a", 290973, 291974, "-"),
)
# SHA-256 of the first 5000 items, each as CONTIG:START-END, strand and a semicolon.
STORED_DIGEST = "cdae37e972bd36e9f98ec6accb450f6150bb4ae188940901078f9a88daba3c9c"
FAR_ITEMS = (
    (0, "x", 3767660854, 3767791927, "-"),
    (1, "x", 2644849567, 2644980640, "-"),
    (2, "x", 1231697275, 1231828348, "-"),
    (3, "x", 943475886, 943606959, "-"),
    (2**63, "x", 2234898549, 2235029622, "+"),
)


def test_items_of_a_warm_up_over_regions_in_any_order_are_those_of_every_release():
    stream = build(
        STORED_REGIONS, seed=20240229, final=1000, initial=64, steps_per_length=10, reverse_fraction=0.3
    )
    for item, contig, start, end, strand in STORED_ITEMS:
        assert stream[item] == Interval(contig, start, end, Strand(strand))
    items = (stream[item] for item in range(5000))
    written = "".join(f"{w.contig}:{w.start}-{w.end}{w.strand.value};" for w in items)
    assert hashlib.sha256(written.encode()).hexdigest() == STORED_DIGEST


def test_items_past_32_bits_are_those_of_every_release():
    regions = [Interval("x", 0, 5_000_000_000), Interval("y", 7, 250_000_000)]
    stream = build(regions, seed=2**64 + 5, final=131072, batch_size=8)
    for item, contig, start, end, strand in FAR_ITEMS:
        assert stream[item] == Interval(contig, start, end, Strand(strand))


@pytest.mark.parametrize("rules", [None, RULES], ids=["uniform", "rules"])
def test_any_order_and_any_object_give_the_same_items(rules):
    whole = [build(initial=2, rules=rules)[item] for item in range(50)]
    again = build(initial=2, rules=rules)
    order = np.random.default_rng(0).permutation(50).tolist()
    assert {item: again[item] for item in order} == dict(enumerate(whole))
    assert [again[item] for item in range(50)] == whole


@pytest.mark.parametrize("rules", [None, RULES], ids=["uniform", "rules"])
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_every_process_sees_the_same_items(method, rules):
    stream = build(initial=2, rules=rules)
    items = [3, 0, 40, 7, 3, 10**15]
    with ProcessPoolExecutor(2, mp_context=get_context(method)) as pool:
        assert list(pool.map(stream.__getitem__, items)) == [stream[item] for item in items]


def test_another_seed_gives_other_items():
    regions = [Interval("one", 0, 10**6)]
    first, other = ([build(regions, seed=seed)[item] for item in range(100)] for seed in (0, 1))
    assert sum(one == two for one, two in zip(first, other, strict=True)) < 5


def test_neighbouring_items_and_seeds_are_independent():
    stream, shifted = (build([Interval("one", 0, 10**9)], seed=seed) for seed in (0, 1))
    starts = [stream[item].start for item in range(2000)]
    for others in (starts[1:], [shifted[item].start for item in range(2000)]):
        correlation = np.corrcoef(starts[: len(others)], others)[0, 1]
        assert abs(correlation) < 4 / math.sqrt(2000)


def test_every_window_is_as_likely_as_every_other():
    stream = build()
    windows = [stream[item] for item in range(DRAWS)]
    assert {window.length for window in windows} == {4}
    counts = Counter((window.contig, window.start) for window in windows)
    assert sorted(counts) == sorted(PLACES)
    assert chi_square(counts.values(), DRAWS / len(PLACES)) < CHI_SQUARE_11


@given(
    ends=st.lists(st.tuples(st.integers(0, 50), st.integers(1, 30)), min_size=1, max_size=4),
    final=st.integers(2, 29),
    item=st.integers(0, 10**18),
)
def test_no_window_crosses_the_end_of_its_region(ends, final, item):
    regions = [Interval(f"c{i}", start, start + length) for i, (start, length) in enumerate(ends)]
    if max(region.length for region in regions) <= final:
        with pytest.raises(InputError, match=f"windows of {final} bp need a training region of"):
            build(regions, final=final)
        return
    window = build(regions, final=final, initial=2)[item]
    assert any(region.contains(window) for region in regions)


@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.5, 1.0])
def test_share_of_the_reverse_strand(fraction):
    stream = build(reverse_fraction=fraction)
    windows = [stream[item] for item in range(DRAWS)]
    deviation = math.sqrt(fraction * (1 - fraction) / DRAWS)
    for half in (PLACES[:6], PLACES[6:]):
        strands = [w.strand is Strand.REVERSE for w in windows if (w.contig, w.start) in half]
        assert np.mean(strands) == pytest.approx(fraction, abs=6 * deviation)


def test_strand_does_not_move_the_window():
    forward, reverse = build(reverse_fraction=0.0), build(reverse_fraction=1.0)
    assert [reverse[i].reverse_complement() for i in range(100)] == [forward[i] for i in range(100)]


@pytest.mark.parametrize(
    ("schedule", "lengths"),
    [
        (LengthSchedule(final=1000), {0: 1000, 10**9: 1000}),
        (
            LengthSchedule(final=1000, initial=64, steps_per_length=10),
            {0: 64, 9: 64, 10: 128, 19: 128, 20: 256, 30: 512, 39: 512, 40: 1000, 10**12: 1000},
        ),
        (LengthSchedule(final=8, initial=2, steps_per_length=1), {0: 2, 1: 4, 2: 8, 3: 8}),
        (LengthSchedule(final=7, initial=7, steps_per_length=3), {0: 7, 2: 7, 3: 7}),
    ],
    ids=["fixed", "doubled", "every step", "no warm-up"],
)
def test_length_is_a_function_of_the_step(schedule, lengths):
    assert {step: schedule.at(step) for step in lengths} == lengths


def test_windows_have_the_length_of_their_step():
    # Steps of 8 items, all of them taken while windows are short; the length doubles every 2 steps: 2, 4, 5.
    stream = build([Interval("one", 0, 100)], final=5, initial=2)
    assert [stream[item].length for item in range(40)] == [3] * 16 + [5] * 16 + [6] * 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"final": 1}, "length must be at least 2, got 1"),
        ({"final": 8, "initial": 1}, "initial_length must lie in 2 to length = 8, got 1"),
        ({"final": 8, "initial": 0}, "initial_length must lie in 2 to length = 8, got 0"),
        ({"final": 8, "initial": 9}, "initial_length must lie in 2 to length = 8, got 9"),
        ({"final": 8, "steps_per_length": 0}, "steps_per_length must be at least 1, got 0"),
    ],
    ids=["too short", "short start", "zero start", "long start", "no steps"],
)
def test_impossible_schedule_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        LengthSchedule(**options)


@pytest.mark.parametrize(
    ("regions", "longest"), [([], 0), ([Interval("one", 0, 8), Interval("two", 3, 10)], 8)]
)
def test_windows_longer_than_every_region_are_refused(regions, longest):
    with pytest.raises(
        InputError, match=f"windows of 8 bp need .* at least 9 bp, the longest has {longest};"
    ):
        build(regions, final=8)


def test_region_of_one_window_is_long_enough():
    assert build([Interval("one", 2, 11)], final=8, reverse_fraction=0.0)[0] == Interval("one", 2, 11)


def test_regions_that_overlap_are_refused_where_features_are_asked_for():
    regions = [Interval("one", 5, 20), Interval("one", 0, 6)]
    rules = DrawRules(feature_middles={"one": np.array([3])}, feature_fraction=0.5)
    with pytest.raises(InputError, match=r"must be apart: one:1-6 and one:6-20 overlap"):
        build(regions, rules=rules)
    assert build(regions).regions == tuple(regions)


def test_every_length_of_the_schedule_needs_a_place():
    # Of 3 bases 1 may be N, and of 5 too: the two known ones suffice for the former alone.
    regions, n_runs = [Interval("c", 0, 10)], IntervalSet([Interval("c", 0, 4), Interval("c", 6, 10)])
    rules = DrawRules(n_runs=n_runs, max_n_fraction=0.34)
    with pytest.raises(
        InputError, match=r"no window of 5 bp in the training regions has at most 34.00% of N"
    ):
        build(regions, final=5, initial=2, rules=rules)
    assert build(regions, final=2, rules=rules)[0].length == 3


@pytest.mark.parametrize(
    ("schedule", "lengths"),
    [
        (LengthSchedule(final=1000), (1000,)),
        (LengthSchedule(final=1000, initial=64), (64, 128, 256, 512, 1000)),
        (LengthSchedule(final=8, initial=2), (2, 4, 8)),
    ],
)
def test_all_lengths_are_those_of_the_steps(schedule, lengths):
    assert schedule.all == lengths
    assert sorted({schedule.at(step) for step in range(0, 20_000, 500)}) == list(lengths)


def test_ranks_draw_disjoint_items_whose_union_is_the_stream():
    stream = build(initial=2, rules=RULES)
    whole = [stream[item] for item in range(120)]
    drawn = {}
    for rank in range(3):
        mine = build(initial=2, rules=RULES)
        for batch in batches(
            CounterSampler(batch_size=4, lengths=stream.lengths, rank=rank, num_ranks=3), 10
        ):
            assert not drawn.keys() & set(batch)
            drawn |= {item: mine[item] for item in batch}
    assert [drawn[item] for item in range(120)] == whole


def batches(sampler, number):
    return list(islice(sampler, number))


FIXED = LengthSchedule(final=64)
GROWING = LengthSchedule(final=100, initial=12, steps_per_length=3)


@pytest.mark.parametrize("num_ranks", [1, 3])
@pytest.mark.parametrize("num_batches", [1, 2])
def test_short_windows_are_as_many_more_and_every_item_is_drawn_at_its_step(num_ranks, num_batches):
    regions = [Interval("one", 0, 10_000)]
    stream = build(regions, final=100, initial=12, steps_per_length=3, batch_size=2 * num_batches * num_ranks)
    samplers = [
        CounterSampler(
            batch_size=2, lengths=stream.lengths, num_batches=num_batches, rank=rank, num_ranks=num_ranks
        )
        for rank in range(num_ranks)
    ]
    taken = [batches(sampler, 12 * num_batches) for sampler in samplers]
    seen = set()
    for step in range(12):
        length, windows = [(12, 8), (24, 4), (48, 2), (96, 1)][step // 3]
        for batch in (each for rank in taken for each in rank[step * num_batches : (step + 1) * num_batches]):
            assert len(batch) == 2 * windows
            assert {stream[item].length for item in batch} == {length + 1}
            assert not seen & set(batch)
            seen |= set(batch)


@pytest.mark.parametrize("num_ranks", [1, 2, 3])
@pytest.mark.parametrize("num_batches", [1, 2, 4])
@pytest.mark.parametrize("first_step", [0, 1, 17])
def test_ranks_and_accumulation_divide_every_step_exactly(num_ranks, num_batches, first_step):
    batch_size = 24 // (num_ranks * num_batches)
    steps = [
        [
            item
            for rank in range(num_ranks)
            for batch in batches(
                CounterSampler(
                    batch_size=batch_size,
                    lengths=FIXED,
                    num_batches=num_batches,
                    first_step=first_step,
                    rank=rank,
                    num_ranks=num_ranks,
                ),
                3 * num_batches,
            )[step * num_batches : (step + 1) * num_batches]
            for item in batch
        ]
        for step in range(3)
    ]
    for number, items in enumerate(steps, start=first_step):
        assert sorted(items) == list(range(24 * number, 24 * (number + 1)))


@pytest.mark.parametrize("num_ranks", [1, 3])
@pytest.mark.parametrize("num_batches", [1, 2])
@pytest.mark.parametrize("lengths", [FIXED, GROWING], ids=["fixed", "growing"])
def test_sampler_goes_on_where_an_unbroken_one_would(num_ranks, num_batches, lengths):
    for rank in range(num_ranks):
        options = {
            "batch_size": 2,
            "lengths": lengths,
            "num_batches": num_batches,
            "rank": rank,
            "num_ranks": num_ranks,
        }
        unbroken = batches(CounterSampler(**options), 10 * num_batches)
        for step in range(10):
            left = (10 - step) * num_batches
            resumed = batches(CounterSampler(**options, first_step=step), left)
            assert resumed == unbroken[step * num_batches :]


def test_one_rank_takes_the_items_in_order():
    taken = [item for batch in batches(CounterSampler(batch_size=3, lengths=FIXED), 20) for item in batch]
    assert all(after == before + 1 for before, after in pairwise([-1, *taken]))
