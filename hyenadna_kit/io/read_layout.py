"""What lies in the folder of a read store, and whether a folder is one.

    reads.json      format, source, filter, contigs, fingerprint: the fields of :class:`ReadLayout`
    tokens.u8       one byte a base, reads end to end as they were sequenced
    qualities.u8    Phred score of each of those bases; 255 where there is none
    offsets.i64     where each read begins in the two, and at last where the last one ends
    contigs.i32     number of the contig that each read is aligned to, from 0; -1 for none
    starts.i64      first base that each read spans on its contig, from 0; 0 for none
    ends.i64        one past the last; 0 for none

``reads.json`` names no file that is opened: a store reads nothing outside its folder.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hyenadna_kit.config import from_mapping, to_mapping
from hyenadna_kit.errors import ConfigError, InputError
from hyenadna_kit.io.read_filter import REASONS, ReadFilter, ReadReport
from hyenadna_kit.io.store_folder import StoreKind, count_field, field, load_layout, write_json

TOKENS, QUALITIES, OFFSETS = "tokens.u8", "qualities.u8", "offsets.i64"
CONTIGS, STARTS, ENDS = "contigs.i32", "starts.i64", "ends.i64"
DTYPES = {TOKENS: "|u1", QUALITIES: "|u1", OFFSETS: "<i8", CONTIGS: "<i4", STARTS: "<i8", ENDS: "<i8"}
"""Type of the numbers in each binary file."""

READ_STORE = StoreKind(
    name="read store",
    format="hyenadna_kit.read_store",
    version=1,
    layout_file="reads.json",
    data_files=tuple(DTYPES),
    remedy="pack the reads of the BAM or CRAM again",
    error=InputError,
)


@dataclass(frozen=True, kw_only=True)
class ReadSource:
    """The BAM or CRAM that a store was built from."""

    path: str
    """Where it lay; it is not read again."""
    size: int
    """Bytes on disk."""
    sha256: str
    """SHA-256 of those bytes."""


@dataclass(frozen=True, kw_only=True)
class ReadLayout:
    """The contents of ``reads.json``."""

    source: ReadSource
    """The BAM or CRAM."""
    read_filter: ReadFilter
    """Which of its reads are here."""
    report: ReadReport
    """How many there are, and how many were dropped."""
    contigs: Mapping[str, int]
    """Length of each contig of the reference in bp, in the order of the header."""
    num_bases: int
    """Bases of all reads."""

    @property
    def num_reads(self) -> int:
        """Number of reads."""
        return self.report.kept

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what decides the contents: the bytes of the source and the filter."""
        decisive = {"source": self.source.sha256, "read_filter": to_mapping(self.read_filter)}
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()

    def file_sizes(self) -> dict[str, int]:
        """Return the bytes that each binary file must have."""
        counts = dict.fromkeys(DTYPES, self.num_reads)
        counts |= {TOKENS: self.num_bases, QUALITIES: self.num_bases, OFFSETS: self.num_reads + 1}
        return {name: count * np.dtype(DTYPES[name]).itemsize for name, count in counts.items()}


def write_read_layout(folder: Path, layout: ReadLayout) -> None:
    """Write ``reads.json`` into ``folder``."""
    content = {
        "fingerprint": layout.fingerprint,
        "source": to_mapping(layout.source),
        "read_filter": to_mapping(layout.read_filter),
        "num_reads": layout.num_reads,
        "num_bases": layout.num_bases,
        "dropped": dict(layout.report.dropped),
        "contigs": [{"name": name, "length": length} for name, length in layout.contigs.items()],
    }
    write_json(READ_STORE, folder, content)


def load_read_layout(folder: Path) -> ReadLayout:
    """Read ``reads.json`` and check it against the files beside it.

    Raises:
        InputError: The folder is no store, or one of another version, or damaged.
    """
    return load_layout(READ_STORE, folder, _parse)


def _parse(content: dict[str, Any]) -> ReadLayout:
    source, dropped, contigs = (
        field(content, key, kind) for key, kind in (("source", dict), ("dropped", dict), ("contigs", list))
    )
    if unknown := dropped.keys() - set(REASONS):
        raise ValueError(f"reads were dropped for the unknown reason {min(unknown)!r}")
    layout = ReadLayout(
        source=ReadSource(
            path=field(source, "path", str),
            size=count_field(source, "size"),
            sha256=field(source, "sha256", str),
        ),
        read_filter=_read_filter(field(content, "read_filter", dict)),
        report=ReadReport(
            count_field(content, "num_reads"), {reason: count_field(dropped, reason) for reason in dropped}
        ),
        contigs={field(contig, "name", str): count_field(contig, "length") for contig in contigs},
        num_bases=count_field(content, "num_bases"),
    )
    if len(layout.contigs) != len(contigs):
        raise ValueError("a contig occurs twice")
    if field(content, "fingerprint", str) != layout.fingerprint:
        raise ValueError("its fingerprint does not follow from its source and filter")
    return layout


def _read_filter(mapping: dict[str, Any]) -> ReadFilter:
    try:
        return from_mapping(ReadFilter, mapping, "read_filter")
    except ConfigError as error:
        raise ValueError(str(error)) from None
