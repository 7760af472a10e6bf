"""``hyenadna-kit report``: a model in, a model card out, as a page and as Markdown."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyenadna_kit.config import check_least
from hyenadna_kit.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hyenadna_kit.commands.model_card import ModelCard, Section
    from hyenadna_kit.interpretation.receptive_field import ReceptiveField
    from hyenadna_kit.model import HyenaDNA

POSITIONAL = ("model",)

PAGE_NAME, MARKDOWN_NAME = "model_card.html", "model_card.md"
_NOT_SAID = "The folder does not say."


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """Write a model card: architecture, data, bits per base, filters, reach and limits of a model.

    model_card.html needs no network and holds its pictures; model_card.md says the same for a README.
    """

    model: str
    """Model folder or name, of any format."""
    out: str
    """Folder for the two files."""
    evaluation: str | None = None
    """What evaluate --json wrote, for bits per base."""
    genome: str | None = None
    """Genome on whose bases the reach is measured; default: bases drawn at random."""
    regions: tuple[str, ...] = ()
    """CONTIG:START-END of --genome, or whole contigs, separated by commas; default: all."""
    length: int | None = None
    """Bases of a window for the reach, and taps of the filters; default: the context, 4,096 at most."""
    sequences: int = 8
    """Windows over which the reach is a mean."""

    def __post_init__(self) -> None:
        check_least(self, {"length": 2, "sequences": 1})


def run(options: ReportOptions) -> int:
    """Write the two files.

    Raises:
        InputError: An option does not fit, or a file cannot be read.
        CheckpointError: The model is damaged.
    """
    from hyenadna_kit.commands.model_card import as_markdown, as_page
    from hyenadna_kit.files import atomic_file

    card = model_card(options)
    for name, text in ((PAGE_NAME, as_page(card)), (MARKDOWN_NAME, as_markdown(card))):
        with atomic_file(Path(options.out) / name) as path:
            path.write_text(text, encoding="utf-8")
    print(f"wrote {Path(options.out) / PAGE_NAME} and {MARKDOWN_NAME}", file=sys.stderr)
    return 0


def model_card(options: ReportOptions) -> "ModelCard":
    """Return what the card of a model says."""
    from hyenadna_kit.commands.model_card import ModelCard
    from hyenadna_kit.model import HyenaDNA
    from hyenadna_kit.pretrained.hub import model_folder

    folder = model_folder(options.model)
    model = HyenaDNA.from_pretrained(folder)
    backbone = model.config.backbone
    summary = (
        f"{_kind(model)} of {backbone.num_layers} layers of width {backbone.d_model} with "
        f"{model.num_parameters:,} weights, for DNA base by base, trained on windows of up to "
        f"{model.context_length:,} tokens."
    )
    sections = (
        _architecture(model, folder),
        _data(folder),
        _measured(folder, options.evaluation),
        _filters(model, _length(options, model)),
        *_reach(options, model),
        _limits(model),
    )
    return ModelCard(title=_title(options.model), summary=summary, sections=sections)


def _title(name: str) -> str:
    return Path(name).resolve().name if Path(name).exists() else name


def _kind(model: "HyenaDNA") -> str:
    head = type(model.config.head).__name__.removesuffix("HeadConfig")
    return {
        "LanguageModel": "A causal language model",
        "MaskedLanguageModel": "A masked language model",
        "Sequence": "A model of whole sequences",
        "Nucleotide": "A model of single positions",
        "VariantEffect": "A model of the effects of variants",
    }.get(head, f"A model with {head}")


def _length(options: ReportOptions, model: "HyenaDNA") -> int:
    return options.length or min(model.context_length, 4096)


def _architecture(model: "HyenaDNA", folder: Path) -> "Section":
    from hyenadna_kit.checkpoint import weights_file
    from hyenadna_kit.commands.model_card import Section
    from hyenadna_kit.config import flat, to_mapping
    from hyenadna_kit.files import fingerprint
    from hyenadna_kit.pretrained.hub import commit_of

    commit = commit_of(folder)
    rows = (
        ("weights", f"{model.num_parameters:,}"),
        ("SHA-256 of their values", model.fingerprint()),
        (f"SHA-256 of {weights_file(folder).name}", fingerprint(weights_file(folder))),
        *((("commit on the hub", commit),) if commit else ()),
        *((name, str(value)) for name, value in flat(to_mapping(model.config))),
    )
    return Section(title="Architecture", rows=rows)


def _data(folder: Path) -> "Section":
    """Return what the record of a run says that the model was trained on."""
    from hyenadna_kit.commands.model_card import Section
    from hyenadna_kit.training.run_folder import RECORD_NAME, read_record

    if not (folder / RECORD_NAME).exists():
        return Section(title="Training data", words=(_NOT_SAID,))
    record = read_record(folder, keys=())
    rows = []
    for name, value in record.items():
        parts = value if isinstance(value, list) else [value]
        shown = ", ".join(map(_shown, parts[:8])) + (
            f" and {len(parts) - 8:,} more" if len(parts) > 8 else ""
        )
        if shown not in ("", "None"):
            rows.append((name.replace("_", " "), shown))
    return Section(title="Training data", rows=tuple(rows))


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{name} {item}" for name, item in value.items() if not isinstance(item, list | dict)
        )
    return str(value)


def _measured(folder: Path, evaluation: str | None) -> "Section":
    """Return bits per base: of the validation part, and of what was evaluated."""
    from hyenadna_kit.commands.model_card import Section
    from hyenadna_kit.training.run_folder import RunFolder, read_metrics

    validations = [
        row for row in read_metrics(RunFolder(folder).metrics) if "validation_bits_per_base" in row
    ]
    rows = []
    if validations:
        last = validations[-1]
        where = f"validation part, step {last['step']:,}"
        rows.append((where, f"{last['validation_bits_per_base']:.4f}"))
    if evaluation is not None:
        rows += _evaluated(Path(evaluation))
    words = (
        () if rows else (_NOT_SAID, "hyenadna-kit evaluate measures it; --evaluation shows what it found.")
    )
    return Section(title="Bits per base", words=words, head=("on", "bits per base"), rows=tuple(rows))


def _evaluated(path: Path) -> list[tuple[str, str]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        places = ", ".join(each["region"] for each in found["regions"])
        others = [(f"{name} there", f"{bits:.4f}") for name, bits in found["baselines"].items()]
        return [(places, f"{found['bits_per_base']:.4f}"), *others]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"--evaluation {path} is not what evaluate --json writes: {error!r}") from None


def _filters(model: "HyenaDNA", length: int) -> "Section":
    from hyenadna_kit.commands.model_card import Section
    from hyenadna_kit.commands.training_charts import filter_figures
    from hyenadna_kit.interpretation.filters import filter_shapes

    shapes = filter_shapes(model, length)
    if not shapes:
        return Section(title="Filters", words=("No layer has long filters.",))
    rows = tuple(
        (
            f"{each.layer}",
            each.direction,
            f"{each.distances[each.quantiles[1].argmax()]:,.0f}",
            f"{_half(each.distances, each.quantiles[1]):,.0f}",
        )
        for each in shapes
    )
    return Section(
        title="Filters",
        words=(
            f"How the long filters weigh what lies up to {length:,} bases away: the median over channels.",
        ),
        head=("layer", "direction", "largest at", "half of the energy within"),
        rows=rows,
        figures="".join(map(filter_figures, shapes)),
    )


def _half(distances: "NDArray[np.float64]", sizes: "NDArray[np.float64]") -> float:
    """Return within which distance half of the energy of taps lies, whose bins are of equal ratio."""
    import numpy as np

    energies = np.cumsum(np.square(sizes) * np.gradient(distances))
    return float(distances[np.searchsorted(energies, energies[-1] / 2)])


def _reach(options: ReportOptions, model: "HyenaDNA") -> "Iterator[Section]":
    """Yield the section of a language model's receptive field."""
    from hyenadna_kit.commands.model_card import Section
    from hyenadna_kit.heads.language_model import LanguageModelHead
    from hyenadna_kit.interpretation.receptive_field import SHARES, receptive_field

    if not isinstance(model.head, LanguageModelHead):
        return
    sequences, source = _sequences(options, _length(options, model))
    found = receptive_field(model, sequences)
    yield Section(
        title="Receptive field",
        words=(
            "How much the logits of the next base move with the bases before it: root of the mean square of "
            f"the derivative by their embeddings, over {len(sequences)} windows of {sequences.shape[1]:,} "
            f"bases {source}.",
        ),
        head=("share of the sum of squares", "within bases"),
        rows=tuple((f"{share:.0%}", f"{found.reach(share):,}") for share in SHARES),
        figures=_reach_figure(found),
    )


