"""The ninth column of GFF3 and GTF: keys and their values.

In: the text of the column. Out: a mapping of keys to their values in order; and back.

    GFF3   ID=cds1;Parent=t1,t2;Note=5%25          {"ID": ("cds1",), "Parent": ("t1", "t2"), "Note": ("5%",)}
    GTF    gene_id "g1"; tag "basic"; tag "CCDS";  {"gene_id": ("g1",), "tag": ("basic", "CCDS")}

A key without a value has none: ``()``.

Source: GFF3 1.26, github.com/The-Sequence-Ontology/Specifications; GTF 2.2, mblab.wustl.edu/GTF22.html.
"""

import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.text_lines import shortened

Attributes = Mapping[str, tuple[str, ...]]
"""Keys in the order of the line, each with its values."""

_NONE = (".", "")
_CONTROL = "".join(map(chr, [*range(0x20), 0x7F]))
_COLUMN_ESCAPED = {ord(character): f"%{ord(character):02X}" for character in f"{_CONTROL}%"}
_GFF3_ESCAPED = _COLUMN_ESCAPED | {ord(character): f"%{ord(character):02X}" for character in ";=&,"}
_GTF_ENTRY = re.compile(
    r"""(?P<key>[^\s"=;]+)                                        # gene_id
        (?: \s+ (?: "(?P<quoted>(?:[^"\\]|\\.)*)" | (?P<bare>[^\s";]+) ) )?   # "g1", or 1
        \s* (?: ; \s* | $ )""",
    re.VERBOSE,
)
_GTF_ESCAPE = re.compile(r'\\(["\\])')


def unescape(text: str) -> str:
    """Return a GFF3 text with its percent codes decoded, ``%09`` to a tab.

    Raises:
        InputError: The codes are not UTF-8.
    """
    if "%" not in text:
        return text
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise InputError(f"the percent codes of {shortened(text)} are not UTF-8; write them anew") from None


def escape_column(text: str) -> str:
    """Return one of the columns 1 to 3 with the percent codes that GFF3 asks for."""
    return text.translate(_COLUMN_ESCAPED)


def parse_gff3(column: str) -> Attributes:
    """Return the attributes of a GFF3 line.

    Raises:
        InputError: Percent codes are not UTF-8, or a value has no key.
    """
    attributes: dict[str, tuple[str, ...]] = {}
    if column in _NONE:
        return attributes
    has_codes = "%" in column
    for entry in column.split(";"):
        key, is_valued, text = entry.strip().partition("=")
        if not key and not text:
            continue
        if not key:
            raise InputError(f"the attribute {shortened(entry)} has no key; write key=value")
        values = tuple(text.split(",")) if is_valued else ()
        if has_codes:
            key, values = unescape(key), tuple(map(unescape, values))
        attributes[key] = attributes.get(key, ()) + values
    return attributes


def format_gff3(attributes: Attributes) -> str:
    """Return the ninth column of a GFF3 line.

    Raises:
        InputError: A key is empty.
    """
    _require_keys(attributes)
    entries = []
    for key, values in attributes.items():
        text = ",".join(map(_escape, values))
        entries.append(f"{_escape(key)}={text}" if values else _escape(key))
    return ";".join(entries) or "."


def parse_gtf(column: str) -> Attributes:
    r"""Return the attributes of a GTF line; ``\"`` in a value stands for a quote.

    Raises:
        InputError: The column is not made of ``key "value";``.
    """
    attributes: dict[str, tuple[str, ...]] = {}
    if column in _NONE:
        return attributes
    position, end = len(column) - len(column.lstrip()), len(column.rstrip())
    while position < end and not column.startswith("#", position):
        match = _GTF_ENTRY.match(column, position)
        if match is None:
            rest = shortened(column[position:])
            raise InputError(f'attributes must be key "value"; key "value"; got {rest}; quote each value')
        key, quoted, bare = match.group("key", "quoted", "bare")
        value = bare if quoted is None else _GTF_ESCAPE.sub(r"\1", quoted)
        attributes[key] = attributes.get(key, ()) + (() if value is None else (value,))
        position = match.end()
    return attributes


def format_gtf(attributes: Attributes) -> str:
    """Return the ninth column of a GTF line.

    Raises:
        InputError: A key is empty or holds what GTF cannot write in a key.
    """
    _require_keys(attributes)
    entries = []
    for key, values in attributes.items():
        if any(character.isspace() or character in '"=;#' for character in key):
            raise InputError(f"GTF cannot write the key {shortened(key)}; use letters, digits and _")
        quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
        entries += [f'{key} "{value}";' for value in quoted] if values else [f"{key};"]
    return " ".join(entries) or "."


def _escape(text: str) -> str:
    """Return a key or a value with percent codes; those at its ends keep white space from being stripped."""
    escaped = text.translate(_GFF3_ESCAPED)
    if escaped == escaped.strip():
        return escaped
    first, last = escaped[0], escaped[-1]
    return _percent(first) + (escaped[1:-1] + _percent(last) if len(escaped) > 1 else "")


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode()) if character.isspace() else character


def _require_keys(attributes: Attributes) -> None:
    if "" in attributes:
        raise InputError(f"an attribute with the value {attributes['']!r} has no key; name it")
