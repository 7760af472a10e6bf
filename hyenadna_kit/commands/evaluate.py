"""``hyenadna-kit evaluate``: a model and held-out regions in, bits per base out."""

import json as json_format
import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hyenadna_kit.errors import InputError

if TYPE_CHECKING:
    from hyenadna_kit.evaluation.held_out import Evaluation
    from hyenadna_kit.genome.interval import Interval
    from hyenadna_kit.io.genome import Genome
    from hyenadna_kit.model import HyenaDNA

_BATCH_SIZE = 16
_LOOKED_AT = 1 << 20
"""Bases of a region that are looked at at a time."""


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """Measure bits per base of a model on regions, beside Markov models.

    Every base is scored once, with at least half a window of bases before it. 2 bits a base is what
    knowing nothing costs. --lengths shows whether the model gains from windows longer than its training.
    """

    model: str
    """Model folder."""
    genome: str
    """Genome store or FASTA."""
    regions: tuple[str, ...] = ()
    """CONTIG:START-END (1-based, inclusive) or contigs, separated by commas."""
    bed: str | None = None
    """BED file of regions, instead of --regions."""
    json: str | None = None
    """File for the figures in JSON."""
    train_regions: tuple[str, ...] = ()
    """What the baselines are trained on; a run folder knows its own."""
    allow_overlap: bool = False
    """Evaluate on bases that the model was trained on, too."""
    length: int | None = None
    """Window in tokens; default: the model's context length."""
    lengths: tuple[str, ...] = ()
    """Compare window lengths instead, as 1k,4k,16k,64k (k is 1,024): windows lie end to end, and the filters
    of the model stand beside filters that end with the trained length."""
    beyond_context: Literal["continue", "truncate", "decay", "interpolate"] | None = None
    """What the filters do beyond the trained length; default: what the model folder says."""
    plot: str | None = None
    """With --lengths: file for a figure, X.png, X.svg or X.pdf."""
    batch_size: int | None = None
    """Windows that the model reads at a time; default: 16."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute."""
    precision: Literal["fp32", "bf16", "auto"] = "fp32"
    """Number format of matrix products; bf16 is faster and rounds, auto takes it where the device has it."""
    max_memory: str | None = None
    """Memory that a pass of the model may take, as 4G or 512M; default: what is free."""


def run(options: EvaluateOptions) -> int:
    """Evaluate, print a table and write the JSON.

    Raises:
        InputError: A region is outside the genome, or the model was trained on a part of it, or the regions
            hold no base, or options do not go together.
        CheckpointError: The model folder is damaged.
    """
    from hyenadna_kit.commands.computing import computing, load_model
    from hyenadna_kit.commands.progress import show_progress
    from hyenadna_kit.evaluation.held_out import evaluate
    from hyenadna_kit.files import atomic_file
    from hyenadna_kit.io.genome import open_genome
    from hyenadna_kit.io.regions import parse_regions, refuse_overlap, regions_or_bed

    _refuse_options(options)
    genome = open_genome(options.genome)
    regions = regions_or_bed(options.regions, options.bed, genome)
    of_model, named = _regions_of_run(options, genome), parse_regions(options.train_regions, genome)
    if not options.allow_overlap:
        refuse_overlap(
            regions,
            of_model,
            "the model was trained on what it is evaluated on; choose other regions or add --allow_overlap",
        )
        refuse_overlap(
            regions, named, "train_regions and what is evaluated must be apart, or add --allow_overlap"
        )
    _refuse_no_bases(regions, genome)
    model = load_model(options.model, options.device, options.max_memory)
    if options.beyond_context is not None:
        model = model.with_context_length(model.context_length, mode=options.beyond_context)
    if options.lengths:
        return _by_length(options, model, genome, regions)
    total = sum(region.length for region in regions)
    with show_progress("bases") as on_progress, computing(model, options.precision):
        result = evaluate(
            model,
            genome,
            regions,
            train_regions=named or of_model,
            length=options.length,
            batch_size=_BATCH_SIZE if options.batch_size is None else options.batch_size,
            on_progress=lambda done: on_progress(done, total),
        )
    print(_table(result))
    if options.json:
        with atomic_file(Path(options.json)) as path:
            path.write_text(json_format.dumps(_figures(result, model.fingerprint()), indent=2) + "\n")
    return 0


