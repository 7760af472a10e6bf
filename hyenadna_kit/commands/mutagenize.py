"""``hyenadna-kit mutagenize``: regions or genes in, the score of every change of their bases out."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from hyenadna_kit.commands.scorer_options import ScorerOptions, load_scorer
from hyenadna_kit.errors import InputError

if TYPE_CHECKING:
    from hyenadna_kit.io.genome import Genome
    from hyenadna_kit.scoring.mutagenesis import Mutagenesis, NamedRegion
    from hyenadna_kit.scoring.mutagenesis_file import MutagenesisJob, WriteRegion
    from hyenadna_kit.scoring.scorer import VariantScorer

_COLUMNS = ("region", "bases", "scored", "variants", "mean", "lowest", "highest")
_MOST_LETTERS_OF_NAME = 120


@dataclass(frozen=True, kw_only=True)
class MutagenizeOptions(ScorerOptions):
    """Score every single-base change of some regions or genes, and draw them.

    Name the regions by --regions, by --bed, or by --annotation and --genes. Positions and bases are those of
    the forward strand, also of genes on the other one. A line is printed for each region.
    """

    model: str
    """Model folder."""
    genome: str
    """Genome store or FASTA."""
    out: tuple[str, ...]
    """X.h5, X.tsv or X.tsv.gz, or several of them, separated by commas."""
    regions: tuple[str, ...] = ()
    """CONTIG:START-END (1-based, inclusive) or whole contigs, separated by commas."""
    bed: str | None = None
    """BED file of regions, instead of --regions."""
    annotation: str | None = None
    """GFF3, GTF, BED or GenBank file, whose --genes are the regions."""
    genes: tuple[str, ...] = ()
    """Names or symbols of genes in --annotation, separated by commas."""
    figure: str | None = None
    """Folder for a figure of each region, as PNG and SVG: heat map above sequence logo; 5,000 bp at most."""
    deletions: bool = False
    """Delete every base, too."""
    score: Literal["delta_ll", "llr", "l2", "cosine"] = "delta_ll"
    """Score to write."""


def run(options: MutagenizeOptions) -> int:
    """Write the scores and the figures, and print one line a region.

    Raises:
        InputError: A region is outside the genome, a gene is not in the annotation, an option does not
            fit, or a region is too long for a figure.
        CheckpointError: The model folder is damaged.
    """
    from hyenadna_kit.commands.computing import computing
    from hyenadna_kit.io.genome import open_genome
    from hyenadna_kit.scoring.mutagenesis import saturation_columns
    from hyenadna_kit.scoring.mutagenesis_file import (
        MutagenesisJob,
        mutagenesis_provenance,
        require_output,
        write_mutagenesis,
    )

    # One file under two spellings would be waited for by this very process.
    outs = list({Path(out).resolve(): Path(out) for out in options.out}.values())
    if not outs:
        raise InputError("--out names no file; give X.h5 or X.tsv")
    for out in outs:
        require_output(out)
    columns = saturation_columns(options.score, deletions=options.deletions)
    genome = open_genome(options.genome)
    regions = _regions(options, genome)
    if options.figure is not None:
        _check_figures(Path(options.figure), regions)
    scorer = load_scorer(options.model, options, [options.score])
    with computing(scorer.model, options.precision), ExitStack() as stack:
        provenance = mutagenesis_provenance(scorer, genome, options.score, columns)
        job = MutagenesisJob(genome=genome, regions=regions, columns=columns, provenance=provenance)
        writers = [stack.enter_context(write_mutagenesis(out, job)) for out in outs]
        num_scored, lines = 0, ["\t".join(_COLUMNS)]
        for each in _written(options, scorer, job=job, writers=writers):
            num_scored += each.num_scored
            lines.append(_line(each))
    print(*lines, sep="\n")
    print(f"wrote {', '.join(map(str, outs))}", file=sys.stderr)
    if num_scored < job.num_changes:
        print(
            f"{job.num_changes - num_scored:,} of {job.num_changes:,} changes have no score: no base to sum "
            "over stands behind them, or the model gave no number",
            file=sys.stderr,
        )
    return 0


def _written(
    options: MutagenizeOptions,
    scorer: "VariantScorer",
    *,
    job: "MutagenesisJob",
    writers: Sequence["WriteRegion"],
) -> Iterator["Mutagenesis"]:
    """Score each region, hand it to the writers, draw it and yield it."""
    from hyenadna_kit.commands.progress import show_progress
    from hyenadna_kit.scoring.mutagenesis import mutagenize

    done, total = 0, job.num_changes
    with show_progress("changes") as on_progress:

        def count(number: int) -> None:
            """Show that so many more changes are scored."""
            nonlocal done
            done += number
            on_progress(done, total)

        for name, region in job.regions:
            found = mutagenize(
                scorer,
                job.genome,
                region,
                score=options.score,
                deletions=options.deletions,
                name=name,
                on_progress=count,
            )
            for write in writers:
                write(found)
            if options.figure is not None:
                _draw(Path(options.figure), found)
            yield found


def _regions(options: MutagenizeOptions, genome: "Genome") -> list["NamedRegion"]:
    """Return the regions that the options name, on the forward strand."""
    from hyenadna_kit.genome.interval import Strand
    from hyenadna_kit.io.regions import regions_or_bed
    from hyenadna_kit.scoring.mutagenesis import NamedRegion

    if (options.annotation is None) != (not options.genes):
        raise InputError("--annotation FILE and --genes NAMES go together")
    if options.annotation is None:
        found = regions_or_bed(options.regions, options.bed, genome)
        named = [NamedRegion(region.region, region) for region in found]
    elif options.regions or options.bed is not None:
        raise InputError("name the regions by one of --regions, --bed and --annotation with --genes")
    else:
        named = _genes(Path(options.annotation), options.genes, genome)
    return [each._replace(region=replace(each.region, strand=Strand.FORWARD)) for each in named]


def _genes(annotation: Path, wanted: Sequence[str], genome: "Genome") -> list["NamedRegion"]:
    """Return the genes of these names or symbols, all that have one of them, in the order of the names."""
    from hyenadna_kit.config import nearest
    from hyenadna_kit.io.annotation import read_annotation
    from hyenadna_kit.io.regions import check_inside
    from hyenadna_kit.scoring.mutagenesis import NamedRegion

    genes = read_annotation(annotation).genes
    regions: list[NamedRegion] = []
    for name in dict.fromkeys(wanted):
        found = [gene for gene in genes if name in (gene.name, gene.symbol)]
        if not found:
            known = sorted({label for gene in genes for label in (gene.name, gene.symbol) if label})
            raise InputError(f"{annotation} has no gene {name!r}{nearest(name, known)}")
        source = f"{annotation}, gene {name}"
        regions += [NamedRegion(name, check_inside(gene.interval, genome, source)) for gene in found]
    return regions


def _check_figures(folder: Path, regions: Sequence["NamedRegion"]) -> None:
    from hyenadna_kit.plots.histogram import require_matplotlib
    from hyenadna_kit.plots.mutagenesis import MOST_POSITIONS

    require_matplotlib()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--figure {folder} is a file; give a folder")
    for name, region in regions:
        if region.length > MOST_POSITIONS:
            raise InputError(
                f"{name} has {region.length:,} bp and a figure {MOST_POSITIONS:,} at most; "
                "name a shorter region, or leave --figure out"
            )


def _draw(folder: Path, found: "Mutagenesis") -> None:
    from hyenadna_kit.files import atomic_file
    from hyenadna_kit.plots.mutagenesis import MutagenesisLabels, MutagenesisPanel, mutagenesis_pictures
    from hyenadna_kit.scoring.scores import SCORES

    # What makes a sequence less likely is what matters: there the letters stand upright.
    is_signed = SCORES[found.score].is_signed
    panel = MutagenesisPanel(
        found.reference,
        found.region.start + 1,
        found.columns,
        found.scores,
        -found.mean_effects if is_signed else found.mean_effects,
    )
    named = "" if found.name == found.region.region else f"{found.name}, "
    labels = MutagenesisLabels(
        f"{named}{found.region.region}",
        f"{found.score} (nats)" if is_signed else found.score,
        f"{'-' if is_signed else ''}mean {found.score}",
    )
    pictures = mutagenesis_pictures(panel, labels)
    for suffix, picture in zip(("png", "svg"), pictures, strict=True):
        with atomic_file(folder / f"{_stem(found)}.{suffix}") as temporary:
            temporary.write_bytes(picture)


def _stem(found: "Mutagenesis") -> str:
    """Return the name of the figure of a region: ``chr1_101-200``, ``thrL_chr1_101-200``."""
    region = found.region
    place = f"{region.contig}_{region.start + 1}-{region.end}"
    named = place if found.name == region.region else f"{found.name[:_MOST_LETTERS_OF_NAME]}_{place}"
    return quote(named, safe="")


def _line(found: "Mutagenesis") -> str:
    import numpy as np

    scored = found.scores[np.isfinite(found.scores)]
    numbers = (scored.mean(), scored.min(), scored.max()) if scored.size else ()
    shown = [f"{number:.6g}" for number in numbers] or ["."] * 3
    counts = (found.region.length, found.num_scored, found.num_variants)
    return "\t".join([found.name, *map(str, counts), *shown])
