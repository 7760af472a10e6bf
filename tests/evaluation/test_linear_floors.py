"""Floors: what each can see and what it cannot, and the figures that are known of real tasks."""

import csv
import gzip

import numpy as np
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.linear_features import kmer_counts, position_kmers
from hyenadna_kit.evaluation.linear_floors import (
    MAX_POSITIONS,
    LabelledSequences,
    fit_floor,
    kmer_penalty,
    most_features,
)
from hyenadna_kit.evaluation.linear_model import LabelledRows, Penalty, fit_linear
from hyenadna_kit.evaluation.metrics import evaluate_predictions
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer

ENCODE = NucleotideTokenizer().encode
MOTIF = ENCODE("TATAAA")


def sequences_with_motif(num_rows, *, place, seed=0):
    """Return random sequences; those of class 1 have a motif where ``place(generator)`` says."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, num_rows)
    sequences = [rng.integers(7, 11, 60).astype(np.uint8) for _ in range(num_rows)]
    for sequence, label in zip(sequences, labels.tolist(), strict=True):
        start = place(rng)
        shuffled = MOTIF if label else rng.permutation(MOTIF)
        sequence[start : start + 6] = shuffled
    return LabelledSequences(sequences, labels)


def anywhere(rng):
    return int(rng.integers(0, 54))


def at_twenty(rng):
    return 20


def mcc(name, train, validation, test):
    floor = fit_floor(name, "binary", train, validation=validation)
    return evaluate_predictions("binary", test.labels, floor.predict(test.sequences))["mcc"]


@pytest.mark.parametrize(
    ("name", "place", "least", "most"),
    [
        ("kmer", anywhere, 0.7, 1),
        ("kmer", at_twenty, 0.7, 1),
        ("position", at_twenty, 0.9, 1),
        ("position", anywhere, -1, 0.3),
    ],
)
def test_kmers_are_seen_anywhere_and_positions_where_they_are(name, place, least, most):
    sides = [sequences_with_motif(size, place=place, seed=seed) for seed, size in enumerate((1500, 300, 600))]
    assert least <= mcc(name, *sides) <= most


@pytest.mark.parametrize("name", ["kmer", "position"])
def test_labels_that_say_nothing_are_at_chance(name):
    rng = np.random.default_rng(0)
    sides = [
        LabelledSequences(
            sequences_with_motif(size, place=at_twenty, seed=seed).sequences, rng.integers(0, 2, size)
        )
        for seed, size in enumerate((800, 300, 1000))
    ]
    # Of 1,000 rows without a relation the MCC has a standard deviation of 0.03.
    assert abs(mcc(name, *sides)) < 0.1


@pytest.mark.parametrize("name", ["kmer", "position"])
def test_sequences_may_be_of_any_lengths_even_none(name):
    train = sequences_with_motif(100, place=at_twenty)
    lengths = np.random.default_rng(1).integers(0, 60, 100).tolist()
    cut = [sequence[:length] for sequence, length in zip(train.sequences, lengths, strict=True)]
    floor = fit_floor(name, "binary", LabelledSequences(cut, train.labels))
    longer = np.concatenate([train.sequences[0], train.sequences[1]])
    found = floor.predict([longer, longer[:1], longer[:0]])
    assert found.shape == (3, 1)
    assert ((found >= 0) & (found <= 1)).all()


@pytest.mark.parametrize("name", ["kmer", "position"])
def test_values_and_several_columns_are_predicted(name):
    train = sequences_with_motif(600, place=at_twenty)
    labels = np.stack([3.0 * train.labels + 7, -train.labels.astype(float)], axis=1)
    floor = fit_floor(name, "regression", LabelledSequences(train.sequences, labels), validation=None)
    test = sequences_with_motif(300, place=at_twenty, seed=1)
    found = floor.predict(test.sequences)
    assert found.shape == (300, 2)
    assert found[:, 0].mean() == pytest.approx(8.5, abs=0.5)
    assert np.corrcoef(found[:, 0], test.labels)[0, 1] > 0.5
    assert np.corrcoef(found[:, 1], test.labels)[0, 1] < -0.5


@pytest.mark.parametrize("name", ["kmer", "position"])
def test_several_classes_are_predicted(name):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    chances = np.array([[0.4, 0.2, 0.2, 0.2], [0.2, 0.4, 0.2, 0.2], [0.2, 0.2, 0.2, 0.4]])
    sequences = [rng.choice([7, 8, 9, 10], 80, p=chances[label]).astype(np.uint8) for label in labels]
    train = LabelledSequences(sequences[:200], labels[:200])
    found = fit_floor(name, "multiclass", train, num_classes=3).predict(sequences[200:])
    assert found.shape == (100, 3)
    assert (found.argmax(axis=1) == labels[200:]).mean() > 0.7


def test_penalty_of_counts_does_not_depend_on_the_unit():
    train = sequences_with_motif(200, place=anywhere)
    counts = kmer_counts(train.sequences)
    small, large = (
        fit_linear("binary", LabelledRows(each, train.labels), penalty=kmer_penalty("binary", each)).predict(
            each
        )
        for each in (counts, 100 * counts)
    )
    assert large == pytest.approx(small, abs=1e-3)


def test_best_strength_is_fitted_anew_on_the_validation_sequences_as_well():
    whole = sequences_with_motif(300, place=anywhere)
    train, validation = (
        LabelledSequences(whole.sequences[part], whole.labels[part])
        for part in (slice(200), slice(200, None))
    )
    floor = fit_floor("kmer", "binary", train, validation=validation, refit=True)
    penalty = Penalty(floor.model.strengths)
    rows = LabelledRows(kmer_counts(whole.sequences), whole.labels)
    expected = fit_linear("binary", rows, penalty=penalty).predict(rows.features)
    assert floor.predict(whole.sequences) == pytest.approx(expected, abs=1e-3)


def test_same_data_give_the_same_floor():
    train = sequences_with_motif(200, place=anywhere)
    one, other = (fit_floor("kmer", "binary", train).predict(train.sequences) for _ in range(2))
    assert (one == other).all()


def test_floor_without_sequences_is_refused():
    with pytest.raises(InputError, match="kmer floor has no training sequences"):
        fit_floor("kmer", "binary", LabelledSequences([], np.zeros(0, dtype=int)))


def read_task(folder):
    """Return the three sides of a task of GUE."""
    sides = []
    for side in ("train", "dev", "test"):
        with gzip.open(folder / f"{side}.csv.gz", "rt") as handle:
            rows = list(csv.DictReader(handle))
        labels = np.array([int(row["label"]) for row in rows])
        sides.append(LabelledSequences([ENCODE(row["sequence"]) for row in rows], labels))
    return sides


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("task", "name", "expected"),
    [
        ("prom_core_tata", "kmer", 0.498),
        ("prom_core_tata", "position", 0.811),
        ("mouse/2", "kmer", 0.776),
        ("mouse/2", "position", 0.270),
    ],
)
def test_floors_of_real_tasks_are_those_that_are_known(data, task, name, expected):
    # Fitted apart from this package, with choices of its own.
    assert mcc(name, *read_task(data / "benchmarks/GUE" / task)) == pytest.approx(expected, abs=0.01)


def variants(num_rows, seed):
    """Return pairs of sequences that differ in one base, and whether ALT makes a G or C of an A or T."""
    rng = np.random.default_rng(seed)
    references, alternatives, labels = [], [], []
    for row in range(num_rows):
        # How much G and C there is around differs far more than the one base that changes.
        share = rng.uniform(0.1, 0.9)
        bases = rng.choice(list("ACGT"), 40, p=[(1 - share) / 2, share / 2, share / 2, (1 - share) / 2])
        label = row % 2
        before, after = ("AT", "CG") if label else ("CG", "AT")
        bases[20] = rng.choice(list(before))
        references.append("".join(bases))
        bases[20] = rng.choice(list(after))
        alternatives.append("".join(bases))
        labels.append(label)
    encode = NucleotideTokenizer().encode
    return LabelledSequences(
        [encode(each) for each in alternatives], np.array(labels), [encode(each) for each in references]
    )


def test_of_variants_the_change_is_seen_and_not_what_lies_around():
    train, test = variants(200, 0), variants(100, 1)
    floor = fit_floor("kmer", "binary", train)
    seen = floor.predict(test.sequences, test.references)
    assert evaluate_predictions("binary", test.labels, seen)["mcc"] > 0.9
    without = fit_floor("kmer", "binary", train._replace(references=None)).predict(test.sequences)
    assert evaluate_predictions("binary", test.labels, without)["mcc"] < 0.5


@pytest.mark.parametrize("name", ["kmer", "position"])
@pytest.mark.parametrize("length", [3, 100, 3000])
def test_sequences_have_no_more_features_than_are_announced(name, length):
    sequence = NucleotideTokenizer().encode("".join(np.random.default_rng(0).choice(list("ACGT"), length)))
    features = (
        kmer_counts([sequence]) if name == "kmer" else position_kmers([sequence], num_positions=MAX_POSITIONS)
    )
    (announced,) = most_features(name, np.array([length]))
    assert features.nnz <= announced <= 2 * features.nnz + 10
