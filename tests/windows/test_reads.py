"""Reads as contigs and the windows on them, against strings and plain counting."""

import pickle
from collections import Counter

import numpy as np
import pytest
from Bio.Seq import Seq
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.read_store import build_read_store
from hyenadna_kit.windows.reads import ReadContigs, ReadStream, divide_reads, spread_reads
from hyenadna_kit.windows.stream import LengthSchedule
from tests.oracles.alignments import REVERSE, Alignment, bases_of, qualities_of, write_bam

IDS = {"A": 7, "C": 8, "G": 9, "T": 10, "N": 11}
ALIGNMENTS = [
    Alignment(0, "30M", name="a"),
    Alignment(20, "10M2I28M", REVERSE, name="bb"),
    Alignment(100, "5S45M", name="ccc", qualities=None),
    Alignment(200, "7M", name="dddd"),
    Alignment(10, "60M", REVERSE, name="e", contig="chr2"),
]


@pytest.fixture(scope="module")
def reads(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reads")
    return build_read_store(write_bam(folder / "r.bam", ALIGNMENTS), folder / "store")


def sequenced(alignment):
    """Return bases and qualities in the order in which the machine read them."""
    bases, qualities = bases_of(alignment), list(qualities_of(alignment) or [255] * len(bases_of(alignment)))
    if alignment.flags & REVERSE:
        return str(Seq(bases).reverse_complement()), qualities[::-1]
    return bases, qualities


@given(data=st.data())
def test_window_of_a_read_is_what_was_sequenced_and_then_n(reads, data):
    number = data.draw(st.integers(0, len(ALIGNMENTS) - 1))
    bases, qualities = sequenced(ALIGNMENTS[number])
    start = data.draw(st.integers(-3, len(bases) + 3))
    window = Interval(str(number), start, start + data.draw(st.integers(0, 70)))
    places = range(window.start, window.end)
    inside = [0 <= place < len(bases) for place in places]
    text = "".join(bases[p] if known else "N" for p, known in zip(places, inside, strict=True))
    right = [
        1 - 10 ** (-qualities[p] / 10) if known and qualities[p] != 255 else 1.0
        for p, known in zip(places, inside, strict=True)
    ]
    contigs = ReadContigs(reads)
    assert contigs.tokens(window).tolist() == [IDS[base] for base in text]
    assert contigs.weights(window).tolist() == pytest.approx(right, abs=1e-6)
    other = window.reverse_complement()
    assert contigs.tokens(other).tolist() == [IDS[base] for base in str(Seq(text).reverse_complement())]
    assert contigs.weights(other).tolist() == pytest.approx(right[::-1], abs=1e-6)


def stream(reads, chosen=(0, 1, 2, 3, 4), length=39, **options):
    lengths = LengthSchedule(final=length)
    return ReadStream(reads, np.array(chosen, dtype=np.int64), lengths, batch_size=4, seed=3, **options)


def test_every_place_of_a_window_is_as_likely(reads):
    drawn = stream(reads)
    counts = Counter((drawn[item].contig, drawn[item].start) for item in range(20_000))
    # 40 bases: reads of 30, 40, 50, 7 and 60 have 1, 1, 11, 1 and 21 places.
    places = {("0", 0), ("1", 0), *(("2", k) for k in range(11)), ("3", 0), *(("4", k) for k in range(21))}
    assert counts.keys() == places
    expected = 20_000 / len(places)
    assert sum((count - expected) ** 2 / expected for count in counts.values()) < 70  # 34 degrees of freedom


def test_items_are_a_pure_function_of_seed_and_number(reads):
    drawn, again = stream(reads), pickle.loads(pickle.dumps(stream(reads)))
    items = [drawn[item] for item in range(200)]
    assert [again[item] for item in reversed(range(200))] == items[::-1]
    reverse = sum(window.strand is Strand.REVERSE for window in items)
    assert 60 < reverse < 140
    assert {window.strand for window in map(stream(reads, reverse_fraction=0.0).__getitem__, range(50))} == {
        Strand.FORWARD
    }


def test_only_chosen_reads_are_drawn(reads):
    drawn = stream(reads, [1, 3])
    assert {drawn[item].contig for item in range(100)} == {"1", "3"}
    with pytest.raises(InputError, match="leaves no reads to train on"):
        stream(reads, [])


@pytest.mark.parametrize(
    ("held_out", "kept"),
    [
        ([], [0, 1, 2, 3, 4]),
        ([Interval("chr1", 0, 20)], [1, 2, 3, 4]),
        ([Interval("chr1", 29, 30)], [2, 3, 4]),
        ([Interval("chr1", 58, 100)], [0, 1, 2, 3, 4]),
        ([Interval("chr1", 57, 58), Interval("chr2", 0, 11)], [0, 2, 3]),
        ([Interval("chr1", 206, 300)], [0, 1, 2, 4]),
    ],
    ids=["none", "first", "shared base", "between", "last bases", "end"],
)
def test_reads_with_a_held_out_base_are_left_out(reads, held_out, kept):
    sides = divide_reads(reads, held_out, 0.3)
    assert [*sides.train, *sides.validation] == kept


@pytest.mark.parametrize(("fraction", "num_train"), [(0.1, 4), (0.33, 3), (0.5, 2), (0.8, 1)])
def test_last_reads_with_their_share_of_the_bases_validate(reads, fraction, num_train):
    sides = divide_reads(reads, [], fraction)
    assert sides.train.tolist() == list(range(num_train))
    assert sides.validation.tolist() == list(range(num_train, 5))


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_division_that_leaves_nothing_is_refused(reads, fraction):
    with pytest.raises(InputError, match=r"5 reads of .* leave nothing to train on"):
        divide_reads(reads, [], fraction)


def test_validation_reads_are_whole_and_spread(reads):
    chosen = np.arange(5)
    assert spread_reads(reads, chosen, 10**6) == [
        Interval(str(number), 0, len(bases_of(alignment))) for number, alignment in enumerate(ALIGNMENTS)
    ]
    assert [window.contig for window in spread_reads(reads, chosen, 75)] == ["0", "2"]
    assert len(spread_reads(reads, chosen, 0)) == 1
