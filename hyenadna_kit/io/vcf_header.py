"""The header of a variant file: what it declares, and the same header with our declarations.

In: the header lines as they stand in the file. Out: the contigs, INFO fields and samples that they
declare; every line that is not ours stays byte for byte.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from hyenadna_kit.errors import InputError

PROVENANCE_PREFIX = "##hyenadna_kit"
"""How each line begins that says where our values come from."""

_COLUMNS = b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO".split(b"\t")
_NUM_FIXED_COLUMNS = len(_COLUMNS)
_SAMPLES_FROM = _NUM_FIXED_COLUMNS + 1
_INFO_ID = re.compile(r"[A-Za-z_][0-9A-Za-z_.]*")
_PART = rb'(?:[^",>]|"(?:[^"\\]|\\.)*")*'
_DECLARATION = re.compile(rb"##(?P<kind>contig|INFO|FILTER|FORMAT)=<(?:" + _PART + rb",)*?ID=(?P<id>[^,>]+)")
_LENGTH = re.compile(rb"[<,]length=(\d+)")


class Declaration(NamedTuple):
    """One ``##contig``, ``##INFO``, ``##FILTER`` or ``##FORMAT`` line."""

    kind: str
    """The word between ``##`` and ``=``."""
    id: str
    """Name that records use."""
    line: bytes
    """The line as it stands in the file."""


@dataclass(frozen=True, slots=True)
class InfoField:
    """An INFO field that we write."""

    id: str
    """Key in the INFO column."""
    number: str
    """``A`` (one value per ALT), ``.`` (any number) or a count."""
    type: Literal["Integer", "Float", "String"]
    """Type of each value."""
    description: str
    """One line without line ends; quotes are escaped where it is written."""

    def __post_init__(self) -> None:
        if not _INFO_ID.fullmatch(self.id):
            raise InputError(f"INFO id {self.id!r} must be letters, digits, '_' and '.', not first a digit")
        if "\n" in self.description or "\r" in self.description:
            raise InputError(f"the description of INFO {self.id} must be one line, got {self.description!r}")

    def declaration(self, extra: str = "") -> bytes:
        """Return the ``##INFO`` line without a line end; ``extra`` goes in last (``,IDX=7``)."""
        text = self.description.replace("\\", "\\\\").replace('"', '\\"')
        line = f'##INFO=<ID={self.id},Number={self.number},Type={self.type},Description="{text}"{extra}>'
        return line.encode()


