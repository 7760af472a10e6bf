"""``hyenadna-kit info``: a model folder or a genome store in, what it holds out."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POSITIONAL = ("path",)

_SHOWN_CONTIGS = 20


@dataclass(frozen=True, kw_only=True)
class InfoOptions:
    """Say what a model folder (of any format), a genome store or a FASTA holds."""

    path: str
    """Folder or file."""


def run(options: InfoOptions) -> int:
    """Print one line a fact.

    Raises:
        InputError: The path is none of these.
        CheckpointError: The model folder is damaged.
        GenomeStoreError: The genome store is damaged.
    """
    from hyenadna_kit.checkpoint import CONFIG_NAME

    is_model = (Path(options.path) / CONFIG_NAME).exists()
    facts = _model_facts(options.path) if is_model else _genome_facts(options.path)
    for name, value in list(facts):  # all or none: the last may show that the folder is damaged
        print(f"{name:<44}  {value}")
    return 0


def _model_facts(path: str) -> Iterator[tuple[str, str]]:
    from hyenadna_kit.config import to_mapping
    from hyenadna_kit.model import HyenaDNA

    model = HyenaDNA.from_pretrained(path)
    yield "model", path
    yield "parameters", f"{model.num_parameters:,}"
    yield "sha256", model.fingerprint()
    yield from _flat("", to_mapping(model.config))


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        yield prefix, str(value)
        return
    if "class_path" in value:
        yield prefix, value["class_path"]
        value = value["init_args"]
    for key, item in value.items():
        yield from _flat(f"{prefix}.{key}" if prefix else key, item)


def _genome_facts(path: str) -> Iterator[tuple[str, str]]:
    from hyenadna_kit.io.genome import open_genome
    from hyenadna_kit.io.genome_store import GenomeStore

    genome = open_genome(path)
    yield "genome", path
    yield "contigs", f"{len(genome.contigs):,}"
    yield "bases", f"{sum(genome.contigs.values()):,}"
    if isinstance(genome, GenomeStore):
        yield "N", f"{genome.n_fraction:.2%}"
        yield "soft-masked", f"{genome.soft_masked_fraction:.2%}"
    yield "sha256", genome.fingerprint
    for name, length in list(genome.contigs.items())[:_SHOWN_CONTIGS]:
        yield f"  {name}", f"{length:,}"
    if len(genome.contigs) > _SHOWN_CONTIGS:
        yield "  ...", f"{len(genome.contigs) - _SHOWN_CONTIGS:,} more"
