"""Saturation mutagenesis: every change of a single base in a region, scored.

In: a region of a genome. Out: for every base a score of each other base and, by choice, of its deletion.
All is told on the forward strand. Neighbouring changes share the window of the genome that they are
compared with, and a score does not depend on which region its base was asked for in.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.alphabet import BASES
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.regions import check_inside
from hyenadna_kit.scoring.prepare import chunked
from hyenadna_kit.scoring.scorer import VariantScorer, VariantScores
from hyenadna_kit.scoring.scores import SCORES

DELETION = "del"
"""What the column of deletions is called."""

SATURATION_SCORES = tuple(name for name in SCORES if name != "entropy")
"""Scores of a change; the entropy is one of the base that is changed."""

SUBSTITUTION_SCORES = ("llr",)
"""Those of them that a deletion does not have."""


class NamedRegion(NamedTuple):
    """Bases to change."""

    name: str
    """What they are called: a gene, or CONTIG:START-END."""
    region: Interval
    """Where they are."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Mutagenesis:
    """The scores of every change of a base in one region, on the forward strand."""

    region: Interval
    """Which bases."""
    name: str
    """What the region is called."""
    score: str
    """Which score."""
    reference: str
    """The bases, A, C, G, T and N."""
    columns: tuple[str, ...]
    """A, C, G, T and, where there are deletions, ``del``."""
    scores: NDArray[np.float64]
    """One row a base, one column a change; NaN at the base itself and where there is no score."""

    @property
    def num_variants(self) -> int:
        """Number of changes: none of an N."""
        return count_changes(self.reference, self.columns)

    @property
    def num_scored(self) -> int:
        """Number of changes with a score."""
        return int(np.isfinite(self.scores).sum())

    @property
    def mean_effects(self) -> NDArray[np.float64]:
        """The mean score of the three other bases at every base; NaN where not all have one."""
        substitutions = self.scores[:, : len(BASES)]
        is_whole = np.isfinite(substitutions).sum(1) == len(BASES) - 1
        return np.where(is_whole, np.nansum(substitutions, axis=1) / (len(BASES) - 1), np.nan)


class _Change(NamedTuple):
    """A change, and its place in the table."""

    row: int
    column: int
    variant: Variant


def saturation_columns(score: str, *, deletions: bool) -> tuple[str, ...]:
    """Return the columns of a table of a score.

    Raises:
        InputError: There is no such score, or deletions do not have it.
    """
    if score not in SATURATION_SCORES:
        raise InputError(f"score must be one of {', '.join(SATURATION_SCORES)}, got {score!r}")
    if deletions and score in SUBSTITUTION_SCORES:
        raise InputError(f"deletions have no {score}; leave them out, or take delta_ll")
    return (*BASES, DELETION) if deletions else tuple(BASES)


def count_changes(reference: str, columns: tuple[str, ...]) -> int:
    """Return how many changes some bases have: none of an N."""
    return sum(map(reference.count, BASES)) * (len(columns) - 1)


def mutagenize(
    scorer: VariantScorer,
    genome: Genome,
    region: Interval,
    *,
    score: str = "delta_ll",
    deletions: bool = False,
    name: str | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Mutagenesis:
    """Score every change of a single base in a region.

        mutagenize(scorer, genome, Interval("chr1", 100, 110)).scores       10 rows: A, C, G, T

    Args:
        scorer: Model, placement and strands.
        genome: Where the region lies.
        region: Bases to change, on either strand; what is told of them is on the forward one.
        score: One of ``SATURATION_SCORES`` that the scorer computes.
        deletions: Whether every base is deleted too. Of a run of equal bases each deletion is the same.
        name: What the region is called; CONTIG:START-END where it is None.
        on_progress: Called with the number of changes that each batch has scored.

    Raises:
        InputError: The region is not inside its contig, or there is no such score.
        ContigNotFoundError: The genome has no such contig.
    """
    columns = saturation_columns(score, deletions=deletions)
    if score not in scorer.scores:
        raise InputError(f"score {score!r} is not among those of the scorer, {', '.join(scorer.scores)}")
    region = replace(check_inside(region, genome, "mutagenesis"), strand=Strand.FORWARD)
    reference = genome.fetch(region)
    scores = np.full((region.length, len(columns)), np.nan)
    for batch in _batches(_changes(region, reference, columns), scorer):
        found = scorer.score(genome, [change.variant for change in batch])
        for change, scored in zip(batch, found, strict=True):
            scores[change.row, change.column] = _value(scored, score)
        if on_progress is not None:
            on_progress(len(batch))
    return Mutagenesis(
        region=region,
        name=region.region if name is None else name,
        score=score,
        reference=reference,
        columns=columns,
        scores=scores,
    )


def _changes(region: Interval, reference: str, columns: tuple[str, ...]) -> Iterator[_Change]:
    for row, ref in enumerate(reference):
        if ref in BASES:
            for column, alt in enumerate(columns):
                if alt != ref:
                    replacing = "" if alt == DELETION else alt
                    yield _Change(row, column, Variant(region.contig, region.start + row, ref, replacing))


def _batches(changes: Iterator[_Change], scorer: VariantScorer) -> Iterator[list[_Change]]:
    """Yield changes of one block of the genome, cut where they are many."""
    placement = scorer.placement
    most = scorer.engine.num_together(placement.window)
    for _, block in groupby(changes, key=lambda change: placement.block(change.variant.position)):
        yield from chunked(block, most)


def _value(scored: VariantScores | None, score: str) -> float:
    value = scored.values[score] if scored is not None and scored.is_finite else None
    return np.nan if value is None else value
