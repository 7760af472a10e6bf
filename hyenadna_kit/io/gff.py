"""Feature tables: GFF3 and GTF, line by line.

In: a path, plain, gzip or bgzip. Out: :class:`Feature` in the order of the file; and back. This module
is where the 1-based, inclusive coordinates of both formats become 0-based and half-open:

    chr1 . exon 101 105        Interval("chr1", 100, 105)

What genes and transcripts the lines make up is for :mod:`hyenadna_kit.io.annotation`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.gff_attributes import (
    Attributes,
    escape_column,
    format_gff3,
    format_gtf,
    parse_gff3,
    parse_gtf,
    unescape,
)
from hyenadna_kit.io.text_lines import (
    MAX_WHOLE_NUMBER,
    finite_number,
    formatted,
    number_text,
    numbered_lines,
    shortened,
    whole_number,
    write_lines,
)

Dialect = Literal["GFF3", "GTF"]

_NUM_COLUMNS = 9
_NONE = "."
_STRANDS = {"+": Strand.FORWARD, "-": Strand.REVERSE, ".": Strand.FORWARD, "?": Strand.FORWARD}
_PHASES = {".": None, "0": 0, "1": 1, "2": 2}


@dataclass(frozen=True, slots=True)
class Feature:
    """One line of a feature table."""

    interval: Interval
    """Columns 1, 4, 5 and 7: 0-based, half-open; forward where the line has no strand."""
    kind: str
    """Column 3, the type: ``gene``, ``mRNA``, ``exon``, ``CDS`` ..."""
    source: str = _NONE
    """Column 2, the program or database."""
    score: float | None = None
    """Column 6."""
    has_strand: bool = True
    """Whether column 7 is ``+`` or ``-``; both ``.`` and ``?`` are no strand, and written as ``.``."""
    phase: int | None = None
    """Column 8, of a CDS: bases to skip from its start, in reading order, to the first whole codon."""
    attributes: Attributes = field(default_factory=dict)
    """Column 9, decoded: every key with its values."""

    def first(self, *keys: str) -> str:
        """Return the first value that one of ``keys`` has, or an empty text."""
        return next((values[0] for values in map(self.attributes.get, keys) if values and values[0]), "")


def read_features(path: Path) -> Iterator[Feature]:
    """Yield the features of a GFF3 or GTF file, told apart by content; see :func:`read_dialect`.

    Comments, directives and blank lines are passed over; ``##FASTA`` or a line that begins with ``>``
    ends the features.

    Raises:
        InputError: The file cannot be read, or a line has not nine columns, a coordinate that is no
            whole number from 1, a start after its end, or a wrong strand, phase, score or attribute;
            file and line are named.
    """
    dialect = read_dialect(path)
    for number, line in _feature_lines(path):
        try:
            yield _feature(line, dialect)
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error}") from None


def read_dialect(path: Path) -> Dialect:
    """Say in which of the two formats the attributes of a file are written.

    A ``##gff-version 3`` line says so; else the first line with attributes does: ``key=value`` is
    GFF3, ``key "value"`` is GTF.

    Raises:
        InputError: The file cannot be read.
    """
    for _, line in numbered_lines(path, "GFF file"):
        words = line.split()
        if words[:1] == ["##gff-version"]:
            return "GFF3" if words[1:] and words[1].startswith("3") else "GTF"
        columns = line.split("\t")
        if not line.startswith("#") and len(columns) == _NUM_COLUMNS and columns[-1].strip(" ."):
            key = columns[-1].split('"')[0]
            return "GFF3" if "=" in key else "GTF"
    return "GFF3"


def write_gff3(path: Path, features: Iterable[Feature]) -> None:
    """Write features as GFF3, whole or not at all; bgzipped where ``path`` ends in ``.gz``.

    Raises:
        InputError: A feature cannot be written: it has no bases, or lies before its contig.
    """
    lines = formatted(path, features, lambda feature: _line(feature, "GFF3"))
    write_lines(path, chain(["##gff-version 3"], lines))


def write_gtf(path: Path, features: Iterable[Feature]) -> None:
    """Write features as GTF, whole or not at all; bgzipped where ``path`` ends in ``.gz``.

    Raises:
        InputError: A feature cannot be written: see :func:`write_gff3`; or a name holds a tab.
    """
    write_lines(path, formatted(path, features, lambda feature: _line(feature, "GTF")))


def _feature_lines(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in numbered_lines(path, "GFF file"):
        if line.startswith((">", "##FASTA")):
            return
        if line.strip() and not line.startswith("#"):
            yield number, line


class _Columns(NamedTuple):
    contig: str
    source: str
    kind: str
    first: str
    last: str
    score: str
    strand: str
    phase: str
    attributes: str


def _feature(line: str, dialect: Dialect) -> Feature:
    texts = line.split("\t")
    if len(texts) != _NUM_COLUMNS:
        raise InputError(
            f"expected {_NUM_COLUMNS} columns parted by tabs, got {len(texts)}: {shortened(line)}; mend it"
        )
    columns = _Columns(*texts)
    is_gff3 = dialect == "GFF3"
    contig, source, kind = (unescape(text) if is_gff3 else text for text in texts[:3])
    if not contig or not kind:
        raise InputError(f"contig or type is empty in {shortened(line)}; mend columns 1 and 3")
    if columns.strand not in _STRANDS:
        raise InputError(f"strand must be +, -, . or ?, got {shortened(columns.strand)}; mend column 7")
    if columns.phase not in _PHASES:
        raise InputError(f"phase must be 0, 1, 2 or ., got {shortened(columns.phase)}; mend column 8")
    start, end = _coordinates(columns)
    return Feature(
        Interval(contig, start, end, _STRANDS[columns.strand]),
        kind,
        source,
        _score(columns.score),
        columns.strand in "+-",
        _PHASES[columns.phase],
        (parse_gff3 if is_gff3 else parse_gtf)(columns.attributes),
    )


def _coordinates(columns: _Columns) -> tuple[int, int]:
    first, last = whole_number(columns.first), whole_number(columns.last)
    if first is None or last is None or first < 1:
        raise InputError(
            f"start and end must be whole numbers from 1 to {MAX_WHOLE_NUMBER}, got "
            f"{shortened(columns.first)} and {shortened(columns.last)}; mend columns 4 and 5"
        )
    if first > last:
        raise InputError(f"start {first} lies after end {last}; swap columns 4 and 5, the strand is in 7")
    return first - 1, last


def _score(text: str) -> float | None:
    if text == _NONE:
        return None
    score = finite_number(text)
    if score is None:
        raise InputError(f"score must be a number or ., got {shortened(text)}; mend column 6")
    return score


def _line(feature: Feature, dialect: Dialect) -> str:
    interval = feature.interval
    names = (interval.contig, feature.source, feature.kind)
    if dialect == "GFF3":
        contig, source, kind = map(escape_column, names)
        contig, attributes = _escape_start(contig), format_gff3(feature.attributes)
    else:
        contig, source, kind = names
        attributes = format_gtf(feature.attributes)
    if interval.start < 0 or not interval.length:
        raise InputError(f"{interval.region} has no bases or lies before its contig; leave it out")
    if not contig or not kind or contig.startswith(("#", ">")) or "\t" in contig + source + kind + attributes:
        raise InputError(
            f"{dialect} cannot write {shortened(feature.kind)} on {shortened(contig)}; rename them"
        )
    score = _NONE if feature.score is None else number_text(feature.score)
    strand = interval.strand.value if feature.has_strand else _NONE
    phase = _NONE if feature.phase is None else str(feature.phase)
    first, last = str(interval.start + 1), str(interval.end)
    return "\t".join((contig, source, kind, first, last, score, strand, phase, attributes))


def _escape_start(contig: str) -> str:
    """Return the contig so that its line is neither a comment nor the header of a sequence."""
    return f"%{ord(contig[0]):02X}{contig[1:]}" if contig.startswith(("#", ">")) else contig
