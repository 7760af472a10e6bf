"""``hyenadna-kit calibrate``: a model and a genome in, the scores of chance out."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hyenadna_kit.commands.scorer_options import ScorerOptions, load_scorer

if TYPE_CHECKING:
    from hyenadna_kit.scoring.calibration import Calibration

_SUFFIX = ".npz"


@dataclass(frozen=True, kw_only=True)
class CalibrateOptions(ScorerOptions):
    """Score variants that chance makes, so that other scores can be compared with theirs.

    score --calibration X.npz then adds HK_Z and HK_PCT. SNVs are compared with SNVs of the same trinucleotide
    and change, other variants with those of the same class and length, so that no kind of change is extreme
    for what it is. The file is good for this model, this genome and these options alone: give score the same.
    """

    model: str
    """Model folder."""
    genome: str
    """Genome store or FASTA: where the variants are drawn, and the reference of those to be calibrated."""
    out: str
    """File of the null scores, X.npz."""
    num_variants: int = 100_000
    """Variants to draw; where fewer than 500 are of a kind, it is compared with its class as a whole."""
    seed: int = 0
    """The same seed gives the same file."""
    score: Literal["delta_ll", "llr", "l2", "cosine"] = "delta_ll"
    """Score to calibrate."""


def run(options: CalibrateOptions) -> int:
    """Write the file and say what the null holds.

    Raises:
        InputError: An option does not fit, or nothing could be drawn from the genome.
        CheckpointError: The model folder is damaged.
    """
    from hyenadna_kit.commands.computing import computing
    from hyenadna_kit.commands.progress import show_progress
    from hyenadna_kit.errors import InputError
    from hyenadna_kit.io.genome import open_genome
    from hyenadna_kit.scoring.calibration import Calibration

    if not options.out.endswith(_SUFFIX):
        raise InputError(f"--out {options.out} must end in {_SUFFIX}")
    genome = open_genome(options.genome)
    scorer = load_scorer(options.model, options, [options.score])
    with show_progress("variants") as on_progress, computing(scorer.model, options.precision):
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
