"""``hyenadna-kit score-genome``: a genome in, the score of every SNV of it out."""

import sys
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class ScoreGenomeOptions:
    """Write the log-likelihood ratio of all three SNVs at every base of a genome, in nats.

    It is what score writes as HK_LLR with the same options. One pass of the genome is enough. A run that
    was stopped goes on where it was when the same command is given again.
    """

    model: str
    """Model folder."""
    genome: str
    """Genome store or FASTA."""
    out: str
    """X.tsv.gz: bgzipped, with an index beside it; contig, pos (from 1), ref, then A, C, G, T as ALT."""
    regions: tuple[str, ...] = ()
    """CONTIG:START-END (1-based, inclusive) or contigs, separated by commas; default: the whole genome."""
    bed: str | None = None
    """BED file of regions, instead of --regions."""
    bigwig: bool = False
    """Write a track for each alternative base too: X.A.bw, X.C.bw, X.G.bw and X.T.bw."""
    window: int | None = None
    """Bases that the model reads; default: its context length."""
    horizon: int | None = None
    """As in score, which the grid of windows depends on; default: 512, a quarter window at most."""
    min_left_context: int | None = None
    """Fewest bases before a variant; default: half a window."""
    strands: Literal["forward", "reverse", "both"] = "forward"
    """Strands that are read; both gives the mean."""
    batch_size: int = 16
    """Windows that the model reads at a time."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute."""
    precision: Literal["fp32", "bf16", "auto"] = "fp32"
    """Number format of matrix products; bf16 is faster and rounds, auto takes it where the device has it."""
    max_memory: str | None = None
    """Memory that a pass of the model may take, as 4G or 512M; default: what is free."""


def run(options: ScoreGenomeOptions) -> int:
    """Score the genome and say what was written.

    Raises:
        InputError: A region is outside the genome, an option does not fit, or parts of another job lie
            beside the output.
        CheckpointError: The model folder is damaged.
    """
    from hyenadna_kit.commands.computing import computing, load_model
    from hyenadna_kit.commands.progress import show_progress
    from hyenadna_kit.genome.interval import Strand
    from hyenadna_kit.io.genome import open_genome
    from hyenadna_kit.io.regions import regions_or_bed, whole_genome
    from hyenadna_kit.scoring.genome_scores import GenomeScorer
    from hyenadna_kit.scoring.genome_scores_file import score_genome
    from hyenadna_kit.scoring.placement import Placement

    genome = open_genome(options.genome)
    named = bool(options.regions or options.bed)
    regions = regions_or_bed(options.regions, options.bed, genome) if named else whole_genome(genome)
    model = load_model(options.model, options.device, options.max_memory)
    placement = Placement.for_window(
        model.context_length if options.window is None else options.window,
        horizon=options.horizon,
        min_left_context=options.min_left_context,
    )
    strands = {"forward": (Strand.FORWARD,), "reverse": (Strand.REVERSE,), "both": tuple(Strand)}
    scorer = GenomeScorer(model, placement, strands=strands[options.strands], batch_size=options.batch_size)
    total = sum(region.length for region in regions)
    with show_progress("bases") as on_progress, computing(model, options.precision):
        report = score_genome(
            scorer,
            genome,
            options.out,
            regions=regions,
            bigwig=options.bigwig,
            on_progress=lambda done: on_progress(done, total),
        )
    print(
        f"{', '.join(map(str, report.paths))}: {report.num_bases:,} bases, "
        f"{report.num_scored:,} of them with scores",
        file=sys.stderr,
    )
    return 0
