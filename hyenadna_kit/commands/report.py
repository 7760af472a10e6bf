"""``hyenadna-kit report``: a model in, a model card out, as a page and as Markdown."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hyenadna_kit.config import check_least
from hyenadna_kit.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hyenadna_kit.commands.model_card import ModelCard
    from hyenadna_kit.model import HyenaDNA

POSITIONAL = ("model",)

_LONGEST = 4096
"""Bases of a window, and taps of a filter, that are looked at unless more are asked for."""
PAGE_NAME, MARKDOWN_NAME = "model_card.html", "model_card.md"


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """Write a model card: architecture, data, bits per base, filters, reach and limits.

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

    if Path(options.out).exists() and not Path(options.out).is_dir():
        raise InputError(f"--out {options.out} is a file; name a folder")
    card = model_card(options)
    for name, text in ((PAGE_NAME, as_page(card)), (MARKDOWN_NAME, as_markdown(card))):
        with atomic_file(Path(options.out) / name) as path:
            path.write_text(text, encoding="utf-8")
    print(f"wrote {Path(options.out) / PAGE_NAME} and {MARKDOWN_NAME}", file=sys.stderr)
    return 0


def model_card(options: ReportOptions) -> "ModelCard":
    """Return what the card of a model says."""
    from hyenadna_kit.commands import report_sections as sections
    from hyenadna_kit.commands.model_card import ModelCard
    from hyenadna_kit.heads.language_model import LanguageModelHead
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
    is_causal = isinstance(model.head, LanguageModelHead)
    if not is_causal:
        _refuse_what_is_of_language_models(options)
    length = options.length or min(model.context_length, _LONGEST)
    found = [
        sections.architecture(model, folder),
        sections.training_data(folder),
        sections.bits_per_base(model, folder, options.evaluation) if is_causal else sections.measured(folder),
        sections.filters(model, length),
        *((sections.reach(model, *_sequences(options, length)),) if is_causal else ()),
        sections.limits(model),
    ]
    return ModelCard(title=_title(options.model), summary=summary, sections=tuple(found))


def _refuse_what_is_of_language_models(options: ReportOptions) -> None:
    for name in ("evaluation", "genome", "regions"):
        if getattr(options, name):
            raise InputError(f"--{name} is for the cards of causal language models, {options.model} is none")


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


def _sequences(options: ReportOptions, length: int) -> "tuple[NDArray[np.uint8], str]":
    """Return windows of one length, and where they come from."""
    import numpy as np

    from hyenadna_kit.io.genome import open_genome
    from hyenadna_kit.io.regions import parse_regions, whole_genome
    from hyenadna_kit.tokenizers.nucleotide import FIRST_BASE, LAST_BASE
    from hyenadna_kit.windows.layout import windows_before

    if options.genome is None:
        if options.regions:
            raise InputError("--regions are of a --genome; name it, too")
        drawn = np.random.default_rng(0).integers(FIRST_BASE, LAST_BASE + 1, (options.sequences, length))
        return drawn.astype(np.uint8), "drawn at random"
    genome = open_genome(options.genome)
    regions = parse_regions(options.regions, genome) if options.regions else whole_genome(genome)
    windows = windows_before(regions, length, options.sequences)
    tokens = np.stack([genome.tokens(each) for each in windows])
    if not ((tokens >= FIRST_BASE) & (tokens <= LAST_BASE)).any():
        raise InputError(f"the regions of {options.genome} hold no A, C, G or T; name others by --regions")
    return tokens, f"of {Path(options.genome).name}"
