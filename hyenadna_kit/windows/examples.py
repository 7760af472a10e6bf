"""Labelled examples: the tokens of each, on either strand, with what is to be predicted of it.

In: sequences, intervals of a genome, or variants on one. Out: for every example one token sequence, or two of
a variant, REF and ALT, and its labels.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from hyenadna_kit.batch import LabelledBatch, labelled_batch
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.tokenizers.nucleotide import PAD, NucleotideTokenizer, reverse_complement_tokens
from hyenadna_kit.windows.dataset import TokenSource
from hyenadna_kit.windows.epochs import Draw
from hyenadna_kit.windows.stream import item_generator

Label = NDArray[np.generic] | np.generic
"""What is predicted of one example: a class, or a number a column."""


@runtime_checkable
class Pieces(Protocol):
    """Pieces of DNA by number."""

    @property
    @abstractmethod
    def lengths(self) -> Sequence[int]:
        """Bases of each; of a variant those of its longer allele's window."""

    @abstractmethod
    def tokens(self, example: int) -> tuple[NDArray[np.uint8], ...]:
        """Return the token ids of one piece: one sequence, or REF and ALT."""


@dataclass(frozen=True)
class SequencePieces(Pieces):
    """Pieces that are given by their bases."""

    sequences: Sequence[str]
    """IUPAC letters in either case."""
    tokenizer: NucleotideTokenizer
    """How they are read."""

    @cached_property
    def lengths(self) -> Sequence[int]:
        """Bases of each."""
        return [len(sequence) for sequence in self.sequences]

    def tokens(self, example: int) -> tuple[NDArray[np.uint8], ...]:
        """Return the token ids of one sequence."""
        return (self.tokenizer.encode(self.sequences[example]),)


@dataclass(frozen=True)
class IntervalPieces(Pieces):
    """Pieces that are given by their places on a genome; what lies beyond a contig is N."""

    intervals: Sequence[Interval]
    """Where each lies, and on which strand it is read."""
    source: TokenSource
    """The genome."""

    @cached_property
    def lengths(self) -> Sequence[int]:
        """Bases of each."""
        return [interval.length for interval in self.intervals]

    def tokens(self, example: int) -> tuple[NDArray[np.uint8], ...]:
        """Return the token ids of one interval."""
        return (self.source.tokens(self.intervals[example]),)


@dataclass(frozen=True)
class Examples:
    """Pieces of DNA with their labels."""

    pieces: Pieces
    """What is read."""
    labels: NDArray[np.generic]
    """What is predicted: one row an example, as the loss of a head takes it."""

    def __len__(self) -> int:
        return len(self.labels)


class ExampleDataset(Dataset[Any]):
    """Examples as they are drawn, some of them on their other strand."""

    def __init__(self, examples: Examples, *, seed: int = 0, reverse_fraction: float = 0.0) -> None:
        """Take the data.

        Args:
            examples: What is drawn from. Their labels must be those of either strand where both are read.
            seed: Of the strands.
            reverse_fraction: Share of draws that are read on the other strand.
        """
        self.examples = examples
        self.seed = seed
        self.reverse_fraction = reverse_fraction

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, draw: Draw) -> tuple[tuple[NDArray[np.uint8], ...], Label]:
        """Return the tokens of a draw, and its labels: a pure function of it and of the seed."""
        tokens = self.examples.pieces.tokens(draw.example)
        if self.reverse_fraction:
            generator = item_generator(self.seed, draw.epoch * len(self.examples) + draw.example)
            if generator.random() < self.reverse_fraction:
                tokens = tuple(reverse_complement_tokens(each) for each in tokens)
        return tokens, self.examples.labels[draw.example]


def collate_examples(
    drawn: Sequence[tuple[tuple[NDArray[np.uint8], ...], Label]],
) -> LabelledBatch:
    """Return the batch of some draws, padded on the right."""
    tokens, labels = zip(*drawn, strict=True)
    return labelled_batch(tokens, labels, padding=PAD)


def batches_in_order(lengths: Sequence[int], batch_size: int) -> list[list[Draw]]:
    """Return every example once in batches, the shortest first: little is padded."""
    order = np.argsort(np.asarray(lengths), kind="stable")
    return [
        [Draw(int(example), 0) for example in order[start : start + batch_size]]
        for start in range(0, len(order), batch_size)
    ]
