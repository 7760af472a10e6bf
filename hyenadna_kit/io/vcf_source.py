"""The bytes of a variant file, wherever they lie and however they are compressed.

In: a path or ``-`` for standard input. Out: uncompressed bytes of text VCF or of BCF, told apart by
their first bytes and never by the name, with every kind of truncation noticed.
"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.compressed import DAMAGE, UncompressedStream, describe_damage

STDIO = "-"
"""The path that stands for standard input or standard output."""

MAX_RECORD_BYTES = 1 << 28
"""Longest line or binary record that is read; a longer one is no variant."""

BCF_MAGIC = b"BCF\x02\x02"


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
            self._stream = UncompressedStream(self._handle)
            self.is_bcf = self._stream.peek(len(BCF_MAGIC)).startswith(BCF_MAGIC)
        except DAMAGE as error:
            self.close()
            raise InputError(f"{self.name} is damaged at its start: {describe_damage(error)}") from None
        if self._stream.is_empty:
            self.close()
            raise InputError(f"{self.name} is empty; expected VCF or BCF")

    def lines(self) -> Iterator[bytes]:
        """Return the lines that are left, each with its line end."""
        return self._stream.lines(MAX_RECORD_BYTES)

    def read(self, num_bytes: int) -> bytes:
        """Return the next ``num_bytes``, or fewer at the end of the file."""
        return self._stream.read(num_bytes)

    def check_end(self) -> None:
        """Refuse a bgzipped file without the empty block that ends every complete one.

        Raises:
            InputError: The last block is missing.
        """
        if self._stream.is_cut_bgzip():
            raise InputError(f"{self.name} has no end-of-file block: truncated? Copy or download it again")

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if self._owns_handle:
            self._handle.close()


def _open(path: str | Path) -> io.BufferedIOBase:
    if str(path) == STDIO:
        return cast("io.BufferedIOBase", sys.stdin.buffer)
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path") from None
