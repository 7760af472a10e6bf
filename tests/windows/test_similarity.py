"""Similar windows are found as by comparing all pairs, and land on one side."""

import csv
import gzip
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.genome import open_genome
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer
from hyenadna_kit.windows import similarity
from hyenadna_kit.windows.layout import tile
from hyenadna_kit.windows.similarity import (
    SimilarityIndex,
    connected_components,
    merge_groups,
    similarity_histogram,
    split_by_similarity,
)
from hyenadna_kit.windows.sketch import SketchConfig
from hyenadna_kit.windows.splits import GenomeWindows
from tests.oracles.copies import COPIES, random_bases, reverse, substituted
from tests.oracles.kmers import containments, groups

ENCODE = NucleotideTokenizer().encode
EVERY_KMER = 10**6
THIRDS = {"train": 0.5, "validation": 0.25, "test": 0.25}
USUAL = {"train": 0.8, "validation": 0.1, "test": 0.1}
YEAST = "genomes/yeast/Saccharomyces_cerevisiae.R64-1-1.dna.toplevel.fa.gz"


def windows_of_families(rng, num_families=12, max_copies=6):
    """Return windows of any lengths, related in every way, and some N."""
    windows = []
    for _ in range(num_families):
        ancestor = random_bases(rng, int(rng.integers(60, 300)))
        windows.append(ancestor)
        for _ in range(int(rng.integers(max_copies))):
            copy = substituted(ancestor, rng, rate=float(rng.uniform(0, 0.3)))
            first, last = int(rng.integers(20)), len(copy) - int(rng.integers(20))
            copy = random_bases(rng, int(rng.integers(200))) + copy[first:last]
            windows.append(reverse(copy, rng) if rng.random() < 0.5 else copy)
    windows += ["N" * 80, "N" * 80, "N" * 60 + ancestor[:60] + "N" * 3]
    return [ENCODE(windows[number]) for number in rng.permutation(len(windows))]


def grouped(numbers):
    """Return the sets of windows that have one number."""
    members = {}
    for window, number in enumerate(numbers.tolist()):
        members.setdefault(number, set()).add(window)
    return {frozenset(group) for group in members.values()}


@pytest.mark.parametrize("max_windows", [3, 100])
@pytest.mark.parametrize("k", [8, 11, 15])
@pytest.mark.parametrize("seed", range(3))
def test_groups_are_those_of_all_pairs_compared(seed, k, max_windows):
    windows = windows_of_families(np.random.default_rng(seed))
    found = containments(windows, k, max_windows)
    config = SketchConfig(k=k, sketch_size=EVERY_KMER, max_windows=max_windows)
    edges = [pair for pair, containment in found.items() if containment >= 0.1]
    assert edges
    assert grouped(SimilarityIndex(windows, config).groups) == groups(len(windows), edges)


@pytest.mark.parametrize("max_windows", [3, 100])
@pytest.mark.parametrize("seed", range(3))
def test_highest_containment_is_that_of_all_pairs_compared(seed, max_windows):
    rng = np.random.default_rng(seed)
    windows = windows_of_families(rng)
    windows += [windows[3].copy(), windows[4].copy()]
    found = containments(windows, 11, max_windows)
    index = SimilarityIndex(windows, SketchConfig(k=11, sketch_size=EVERY_KMER, max_windows=max_windows))
    is_query, is_reference = (rng.random((2, len(windows))) < 0.5) & [[True], [True]]
    is_query &= ~is_reference
    expected = [
        max((found[tuple(sorted((one, other)))] for other in np.flatnonzero(is_reference)), default=0.0)
        for one in np.flatnonzero(is_query)
    ]
    assert index.highest_containment(is_query, is_reference).tolist() == pytest.approx(expected)
    assert max(expected) > 0


