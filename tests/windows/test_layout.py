"""Tiles of a region, and tiled windows: every base predicted once, with its left context."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.windows.layout import spread_windows, tile, tile_windows, windows_before


@st.composite
def regions(draw):
    """Return a region of a contig that begins at 0."""
    start = draw(st.integers(0, 60))
    return Interval("c", start, start + draw(st.integers(1, 80)))


LENGTHS = st.integers(2, 30)


def test_worked_example():
    tiles = list(tile_windows(Interval("c", 100, 116), 8))
    assert [(t.window.start, t.window.end, t.scored.start, t.scored.end) for t in tiles] == [
        (96, 105, 100, 105),
        (101, 110, 105, 110),
        (106, 115, 110, 115),
        (111, 120, 115, 116),
    ]
    assert [tile.label_span for tile in tiles] == [(3, 8), (3, 8), (3, 8), (3, 4)]


def test_first_base_of_a_contig_is_predicted_from_what_comes_before_it():
    first, *_ = tile_windows(Interval("c", 0, 20), 6)
    assert (first.window, first.scored) == (Interval("c", -1, 6), Interval("c", 0, 6))
    assert first.label_span == (0, 6)


@given(region=regions(), length=LENGTHS)
def test_every_base_is_scored_once_and_in_order(region, length):
    scored = [
        position
        for tile in tile_windows(region, length)
        for position in range(tile.scored.start, tile.scored.end)
    ]
    assert scored == list(range(region.start, region.end))


@given(region=regions(), length=LENGTHS)
def test_every_scored_base_has_half_a_window_before_it_where_the_contig_has_it(region, length):
    for tiled in tile_windows(region, length):
        for position in range(tiled.scored.start, tiled.scored.end):
            bases_before = position - max(0, tiled.window.start)
            assert bases_before >= min(position, length // 2)


@given(region=regions(), length=LENGTHS)
def test_label_span_points_at_the_scored_bases(region, length):
    for tiled in tile_windows(region, length):
        # The model reads all but the last token; label i is the token after input i.
        predicted = list(range(tiled.window.start, tiled.window.end))[1:]
        first, last = tiled.label_span
        assert 0 <= first < last <= length
        assert predicted[first:last] == list(range(tiled.scored.start, tiled.scored.end))


@given(region=regions(), length=LENGTHS)
def test_windows_are_whole_and_advance_by_half_at_least(region, length):
    tiles = list(tile_windows(region, length))
    assert {tile.window.length for tile in tiles} == {length + 1}
    assert {tile.window.contig for tile in tiles} == {"c"}
    assert min(tile.window.start for tile in tiles) >= -1
    assert all(tile.scored.length >= length - length // 2 for tile in tiles[:-1])


def test_region_without_bases_has_no_windows():
    assert list(tile_windows(Interval("c", 7, 7), 8)) == []


@pytest.mark.parametrize("length", [1, 0, -3])
def test_windows_too_short_to_predict_with_context_are_refused(length):
    with pytest.raises(InputError, match=f"at least 2 tokens long, got {length}"):
        list(tile_windows(Interval("c", 0, 10), length))


REGIONS = [Interval("one", 0, 400), Interval("two", 100, 300)]
ALL = [tile for region in REGIONS for tile in tile_windows(region, 16)]


@pytest.mark.parametrize(
    ("num_bases", "expected"),
    # 400 bp in 9-base steps after a first window of 16, and 200 bp in 9-base steps.
    [(600, 67), (10**9, 67), (300, 34), (9, 1), (1, 1)],
    ids=["all", "more than all", "half", "one window", "one base"],
)
def test_spread_windows_score_about_as_many_bases_as_asked(num_bases, expected):
    assert len(ALL) == 67
    spread = spread_windows(REGIONS, 16, num_bases)
    assert len(spread) == expected
    assert [tile for tile in ALL if tile in spread] == spread


@given(num_bases=st.integers(1, 700))
def test_spread_windows_lie_evenly(num_bases):
    places = [ALL.index(tile) for tile in spread_windows(REGIONS, 16, num_bases)]
    gaps = [after - before for before, after in zip(places, [*places[1:], len(ALL)], strict=True)]
    assert places[0] == 0
    assert max(gaps) - min(gaps) <= 1


def test_no_regions_give_no_windows():
    assert spread_windows([], 16, 100) == []


@pytest.mark.parametrize(
    ("partial", "last"),
    [("keep", [(15, 22)]), ("shift", [(12, 22)]), ("drop", [])],
)
def test_worked_example_of_tiles(partial, last):
    tiles = list(tile(Interval("c", 0, 22), 10, stride=5, partial=partial))
    assert [(one.start, one.end) for one in tiles] == [(0, 10), (5, 15), (10, 20), *last]


@pytest.mark.parametrize("partial", ["keep", "shift", "drop"])
def test_tiles_that_fit_are_the_same_at_either_kind_of_end(partial):
    assert list(tile(Interval("c", 4, 12), 4, partial=partial)) == [Interval("c", 4, 8), Interval("c", 8, 12)]
    assert list(tile(Interval("c", 4, 12), 4, stride=2, partial=partial)) == [
        Interval("c", 4, 8),
        Interval("c", 6, 10),
        Interval("c", 8, 12),
    ]


def brute_force_tiles(region, length, stride, partial):
    """Place windows one by one, until the last base of the region has been reached."""
    found, start = [], region.start
    while start < region.end:
        inside = [p for p in range(start, start + length) if region.start <= p < region.end]
        if len(inside) == length or partial == "keep":
            found.append((inside[0], inside[-1] + 1))
        elif partial == "shift" and region.end - length >= region.start:
            found.append((region.end - length, region.end))
        if inside[-1] == region.end - 1:
            break
        start += stride
    return found


@given(
    region=regions(),
    length=st.integers(1, 30),
    stride=st.integers(1, 40),
    partial=st.sampled_from(["keep", "shift", "drop"]),
    strand=st.sampled_from(Strand),
)
def test_tiles_against_brute_force(region, length, stride, partial, strand):
    stranded = Interval(region.contig, region.start, region.end, strand)
    tiles = list(tile(stranded, length, stride=stride, partial=partial))
    assert [(one.start, one.end) for one in tiles] == brute_force_tiles(region, length, stride, partial)
    assert {one.strand for one in tiles} <= {strand}
    covered = {position for one in tiles for position in range(one.start, one.end)}
    if partial != "drop" and stride <= length <= region.length:
        assert covered == set(range(region.start, region.end))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 0}, "at least 1, got 0 and 0"),
        ({"length": 5, "stride": 0}, "at least 1, got 5 and 0"),
        ({"length": 5, "stride": -5}, "at least 1, got 5 and -5"),
    ],
    ids=["no length", "no stride", "backwards"],
)
def test_impossible_tiles_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        list(tile(Interval("c", 0, 10), **options))


def test_unknown_treatment_of_the_end_is_refused(no_shape_checks):
    with pytest.raises(InputError, match="partial must be one of keep, drop, shift, got 'cut'"):
        list(tile(Interval("c", 0, 10), 5, partial="cut"))


def test_windows_before_bases_end_evenly_spread_over_the_regions():
    regions = [Interval("a", 100, 110), Interval("b", 40, 50)]
    found = windows_before(regions, 32, 5)
    assert [(each.contig, each.end) for each in found] == [
        ("a", 101),
        ("a", 105),
        ("a", 110),
        ("b", 45),
        ("b", 50),
    ]
    assert {each.length for each in found} == {32}
    assert len(windows_before(regions, 32, 100)) == 20


def test_windows_before_bases_are_as_long_as_all_of_them_can_be():
    found = windows_before([Interval("a", 0, 200), Interval("b", 3, 20)], 64, 3)
    assert {each.length for each in found} == {20}
    assert [each.end for each in found] == [64, 132, 20]
    assert windows_before([Interval("a", 0, 200)], 64, 3)[0] == Interval("a", 0, 64)
