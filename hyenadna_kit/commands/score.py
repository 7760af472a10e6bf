"""``hyenadna-kit score``: a VCF in, the same VCF with scores out."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hyenadna_kit.commands.scorer_options import ScorerOptions, load_scorer

if TYPE_CHECKING:
    from hyenadna_kit.commands.progress import OnProgress
    from hyenadna_kit.io.genome import Genome
    from hyenadna_kit.scoring.score_records import ScoringReport, ScoringRun
    from hyenadna_kit.scoring.scorer import VariantScorer
    from hyenadna_kit.scoring.sources import ScoreSource

TOO_FEW_SCORED = 3
"""Exit status: all records are written, but more ALTs than --max_unscored have no score."""


@dataclass(frozen=True, kw_only=True)
class ScoreOptions(ScorerOptions):
    """Score every ALT of a VCF or BCF by how much less, or more, likely it makes the sequence.

    Every record comes out, in order, every byte as it was but for INFO: HK_DELTA_LL, HK_LLR,
    HK_ENTROPY, HK_L2, HK_COS, HK_NTOK, HK_NFRAC and HK_STATUS, which says why an ALT has no score; with
    --calibration HK_Z and HK_PCT, too, and with --lookup HK_LLR and HK_STATUS alone. Exit status 3 tells that
    all was written but that too few ALTs could be scored.
    """

    model: str | None = None
    """Model folder; needed unless scores are looked up."""
    genome: str
    """Genome store or FASTA: the reference of the VCF."""
    vcf: str
    """VCF, VCF.gz or BCF, - for standard input; or a table with columns chrom, pos (from 1), ref and alt:
    .tsv, .csv (maybe .gz) or .parquet."""
    out: str
    """.vcf, .vcf.gz (bgzipped and indexed) or .bcf, - for standard output; or a table of one row an ALT, in
    full precision: .tsv, .tsv.gz or .parquet."""
    scores: tuple[str, ...] = ("delta_ll", "llr", "entropy", "l2", "cosine")
    """Scores to write: some of delta_ll, llr, entropy, l2, cosine."""
    workers: int = 0
    """Processes that prepare windows beside the one that computes."""
    on_ref_mismatch: Literal["skip", "error", "swap"] = "skip"
    """Where the genome does not have REF: give a status, stop, or, where it has ALT, swap the two."""
    max_unscored: float = 0.5
    """Largest share of ALTs without a score that is a success."""
    background: str | None = None
    """Score on a haplotype instead of the reference: a phased VCF or BCF whose variants surround each one."""
    sample: str | None = None
    """Whose genotypes of the background; the only sample of a file needs no name."""
    haplotype: Literal[1, 2] = 1
    """Which of the two alleles of a genotype of the background."""
    unphased: Literal["refuse", "reference", "alternative"] = "refuse"
    """A heterozygous genotype of the background without phase: stop, keep the reference, or take its ALT."""
    calibration: str | None = None
    """File of calibrate for this model, genome and options: adds HK_Z and HK_PCT, how far and how rare the
    score is among those of null variants of the same kind."""
    lookup: str | None = None
    """Table of score-genome: look HK_LLR up in it, in seconds and without a model."""
    include: tuple[str, ...] = ()
    """Score only records whose FILTER has one of these names, separated by commas (a point is no FILTER); the
    others come out as FILTERED, which max_unscored does not count."""
    dry_run: bool = False
    """Say how many variants, windows, seconds and bytes it would take, and write nothing."""


def run(options: ScoreOptions) -> int:
    """Score the file and say what became of its ALTs.

    Raises:
        InputError: A file is damaged, an option does not fit, or a REF does not match and must.
        CheckpointError: The model folder is damaged.
    """
    from hyenadna_kit.commands.progress import show_progress
    from hyenadna_kit.errors import InputError
    from hyenadna_kit.scoring.score_tables import score_by

    if not 0 <= options.max_unscored <= 1:
        raise InputError(f"--max_unscored is a share between 0 and 1, got {options.max_unscored:g}")
    refuse_calibrated_background(options)
    if options.lookup is None and options.dry_run:
        return _tell(options)
    with show_progress("records") as on_progress, _scores(options, on_progress) as scores:
        report = score_by(scores, options.vcf, options.out)
    print(_summary(report, options.out), file=sys.stderr)
    if report.unscored_fraction <= options.max_unscored:
        return 0
    print(_complaint(report, options), file=sys.stderr)
    return TOO_FEW_SCORED


@contextmanager
def _scores(options: ScoreOptions, on_progress: "OnProgress") -> Iterator["ScoreSource"]:
    """Yield where scores come from, in the number format that they are computed in."""
    from hyenadna_kit.commands.computing import computing
    from hyenadna_kit.io.genome_scores_reader import GenomeScores
    from hyenadna_kit.scoring.lookup import TableScores
    from hyenadna_kit.scoring.sources import ModelScores

    run = _run(options, on_progress)
    if options.lookup is not None:
        _refuse_beside_lookup(options)
        with GenomeScores(options.lookup) as table:
            yield TableScores(table, _genome(options), run)
        return
    genome, scorer = _genome(options), _scorer(options)
    with computing(scorer.model, options.precision):
        yield ModelScores(scorer, genome, run)


def _scorer(options: ScoreOptions) -> "VariantScorer":
    from hyenadna_kit.errors import InputError

    if options.model is None:
        raise InputError("--model is missing: give a model folder, or a table of score-genome with --lookup")
    return load_scorer(options.model, options, options.scores)


def _run(options: ScoreOptions, on_progress: "OnProgress | None" = None) -> "ScoringRun":
    from hyenadna_kit.scoring.calibration import Calibration
    from hyenadna_kit.scoring.score_records import ScoringRun

    return ScoringRun(
        num_workers=options.workers,
        on_ref_mismatch=options.on_ref_mismatch,
        include=options.include,
        calibration=None if options.calibration is None else Calibration.load(options.calibration),
        on_progress=on_progress,
    )


def _refuse_beside_lookup(options: ScoreOptions) -> None:
    """Refuse options that a table has no answer to."""
    from hyenadna_kit.errors import InputError

    of_models = ("model", "scores", "calibration", "background", "workers", "dry_run")
    defaults = {each.name: each.default for each in fields(options)}
    for name in (*of_models, *(each.name for each in fields(ScorerOptions))):
        if getattr(options, name) != defaults[name]:
            raise InputError(f"--lookup takes scores from a table, without --{name}; leave one of them out")


def refuse_calibrated_background(options: ScoreOptions) -> None:
    """Refuse null variants of the reference for scores on a haplotype, and a file that is none.

    Raises:
        InputError: Both are asked for, or the calibration is no file.
    """
    from hyenadna_kit.errors import InputError

    if options.calibration is None:
        return
    if options.background is not None:
        raise InputError(
            "--calibration compares with null variants of the reference, not of a haplotype; leave it or "
            "--background out"
        )
    if not Path(options.calibration).is_file():
        raise InputError(
            f"--calibration {options.calibration} is no file; make one with hyenadna-kit calibrate"
        )


def _genome(options: ScoreOptions) -> "Genome":
    """Return what variants are scored on: the reference, or a haplotype."""
    from hyenadna_kit.io.genome import open_genome
    from hyenadna_kit.io.haplotype_genome import HaplotypeGenome
    from hyenadna_kit.io.haplotype_rules import HaplotypeRules

    reference = open_genome(options.genome)
    if options.background is None:
        return reference
    rules = HaplotypeRules(haplotype=options.haplotype, sample=options.sample, unphased=options.unphased)
    return HaplotypeGenome.read(reference, options.background, rules)


def _tell(options: ScoreOptions) -> int:
    """Print what the job would take, a line a fact."""
    from hyenadna_kit.backbone.memory import in_words
    from hyenadna_kit.commands.computing import computing
    from hyenadna_kit.scoring.dry_run import dry_run
    from hyenadna_kit.scoring.score_tables import open_variants

    genome, scorer = _genome(options), _scorer(options)
    with computing(scorer.model, options.precision), open_variants(options.vcf) as table:
        found = dry_run(scorer, genome, table.records, _run(options), source=table.name)
    work = found.work
    facts = {
        "records": f"{work.num_records:,}",
        "ALTs": f"{work.num_alts:,}, of which {work.num_scorable:,} can be scored",
        "windows": f"{work.num_windows:,} of {scorer.placement.window:,} bp, engine {scorer.engine.name}",
        "tokens through the model": f"{work.num_tokens:,}",
        "time (extrapolated)": "none can be scored" if found.seconds is None else f"{found.seconds:,.0f} s",
        "added to the records (estimate)": in_words(found.added_bytes),
    }
    for name, fact in facts.items():
        print(f"{name:<32}  {fact}")
    return 0


def _complaint(report: "ScoringReport", options: ScoreOptions) -> str:
    leading = report.reasons.most_common(1)[0][0]
    hints = {
        "NAN": "the weights of the model may hold NaN",
        "NO_CONTIG": f"is {options.genome} its reference?",
        "REF_MISMATCH": f"is {options.genome} its reference?",
    }
    return (
        f"hyenadna-kit score: {report.unscored_fraction:.1%} of the ALTs in {options.vcf} have no score, "
        f"more than --max_unscored {options.max_unscored:g}, {report.reasons[leading]:,} of them {leading}; "
        f"all records are in {options.out}; {hints.get(leading, 'HK_STATUS gives the reasons')}"
    )


def _summary(report: "ScoringReport", out: str) -> str:
    statuses = ", ".join(f"{status} {count:,}" for status, count in report.statuses.most_common())
    lines = [
        f"{out}: {report.num_records:,} records, {report.num_scored:,} of {report.num_alts:,} ALTs scored"
    ]
    lines += [f"status: {statuses}"] if statuses else []
    lines += [f"no index: {report.index_skipped_reason}"] if report.index_skipped_reason else []
    return "\n".join(lines)
