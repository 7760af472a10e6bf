"""Scored shards put together: what one run over the whole file would have written, byte for byte.

In: a manifest and the scored shards that it names. Out: one scored file, and a receipt of it. A shard that
is missing, changed or was scored in another way is refused.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import atomic_file, fingerprint
from hyenadna_kit.io.vcf import VariantReader, VariantRecord, read_variants
from hyenadna_kit.io.vcf_header import VcfHeader
from hyenadna_kit.io.vcf_writer import VariantWriter
from hyenadna_kit.scoring.shards import Manifest, Shard, Sites

_STATUS_ID = "HK_STATUS"


class Gathered(NamedTuple):
    """What was put together."""

    num_records: int
    """Records written."""
    index_skipped_reason: str | None
    """Why the output has no index, where it should."""


@dataclass(frozen=True)
class Receipt:
    """That a file was put together and what it is, so that it need not be done again."""

    num_records: int
    """Records in it."""
    sha256: str
    """Of its bytes."""
    index_skipped_reason: str | None
    """Why it has no index, where it should."""

    @classmethod
    def of(cls, out: Path, gathered: Gathered) -> "Receipt":
        """Return the receipt of a file that :func:`gather_scores` has written."""
        return cls(gathered.num_records, fingerprint(out), gathered.index_skipped_reason)

    def save(self, path: Path) -> None:
        """Write the receipt as JSON."""
        with atomic_file(path) as temporary:
            temporary.write_text(json.dumps(asdict(self)) + "\n")

    @classmethod
    def covers(cls, path: Path, out: Path) -> bool:
        """Say whether the receipt at ``path`` is that of ``out`` as it lies there."""
        if not (path.is_file() and out.is_file()):
            return False
        receipt = cls(**json.loads(path.read_text()))
        return receipt.sha256 == fingerprint(out)


def gather_scores(manifest: Manifest, scored: Path, out: str | Path) -> Gathered:
    """Write the records of all scored shards to ``out``, as one run over the file would.

    Args:
        manifest: What the file was cut into.
        scored: Folder of the scored shards, each under the name of its shard.
        out: ``.vcf``, ``.vcf.gz`` or ``.bcf``; or ``-``.

    Raises:
        InputError: A scored shard is missing, is one too many, lacks or reorders records of its shard,
            or was scored in another way than the first one. Nothing is written under the name of ``out``.
    """
    paths = [scored / shard.name for shard in manifest.shards]
    _check_names(scored, [shard.name for shard in manifest.shards])
    with read_variants(paths[0]) as reader:
        header = reader.header
    if _STATUS_ID not in header.info_ids:
        raise InputError(f"{paths[0]} has no INFO/{_STATUS_ID}: it is not scored; score it first")
    num_records = 0
    # Without fields of its own the writer gives back every byte of header and records.
    writer = VariantWriter(out, header, info=[], provenance=[])
    with writer:
        for shard, path in zip(manifest.shards, paths, strict=True):
            with _scored_shard(path, header, paths[0]) as reader:
                for record in _checked(reader, shard, path):
                    num_records += 1
                    writer.write(replace(record, number=num_records), {})
    return Gathered(num_records, writer.index_skipped_reason)


@contextmanager
def _scored_shard(path: Path, header: VcfHeader, first: Path) -> Iterator[VariantReader]:
    with read_variants(path) as reader:
        if reader.header.lines != header.lines:
            ours, theirs = set(header.lines), set(reader.header.lines)
            line = min(theirs - ours or ours - theirs, default=b"the order of its lines").decode().strip()
            raise InputError(
                f"{path} was not scored as {first} was: its header differs in {line[:120]!r}; "
                "score both with the same command"
            )
        yield reader


def _checked(reader: VariantReader, shard: Shard, path: Path) -> Iterator[VariantRecord]:
    """Yield the records of a scored shard and refuse it at its end where they are not those of its shard."""
    sites = Sites()
    for record in reader:
        sites.add(record)
        yield record
    if sites.num_records != shard.num_records:
        raise InputError(
            f"{path} has {sites.num_records} records, its shard {shard.num_records}; remove it and score the "
            "shard again"
        )
    if sites.shard(shard.name) != shard:
        raise InputError(
            f"{path} ({sites.first} to {sites.last}) does not hold the records of its shard ({shard.first} "
            f"to {shard.last}) in their order; remove it and score the shard again"
        )


def _check_names(scored: Path, names: Sequence[str]) -> None:
    suffixes = tuple({Path(name).suffix for name in names})
    found = {path.name for path in scored.glob("[0-9]*") if path.name.endswith(suffixes)}
    missing, extra = sorted(set(names) - found), sorted(found - set(names))
    if missing or extra:
        wrong = f"{missing[0]} is missing" if missing else f"{extra[0]} is none of them"
        raise InputError(
            f"{scored} holds {len(found)} scored shards and the manifest names {len(names)}: {wrong}; "
            "score every shard of this manifest, and no other, into that folder"
        )
