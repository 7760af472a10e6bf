"""``hyenadna-kit explain``: a model and regions in, what each base did to what the model says out."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hyenadna_kit.commands.scorer_options import ScorerOptions, scorer_of
from hyenadna_kit.config import check_least
from hyenadna_kit.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hyenadna_kit.commands.explain_files import Explained
    from hyenadna_kit.commands.progress import OnProgress
    from hyenadna_kit.genome.interval import Interval
    from hyenadna_kit.interpretation.attribution import Target
    from hyenadna_kit.interpretation.filters import FilterSizes
    from hyenadna_kit.interpretation.receptive_field import ReceptiveField
    from hyenadna_kit.io.genome import Genome
    from hyenadna_kit.model import HyenaDNA

_SUFFIXES = {"bedgraph": ".bedgraph", "bigwig": ".bw"}


@dataclass(frozen=True, kw_only=True)
class ExplainOptions(ScorerOptions):
    """Show what each base of some regions did to what a model says.

    Of a language model it is the log-likelihood of the region, given the bases before it; of a classifier the
    logit of --label, which reads the region alone. Positive means that the base which is there speaks for it.
    """

    model: str
    """Model folder or name."""
    genome: str
    """Genome store or FASTA."""
    out: str
    """New folder for attributions.tsv, tracks, logos, filters and the receptive field."""
    regions: tuple[str, ...] = ()
    """CONTIG:START-END (1-based, inclusive) or whole contigs, separated by commas."""
    bed: str | None = None
    """BED file of regions, instead of --regions."""
    label: str | None = None
    """Class or label of a classifier that is explained; default: its last one."""
    steps: int = 32
    """Points of the integrated gradients."""
    tracks: Literal["bedgraph", "bigwig", "none"] = "bedgraph"
    """Tracks of every column, for a genome browser."""
    figures: bool = True
    """Draw logos, filters and receptive field, as PNG and SVG."""
    sequences: int = 8
    """Windows over which the receptive field is a mean."""
    filter_taps: int | None = None
    """Taps of each filter that are looked at; default: the model's context length."""

    def __post_init__(self) -> None:
        check_least(self, {"steps": 1, "sequences": 1, "filter_taps": 2})


def run(options: ExplainOptions) -> int:
    """Write the folder.

    Raises:
        InputError: A region is outside the genome or too long, or an option does not fit the model.
        CheckpointError: The model is damaged.
    """
    from hyenadna_kit.commands import explain_files as files
    from hyenadna_kit.commands.computing import computing, load_model
    from hyenadna_kit.commands.progress import show_progress
    from hyenadna_kit.files import atomic_folder
    from hyenadna_kit.interpretation.filters import filter_sizes
    from hyenadna_kit.io.genome import open_genome
    from hyenadna_kit.io.regions import regions_or_bed
    from hyenadna_kit.plots.attribution import require_logomaker

    out = Path(options.out)
    if out.exists():
        raise InputError(f"--out {out} exists; name a new folder")
    if options.figures:
        require_logomaker()
    genome = open_genome(options.genome)
    regions = regions_or_bed(options.regions, options.bed, genome)
    model = load_model(options.model, options.device, options.max_memory)
    with atomic_folder(out.resolve()) as folder, computing(model, options.precision):
        with show_progress("regions") as on_progress:
            explained = list(_explained(options, model, genome, regions, on_progress))
        files.write_table(folder, explained)
        if options.tracks != "none":
            files.write_tracks(folder, explained, genome.contigs, _SUFFIXES[options.tracks])
        filters = filter_sizes(model, options.filter_taps or model.context_length)
        reach = _reach(options, model, genome, regions)
        if filters:
            files.write_filters(folder, filters)
        if reach is not None:
            files.write_reach(folder, reach)
        if options.figures:
            _draw(folder, explained, filters, reach)
    print(f"wrote {out}: {', '.join(sorted(path.name for path in out.iterdir()))}", file=sys.stderr)
    return 0


def _explained(
    options: ExplainOptions,
    model: "HyenaDNA",
    genome: "Genome",
    regions: "Sequence[Interval]",
    on_progress: "OnProgress",
) -> "Iterator[Explained]":
    from hyenadna_kit.commands.explain_files import Explained
    from hyenadna_kit.genome.alphabet import BASES
    from hyenadna_kit.heads.language_model import LanguageModelHead

    explain = _language_model if isinstance(model.head, LanguageModelHead) else _classifier
    for number, region in enumerate(regions, start=1):
        reference = genome.fetch(region)
        if not set(reference) & set(BASES):
            raise InputError(f"{region.region} holds no A, C, G or T; leave it out")
        yield Explained(region, reference, explain(options, model, genome, region))
        on_progress(number, len(regions))


