"""What other models cost on the bases on which a language model was measured.

In: a genome, the regions that were trained on and those that were scored. Out: bits per base of models that
know nothing, short contexts, and contexts and repeats; what would take too long is named and left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.evaluation.context_counts import LONGEST_CONTEXT
from hyenadna_kit.evaluation.context_mixing import MAX_TRAIN_BASES, context_mixing_bits_per_base
from hyenadna_kit.evaluation.markov import DEFAULT_ORDERS, UNIFORM_BITS, markov_bits_per_base
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.genome import Genome

MAX_MARKOV_BASES = 500_000_000
"""Most training bases that Markov models are counted on: some three minutes."""

MIXING_NAME = "context mixing"


@dataclass(frozen=True)
class Anchor:
    """A model to stand beside."""

    name: str
    """What it is."""
    bits_per_base: float | None
    """Mean cost of a scored base; None where it is left out."""
    left_out: str = ""
    """Why."""


_UNIFORM = Anchor("uniform", UNIFORM_BITS)


def only_uniform(reason: str) -> list[Anchor]:
    """Return the anchors of a model that the others cannot stand beside, with the reason."""
    names = [*_markov_names(), MIXING_NAME]
    return [_UNIFORM, *(Anchor(name, None, reason) for name in names)]


def anchors_beside(genome: Genome, train: Sequence[Interval], scored: Sequence[Interval]) -> list[Anchor]:
    """Return what each model costs that was fitted on ``train``, in the order of what they know.

    Args:
        genome: Where the bases are.
        train: Stretches inside their contigs.
        scored: Stretches whose bases are predicted, each from those before it in its contig.

    Raises:
        InputError: There is no A, C, G or T in ``scored``.
    """
    num_bases = sum(region.length for region in train)
    if num_bases > MAX_MARKOV_BASES:
        return only_uniform(_too_long(num_bases, MAX_MARKOV_BASES))
    runs = [genome.tokens(region) for region in train]
    test = [_with_context(genome, region) for region in scored]
    bits = markov_bits_per_base(runs, test).values()
    anchors = [_UNIFORM, *(Anchor(name, each) for name, each in zip(_markov_names(), bits, strict=True))]
    if num_bases > MAX_TRAIN_BASES:
        return [*anchors, Anchor(MIXING_NAME, None, _too_long(num_bases, MAX_TRAIN_BASES))]
    return [*anchors, Anchor(MIXING_NAME, context_mixing_bits_per_base(runs, test))]


def _markov_names() -> list[str]:
    return [f"Markov order {order}" for order in DEFAULT_ORDERS]


def _too_long(num_bases: int, most: int) -> str:
    return f"the training range has {num_bases:,} bp, and here no more than {most:,} are counted"


def _with_context(genome: Genome, region: Interval) -> tuple[NDArray[np.uint8], int]:
    """Return the tokens of a region behind those that a model may look back on, and how many these are."""
    start = max(0, region.start - LONGEST_CONTEXT)
    return genome.tokens(Interval(region.contig, start, region.end)), region.start - start
