"""What lies in the folder of a genome store, and whether a folder is one.

    store.json        format, contigs, sources, fingerprint: the fields of :class:`StoreLayout`
    tokens.u8         one byte a base, contigs end to end in the order of the sources
    n_runs.i64        runs of N: offsets in tokens.u8, as :mod:`hyenadna_kit.io.runs` writes them
    soft_masked.i64   runs of lower case in the sources, likewise

``store.json`` names no file that is opened: a store reads nothing outside its folder. Version 2 adds
species and aliases to it; the binary files are those of version 1, which is therefore still read.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

from hyenadna_kit.errors import GenomeStoreError
from hyenadna_kit.genome.contigs import check_species_label
from hyenadna_kit.io.runs import RUN_BYTES
from hyenadna_kit.io.store_folder import StoreKind, count_field, field, load_layout, write_json

TOKENS_FILE = "tokens.u8"
N_RUNS_FILE = "n_runs.i64"
SOFT_MASKED_FILE = "soft_masked.i64"

GENOME_STORE = StoreKind(
    name="genome store",
    format="hyenadna_kit.genome_store",
    version=2,
    older_versions=(1,),
    layout_file="store.json",
    data_files=(TOKENS_FILE, N_RUNS_FILE, SOFT_MASKED_FILE),
    remedy="prepare it with `hyenadna-kit prepare GENOME.fa --out STORE --overwrite`",
    error=GenomeStoreError,
)
"""What a genome store calls itself and its files."""


@dataclass(frozen=True, kw_only=True)
class StoreSource:
    """A FASTA file that a store was built from."""

    path: str
    """Where it lay; it is not read again."""
    size: int
    """Bytes on disk."""
    sha256: str
    """SHA-256 of those bytes."""
    species: str = ""
    """Label of all its contigs; empty where none was given."""


@dataclass(frozen=True, kw_only=True)
class StoreLayout:
    """The contents of ``store.json``."""

    fingerprint: str
    """SHA-256 of the contig names and bases; see :class:`hyenadna_kit.io.fasta.GenomeFingerprint`."""
    sources: tuple[StoreSource, ...]
    """The FASTA files, in order."""
    contigs: Mapping[str, int]
    """Length of each contig in bp, in order."""
    species: Mapping[str, str]
    """Label of each contig that has one."""
    aliases: Mapping[str, str]
    """Contigs under names that a user gave: other name to name here."""
    n_runs: int
    """Number of runs of N."""
    soft_masked_runs: int
    """Number of soft-masked runs."""

    @cached_property
    def offsets(self) -> Mapping[str, int]:
        """Where each contig begins in ``tokens.u8``."""
        return dict(zip(self.contigs, accumulate(self.contigs.values(), initial=0), strict=False))

    @cached_property
    def num_bases(self) -> int:
        """Length of all contigs in bp."""
        return sum(self.contigs.values())

    def file_sizes(self) -> dict[str, int]:
        """Return the bytes that each binary file must have."""
        return {
            TOKENS_FILE: self.num_bases,
            N_RUNS_FILE: self.n_runs * RUN_BYTES,
            SOFT_MASKED_FILE: self.soft_masked_runs * RUN_BYTES,
        }


def write_layout(folder: Path, layout: StoreLayout) -> None:
    """Write ``store.json`` into ``folder``."""
    content = {
        "fingerprint": layout.fingerprint,
        "sources": [asdict(source) for source in layout.sources],
        "n_runs": layout.n_runs,
        "soft_masked_runs": layout.soft_masked_runs,
        "aliases": dict(layout.aliases),
        "contigs": [
            {
                "name": name,
                "length": length,
                "offset": layout.offsets[name],
                "species": layout.species.get(name, ""),
            }
            for name, length in layout.contigs.items()
        ],
    }
    write_json(GENOME_STORE, folder, content)


def read_layout(folder: Path) -> StoreLayout:
    """Read ``store.json`` and check it against the files beside it.

    Raises:
        GenomeStoreError: The folder is no store, or one of another version, or damaged.
    """
    return load_layout(GENOME_STORE, folder, _parse)


def _parse(content: dict[str, Any]) -> StoreLayout:
    # Species and aliases came with version 2, and there they must be.
    is_version_1 = content["version"] == 1
    label = {"species": ""} if is_version_1 else {}
    sources = [label | _record(source) for source in field(content, "sources", list)]
    contigs = [label | _record(contig) for contig in field(content, "contigs", list)]
    labels = {field(contig, "name", str): field(contig, "species", str) for contig in contigs}
    layout = StoreLayout(
        fingerprint=field(content, "fingerprint", str),
        sources=tuple(
            StoreSource(
                path=field(source, "path", str),
                size=count_field(source, "size"),
                sha256=field(source, "sha256", str),
                species=field(source, "species", str),
            )
            for source in sources
        ),
        contigs={contig["name"]: count_field(contig, "length") for contig in contigs},
        species={name: check_species_label(label) for name, label in labels.items() if label},
        aliases={} if is_version_1 else _aliases(content),
        n_runs=count_field(content, "n_runs"),
        soft_masked_runs=count_field(content, "soft_masked_runs"),
    )
    if [count_field(contig, "offset") for contig in contigs] != list(layout.offsets.values()):
        raise ValueError("the offsets of its contigs do not follow from their names and lengths")
    return layout


def _aliases(content: dict[str, Any]) -> dict[str, str]:
    aliases: dict[str, str] = field(content, "aliases", dict)
    for other in aliases:
        field(aliases, other, str)
    return aliases


def _record(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is no record")
    return value
