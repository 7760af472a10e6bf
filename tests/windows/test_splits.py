"""Sides by place and by group: no base on two sides, groups whole, fractions as asked for."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.genome import open_genome
from hyenadna_kit.windows.splits import (
    OUTSIDE,
    OVERLAPPING,
    REASONS,
    SIDES,
    STRADDLING,
    GenomeWindows,
    fill_sides,
    overlapping_pairs,
    require_sides,
    split_by_regions,
)
from tests.oracles.kmers import groups

USUAL = {"train": 0.8, "validation": 0.1, "test": 0.1}


def interval(start, end, contig="c", strand=Strand.FORWARD):
    return Interval(contig, start, end, strand)


REGIONS = {"validation": [interval(20, 30)], "test": [interval(40, 50), interval(0, 10, "d")]}


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ([interval(0, 10), interval(20, 30), interval(40, 50)], ["train", "validation", "test"]),
        ([interval(22, 24), interval(15, 21), interval(29, 40)], ["validation"] * 3),
        ([interval(5, 20), interval(30, 40), interval(50, 60)], ["train"] * 3),
        ([interval(25, 45)], [STRADDLING]),
        ([interval(0, 10, "d"), interval(9, 20, "d"), interval(10, 20, "e")], ["test", "test", "train"]),
        ([interval(45, 60), interval(55, 65), interval(60, 70)], ["test", OVERLAPPING, "train"]),
        ([interval(25, 33), interval(32, 35)], ["validation", OVERLAPPING]),
        ([interval(25, 36), interval(33, 41)], [OVERLAPPING, "test"]),
        ([interval(25, 36), interval(33, 41), interval(35, 36)], [OVERLAPPING, "test", OVERLAPPING]),
        ([interval(40, 50, strand=Strand.REVERSE)], ["test"]),
    ],
    ids=[
        "whole regions",
        "inside and touching",
        "beside",
        "two sides",
        "other contigs",
        "training beyond a test region",
        "training beyond a validation region",
        "validation beyond a test region",
        "all three",
        "reverse strand",
    ],
)
def test_window_is_on_the_side_that_it_touches(windows, expected):
    assert split_by_regions(windows, REGIONS, rest="train") == expected


def test_window_that_touches_nothing_is_left_out_where_there_is_no_rest():
    regions = {"train": [interval(0, 5)], **REGIONS}
    windows = [interval(0, 10), interval(10, 20), interval(3, 25)]
    assert split_by_regions(windows, regions) == ["train", OUTSIDE, STRADDLING]


spans = st.tuples(st.integers(0, 60), st.integers(1, 15))


def test_window_that_is_left_out_drives_out_none():
    windows = [interval(20, 35), interval(34, 46), interval(45, 46)]
    regions = {"test": [interval(20, 30)], "validation": [interval(40, 45)]}
    assert split_by_regions(windows, regions, rest="train") == ["test", OVERLAPPING, "train"]


@given(
    windows=st.lists(spans, min_size=8, max_size=15),
    cuts=st.lists(st.tuples(st.integers(0, 6), st.sampled_from(SIDES)), max_size=5, unique_by=lambda c: c[0]),
    rest=st.sampled_from([None, "train"]),
)
def test_sides_agree_with_base_by_base_bookkeeping(windows, cuts, rest):
    windows = [interval(start, start + length) for start, length in windows]
    regions = {side: [interval(10 * n, 10 * n + 7) for n, of in cuts if of == side] for side in SIDES}
    side_of_base = {10 * n + i: side for n, side in cuts for i in range(7)}
    sides = split_by_regions(windows, regions, rest=rest)
    owners = {}
    for window, side in zip(windows, sides, strict=True):
        bases = range(window.start, window.end)
        touched = {side_of_base[base] for base in bases if base in side_of_base}
        if len(touched) > 1:
            assert side == STRADDLING
        elif not touched:
            assert side in ({OUTSIDE} if rest is None else {rest, OVERLAPPING})
        else:
            assert side in {*touched, OVERLAPPING}
        for base in bases:
            owners.setdefault(base, set()).add(side)
    # No base is on two sides, and a window is left out only for the sake of a later side.
    assert all(len(of & set(SIDES)) <= 1 for of in owners.values())
    for window, side in zip(windows, sides, strict=True):
        if side == OVERLAPPING:
            assert any(owners[base] & {"validation", "test"} for base in range(window.start, window.end))


def test_regions_of_two_sides_may_not_overlap():
    regions = {"validation": [interval(5, 8), interval(20, 30)], "test": [interval(29, 31)]}
    with pytest.raises(InputError, match=r"^c:21-30 of side validation overlaps a region of side test"):
        split_by_regions([interval(0, 5)], regions, rest="train")
    regions["test"] = [interval(30, 31)]
    assert split_by_regions([interval(0, 5)], regions, rest="train") == ["train"]


@given(
    groups=st.lists(st.integers(0, 30), max_size=150).map(lambda of: of + list(range(31, 71))),
    seed=st.integers(0, 2**32),
    train=st.sampled_from([0.5, 0.6, 0.8]),
)
def test_groups_stay_whole_and_fractions_are_met(groups, seed, train):
    fractions = {"train": train, "validation": (1 - train) / 2, "test": (1 - train) / 2}
    sizes = Counter(groups)
    largest = max(sizes.values())
    assume(2 * largest <= len(groups))
    sides = fill_sides(np.array(groups), fractions, seed=seed)
    assert {len({side for side, g in zip(sides, groups, strict=True) if g == group}) for group in sizes} == {
        1
    }
    counts = Counter(sides)
    # What is placed last is small: no side ends further from its fraction than the largest group.
    assert all(abs(counts[side] - fraction * len(groups)) <= largest for side, fraction in fractions.items())


def test_groups_of_one_are_divided_exactly_and_at_random():
    first, second = (fill_sides(np.arange(1000), USUAL, seed=seed) for seed in (0, 1))
    assert Counter(first) == Counter(second) == {"train": 800, "validation": 100, "test": 100}
    assert first != second
    places = [np.mean([i for i, side in enumerate(first) if side == name]) for name in SIDES]
    assert places == pytest.approx([499.5] * 3, abs=100)
    assert fill_sides(np.arange(1000), USUAL, seed=0) == first


def test_group_that_is_too_large_for_a_small_side_is_for_training():
    groups = np.array([0] * 30 + list(range(1, 71)))
    for seed in range(20):
        assert fill_sides(groups, USUAL, seed=seed)[:30] == ["train"] * 30


def test_large_groups_are_placed_before_small_ones_fill_up():
    fractions = {"train": 0.5, "validation": 0.25, "test": 0.25}
    groups = np.array([*range(60), *[60] * 40])
    for seed in range(20):
        counts = Counter(fill_sides(groups, fractions, seed=seed))
        assert counts == {"train": 50, "validation": 25, "test": 25}


def test_seed_below_0_is_refused():
    with pytest.raises(InputError, match=r"^seed must be at least 0, got -1$"):
        fill_sides(np.arange(100), USUAL, seed=-1)


@pytest.mark.parametrize(("size", "refused"), [(50, False), (51, True)])
def test_group_of_more_than_half_is_refused(size, refused):
    groups = np.array([7] * size + list(range(8, 108 - size)))
    if refused:
        with pytest.raises(
            InputError, match=r"^51 of 100 windows are connected by overlap or similarity, more than half"
        ):
            fill_sides(groups, USUAL, seed=0)
    else:
        assert set(fill_sides(groups, USUAL, seed=0)[:50]) == {"train"}


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ({"train": 0.8, "test": 0.1}, "above 0 and together 1, got train 0.8, test 0.1"),
        ({"train": 1.0, "test": 0.0}, "got train 1, test 0"),
        ({"train": 1.5, "test": -0.5}, "got train 1.5, test -0.5"),
        ({"train": float("nan"), "test": 0.5}, "got train nan, test 0.5"),
        ({}, "above 0 and together 1, got "),
    ],
    ids=["less than 1", "zero", "negative", "nan", "none"],
)
def test_fractions_must_be_parts_of_one(fractions, message):
    with pytest.raises(InputError, match=message):
        fill_sides(np.arange(10), fractions, seed=0)


@given(windows=st.lists(st.tuples(st.sampled_from("cd"), spans), max_size=12), seed=st.integers(0, 9))
def test_overlapping_pairs_connect_what_all_pairs_would(windows, seed):
    strands = np.random.default_rng(seed).choice(list(Strand), len(windows))
    windows = [
        interval(start, start + length, contig, strand)
        for (contig, (start, length)), strand in zip(windows, strands, strict=True)
    ]
    edges = [
        pair for pair in combinations(range(len(windows)), 2) if windows[pair[0]].overlaps(windows[pair[1]])
    ]
    left, right = overlapping_pairs(windows)
    pairs = list(zip(left.tolist(), right.tolist(), strict=True))
    assert {tuple(sorted(pair)) for pair in pairs} <= set(edges)
    assert groups(len(windows), pairs) == groups(len(windows), edges)


def test_side_without_windows_is_refused():
    with pytest.raises(InputError, match=r"^side test has no window \(1 train, 1 validation\)"):
        fill_sides(np.arange(2), {"train": 0.4, "validation": 0.3, "test": 0.3}, seed=0)
    with pytest.raises(InputError, match=r"^side validation has no window \(2 test, 1 touch no side\)"):
        require_sides(["test", "test", OUTSIDE], ["test", "validation"])
    require_sides(SIDES, SIDES)
    assert not set(REASONS) & set(SIDES)


def test_windows_of_a_genome_are_read_on_their_strand(tmp_path):
    (tmp_path / "g.fa").write_text(">c\nAACGT\n")
    windows = [interval(0, 3), interval(0, 3, strand=Strand.REVERSE), interval(4, 7)]
    tokens = GenomeWindows(open_genome(tmp_path / "g.fa"), windows)
    assert len(tokens) == 3
    assert [window.tolist() for window in tokens] == [[7, 7, 8], [9, 10, 10], [10, 11, 11]]
