"""Score every ALT of a file, whatever it is: VCF, BCF or a table, to VCF, BCF or a table.

In: variants. Out: the same records with scores, and a report of what became of the ALTs. A table has one
row an ALT: the columns of the input, then the scores with all their digits.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.raw_table import Cell
from hyenadna_kit.io.variant_tables import (
    VARIANT_TABLE_SUFFIXES,
    TableColumn,
    TableRecord,
    VariantTable,
    is_variant_table,
    read_variant_table,
    variants_as_table,
    write_variant_rows,
)
from hyenadna_kit.io.vcf import read_variants
from hyenadna_kit.io.vcf_source import STDIO
from hyenadna_kit.scoring.score_columns import ScoreColumn, cells_of_row
from hyenadna_kit.scoring.score_records import ScoredRecord, ScoringReport, ScoringRun
from hyenadna_kit.scoring.score_vcf import score_to_vcf
from hyenadna_kit.scoring.scorer import VariantScorer
from hyenadna_kit.scoring.scoring_job import ScoringJob
from hyenadna_kit.scoring.sources import ModelScores, ScoreSource

_SUFFIXES = (".vcf", ".vcf.gz", ".bcf", *VARIANT_TABLE_SUFFIXES)


def score_file(
    scorer: VariantScorer,
    genome: Genome,
    variants: str | Path,
    out: str | Path,
    run: ScoringRun | None = None,
) -> ScoringReport:
    """Score every ALT of ``variants`` and write it to ``out``, each in the format of its name.

    A table that is written has the columns of the table that was read, or chrom, pos (1-based), id, ref,
    alt and filter of a VCF; then one a score, ``ntok``, ``nfrac`` and ``status``. A record of several ALTs
    becomes several rows, one without ALT a row without scores.

    Args:
        scorer: Model, placement and strands.
        genome: The reference of the file.
        variants: ``.tsv``, ``.csv``, either with ``.gz`` behind, or ``.parquet``; all else is VCF, VCF.gz or
            BCF, or ``-`` for standard input.
        out: ``.tsv``, ``.tsv.gz`` or ``.parquet``; and of a VCF also what
            :func:`~hyenadna_kit.scoring.score_vcf.score_vcf` writes.
        run: How; the defaults where it is None.

    Raises:
        InputError: The input is damaged or a row of it wrong (nothing is written under the name of
            ``out``), it has a column that would be written, a REF does not match and the policy is
            ``error``, or ``out`` cannot be made of it.
    """
    return score_by(ModelScores(scorer, genome, run or ScoringRun()), variants, out)


def score_by(scores: ScoreSource, variants: str | Path, out: str | Path) -> ScoringReport:
    """Give every ALT its scores, wherever they come from; see :func:`score_file`."""
    name = str(out)
    if name != STDIO and not name.endswith(_SUFFIXES):
        raise InputError(
            f"output {out} must end in {', '.join(_SUFFIXES)}, or be - for VCF on standard output"
        )
    if name.endswith(VARIANT_TABLE_SUFFIXES):
        return _score_to_table(ScoringJob(scores, variants, Path(out)))
    if is_variant_table(variants):
        raise InputError(
            f"{variants} is a table and has no header to make a VCF of; choose an output that ends in "
            f"{', '.join(VARIANT_TABLE_SUFFIXES)}, not {out}"
        )
    return score_to_vcf(ScoringJob(scores, variants, out))


@contextmanager
def open_variants(variants: str | Path) -> Iterator[VariantTable]:
    """Open a table or a variant file as columns and records.

    Raises:
        InputError: The file is damaged at its start, or lacks a column.
    """
    if is_variant_table(variants):
        yield read_variant_table(Path(variants))
    else:
        with read_variants(variants) as reader:
            yield variants_as_table(reader)


def _score_to_table(job: ScoringJob) -> ScoringReport:
    ours = job.scores.columns
    with open_variants(job.variants) as table:
        columns = (*table.columns, *(column.table_column for column in ours))
        _refuse_taken(table, columns)
        metadata = dict(line.removeprefix("##").split("=", 1) for line in job.scores.provenance)

        def write(scored: Iterator[ScoredRecord]) -> None:
            """Write the rows of all records."""
            rows = (row for each in scored for row in _rows(each, ours, table.alt))
            write_variant_rows(Path(job.out), columns, rows, metadata=metadata)

        return job.execute(table.records, write, source=table.name)


def _refuse_taken(table: VariantTable, columns: Sequence[TableColumn]) -> None:
    taken = {column.name for column in table.columns}
    for column in columns[len(table.columns) :]:
        if column.name in taken:
            raise InputError(
                f"{table.name}: column {column.name!r} has the name of a score's column; rename or remove it"
            )


def _rows(scored: ScoredRecord, columns: Sequence[ScoreColumn], alt: int) -> Iterator[Sequence[Cell]]:
    record, alleles = scored
    assert isinstance(record, TableRecord)  # the records of the table come back as they went in
    if not alleles:
        yield (*record.cells, *cells_of_row(columns, None))
    for allele_text, allele in zip(record.alts, alleles, strict=True):
        cells = cells_of_row(columns, allele)
        yield (*record.cells[:alt], allele_text, *record.cells[alt + 1 :], *cells)
