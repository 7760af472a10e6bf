"""``hyenadna-kit benchmark-variants``: measured variants in, how well a model ranks them out."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hyenadna_kit.commands.scorer_options import ScorerOptions
from hyenadna_kit.errors import InputError

if TYPE_CHECKING:
    from hyenadna_kit.commands.benchmark_rows import Benchmark


@dataclass(frozen=True, kw_only=True)
class BenchmarkVariantsOptions(ScorerOptions):
    """Compare scores of a model with measured effects of variants, beside other predictors.

    Nothing is trained. Effects that are numbers are compared by Spearman and Pearson, two classes by AUROC
    and AUPRC, with bootstrap 95 % intervals; so is the difference of each score of the model and each other
    predictor. Beside them stands what the class of a variant alone tells. No predictor is turned round:
    one that falls where the effect rises has a Spearman below 0.
    """

    variants: str
    """Table of a variant a row: .tsv, .csv (maybe .gz) or .parquet, with columns of contig, position (from
    1), ref and alt; - as alt deletes ref."""
    effect: str
    """Column of what was measured: numbers, or 0 and 1; with --positive, classes."""
    out: str
    """Folder of report.html, metrics.json, metrics.tsv and variants.tsv.gz."""
    genome: str | None = None
    """Genome store or FASTA: the reference of the variants; needed for a model and an annotation."""
    model: str | None = None
    """Model folder, or name of a model that comes with the package; without, columns alone are compared."""
    scores: tuple[str, ...] = ("delta_ll", "llr")
    """Scores of the model: some of delta_ll, llr, entropy, l2, cosine."""
    compare: tuple[str, ...] = ()
    """Columns of other predictors, as CADD,phyloP."""
    negate: tuple[str, ...] = ()
    """Scores or columns to take with the other sign, which are then called -NAME."""
    positive: tuple[str, ...] = ()
    """Values of the effect that make the positive class, as Pathogenic,Likely_pathogenic."""
    negative: tuple[str, ...] = ()
    """Values that make the other class; default: all others that are not missing."""
    unsigned: bool = False
    """Compare with the size of the effect, whatever its sign; scores are taken without their sign, too."""
    group: str | None = None
    """Column of what variants belong to, as an element or a gene: intervals are drawn from groups. Those that
    share a position are drawn as one."""
    stratify: str | None = None
    """Column of classes, as consequences: metrics of each, and the class alone as a predictor."""
    annotation: str | None = None
    """GFF3, GTF, BED or GenBank file: the classes are the consequences that it gives, instead of a column."""
    genetic_code: int = 1
    """NCBI table of the genes for which the annotation names none (transl_table)."""
    where: tuple[str, ...] = ()
    """Rows to take, in quotes: 'COLUMN=VALUE,COLUMN>=NUMBER', also !=, <=, > and <; all of them must hold."""
    contig: str | None = None
    """Column of the contig; default: chrom, contig, chr or chromosome, in any case."""
    position: str | None = None
    """Column of the position; default: pos or position."""
    ref: str | None = None
    """Column of the reference allele; default: ref or reference."""
    alt: str | None = None
    """Column of the alternative allele; default: alt or alternative."""
    positions: Literal["contig", "header"] = "contig"
    """Where positions begin: at the first base of the contig, or on the chromosome that the FASTA's header
    names, as >LDLR chr19:11089231-11089548."""
    workers: int = 0
    """Processes that prepare windows beside the one that computes."""
    num_resamples: int = 1000
    """Draws for each interval."""
    seed: int = 0
    """The same seed makes the same intervals."""


def run(options: BenchmarkVariantsOptions) -> int:
    """Write the files and print what all variants say.

    Raises:
        InputError: An option does not fit, a file is damaged, a cell is none of its kind, or no variant could
            be scored.
        CheckpointError: The model folder is damaged.
    """
    from hyenadna_kit.commands.benchmark_page import OTHER_NAMES, PAGE_NAME, write_benchmark
    from hyenadna_kit.commands.benchmark_rows import read_benchmark

    _check(options)
    found = read_benchmark(options)
    write_benchmark(found, Path(options.out))
    print(*_lines(found), sep="\n")
    print(_summary(found), file=sys.stderr)
    print(f"wrote {Path(options.out) / PAGE_NAME}, {', '.join(OTHER_NAMES)}", file=sys.stderr)
    return 0


def _check(options: BenchmarkVariantsOptions) -> None:
    """Refuse options that contradict each other, before anything is read."""
    if options.model is None and not options.compare:
        raise InputError("there is nothing to measure: give --model, columns with --compare, or both")
    for name in ("model", "annotation"):
        if getattr(options, name) is not None and options.genome is None:
            raise InputError(f"--{name} needs the bases of the variants; give their reference with --genome")
    if options.positions == "header" and options.genome is None:
        raise InputError("--positions header reads the headers of a FASTA; name it with --genome")
    if options.num_resamples < 1:
        raise InputError(f"--num_resamples must be at least 1, got {options.num_resamples}")
    if Path(options.out).is_file():
        raise InputError(f"--out {options.out} is a file; give a folder")
    _check_effect(options)
    _check_classes(options)


def _check_effect(options: BenchmarkVariantsOptions) -> None:
    if options.negative and not options.positive:
        raise InputError("--negative names one of two classes; name the other with --positive")
    if options.positive and options.unsigned:
        raise InputError("--unsigned takes the size of numbers, and --positive makes classes; leave one out")


def _check_classes(options: BenchmarkVariantsOptions) -> None:
    if options.stratify is not None and options.annotation is not None:
        raise InputError("--stratify and --annotation both give classes; leave one of them out")
    if options.positions == "header" and options.annotation is not None:
        raise InputError(
            "--annotation lies on chromosomes, and with --positions header the contigs are pieces of them; "
            "give the chromosomes as --genome, or classes with --stratify"
        )


def _lines(found: "Benchmark") -> list[str]:
    """Return what all variants, and what is within groups, say, as a table of tabs."""
    from hyenadna_kit.commands.benchmark_page import estimate_text

    names = found.metric_names
    lines = ["\t".join(("part", "predictor", "variants", *names))]
    for part in found.parts:
        if part.kind != "class":
            for line in part.lines:
                called = line.predictor if line.minus is None else f"{line.predictor} minus {line.minus}"
                cells = (estimate_text(line.metrics[name]) for name in names)
                lines.append("\t".join((part.name, called, str(line.num_rows), *cells)))
    return lines


def _summary(found: "Benchmark") -> str:
    counts = found.counts
    text = f"{counts['rows']:,} rows, {counts['with_effect']:,} with an effect"
    if found.statuses:
        reasons = ", ".join(f"{status} {number:,}" for status, number in found.statuses.most_common())
        text += f", {counts['scored']:,} scored\nstatus: {reasons}"
    return text
