"""``hyenadna-kit info``: a model folder, a genome store or a read store in, what it holds out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hyenadna_kit.io.genome import Genome

POSITIONAL = ("path",)

_SHOWN_CONTIGS = 20


@dataclass(frozen=True, kw_only=True)
class InfoOptions:
    """Say what a model folder (of any format), a genome store, a FASTA or a read store holds."""

    path: str
    """Folder or file, or the name of a model."""


def run(options: InfoOptions) -> int:
    """Print one line a fact.

    Raises:
        InputError: The path is none of these.
        CheckpointError: The model folder is damaged.
        GenomeStoreError: The genome store is damaged.
    """
    from hyenadna_kit.checkpoint import CONFIG_NAME
    from hyenadna_kit.io.read_layout import READ_STORE
    from hyenadna_kit.pretrained.hub import model_folder

    path = model_folder(options.path)
    if (path / CONFIG_NAME).exists():
        facts = _model_facts(options.path, path)
    elif (path / READ_STORE.layout_file).exists():
        facts = _read_facts(options.path)
    else:
        facts = _genome_facts(options.path)
    for name, value in list(facts):  # all or none: the last may show that the folder is damaged
        print(f"{name:<44}  {value}")
    return 0


def _model_facts(name: str, folder: Path) -> Iterator[tuple[str, str]]:
    from hyenadna_kit.checkpoint import weights_file
    from hyenadna_kit.config import flat, to_mapping
    from hyenadna_kit.files import fingerprint
    from hyenadna_kit.model import HyenaDNA
    from hyenadna_kit.pretrained.hub import commit_of

    model = HyenaDNA.from_pretrained(folder)
    yield "model", name
    if (commit := commit_of(folder)) is not None:
        yield "commit", commit
    weights = weights_file(folder)
    yield f"sha256 of {weights.name}", fingerprint(weights)
    yield "parameters", f"{model.num_parameters:,}"
    yield "sha256", model.fingerprint()
    yield from ((key, str(value)) for key, value in flat(to_mapping(model.config)))


def _genome_facts(path: str) -> Iterator[tuple[str, str]]:
    from hyenadna_kit.io.genome import open_genome
    from hyenadna_kit.io.genome_store import GenomeStore

    genome = open_genome(path)
    yield "genome", path
    yield from _species_facts(genome)
    yield "contigs", f"{len(genome.contigs):,}"
    yield "bases", f"{sum(genome.contigs.values()):,}"
    if isinstance(genome, GenomeStore):
        yield "N", f"{genome.n_fraction:.2%}"
        yield "soft-masked", f"{genome.soft_masked_fraction:.2%}"
        yield "aliases", f"{len(genome.aliases):,}"
    yield "sha256", genome.fingerprint
    yield from _contig_facts(genome.contigs)


def _species_facts(genome: "Genome") -> Iterator[tuple[str, str]]:
    labels = list(dict.fromkeys(genome.species.values()))
    if labels:
        yield "species", f"{len(labels):,}"
    for label in labels:
        lengths = [genome.contigs[contig] for contig, species in genome.species.items() if species == label]
        yield (
            f"  {label}",
            f"{len(lengths):,} contig{'' if len(lengths) == 1 else 's'}, {sum(lengths):,} bases",
        )


def _read_facts(path: str) -> Iterator[tuple[str, str]]:
    from hyenadna_kit.io.read_store import ReadStore

    store = ReadStore(path)
    yield "reads", path
    yield "kept", f"{store.report.kept:,} of {store.report.total:,}"
    for reason, count in store.report.dropped.items():
        yield f"  dropped: {reason.replace('_', ' ')}", f"{count:,}"
    yield "bases", f"{store.num_bases:,}"
    yield "sha256", store.fingerprint
    yield "contigs of the reference", f"{len(store.contigs):,}"
    yield from _contig_facts(store.contigs)


def _contig_facts(contigs: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    for name, length in list(contigs.items())[:_SHOWN_CONTIGS]:
        yield f"  {name}", f"{length:,}"
    if len(contigs) > _SHOWN_CONTIGS:
        yield "  ...", f"{len(contigs) - _SHOWN_CONTIGS:,} more"
