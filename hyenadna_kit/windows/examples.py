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
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.genome.variant import Variant, normalize
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.tokenizers.nucleotide import PAD, NucleotideTokenizer, reverse_complement_tokens
from hyenadna_kit.windows.alleles import OrientedContig, changed_window
from hyenadna_kit.windows.dataset import TokenSource
from hyenadna_kit.windows.epochs import Draw
from hyenadna_kit.windows.stream import item_generator

Label = NDArray[np.generic] | np.generic
"""What is predicted of one example: a class, or a number a column; or either at each of its positions."""


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
class GenomesPieces(Pieces):
    """Pieces that are given by their places, each on a genome of its own."""

    intervals: Sequence[Interval]
    """Where each lies, and on which strand it is read."""
    sources: Sequence[TokenSource]
    """The genome of each."""

    @cached_property
    def lengths(self) -> Sequence[int]:
        """Bases of each."""
        return [interval.length for interval in self.intervals]

    def tokens(self, example: int) -> tuple[NDArray[np.uint8], ...]:
        """Return the token ids of one interval."""
        return (self.sources[example].tokens(self.intervals[example]),)


@dataclass(frozen=True)
class VariantPieces(Pieces):
    """Pairs of windows around variants: of the genome, and of the genome with the variant in it."""

    variants: Sequence[Variant]
    """Changes of the genome, under its contig names; their REF is what it has there."""
    genome: Genome
    """The genome."""
    window: int
    """Bases of either window; its middle, base ``window // 2``, is the first one that changes."""

    @cached_property
    def lengths(self) -> Sequence[int]:
        """Bases of each."""
        return [self.window] * len(self.variants)

    def tokens(self, example: int) -> tuple[NDArray[np.uint8], ...]:
        """Return the token ids around one variant: those with REF, then those with ALT."""
        contig = OrientedContig(self.genome, self.variants[example].contig, Strand.FORWARD)
        variant = normalize(self.variants[example], contig.fetch)
        return changed_window(contig, variant, variant.position - self.window // 2, self.window)


@dataclass(frozen=True)
class Examples:
    """Pieces of DNA with their labels."""

    pieces: Pieces
    """What is read."""
    labels: NDArray[np.generic]
    """What is predicted: one row an example; or one row a position or bin, example after example."""
    first_rows: NDArray[np.int64] | None = None
    """Where positions are predicted, the first row of each example, and one past the last row of all."""
    groups: NDArray[np.int64] | None = None
    """Number of what each example belongs to, as its locus; None where each stands for itself."""

    def __len__(self) -> int:
        return len(self.labels) if self.first_rows is None else len(self.first_rows) - 1

    @property
    def num_sequences(self) -> int:
        """Sequences that an example is: two of a variant."""
        return len(self.pieces.tokens(0))

    @property
    def row_groups(self) -> NDArray[np.int64] | None:
        """What each row of ``labels`` belongs to; None where each stands for itself."""
        if self.first_rows is None:
            return self.groups
        groups = np.arange(len(self)) if self.groups is None else self.groups
        return np.repeat(groups, np.diff(self.first_rows))

    def labels_of(self, example: int) -> Label:
        """Return what is predicted of one example, as the loss of a head takes it."""
        if self.first_rows is None:
            return self.labels[example]
        return self.labels[self.first_rows[example] : self.first_rows[example + 1]]

    def rows_of(self, examples: Sequence[int]) -> NDArray[np.int64]:
        """Return the rows of ``labels`` that belong to some examples, in the order of the examples."""
        if self.first_rows is None:
            return np.asarray(examples, dtype=np.int64)
        first = self.first_rows
        return np.concatenate([np.arange(first[each], first[each + 1]) for each in examples])


class ExampleDataset(Dataset[Any]):
    """Examples as they are drawn, some of them on their other strand."""

    def __init__(self, examples: Examples, *, seed: int = 0, reverse_fraction: float = 0.0) -> None:
        """Take the data.

        Args:
            examples: What is drawn from. Their labels must be those of either strand where both are read;
                those of positions change places with them.
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
        labels = self.examples.labels_of(draw.example)
        if self.reverse_fraction:
            generator = item_generator(self.seed, draw.epoch * len(self.examples) + draw.example)
            if generator.random() < self.reverse_fraction:
                tokens = tuple(reverse_complement_tokens(each) for each in tokens)
                labels = labels if self.examples.first_rows is None else np.flip(labels, axis=0)
        return tokens, labels


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
