"""What scoring a file will take, from a look at its records and a sample that is scored.

In: a scorer, a genome and records. Out: counts, and seconds extrapolated from the sample by the tokens
that go through the model.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.vcf import VariantRecord
from hyenadna_kit.scoring.engines import SharedEngine
from hyenadna_kit.scoring.score_records import ScoringRun, score_records
from hyenadna_kit.scoring.scorer import VariantScorer
from hyenadna_kit.scoring.status import Status, examine

_SAMPLED_RECORDS = 256
_BYTES_A_FIELD = 20  # a name, a number of six digits and two separators
_OTHER_FIELDS = 3  # tokens, share of N, status


@dataclass
class Workload:
    """What some records are to the model."""

    num_records: int = 0
    """Records."""
    num_alts: int = 0
    """ALTs in them."""
    num_scorable: int = 0
    """ALTs that can be scored, as far as the record and the genome's REF tell."""
    num_windows: int = 0
    """Windows of the genome that they lie in as the file writes them, on all strands."""
    num_tokens: int = 0
    """Tokens that go through the model."""


@dataclass(frozen=True)
class DryRun:
    """What a job will take."""

    work: Workload
    """All of it."""
    seconds: float | None
    """Time, extrapolated from the first records; None where none of them can be scored."""
    added_bytes: int
    """Bytes that the values add to the records, before compression."""


def dry_run(
    scorer: VariantScorer, genome: Genome, records: Iterable[VariantRecord], run: ScoringRun, *, source: str
) -> DryRun:
    """Read all records, score some of them, and say what all will take.

    Raises:
        InputError: The input is damaged.
    """
    records = iter(records)
    sample = list(islice(records, _SAMPLED_RECORDS))
    sampled = _workload(scorer, genome, sample, run)
    work = _workload(scorer, genome, chain(sample, records), run)
    added = work.num_alts * _BYTES_A_FIELD * (len(scorer.scores) + _OTHER_FIELDS)
    if not sampled.num_tokens:
        return DryRun(work, None, added)
    _seconds(scorer, genome, sample, run, source)  # the first pass pays for what is made once
    seconds = _seconds(scorer, genome, sample, run, source)
    return DryRun(work, seconds * work.num_tokens / sampled.num_tokens, added)


def _workload(
    scorer: VariantScorer, genome: Genome, records: Iterable[VariantRecord], run: ScoringRun
) -> Workload:
    work, placement = Workload(), scorer.placement
    windows: set[tuple[str, Strand, int]] = set()
    for record in records:
        work.num_records += 1
        work.num_alts += len(record.alts)
        for contig, position in _scorable(record, genome, run):
            work.num_scorable += 1
            for strand in scorer.strands:
                along = position if strand is Strand.FORWARD else genome.contigs[contig] - 1 - position
                windows.add((contig, strand, placement.window_start(along, strand)))
    work.num_windows = len(windows)
    shared = isinstance(scorer.engine, SharedEngine)
    tokens_an_alt = len(scorer.strands) * (placement.horizon if shared else placement.window)
    work.num_tokens = len(windows) * placement.window + work.num_scorable * tokens_an_alt
    return work


def _scorable(record: VariantRecord, genome: Genome, run: ScoringRun) -> Iterator[tuple[str, int]]:
    for allele in examine(run.site(record), genome, run.on_ref_mismatch):
        if allele.variant is not None and allele.status in (Status.PASS, Status.REF_MISMATCH):
            yield allele.variant.contig, allele.variant.position


def _seconds(
    scorer: VariantScorer, genome: Genome, sample: Sequence[VariantRecord], run: ScoringRun, source: str
) -> float:
    begin = time.perf_counter()
    for _ in score_records(scorer, genome, sample, run, source=source):
        pass
    return time.perf_counter() - begin
