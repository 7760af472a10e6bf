"""``hyenadna-kit report-scores``: a scored VCF in, a page about it out."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hyenadna_kit.errors import InputError

if TYPE_CHECKING:
    from hyenadna_kit.scoring.job_report import JobReport
    from hyenadna_kit.scoring.job_report_html import ShardTiming


@dataclass(frozen=True, kw_only=True)
class ReportScoresOptions:
    """Write report.html and report.json: statuses, classes of variants, distributions of scores.

    The page needs no network. With an annotation, scores are told apart by CDS, non-coding exon, intron and
    what lies between genes; with the genome as well, by consequence: synonymous, missense, stop_gained ...
    """

    scored: str
    """VCF, VCF.gz or BCF that score or score-batch wrote."""
    out: str
    """Folder of report.html and report.json."""
    annotation: str | None = None
    """Genes of the genome: GFF3, GTF, BED or GenBank."""
    genome: str | None = None
    """FASTA or genome store that was scored on, with --annotation: for the consequences."""
    genetic_code: int = 1
    """NCBI table of the genes for which the annotation names none (transl_table)."""
    manifest: str | None = None
    """manifest.json of split-variants, with --timings: for the throughput."""
    timings: str | None = None
    """Folder of a table for each shard, NAME.tsv, that names a column s (seconds), as Snakemake writes it."""


def run(options: ReportScoresOptions) -> int:
    """Write the two files.

    Raises:
        InputError: A file is damaged, or is not scored; or annotation and genome do not belong together.
    """
    import json

    from hyenadna_kit.files import atomic_file
    from hyenadna_kit.scoring.job_report_html import render_report

    if (options.manifest is None) != (options.timings is None):
        raise InputError("--manifest and --timings go together; give both or neither")
    report = _report(options)
    timings = _timings(options.manifest, options.timings) if options.manifest and options.timings else []
    shards = [{"shard": each.name, "records": each.num_records, "seconds": each.seconds} for each in timings]
    texts = {
        "report.html": render_report(report, timings),
        "report.json": json.dumps(report.plain() | {"shards": shards}, indent=1) + "\n",
    }
    for name, text in texts.items():
        with atomic_file(Path(options.out) / name) as temporary:
            temporary.write_text(text)
    print(f"wrote {Path(options.out) / 'report.html'} and report.json", file=sys.stderr)
    return 0


def _report(options: ReportScoresOptions) -> "JobReport":
    from hyenadna_kit.genome.consequence_finder import ConsequenceFinder
    from hyenadna_kit.io.annotation import read_annotation
    from hyenadna_kit.io.genetic_codes import genetic_codes
    from hyenadna_kit.io.genome import open_genome
    from hyenadna_kit.io.placed_annotation import place_annotation
    from hyenadna_kit.scoring.job_report import report_scores

    if options.annotation is None:
        if options.genome is not None:
            raise InputError(f"--genome {options.genome} is for the consequences; give --annotation as well")
        return report_scores(options.scored)
    annotation = read_annotation(Path(options.annotation))
    if options.genome is None:
        return report_scores(options.scored, annotation)
    genome = open_genome(options.genome)
    placed = place_annotation(annotation, genome, options.annotation)
    finder = ConsequenceFinder(placed, genome, codes=genetic_codes(), default_code=options.genetic_code)
    return report_scores(options.scored, placed, finder=finder)


def _timings(manifest: str, folder: str) -> "list[ShardTiming]":
    """Return how long each shard took; one without a table is left out."""
    from hyenadna_kit.scoring.job_report_html import ShardTiming
    from hyenadna_kit.scoring.shards import Manifest

    timings = []
    for shard in Manifest.load(Path(manifest)).shards:
        path = Path(folder) / f"{shard.name.partition('.')[0]}.tsv"
        if path.is_file():
            timings.append(ShardTiming(shard.name, shard.num_records, _seconds(path)))
    return timings


def _seconds(path: Path) -> float:
    lines = path.read_text().splitlines()
    try:
        return float(lines[1].split("\t")[lines[0].split("\t").index("s")])
    except (IndexError, ValueError):
        raise InputError(f"{path} has no column s with seconds in its second line; remove it") from None
