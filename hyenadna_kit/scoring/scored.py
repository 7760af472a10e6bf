"""What became of one ALT: plain values, as they are written down."""

from typing import NamedTuple

from hyenadna_kit.scoring.scorer import VariantScores
from hyenadna_kit.scoring.scores import SCORES


class Calibrated(NamedTuple):
    """A score beside those of chance."""

    z: float | None
    """Standard deviations from the mean of the null; None where there is no null or it never varies."""
    percentile: float | None
    """Share of the null at least as extreme, (r + 1) / (n + 1): above 0, at most 1, small is extreme."""
    cell: str | None
    """Which null variants it was compared with; None where there are none."""


UNCALIBRATED = Calibrated(None, None, None)
"""What holds of a variant without a score or without a null."""


class ScoredAllele(NamedTuple):
    """What became of one ALT."""

    status: str
    """Its status, or several joined by ``|``."""
    scores: VariantScores | None
    """Its scores from the genome's allele to the other; None where there are none."""
    sign: int
    """-1 where the record names the genome's allele as ALT."""
    calibrated: Calibrated = UNCALIBRATED
    """One of the scores beside those of chance."""

    def value(self, name: str) -> float | None:
        """Return a score of ALT over REF as the record has them; None where there is none."""
        value = self.scores.values[name] if self.scores else None
        return value if value is None or not SCORES[name].is_signed else self.sign * value
