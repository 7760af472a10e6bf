"""How much each base of a window counts in the loss: less in repeats."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.genome import Genome


@dataclass(frozen=True)
class SoftMaskWeights:
    """Weights a base that is lower case in the FASTA by ``weight``, and every other by 1."""

    genome: Genome
    """Where the soft mask is known."""
    weight: float
    """From 0 (repeats take no part in the loss) to 1."""

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise InputError(f"soft_mask_weight must lie in 0 to 1, got {self.weight}")

    def __call__(self, window: Interval) -> NDArray[np.float32]:
        """Return one weight a base of ``window``, in the order in which its strand is read."""
        weights = np.ones(window.length, dtype=np.float32)
        for start, end in self.genome.masked(window) - window.start:
            weights[start:end] = self.weight
        return weights[::-1].copy() if window.strand is Strand.REVERSE else weights