@dataclass(frozen=True, slots=True)
class VcfHeader:
    """What the header of one file says."""

    lines: tuple[bytes, ...]
    """Every line with its line end, the one of the columns last."""
    is_bcf: bool
    """Whether the records that follow are binary."""
    contigs: Mapping[str, int | None]
    """Declared contigs in order, each with its length in bp where one is given."""
    info_ids: frozenset[str]
    """Declared INFO fields."""
    sample_count: int
    """Number of samples."""

    @classmethod
    def parse(cls, lines: Sequence[bytes], source: str, *, is_bcf: bool) -> "VcfHeader":
        """Read the header lines of ``source``.

        Raises:
            InputError: The first line is not ``##fileformat=VCF...``, or the last does not name the
                columns.
        """
        if not lines or not lines[0].startswith(b"##fileformat=VCF"):
            first = shown(lines[0] if lines else b"", 30)
            raise InputError(
                f"{source} is not VCF: its first line {first} is not ##fileformat=VCFv4.x; give a VCF or BCF "
                "with its header (bcftools view writes one)"
            )
        columns = lines[-1].rstrip(b"\r\n").split(b"\t")
        if columns[:_NUM_FIXED_COLUMNS] != _COLUMNS:
            raise InputError(
                f"{source}, line {len(lines)}: expected the line '#CHROM POS ID REF ALT QUAL FILTER INFO' "
                f"(columns parted by tabs) before the first record, got {shown(lines[-1], 60)}; add it"
            )
        declared = list(declarations(lines))
        return cls(
            lines=tuple(lines),
            is_bcf=is_bcf,
            contigs={d.id: _contig_length(d.line) for d in declared if d.kind == "contig"},
            info_ids=frozenset(d.id for d in declared if d.kind == "INFO"),
            sample_count=max(0, len(columns) - _SAMPLES_FROM),
        )

    @property
    def samples(self) -> tuple[str, ...]:
        """Names of the samples, in the order of their columns."""
        columns = self.lines[-1].rstrip(b"\r\n").split(b"\t")[_SAMPLES_FROM:]
        return tuple(name.decode(errors="surrogateescape") for name in columns)

    @property
    def line_end(self) -> bytes:
        """The line end of this file."""
        return b"\r\n" if self.lines[-1].endswith(b"\r\n") else b"\n"

    def with_lines(self, added: Iterable[bytes]) -> "VcfHeader":
        """Return the header with lines (given without line ends) before the line of the columns."""
        ended = (line + self.line_end for line in added)
        return replace(self, lines=(*self.lines[:-1], *ended, self.lines[-1]))

    def with_declarations(self, declared: Mapping[str, bytes]) -> "VcfHeader":
        """Return the header with INFO lines, given by id and without line ends.

        A field that the header has is declared anew in the place of its line, so that the numbers
        which BCF gives to fields by their order stay as they are; others are added at the end.
        """
        lines: list[bytes] = []
        missing = dict(declared)
        for line in self.lines:
            declaration = _declaration(line)
            if declaration is None or declaration.kind != "INFO" or declaration.id not in declared:
                lines.append(line)
            elif declaration.id in missing:
                lines.append(missing.pop(declaration.id) + self.line_end)
        known = self.info_ids.union(declared)
        return replace(self, lines=tuple(lines), info_ids=known).with_lines(missing.values())

    def without_earlier_run(self, ids: Collection[str]) -> "VcfHeader":
        """Return the header without what an earlier run of ours said in it.

        In text its provenance lines and the declarations of some INFO fields go.
        BCF numbers its fields by these lines: there a declaration stays, of a field that no record has.
        """
        lines: list[bytes] = []
        for line in self.lines:
            declaration = None if self.is_bcf else _declaration(line)
            is_ours = declaration is not None and declaration.kind == "INFO" and declaration.id in ids
            if not is_ours and not line.startswith(PROVENANCE_PREFIX.encode()):
                lines.append(line)
        return replace(self, lines=tuple(lines), info_ids=frozenset(self.info_ids.difference(ids)))

    def with_provenance(self, provenance: Sequence[str]) -> "VcfHeader":
        """Return the header with provenance lines instead of those that have the same key.

        Raises:
            InputError: A line is not ``##hyenadna_kit...=...``, or is more than one line.
        """
        for line in provenance:
            if not line.startswith(PROVENANCE_PREFIX) or "=" not in line or len(line.splitlines()) > 1:
                raise InputError(f"provenance {line!r} must be one line {PROVENANCE_PREFIX}...=...")
        keys = tuple(line.partition("=")[0].encode() + b"=" for line in provenance)
        kept = tuple(line for line in self.lines if not line.startswith(keys))
        return replace(self, lines=kept).with_lines(line.encode() for line in provenance)


def declarations(lines: Iterable[bytes]) -> Iterator[Declaration]:
    """Yield what the lines of a header declare, in order."""
    return (found for found in map(_declaration, lines) if found is not None)


def shown(text: bytes, max_bytes: int) -> str:
    """Return the beginning of ``text``, quoted; bytes that are no text show as U+FFFD."""
    return repr(text[:max_bytes].decode(errors="replace"))


def _declaration(line: bytes) -> Declaration | None:
    match = _DECLARATION.match(line)
    if match is None:
        return None
    return Declaration(match["kind"].decode(), match["id"].decode(errors="surrogateescape"), line)


def _contig_length(line: bytes) -> int | None:
    match = _LENGTH.search(line)
    return int(match[1]) if match else None
