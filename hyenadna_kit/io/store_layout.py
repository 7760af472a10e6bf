"""What lies in the folder of a genome store, and whether a folder is one.

    store.json        format, contigs, sources, fingerprint: the fields of :class:`StoreLayout`
    tokens.u8         one byte a base, contigs end to end in the order of the sources
    n_runs.i64        runs of N: offsets in tokens.u8, as :mod:`hyenadna_kit.io.runs` writes them
    soft_masked.i64   runs of lower case in the sources, likewise

``store.json`` names no file that is opened: a store reads nothing outside its folder.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

from hyenadna_kit.errors import GenomeStoreError
from hyenadna_kit.io.runs import RUN_BYTES
from hyenadna_kit.tokenizers.nucleotide import VOCABULARY

LAYOUT_FILE = "store.json"
TOKENS_FILE = "tokens.u8"
N_RUNS_FILE = "n_runs.i64"
SOFT_MASKED_FILE = "soft_masked.i64"
STORE_FILES = (LAYOUT_FILE, TOKENS_FILE, N_RUNS_FILE, SOFT_MASKED_FILE)
"""Names of the files of a store."""

_FORMAT = "hyenadna_kit.genome_store"
_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class StoreSource:
    """A FASTA file that a store was built from."""

    path: str
    """Where it lay; it is not read again."""
    size: int
    """Bytes on disk."""
    sha256: str
    """SHA-256 of those bytes."""


@dataclass(frozen=True, kw_only=True)
class StoreLayout:
    """The contents of ``store.json``."""

    fingerprint: str
    """SHA-256 of the contig names and bases; see :class:`hyenadna_kit.io.fasta.GenomeFingerprint`."""
    sources: tuple[StoreSource, ...]
    """The FASTA files, in order."""
    contigs: Mapping[str, int]
    """Length of each contig in bp, in order."""
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
        "format": _FORMAT,
        "version": _VERSION,
        "vocabulary": list(VOCABULARY),
        "fingerprint": layout.fingerprint,
        "sources": [asdict(source) for source in layout.sources],
        "n_runs": layout.n_runs,
        "soft_masked_runs": layout.soft_masked_runs,
        "contigs": [
            {"name": name, "length": length, "offset": layout.offsets[name]}
            for name, length in layout.contigs.items()
        ],
    }
    (folder / LAYOUT_FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_layout(folder: Path) -> StoreLayout:
    """Read ``store.json`` and check it against the files beside it.

    Raises:
        GenomeStoreError: The folder is no store, or one of another version, or damaged.
    """
    content = _read_json(folder)
    try:
        layout = _parse(content)
    except (KeyError, TypeError, ValueError) as error:
        reason = f"has no {error}" if isinstance(error, KeyError) else str(error)
        raise GenomeStoreError(
            f"{folder / LAYOUT_FILE} is damaged: {reason}; prepare the store again"
        ) from None
    for name, expected in layout.file_sizes().items():
        path = folder / name
        size = path.stat().st_size if path.is_file() else 0
        if size != expected or not path.is_file():
            raise GenomeStoreError(
                f"{path} has {size} bytes, expected {expected}: the store is damaged; prepare it again"
            )
    return layout


def _read_json(folder: Path) -> dict[str, Any]:
    path = folder / LAYOUT_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise GenomeStoreError(
            f"{folder} is not a genome store ({LAYOUT_FILE}: {error.strerror}); "
            "`hyenadna-kit prepare GENOME.fa --out STORE` makes one"
        ) from None
    except (ValueError, RecursionError):
        raise GenomeStoreError(f"{path} is not JSON; prepare the store again") from None
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise GenomeStoreError(f"{folder} is not a genome store: {path} is not of the format {_FORMAT}")
    if content.get("version") != _VERSION:
        version = content.get("version")
        raise GenomeStoreError(
            f"{folder} is a store of version {version!r}, expected {_VERSION}; prepare it again"
        )
    if content.get("vocabulary") != list(VOCABULARY):
        vocabulary = content.get("vocabulary")
        raise GenomeStoreError(f"{path} has the vocabulary {vocabulary}, expected {list(VOCABULARY)}")
    return content


def _parse(content: dict[str, Any]) -> StoreLayout:
    layout = StoreLayout(
        fingerprint=_typed(content, "fingerprint", str),
        sources=tuple(
            StoreSource(
                path=_typed(source, "path", str),
                size=_count(source, "size"),
                sha256=_typed(source, "sha256", str),
            )
            for source in _typed(content, "sources", list)
        ),
        contigs={
            _typed(contig, "name", str): _count(contig, "length")
            for contig in _typed(content, "contigs", list)
        },
        n_runs=_count(content, "n_runs"),
        soft_masked_runs=_count(content, "soft_masked_runs"),
    )
    offsets = [_count(contig, "offset") for contig in content["contigs"]]
    if offsets != list(layout.offsets.values()):
        raise ValueError("the offsets of its contigs do not follow from their names and lengths")
    return layout


def _typed(record: Any, key: str, kind: type) -> Any:
    if not isinstance(record, dict):
        raise TypeError(f"{record!r} is no record")
    value = record[key]
    # bool is a kind of int to isinstance, and is none here.
    if type(value) is not kind:
        raise TypeError(f"{key} is {value!r}, expected {kind.__name__}")
    return value


def _count(record: Any, key: str) -> int:
    value: int = _typed(record, key, int)
    if value < 0:
        raise ValueError(f"{key} is {value}, expected 0 or more")
    return value
