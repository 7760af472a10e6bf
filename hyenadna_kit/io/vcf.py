"""Variant files: VCF, VCF.gz and BCF, record by record.

In: a path, or ``-`` for standard input. Out: :class:`VariantRecord` in the order of the file, each
with its contig, alleles and the bytes that it was read from, which
:class:`hyenadna_kit.io.vcf_writer.VariantWriter` gives back unchanged. This module is where the
1-based POS of a file becomes a 0-based position.
"""

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, NoReturn, final

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.bcf import LENGTHS, BcfDictionary, read_site
from hyenadna_kit.io.compressed import DAMAGE, describe_damage
from hyenadna_kit.io.vcf_header import VcfHeader, shown
from hyenadna_kit.io.vcf_source import BCF_MAGIC, MAX_RECORD_BYTES, VcfSource

AlleleKind = Literal["sequence", "symbolic", "star", "missing"]

_NUM_FIXED_COLUMNS = 8
_NUM_COLUMNS_BEFORE_SAMPLES = 9
_SYMBOLIC = re.compile(r"[<>\[\].]")


def allele_kind(alt: str) -> AlleleKind:
    """Say what an ALT allele is.

    ``sequence`` is anything that claims to be bases; ``symbolic`` is ``<DEL>`` and its like or a
    breakend (``G]17:198982]``, ``.A``); ``star`` is ``*``, an overlapping deletion told in another
    record; ``missing`` is ``.`` or nothing.
    """
    if alt in (".", ""):
        return "missing"
    if alt == "*":
        return "star"
    return "symbolic" if _SYMBOLIC.search(alt) else "sequence"


@dataclass(frozen=True, slots=True)
class VariantRecord:
    """One record of a variant file."""

    number: int
    """Number in the file, from 1."""
    contig: str
    """Name of the contig, as the file spells it."""
    position: int
    """First base of ``ref``, counted from 0; -1 where POS is 0, the telomere before the contig."""
    ref: str
    """Reference allele, as the file spells it."""
    alts: tuple[str, ...]
    """Alternative alleles, as the file spells them; empty where ALT is ``.``."""
    filters: tuple[str, ...]
    """Entries of FILTER; ``("PASS",)``, or empty for ``.``."""
    raw: bytes
    """The line with its line end, or the binary record with its two lengths."""

    @property
    def site(self) -> str:
        """``CONTIG:POS`` as the file writes it (1-based), for messages."""
        return f"{self.contig}:{self.position + 1}"

    def variants(self) -> tuple[Variant | None, ...]:
        """Return one variant per ALT; None where the ALT is no sequence or POS is 0.

        The alleles are not checked: they may hold other letters than A, C, G and T.
        """
        if self.position < 0:
            return (None,) * len(self.alts)
        return tuple(
            Variant(self.contig, self.position, self.ref, alt) if allele_kind(alt) == "sequence" else None
            for alt in self.alts
        )


