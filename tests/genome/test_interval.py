"""Intervals against sets of positions."""

import pickle

import jaxtyping
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand


@st.composite
def intervals(draw):
    start = draw(st.integers(-20, 40))
    end = start + draw(st.integers(0, 20))
    return Interval(draw(st.sampled_from(["a", "b"])), start, end, draw(st.sampled_from(Strand)))


def positions(interval):
    return {(interval.contig, position) for position in range(interval.start, interval.end)}


@given(intervals(), intervals())
def test_overlap_is_a_shared_base(one, other):
    assert one.overlaps(other) == bool(positions(one) & positions(other))
    assert one.overlaps(other) == other.overlaps(one)


@given(intervals(), intervals().filter(lambda other: other.length > 0))
def test_containment_is_a_subset_of_bases(one, other):
    assert one.contains(other) == (positions(other) <= positions(one))


@pytest.mark.parametrize(("place", "expected"), [(4, False), (5, True), (7, True), (10, True), (11, False)])
def test_place_between_bases_is_contained_from_edge_to_edge(place, expected):
    interval = Interval("a", 5, 10)
    assert interval.contains(Interval("a", place, place)) is expected
    assert not interval.overlaps(Interval("a", place, place))


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        pytest.param("chr1:101-105", Interval("chr1", 100, 105), id="worked example"),
        pytest.param("chr1:1-1", Interval("chr1", 0, 1), id="first base"),
        pytest.param(" chr1:1,000,001-2,000,000\n", Interval("chr1", 1_000_000, 2_000_000), id="thousands"),
        pytest.param("HLA-A*01:01:01:5-9", Interval("HLA-A*01:01:01", 4, 9), id="colons in the name"),
    ],
)
def test_region_is_read_as_samtools_writes_it(region, expected):
    assert Interval.from_region(region) == expected
    assert Interval.from_region(expected.region) == expected


@pytest.mark.parametrize(
    ("region", "message"),
    [
        pytest.param("chr1", "is not CONTIG:START-END", id="no place"),
        pytest.param("chr1:100", "is not CONTIG:START-END", id="no end"),
        pytest.param(":1-5", "is not CONTIG:START-END", id="no contig"),
        pytest.param("chr1:-5-10", "is not CONTIG:START-END", id="negative"),
        pytest.param("chr1:1.5-10", "is not CONTIG:START-END", id="fraction"),
        pytest.param("chr1:,-,", "is not CONTIG:START-END", id="commas alone"),
        pytest.param("chr1:\u0661-\u0662", "is not CONTIG:START-END", id="digits of another script"),
        pytest.param("", "is not CONTIG:START-END", id="empty"),
        pytest.param("chr1:0-10", "1 <= START <= END", id="starts at 0"),
        pytest.param("chr1:11-10", "1 <= START <= END", id="ends before its start"),
    ],
)
def test_malformed_region_is_an_error_with_the_text(region, message):
    with pytest.raises(InputError, match=message) as caught:
        Interval.from_region(region)
    assert repr(region) in str(caught.value)


@given(st.integers(0, 10**12), st.integers(1, 10**9))
def test_region_round_trip(start, length):
    interval = Interval("chr1", start, start + length)
    assert Interval.from_region(interval.region) == interval
    assert interval.length == length


def test_end_before_start_is_an_error():
    with pytest.raises(InputError, match=r"end 4 lies before its start 5 \(chr1\)"):
        Interval("chr1", 5, 4)
    assert Interval("chr1", 5, 5).length == 0


def test_reverse_complement_keeps_the_place():
    interval = Interval("chr1", 3, 9)
    reverse = interval.reverse_complement()
    assert (reverse.contig, reverse.start, reverse.end, reverse.strand) == ("chr1", 3, 9, Strand.REVERSE)
    assert reverse.reverse_complement() == interval
    assert reverse.overlaps(interval)


def test_interval_is_a_value():
    interval = Interval("chr1", 3, 9, Strand.REVERSE)
    assert pickle.loads(pickle.dumps(interval)) == interval
    assert len({interval, Interval("chr1", 3, 9, Strand.REVERSE), Interval("chr1", 3, 9)}) == 2
    with pytest.raises(AttributeError):
        interval.start = 4


@pytest.mark.parametrize(("strand", "opposite"), [("+", "-"), ("-", "+")])
def test_opposite_strand(strand, opposite):
    assert Strand(strand).opposite is Strand(opposite)


def test_strand_of_text_is_refused_and_not_passed_over(monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # it would refuse before we do
    with pytest.raises(TypeError, match=r"is read by Strand\('\+'\) or Strand\('-'\), got '-'"):
        Interval("chr1", 0, 10, "-")
