"""Some of the examples of a table, or its examples with other labels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.windows.examples import Examples, Pieces


@dataclass(frozen=True)
class SelectedPieces(Pieces):
    """Some pieces of DNA of many."""

    pieces: Pieces
    """All of them."""
    rows: NDArray[np.int64]
    """Numbers of those that are left, in their order."""

    @cached_property
    def lengths(self) -> Sequence[int]:
        """Bases of each that is left."""
        return [self.pieces.lengths[row] for row in self.rows.tolist()]

    def tokens(self, example: int) -> tuple[NDArray[np.uint8], ...]:
        """Return the token ids of one that is left."""
        return self.pieces.tokens(int(self.rows[example]))


def select_examples(examples: Examples, rows: NDArray[np.int64]) -> Examples:
    """Return the examples with these numbers, in the order of the numbers."""
    first_rows = None
    if examples.first_rows is not None:
        first_rows = np.concatenate([[0], np.cumsum(np.diff(examples.first_rows)[rows])])
    return replace(
        examples,
        pieces=SelectedPieces(examples.pieces, rows),
        labels=examples.labels[examples.rows_of(rows.tolist())],
        first_rows=first_rows,
        groups=None if examples.groups is None else examples.groups[rows],
    )


def shuffle_labels(examples: Examples, generator: np.random.Generator) -> Examples:
    """Return the same sequences with labels that have changed their rows."""
    return replace(examples, labels=examples.labels[generator.permutation(len(examples.labels))])
