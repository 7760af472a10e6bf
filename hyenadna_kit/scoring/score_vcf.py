"""Score every ALT of a variant file: every record out, in order, with a score or a reason.

In: VCF or BCF. Out: the same records with our INFO fields, and a report of what became of the ALTs.
"""

from collections.abc import Iterator
from pathlib import Path

from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.vcf import read_variants
from hyenadna_kit.io.vcf_writer import VariantWriter
from hyenadna_kit.scoring.score_columns import INFO_IDS, info_of
from hyenadna_kit.scoring.score_records import ScoredRecord, ScoringReport, ScoringRun
from hyenadna_kit.scoring.scorer import VariantScorer
from hyenadna_kit.scoring.scoring_job import ScoringJob
from hyenadna_kit.scoring.sources import ModelScores


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
    return score_to_vcf(ScoringJob(ModelScores(scorer, genome, run or ScoringRun()), vcf, out))


def score_to_vcf(job: ScoringJob) -> ScoringReport:
    """Do a job from one variant file to another; see :func:`score_vcf`."""
    columns = job.scores.columns
    with read_variants(job.variants) as reader:
        fields = [column.info for column in columns]
        header = reader.header.with_lines(job.survey.needed)
        writer = VariantWriter(job.out, header, info=fields, provenance=job.scores.provenance, stale=INFO_IDS)

        def write(scored: Iterator[ScoredRecord]) -> None:
            """Write all records."""
            with writer:
                for record, alleles in scored:
                    writer.write(record, info_of(columns, alleles))

        report = job.execute(reader, write, source=reader.name)
    report.index_skipped_reason = writer.index_skipped_reason
    return report
