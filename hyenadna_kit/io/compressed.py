"""The bytes within a file, however they are compressed: plain, gzip or bgzip.

In: an open binary handle. Out: its uncompressed bytes as a stream, told apart by the first bytes and
never by the name. Every kind of truncation can be noticed, that of a bgzip file at the border of two
blocks too, where gzip itself sees nothing wrong.
"""

import io
import os
import zlib
from collections.abc import Callable, Iterator
from functools import partial

DAMAGE = (EOFError, OSError, zlib.error)
"""What reading raises where the compressed bytes end early or are not what they claim to be."""

_GZIP_MAGIC = b"\x1f\x8b"
_HAS_EXTRA_FIELD = 4
_BGZF_TAG = slice(12, 14)
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
"""The empty block that ends every bgzip file."""
_HEAD_BYTES = 18
_CHUNK_BYTES = 1 << 16


class UncompressedStream:
    """The uncompressed bytes of a handle, from where it stands to its end.

    Reading raises one of ``DAMAGE`` where the compressed bytes are cut or garbled; all that lies before
    a cut is handed out first.
    """

    def __init__(self, handle: io.BufferedIOBase, on_read: Callable[[bytes], None] | None = None) -> None:
        """Look at the first bytes of ``handle``; ``on_read`` is called with each piece as it lies on disk."""
        self._tap = _Tap(handle, on_read)
        raw = _Gunzip(self._tap) if self._tap.head.startswith(_GZIP_MAGIC) else self._tap
        self._stream = io.BufferedReader(raw, _CHUNK_BYTES)

    @property
    def is_empty(self) -> bool:
        """Whether the handle has no bytes at all."""
        return not self._tap.head

    def peek(self, num_bytes: int) -> bytes:
        """Return the next ``num_bytes``, or fewer, without moving on."""
        return self._stream.peek(num_bytes)[:num_bytes]

    def read(self, num_bytes: int) -> bytes:
        """Return the next ``num_bytes``, or fewer at the end."""
        return self._stream.read(num_bytes)

    def lines(self, max_bytes: int) -> Iterator[bytes]:
        """Return the lines that are left with their line ends, longer ones cut after ``max_bytes``."""
        return iter(partial(self._stream.readline, max_bytes), b"")

    def is_cut_bgzip(self) -> bool:
        """Say, at the end of the stream, whether it is bgzip without its last block, the empty one."""
        return _is_bgzip(self._tap.head) and self._tap.tail != _BGZF_END


def is_cut_bgzip(handle: io.BufferedIOBase) -> bool:
    """Say the same of a handle on a file without reading it; the handle goes back to its start."""
    head = handle.read(_HEAD_BYTES)
    size = handle.seek(0, os.SEEK_END)
    handle.seek(max(0, size - len(_BGZF_END)))
    tail = handle.read()
    handle.seek(0)
    return _is_bgzip(head) and tail != _BGZF_END


def describe_damage(error: BaseException) -> str:
    """Return one of ``DAMAGE`` as half a sentence with a remedy."""
    if isinstance(error, EOFError):
        return "the data end early (truncated?); copy or download it again"
    return f"{getattr(error, 'strerror', None) or error}; copy or download it again"


def _is_bgzip(head: bytes) -> bool:
    return (
        head.startswith(_GZIP_MAGIC)
        and len(head) == _HEAD_BYTES
        and bool(head[3] & _HAS_EXTRA_FIELD)
        and head[_BGZF_TAG] == b"BC"
    )


class _Tap(io.RawIOBase):
    """Bytes of a handle that remember the first and the last of them."""

    def __init__(self, handle: io.BufferedIOBase, on_read: Callable[[bytes], None] | None) -> None:
        self._handle = handle
        self._on_read = on_read
        self.head = self._pending = self.tail = handle.read(_HEAD_BYTES)
        self._report(self.head)

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
        self._report(data)
        return data

    def _report(self, data: bytes) -> None:
        if self._on_read is not None and data:
            self._on_read(data)


class _Gunzip(io.RawIOBase):
    """The content of all members of a gzip file.

    ``gzip.GzipFile`` drops what it has decompressed in the same call when it meets the end of a cut
    file; here every byte before the cut is handed out first, so that every whole record is read.
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
                # Tapes and some tools fill the last block of a gzip file up with zeros.
                self._compressed = self._compressed.lstrip(b"\0")
                if not self._compressed:
                    continue
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