@pytest.mark.parametrize("at_a_time", [1, 7, 300])
def test_groups_do_not_depend_on_how_many_pairs_are_held(monkeypatch, at_a_time):
    windows = windows_of_families(np.random.default_rng(0))
    whole = SimilarityIndex(windows).groups
    monkeypatch.setattr(similarity, "_SHARED_AT_A_TIME", at_a_time)
    assert SimilarityIndex(windows).groups.tolist() == whole.tolist()


@given(
    num_nodes=st.integers(1, 30),
    edges=st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=40),
)
def test_components_are_those_of_a_walk(num_nodes, edges):
    edges = [(one % num_nodes, other % num_nodes) for one, other in edges]
    ends = np.array(edges, dtype=np.int64).reshape(-1, 2)
    found = connected_components(num_nodes, ends[:, 0], ends[:, 1])
    assert grouped(found) == groups(num_nodes, edges)
    assert all(number <= node for node, number in enumerate(found.tolist()))


@pytest.mark.parametrize("order", ["up", "down", "random"])
def test_long_chain_is_one_component(order):
    nodes = {"up": np.arange(5000), "down": np.arange(5000)[::-1]}
    chain = nodes.get(order, np.random.default_rng(0).permutation(5000))
    assert set(connected_components(5000, chain[:-1], chain[1:]).tolist()) == {0}


@given(
    numbers=st.lists(st.integers(0, 9), min_size=1, max_size=20),
    edges=st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=6),
)
def test_merged_groups_hold_groups_and_edges(numbers, edges):
    first = np.array([numbers.index(number) for number in numbers])
    edges = [(one % len(numbers), other % len(numbers)) for one, other in edges]
    ends = np.array(edges, dtype=np.int64).reshape(-1, 2)
    merged = merge_groups(first, ends[:, 0], ends[:, 1])
    assert grouped(merged) == groups(len(numbers), [*enumerate(first.tolist()), *edges])


def planted(originals, make_copy, number):
    """Return ``originals`` with copies of ``number`` of them, and the numbers of each pair."""
    rng = np.random.default_rng(1)
    chosen = rng.choice(len(originals), number, replace=False).tolist()
    copies = [ENCODE(make_copy(originals[window], rng)) for window in chosen]
    windows = [*map(ENCODE, originals), *copies]
    return windows, list(zip(chosen, range(len(originals), len(windows)), strict=True))


def share_together(windows, pairs):
    sides = split_by_similarity(windows, USUAL, seed=3)
    assert set(sides) == set(USUAL)
    return np.mean([sides[one] == sides[other] for one, other in pairs])


@pytest.mark.parametrize("kind", COPIES)
@pytest.mark.parametrize("length", [500, 1000, 2000])
def test_planted_copies_of_a_random_genome_land_on_one_side(kind, length):
    rng = np.random.default_rng(length)
    originals = [random_bases(rng, length) for _ in range(400)]
    windows, pairs = planted(originals, COPIES[kind], 200)
    assert share_together(windows, pairs) >= 0.99


@pytest.mark.real_data
@pytest.mark.parametrize("kind", COPIES)
@pytest.mark.parametrize("length", [500, 1000])
def test_planted_copies_of_yeast_land_on_one_side(data, kind, length):
    genome = open_genome(data / YEAST)
    contig = Interval("VII", 0, genome.contigs["VII"])
    originals = [genome.fetch(window) for window in tile(contig, length, partial="drop")]
    windows, pairs = planted(originals, COPIES[kind], 200)
    assert share_together(windows, pairs) >= 0.99


