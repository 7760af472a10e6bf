"""``hyenadna-kit score``: a VCF in, the same VCF with scores out."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from hyenadna_kit.io.genome import Genome
    from hyenadna_kit.scoring.score_records import ScoringReport
    from hyenadna_kit.scoring.scorer import VariantScorer

TOO_FEW_SCORED = 3
"""Exit status: all records are written, but more ALTs than --max_unscored have no score."""


@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """Score every ALT of a VCF or BCF by how much less, or more, likely it makes the sequence.

    Every record comes out, in order, every byte as it was but for INFO: HK_DELTA_LL, HK_LLR,
    HK_ENTROPY, HK_L2, HK_COS, HK_NTOK, HK_NFRAC and HK_STATUS, which says why an ALT has no score. Exit
    status 3 tells that all was written but that too few ALTs could be scored.
    """

    model: str
    """Model folder."""
    genome: str
    """Genome store or FASTA: the reference of the VCF."""
    vcf: str
    """VCF, VCF.gz or BCF, - for standard input; or a table with columns chrom, pos (from 1), ref and alt:
    .tsv, .csv (maybe .gz) or .parquet."""
    out: str
    """.vcf, .vcf.gz (bgzipped and indexed) or .bcf, - for standard output; or a table of one row an ALT, in
    full precision: .tsv, .tsv.gz or .parquet."""
    window: int | None = None
    """Bases that the model reads; default: its context length."""
    horizon: int | None = None
    """Bases whose likelihoods are summed, from the variant on; default: 512, a quarter window at most."""
    min_left_context: int | None = None
    """Fewest bases before a variant; default: half a window."""
    placement: Literal["grid", "centred"] = "grid"
    """Windows on a grid that variants share, or one centred on each variant."""
    scores: tuple[str, ...] = ("delta_ll", "llr", "entropy", "l2", "cosine")
    """Scores to write: some of delta_ll, llr, entropy, l2, cosine."""
    engine: Literal["auto", "shared", "full"] = "auto"
    """full: a pass for every window. shared: a pass for every window of the genome, and of the ALTs the
    horizon alone, which gives the same scores. auto: shared where the model and the placement allow it."""
    strands: Literal["forward", "reverse", "both"] = "forward"
    """Strands that are read; both gives the mean."""
    batch_size: int = 16
    """Windows that the model reads at a time. Scores do not depend on it."""
    workers: int = 0
    """Processes that prepare windows beside the one that computes."""
    on_ref_mismatch: Literal["skip", "error", "swap"] = "skip"
    """Where the genome does not have REF: give a status, stop, or, where it has ALT, swap the two."""
    max_unscored: float = 0.5
    """Largest share of ALTs without a score that is a success."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute."""
    precision: Literal["fp32", "bf16", "auto"] = "fp32"
    """Number format of matrix products; bf16 is faster and rounds, auto takes it where the device has it."""
    max_memory: str | None = None
    """Memory that a pass of the model may take, as 4G or 512M; default: what is free."""
    background: str | None = None
    """Score on a haplotype instead of the reference: a phased VCF or BCF whose variants surround each one."""
    sample: str | None = None
    """Whose genotypes of the background; the only sample of a file needs no name."""
    haplotype: Literal[1, 2] = 1
    """Which of the two alleles of a genotype of the background."""
    unphased: Literal["refuse", "reference", "alternative"] = "refuse"
    """A heterozygous genotype of the background without phase: stop, keep the reference, or take its ALT."""
    dry_run: bool = False
    """Say how many variants, windows, seconds and bytes it would take, and write nothing."""


def run(options: ScoreOptions) -> int:
    """Score the file and say what became of its ALTs.

    Raises:
        InputError: A file is damaged, an option does not fit, or a REF does not match and must.
        CheckpointError: The model folder is damaged.
    """
    from hyenadna_kit.commands.computing import computing, load_model
    from hyenadna_kit.commands.progress import show_progress
    from hyenadna_kit.errors import InputError
    from hyenadna_kit.genome.interval import Strand
    from hyenadna_kit.scoring.placement import Placement
    from hyenadna_kit.scoring.score_records import ScoringRun
    from hyenadna_kit.scoring.score_tables import score_file
    from hyenadna_kit.scoring.scorer import VariantScorer

    if not 0 <= options.max_unscored <= 1:
        raise InputError(f"--max_unscored is a share between 0 and 1, got {options.max_unscored:g}")
    genome = _genome(options)
    model = load_model(options.model, options.device, options.max_memory)
    placement = Placement.for_window(
        model.context_length if options.window is None else options.window,
        horizon=options.horizon,
        min_left_context=options.min_left_context,
        kind=options.placement,
    )
    strands = {"forward": (Strand.FORWARD,), "reverse": (Strand.REVERSE,), "both": tuple(Strand)}
    scorer = VariantScorer(
        model,
        placement,
        strands=strands[options.strands],
        batch_size=options.batch_size,
        scores=options.scores,
        engine=options.engine,
    )
    if options.dry_run:
        with computing(model, options.precision):
            return _tell(scorer, genome, options)
    with show_progress("records") as on_progress, computing(model, options.precision):
        scoring = ScoringRun(
            num_workers=options.workers,
            on_ref_mismatch=options.on_ref_mismatch,
            on_progress=lambda done: on_progress(done, None),
        )
        report = score_file(scorer, genome, options.vcf, options.out, scoring)
    print(_summary(report, options.out), file=sys.stderr)
    if report.unscored_fraction <= options.max_unscored:
        return 0
    print(_complaint(report, options), file=sys.stderr)
    return TOO_FEW_SCORED


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


def _tell(scorer: "VariantScorer", genome: "Genome", options: ScoreOptions) -> int:
    """Print what the job would take, a line a fact."""
    from hyenadna_kit.backbone.memory import in_words
    from hyenadna_kit.scoring.dry_run import dry_run
    from hyenadna_kit.scoring.score_records import ScoringRun
    from hyenadna_kit.scoring.score_tables import open_variants

    run = ScoringRun(on_ref_mismatch=options.on_ref_mismatch)
    with open_variants(options.vcf) as table:
        found = dry_run(scorer, genome, table.records, run, source=table.name)
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
    leading = report.statuses.most_common(1)[0][0]
    hints = {
        "NAN": "the weights of the model may hold NaN",
        "NO_CONTIG": f"is {options.genome} its reference?",
        "REF_MISMATCH": f"is {options.genome} its reference?",
    }
    return (
        f"hyenadna-kit score: {report.unscored_fraction:.1%} of the ALTs in {options.vcf} have no score, "
        f"more than --max_unscored {options.max_unscored:g}, most of them {leading}; all records are in "
        f"{options.out}; {hints.get(leading, 'HK_STATUS gives the reasons')}"
    )


def _summary(report: "ScoringReport", out: str) -> str:
    statuses = ", ".join(f"{status} {count:,}" for status, count in report.statuses.most_common())
    lines = [
        f"{out}: {report.num_records:,} records, {report.num_scored:,} of {report.num_alts:,} ALTs scored"
    ]
    lines += [f"status: {statuses}"] if statuses else []
    lines += [f"no index: {report.index_skipped_reason}"] if report.index_skipped_reason else []
    return "\n".join(lines)
