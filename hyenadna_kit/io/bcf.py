"""BCF2 records as bytes: read the site, change the INFO, touch nothing else.

In: one record as it lies in the file, its two length fields included. Out: its site, or the same
record with INFO values taken out and added. Every byte but those of our own fields and of the
counts stays; a library that parses the record whole gives it back changed (pysam drops an INFO/END
that equals POS and adds one to ``<INS>``).

Source: The Variant Call Format specification v4.5, section 6, BCF2.
"""

import re
import struct
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from hyenadna_kit.io.vcf_header import declarations

LENGTHS = struct.Struct("<II")
"""What a record begins with: bytes that describe the site, bytes of the samples."""

_SITE = struct.Struct("<iiifHH")
_COUNTS = struct.Struct("<HH")
_SITE_AT, _COUNTS_AT, _SAMPLE_COUNTS_AT, _ID_AT = 8, 24, 28, 32

_INT8, _INT16, _INT32, _FLOAT, _CHAR = 1, 2, 3, 5, 7
_WIDTHS = {0: 0, _INT8: 1, _INT16: 2, _INT32: 4, _FLOAT: 4, _CHAR: 1}
_INT_CODES = {_INT8: "b", _INT16: "h", _INT32: "i"}
_SAMPLE_COUNTS = struct.Struct("<I")
_LONG = 15
_MISSING_INT = struct.pack("<i", -(1 << 31))
_MISSING_FLOAT = struct.pack("<I", 0x7F800001)

_GARBLED = (struct.error, IndexError, KeyError, ValueError)
_INDEX = re.compile(rb",IDX=(\d+)>\s*$")


class BcfSite(NamedTuple):
    """The columns of one record that variants are made of."""

    contig: int
    """Number of the contig in the header."""
    position: int
    """First base of REF, counted from 0; -1 for the telomere before it."""
    ref: str
    """REF."""
    alts: tuple[str, ...]
    """ALT alleles; empty for none."""
    filters: tuple[int, ...]
    """Numbers of the FILTER entries in the header."""


@dataclass(frozen=True, slots=True)
class BcfDictionary:
    """The numbers by which records refer to the header."""

    strings: dict[int, str]
    """FILTER, INFO and FORMAT ids; one id has one number whatever it declares."""
    contigs: dict[int, str]
    """Names of contigs."""

    @classmethod
    def of(cls, lines: Iterable[bytes]) -> "BcfDictionary":
        """Number the declarations of a header: by their ``IDX``, or else in order."""
        strings, contigs = {"PASS": 0}, dict[str, int]()
        free_string, free_contig = 1, 0
        for kind, name, line in declarations(lines):
            index = _INDEX.search(line)
            if kind == "contig":
                number = contigs.setdefault(name, int(index[1]) if index else free_contig)
                free_contig = max(free_contig, number + 1)
            else:
                number = strings.setdefault(name, int(index[1]) if index else free_string)
                free_string = max(free_string, number + 1)
        return cls({n: name for name, n in strings.items()}, {n: name for name, n in contigs.items()})

    def numbers(self, ids: Iterable[str]) -> dict[str, int]:
        """Return the number of each id, new ones after the last number that is taken."""
        known = {name: number for number, name in self.strings.items()}
        for name in ids:
            known.setdefault(name, max(known.values()) + 1)
        return {name: known[name] for name in ids}


def read_site(record: bytes) -> BcfSite:
    """Return the site of ``record``.

    Raises:
        ValueError: The record is garbled.
    """
    try:
        contig, position, _, _, _, num_alleles = _SITE.unpack_from(record, _SITE_AT)
        offset = _skip(record, _ID_AT)
        alleles = []
        for _ in range(num_alleles):
            _, start, offset = _typed(record, offset)
            alleles.append(record[start:offset].rstrip(b"\0").decode("ascii"))
        filters, _ = _integers(record, offset)
    except _GARBLED as error:
        raise ValueError(f"garbled binary record ({error})") from None
    if not alleles or position < -1:
        raise ValueError(f"garbled binary record ({len(alleles)} alleles at position {position})")
    return BcfSite(contig, position, alleles[0], tuple(alleles[1:]), filters)


def read_sample(
    record: bytes, sample: int, wanted: Collection[int]
) -> dict[int, tuple[int | None, ...] | str]:
    """Return the FORMAT values of one sample that the record has, by the number of the field.

    Integers are as they are stored (an allele of GT as ``(allele + 1) * 2 + phased``) and end with the
    vector of the sample; None is a missing one. Text is without its padding.

    Args:
        record: A record that ``read_site`` has accepted.
        sample: Number of the sample, from 0.
        wanted: Numbers of the fields; they are integers or text.

    Raises:
        ValueError: The values of the samples are garbled.
    """
    try:
        return dict(_sample_values(record, sample, wanted))
    except _GARBLED as error:
        raise ValueError(f"garbled samples of a binary record ({error})") from None


