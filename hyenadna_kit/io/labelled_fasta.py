"""FASTA files whose headers hold labels.

In: a file, plain, gzip or bgzip. Out: one row a record, with its name and what its header says.

A header is ``>name key=value key=value``; without ``label=`` the text behind its last ``|`` is the label, as
in the tasks of the Nucleotide Transformer: ``>chr1:100-400|1``.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.fasta_text import WHITESPACE, Header, read_lines
from hyenadna_kit.io.label_columns import LABEL, NAME, expand_columns
from hyenadna_kit.io.table_cells import require_label
from hyenadna_kit.io.tables import LabelledTable
from hyenadna_kit.io.text_lines import shortened
from hyenadna_kit.io.typed_columns import column_of_text
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer

FASTA_ENDINGS = (".fa", ".fasta", ".fna")
"""What the name of a FASTA file ends in, ``.gz`` left out."""

_TOKENIZER = NucleotideTokenizer()


class FastaRecord(NamedTuple):
    """One record."""

    name: str
    """First word of its header."""
    values: dict[str, str]
    """What the header says, by key."""
    text: bytes
    """Its lines without white space, whatever the letters mean."""


def read_fasta_records(path: Path) -> Iterator[FastaRecord]:
    """Yield every record whole; names may occur more than once.

    Raises:
        InputError: The file cannot be read, is truncated or is no FASTA; a record has no name or nothing
            below its header.
    """
    header: bytes | None = None
    parts: list[bytes] = []
    number = 0
    for text in read_lines(path):
        if not isinstance(text, Header):
            parts.append(text.translate(None, WHITESPACE))
            continue
        if header is not None:
            yield _record(path, number, header, b"".join(parts))
        header, parts, number = text.line, [], number + 1
    if header is not None:
        yield _record(path, number, header, b"".join(parts))


def read_labelled_fasta(path: Path, label_columns: Sequence[str] = (LABEL,)) -> LabelledTable:
    """Read sequences with the labels in their headers.

    Args:
        path: FASTA.
        label_columns: Keys that every header must have.

    Raises:
        InputError: A header lacks a label, or a sequence holds a letter that is no nucleotide code: the
            record is named. Or see :func:`read_fasta_records`.
    """
    records = list(read_fasta_records(path))
    keys = tuple(records[0].values)
    try:
        labels = expand_columns(label_columns, keys)
    except InputError as error:
        raise InputError(
            f"{path}, record {records[0].name!r}: {error}; write >name {LABEL}=CLASS, or give --labels TABLE"
        ) from None
    for record in records:
        _require_labels(path, record, labels)
    columns = {key: column_of_text([record.values.get(key, "") for record in records]) for key in keys}
    sequences = tuple(_bases(path, record) for record in records)
    names = tuple(record.name for record in records)
    return LabelledTable(sequences=sequences, columns={NAME: names} | columns)


def _record(path: Path, number: int, header: bytes, text: bytes) -> FastaRecord:
    try:
        line = header.decode().strip()
    except UnicodeDecodeError:
        raise InputError(f"{path}, record {number}: its header is not UTF-8; write it as text") from None
    name, _, description = line.partition(" ") if "\t" not in line else line.partition("\t")
    if not name:
        raise InputError(f"{path}, record {number}: there is no name after '>'; give every record one")
    if not text:
        raise InputError(f"{path}, record {name!r}: it has no sequence; remove its header")
    return FastaRecord(name, _values(line, description), text)


def _values(line: str, description: str) -> dict[str, str]:
    words = (word.partition("=") for word in description.split())
    values = {key: value for key, is_value, value in words if is_value and key and key != NAME}
    _, has_bar, last = line.rpartition("|")
    if LABEL not in values and has_bar:
        values[LABEL] = last.strip()
    return values


def _require_labels(path: Path, record: FastaRecord, labels: Sequence[str]) -> None:
    for key in labels:
        try:
            require_label(key, record.values.get(key))
        except InputError as error:
            raise InputError(f"{path}, record {shortened(record.name)}: {error}") from None


def _bases(path: Path, record: FastaRecord) -> str:
    try:
        _TOKENIZER.encode(record.text)
    except InputError as error:
        raise InputError(f"{path}, record {shortened(record.name)}: {error}") from None
    return record.text.decode("ascii")
