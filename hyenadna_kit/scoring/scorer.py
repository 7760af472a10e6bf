"""Score variants with full forward passes: every REF window once a batch, every ALT window once.

In: windows of tokens. Out: the scores of each variant, independent of what else is in the batch.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.heads.language_model import LanguageModelHead, next_token_log_probs
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.scoring.alleles import AlleleWindows
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.prepare import Preparation, is_scorable
from hyenadna_kit.scoring.scores import SCORES, HorizonLogProbs


class VariantScores(NamedTuple):
    """The scores of one variant."""

    values: dict[str, float | None]
    """Every score of ``SCORES`` by name; None where it is not defined for the variant."""
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
    ) -> None:
        """Take a model and where its windows lie.

        Args:
            model: A language model in eval mode; it runs where its parameters are.
            placement: Where the windows lie.
            strands: Strands that are read; the scores of two are averaged.
            batch_size: Windows that the model reads at a time.

        Raises:
            InputError: The model has no language-model head, or ``batch_size`` is less than 1.
        """
        if not isinstance(model.head, LanguageModelHead):
            raise InputError(f"scores need a language-model head, this model has {type(model.head).__name__}")
        if batch_size < 1:
            raise InputError(f"batch_size must be at least 1, got {batch_size}")
        self.model = model
        self.placement = placement
        self.strands = strands
        self.batch_size = batch_size

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
        pairs = iter(zip(flat, self._log_probs(flat), strict=True))
        return [_mean_scores([next(pairs) for _ in variant]) for variant in variants]

    def _log_probs(self, flat: Sequence[AlleleWindows]) -> Iterator[HorizonLogProbs]:
        """Yield the log-probabilities of every pair of windows over its horizon."""
        references = {windows.key: windows.ref for windows in flat}
        rows = self._forward([*references.values(), *(windows.alt for windows in flat)])
        known = {key: next(rows) for key in references}
        for windows, alt in zip(flat, rows, strict=True):
            # The first log-probability of a window is that of its second base.
            horizon = slice(windows.first - 1, windows.first - 1 + self.placement.horizon)
            yield HorizonLogProbs(known[windows.key][horizon], alt[horizon])

    def _forward(self, windows: Sequence[NDArray[np.uint8]]) -> Iterator[NDArray[np.float32]]:
        """Yield ``log p`` of all bases but the first of every window."""
        device = next(self.model.parameters()).device
        for first in range(0, len(windows), self.batch_size):
            tokens = torch.from_numpy(np.stack(windows[first : first + self.batch_size])).to(device)
            with torch.inference_mode():
                logits = self.model(tokens).logits
                log_probs = next_token_log_probs(logits[:, :-1], tokens[:, 1:])
            yield from log_probs.float().cpu().numpy()


def _mean_scores(strands: Sequence[tuple[AlleleWindows, HorizonLogProbs]]) -> VariantScores:
    return VariantScores(
        values={name: _mean([score(*each) for each in strands]) for name, score in SCORES.items()},
        num_tokens=min(int(windows.scored.sum()) for windows, _ in strands),
        n_fraction=max(windows.n_fraction for windows, _ in strands),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if len(defined) == len(values) else None
