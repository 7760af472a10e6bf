"""Sets of bases against Python sets of positions."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.genome.interval_set import IntervalSet, runs_within


@st.composite
def intervals(draw):
    start = draw(st.integers(-20, 40))
    end = start + draw(st.integers(0, 20))
    return Interval(draw(st.sampled_from(["a", "b"])), start, end, draw(st.sampled_from(Strand)))


def positions(interval):
    return {(interval.contig, position) for position in range(interval.start, interval.end)}


def all_positions(several):
    return set().union(*map(positions, several))


SETS = st.lists(intervals(), max_size=8)


@given(SETS)
def test_intervals_are_the_bases_merged_and_sorted(several):
    merged = IntervalSet(several).intervals
    assert all_positions(merged) == all_positions(several)
    assert all(one.strand is Strand.FORWARD and one.length > 0 for one in merged)
    # As few as can be, in order: a base or a contig lies between any two.
    assert all(
        (one.contig, one.end) < (other.contig, other.start) or one.contig < other.contig
        for one, other in pairwise(merged)
    )
    assert [one.contig for one in merged] == sorted(one.contig for one in merged)


def test_worked_example_joins_what_touches():
    made = IntervalSet([Interval("c", 4, 8), Interval("c", 2, 5, Strand.REVERSE), Interval("c", 8, 9)])
    assert made.intervals == (Interval("c", 2, 9),)
    assert made.num_bases == 7


@given(SETS, intervals())
def test_overlap_is_a_shared_base(several, interval):
    assert IntervalSet(several).overlaps(interval) == bool(all_positions(several) & positions(interval))


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0, 10, False), (0, 11, True), (19, 30, True), (20, 30, False), (15, 15, False), (12, 13, True)],
    ids=["left of it", "first base", "last base", "right of it", "no base", "inside"],
)
def test_neighbours_do_not_overlap(start, end, expected):
    assert IntervalSet([Interval("c", 10, 20)]).overlaps(Interval("c", start, end)) is expected


@given(SETS, intervals())
def test_bases_in_an_interval(several, interval):
    made = IntervalSet(several)
    assert made.num_bases == len(all_positions(several))
    assert made.num_bases_in(interval) == len(all_positions(several) & positions(interval))


@given(SETS, intervals())
def test_runs_in_an_interval_are_the_shared_bases_in_order(several, interval):
    runs = IntervalSet(several).runs_in(interval).tolist()
    assert all(start < end for start, end in runs)
    assert all(one[1] < other[0] for one, other in pairwise(runs))
    shared = [(interval.contig, position) for start, end in runs for position in range(start, end)]
    assert set(shared) == all_positions(several) & positions(interval)


@given(SETS, intervals())
def test_subtraction_leaves_the_other_bases_in_order_on_the_strand(several, interval):
    left = IntervalSet(several).subtract_from(interval)
    assert all_positions(left) == positions(interval) - all_positions(several)
    assert all(piece.strand is interval.strand and piece.length > 0 for piece in left)
    assert all(one.end < other.start for one, other in pairwise(left))


def test_subtraction_example():
    holes = [Interval("a", 8, 20), Interval("a", 2, 4), Interval("b", 0, 9), Interval("a", 6, 6)]
    left = IntervalSet(holes).subtract_from(Interval("a", 0, 10, Strand.REVERSE))
    assert left == [Interval("a", 0, 2, Strand.REVERSE), Interval("a", 4, 8, Strand.REVERSE)]


@given(SETS, st.lists(intervals(), max_size=10))
def test_many_stretches_at_once(several, queries):
    made = IntervalSet(several)
    for contig in ("a", "b", "not there"):
        starts, ends = np.array([(q.start, q.end) for q in queries], dtype=np.int64).reshape(-1, 2).T
        expected = [
            len(all_positions(several) & positions(Interval(contig, q.start, q.end))) for q in queries
        ]
        assert made.num_bases_between(contig, starts, ends).tolist() == expected


@given(SETS, SETS)
def test_runs_and_intervals_are_merged_into_one_set(several, others):
    runs = {
        contig: np.array([(o.start, o.end) for o in others if o.contig == contig], dtype=np.int64).reshape(
            -1, 2
        )
        for contig in ("a", "b")
    }
    assert IntervalSet(several, runs=runs).intervals == IntervalSet([*several, *others]).intervals


def test_empty_set():
    nothing = IntervalSet([Interval("c", 5, 5)])
    assert (nothing.intervals, nothing.num_bases) == ((), 0)
    assert not nothing.overlaps(Interval("c", 0, 10))
    assert nothing.subtract_from(Interval("c", 0, 10)) == [Interval("c", 0, 10)]
    assert nothing.runs_in(Interval("c", 0, 10)).shape == (0, 2)
    assert IntervalSet().intervals == ()


def test_positions_of_the_longest_contigs():
    far = 2**40
    made = IntervalSet([Interval("c", far, far + 3), Interval("c", far + 2, far + 9)])
    assert made.intervals == (Interval("c", far, far + 9),)
    assert made.num_bases_in(Interval("c", 0, far + 5)) == 5


def test_a_set_survives_pickling():
    made = IntervalSet([Interval("c", 2, 5), Interval("d", 0, 3)])
    again = pickle.loads(pickle.dumps(made))
    assert again.intervals == made.intervals
    assert again.num_bases_in(Interval("d", 1, 9)) == 2


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, 40, [[10, 20], [25, 30]]),
        (15, 27, [[15, 20], [25, 27]]),
        (20, 25, []),
        (12, 13, [[12, 13]]),
        (10, 20, [[10, 20]]),
        (30, 10, []),
    ],
    ids=["whole", "cut", "between", "inside", "a run", "nothing"],
)
def test_runs_within_a_stretch(start, end, expected):
    assert runs_within(np.array([10, 20, 25, 30]), start, end).tolist() == expected


def test_a_million_questions_are_answered_as_one():
    rng = np.random.default_rng(0)
    starts = np.sort(rng.integers(0, 10**8, 100_000))
    made = IntervalSet(runs={"c": np.column_stack((starts, starts + 300))})
    queries = rng.integers(0, 10**8, 1_000_000)
    counts = made.num_bases_between("c", queries, queries + 1000)
    few = [made.num_bases_in(Interval("c", query, query + 1000)) for query in queries[:50].tolist()]
    assert counts[:50].tolist() == few
