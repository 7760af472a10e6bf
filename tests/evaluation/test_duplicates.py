"""Duplicates across sides: by comparing all pairs, planted ones, and those that are known of real tasks."""

import csv
import gzip

import numpy as np
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.duplicates import Duplicates, SharedRows
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer
from hyenadna_kit.windows.sketch import SketchConfig
from tests.oracles.copies import exactly_substituted, random_bases, reverse, shifted
from tests.oracles.kmers import canonical, containments, text

ENCODE = NucleotideTokenizer().encode


def encoded(sides):
    return {side: [ENCODE(bases) for bases in of_side] for side, of_side in sides.items()}


def made_sides(rng, sizes, length=120):
    """Return sides of random sequences, some of them copies of those before, in every way."""
    made, sides = [], {}
    copies = [
        lambda bases: bases,
        lambda bases: reverse(bases, rng),
        lambda bases: exactly_substituted(bases, rng, 0.04),
        lambda bases: reverse(exactly_substituted(bases, rng, 0.04), rng),
    ]
    for side, size in sizes.items():
        sides[side] = []
        for _ in range(size):
            bases = random_bases(rng, length)
            if made and rng.random() < 0.5:
                bases = copies[rng.integers(len(copies))](made[rng.integers(len(made))])
            made.append(bases)
            sides[side].append(bases)
    return sides


@pytest.mark.parametrize("seed", range(3))
def test_counts_are_those_of_all_pairs_compared(seed):
    sides = made_sides(np.random.default_rng(seed), {"train": 30, "validation": 10, "test": 15})
    tokens = encoded(sides)
    found = Duplicates(tokens, SketchConfig(min_containment=0.5, k=11, sketch_size=10**6)).pairs()
    flat = [(side, window) for side, of_side in tokens.items() for window in of_side]
    shared = containments([window for _, window in flat], 11, 100)
    names = [canonical(text(window)) for _, window in flat]

    def count(side, other, is_shared):
        ones = [number for number, (name, _) in enumerate(flat) if name == side]
        others = [number for number, (name, _) in enumerate(flat) if name == other]
        return sum(any(is_shared(one, another) for another in others) for one in ones)

    for pair in found:
        assert pair.num_rows == len(sides[pair.side])
        equal = count(pair.side, pair.other, lambda one, other: names[one] == names[other])
        similar = count(
            pair.side, pair.other, lambda one, other: shared[min(one, other), max(one, other)] >= 0.5
        )
        assert (pair.num_equal, pair.num_similar) == (equal, similar)
    assert [(pair.side, pair.other) for pair in found] == [
        ("validation", "train"),
        ("test", "train"),
        ("test", "validation"),
    ]
    assert any(pair.num_equal for pair in found)
    assert any(pair.num_similar > pair.num_equal for pair in found)


def test_rows_to_drop_are_the_planted_ones():
    rng = np.random.default_rng(0)
    train = [random_bases(rng, 200) for _ in range(50)]
    validation = [random_bases(rng, 200)]
    test = [random_bases(rng, 200) for _ in range(8)]
    test[1], test[2] = train[3], reverse(train[4], rng)
    test[4], test[5] = exactly_substituted(train[5], rng, 0.03), validation[0]
    found = Duplicates(encoded({"train": train, "validation": validation, "test": test}))
    assert found.rows_to_drop("test", "equal").tolist() == [1, 2, 5]
    assert found.rows_to_drop("test", "similar").tolist() == [1, 2, 4, 5]
    assert found.held_by("test", ["train"], "equal").tolist() == [False, True, True, *[False] * 5]
    kept = [bases for row, bases in enumerate(test) if row not in found.rows_to_drop("test", "similar")]
    cleaned = Duplicates(encoded({"train": train, "validation": validation, "test": kept}))
    assert cleaned.rows_to_drop("test", "similar").size == 0


@pytest.mark.parametrize(("min_containment", "is_found"), [(0.3, True), (0.7, False)])
def test_what_counts_as_similar_is_told(min_containment, is_found):
    rng = np.random.default_rng(1)
    train = [random_bases(rng, 400) for _ in range(20)]
    sides = encoded({"train": train, "test": [shifted(train[0], rng)]})
    found = Duplicates(sides, SketchConfig(min_containment=min_containment)).pairs()
    assert found == [SharedRows("test", "train", 1, 0, int(is_found), 0)]


def test_short_sequences_are_compared_whole():
    sides = {"train": ["ACGTT", "A" * 60 + "CGT" * 20], "test": ["AACGT", "ACGTA", "ACGTT"]}
    found = Duplicates(encoded(sides))
    assert found.pairs() == [SharedRows("test", "train", 3, 2, 2, 3)]
    assert found.rows_to_drop("test", "similar").tolist() == [0, 2]
    assert Duplicates(encoded({"train": ["ACG"], "test": ["CGT"]})).pairs()[0].num_similar == 1


def test_repeats_within_a_side_are_counted_apart():
    rng = np.random.default_rng(2)
    bases = random_bases(rng, 100)
    sides = {"train": [bases, random_bases(rng, 100), reverse(bases, rng), bases], "test": ["N" * 80] * 2}
    found = Duplicates(encoded(sides))
    # Two runs of N are not copies of each other.
    assert (found.num_repeated("train"), found.num_repeated("test")) == (2, 0)
    assert found.rows_to_drop("test", "similar").size == 0


def test_empty_side_shares_nothing():
    found = Duplicates(encoded({"train": ["ACGT" * 20], "validation": [], "test": ["ACGT" * 20]}))
    assert [pair.num_equal for pair in found.pairs()] == [0, 1, 0]


def test_side_that_is_none_is_named():
    found = Duplicates(encoded({"train": ["ACGT" * 20], "test": ["ACGA" * 20]}))
    with pytest.raises(InputError, match="side 'dev' is not in the table; it has train, test"):
        found.rows_to_drop("dev", "equal")


def test_table_without_sequences_is_refused():
    with pytest.raises(InputError, match="no windows to compare"):
        Duplicates({"train": [], "test": []})


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("task", "expected"),
    [("prom_core_tata", 16), ("prom_core_all", 43), ("prom_core_notata", 30), ("tf/1", 2)],
)
def test_equal_rows_of_real_tasks_are_those_that_are_known(data, task, expected):
    sides = {}
    for side in ("train", "dev", "test"):
        with gzip.open(data / "benchmarks/GUE" / task / f"{side}.csv.gz", "rt") as handle:
            sides[side] = [ENCODE(row["sequence"]) for row in csv.DictReader(handle)]
    found = Duplicates(sides)
    shared = {(pair.side, pair.other): pair for pair in found.pairs()}["test", "train"]
    assert shared.num_equal == expected
    assert shared.num_similar > expected
