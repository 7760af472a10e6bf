"""What the commands that score have in common: options, and what they make of a model folder."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyenadna_kit.genome.interval import Strand
    from hyenadna_kit.model import HyenaDNA
    from hyenadna_kit.scoring.placement import Placement
    from hyenadna_kit.scoring.scorer import VariantScorer


@dataclass(frozen=True, kw_only=True)
class WindowOptions:
    """Windows of a genome that a model reads."""

    window: int | None = None
    """Bases that the model reads; default: its context length."""
    horizon: int | None = None
    """Bases whose likelihoods are summed, from the change on; default: 512, a quarter window at most."""
    min_left_context: int | None = None
    """Fewest bases before a change; default: half a window."""
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


@dataclass(frozen=True, kw_only=True)
class ScorerOptions(WindowOptions):
    """Windows of single variants."""

    placement: Literal["grid", "centred"] = "grid"
    """Windows on a grid that variants share, or one centred on each variant."""
    engine: Literal["auto", "shared", "full"] = "auto"
    """full: a pass for every window. shared: a pass for every window of the genome, and of the ALTs the
    horizon alone, which gives the same scores. auto: shared where the model and the placement allow it."""


def load_scorer(folder: str, options: ScorerOptions, scores: "Sequence[str]") -> "VariantScorer":
    """Return what computes some scores with the model of a folder.

    Raises:
        InputError: An option does not fit.
        CheckpointError: The model folder is damaged.
    """
    from hyenadna_kit.commands.computing import load_model

    return scorer_of(load_model(folder, options.device, options.max_memory), options, scores)


def scorer_of(model: "HyenaDNA", options: ScorerOptions, scores: "Sequence[str]") -> "VariantScorer":
    """Return what computes some scores with a model.

    Raises:
        InputError: An option does not fit.
    """
    from hyenadna_kit.scoring.scorer import VariantScorer

    return VariantScorer(
        model,
        placement_of(model, options, kind=options.placement),
        strands=strands_of(options),
        batch_size=options.batch_size,
        scores=scores,
        engine=options.engine,
    )


def placement_of(
    model: "HyenaDNA", options: WindowOptions, *, kind: Literal["grid", "centred"] = "grid"
) -> "Placement":
    """Return where windows lie.

    Raises:
        InputError: The options contradict each other.
    """
    from hyenadna_kit.scoring.placement import Placement

    return Placement.for_window(
        model.context_length if options.window is None else options.window,
        horizon=options.horizon,
        min_left_context=options.min_left_context,
        kind=kind,
    )


def strands_of(options: WindowOptions) -> "tuple[Strand, ...]":
    """Return the strands that are read."""
    from hyenadna_kit.genome.interval import Strand

    return tuple(Strand) if options.strands == "both" else (Strand[options.strands.upper()],)
