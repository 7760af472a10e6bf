"""Score every ALT of a variant file: every record out, in order, with a score or a reason.

In: VCF or BCF. Out: the same records with our INFO fields, and a report of what became of the ALTs.
Memory is bounded: records wait only for the batch that they are scored in.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import tee
from pathlib import Path
from typing import NamedTuple

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.vcf import VariantReader, VariantRecord, read_variants
from hyenadna_kit.io.vcf_header import InfoField
from hyenadna_kit.io.vcf_source import STDIO
from hyenadna_kit.io.vcf_writer import VariantWriter
from hyenadna_kit.scoring.prepare import Preparation, PreparedAllele, chunked, prepare_sites
from hyenadna_kit.scoring.scorer import VariantScorer, VariantScores
from hyenadna_kit.scoring.status import MismatchPolicy, Site, Status

INFO_FIELDS = (
    InfoField(
        "HK_DELTA_LL",
        "A",
        "Float",
        "Log-likelihood of ALT minus REF over the horizon, in nats; below 0: less likely",
    ),
    InfoField(
        "HK_LLR", "A", "Float", "Log-likelihood ratio of the replaced bases, in nats; . where lengths differ"
    ),
    InfoField("HK_NTOK", "A", "Integer", "Bases in each of the two sums of HK_DELTA_LL"),
    InfoField("HK_NFRAC", "A", "Float", "Share of N in the window"),
    InfoField("HK_STATUS", ".", "String", "What became of each ALT: PASS and EDGE_PADDED carry scores"),
)

_RECORDS_PER_BATCH = 64


@dataclass(frozen=True, kw_only=True)
class ScoringRun:
    """How a file is scored, apart from the model and the placement."""

    num_workers: int = 0
    """Processes that prepare windows beside this one."""
    on_ref_mismatch: MismatchPolicy = "skip"
    """What becomes of a REF that the genome does not have."""
    on_progress: Callable[[int], None] | None = None
    """Called with the number of records that were written so far."""

    def __post_init__(self) -> None:
        if self.num_workers < 0:
            raise InputError(f"num_workers must be 0 or more, got {self.num_workers}")


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
    index_skipped_reason: str | None = None
    """Why the output has no index, where it should."""

    @property
    def unscored_fraction(self) -> float:
        """Share of the ALTs that have no score; 0 where there are none."""
        return 1 - self.num_scored / self.num_alts if self.num_alts else 0.0


class _ScoredAllele(NamedTuple):
    status: str
    scores: VariantScores | None
    sign: int


def score_vcf(
    scorer: VariantScorer, genome: Genome, vcf: str | Path, out: str | Path, run: ScoringRun | None = None
) -> ScoringReport:
    """Score every ALT of ``vcf`` and write every record to ``out``.

    The formats are those of :class:`~hyenadna_kit.io.vcf_writer.VariantWriter`.

    Args:
        scorer: Model, placement and strands.
        genome: The reference of the file.
        vcf: VCF, VCF.gz, BCF or ``-`` for standard input.
        out: ``.vcf``, ``.vcf.gz``, ``.bcf`` or ``-`` for standard output.
        run: How; the defaults where it is None.

    Raises:
        InputError: The input is damaged (nothing is written under the name of ``out``), or a REF
            does not match and the policy is ``error``, or ``out`` is ``vcf`` itself.
    """
    if str(out) != STDIO and Path(out).resolve() == Path(vcf).resolve():
        raise InputError(f"output {out} is the input itself; choose another name")
    run = run or ScoringRun()
    report = ScoringReport()
    with read_variants(vcf) as reader:
        writer = VariantWriter(out, reader.header, info=INFO_FIELDS, provenance=_provenance(scorer, genome))
        with writer:
            for record, alleles in _scored_records(scorer, genome, reader, run):
                writer.write(record, _info(alleles))
                _count(report, alleles)
                if run.on_progress is not None:
                    run.on_progress(report.num_records)
        report.index_skipped_reason = writer.index_skipped_reason
    return report


def _scored_records(
    scorer: VariantScorer, genome: Genome, reader: VariantReader, run: ScoringRun
) -> Iterator[tuple[VariantRecord, list[_ScoredAllele]]]:
    preparation = Preparation(
        genome=genome,
        placement=scorer.placement,
        strands=scorer.strands,
        on_ref_mismatch=run.on_ref_mismatch,
    )
    # The records wait in the queue of ``tee`` while their windows are prepared.
    records, sites = tee(reader)
    prepared = prepare_sites(preparation, map(_site, sites), num_workers=run.num_workers)
    pairs = zip(records, prepared, strict=True)
    for batch in chunked(pairs, _RECORDS_PER_BATCH):
        if run.on_ref_mismatch == "error":
            _refuse_mismatch(batch, reader.name)
        scored = iter(_score_alleles(scorer, [allele for _, alleles in batch for allele in alleles]))
        for record, alleles in batch:
            yield record, [next(scored) for _ in alleles]


def _site(record: VariantRecord) -> Site:
    return Site(record.contig, record.position, record.ref, record.alts)


def _score_alleles(scorer: VariantScorer, alleles: Sequence[PreparedAllele]) -> Iterator[_ScoredAllele]:
    scores = iter(scorer.score_windows([allele.windows for allele in alleles if allele.windows]))
    for allele in alleles:
        found = next(scores) if allele.windows else None
        if found is not None and not found.is_finite:
            yield _ScoredAllele(Status.NAN, None, allele.sign)
        else:
            yield _ScoredAllele("|".join(allele.statuses), found, allele.sign)


def _refuse_mismatch(batch: Iterable[tuple[VariantRecord, list[PreparedAllele]]], source: str) -> None:
    for record, alleles in batch:
        if any(Status.REF_MISMATCH in allele.statuses for allele in alleles):
            raise InputError(
                f"{source}, record {record.number} ({record.site}): REF {record.ref!r} is not what the "
                "genome has there; check that it is the file's reference, or use --on_ref_mismatch skip"
            )


def _info(alleles: Sequence[_ScoredAllele]) -> dict[str, Sequence[str | float | None]]:
    if not alleles:
        return {"HK_STATUS": [Status.NO_ALT]}
    signed = [
        {name: None if value is None else allele.sign * value for name, value in allele.scores.values.items()}
        if allele.scores
        else {}
        for allele in alleles
    ]
    return {
        "HK_DELTA_LL": [values.get("delta_ll") for values in signed],
        "HK_LLR": [values.get("llr") for values in signed],
        "HK_NTOK": [allele.scores.num_tokens if allele.scores else None for allele in alleles],
        "HK_NFRAC": [allele.scores.n_fraction if allele.scores else None for allele in alleles],
        "HK_STATUS": [allele.status for allele in alleles],
    }


def _count(report: ScoringReport, alleles: Sequence[_ScoredAllele]) -> None:
    report.num_records += 1
    report.num_alts += len(alleles)
    report.num_scored += sum(allele.scores is not None for allele in alleles)
    if not alleles:
        report.statuses[Status.NO_ALT] += 1
    for allele in alleles:
        report.statuses.update(allele.status.split("|"))


def _provenance(scorer: VariantScorer, genome: Genome) -> list[str]:
    placement, parameter = scorer.placement, next(scorer.model.parameters())
    # htslib drops the whole line over a comma in a value.
    strands = "both" if len(scorer.strands) > 1 else scorer.strands[0].name.lower()
    return [
        f"##hyenadna_kit_version={version('hyenadna_kit')}",
        f"##hyenadna_kit_model_sha256={scorer.model.fingerprint()}",
        f"##hyenadna_kit_genome_sha256={genome.fingerprint}",
        f"##hyenadna_kit_scorer=<window={placement.window},horizon={placement.horizon},"
        f"min_left_context={placement.min_left_context},placement={placement.kind},strands={strands}>",
        f"##hyenadna_kit_device=<device={parameter.device.type},dtype={str(parameter.dtype).split('.')[-1]}>",
    ]
