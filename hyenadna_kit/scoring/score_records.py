"""Records to scored records: every one in order, every ALT with its scores or a reason.

In: records of a variant file or table. Out: the same records with what became of their ALTs. Memory is
bounded: records wait only for the batch that they are scored in. Which records are scored together
depends on them and on the options alone, so that the parts of a file give the same as the whole.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, tee
from typing import NamedTuple

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.vcf import VariantRecord
from hyenadna_kit.scoring.calibration import Calibration
from hyenadna_kit.scoring.journal import Journal
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.prepare import Preparation, PreparedAllele, prepare_sites
from hyenadna_kit.scoring.scored import ScoredAllele
from hyenadna_kit.scoring.scorer import VariantScorer
from hyenadna_kit.scoring.status import MismatchPolicy, Site, Status

_Prepared = tuple[VariantRecord, list[PreparedAllele]]


class ScoredRecord(NamedTuple):
    """A record and what became of its ALTs."""

    record: VariantRecord
    """The record."""
    alleles: list[ScoredAllele]
    """One entry an ALT."""


@dataclass(frozen=True, kw_only=True)
class ScoringRun:
    """How a file is scored, apart from the model and the placement."""

    num_workers: int = 0
    """Processes that prepare windows beside this one."""
    on_ref_mismatch: MismatchPolicy = "skip"
    """What becomes of a REF that the genome does not have."""
    include: tuple[str, ...] = ()
    """Only records whose FILTER has one of these are scored, ``.`` being none; empty: all records."""
    calibration: Calibration | None = None
    """What one of the scores is compared with."""
    on_progress: Callable[[int, int | None], None] | None = None
    """Called with the number of records that were written so far, and of all; None of a pipe's."""

    def __post_init__(self) -> None:
        if self.num_workers < 0:
            raise InputError(f"num_workers must be 0 or more, got {self.num_workers}")

    def site(self, record: VariantRecord) -> Site:
        """Return what the scores of a record depend on."""
        is_included = not self.include or not {*(record.filters or (".",))}.isdisjoint(self.include)
        return Site(record.contig, record.position, record.ref, record.alts, is_included)


@dataclass
class ScoringReport:
    """What became of a file."""

    num_records: int = 0
    """Records read and written."""
    num_alts: int = 0
    """ALTs in them."""
    statuses: Counter[str] = field(default_factory=Counter)
    """How many ALTs have each status; joined ones count under each part."""
    num_scored: int = 0
    """ALTs with a score."""
    reasons: Counter[str] = field(default_factory=Counter)
    """How many of the ALTs that were asked for have no score, by why."""
    index_skipped_reason: str | None = None
    """Why the output has no index, where it should."""

    def add(self, alleles: Sequence[ScoredAllele]) -> None:
        """Take note of the ALTs of one more record."""
        self.num_records += 1
        self.num_alts += len(alleles)
        self.num_scored += sum(allele.scores is not None for allele in alleles)
        if not alleles:
            self.statuses[Status.NO_ALT] += 1
        for allele in alleles:
            self.statuses.update(allele.status.split("|"))
            if allele.scores is None and allele.status != Status.FILTERED:
                self.reasons[allele.status] += 1

    @property
    def unscored_fraction(self) -> float:
        """Share without a score of the ALTs that were asked for; 0 where there are none."""
        asked = self.num_alts - self.statuses[Status.FILTERED]
        return 1 - self.num_scored / asked if asked else 0.0


def score_records(
    scorer: VariantScorer,
    genome: Genome,
    records: Iterable[VariantRecord],
    run: ScoringRun,
    *,
    source: str,
    journal: Journal | None = None,
) -> Iterator[ScoredRecord]:
    """Yield every record with the scores of its ALTs.

    Args:
        scorer: Model, placement and strands.
        genome: The reference of the records.
        records: They are read a little ahead of what is yielded.
        run: How.
        source: What the records come from, for errors.
        journal: Scores of the first records from an earlier run, which are not computed again; those
            of the others are added to it.

    Raises:
        InputError: A REF does not match and the policy is ``error``.
    """
    records = iter(records)
    if journal is not None:
        for row in journal.read():
            yield ScoredRecord(next(records), row)
    for batch in _batches(_prepared(scorer, genome, records, run), scorer):
        if run.on_ref_mismatch == "error":
            for record, alleles in batch:
                refuse_mismatch(record, (each for allele in alleles for each in allele.statuses), source)
        alleles = [allele for _, alleles in batch for allele in alleles]
        scored = _calibrate(_score_alleles(scorer, alleles), alleles, genome, run.calibration)
        rows = [list(islice(scored, len(prepared))) for _, prepared in batch]
        if journal is not None:
            journal.write(rows)
        yield from (ScoredRecord(record, row) for (record, _), row in zip(batch, rows, strict=True))


def _prepared(
    scorer: VariantScorer, genome: Genome, records: Iterator[VariantRecord], run: ScoringRun
) -> Iterator[_Prepared]:
    preparation = Preparation(
        genome=genome,
        placement=scorer.placement,
        strands=scorer.strands,
        on_ref_mismatch=run.on_ref_mismatch,
    )
    # The records wait in the queue of ``tee`` while their windows are prepared.
    ahead, behind = tee(records)
    prepared = prepare_sites(preparation, map(run.site, ahead), num_workers=run.num_workers)
    return zip(behind, prepared, strict=True)


def _batches(prepared: Iterable[_Prepared], scorer: VariantScorer) -> Iterator[list[_Prepared]]:
    """Yield runs of records of one block of the genome, cut where they are many."""
    placement: Placement = scorer.placement
    most = scorer.engine.num_together(placement.window)
    batch: list[_Prepared] = []
    last: tuple[str, int] | None = None
    for each in prepared:
        block = (each[0].contig, placement.block(each[0].position))
        if batch and (block != last or len(batch) == most):
            yield batch
            batch = []
        last = block
        batch.append(each)
    if batch:
        yield batch


def _score_alleles(scorer: VariantScorer, alleles: Sequence[PreparedAllele]) -> Iterator[ScoredAllele]:
    scores = iter(scorer.score_windows([allele.windows for allele in alleles if allele.windows]))
    for allele in alleles:
        found = next(scores) if allele.windows else None
        if found is not None and not found.is_finite:
            yield ScoredAllele(Status.NAN, None, allele.sign)
        else:
            yield ScoredAllele("|".join(allele.statuses), found, allele.sign)


def _calibrate(
    scored: Iterable[ScoredAllele],
    alleles: Sequence[PreparedAllele],
    genome: Genome,
    calibration: Calibration | None,
) -> Iterator[ScoredAllele]:
    """Yield the alleles beside chance, which makes changes from the genome and none to it."""
    for found, allele in zip(scored, alleles, strict=True):
        if calibration is None or found.scores is None or allele.variant is None or allele.sign < 0:
            yield found
        else:
            value = found.scores.values[calibration.score]
            yield found._replace(calibrated=calibration.of(allele.variant, genome, value))


def refuse_mismatch(record: VariantRecord, statuses: Iterable[Status], source: str) -> None:
    """Refuse a record whose REF the genome does not have.

    Args:
        record: The record.
        statuses: What became of its ALTs.
        source: What it comes from, for the error.

    Raises:
        InputError: One of the statuses says so.
    """
    if Status.REF_MISMATCH in statuses:
        raise InputError(
            f"{source}, record {record.number} ({record.site}): REF {record.ref!r} is not what the genome "
            "has there; check that it is the file's reference, or use --on_ref_mismatch skip"
        )
