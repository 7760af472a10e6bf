"""The text of a FASTA file, cut into header lines and pieces of sequence.

In: a plain, gzip or bgzip file. Out: its headers whole, its sequences in pieces of some 100 KiB
with their line ends. What the letters mean is for :mod:`hyenadna_kit.io.fasta`.
"""

import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.compressed import UncompressedStream, is_cut_bgzip

WHITESPACE = b" \t\r\n\v\f"
"""Bytes that are dropped wherever they stand in a sequence."""

_BLOCK_BYTES = 1 << 18
_MAX_HEADER_BYTES = 1 << 20

_FOREIGN = {
    b"BAM\x01": "a BAM file",
    b"BCF": "a BCF file",
    b"CRAM": "a CRAM file",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"PK\x03\x04": "a zip archive",
    b"@": "FASTQ or SAM",
    b"LOCUS": "GenBank",
    b"##": "VCF or GFF",
}


class Header(NamedTuple):
    """One header."""

    line: bytes
    """The line without its ``>`` and its line end."""


def require_file(path: Path) -> None:
    """Raise InputError unless ``path`` is a regular file."""
    if path.is_dir():
        raise InputError(f"{path} is a folder, not a FASTA file; name the file in it")
    if not path.is_file():
        raise InputError(f"FASTA file {path} does not exist (or is no regular file); check the path")


def read_lines(path: Path, on_read: Callable[[bytes], None] | None = None) -> Iterator[Header | bytes]:
    """Yield each header, followed by the text of its sequence in pieces of at most 256 KiB.

    Args:
        path: Plain, gzip or bgzip file.
        on_read: Called with each piece of the file as it lies on disk, in order.

    Raises:
        InputError: The file is missing, empty, truncated, or does not begin with a header.
    """
    require_file(path)
    try:
        with path.open("rb") as handle:
            yield from _cut(path, _text_blocks(path, handle, on_read))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None


def _cut(path: Path, blocks: Iterator[bytes]) -> Iterator[Header | bytes]:
    """Cut text at its headers; a block border may fall anywhere, in the middle of a header too."""
    header: bytes | None = None
    line_start = True
    for block in blocks:
        cursor = 0
        while cursor < len(block):
            if header is not None:
                end = block.find(b"\n", cursor)
                header += block[cursor:] if end < 0 else block[cursor:end]
                _require_short(path, header)
                if end < 0:
                    break
                yield Header(header)
                header, line_start, cursor = None, True, end + 1
            elif line_start and block.startswith(b">", cursor):
                header, cursor = b"", cursor + 1
            else:
                end = _next_header(block, cursor)
                yield block[cursor:end]
                line_start, cursor = block.endswith(b"\n", cursor, end), end
    if header is not None:
        yield Header(header)


def _next_header(block: bytes, cursor: int) -> int:
    """Return where, after ``cursor``, a line begins with ``>``, or the end of the block."""
    # One byte that is rare is found ten times as fast as two, of which the first is common.
    sign = block.find(b">", cursor + 1)
    while sign >= 0 and not block.endswith(b"\n", 0, sign):
        sign = block.find(b">", sign + 1)
    return len(block) if sign < 0 else sign


def _text_blocks(
    path: Path, handle: io.BufferedIOBase, on_read: Callable[[bytes], None] | None
) -> Iterator[bytes]:
    """Yield the decompressed text from its first header on."""
    if is_cut_bgzip(handle):
        raise InputError(f"bgzip file {path} lacks its end marker: it is truncated; fetch it again")
    stream = UncompressedStream(handle, on_read)
    started = False
    while block := _read(path, stream):
        if not started:
            block = block.lstrip(WHITESPACE)
            if not block:
                continue
            _require_header(path, block)
            started = True
        yield block
    if not started:
        raise InputError(f"FASTA file {path} is empty; fetch it again")


def _read(path: Path, stream: UncompressedStream) -> bytes:
    try:
        return stream.read(_BLOCK_BYTES)
    except (EOFError, zlib.error) as error:
        reason = str(error) or "the data end early"
        raise InputError(f"gzip file {path} is truncated or damaged ({reason}); fetch it again") from None


def _require_header(path: Path, text: bytes) -> None:
    if text.startswith(b">"):
        return
    kind = next((kind for magic, kind in _FOREIGN.items() if text.startswith(magic)), None)
    if kind is None:
        kind = "binary" if b"\0" in text else "other text"
    raise InputError(
        f"{path} is not FASTA: it begins with {text[:8]!r} and looks like {kind}; "
        "a FASTA file, plain, gzip or bgzip, begins with '>'"
    )


def _require_short(path: Path, header: bytes) -> None:
    if len(header) > _MAX_HEADER_BYTES:
        raise InputError(
            f"{path}: the header {header[:20]!r}... is longer than {_MAX_HEADER_BYTES} bytes; "
            "write it on a line of its own, with line ends of Unix or Windows"
        )
