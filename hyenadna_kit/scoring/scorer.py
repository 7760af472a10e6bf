"""Score variants: windows of both alleles through a model, readings to scores, strands to their mean.

In: variants, or windows that were prepared. Out: the scores of each variant, independent of what else
is in the batch.
"""

import math
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.heads.language_model import LanguageModelHead
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.scoring.alleles import AlleleWindows
from hyenadna_kit.scoring.engines import Engine, FullEngine, SharedEngine
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.prepare import Preparation, is_scorable
from hyenadna_kit.scoring.readings import AlleleReadings
from hyenadna_kit.scoring.scores import SCORES

EngineName = Literal["auto", "shared", "full"]


class VariantScores(NamedTuple):
    """The scores of one variant."""

    values: dict[str, float | None]
    """Every score that was asked for, by name; None where it is not defined for the variant."""
    num_tokens: int
    """Bases in each of the two sums of ``delta_ll``; the fewer of the two where both strands are read."""
    n_fraction: float
    """Share of N in the window."""

    @property
    def is_finite(self) -> bool:
        """Whether every score that is defined is a number, neither NaN nor infinite."""
        return all(value is None or math.isfinite(value) for value in self.values.values())


class VariantScorer:
    """Scores variants with one model.

    scorer = VariantScorer(model, Placement.for_window(1024))
    scorer.score(genome, [Variant("chr1", 1000, "A", "G")])
    """

    def __init__(
        self,
        model: HyenaDNA,
        placement: Placement,
        *,
        strands: tuple[Strand, ...] = (Strand.FORWARD,),
        batch_size: int = 16,
        scores: Collection[str] = tuple(SCORES),
        engine: EngineName = "auto",
    ) -> None:
        """Take a model and where its windows lie.

        Args:
            model: A language model in eval mode; it runs where its parameters are.
            placement: Where the windows lie.
            strands: Strands that are read; the scores of two are averaged.
            batch_size: Windows that the model reads at a time.
            scores: Names of ``SCORES``.
            engine: ``full`` runs every window, ``shared`` every window of the genome and of the ALTs
                the horizons alone; ``auto`` shares where model and placement allow it.

        Raises:
            InputError: The model has no language-model head, ``batch_size`` is less than 1, a score is
                unknown or the engine cannot run.
        """
        if not isinstance(model.head, LanguageModelHead):
            raise InputError(f"scores need a language-model head, this model has {type(model.head).__name__}")
        if batch_size < 1:
            raise InputError(f"batch_size must be at least 1, got {batch_size}")
        if not scores or not set(scores) <= set(SCORES):
            raise InputError(f"scores must be some of {', '.join(SCORES)}, got {', '.join(scores) or 'none'}")
        self.model = model
        self.placement = placement
        self.strands = strands
        self.scores = [name for name in SCORES if name in scores]
        self.engine = _engine(engine, model, placement)(model, placement, batch_size)

    def score(self, genome: Genome, variants: Sequence[Variant]) -> list[VariantScores | None]:
        """Score variants whose REF is that of the genome, under the genome's contig names.

        Returns:
            One entry a variant; None where it deletes more than a window holds or nothing but N
            could be summed.
        """
        preparation = Preparation(
            genome=genome, placement=self.placement, strands=self.strands, on_ref_mismatch="error"
        )
        windows = [preparation.windows(variant) for variant in variants]
        scores = iter(self.score_windows([each for each in windows if is_scorable(each)]))
        return [next(scores) if is_scorable(each) else None for each in windows]

    def score_windows(self, variants: Sequence[Sequence[AlleleWindows]]) -> list[VariantScores]:
        """Score variants whose windows, one entry a strand, were prepared with the same options."""
        flat = [windows for variant in variants for windows in variant]
        pairs = iter(zip(flat, self.engine.read(flat), strict=True))
        return [self._mean_scores([next(pairs) for _ in variant]) for variant in variants]

    def _mean_scores(self, strands: Sequence[tuple[AlleleWindows, AlleleReadings]]) -> VariantScores:
        return VariantScores(
            values={name: _mean([SCORES[name].function(*each) for each in strands]) for name in self.scores},
            num_tokens=min(int(windows.scored.sum()) for windows, _ in strands),
            n_fraction=max(windows.n_fraction for windows, _ in strands),
        )


def _engine(name: EngineName, model: HyenaDNA, placement: Placement) -> type[Engine]:
    reason = _why_not_shared(model, placement)
    if name == "shared" and reason:
        raise InputError(f"engine shared cannot run: {reason}; take engine full")
    return FullEngine if name == "full" or reason else SharedEngine


def _why_not_shared(model: HyenaDNA, placement: Placement) -> str | None:
    mixers = model.config.backbone.mixers
    if mixers.without_suffixes:
        name = type(mixers.without_suffixes).__name__
        return f"{name} is not causal, stretches its filters, or has no suffixes"
    if placement.kind != "grid":
        return "centred windows are not shared"
    if placement.min_left_context < mixers.suffix_context:
        return f"min_left_context must be at least {mixers.suffix_context}, got {placement.min_left_context}"
    return None


def _mean(values: Sequence[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if len(defined) == len(values) else None
