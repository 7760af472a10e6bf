"""``hyenadna-kit score-genome``: a genome in, the score of every SNV of it out."""

import sys
from dataclasses import dataclass

from hyenadna_kit.commands.scorer_options import WindowOptions, placement_of, strands_of


@dataclass(frozen=True, kw_only=True)
class ScoreGenomeOptions(WindowOptions):
    """Write the log-likelihood ratio of all three SNVs at every base of a genome, in nats.

    It is what score writes as HK_LLR with the same options, and score --lookup X.tsv.gz takes it from the
    table. One pass of the genome is enough. A run that was stopped goes on where it was when the same
    command is given again.
    """

    model: str
    """Model folder."""
    genome: str
    """Genome store or FASTA."""
    out: str
    """X.tsv.gz: bgzipped, with an index beside it; contig, pos (from 1), ref, then A, C, G, T as ALT."""
    regions: tuple[str, ...] = ()
    """CONTIG:START-END (1-based, inclusive) or whole contigs, separated by commas; default: all of the
    genome."""
    bed: str | None = None
    """BED file of regions, instead of --regions."""
    bigwig: bool = False
    """Write a track for each alternative base too: X.A.bw, X.C.bw, X.G.bw and X.T.bw."""


def run(options: ScoreGenomeOptions) -> int:
    """Score the genome and say what was written.

    Raises:
        InputError: A region is outside the genome, an option does not fit, or parts of another job lie
            beside the output.
        CheckpointError: The model folder is damaged.
    """
    from hyenadna_kit.commands.computing import computing, load_model
    from hyenadna_kit.commands.progress import show_progress
    from hyenadna_kit.io.genome import open_genome
    from hyenadna_kit.io.regions import regions_or_bed, whole_genome
    from hyenadna_kit.scoring.genome_scores import GenomeScorer
    from hyenadna_kit.scoring.genome_scores_file import score_genome

    genome = open_genome(options.genome)
    named = bool(options.regions or options.bed)
    regions = regions_or_bed(options.regions, options.bed, genome) if named else whole_genome(genome)
    model = load_model(options.model, options.device, options.max_memory)
    scorer = GenomeScorer(
        model, placement_of(model, options), strands=strands_of(options), batch_size=options.batch_size
    )
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
