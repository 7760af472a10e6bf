"""The context-mixing anchor is an honest predictor, and finds what it is there to find."""

import gzip

import numpy as np
import pytest
from Bio.SeqIO.FastaIO import SimpleFastaParser
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation import context_mixing
from hyenadna_kit.evaluation.context_counts import contexts_of, count_contexts
from hyenadna_kit.evaluation.context_mixing import (
    ContextMixing,
    context_mixing_bits_per_base,
    fit_context_mixing,
)
from hyenadna_kit.evaluation.markov import markov_bits_per_base
from hyenadna_kit.tokenizers.nucleotide import reverse_complement_tokens

A, T, N = 7, 10, 11
TOKENS = st.lists(st.integers(A, N), max_size=80).map(lambda ids: np.array(ids, dtype=np.uint8))


def random_tokens(seed, length):
    return np.random.default_rng(seed).integers(A, T + 1, length).astype(np.uint8)


def with_repeats(seed, length, repeat_length=400):
    """Return random bases in which some stretches stand a second time, on either strand."""
    tokens, generator = random_tokens(seed, length), np.random.default_rng(seed)
    for number in range(length // (4 * repeat_length)):
        start, place = generator.integers(0, length - repeat_length, 2)
        copy = tokens[start : start + repeat_length]
        tokens[place : place + repeat_length] = reverse_complement_tokens(copy) if number % 2 else copy
    return tokens


@pytest.fixture(scope="module")
def train():
    return with_repeats(1, 60_000)


@pytest.fixture(scope="module")
def mixing(train):
    return fit_context_mixing([train])


@given(test=TOKENS)
def test_probabilities_of_the_four_bases_sum_to_one_and_none_is_0(mixing, test):
    found = mixing.probabilities(contexts_of(test))
    assert found.shape == (test.size, 4)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-12)
    assert (found >= 1e-3 / 4).all()


@given(test=TOKENS, change=TOKENS, data=st.data())
def test_probabilities_depend_on_earlier_bases_alone(mixing, train, test, change, data):
    test = np.concatenate([train[100:140], test])
    position = data.draw(st.integers(0, test.size - 1))
    changed = np.concatenate([test[:position], change])
    before, after = (mixing.probabilities(contexts_of(each)) for each in (test, changed))
    same = min(position + 1, changed.size)  # the base at the position is not known to its own probability
    np.testing.assert_array_equal(before[:same], after[:same])


def test_repeat_and_inverted_repeat_are_found(mixing, train):
    repeat = train[20_000:20_300]
    for copy in (repeat, reverse_complement_tokens(repeat)):
        bits = mixing.bits([(np.concatenate([random_tokens(2, 100), copy, random_tokens(3, 300)]), 0)])
        # A dozen bases tell where one is; behind the end of the copy nothing is known again.
        assert bits[100 + 24 : 400].mean() < 0.2
        assert bits[:100].mean() > 1.9
        assert bits[100 + 350 :].mean() > 1.9


def test_words_are_learnt_as_a_markov_model_learns_them():
    generator = np.random.default_rng(4)
    odds = generator.dirichlet(np.full(4, 0.6), size=4**3)
    context, bases = 0, []
    for draw in generator.random(60_000):
        base = int(np.searchsorted(np.cumsum(odds[context]), draw))
        base = min(base, 3)
        context = (context * 4 + base) % 4**3
        bases.append(base + A)
    tokens = np.array(bases, dtype=np.uint8)
    train, test = [tokens[:50_000]], [(tokens[50_000 - 24 :], 24)]
    # Both count the other strand, too, which here is of another kind.
    best = min(markov_bits_per_base(train, test, (2, 4, 6)).values())
    assert context_mixing_bits_per_base(train, test) < best + 0.005


def test_mean_is_over_bases_and_not_over_n(mixing):
    test = np.concatenate([random_tokens(5, 50), np.full(30, N, np.uint8), random_tokens(6, 20)])
    bits = mixing.bits([(test, 10), (test, 75)])
    assert bits.size == 90 + 25
    assert np.isnan(bits).tolist() == [*[False] * 40, *[True] * 30, *[False] * 20, *[True] * 5, *[False] * 20]
    np.testing.assert_array_equal(bits[90:], bits[65:90])


