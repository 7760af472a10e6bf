"""Sketches: k-mers as the definition has them, the same on both strands, sampled by themselves alone."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.tokenizers.nucleotide import MASK, NucleotideTokenizer
from hyenadna_kit.windows import sketch
from hyenadna_kit.windows.sketch import Sampling, SketchConfig, canonical_kmers, sample_kmers
from tests.oracles.kmers import canonical, kmer_sets, text

ENCODE = NucleotideTokenizer().encode
CODES = {base: code for code, base in enumerate("ACGT")}
BASES = st.text("ACGT", min_size=8, max_size=80)
BASES_AND_N = st.text("ACGTN", min_size=8, max_size=80)


def number(kmer):
    """Return the k-mer as a number of base 4."""
    return int("".join(str(CODES[base]) for base in kmer), 4)


def sampled_sets(windows, sampling):
    """Return the hashes of each window that were sampled."""
    sets = [set() for _ in windows]
    for kmers in sample_kmers(windows, np.arange(len(windows)), sampling):
        for value, window in zip(kmers.hashes.tolist(), kmers.windows.tolist(), strict=True):
            sets[window].add(value)
    return sets


def random_windows(count, length, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(7, 11, length).astype(np.uint8) for _ in range(count)]


@given(sequence=BASES_AND_N, k=st.sampled_from([3, 8, 11, 31]))
def test_kmers_are_those_of_the_definition(sequence, k):
    tokens = ENCODE(sequence)
    if len(sequence) < k:
        return
    kmers, usable = canonical_kmers(tokens, k)
    expected = [sequence[i : i + k] for i in range(len(sequence) - k + 1)]
    assert usable.tolist() == ["N" not in kmer for kmer in expected]
    assert kmers[usable].tolist() == [number(canonical(kmer)) for kmer in expected if "N" not in kmer]


def test_worked_example():
    kmers, usable = canonical_kmers(ENCODE("ACGA"), 3)
    assert kmers.tolist() == [number("ACG"), number("CGA")]
    assert usable.all()


def test_special_tokens_are_no_bases():
    tokens = ENCODE("ACGTACGTACGT").copy()
    tokens[5] = MASK
    assert canonical_kmers(tokens, 3)[1].tolist() == [True] * 3 + [False] * 3 + [True] * 4


@given(sequence=BASES, fraction=st.floats(0.05, 1.0))
def test_both_strands_have_the_same_sketch(sequence, fraction):
    forward = ENCODE(sequence)
    reverse = (17 - forward[::-1]).astype(np.uint8)  # A is 7 and T 10, C 8 and G 9
    one, other = sampled_sets([forward, reverse], Sampling(8, fraction))
    assert one == other


@pytest.mark.parametrize("chunk_bases", [1, 50, 1000])
def test_kmers_never_reach_from_one_window_into_the_next(monkeypatch, chunk_bases):
    monkeypatch.setattr(sketch, "_CHUNK_BASES", chunk_bases)
    rng = np.random.default_rng(1)
    windows = [rng.integers(7, 12, length).astype(np.uint8) for length in (9, 40, 8, 13, 100, 8, 8)]
    counts = [len(kmers) for kmers in kmer_sets(windows, 8)]
    assert [len(values) for values in sampled_sets(windows, Sampling(8, 1.0))] == counts


def test_only_the_windows_asked_for_are_sketched():
    windows = random_windows(5, 30)
    (kmers,) = sample_kmers(windows, np.array([1, 3]), Sampling(8, 1.0))
    assert set(kmers.windows.tolist()) == {1, 3}
    assert kmers.windows.tolist() == sorted(kmers.windows.tolist())


def test_hashes_tell_kmers_apart():
    windows = random_windows(1, 20_000)
    kmers, _ = canonical_kmers(windows[0], 31)
    assert len(sampled_sets(windows, Sampling(31, 1.0))[0]) == len(set(kmers.tolist()))


@pytest.mark.parametrize("fraction", [0.02, 0.25, 0.9])
@pytest.mark.parametrize("k", [11, 16])
def test_sample_has_the_size_asked_for_and_nests(fraction, k):
    windows = random_windows(1, 200_000)
    (everything,), (sample,) = (sampled_sets(windows, Sampling(k, f)) for f in (1.0, fraction))
    deviation = math.sqrt(fraction * (1 - fraction) * len(everything))
    assert len(sample) == pytest.approx(fraction * len(everything), abs=5 * deviation)
    assert sample < everything


def test_whether_a_kmer_is_sampled_depends_on_it_alone():
    rng = np.random.default_rng(2)
    core = rng.integers(7, 11, 400).astype(np.uint8)
    flanked = [np.concatenate([window, core, window]) for window in random_windows(2, 50, seed=3)]
    alone, one, other = sampled_sets([core, *flanked], Sampling(12, 0.3))
    assert alone
    assert alone <= one & other


@pytest.mark.parametrize(
    ("num_windows", "length", "k"),
    [
        (20, 500, 11),
        (12_148, 1000, 11),  # yeast
        (24_296, 1000, 12),  # the same, every base twice
        (30_000, 2000, 12),
        (92, 131_072, 14),  # yeast in long windows
        (1_550_000, 2000, 15),  # human
        (3000, 1_000_000, 16),  # human in the longest
        (1_000_000, 40, 17),  # short windows, of which 4 k-mers in a row are soon the same
    ],
)
def test_k_grows_with_the_bases_and_with_the_window(num_windows, length, k):
    lengths = np.full(num_windows, length)
    assert Sampling.for_lengths(lengths, SketchConfig()).k == k

    # The promise of the docstring, from the number of canonical k-mers.
    def keeps_promise(k):
        num_kmers = 4**k / 2
        places = num_windows * length / num_kmers
        stretch = max(4, 0.1 * (length - k + 1)) - 1
        return places <= 8 and length / num_kmers <= 1 / 1000 and places * length * 4**-stretch <= 0.01

    assert keeps_promise(k)
    assert k == 11 or not keeps_promise(k - 1)


@pytest.mark.parametrize(
    ("lengths", "options", "expected"),
    [
        ([266], {}, (11, 1.0)),
        ([1000, 522, 800], {}, (11, 0.5)),
        ([522], {"sketch_size": 64}, (11, 0.125)),
        ([522], {"k": 21, "sketch_size": 251}, (21, 0.5)),
    ],
    ids=["all", "by the shortest", "smaller sketch", "k given"],
)
def test_sampled_fraction_fills_the_sketch_of_the_shortest_window(lengths, options, expected):
    assert Sampling.for_lengths(np.array(lengths), SketchConfig(**options)) == expected


def test_window_shorter_than_k_is_named():
    with pytest.raises(
        InputError, match=r"^window 2 has 10 bp, and windows are compared by k-mers of 11 bp;"
    ):
        Sampling.for_lengths(np.array([500, 10, 400]), SketchConfig())
    assert Sampling.for_lengths(np.array([500, 11]), SketchConfig()).k == 11


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_containment": 0.0}, "min_containment must be above 0 and at most 1, got 0"),
        ({"min_containment": 1.5}, "min_containment must be above 0 and at most 1, got 1.5"),
        ({"min_containment": math.nan}, "min_containment must be above 0 and at most 1, got nan"),
        ({"sketch_size": 0}, "sketch_size must be at least 1, got 0"),
        ({"max_windows": 1}, "max_windows must be at least 2, got 1"),
        ({"k": 7}, r"k must lie in 8\.\.31, got 7"),
        ({"k": 32}, r"k must lie in 8\.\.31, got 32"),
    ],
)
def test_impossible_sketch_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        SketchConfig(**options)


def test_progress_counts_windows(monkeypatch):
    monkeypatch.setattr(sketch, "_CHUNK_BASES", 60)
    told = []
    windows = random_windows(5, 30)
    list(
        sample_kmers(
            windows,
            np.arange(5),
            Sampling(8, 1.0),
            on_progress=lambda done, total: told.append((done, total)),
        )
    )
    assert told == [(2, 5), (4, 5), (5, 5)]


def test_oracle_reads_tokens_as_letters():
    assert text(ENCODE("ACGTN")) == "ACGTN"
