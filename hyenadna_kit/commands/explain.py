"""``hyenadna-kit explain``: a model and regions in, what each base did to what the model says out."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from hyenadna_kit.commands.scorer_options import ScorerOptions, scorer_of
from hyenadna_kit.config import check_least
from hyenadna_kit.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hyenadna_kit.commands.progress import OnProgress
    from hyenadna_kit.genome.interval import Interval
    from hyenadna_kit.interpretation.attribution import Target
    from hyenadna_kit.io.genome import Genome
    from hyenadna_kit.model import HyenaDNA
    from hyenadna_kit.plots.mutagenesis import Pictures

_SUFFIXES = {"bedgraph": ".bedgraph", "bigwig": ".bw"}
_LIKELIHOODS = ("log_likelihood", "entropy")
_ATTRIBUTIONS = ("ism", "input_x_gradient", "integrated_gradients")
_TABLE, _REACH, _FILTERS = "attributions.tsv", "receptive_field", "filters"


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


class _Explained(NamedTuple):
    """One region."""

    region: "Interval"
    reference: str
    columns: "dict[str, NDArray[np.float64]]"
    """One value a base."""


def run(options: ExplainOptions) -> int:
    """Write the folder.

    Raises:
        InputError: A region is outside the genome or too long, or an option does not fit the model.
        CheckpointError: The model is damaged.
    """
    from hyenadna_kit.commands.computing import computing, load_model
    from hyenadna_kit.commands.progress import show_progress
    from hyenadna_kit.files import atomic_folder
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
        _write_table(folder / _TABLE, explained)
        _write_tracks(options, folder, genome, explained)
        if options.figures:
            for each in explained:
                _save(folder / _stem(each.region), _logos(each))
        _write_filters(options, folder, model)
        _write_reach(options, folder, model, genome, regions)
    print(f"wrote {out}: {', '.join(sorted(path.name for path in out.iterdir()))}", file=sys.stderr)
    return 0


def _explained(
    options: ExplainOptions,
    model: "HyenaDNA",
    genome: "Genome",
    regions: "Sequence[Interval]",
    on_progress: "OnProgress",
) -> Iterator[_Explained]:
    from hyenadna_kit.heads.language_model import LanguageModelHead

    explain = _language_model if isinstance(model.head, LanguageModelHead) else _classifier
    for number, region in enumerate(regions, start=1):
        yield _Explained(region, genome.fetch(region), explain(options, model, genome, region))
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


def _write_table(path: Path, explained: Sequence[_Explained]) -> None:
    from hyenadna_kit.io.text_lines import write_lines

    def lines() -> Iterator[str]:
        """Yield the header and a line a base."""
        yield "\t".join(["region", "contig", "position", "base", *explained[0].columns])
        for region, reference, columns in explained:
            for place, base in enumerate(reference):
                numbers = [f"{values[place]:.6g}" for values in columns.values()]
                shown = ["." if number == "nan" else number for number in numbers]
                yield "\t".join([region.region, region.contig, str(region.start + place + 1), base, *shown])

    write_lines(path, lines())


def _write_tracks(
    options: ExplainOptions, folder: Path, genome: "Genome", explained: Sequence[_Explained]
) -> None:
    import numpy as np

    from hyenadna_kit.io.base_tracks import write_base_track

    if options.tracks == "none":
        return
    for name in explained[0].columns:
        stretches = [(each.region, each.columns[name].astype(np.float32)) for each in explained]
        write_base_track(folder / f"{name}{_SUFFIXES[options.tracks]}", genome.contigs, stretches)


def _logos(explained: _Explained) -> "Pictures":
    from hyenadna_kit.plots.attribution import logo_pictures

    rows = {name: explained.columns[name] for name in _ATTRIBUTIONS}
    region = explained.region
    return logo_pictures(explained.reference, rows, first_position=region.start + 1, title=region.region)


def _write_filters(options: ExplainOptions, folder: Path, model: "HyenaDNA") -> None:
    """Write the size of the taps of every channel of every layer by distance, and draw it."""
    from hyenadna_kit.interpretation.filters import filter_sizes
    from hyenadna_kit.io.text_lines import write_lines
    from hyenadna_kit.plots.attribution import FilterPicture, filter_pictures

    filters = filter_sizes(model, options.filter_taps or model.context_length)
    if not filters:
        return

    def lines() -> Iterator[str]:
        """Yield the header and a line for each bin of each channel."""
        yield "layer\tdirection\tchannel\tdistance\troot_mean_square"
        for each in filters:
            for channel, sizes in enumerate(each.sizes.tolist()):
                for distance, size in zip(each.distances.tolist(), sizes, strict=True):
                    yield f"{each.layer}\t{each.direction}\t{channel}\t{distance:g}\t{size:.6g}"

    write_lines(folder / f"{_FILTERS}.tsv", lines())
    if options.figures:
        pictures = [
            FilterPicture(f"layer {each.layer}, {each.direction}", each.distances, each.sizes)
            for each in filters
        ]
        _save(folder / _FILTERS, filter_pictures(pictures))


def _write_reach(
    options: ExplainOptions, folder: Path, model: "HyenaDNA", genome: "Genome", regions: "Sequence[Interval]"
) -> None:
    """Write how far upstream a language model looks, and draw it."""
    from hyenadna_kit.commands.progress import show_progress
    from hyenadna_kit.heads.language_model import LanguageModelHead
    from hyenadna_kit.interpretation.receptive_field import SHARES, receptive_field
    from hyenadna_kit.io.text_lines import write_lines
    from hyenadna_kit.plots.attribution import reach_pictures

    if not isinstance(model.head, LanguageModelHead):
        return
    sequences = windows_of(genome, regions, options.window or model.context_length, options.sequences)
    with show_progress("sequences") as on_progress:
        found = receptive_field(model, sequences, on_progress=lambda done: on_progress(done, len(sequences)))
    rows = enumerate(found.sizes.tolist())
    lines = ["distance\tsize", *(f"{distance}\t{size:.6g}" for distance, size in rows)]
    write_lines(folder / f"{_REACH}.tsv", lines)
    if options.figures:
        reaches = {f"{share:.0%} within {found.reach(share):,}": found.reach(share) for share in SHARES}
        _save(folder / _REACH, reach_pictures(found.sizes, reaches))


def windows_of(
    genome: "Genome", regions: "Sequence[Interval]", length: int, count: int
) -> "NDArray[np.uint8]":
    """Return windows of one length that end at bases evenly spread over the regions."""
    import numpy as np

    from hyenadna_kit.genome.interval import Interval

    # As far as there are so many bases before them.
    firsts = [max(region.start + 1, min(length, region.end)) for region in regions]
    counts = [region.end - first + 1 for region, first in zip(regions, firsts, strict=True)]
    before = np.cumsum([0, *counts])
    chosen = []
    for place in np.unique(np.linspace(0, before[-1] - 1, count).astype(np.int64)).tolist():
        number = int(np.searchsorted(before, place, side="right")) - 1
        chosen.append((regions[number].contig, firsts[number] + place - int(before[number])))
    length = min([length, *(end for _, end in chosen)])
    return np.stack([genome.tokens(Interval(contig, end - length, end)) for contig, end in chosen])


def _stem(region: "Interval") -> str:
    from urllib.parse import quote

    return quote(f"{region.contig}_{region.start + 1}-{region.end}", safe="")


def _save(stem: Path, pictures: "Pictures") -> None:
    for suffix, picture in zip(("png", "svg"), pictures, strict=True):
        stem.with_name(f"{stem.name}.{suffix}").write_bytes(picture)