@pytest.mark.parametrize(
    ("length", "allowed"), [(16, 0.02), (40, 0.02), (100, 0.02), (500, 0), (4000, 0)], ids=str
)
def test_windows_of_a_random_genome_are_not_similar(length, allowed):
    rng = np.random.default_rng(length)
    windows = [rng.integers(7, 11, length).astype(np.uint8) for _ in range(1_000_000 // length)]
    index = SimilarityIndex(windows)
    sizes = np.bincount(index.groups)
    assert sizes[sizes > 1].sum() <= allowed * len(windows)
    is_test = np.arange(len(windows)) % 2 == 0
    assert np.mean(index.highest_containment(is_test, ~is_test) >= 0.1) <= allowed


@pytest.mark.parametrize(("num_copies", "together"), [(20, True), (21, False)])
def test_what_too_many_windows_share_is_ignored(num_copies, together):
    rng = np.random.default_rng(4)
    repeat = random_bases(rng, 300)
    carriers = [random_bases(rng, 350) + repeat + random_bases(rng, 350) for _ in range(num_copies)]
    others = [random_bases(rng, 1000) for _ in range(50)]
    index = SimilarityIndex([ENCODE(bases) for bases in carriers + others], SketchConfig(max_windows=20))
    largest = np.bincount(index.groups).max()
    assert largest == (num_copies if together else 1)


def test_equal_windows_are_together_however_many_there_are():
    rng = np.random.default_rng(5)
    bases = random_bases(rng, 300)
    windows = [bases, reverse(bases, rng)] * 30 + [random_bases(rng, 300) for _ in range(70)]
    index = SimilarityIndex([ENCODE(bases) for bases in windows], SketchConfig(max_windows=5))
    assert np.bincount(index.groups).tolist()[0] == 60
    is_test = np.arange(130) % 2 == 0
    highest = index.highest_containment(is_test, ~is_test)
    assert highest.tolist() == [1.0] * 30 + [0.0] * 35


def test_window_that_is_mostly_repeat_is_judged_as_if_half_were_not():
    rng = np.random.default_rng(6)
    repeat = random_bases(rng, 900)
    # 30 of the 100 bases that are no repeat are shared: a third of them, and below a tenth of 500.
    shared = random_bases(rng, 30)
    carriers = [repeat + random_bases(rng, 100) for _ in range(10)]
    pair = [repeat + shared + random_bases(rng, 70) for _ in range(2)]
    windows = [ENCODE(bases) for bases in carriers + pair]
    index = SimilarityIndex(windows, SketchConfig(k=11, max_windows=5, sketch_size=EVERY_KMER))
    assert np.bincount(index.groups).max() == 1


def test_runs_of_n_are_not_similar_and_are_counted():
    windows = [ENCODE("N" * 100)] * 10 + [ENCODE(random_bases(np.random.default_rng(7), 100))] * 2
    index = SimilarityIndex(windows)
    assert Counter(np.bincount(index.groups).tolist())[1] == 10
    sides = ["train", "test"] * 6
    histogram = index.histogram(sides)
    assert histogram.num_without_kmers == 5
    assert histogram.num_similar == histogram.num_equal == 1
    assert histogram.counts == (5, *[0] * 18, 1)


def test_part_of_a_longer_window_is_similar_to_it():
    rng = np.random.default_rng(8)
    whole = random_bases(rng, 3000)
    windows = [whole, whole[1200:1320], reverse(whole[100:160], rng)]
    windows += [random_bases(rng, 200) for _ in range(7)]
    sides = split_by_similarity([ENCODE(bases) for bases in windows], THIRDS, seed=0)
    assert len(set(sides[:3])) == 1


@pytest.mark.parametrize(("length", "together"), [(12, True), (13, False), (15, False)])
def test_few_shared_kmers_count_only_where_there_are_no_more(length, together):
    # The 12 bases that are shared are two k-mers: all of the shorter window, or 2 of its 3 or 5.
    rng = np.random.default_rng(14)
    shared, flank = random_bases(rng, 12), random_bases(rng, 40)
    windows = [shared + "A" * (length - 12), flank + shared + "C" + flank]
    index = SimilarityIndex([ENCODE(bases) for bases in windows], SketchConfig(k=11))
    assert (index.groups[0] == index.groups[1]) == together


def test_histogram_is_of_the_test_windows_against_those_of_training():
    rng = np.random.default_rng(9)
    bases = [random_bases(rng, 400) for _ in range(6)]
    bases += [bases[0][:100] + random_bases(rng, 300), bases[1], reverse(bases[2], rng), bases[3]]
    sides = ["train", "train", "validation", *["train"] * 3, "test", "test", "test", "validation"]
    windows = [ENCODE(each) for each in bases]
    histogram = similarity_histogram(windows, sides, sketch=SketchConfig(k=11, sketch_size=EVERY_KMER))
    # A quarter shared: (100 - 10) of 390 k-mers; equal; and equal to a validation window alone.
    expected = np.zeros(20, dtype=int)
    expected[[4, 19, 0]] = 1
    assert histogram.counts == tuple(expected.tolist())
    assert histogram.edges == tuple(round(0.05 * i, 6) for i in range(21))
    assert (histogram.num_similar, histogram.num_equal, histogram.num_without_kmers) == (2, 1, 0)


def test_no_test_window_is_similar_to_training_after_the_split():
    windows = windows_of_families(np.random.default_rng(10), num_families=40)
    sides = split_by_similarity(windows, THIRDS, seed=1)
    assert similarity_histogram(windows, sides).num_similar == 0
    assert similarity_histogram(
        windows, ["train", "test"] * (len(windows) // 2) + ["test"] * (len(windows) % 2)
    ).num_similar


def test_same_seed_gives_the_same_split_and_another_seed_another():
    windows = windows_of_families(np.random.default_rng(11), num_families=30)
    first = split_by_similarity(windows, THIRDS, seed=1)
    assert split_by_similarity(windows, THIRDS, seed=1) == first
    assert split_by_similarity(windows, THIRDS, seed=2) != first


def test_lazy_windows_give_the_same_split(tmp_path):
    rng = np.random.default_rng(12)
    (tmp_path / "g.fa").write_text(f">c\n{random_bases(rng, 20_000)}\n")
    genome = open_genome(tmp_path / "g.fa")
    intervals = [
        window if i % 2 else window.reverse_complement()
        for i, window in enumerate(tile(Interval("c", 0, 20_000), 500))
    ]
    lazy = GenomeWindows(genome, intervals)
    assert split_by_similarity(lazy, THIRDS, seed=0) == split_by_similarity(list(lazy), THIRDS, seed=0)


def test_windows_that_overlap_all_along_cannot_be_split():
    bases = random_bases(np.random.default_rng(13), 5000)
    windows = [ENCODE(bases[start : start + 1000]) for start in range(0, 4001, 500)]
    with pytest.raises(
        InputError, match=r"^9 of 9 windows are connected by overlap or similarity, more than half"
    ):
        split_by_similarity(windows, THIRDS, seed=0)


@pytest.mark.parametrize(
    ("windows", "message"),
    [([], "^there are no windows to compare$"), ([ENCODE("ACGT" * 5), ENCODE("ACGT")], "^window 2 has 4 bp")],
    ids=["none", "short"],
)
def test_windows_that_cannot_be_compared_are_refused(windows, message):
    with pytest.raises(InputError, match=message):
        split_by_similarity(windows, THIRDS, seed=0)


@pytest.mark.real_data
def test_duplicates_of_a_published_benchmark_are_counted(data):
    sequences = {}
    for side in ("train", "test"):
        path = data / f"benchmarks/GUE/prom_core_tata/{side}.csv.gz"
        with gzip.open(path, "rt") as lines:
            sequences[side] = [row["sequence"] for row in csv.DictReader(lines)]
    windows = [ENCODE(bases) for of_side in sequences.values() for bases in of_side]
    sides = [side for side, of_side in sequences.items() for _ in of_side]
    histogram = similarity_histogram(windows, sides)
    assert sum(histogram.counts) == 613
    assert histogram.num_equal == 16
    assert histogram.num_similar >= 16
