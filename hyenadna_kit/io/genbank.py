"""GenBank files, through Biopython: features with their locations, and the sequence.

In: a path, plain, gzip or bgzip. Out: :class:`GenbankRecord` in the order of the file. The 1-based,
inclusive locations of the file become 0-based and half-open:

    complement(join(1..10,21..30))        parts ([20, 30), [0, 10)), both reverse, as they are read

Biopython passes over what it cannot read with a warning; here a location that is dropped, a sequence
of the wrong length and a record without its end are errors.
"""

import io
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.alphabet import AMBIGUOUS, BASES
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.text_lines import numbered_lines, shortened, whole_number

_START, _END = "LOCUS", "//"
_LETTERS = f"{BASES}U{AMBIGUOUS}"
_LENGTH = re.compile(r"\s(\d+) +bp\b", re.ASCII)

# What Biopython's parser raises, by accident too, on a garbled record.
_GARBLED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class GenbankFeature:
    """One feature of a record."""

    kind: str
    """Its key: ``gene``, ``mRNA``, ``CDS`` ..."""
    parts: tuple[Interval, ...]
    """The pieces of its location in the order in which they are read, from the 5' end. A piece of another
    record has that record's name as its contig."""
    is_partial: bool
    """Whether an end is fuzzy (``<1..>200``)."""
    qualifiers: Mapping[str, tuple[str, ...]]
    """Each with its values."""

    def first(self, *keys: str) -> str:
        """Return the first value that one of ``keys`` has, or an empty text."""
        return next((values[0] for values in map(self.qualifiers.get, keys) if values and values[0]), "")


@dataclass(frozen=True, slots=True)
class GenbankRecord:
    """One sequence and what is known of it."""

    contig: str
    """Accession with its version, as in the FASTA of the same sequence."""
    length: int
    """Length in bp."""
    is_circular: bool
    """Whether the last base is followed by the first."""
    features: tuple[GenbankFeature, ...]
    """In the order of the file."""
    sequence: str
    """Bases in upper case; empty where the file has none."""


def read_genbank(path: Path) -> Iterator[GenbankRecord]:
    """Yield the records of a GenBank file.

    Raises:
        InputError: The file cannot be read, is no GenBank or ends within a record; a location is no
            location or lies outside; the sequence has another length than the LOCUS line says, or a
            character that is no nucleotide code.
    """
    number = 0
    for number, (line, text) in enumerate(_record_texts(path), start=1):
        source = f"{path}, record {number} (line {line})"
        yield _record(text, source)
    if not number:
        raise InputError(f"{path} is not GenBank: no line begins with {_START}; give a GenBank flat file")


def _record_texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number of the first line of each record, and its text."""
    lines: list[str] = []
    first = 0
    for number, line in numbered_lines(path, "GenBank file"):
        is_start = line.split(maxsplit=1)[:1] == [_START] and line.startswith(_START)
        if is_start and lines:
            raise InputError(
                f"{path}, line {number}: a record begins before the end {_END!r} of that of line {first}; "
                "fetch the file again"
            )
        if is_start:
            first = number
        if is_start or lines:
            lines.append(line)
        if lines and line.rstrip() == _END:
            yield first, "\n".join([*lines, ""])
            lines = []
    if lines:
        raise InputError(f"{path} ends within the record of line {first}: it is truncated; fetch it again")


def _record(text: str, source: str) -> GenbankRecord:
    locus = text.partition("\n")[0]
    length = _LENGTH.search(locus)
    if length is None or whole_number(length[1]) is None:
        raise InputError(f"{source}: {shortened(locus)} names no length in bp; give a nucleotide record")
    parsed = _parsed(text, source)
    sequence = str(parsed.seq).upper() if parsed.seq.defined else ""
    if sequence and len(sequence) != int(length[1]):
        raise InputError(
            f"{source}: the sequence has {len(sequence)} bases and LOCUS says {length[1]}; fetch it again"
        )
    stray = sequence.lstrip(_LETTERS)[:1]
    if stray:
        raise InputError(f"{source}: {stray!r} in the sequence is no IUPAC nucleotide code; mend it")
    return GenbankRecord(
        contig=parsed.id,
        length=int(length[1]),
        is_circular=parsed.annotations.get("topology") == "circular",
        features=tuple(_feature(feature, parsed.id, int(length[1]), source) for feature in parsed.features),
        sequence=sequence,
    )


def _parsed(text: str, source: str) -> Any:
    """Return Biopython's record."""
    from Bio import SeqIO

    try:
        with warnings.catch_warnings():
            # What matters among them is checked on the record itself.
            warnings.simplefilter("ignore")
            return SeqIO.read(io.StringIO(text), "genbank")  # type: ignore[no-untyped-call]  # Biopython has no types
    except _GARBLED as error:
        reason = shortened(" ".join(str(error).split()))
        raise InputError(f"{source}: garbled ({type(error).__name__}: {reason}); fetch it again") from None


def _feature(feature: Any, contig: str, length: int, source: str) -> GenbankFeature:
    if feature.location is None:
        raise InputError(f"{source}: the location of a feature {feature.type!r} cannot be read; mend it")
    parts = tuple(_part(part, contig, feature, source) for part in feature.location.parts)
    outside = next((part for part in parts if part.contig == contig and part.end > length), None)
    if outside is not None:
        raise InputError(
            f"{source}: {feature.type} {outside.start + 1}..{outside.end} lies beyond the {length} bp of the "
            "record; mend it"
        )
    return GenbankFeature(
        feature.type,
        parts,
        is_partial=any(_is_fuzzy(end) for part in feature.location.parts for end in (part.start, part.end)),
        qualifiers={key: tuple(map(str, values)) for key, values in feature.qualifiers.items()},
    )


def _part(part: Any, contig: str, feature: Any, source: str) -> Interval:
    strand = Strand.REVERSE if part.strand == -1 else Strand.FORWARD
    try:
        start, end = int(part.start), int(part.end)
    except TypeError:  # the position "?" is no number
        start, end = 0, -1
    if not 0 <= start <= end:
        raise InputError(f"{source}: {feature.type} has the location {shortened(str(part))}; mend it")
    return Interval(part.ref or contig, start, end, strand)


def _is_fuzzy(position: Any) -> bool:
    from Bio.SeqFeature import ExactPosition

    return not isinstance(position, ExactPosition)