def _language_model(
    options: ExplainOptions, model: "HyenaDNA", genome: "Genome", region: "Interval"
) -> "dict[str, NDArray[np.float64]]":
    """Return the columns of a region whose log-likelihood is explained."""
    import numpy as np

    from hyenadna_kit.evaluation.likelihood import base_likelihoods
    from hyenadna_kit.genome.interval import Interval
    from hyenadna_kit.interpretation.attribution import LogLikelihoodTarget
    from hyenadna_kit.scoring.mutagenesis import mutagenize

    if options.label is not None:
        raise InputError(f"--label {options.label} is for classifiers; {options.model} is a language model")
    length = options.window or model.context_length
    window = Interval(region.contig, max(0, region.end - length), region.end)
    first = max(region.start - window.start, 1)
    if region.end == 1:
        raise InputError(f"{region.region} is the first base of its contig: none stands before it; name more")
    if region.start < window.start:
        raise InputError(
            f"{region.region} has {region.length:,} bases and the window {length:,}; name a longer --window"
        )
    stretches = list(base_likelihoods(model, genome, [region], length=length))
    ism = mutagenize(scorer_of(model, options, ["delta_ll"]), genome, region)
    found = _attributed(options, model, genome.tokens(window), LogLikelihoodTarget(first=first))
    return {
        "log_likelihood": np.concatenate([each.log_likelihood for each in stretches]),
        "entropy": np.concatenate([each.entropy for each in stretches]),
        "ism": -ism.mean_effects,
        **{name: values[region.start - window.start :] for name, values in found.items()},
    }


def _classifier(
    options: ExplainOptions, model: "HyenaDNA", genome: "Genome", region: "Interval"
) -> "dict[str, NDArray[np.float64]]":
    """Return the columns of a region whose logit is explained."""
    import numpy as np
    import torch

    from hyenadna_kit.interpretation.attribution import LogitTarget, substitution_effects

    labels = getattr(getattr(model.head, "config", None), "labels", ("",))
    target = LogitTarget(label=labels[-1] if options.label is None else options.label)
    tokens = genome.tokens(region)
    found = _attributed(options, model, tokens, target)
    effects = substitution_effects(model, torch.from_numpy(tokens), target, batch_size=options.batch_size)
    is_known = np.isfinite(effects).any(1)
    means = np.where(is_known, np.nansum(effects, axis=1) / (effects.shape[1] - 1), np.nan)
    return {"ism": -means, **found}


def _attributed(
    options: ExplainOptions, model: "HyenaDNA", tokens: "NDArray[np.uint8]", target: "Target"
) -> "dict[str, NDArray[np.float64]]":
    import torch

    from hyenadna_kit.interpretation.attribution import attribute

    found = attribute(model, torch.from_numpy(tokens), target, steps=options.steps)
    return {
        "input_x_gradient": found.input_x_gradient,
        "integrated_gradients": found.integrated_gradients,
    }


def _reach(
    options: ExplainOptions, model: "HyenaDNA", genome: "Genome", regions: "Sequence[Interval]"
) -> "ReceptiveField | None":
    """Return how far upstream a language model looks."""
    import numpy as np

    from hyenadna_kit.commands.progress import show_progress
    from hyenadna_kit.heads.language_model import LanguageModelHead
    from hyenadna_kit.interpretation.receptive_field import receptive_field
    from hyenadna_kit.windows.layout import windows_before

    if not isinstance(model.head, LanguageModelHead):
        return None
    windows = windows_before(regions, options.window or model.context_length, options.sequences)
    sequences = np.stack([genome.tokens(window) for window in windows])
    with show_progress("sequences") as on_progress:
        return receptive_field(model, sequences, on_progress=lambda done: on_progress(done, len(sequences)))


def _draw(
    folder: Path,
    explained: "Sequence[Explained]",
    filters: "Sequence[FilterSizes]",
    reach: "ReceptiveField | None",
) -> None:
    from hyenadna_kit.commands import explain_files as files

    for each in explained:
        files.draw_logos(folder, each)
    if filters:
        files.draw_filters(folder, filters)
    if reach is not None:
        files.draw_reach(folder, reach)
