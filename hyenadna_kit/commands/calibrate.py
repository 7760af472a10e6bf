"""``hyenadna-kit calibrate``: a model and a genome in, the scores of chance out."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from hyenadna_kit.scoring.calibration import Calibration

_SUFFIX = ".npz"


@dataclass(frozen=True, kw_only=True)
class CalibrateOptions:
    """Score variants that chance makes, so that other scores can be compared with theirs.

    SNVs are kept by trinucleotide and change, other variants by class and length, so that no kind of
    change is extreme for what it is. The file is good for this model, this genome and these options alone.
    """

    model: str
    """Model folder."""
    genome: str
    """Genome store or FASTA: where the variants are drawn, and the reference of those to be calibrated."""
    out: str
    """File of the null scores, X.npz."""
    num_variants: int = 100_000
    """Variants to draw; with fewer, more kinds are compared with their class as a whole."""
    seed: int = 0
    """The same seed gives the same file."""
    score: Literal["delta_ll", "llr", "l2", "cosine"] = "delta_ll"
    """Score to calibrate."""
    window: int | None = None
    """Bases that the model reads; default: its context length."""
    horizon: int | None = None
    """Bases whose likelihoods are summed, from the variant on; default: 512, a quarter window at most."""
    min_left_context: int | None = None
    """Fewest bases before a variant; default: half a window."""
    placement: Literal["grid", "centred"] = "grid"
    """Windows on a grid that variants share, or one centred on each variant."""
    engine: Literal["auto", "shared", "full"] = "auto"
    """As in score; scores do not depend on it."""
    strands: Literal["forward", "reverse", "both"] = "forward"
    """Strands that are read; both gives the mean."""
    batch_size: int = 16
    """Windows that the model reads at a time. Scores do not depend on it."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute."""
    precision: Literal["fp32", "bf16", "auto"] = "fp32"
    """Number format of matrix products; bf16 is faster and rounds, auto takes it where the device has it."""
    max_memory: str | None = None
    """Memory that a pass of the model may take, as 4G or 512M; default: what is free."""


def run(options: CalibrateOptions) -> int:
    """Write the file and say what the null holds.

    Raises:
        InputError: An option does not fit, or nothing could be drawn from the genome.
        CheckpointError: The model folder is damaged.
    """
    from hyenadna_kit.commands.computing import computing, load_model
    from hyenadna_kit.commands.progress import show_progress
    from hyenadna_kit.errors import InputError
    from hyenadna_kit.genome.interval import Strand
    from hyenadna_kit.io.genome import open_genome
    from hyenadna_kit.scoring.calibration import Calibration
    from hyenadna_kit.scoring.placement import Placement
    from hyenadna_kit.scoring.scorer import VariantScorer

    if not options.out.endswith(_SUFFIX):
        raise InputError(f"--out {options.out} must end in {_SUFFIX}")
    genome = open_genome(options.genome)
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
        scores=(options.score,),
        engine=options.engine,
    )
    with show_progress("variants") as on_progress, computing(model, options.precision):
        calibration = Calibration.fit(
            scorer,
            genome,
            num_variants=options.num_variants,
            seed=options.seed,
            score=options.score,
            on_progress=on_progress,
        )
    calibration.save(Path(options.out))
    print(_summary(calibration, options), file=sys.stderr)
    return 0


def _summary(calibration: "Calibration", options: CalibrateOptions) -> str:
    from hyenadna_kit.scoring.null_cells import VariantClass, length_bins, trinucleotide_cells
    from hyenadna_kit.scoring.null_variants import LEAST_NULL

    numbers = calibration.made["num_variants"]
    narrow = {VariantClass.SNV: trinucleotide_cells()}
    narrow |= {each: list(length_bins(each)) for each in VariantClass if each is not VariantClass.SNV}
    lines = [
        f"{options.out}: {options.score} of {sum(numbers.values()):,} null variants, "
        f"{options.num_variants:,} asked for"
    ]
    for variant_class, cells in narrow.items():
        if variant_class in numbers:
            held = sum(calibration.num_null(cell) >= LEAST_NULL for cell in cells)
            what = "trinucleotides" if variant_class is VariantClass.SNV else "length bins"
            lines.append(
                f"{variant_class}: {numbers[variant_class]:,}; {held} of {len(cells)} {what} "
                f"have {LEAST_NULL} or more"
            )
    return "\n".join(lines)
