"""Bits per base of a model on held-out bases, beside Markov baselines of the same training bases.

In: a model, a genome, the regions to evaluate and those that it was trained on. Out: one number a
region, one over all, and one a baseline.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hyenadna_kit.evaluation.likelihood import RegionLikelihood, base_likelihoods, reported, sum_regions
from hyenadna_kit.evaluation.markov import DEFAULT_ORDERS, markov_bits_per_base
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.model import HyenaDNA


@dataclass(frozen=True)
class Evaluation:
    """What a model costs on some regions."""

    regions: list[RegionLikelihood]
    """One entry a region."""
    baselines: dict[int, float]
    """Bits per base of the Markov model of each order; empty without training regions."""

    @property
    def num_bases(self) -> int:
        """Bases that were scored, each once."""
        return sum(region.num_bases for region in self.regions)

    @property
    def bits_per_base(self) -> float:
        """Mean cost of a base over all regions; NaN where none was scored."""
        nats = math.fsum(region.log_likelihood for region in self.regions)
        return -nats / math.log(2) / self.num_bases if self.num_bases else math.nan


def evaluate(
    model: HyenaDNA,
    genome: Genome,
    regions: Sequence[Interval],
    *,
    train_regions: Sequence[Interval] = (),
    length: int | None = None,
    batch_size: int = 16,
    on_progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Score every base of ``regions`` once, by the model and by each baseline.

    Args:
        model: A language model; it runs where its parameters are.
        genome: Where the bases are.
        regions: Stretches inside their contigs.
        train_regions: What the baselines are trained on; none, no baselines.
        length: Window in tokens; None takes the model's context length.
        batch_size: Windows at a time.
        on_progress: Called with the number of bases that were scored so far.
    """
    stretches = base_likelihoods(model, genome, regions, length=length, batch_size=batch_size)
    sums = sum_regions(regions, reported(stretches, on_progress))
    baselines: dict[int, float] = {}
    if train_regions:
        reach = max(DEFAULT_ORDERS)
        test = [
            (
                genome.tokens(Interval(region.contig, max(0, region.start - reach), region.end)),
                min(region.start, reach),
            )
            for region in regions
        ]
        train = [genome.tokens(region) for region in train_regions]
        baselines = markov_bits_per_base(train, test, DEFAULT_ORDERS)
    return Evaluation(sums, baselines)
