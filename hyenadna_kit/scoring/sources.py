"""Where the scores of a file's records come from.

In: records. Out: the same with what became of their ALTs, and what to write of it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from functools import cached_property

from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.vcf import VariantRecord
from hyenadna_kit.scoring.journal import Journal
from hyenadna_kit.scoring.provenance import provenance_lines
from hyenadna_kit.scoring.score_columns import (
    CALIBRATION_COLUMNS,
    STATUS_COLUMN,
    WINDOW_COLUMNS,
    ScoreColumn,
    score_columns,
)
from hyenadna_kit.scoring.score_records import ScoredRecord, ScoringRun, score_records
from hyenadna_kit.scoring.scorer import VariantScorer


class ScoreSource(ABC):
    """Gives the scores of records."""

    run: ScoringRun
    """How a file is scored."""

    @property
    @abstractmethod
    def columns(self) -> tuple[ScoreColumn, ...]:
        """What is written of every ALT, in order."""

    @property
    @abstractmethod
    def provenance(self) -> list[str]:
        """Header lines that say where the scores come from."""

    @property
    @abstractmethod
    def identity(self) -> dict[str, object]:
        """What the scores depend on beside the records, as plain data."""

    @abstractmethod
    def score(
        self, records: Iterable[VariantRecord], *, source: str, journal: Journal | None
    ) -> Iterator[ScoredRecord]:
        """Yield every record with the scores of its ALTs.

        Args:
            records: They are read a little ahead of what is yielded.
            source: What they come from, for errors.
            journal: Scores of an earlier run; None where there is none.

        Raises:
            InputError: A REF does not match and the policy is ``error``.
        """


class ModelScores(ScoreSource):
    """Scores that a model computes."""

    def __init__(self, scorer: VariantScorer, genome: Genome, run: ScoringRun) -> None:
        """Take what computes, where scores are computed: the number format is that of the moment.

        Args:
            scorer: Model, placement and strands.
            genome: The reference of the records.
            run: How.

        Raises:
            InputError: The calibration belongs to another model, genome or placement.
        """
        self.scorer = scorer
        self.genome = genome
        self.run = run
        if run.calibration is not None:
            run.calibration.check(scorer, genome)

    @property
    def columns(self) -> tuple[ScoreColumn, ...]:
        """The scores, what chance gives, what accompanies them and the status."""
        null = () if self.run.calibration is None else CALIBRATION_COLUMNS
        return (*score_columns(self.scorer.scores), *null, *WINDOW_COLUMNS, STATUS_COLUMN)

    @cached_property
    def provenance(self) -> list[str]:
        """Model, genome, options, device and, where there is one, the calibration."""
        scorer, calibration = self.scorer, self.run.calibration
        lines = provenance_lines(
            scorer.model, self.genome, scorer.placement, scorer.strands, engine=scorer.engine.name
        )
        if calibration is not None:
            lines.append(
                f"##hyenadna_kit_calibration=<score={calibration.score},sha256={calibration.fingerprint}>"
            )
        return lines

    @property
    def identity(self) -> dict[str, object]:
        """What the scores depend on."""
        return {
            "provenance": self.provenance,
            "scores": self.scorer.scores,
            "batch_size": self.scorer.engine.batch_size,
            "on_ref_mismatch": self.run.on_ref_mismatch,
            "include": self.run.include,
        }

    def score(
        self, records: Iterable[VariantRecord], *, source: str, journal: Journal | None
    ) -> Iterator[ScoredRecord]:
        """Yield every record; see :func:`~hyenadna_kit.scoring.score_records.score_records`."""
        return score_records(self.scorer, self.genome, records, self.run, source=source, journal=journal)
