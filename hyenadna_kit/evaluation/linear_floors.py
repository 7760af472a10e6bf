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
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Real
from scipy import sparse

from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.linear_features import Sequences, kmer_counts, position_kmers
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


@dataclass(frozen=True)
class Floor:
    """A fitted linear model of sequences."""

    features: Callable[[Sequences], sparse.csr_matrix]
    """What the model sees of sequences."""
    model: LinearModel
    """The model."""

    def predict(self, sequences: Sequences) -> Float[np.ndarray, "rows outputs"]:
        """Return probabilities or values, laid out as ``predictions`` of a head."""
        return self.model.predict(self.features(sequences))


def fit_floor(
    name: FloorName,
    objective: Objective,
    train: LabelledSequences,
    *,
    validation: LabelledSequences | None = None,
    num_classes: int = 2,
) -> Floor:
    """Fit a floor.

    Args:
        name: Which one.
        objective: What is predicted.
        train: Sequences to fit.
        validation: Sequences that the strength of the penalty is chosen on; None takes a usual one.
        num_classes: Classes of multiclass.

    Raises:
        InputError: There is nothing to fit, a column has no label in training, or a label is no class.
    """
    if not len(train.sequences):
        raise InputError(f"the {name} floor has no training sequences to fit")
    features = kmer_counts if name == "kmer" else _position_features(train.sequences)
    rows = LabelledRows(features(train.sequences), train.labels)
    decisive = None
    if validation is not None:
        decisive = LabelledRows(features(validation.sequences), validation.labels)
    penalty = _penalty(name, objective, rows.features)
    model = fit_linear(objective, rows, penalty=penalty, validation=decisive, num_classes=num_classes)
    return Floor(features, model)


def kmer_penalty(objective: Objective, features: sparse.csr_matrix) -> Penalty:
    """Return the penalty of counts, or of differences of counts: relative to their mean square.

    Longer sequences have larger counts: the same strength would weigh less on them.
    """
    size = float(features.multiply(features).sum(axis=1).mean()) or 1.0
    strengths = _RIDGE_STRENGTHS if objective == "regression" else _KMER_STRENGTHS
    return Penalty(tuple(strength / size for strength in strengths))


def _penalty(name: FloorName, objective: Objective, features: sparse.csr_matrix) -> Penalty:
    if name == "kmer" or objective == "regression":
        return kmer_penalty(objective, features)
    strengths = tuple(strength / features.shape[0] for strength in _POSITION_STRENGTHS)
    return Penalty(strengths, criterion="mcc", tolerance=_POSITION_TOLERANCE)


def _position_features(sequences: Sequences) -> Callable[[Sequences], sparse.csr_matrix]:
    """Return what tells apart the positions that the longest of some sequences has."""
    num_positions = min(MAX_POSITIONS, max(sequence.size for sequence in sequences))
    return lambda given: position_kmers(given, num_positions=num_positions)
