"""One file of variants into another, whatever their formats: once, whole, and where a killed run was.

In: records and where their scores come from. Out: scored records, handed to what writes them. A run that
is killed leaves a journal beside the output, and the same command goes on from it.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hyenadna_kit.errors import HyenaDNAKitError, InputError
from hyenadna_kit.files import fingerprint, locked, remove_left_over
from hyenadna_kit.io.variant_survey import VariantSurvey, survey_variants
from hyenadna_kit.io.vcf import VariantRecord
from hyenadna_kit.io.vcf_source import STDIO
from hyenadna_kit.scoring.journal import Journal
from hyenadna_kit.scoring.score_records import ScoredRecord, ScoringReport
from hyenadna_kit.scoring.sources import ScoreSource


@dataclass(frozen=True)
class ScoringJob:
    """One file to be scored into another, whatever their formats.

    Raises:
        InputError: The output is the input.
    """

    scores: ScoreSource
    """Where the scores come from."""
    variants: str | Path
    """What is read; ``-`` is standard input."""
    out: str | Path
    """What is written; ``-`` is standard output."""

    def __post_init__(self) -> None:
        if str(self.out) != STDIO and Path(self.out).resolve() == Path(self.variants).resolve():
            raise InputError(f"output {self.out} is the input itself; choose another name")

    @cached_property
    def survey(self) -> VariantSurvey:
        """What ``variants`` holds, from reading all of it; see :func:`survey_variants`."""
        return survey_variants(self.variants)

    def execute(
        self,
        records: Iterable[VariantRecord],
        write: Callable[[Iterator[ScoredRecord]], None],
        *,
        source: str,
    ) -> ScoringReport:
        """Score ``records``, hand them to ``write`` as they come, and say what became of them.

        Args:
            records: What ``variants`` holds.
            write: Takes every record once and makes the output of them.
            source: What the records come from, for errors.

        Raises:
            InputError: The input is damaged, or a REF does not match and the policy is ``error``.
        """
        report = ScoringReport()
        with self._journal() as journal:
            write(self._reported(self.scores.score(records, source=source, journal=journal), report))
            if journal is not None:
                journal.remove()
        return report

    def _reported(self, scored: Iterable[ScoredRecord], report: ScoringReport) -> Iterator[ScoredRecord]:
        for each in scored:
            yield each
            # Who asks for the next record has written this one.
            report.add(each.alleles)
            if self.scores.run.on_progress is not None:
                self.scores.run.on_progress(report.num_records, self.survey.num_records)

    @contextmanager
    def _journal(self) -> Iterator[Journal | None]:
        """Yield the journal of an output that no other process writes at the same time."""
        if str(self.out) == STDIO or not Path(self.variants).is_file():
            yield None  # what comes through a pipe comes once
            return
        out = Path(self.out)
        out.parent.mkdir(parents=True, exist_ok=True)
        with locked(out):
            remove_left_over(out)
            job = {"input": fingerprint(Path(self.variants)), **self.scores.identity}
            with Journal(out.with_name(f"{out.name}.journal"), job) as journal:
                try:
                    yield journal
                except HyenaDNAKitError:
                    journal.remove()  # the same command would end in the same way
                    raise
