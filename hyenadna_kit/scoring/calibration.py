"""Scores against chance: how extreme a score is among those of null variants of the same kind.

In: the scores of null variants of a genome. Out: of a score, its z and its percentile, and a file that
keeps the null scores for every later run with the same model, genome and options.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.ops.precision import product_dtype
from hyenadna_kit.scoring.calibration_file import read_null_scores, write_null_scores
from hyenadna_kit.scoring.null_cells import VariantClass, cells_of
from hyenadna_kit.scoring.null_variants import LEAST_NULL, LONGEST_NULL, NullVariant, draw_null_variants
from hyenadna_kit.scoring.prepare import chunked
from hyenadna_kit.scoring.scored import UNCALIBRATED, Calibrated
from hyenadna_kit.scoring.scorer import VariantScorer
from hyenadna_kit.scoring.scores import SCORES

CALIBRATED_SCORES = ("delta_ll", "llr", "l2", "cosine")
"""Scores that tell a variant from chance; the entropy is one of the genome alone."""

_LONG = 40

OnProgress = Callable[[int, int], None] | None
"""``on_progress(done, total)``, in variants."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Null scores by cell, and what they depend on.

    For ``delta_ll`` and ``llr``, low is extreme: r counts null scores that are as low or lower. For
    ``l2`` and ``cosine``, high is: r counts those as high or higher. A z keeps the sign of the score's
    side: far below 0, or far above.

    calibration = Calibration.load(Path("null.npz"))
    calibration.check(scorer, genome)
    calibration.of(Variant("chr1", 1000, "A", "G"), genome, -3.2).percentile
    """

    job: Mapping[str, Any]
    """Score, model, genome, placement and strands of the null scores, as plain data."""
    made: Mapping[str, Any]
    """How they came about: version, seed, and how many variants of each class."""
    cells: Mapping[str, NDArray[np.float64]]
    """Scores of the null variants of every cell, in ascending order."""
    source: str = "this calibration"
    """Where it comes from, for errors."""
    _moments: dict[str, tuple[float, float]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        moments = {cell: _moments(scores) for cell, scores in self.cells.items() if len(scores)}
        object.__setattr__(self, "_moments", moments)

    @classmethod
    def fit(
        cls,
        scorer: VariantScorer,
        genome: Genome,
        *,
        num_variants: int,
        seed: int,
        score: str = "delta_ll",
        on_progress: OnProgress = None,
    ) -> Self:
        """Draw null variants and score them.

        Args:
            scorer: Model and options, the same as for the scores to be calibrated.
            genome: Where the variants are drawn, the same as that of the scores.
            num_variants: How many are drawn; 100,000 give most cells their 500.
            seed: The same seed gives the same calibration.
            score: One of ``CALIBRATED_SCORES``.
            on_progress: Called with the number of variants that are scored, and of all.

        Raises:
            InputError: The score has no calibration or is not among the scorer's, the model gives no
                number, or nothing could be drawn.
        """
        _check_score(score, scorer)
        classes = (VariantClass.SNV, VariantClass.MNV) if score == "llr" else tuple(VariantClass)
        longest = min(LONGEST_NULL, scorer.placement.horizon if score == "llr" else scorer.placement.window)
        null = draw_null_variants(genome, num_variants, seed=seed, longest=longest, classes=classes)
        scored = list(_score(scorer, genome, null, score, on_progress))
        drawn = Counter(each.variant_class.value for each, _ in scored)
        made = {
            "version": version("hyenadna_kit"),
            "seed": seed,
            "num_asked": num_variants,
            "num_variants": {each.value: drawn[each] for each in VariantClass if drawn[each]},
        }
        return cls(job=_job(scorer, genome, score), made=made, cells=gather_cells(scored))

    @property
    def score(self) -> str:
        """Name of the score."""
        name: str = self.job["score"]
        return name

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of what it says of scores: what they depend on, and the null scores."""
        digest = hashlib.sha256(json.dumps(self.job, sort_keys=True).encode())
        for cell, scores in sorted(self.cells.items()):
            digest.update(cell.encode() + scores.tobytes())
        return digest.hexdigest()

    def check(self, scorer: VariantScorer, genome: Genome) -> None:
        """Refuse a scorer or a genome whose scores these null scores say nothing about.

        The number format of products is that of the moment: call it where scores are computed.

        Raises:
            InputError: Model, genome, placement, strands or number format differ, or the scorer does
                not compute the score.
        """
        for name, value in _job(scorer, genome, self.score).items():
            theirs = self.job.get(name)
            if theirs != value:
                raise InputError(
                    f"{self.source} was made with {name} {_short(theirs)}, here it is {_short(value)}; take "
                    "the same model, genome and options, or make another one with hyenadna-kit calibrate"
                )
        if self.score not in scorer.scores:
            raise InputError(
                f"{self.source} calibrates {self.score}, but the scores are {', '.join(scorer.scores)}; "
                f"ask for {self.score} too"
            )

    def of(self, variant: Variant, genome: Genome, value: float | None) -> Calibrated:
        """Return how extreme the score of a variant is.

        Args:
            variant: On the forward strand, under the genome's contig name, with the genome's bases as
                REF; any spelling.
            genome: Where its neighbours are read.
            value: Its score; None or NaN where it has none.
        """
        if value is None or math.isnan(value):
            return UNCALIBRATED
        cell = self.cell(cells_of(variant, genome))
        if cell is None:
            return UNCALIBRATED
        return Calibrated(self.z(cell, value), self.percentile(cell, value), cell)

    def cell(self, names: Sequence[str]) -> str | None:
        """Return the first of some cells with ``LEAST_NULL`` null variants, else the last with any."""
        held = [name for name in names if self.num_null(name)]
        return next((name for name in held if self.num_null(name) >= LEAST_NULL), held[-1] if held else None)

    def num_null(self, cell: str) -> int:
        """Return how many null variants a cell has."""
        return len(self.cells.get(cell, ()))

    def z(self, cell: str, value: float) -> float | None:
        """Return how many standard deviations a score lies above the mean of a cell."""
        mean, deviation = self._moments[cell]
        return (value - mean) / deviation if deviation > 0 else None

    def percentile(self, cell: str, value: float) -> float:
        """Return the share of a cell at least as extreme as a score, itself included."""
        scores = self.cells[cell]
        if SCORES[self.score].is_signed:
            as_extreme = int(np.searchsorted(scores, value, side="right"))
        else:
            as_extreme = len(scores) - int(np.searchsorted(scores, value, side="left"))
        return (as_extreme + 1) / (len(scores) + 1)

    def save(self, path: Path) -> None:
        """Write the calibration as an .npz file; equal calibrations are equal byte by byte."""
        write_null_scores(path, job=self.job, made=self.made, cells=self.cells)

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a calibration.

        Raises:
            InputError: The file is no calibration, a damaged one, or of another version of the format.
        """
        null = read_null_scores(Path(path))
        if null.job.get("score") not in CALIBRATED_SCORES:
            raise InputError(
                f"{path} calibrates {null.job.get('score')!r}; known are {', '.join(CALIBRATED_SCORES)}"
            )
        return cls(job=null.job, made=null.made, cells=null.cells, source=str(path))


def gather_cells(scored: Iterable[tuple[NullVariant, float]]) -> dict[str, NDArray[np.float64]]:
    """Return the scores of every cell, in ascending order, from null variants and their scores."""
    values: dict[str, list[float]] = {}
    for null, value in scored:
        for cell in null.cells:
            values.setdefault(cell, []).append(value)
    return {cell: np.sort(np.array(values[cell], dtype=np.float64)) for cell in sorted(values)}


def _check_score(score: str, scorer: VariantScorer) -> None:
    if score not in CALIBRATED_SCORES:
        raise InputError(f"score must be one of {', '.join(CALIBRATED_SCORES)}, got {score!r}")
    if score not in scorer.scores:
        raise InputError(f"the scorer computes {', '.join(scorer.scores)}, not {score}")


def _score(
    scorer: VariantScorer, genome: Genome, null: Sequence[NullVariant], score: str, on_progress: OnProgress
) -> Iterator[tuple[NullVariant, float]]:
    """Yield the null variants that have a score, with it."""
    done = 0
    for some in chunked(null, scorer.engine.num_together(scorer.placement.window)):
        for each, found in zip(some, scorer.score(genome, [each.variant for each in some]), strict=True):
            value = None if found is None else found.values[score]
            if value is None:  # what is deleted fills a window, or a substitution the horizon
                continue
            if not math.isfinite(value):
                raise InputError(
                    f"the model gives {value} as {score} of {each.variant}; its weights may hold NaN"
                )
            yield each, value
        done += len(some)
        if on_progress is not None:
            on_progress(done, len(null))


def _job(scorer: VariantScorer, genome: Genome, score: str) -> dict[str, Any]:
    """Return what a null score depends on beside the variant."""
    placement = scorer.placement
    return {
        "score": score,
        "model_sha256": scorer.model.fingerprint(),
        "genome_sha256": genome.fingerprint,
        "placement": placement.kind,
        "window": placement.window,
        "horizon": placement.horizon,
        "min_left_context": placement.min_left_context,
        "strands": [strand.name.lower() for strand in scorer.strands],
        "products": str(product_dtype(next(scorer.model.parameters()))).removeprefix("torch."),
    }


def _moments(scores: NDArray[np.float64]) -> tuple[float, float]:
    """Return mean and standard deviation; a single score has none."""
    return float(scores.mean()), float(scores.std(ddof=1)) if len(scores) > 1 else 0.0


def _short(value: object) -> str:
    """Return a value for a message: of a checksum the start, of a list its items."""
    text = " and ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) < _LONG else f"{text[:12]}..."