@final
class VariantReader:
    """The records of one variant file, read once, in order and in bounded memory.

        with read_variants("calls.vcf.gz") as reader:
            for record in reader: ...

    Iterating raises InputError at the first bad record, after all good ones before it.
    """

    header: VcfHeader
    """What the header of the file says."""

    def __init__(self, path: str | Path) -> None:
        """Open ``path`` and read its header; see :func:`read_variants`."""
        self._source = VcfSource(path)
        self.name = self._source.name
        try:
            self.header = self._read_header()
        except DAMAGE as error:
            self.close()
            raise InputError(f"{self.name}: damaged in its header: {describe_damage(error)}") from None
        except InputError:
            self.close()
            raise
        samples = self.header.sample_count
        self._num_columns = _NUM_COLUMNS_BEFORE_SAMPLES + samples if samples else _NUM_FIXED_COLUMNS
        self._records = self._read_records()

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def __enter__(self) -> "VariantReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[VariantRecord]:
        return self._records

    def __next__(self) -> VariantRecord:
        return next(self._records)

    def _read_header(self) -> VcfHeader:
        if self._source.is_bcf:
            prefix = self._source.read(len(BCF_MAGIC) + 4)
            length = int.from_bytes(prefix[-4:], "little")
            text = self._source.read(min(length, MAX_RECORD_BYTES))
            if len(text) < length:
                raise InputError(f"{self.name}: the header ends early (truncated?); copy the file again")
            lines = text.rstrip(b"\0").splitlines(keepends=True)
            return VcfHeader.parse(lines, self.name, is_bcf=True)
        lines = []
        for line in self._source.lines():
            lines.append(line)
            if not line.startswith(b"##") or (len(lines) == 1 and not line.startswith(b"##fileformat")):
                break
        return VcfHeader.parse(lines, self.name, is_bcf=False)

    def _read_records(self) -> Iterator[VariantRecord]:
        is_bcf, number = self.header.is_bcf, 0
        parse = self._bcf_parser() if is_bcf else self._parse_line
        try:
            for number, raw in enumerate(self._bcf_records() if is_bcf else self._source.lines(), 1):
                yield parse(number, raw)
            self._source.check_end()
        except DAMAGE as error:
            raise InputError(
                f"{self.name}: damaged after record {number}: {describe_damage(error)}"
            ) from None
        finally:
            self.close()

    def _parse_line(self, number: int, line: bytes) -> VariantRecord:
        columns = line.split(b"\t", _NUM_FIXED_COLUMNS)
        if self._is_malformed(line, columns):
            self._refuse(number, _fault(line, columns, self._num_columns))
        contig, vcf_position, _, ref, alt, _, filters = columns[:7]
        try:
            return VariantRecord(
                number,
                _contig(contig),
                int(vcf_position) - 1,
                ref.decode("ascii"),
                () if alt == b"." else tuple(alt.decode("ascii").split(",")),
                _filters(filters),
                line,
            )
        except ValueError as error:
            self._refuse(number, f"a column is not text ({error}); the line is garbled")

    def _is_malformed(self, line: bytes, columns: list[bytes]) -> bool:
        return (
            len(columns) < _NUM_FIXED_COLUMNS
            or not columns[1].isdigit()
            or not (columns[0] and columns[3] and columns[4])
            or b"\0" in line
            or len(line) >= MAX_RECORD_BYTES
            or (self.header.sample_count > 0 and line.count(b"\t") + 1 < self._num_columns)
        )

    def _refuse(self, number: int, fault: str) -> NoReturn:
        line = "" if self.header.is_bcf else f" (line {len(self.header.lines) + number})"
        raise InputError(f"{self.name}, record {number}{line}: {fault}; mend or remove it")

    def _bcf_records(self) -> Iterator[bytes]:
        """Yield the binary records whole, their lengths included."""
        for number in itertools.count(1):
            lengths = self._source.read(LENGTHS.size)
            if not lengths:
                return
            num_bytes = sum(LENGTHS.unpack(lengths)) if len(lengths) == LENGTHS.size else 0
            if num_bytes > MAX_RECORD_BYTES:
                self._refuse(number, f"garbled binary record of {num_bytes} bytes")
            data = self._source.read(num_bytes)
            if len(data) < num_bytes or len(lengths) < LENGTHS.size:
                raise EOFError
            yield lengths + data

    def _bcf_parser(self) -> Callable[[int, bytes], VariantRecord]:
        dictionary = BcfDictionary.of(self.header.lines)

        def parse(number: int, raw: bytes) -> VariantRecord:
            """Return the record of these bytes."""
            try:
                site = read_site(raw)
                return VariantRecord(
                    number,
                    dictionary.contigs[site.contig],
                    site.position,
                    site.ref,
                    site.alts,
                    tuple(dictionary.strings[entry] for entry in site.filters),
                    raw,
                )
            except KeyError as error:
                self._refuse(number, f"its contig or filter {error} is not in the header")
            except ValueError as error:
                self._refuse(number, str(error))

        return parse


def read_variants(path: str | Path) -> VariantReader:
    """Open a variant file; see :class:`VariantReader`.

    Args:
        path: VCF, plain, gzip or bgzip, or BCF, told apart by the first bytes; ``-`` reads standard
            input.

    Raises:
        InputError: The file cannot be opened, is empty, or has no header of a VCF.
    """
    return VariantReader(path)


def _fault(line: bytes, columns: list[bytes], num_columns: int) -> str:
    """Say what is wrong with a malformed line."""
    if b"\0" in line:
        return "it holds a NUL byte: binary or damaged"
    if len(line) >= MAX_RECORD_BYTES:
        return f"it is longer than {MAX_RECORD_BYTES} bytes"
    num_found = line.count(b"\t") + 1
    if num_found < num_columns:
        cut = " and no line end: the file is cut off here" if not line.endswith(b"\n") else ""
        return f"{shown(line, 40)} has {num_found} of {num_columns} columns (parted by tabs){cut}"
    if not columns[1].isdigit():
        return f"POS {shown(columns[1], 20)} is not a number from 0"
    return f"CHROM, REF or ALT of {shown(line, 40)} is empty"


@lru_cache(maxsize=1024)
def _contig(column: bytes) -> str:
    return column.decode()


@lru_cache(maxsize=1024)
def _filters(column: bytes) -> tuple[str, ...]:
    return () if column == b"." else tuple(column.decode().split(";"))
