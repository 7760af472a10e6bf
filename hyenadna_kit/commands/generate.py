"""``hyenadna-kit generate``: a model and the beginning of a sequence in, what it draws behind it out."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hyenadna_kit.config import check_least
from hyenadna_kit.errors import InputError
from hyenadna_kit.generation.sampling_options import SamplingOptions

if TYPE_CHECKING:
    from hyenadna_kit.commands.progress import OnProgress
    from hyenadna_kit.model import HyenaDNA

_SUFFIXES = (".fa", ".fasta", ".fna")
_LINE_BASES = 80


@dataclass(frozen=True, kw_only=True)
class GenerateOptions(SamplingOptions):
    """Draw sequences from a language model, base by base, each given those before it.

    They go to a FASTA file; headers have the mean cost of a base in bits, as the model sees it.
    """

    model: str
    """Model folder, or the name of a model that comes with the package."""
    out: str
    """X.fa, X.fasta or X.fna, with .gz behind it bgzipped."""
    prompt: str | None = None
    """Bases that every sequence begins with."""
    prompts: str | None = None
    """FASTA of such beginnings, instead of --prompt; --count sequences for each."""
    num_bases: int = 1000
    """Most bases that are drawn behind a prompt."""
    count: int = 1
    """Sequences behind each prompt."""
    stop: tuple[str, ...] = ()
    """Words; a sequence ends behind the first one that it holds."""
    taps: int | None = None
    """End the filters after so many taps, so that memory does not grow with --num_bases; the model is another
    one then. Default: whole."""
    with_prompt: bool = False
    """Write the prompt before what was drawn."""
    batch_size: int = 8
    """Sequences that are drawn at a time."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute."""
    max_memory: str | None = None
    """Memory that a pass over a prompt may take, as 4G or 512M; default: what is free."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_least(self, dict.fromkeys(("num_bases", "count", "taps", "batch_size"), 1))


def run(options: GenerateOptions) -> int:
    """Write the sequences.

    Raises:
        InputError: An option does not fit, or a prompt is no DNA.
        CheckpointError: The model folder is damaged.
    """
    from hyenadna_kit.commands.computing import load_model
    from hyenadna_kit.commands.progress import show_progress
    from hyenadna_kit.files import refuse_input
    from hyenadna_kit.io.text_lines import write_lines

    out = Path(options.out)
    if Path(out.name.lower().removesuffix(".gz")).suffix not in _SUFFIXES:
        raise InputError(f"--out {out} must end in {', '.join(_SUFFIXES)}, with or without .gz")
    refuse_input(out, [options.prompts])
    prompts = _prompts(options)
    model = load_model(options.model, options.device, options.max_memory)
    if options.taps is not None:
        model = model.with_filter_taps(options.taps)
    _refuse_other_letters(model, "--prompt", [options.prompt or ""])
    _refuse_other_letters(model, "--stop", options.stop)
    with show_progress("bases") as on_progress:
        write_lines(out, _records(options, model, prompts, on_progress))
    print(f"{out}: {options.count * len(prompts):,} sequences", file=sys.stderr)
    return 0


def _prompts(options: GenerateOptions) -> dict[str, str]:
    """Return the prompts by name."""
    from hyenadna_kit.genome.interval import Interval
    from hyenadna_kit.io.fasta import Fasta

    if (options.prompt is None) == (options.prompts is None):
        raise InputError("name what sequences begin with by either --prompt BASES or --prompts FASTA")
    if options.prompt is not None:
        return {"generated": options.prompt}
    assert options.prompts is not None
    fasta = Fasta(options.prompts)
    return {name: fasta.fetch(Interval(name, 0, length)) for name, length in fasta.contigs.items()}


def _refuse_other_letters(model: "HyenaDNA", name: str, words: Iterable[str]) -> None:
    """Refuse what is no DNA, by the option that it came by."""
    for word in words:
        try:
            model.tokenizer.encode(word)
        except InputError as error:
            raise InputError(f"{name} {word[:40]}: {error}") from None


def _records(
    options: GenerateOptions, model: "HyenaDNA", prompts: dict[str, str], on_progress: "OnProgress"
) -> Iterator[str]:
    """Yield the lines of the FASTA."""
    from hyenadna_kit.generation.generate import generate

    of_prompt = options.count * options.num_bases
    for place, (name, prompt) in enumerate(prompts.items()):

        def tell(done: int, before: int = place * of_prompt) -> None:
            on_progress(before + done, of_prompt * len(prompts))

        drawn = generate(
            model,
            prompt,
            options.num_bases,
            count=options.count,
            batch_size=options.batch_size,
            sampling=options,
            stop=options.stop,
            on_progress=tell,
        )
        for number, each in enumerate(drawn, start=1):
            yield f">{name}-{number} bases={len(each.bases)} bits_per_base={each.bits_per_base:.4f}"
            bases = prompt + each.bases if options.with_prompt else each.bases
            for first in range(0, len(bases), _LINE_BASES):
                yield bases[first : first + _LINE_BASES]
