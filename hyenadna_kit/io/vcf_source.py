"""The bytes of a variant file, wherever they lie and however they are compressed.

In: a path or ``-`` for standard input. Out: uncompressed bytes of text VCF or of BCF, told apart by
their first bytes and never by the name, with every kind of truncation noticed.
"""

import io
import sys
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import cast

from hyenadna_kit.errors import InputError

STDIO = "-"
"""The path that stands for standard input or standard output."""

MAX_RECORD_BYTES = 1 << 28
"""Longest line or binary record that is read; a longer one is no variant."""

DAMAGE = (EOFError, OSError, zlib.error)
"""What reading raises where the compressed bytes end early or are not what they claim to be."""

BCF_MAGIC = b"BCF\x02\x02"

_GZIP_MAGIC = b"\x1f\x8b"
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_HEAD_BYTES = 18
_CHUNK_BYTES = 1 << 16


class VcfSource:
    """An open variant file: its uncompressed bytes from the start, and a check of its end."""

    def __init__(self, path: str | Path) -> None:
        """Open ``path`` and look at its first bytes.

        Raises:
            InputError: The file cannot be opened, is empty, or is damaged at its start.
        """
        self.name = "standard input" if str(path) == STDIO else str(path)
        self._handle = _open(path)
        self._owns_handle = str(path) != STDIO
        try:
            self._tap = _Tap(self._handle)
            self._stream = self._uncompressed()
            self.is_bcf = self._stream.peek(len(BCF_MAGIC)).startswith(BCF_MAGIC)
        except DAMAGE as error:
            self.close()
            raise InputError(f"{self.name} is damaged at its start: {describe_damage(error)}") from None
        if not self._tap.head:
            self.close()
            raise InputError(f"{self.name} is empty; expected VCF or BCF")

    def _uncompressed(self) -> io.BufferedReader:
        if self._tap.head.startswith(_GZIP_MAGIC):
            return io.BufferedReader(_Gunzip(self._tap), _CHUNK_BYTES)
        return io.BufferedReader(self._tap, _CHUNK_BYTES)

    def lines(self) -> Iterator[bytes]:
        """Return the lines that are left, each with its line end."""
        return iter(partial(self._stream.readline, MAX_RECORD_BYTES), b"")

    def read(self, num_bytes: int) -> bytes:
        """Return the next ``num_bytes``, or fewer at the end of the file."""
        return self._stream.read(num_bytes)

    def check_end(self) -> None:
        """Refuse a bgzipped file without the empty block that ends every complete one.

        Raises:
            InputError: The last block is missing.
        """
        head = self._tap.head
        is_bgzf = head.startswith(_GZIP_MAGIC) and head[3] & 4 and head[12:14] == b"BC"
        if is_bgzf and self._tap.tail != _BGZF_END:
            raise InputError(f"{self.name} has no end-of-file block: truncated? Copy or download it again")

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if self._owns_handle:
            self._handle.close()


def describe_damage(error: BaseException) -> str:
    """Return one of ``DAMAGE`` as half a sentence with a remedy."""
    if isinstance(error, EOFError):
        return "the data end early (truncated?); copy or download it again"
    return f"{getattr(error, 'strerror', None) or error}; copy or download it again"


def _open(path: str | Path) -> io.BufferedIOBase:
    if str(path) == STDIO:
        return cast("io.BufferedIOBase", sys.stdin.buffer)
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path") from None


class _Tap(io.RawIOBase):
    """Bytes of a handle that remember the first and the last of them."""

    def __init__(self, handle: io.BufferedIOBase) -> None:
        self._handle = handle
        self.head = self._pending = self.tail = handle.read(_HEAD_BYTES)

    def readable(self) -> bool:
        """Return True, as a raw stream that can be read."""
        return True

    # The name of the argument is that of io.RawIOBase.
    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        """Fill ``buffer`` and return how many bytes it took; 0 at the end."""
        data = self._pending[: len(buffer)] or self._read_some(len(buffer))
        self._pending = self._pending[len(data) :]
        buffer[: len(data)] = data
        return len(data)

    def _read_some(self, num_bytes: int) -> bytes:
        data = self._handle.read1(num_bytes)
        self.tail = (self.tail + data[-len(_BGZF_END) :])[-len(_BGZF_END) :]
        return data


class _Gunzip(io.RawIOBase):
    """The content of all members of a gzip file.

    ``gzip.GzipFile`` drops what it has decompressed in the same call when it meets damage; here
    every byte before the damage is handed out first, so that every whole record is read.
    """

    def __init__(self, source: _Tap) -> None:
        self._source = source
        self._compressed = b""
        self._member = _new_member()

    def readable(self) -> bool:
        """Return True, as a raw stream that can be read."""
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        """Fill ``buffer`` and return how many bytes it took; 0 at the end."""
        while True:
            self._compressed = self._compressed or self._source.read(_CHUNK_BYTES) or b""
            at_end = not self._compressed
            if self._member.eof:
                if at_end:
                    return 0
                self._member = _new_member()
            data = self._member.decompress(self._compressed, len(buffer))
            self._compressed = self._member.unused_data or self._member.unconsumed_tail
            if data:
                buffer[: len(data)] = data
                return len(data)
            if at_end:
                raise EOFError


def _new_member() -> "zlib._Decompress":
    return zlib.decompressobj(zlib.MAX_WBITS | 16)
