"""Text files line by line: plain, gzip or bgzip, told apart by content.

In: a path. Out: lines with their numbers, so that every error can name the place; or the other way
round, a file that is written whole or not at all.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import atomic_file
from hyenadna_kit.io.compressed import DAMAGE, UncompressedStream, describe_damage

T = TypeVar("T")

MAX_LINE_BYTES = 1 << 20
"""Longest line that is read; a longer one is no record of any format here."""

MAX_WHOLE_NUMBER = (1 << 63) - 1
"""Largest coordinate or count that is read."""

_MAX_EXACT = 2.0**53
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def numbered_lines(path: Path, what: str) -> Iterator[tuple[int, str]]:
    """Yield each line with its number, from 1, without its line end (LF or CRLF).

    Args:
        path: Plain, gzip or bgzip file in UTF-8.
        what: What the file should be, for messages: ``"BED file"``.

    Raises:
        InputError: The file is missing or a folder, its compressed bytes are cut or garbled, or a
            line is not UTF-8, holds a NUL or a stray carriage return, or is longer than 1 MiB.
    """
    if path.is_dir():
        raise InputError(f"{what} {path} is a folder; name the file in it")
    try:
        with path.open("rb") as handle:
            stream = UncompressedStream(handle)
            for number, line in enumerate(stream.lines(MAX_LINE_BYTES + 1), start=1):
                yield number, _text(line, number, f"{what} {path}")
            if stream.is_cut_bgzip():
                raise InputError(f"{what} {path} lacks its bgzip end marker: it is truncated; fetch it again")
    except OSError as error:
        raise InputError(f"{what} {path} cannot be read: {error.strerror or error}; check the path") from None
    except DAMAGE as error:
        raise InputError(f"{what} {path} cannot be read: {describe_damage(error)}") from None


def parsed_lines(path: Path, what: str, parse: Callable[[str], T | None]) -> Iterator[T]:
    """Yield what ``parse`` makes of each line, where that is not None.

    Raises:
        InputError: As :func:`numbered_lines`; and one that ``parse`` raises, with file and line before it.
    """
    for number, line in numbered_lines(path, what):
        try:
            record = parse(line)
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error}") from None
        if record is not None:
            yield record


def whole_number(text: str) -> int | None:
    """Return the number that ASCII digits say, from 0 to ``MAX_WHOLE_NUMBER``, or else None."""
    # Nineteen digits cannot be slow to convert; Python refuses to convert 5,000.
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_WHOLE_NUMBER))):
        return None
    number = int(text)
    return number if number <= MAX_WHOLE_NUMBER else None


def finite_number(text: str) -> float | None:
    """Return the number that ``text`` is, such as ``-1``, ``0.5`` or ``2e-9``, or None."""
    # A number of too many digits becomes infinity.
    if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        return None
    return float(text)


def number_text(number: float) -> str:
    """Return the shortest text that is read back as the same number: ``3``, not ``3.0``."""
    return str(int(number)) if number.is_integer() and abs(number) < _MAX_EXACT else repr(number)


def shortened(text: str) -> str:
    """Return ``text`` quoted for a message, its beginning alone where it is long."""
    return repr(text) if len(text) <= 60 else f"{text[:60]!r}..."


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines, given without line ends, to a file that appears whole or not at all.

    A path that ends in ``.gz`` is written as bgzip, which tabix can index.

    Raises:
        InputError: A line holds a line end or a NUL.
    """
    with atomic_file(path) as temporary:
        if path.suffix == ".gz":
            import pysam

            with pysam.BGZFile(str(temporary), "wb", None) as handle:
                for line in _encoded(lines, path):
                    handle.write(line)
        else:
            with temporary.open("wb") as handle:
                handle.writelines(_encoded(lines, path))


def formatted(path: Path, records: Iterable[T], form: Callable[[T], str]) -> Iterator[str]:
    """Yield the line that ``form`` makes of each record, for :func:`write_lines`.

    Raises:
        InputError: One that ``form`` raises, with the file and the number of the record before it.
    """
    for number, record in enumerate(records, start=1):
        try:
            yield form(record)
        except InputError as error:
            raise InputError(f"{path}, record {number}: {error}") from None


def _text(line: bytes, number: int, source: str) -> str:
    if len(line) > MAX_LINE_BYTES:
        raise InputError(
            f"{source}, line {number}: longer than {MAX_LINE_BYTES} bytes; this is no such file, or it lacks "
            "line ends of Unix or Windows"
        )
    if b"\0" in line:
        raise InputError(f"{source}, line {number}: holds a NUL byte: binary or damaged; give the text file")
    if number == 1:
        line = line.removeprefix(_BYTE_ORDER_MARK)
    line = line.rstrip(b"\r\n")
    if b"\r" in line:
        raise InputError(
            f"{source}, line {number}: a carriage return stands within the line; write line ends of Unix or "
            "Windows"
        )
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        place = f"byte {error.object[error.start]:#04x} at column {error.start + 1}"
        raise InputError(
            f"{source}, line {number}: {place} is not UTF-8: binary, or text in another encoding; convert it"
        ) from None


def _encoded(lines: Iterable[str], path: Path) -> Iterator[bytes]:
    for number, line in enumerate(lines, start=1):
        if any(character in line for character in "\n\r\0"):
            raise InputError(
                f"{path}, line {number}: {shortened(line)} holds a line end or a NUL and cannot be written"
            )
        yield line.encode() + b"\n"
