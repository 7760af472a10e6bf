"""Sides that do not leak: overlapping and similar windows together, and classes spread evenly."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.tasks.examples import Example
from hyenadna_kit.tasks.sides import assign_sides, fill_evenly
from tests.tasks.made import COMPLEMENTS, interval, random_bases, text_genome

FRACTIONS = {"train": 0.6, "validation": 0.2, "test": 0.2}
LENGTH = 500


def mutated(seed, bases, identity):
    """Return the bases with substitutions, so that about ``identity`` of them stay."""
    rng = np.random.default_rng(seed)
    others = {base: [other for other in "ACGT" if other != base] for base in "ACGT"}
    return "".join(base if rng.random() < identity else rng.choice(others[base]) for base in bases)


def reverse_complement(bases):
    return "".join(COMPLEMENTS[base] for base in reversed(bases))


def planted():
    """Return contigs with pairs of like windows, and the pairs."""
    contigs, pairs = {}, []
    for number in range(60):
        one = random_bases(1000 + number, LENGTH)
        shifted = one[150:] + random_bases(3000 + number, 150)
        other = [one, reverse_complement(one), shifted, mutated(number, one, 0.9)][number % 4]
        contigs |= {f"one{number}": one, f"other{number}": other}
        pairs.append((f"one{number}", f"other{number}"))
    return contigs, pairs


@pytest.mark.parametrize("seed", range(3))
def test_planted_copies_are_on_one_side(seed):
    contigs, pairs = planted()
    examples = [Example(interval(contig, 0, LENGTH), "ab"[n % 2]) for n, contig in enumerate(contigs)]
    sides = assign_sides(text_genome(contigs), examples, FRACTIONS, seed=seed)
    side = dict(zip(contigs, sides.of_example, strict=True))
    assert all(side[one] == side[other] for one, other in pairs)
    assert set(side.values()) == set(FRACTIONS)
    assert sides.similarity.num_similar == sides.similarity.num_equal == 0
    assert sum(sides.similarity.counts) == sides.of_example.count("test")


@settings(deadline=None)
@given(st.lists(st.integers(0, 60), min_size=6, max_size=20), st.integers(0, 9))
def test_windows_that_share_a_base_are_on_one_side(places, seed):
    contigs = {name: random_bases(n, 61 * 40 + 300) for n, name in enumerate("ab")}
    examples = [
        Example(interval("ab"[n % 2], 40 * place, 40 * place + 70 * (1 + n % 4), "+-"[n % 3 % 2]), "x")
        for n, place in enumerate(places)
    ]
    try:
        sides = assign_sides(text_genome(contigs), examples, FRACTIONS, seed=seed).of_example
    except InputError:
        assume(False)
    together = list(zip(examples, sides, strict=True))
    for (one, side), (other, other_side) in combinations(together, 2):
        assert side == other_side or not one.window.overlaps(other.window)


def test_small_overlap_joins_where_similarity_does_not():
    # Five shared bases of 500 are no similarity, but they are the same bases.
    contigs = {"a": random_bases(7, 30 * 495 + 5), **{f"b{n}": random_bases(n, LENGTH) for n in range(40)}}
    chain = [Example(interval("a", 495 * n, 495 * n + LENGTH), "x") for n in range(30)]
    alone = [Example(interval(f"b{n}", 0, LENGTH), "x") for n in range(40)]
    sides = assign_sides(text_genome(contigs), alone + chain, FRACTIONS, seed=0).of_example
    assert len(set(sides[40:])) == 1


def test_no_test_side_has_no_similarity():
    contigs = {f"b{n}": random_bases(n, LENGTH) for n in range(10)}
    examples = [Example(interval(name, 0, LENGTH), "x") for name in contigs]
    sides = assign_sides(text_genome(contigs), examples, {"train": 0.8, "validation": 0.2}, seed=0)
    assert sides.similarity is None
    assert Counter(sides.of_example) == {"train": 8, "validation": 2}


@settings(deadline=None)
@given(st.lists(st.integers(1, 6), min_size=12, max_size=40), st.integers(0, 9), st.data())
def test_groups_stay_whole_and_sides_get_their_part_of_every_class(sizes, seed, data):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    labels = [data.draw(st.sampled_from("ab")) for _ in groups]
    assume(2 * max(sizes) <= groups.size)
    sides = fill_evenly(groups, labels, FRACTIONS, seed=seed)
    assert len(set(zip(groups.tolist(), sides, strict=True))) == len(sizes)
    for side, fraction in FRACTIONS.items():
        assert abs(sides.count(side) - fraction * groups.size) <= max(sizes)


@pytest.mark.parametrize("seed", range(5))
def test_classes_of_single_windows_are_divided_exactly(seed):
    labels = ["a"] * 50 + ["b"] * 100
    sides = fill_evenly(np.arange(150), labels, FRACTIONS, seed=seed)
    assert Counter(zip(labels, sides, strict=True)) == {
        ("a", "train"): 30,
        ("a", "validation"): 10,
        ("a", "test"): 10,
        ("b", "train"): 60,
        ("b", "validation"): 20,
        ("b", "test"): 20,
    }


def test_classes_stay_even_where_one_comes_in_groups():
    # 40 groups of five of one class, and 200 single windows of the other.
    groups = np.concatenate([np.repeat(np.arange(40), 5), np.arange(40, 240)])
    labels = ["a"] * 200 + ["b"] * 200
    counts = Counter(zip(labels, fill_evenly(groups, labels, FRACTIONS, seed=0), strict=True))
    for side, fraction in FRACTIONS.items():
        assert counts["a", side] == counts["b", side] == 200 * fraction


def test_large_groups_are_not_all_for_training():
    groups = np.concatenate([np.repeat(np.arange(20), 5), np.arange(20, 120)])
    sides = fill_evenly(groups, ["a"] * 200, FRACTIONS, seed=0)
    of_group = {
        side: len({g for g, s in zip(groups[:100].tolist(), sides[:100], strict=True) if s == side})
        for side in FRACTIONS
    }
    assert of_group == {"train": 12, "validation": 4, "test": 4}


def test_seed_decides():
    found = {tuple(fill_evenly(np.arange(20), ["a"] * 20, FRACTIONS, seed=seed)) for seed in range(5)}
    assert len(found) == 5
    assert tuple(fill_evenly(np.arange(20), ["a"] * 20, FRACTIONS, seed=3)) in found


def test_more_than_half_in_one_group_is_an_error():
    with pytest.raises(InputError, match="6 of 10 windows are connected by overlap or similarity, more than"):
        fill_evenly(np.array([0] * 6 + [6, 7, 8, 9]), ["a"] * 10, FRACTIONS, seed=0)
    assert fill_evenly(np.array([0] * 5 + [5, 6, 7, 8, 9]), ["a"] * 10, FRACTIONS, seed=0)


def test_empty_side_is_an_error():
    with pytest.raises(InputError, match=r"side (validation|test) has no window"):
        fill_evenly(np.array([0, 1]), ["a", "b"], FRACTIONS, seed=0)