def replace_info(record: bytes, removed: Collection[int], added: list[bytes]) -> bytes:
    """Return ``record`` without the INFO fields numbered ``removed`` and with ``added`` ones.

    Args:
        record: A record that ``read_site`` has accepted.
        removed: Numbers of INFO fields; those that the record lacks do not matter.
        added: Fields as ``encode_info`` returns them.

    Raises:
        ValueError: The INFO of the record is garbled.
    """
    shared_length, sample_length = LENGTHS.unpack_from(record)
    num_info, num_alleles = _COUNTS.unpack_from(record, _COUNTS_AT)
    info_end = _SITE_AT + shared_length
    info_start = info_end
    kept: list[bytes] = []
    if removed:
        try:
            info_start = _info_start(record, num_alleles)
            fields = list(_info_fields(record, info_start, num_info))
        except _GARBLED as error:
            raise ValueError(f"garbled INFO of a binary record ({error})") from None
        kept = [field for key, field in fields if key not in removed]
        num_info = len(kept)
    info = b"".join([*kept, *added])
    return b"".join(
        (
            LENGTHS.pack(info_start - _SITE_AT + len(info), sample_length),
            record[_SITE_AT:_COUNTS_AT],
            _COUNTS.pack(num_info + len(added), num_alleles),
            record[_COUNTS_AT + _COUNTS.size : info_start],
            info,
            record[info_end:],
        )
    )


def encode_info(number: int, kind: Literal["Integer", "Float", "String"], text: str) -> bytes:
    """Return one INFO field: its number in the header and its values.

    Args:
        number: Of the field.
        kind: Type of its values.
        text: The values as VCF text writes them, ``0.25,.``
    """
    key = _encode_integer(number)
    if kind == "String":
        return key + _descriptor(_CHAR, len(text.encode())) + text.encode()
    items = text.split(",")
    if kind == "Float":
        floats = (_MISSING_FLOAT if item == "." else struct.pack("<f", float(item)) for item in items)
        return key + _descriptor(_FLOAT, len(items)) + b"".join(floats)
    integers = (_MISSING_INT if item == "." else struct.pack("<i", int(item)) for item in items)
    return key + _descriptor(_INT32, len(items)) + b"".join(integers)


def _info_start(record: bytes, num_alleles: int) -> int:
    offset = _ID_AT
    for _ in range(1 + num_alleles + 1):  # ID, alleles, FILTER
        offset = _skip(record, offset)
    return offset


def _info_fields(record: bytes, offset: int, num_info: int) -> Iterator[tuple[int, bytes]]:
    for _ in range(num_info):
        (key,), value_at = _integers(record, offset)
        end = _skip(record, value_at)
        yield key, record[offset:end]
        offset = end


def _sample_values(
    record: bytes, sample: int, wanted: Collection[int]
) -> Iterator[tuple[int, tuple[int | None, ...] | str]]:
    shared_length, _ = LENGTHS.unpack_from(record)
    (counts,) = _SAMPLE_COUNTS.unpack_from(record, _SAMPLE_COUNTS_AT)
    num_samples, num_fields = counts & 0xFFFFFF, counts >> 24
    offset = _SITE_AT + shared_length
    for _ in range(num_fields):
        (key,), offset = _integers(record, offset)
        kind, count, offset = _descriptor_at(record, offset)
        size = count * _WIDTHS[kind]
        start, offset = offset + sample * size, offset + num_samples * size
        if offset > len(record) or sample >= num_samples:
            raise IndexError(f"no sample {sample + 1} of {num_samples} in {len(record)} bytes")
        if key in wanted:
            yield key, _vector(record[start : start + size], kind)


def _vector(data: bytes, kind: int) -> tuple[int | None, ...] | str:
    if kind == _CHAR:
        return data.rstrip(b"\0").decode("ascii")
    if not data:
        return ()
    width = _WIDTHS[kind]
    values = struct.unpack(f"<{len(data) // width}{_INT_CODES[kind]}", data)
    missing = -1 << (8 * width - 1)
    # The value after the missing one ends a vector that is shorter than those of other samples.
    length = values.index(missing + 1) if missing + 1 in values else len(values)
    return tuple(None if value == missing else value for value in values[:length])


def _typed(record: bytes, offset: int) -> tuple[int, int, int]:
    """Return type, first byte and end of the typed value at ``offset``."""
    kind, count, start = _descriptor_at(record, offset)
    end = start + count * _WIDTHS[kind]
    if end > len(record):
        raise IndexError(f"value at byte {offset} reaches beyond the record")
    return kind, start, end


def _descriptor_at(record: bytes, offset: int) -> tuple[int, int, int]:
    """Return the type and number of the items that ``offset`` describes, and where they begin."""
    kind, count, start = record[offset] & 15, record[offset] >> 4, offset + 1
    if count == _LONG:
        (count,), start = _integers(record, start)
    return kind, count, start


def _skip(record: bytes, offset: int) -> int:
    return _typed(record, offset)[2]


def _integers(record: bytes, offset: int) -> tuple[tuple[int, ...], int]:
    """Return the integers at ``offset`` and the offset behind them."""
    kind, start, end = _typed(record, offset)
    if start == end:
        return (), end
    count = (end - start) // _WIDTHS[kind]
    return struct.unpack_from(f"<{count}{_INT_CODES[kind]}", record, start), end


def _descriptor(kind: int, count: int) -> bytes:
    if count < _LONG:
        return bytes([count << 4 | kind])
    return bytes([_LONG << 4 | kind]) + _encode_integer(count)


def _encode_integer(value: int) -> bytes:
    """Return one integer from 0, in a byte where it fits."""
    if value < 1 << 7:
        return struct.pack("<Bb", 1 << 4 | _INT8, value)
    return struct.pack("<Bi", 1 << 4 | _INT32, value)
