"""``hyenadna-kit loglik``: a model and regions in, the likelihood of every base out."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hyenadna_kit.config import check_least
from hyenadna_kit.errors import InputError

if TYPE_CHECKING:
    from hyenadna_kit.evaluation.likelihood import Stretch
    from hyenadna_kit.genome.interval import Interval
    from hyenadna_kit.io.genome import Genome
    from hyenadna_kit.model import HyenaDNA

_PIECE = 1 << 16
"""Bases of a region that are taken from the genome at a time."""


@dataclass(frozen=True, kw_only=True)
class LoglikOptions:
    """Write log-likelihood (nats) and entropy (bits) of every base of some regions.

    The sum of each region is printed.

    Bases are read on the forward strand, each once, with at least half a window of bases before it; with
    --stream, with all bases of its region before it.
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
    stream: bool = False
    """Read each region as one sequence, in which each base sees all before it, instead of windows."""
    taps: int | None = None
    """With --stream, end the filters after so many taps: memory does not grow with a region then, and the
    model is another one. Default: whole."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute."""
    precision: Literal["fp32", "bf16", "auto"] = "fp32"
    """Number format of matrix products; bf16 is faster and rounds, auto takes it where the device has it."""
    max_memory: str | None = None
    """Memory that a pass of the model may take, as 4G or 512M; default: what is free."""

    def __post_init__(self) -> None:
        check_least(self, {"taps": 1})


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

    if options.stream and options.length is not None:
        raise InputError(
            f"--length {options.length} is of windows, and --stream has none; leave one of them out"
        )
    if options.taps is not None and not options.stream:
        raise InputError(f"--taps {options.taps} is for --stream; add it, or leave --taps out")
    genome = open_genome(options.genome)
    regions = regions_or_bed(options.regions, options.bed, genome)
    model = load_model(options.model, options.device, options.max_memory)
    total = sum(region.length for region in regions)
    if options.stream:
        stretches = _streamed(model, genome, regions, options.taps)
    else:
        stretches = base_likelihoods(
            model, genome, regions, length=options.length, batch_size=options.batch_size
        )
    with show_progress("bases") as on_progress, computing(model, options.precision):
        watched = reported(stretches, lambda done: on_progress(done, total))
        sums = sum_regions(regions, write_tracks(Path(options.out), watched))
    print("region\tbases\tlog_likelihood\tbits_per_base")
    for each in sums:
        print(f"{each.region.region}\t{each.num_bases}\t{each.log_likelihood:.10g}\t{each.bits_per_base:.6f}")
    print(f"wrote {options.out}", file=sys.stderr)
    return 0


def _streamed(
    model: "HyenaDNA", genome: "Genome", regions: "Sequence[Interval]", taps: int | None
) -> "Iterator[Stretch]":
    """Yield the likelihood of every base, each region read from its first base to its last."""
    import numpy as np

    from hyenadna_kit.evaluation.likelihood import Stretch
    from hyenadna_kit.generation.likelihood import stream_likelihoods
    from hyenadna_kit.genome.interval import Interval
    from hyenadna_kit.tokenizers.nucleotide import FIRST_BASE, LAST_BASE

    if taps is not None:
        model = model.with_filter_taps(taps)
    for index, region in enumerate(regions):
        # The token before its first base is the last that is no part of it; before a contig it is N.
        starts = range(region.start - 1, region.end, _PIECE)
        pieces = (
            genome.tokens(Interval(region.contig, start, min(start + _PIECE, region.end))) for start in starts
        )
        position = region.start
        for found in stream_likelihoods(model, pieces, num_tokens=region.length + 1):
            end = position + len(found.tokens)
            is_base = (found.tokens >= FIRST_BASE) & (found.tokens <= LAST_BASE)
            likelihood = np.where(is_base, found.log_likelihood, np.float32(np.nan))
            place = Interval(region.contig, position, end)
            yield Stretch(index, place, found.tokens, likelihood, found.entropy)
            position = end
