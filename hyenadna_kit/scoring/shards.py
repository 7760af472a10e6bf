"""A variant file cut into shards that are scored apart.

In: a VCF or BCF. Out: shards of about as many records each, and a manifest that says what is in them, by
which :mod:`hyenadna_kit.scoring.gather` puts their scores together again.

A cut lies only where :meth:`Placement.block` changes between two records: what is computed together, and
with it the last digit of every score, is the same in a shard as in the whole file.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import atomic_file, fingerprint
from hyenadna_kit.io.variant_survey import survey_variants
from hyenadna_kit.io.vcf import VariantRecord, read_variants
from hyenadna_kit.io.vcf_header import VcfHeader
from hyenadna_kit.io.vcf_output import output_file
from hyenadna_kit.io.vcf_source import STDIO
from hyenadna_kit.scoring.placement import Placement

MANIFEST_NAME = "manifest.json"
"""File of the manifest in the folder of the shards."""

_MAX_SHARDS = 10_000


class Shard(NamedTuple):
    """What is in one shard."""

    name: str
    """Its file in the folder of the shards, and of its scores in theirs."""
    num_records: int
    """Records in it; 0 where the file has too few places to be cut at."""
    first: str
    """CONTIG:POS (1-based) of its first record; empty where there is none."""
    last: str
    """CONTIG:POS of its last record."""
    sites_sha256: str
    """Of contig, POS, REF and ALT of all its records, in order."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a variant file was cut into."""

    vcf: str
    """The file, as it was named."""
    vcf_sha256: str
    """Of its bytes."""
    shards: tuple[Shard, ...]
    """In the order of the file."""

    @property
    def num_records(self) -> int:
        """Records of all shards."""
        return sum(shard.num_records for shard in self.shards)

    def save(self, path: Path) -> None:
        """Write the manifest as JSON."""
        fields = asdict(self) | {"shards": [shard._asdict() for shard in self.shards]}
        with atomic_file(path) as temporary:
            temporary.write_text(json.dumps(fields, indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Manifest":
        """Read a manifest.

        Raises:
            InputError: The file cannot be read or is no manifest.
        """
        try:
            fields = json.loads(path.read_text())
            shards = tuple(Shard(**shard) for shard in fields.pop("shards"))
            return cls(**fields, shards=shards)
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}; split the variants first") from None
        except (ValueError, TypeError, KeyError, AttributeError):
            raise InputError(f"{path} is no manifest of shards; split the variants again") from None


def shard_suffix(vcf: str | Path) -> str:
    """Return the suffix of the shards of a file: text stays text, and BCF stays BCF."""
    with read_variants(vcf) as reader:
        return _suffix(reader.header)


def split_variants(vcf: str | Path, folder: Path, placement: Placement, num_shards: int) -> Manifest:
    """Cut a variant file into ``num_shards`` shards in ``folder``, the manifest beside them.

    The file is read twice, in bounded memory. Every shard has the whole header, and
    ``##contig`` lines that it lacks and the file needs. Where the file has fewer
    blocks than shards are asked for, the last ones have no records.

    Args:
        vcf: VCF, VCF.gz or BCF.
        folder: Where ``0000.vcf.gz`` (or ``.bcf``) and the others go; shards that are there are replaced.
        placement: That of the scores.
        num_shards: Shards to write.

    Raises:
        InputError: The file is damaged or a pipe, or ``num_shards`` is not 1 to 10,000.
    """
    if not 1 <= num_shards <= _MAX_SHARDS:
        raise InputError(f"the number of shards is 1 to {_MAX_SHARDS}, got {num_shards}")
    if str(vcf) == STDIO or not Path(vcf).is_file():
        raise InputError(f"{vcf} is no file: what is cut into shards is read twice; save it to a file first")
    sha256 = fingerprint(Path(vcf))
    survey = survey_variants(vcf)
    assert survey.num_records is not None  # it is a file
    folder.mkdir(parents=True, exist_ok=True)
    with read_variants(vcf) as reader:
        pieces = _Pieces(reader, placement, survey.num_records, num_shards)
        header = reader.header.with_lines(survey.needed)
        names = [f"{number:04d}{_suffix(header)}" for number in range(num_shards)]
        shards = [_write(folder / name, header, pieces.next_piece()) for name in names]
    manifest = Manifest(vcf=str(vcf), vcf_sha256=sha256, shards=tuple(shards))
    if manifest.num_records != survey.num_records:
        raise InputError(f"{vcf} changed while it was split; run the command again")
    manifest.save(folder / MANIFEST_NAME)
    return manifest


class _Pieces:
    """The records of a file, one shard after another."""

    def __init__(
        self, records: Iterator[VariantRecord], placement: Placement, num_records: int, num_shards: int
    ) -> None:
        self._records = records
        self._placement = placement
        self._num_left = num_records
        self._shards_left = num_shards
        self._ahead = next(records, None)

    def next_piece(self) -> Iterator[VariantRecord]:
        """Yield the records of the next shard: its share of what is left, to the end of a block."""
        share = -(-self._num_left // self._shards_left)
        self._shards_left -= 1
        num_taken = 0
        while self._ahead is not None:
            record, self._ahead = self._ahead, next(self._records, None)
            self._num_left -= 1
            num_taken += 1
            yield record
            if self._shards_left and num_taken >= share and self._is_cut(record, self._ahead):
                return

    def _is_cut(self, record: VariantRecord, following: VariantRecord | None) -> bool:
        return following is None or self._block(record) != self._block(following)

    def _block(self, record: VariantRecord) -> tuple[str, int]:
        return record.contig, self._placement.block(record.position)


class Sites:
    """What a manifest says of the records of a shard, gathered one by one."""

    def __init__(self) -> None:
        self.num_records = 0
        self.first = self.last = ""
        self._digest = hashlib.sha256()

    def add(self, record: VariantRecord) -> None:
        """Take note of the next record."""
        self.num_records += 1
        self.last = record.site
        self.first = self.first or record.site
        site = "\t".join((record.contig, str(record.position), record.ref, *record.alts))
        self._digest.update(f"{site}\n".encode())

    def shard(self, name: str) -> Shard:
        """Return the entry of the manifest."""
        return Shard(name, self.num_records, self.first, self.last, self._digest.hexdigest())


def _write(path: Path, header: VcfHeader, records: Iterator[VariantRecord]) -> Shard:
    sites = Sites()
    with atomic_file(path) as temporary, output_file(temporary, header, name=str(path)) as write:
        for record in records:
            write(record.raw)
            sites.add(record)
    return sites.shard(path.name)


def _suffix(header: VcfHeader) -> str:
    return ".bcf" if header.is_bcf else ".vcf.gz"