def _refuse_options(options: EvaluateOptions) -> None:
    """Refuse what is out of range, or would have no effect beside other options."""
    from hyenadna_kit.plots.histogram import require_matplotlib
    from hyenadna_kit.plots.lengths import figure_format

    if options.batch_size is not None and options.batch_size < 1:
        raise InputError(f"--batch_size must be at least 1, got {options.batch_size}")
    if options.plot is not None:
        if not options.lengths:
            raise InputError(f"--plot {options.plot} shows window lengths; add --lengths 1k,4k,16k")
        figure_format(Path(options.plot), "--plot")
        require_matplotlib()
    for name in ("length", "batch_size") if options.lengths else ():
        value = getattr(options, name)
        if value is not None:
            raise InputError(f"--{name} {value} has no effect beside --lengths; leave one of them out")


def _refuse_no_bases(regions: "list[Interval]", genome: "Genome") -> None:
    """Refuse regions of N alone; most often a look at the first bases is enough."""
    from hyenadna_kit.tokenizers.nucleotide import FIRST_BASE, LAST_BASE

    for region in regions:
        for start in range(region.start, region.end, _LOOKED_AT):
            end = min(region.end, start + _LOOKED_AT)
            tokens = genome.tokens(replace(region, start=start, end=end))
            if ((tokens >= FIRST_BASE) & (tokens <= LAST_BASE)).any():
                return
    raise InputError(f"the {len(regions)} region(s) score no A, C, G or T: nothing to average; take others")


def _by_length(
    options: EvaluateOptions, model: "HyenaDNA", genome: "Genome", regions: "list[Interval]"
) -> int:
    from hyenadna_kit.commands.computing import computing
    from hyenadna_kit.commands.evaluate_lengths import evaluate_by_length, table_of, write_figure, write_json
    from hyenadna_kit.commands.progress import show_progress
    from hyenadna_kit.io.window_lengths import parse_window_lengths

    lengths = parse_window_lengths(options.lengths, "--lengths")
    with show_progress("bases") as on_progress, computing(model, options.precision):
        found = evaluate_by_length(model, genome, regions, lengths, on_progress)
    print(table_of(found))
    if options.json is not None:
        write_json(Path(options.json), found)
    if options.plot is not None:
        write_figure(Path(options.plot), found)
    return 0


def _regions_of_run(options: EvaluateOptions, genome: "Genome") -> "list[Interval]":
    """Return the ranges, validation parts included, of the runs which made the model.

    Of a model that was trained on another genome it says so.
    """
    from hyenadna_kit.io.regions import parse_regions
    from hyenadna_kit.pretrained.hub import model_folder
    from hyenadna_kit.training.run_folder import seen_ranges

    seen = seen_ranges(model_folder(options.model))
    here = [each.ranges for each in seen if each.genome_fingerprint == genome.fingerprint]
    if seen and not here and not options.train_regions:
        print(
            f"{options.model} was not trained on {genome.path}, their fingerprints differ: whether "
            "it saw these bases is not checked, and no Markov model is fitted; --train_regions names what "
            "one is fitted on",
            file=sys.stderr,
        )
    return parse_regions(dict.fromkeys(region for ranges in here for region in ranges), genome)


def _table(result: "Evaluation") -> str:
    rows = [("model", result.bits_per_base)]
    rows += [(f"Markov order {order}", bits) for order, bits in result.baselines.items()]
    lines = [f"{name:<18}{bits:8.4f} bits per base" for name, bits in rows]
    return "\n".join(
        [*lines, f"{result.num_bases:,} bases in {len(result.regions)} region(s), each scored once"]
    )


def _figures(result: "Evaluation", model_fingerprint: str) -> dict[str, Any]:
    return {
        "model_fingerprint": model_fingerprint,
        "bits_per_base": _finite(result.bits_per_base),
        "num_bases": result.num_bases,
        "baselines": {f"markov_{order}": bits for order, bits in result.baselines.items()},
        "regions": [
            {
                "region": each.region.region,
                "num_bases": each.num_bases,
                "log_likelihood": each.log_likelihood,
                "bits_per_base": _finite(each.bits_per_base),
            }
            for each in result.regions
        ],
    }


def _finite(value: float) -> float | None:
    """Return None for NaN, which JSON cannot hold."""
    return value if math.isfinite(value) else None
