"""``hyenadna-kit evaluate``: a model and held-out regions in, bits per base out."""

import json as json_format
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from hyenadna_kit.evaluation.held_out import Evaluation
    from hyenadna_kit.genome.interval import Interval
    from hyenadna_kit.io.genome import Genome
    from hyenadna_kit.model import HyenaDNA


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
    """With --lengths: file for a figure, X.png."""
    batch_size: int = 16
    """Windows that the model reads at a time."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute."""
    precision: Literal["fp32", "bf16", "auto"] = "fp32"
    """Number format of matrix products; bf16 is faster and rounds, auto takes it where the device has it."""
    max_memory: str | None = None
    """Memory that a pass of the model may take, as 4G or 512M; default: what is free."""


def run(options: EvaluateOptions) -> int:
    """Evaluate, print a table and write the JSON.

    Raises:
        InputError: A region is outside the genome, or the model was trained on a part of it.
        CheckpointError: The model folder is damaged.
    """
    from hyenadna_kit.commands.computing import computing, load_model
    from hyenadna_kit.commands.progress import show_progress
    from hyenadna_kit.evaluation.held_out import evaluate
    from hyenadna_kit.files import atomic_file
    from hyenadna_kit.io.genome import open_genome
    from hyenadna_kit.io.regions import parse_regions, refuse_overlap, regions_or_bed

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
            batch_size=options.batch_size,
            on_progress=lambda done: on_progress(done, total),
        )
    print(_table(result))
    if options.json:
        with atomic_file(Path(options.json)) as path:
            path.write_text(json_format.dumps(_figures(result), indent=2) + "\n")
    return 0


def _by_length(
    options: EvaluateOptions, model: "HyenaDNA", genome: "Genome", regions: "list[Interval]"
) -> int:
    from hyenadna_kit.commands.computing import computing
    from hyenadna_kit.commands.evaluate_lengths import (
        evaluate_by_length,
        parse_lengths,
        table_of,
        write_figure,
        write_json,
    )
    from hyenadna_kit.commands.progress import show_progress
    from hyenadna_kit.plots.histogram import require_matplotlib

    if options.plot is not None:
        require_matplotlib()
    lengths = parse_lengths(options.lengths)
    with show_progress("bases") as on_progress, computing(model, options.precision):
        found = evaluate_by_length(model, genome, regions, lengths, on_progress)
    print(table_of(found))
    if options.json is not None:
        write_json(Path(options.json), found)
    if options.plot is not None:
        write_figure(Path(options.plot), found)
    return 0


def _regions_of_run(options: EvaluateOptions, genome: "Genome") -> "list[Interval]":
    """Return the range, validation part included, of the run which made the model.

    A run folder that was trained on another genome says nothing about this one.
    """
    from hyenadna_kit.io.regions import parse_regions
    from hyenadna_kit.shipped import model_folder
    from hyenadna_kit.training.run_folder import RECORD_NAME, read_record

    folder = model_folder(options.model)
    if not (folder / RECORD_NAME).exists():
        return []
    record = read_record(folder)
    if record["genome_fingerprint"] != genome.fingerprint:
        return []
    return parse_regions([*record["train"], *record["validation"]], genome)


def _table(result: "Evaluation") -> str:
    rows = [("model", result.bits_per_base)]
    rows += [(f"Markov order {order}", bits) for order, bits in result.baselines.items()]
    lines = [f"{name:<18}{bits:8.4f} bits per base" for name, bits in rows]
    return "\n".join(
        [*lines, f"{result.num_bases:,} bases in {len(result.regions)} region(s), each scored once"]
    )


def _figures(result: "Evaluation") -> dict[str, Any]:
    return {
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