def _sequences(options: ReportOptions, length: int) -> "tuple[NDArray[np.uint8], str]":
    """Return windows of one length, and where they come from."""
    import numpy as np

    from hyenadna_kit.commands.explain import windows_of
    from hyenadna_kit.io.genome import open_genome
    from hyenadna_kit.io.regions import parse_regions, whole_genome
    from hyenadna_kit.tokenizers.nucleotide import FIRST_BASE, LAST_BASE

    if options.genome is None:
        if options.regions:
            raise InputError("--regions are of a --genome; name it, too")
        drawn = np.random.default_rng(0).integers(FIRST_BASE, LAST_BASE + 1, (options.sequences, length))
        return drawn.astype(np.uint8), "drawn at random"
    genome = open_genome(options.genome)
    regions = parse_regions(options.regions, genome) if options.regions else whole_genome(genome)
    return windows_of(genome, regions, length, options.sequences), f"of {Path(options.genome).name}"


def _reach_figure(found: "ReceptiveField") -> str:
    from hyenadna_kit.report.chart import Axis, Chart, Curve, thinned
    from hyenadna_kit.report.page import figure

    sizes = [max(size, 0.0) for size in found.sizes.tolist()]
    distances = [float(number) for number in range(1, len(sizes) + 1)]
    largest = max(sizes) or 1.0
    x = Axis(label="bases upstream, from 1", low=1.0, high=max(2.0, distances[-1]), is_log=True)
    y = Axis(label="size of the derivative", low=1e-6 * largest, high=2 * largest, is_log=True)
    drawn = Chart(x, y, width=640, height=280).draw([Curve(*thinned(distances, sizes, 1200), "c0")])
    return figure(drawn, "how much the answer moves with a base so far upstream")


def _limits(model: "HyenaDNA") -> "Section":
    """Return what a user must know, as far as the configuration tells."""
    from hyenadna_kit.commands.model_card import Section

    config, backbone = model.config, model.config.backbone
    points = [
        "What it says of species and of kinds of sequence that it was not trained on is not known until it "
        "is measured there.",
        "Letters other than A, C, G and T carry no information for it, and soft-masking is not seen.",
        "It is no medical device: its scores are no clinical statements.",
    ]
    if config.head.predicts_next:
        points.insert(0, "It reads upstream alone: what follows a base has no part in what is said of it.")
    if modes := {mode for mode in backbone.mixers.filter_modes if mode is not None}:
        points.append(
            f"It reads more than {model.context_length:,} tokens, but was not trained on more; what its "
            f"filters do there: {', '.join(sorted(modes))}."
        )
    return Section(title="Limits", points=tuple(points))
