"""``hyenadna-kit loglik``: a model and regions in, the likelihood of every base out."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class LoglikOptions:
    """Write log-likelihood (nats) and entropy (bits) of every base of some regions.

    The sum of each region is printed.

    Bases are read on the forward strand, each once, with at least half a window of bases before it.
    """

    model: str
    """Model folder."""
    genome: str
    """Genome store or FASTA."""
    out: str
    """X.tsv (both values), or X.bedgraph (log-likelihood; X.entropy.bedgraph beside it); also .gz."""
    regions: tuple[str, ...] = ()
    """CONTIG:START-END (1-based, inclusive) or contigs, separated by commas."""
    bed: str | None = None
    """BED file of regions, instead of --regions."""
    length: int | None = None
    """Window in tokens; default: the model's context length."""
    batch_size: int = 16
    """Windows that the model reads at a time."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute."""
    precision: Literal["fp32", "bf16", "auto"] = "fp32"
    """Number format of matrix products; bf16 is faster and rounds, auto takes it where the device has it."""
    max_memory: str | None = None
    """Memory that a pass of the model may take, as 4G or 512M; default: what is free."""


def run(options: LoglikOptions) -> int:
    """Write the tracks and print one line a region.

    Raises:
        InputError: A region is outside the genome, or ``out`` has an unknown suffix.
        CheckpointError: The model folder is damaged.
    """
    from hyenadna_kit.commands.computing import computing, load_model
    from hyenadna_kit.commands.progress import show_progress
    from hyenadna_kit.evaluation.likelihood import base_likelihoods, reported, sum_regions
    from hyenadna_kit.evaluation.tracks import write_tracks
    from hyenadna_kit.io.genome import open_genome
    from hyenadna_kit.io.regions import regions_or_bed

    genome = open_genome(options.genome)
    regions = regions_or_bed(options.regions, options.bed, genome)
    model = load_model(options.model, options.device, options.max_memory)
    total = sum(region.length for region in regions)
    stretches = base_likelihoods(model, genome, regions, length=options.length, batch_size=options.batch_size)
    with show_progress("bases") as on_progress, computing(model, options.precision):
        watched = reported(stretches, lambda done: on_progress(done, total))
        sums = sum_regions(regions, write_tracks(Path(options.out), watched))
    print("region\tbases\tlog_likelihood\tbits_per_base")
    for each in sums:
        print(f"{each.region.region}\t{each.num_bases}\t{each.log_likelihood:.10g}\t{each.bits_per_base:.6f}")
    print(f"wrote {options.out}", file=sys.stderr)
    return 0
