"""INFO values as VCF writes them, and a line of VCF with INFO values put in.

In: numbers, strings or sequences of them, one per ALT or several. Out: ``0.25,.`` and, for a whole
line, the same bytes with ``;KEY=VALUE`` behind the INFO that the line had.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.vcf_header import InfoField

InfoItem = str | int | float | np.integer[Any] | np.floating[Any] | None
"""One value; None and NaN are written ``.``."""

InfoValue = InfoItem | Iterable[InfoItem]
"""A value, several, or text that is written as it is: ``"0.25,."``."""

_INFO_COLUMN = 7
_BREAKS_INFO = re.compile(r"[;=,\s\x00-\x20\x7f]")
_MISSING = "."


def render(field: InfoField, value: InfoValue, *, num_alts: int) -> str:
    """Return the text behind the ``=``.

        render(HK_LLR, [0.1234567, None], num_alts=2)  ==  "0.123457,."

    Floats have 6 significant digits, which is all that a VCF keeps.

    Args:
        field: Decides how a value is written and how many there are.
        value: None alone, and an empty sequence, stand for no value at all.
        num_alts: Number of ALT alleles of the record.

    Raises:
        InputError: A text would break the line, a value is not of the field's type, or there are
            not as many as the field's number says.
    """
    if value is None:
        return _MISSING
    if isinstance(value, str):
        if value == _MISSING:
            return _MISSING
        items = [_checked(field, item) for item in value.split(",")]
    elif isinstance(value, Iterable):
        items = [_item(field, item) for item in value]
    else:
        items = [_item(field, value)]
    if field.number != "." and len(items) != (num_alts if field.number == "A" else int(field.number)):
        raise InputError(
            f"INFO {field.id} has Number={field.number} and the record {num_alts} ALT alleles: "
            f"{len(items)} values ({value!r}) are the wrong number"
        )
    return ",".join(items) or _MISSING


class LineAnnotator:
    """Puts INFO values into lines of VCF; every byte outside the INFO column stays."""

    def __init__(self, ids: Collection[str]) -> None:
        """Take the fields to write: values of theirs that a line already has are removed."""
        self._ids = tuple(name.encode() for name in ids)
        entry = rb"(?:" + b"|".join(map(re.escape, self._ids)) + rb")(?:=[^;]*)?"
        self._entries = re.compile(rb"^(?:%b(?:;|\Z))+|;%b(?=;|\Z)" % (entry, entry))

    def annotate(self, line: bytes, values: Mapping[str, str]) -> bytes:
        """Return ``line`` with ``;KEY=VALUE`` for each of ``values`` at the end of its INFO.

        An INFO that is empty or ``.`` gives way to ours; a line end behind the INFO stays behind it.
        """
        columns = line.split(b"\t", _INFO_COLUMN + 1)
        column = columns[_INFO_COLUMN]
        # Only the last column of a line carries its line end.
        info = column.rstrip(b"\r\n") if len(columns) == _INFO_COLUMN + 1 else column
        line_end = column[len(info) :]
        if any(name in info for name in self._ids):
            info = self._entries.sub(b"", info)
        elif not values:
            return line
        if info.rstrip(b";") in (b"", b"."):
            info = b""
        elif values and not info.endswith(b";"):
            info += b";"
        ours = ";".join([f"{name}={value}" for name, value in values.items()]).encode()
        columns[_INFO_COLUMN] = (info + ours or b".") + line_end
        return b"\t".join(columns)


def _item(field: InfoField, item: InfoItem) -> str:
    # NaN alone differs from itself, in every type of float.
    if item is None or item != item:
        return _MISSING
    if field.type == "Float" and not isinstance(item, str):
        return f"{item:.6g}"
    return _checked(field, str(item))


def _checked(field: InfoField, text: str) -> str:
    """Return one value of ``field`` that is text already."""
    if not text or _BREAKS_INFO.search(text):
        raise InputError(
            f"INFO {field.id}: value {text!r} is empty or holds one of ';' '=' ',' and white space, "
            "which would break the VCF; replace them"
        )
    if field.type != "String" and text != _MISSING:
        try:
            (int if field.type == "Integer" else float)(text)
        except ValueError:
            raise InputError(f"INFO {field.id}: value {text!r} is no {field.type}") from None
    return text