def test_parts_of_the_positions_change_nothing(mixing, train, monkeypatch):
    contexts = contexts_of(train[:1000])
    whole = mixing.probabilities(contexts)
    monkeypatch.setattr(context_mixing, "_POSITIONS_AT_A_TIME", 7)
    np.testing.assert_allclose(mixing.probabilities(contexts), whole, rtol=1e-12)


def test_weights_are_where_the_bases_are_most_likely(train, mixing):
    blocks, rest = context_mixing._hold_away([train], train.size)
    bases, counted, contexts = context_mixing._questions(blocks)
    experts = context_mixing._ask(count_contexts(rest), contexts)
    likelihood = context_mixing._PenalisedLikelihood(experts, bases[counted])
    least, generator = likelihood.nats(mixing.weights), np.random.default_rng(7)
    for size in (1e-4, 1e-2, 1.0):
        elsewhere = mixing.weights + generator.normal(0, size, mixing.weights.shape)
        assert likelihood.nats(elsewhere) > least


@given(lengths=st.lists(st.integers(0, 3000), max_size=5))
def test_every_base_is_either_counted_or_fitted_on(lengths):
    draw, total = np.random.default_rng(1), sum(lengths)
    runs = [draw.integers(0, 256, length).astype(np.uint8) for length in lengths]
    blocks, rest = context_mixing._hold_away(runs, total)
    fitted = [base for tokens, first in blocks for base in tokens[first:].tolist()]
    counted = [base for run in rest for base in run.tolist()]
    assert sorted(fitted + counted) == sorted(base for run in runs for base in run.tolist())
    assert len(fitted) <= 0.05 * total + 32
    assert total < 2000 or len(fitted) > 0.02 * total


@pytest.mark.parametrize("lengths", [[], [0], [10], [24, 24], [100], [700, 30]])
def test_little_training_knows_little_and_fails_nowhere(lengths):
    mixing = fit_context_mixing([random_tokens(seed, length) for seed, length in enumerate(lengths)])
    bits = mixing.bits([(random_tokens(9, 500), 0)])
    assert np.isfinite(bits).all()
    assert bits.mean() < 2.6
    if sum(lengths) < 48:
        np.testing.assert_allclose(bits, 2.0, rtol=1e-12)


def test_training_that_is_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(context_mixing, "MAX_TRAIN_BASES", 99)
    with pytest.raises(InputError, match="context mixing counts 99 bases at most, got 100"):
        fit_context_mixing([random_tokens(1, 60), random_tokens(2, 40)])


@pytest.mark.parametrize("test", [[], [(np.full(3, N, np.uint8), 0)], [(random_tokens(1, 4), 4)]])
def test_a_test_without_bases_is_refused(test):
    with pytest.raises(InputError, match=rf"the {len(test)} test stretches score no A, C, G or T"):
        context_mixing_bits_per_base([random_tokens(1, 100)], test)


def test_mixing_is_a_value_of_its_counts_and_weights(mixing):
    again = ContextMixing(mixing.counts, mixing.weights)
    contexts = contexts_of(random_tokens(8, 100))
    np.testing.assert_array_equal(again.probabilities(contexts), mixing.probabilities(contexts))


@pytest.mark.slow
@pytest.mark.real_data
def test_bits_per_base_of_ecoli_are_those_of_a_published_kind_of_compressor(data):
    with gzip.open(data / "genomes/bacteria/ecoli_K12_MG1655.fna.gz", "rt") as handle:
        ((_, sequence),) = SimpleFastaParser(handle)
    genome = np.frombuffer(
        sequence.encode().translate(bytes.maketrans(b"ACGT", bytes(range(7, 11)))), np.uint8
    )
    cut = 4_177_486
    found = context_mixing_bits_per_base([genome[:cut]], [(genome[cut - 24 :], 24)])
    # GeCo3 -l 16, which goes on learning: 1.8823; the best Markov model: 1.9328.
    assert found == pytest.approx(1.887, abs=1e-3)
