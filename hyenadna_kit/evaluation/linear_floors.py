"""Floors that a fine-tuned model should beat: linear models on k-mers, fitted in minutes.

In: sequences with labels to fit, and others to choose the penalty on. Out: predictions of any sequences, laid
out as those of a head.

- `kmer`: counts of 1- to 6-mers, wherever they are. A model that does not beat it has learned no more than
  composition and short motifs.
- `position`: 1- to 3-mers at each position from the first on. A model that does not beat it has learned no
  more than which bases are usual where.

Penalties were settled on the ten tasks of GUE in docs/finetuning.md, and are the same for all data.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Real
from scipy import sparse

from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.linear_features import (
    MAX_K,
    MAX_POSITION_K,
    Sequences,
    kmer_counts,
    position_kmers,
)
from hyenadna_kit.evaluation.linear_model import LabelledRows, LinearModel, Penalty, fit_linear
from hyenadna_kit.heads.objectives import Objective

FloorName = Literal["kmer", "position"]
"""See :mod:`hyenadna_kit.evaluation.linear_floors`."""

MAX_POSITIONS = 2048
"""Positions from the first on that the position floor tells apart; further bases are not looked at."""

_KMER_STRENGTHS = (28.0, 280.0, 2.8, 0.28, 0.028)
_POSITION_STRENGTHS = (250.0, 25_000.0)
_POSITION_TOLERANCE = 1e-6  # a weak penalty, stopped early, is as a stronger one
_RIDGE_STRENGTHS = (0.28, 0.028, 2.8, 28.0, 0.0028)


class LabelledSequences(NamedTuple):
    """Sequences and what is to be predicted of them."""

    sequences: Sequences
    """Token ids of each, of any lengths."""
    labels: Real[np.ndarray, "rows ..."]
    """Number of the class of each row, or one label a column; NaN (of classes -100 too) is none."""
    references: Sequences | None = None
    """Of variants, the sequences with REF where ``sequences`` have ALT: what differs is looked at."""


@dataclass(frozen=True)
class Floor:
    """A fitted linear model of sequences, or of variants."""

    features: Callable[[Sequences], sparse.csr_matrix]
    """What the model sees of sequences."""
    model: LinearModel
    """The model."""

    def predict(
        self, sequences: Sequences, references: Sequences | None = None
    ) -> Float[np.ndarray, "rows outputs"]:
        """Return probabilities or values, laid out as ``predictions`` of a head.

        Args:
            sequences: Token ids of each; of variants, those with ALT.
            references: Of variants, those with REF.
        """
        return self.model.predict(_difference(self.features, sequences, references))


def fit_floor(
    name: FloorName,
    objective: Objective,
    train: LabelledSequences,
    *,
    validation: LabelledSequences | None = None,
    num_classes: int = 2,
    refit: bool = False,
) -> Floor:
    """Fit a floor.

    Args:
        name: Which one.
        objective: What is predicted.
        train: Sequences to fit.
        validation: Sequences that the strength of the penalty is chosen on; None takes a usual one.
        num_classes: Classes of multiclass.
        refit: Fit the best strength anew, on the validation sequences as well.

    Raises:
        InputError: There is nothing to fit, a column has no label in training, or a label is no class.
    """
    if not len(train.sequences):
        raise InputError(f"the {name} floor has no training sequences to fit")
    features = kmer_counts if name == "kmer" else _position_features(train.sequences)
    rows = _rows(features, train)
    decisive = None if validation is None else _rows(features, validation)
    penalty = replace(_penalty(name, objective, rows.features), refit=refit)
    model = fit_linear(objective, rows, penalty=penalty, validation=decisive, num_classes=num_classes)
    return Floor(features, model)


def most_features(name: FloorName, lengths: Int[np.ndarray, " rows"]) -> Int[np.ndarray, " rows"]:
    """Return how many features other than 0 sequences of these lengths, in bases, have at most.

    Each takes twelve bytes of memory while a floor is fitted.
    """
    if name == "position":
        return MAX_POSITION_K * np.minimum(lengths, MAX_POSITIONS)
    num_kmers = sum(4**k for k in range(1, MAX_K + 1))
    return np.minimum(MAX_K * lengths, num_kmers)


def kmer_penalty(objective: Objective, features: sparse.csr_matrix) -> Penalty:
    """Return the penalty of counts, or of differences of counts: relative to their mean square.

    Longer sequences have larger counts: the same strength would weigh less on them.
    """
    size = float(features.multiply(features).sum(axis=1).mean()) or 1.0
    strengths = _RIDGE_STRENGTHS if objective == "regression" else _KMER_STRENGTHS
    return Penalty(tuple(strength / size for strength in strengths))


def _rows(features: Callable[[Sequences], sparse.csr_matrix], given: LabelledSequences) -> LabelledRows:
    return LabelledRows(_difference(features, given.sequences, given.references), given.labels)


def _difference(
    features: Callable[[Sequences], sparse.csr_matrix], sequences: Sequences, references: Sequences | None
) -> sparse.csr_matrix:
    """Return the features of sequences, or what they have more than those with REF."""
    found = features(sequences)
    return found if references is None else found - features(references)


def _penalty(name: FloorName, objective: Objective, features: sparse.csr_matrix) -> Penalty:
    if name == "kmer" or objective == "regression":
        return kmer_penalty(objective, features)
    strengths = tuple(strength / features.shape[0] for strength in _POSITION_STRENGTHS)
    return Penalty(strengths, criterion="mcc", tolerance=_POSITION_TOLERANCE)


def _position_features(sequences: Sequences) -> Callable[[Sequences], sparse.csr_matrix]:
    """Return what tells apart the positions that the longest of some sequences has."""
    num_positions = min(MAX_POSITIONS, max(sequence.size for sequence in sequences))
    return lambda given: position_kmers(given, num_positions=num_positions)
