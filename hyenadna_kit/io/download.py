"""Download a file so that it arrives whole and verified under its name, or not at all.

In: an address and what its MD5 must be. Out: the file. Until it is verified its bytes lie in the hidden
file ``.NAME.part`` beside it, and ``.NAME.part.json`` says which version of which address they are of: a
download that was broken off, killed too, goes on where it stopped, unless the server's file has changed.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from email.message import Message
from http.client import HTTPResponse
from pathlib import Path
from typing import NamedTuple

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import atomic_file, locked
from hyenadna_kit.io.checksums import Checksum
from hyenadna_kit.io.http import (
    PATIENT,
    RANGE_NOT_THERE,
    LostConnectionError,
    OnRetry,
    Patience,
    ask,
    closing_response,
    content_length,
    persist,
    read_blocks,
)

_OK, _PARTIAL = 200, 206
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
_HASHED_BYTES = 1 << 22

OnProgress = Callable[[int, int | None], None]
"""``on_progress(done, total)``: bytes; the total is None where the server does not say it."""


class Download(NamedTuple):
    """What was downloaded, or was there."""

    path: Path
    """The file."""
    size: int
    """Its bytes."""
    md5: str
    """Its MD5, hexadecimal."""
    is_new: bool
    """False where it lay there already."""


class _Origin(NamedTuple):
    """Which version of which address a part is of."""

    url: str
    validator: str
    """Strong ETag or Last-Modified; empty where the server gives neither."""
    size: int | None


def download(
    url: str,
    out: Path,
    *,
    checksum: Checksum | None,
    patience: Patience = PATIENT,
    on_progress: OnProgress | None = None,
    on_retry: OnRetry | None = None,
) -> Download:
    """Download ``url`` to ``out``; nothing has that name until it is whole and verified.

    A file that is there already and has the checksum is kept. One process at a time downloads to one
    name; another one waits.

    Args:
        url: Address, https.
        out: The file.
        checksum: What it must be; None takes whatever arrives.
        patience: How long to wait for the server.
        on_progress: Told how many bytes there are, those of an earlier attempt included.
        on_retry: Told before each further attempt.

    Raises:
        InputError: The address is refused, the server has no such file or cannot be reached any more
            (what has arrived is kept), the checksum is another one (nothing is kept), or ``out`` is
            another file.
    """
    if out.is_dir():
        raise InputError(f"{out} is a folder; name the file in it")
    with locked(out):
        if out.exists():
            return _verify_existing(out, checksum)
        part = _Part(out, url)
        _fetch(part, patience, on_progress, on_retry)
        md5, size = _md5(part.data), part.num_bytes()
        if checksum is not None and md5 != checksum.md5:
            part.discard()
            raise InputError(
                f"{url}: MD5 {md5} arrived, but {checksum.source} says {checksum.md5}; nothing was kept: "
                "download it again, and if that does not help ask whoever gave the checksum"
            )
        with atomic_file(out) as temporary:
            part.data.rename(temporary)
        part.discard()
    return Download(out, size, md5, is_new=True)


class _Part:
    """The bytes that have arrived, and the note of what they are of."""

    def __init__(self, out: Path, url: str) -> None:
        self.data = out.with_name(f".{out.name}.part")
        self.url = url
        self._note = out.with_name(f".{out.name}.part.json")

    def num_bytes(self) -> int:
        """Return how many bytes there are."""
        return self.data.stat().st_size if self.data.exists() else 0

    def origin(self) -> _Origin | None:
        """Return what the bytes are of, or None where they cannot be gone on with."""
        try:
            fields = json.loads(self._note.read_text(encoding="utf-8"))
            origin = _Origin(fields["url"], fields["validator"], fields["size"])
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return None
        is_header = isinstance(origin.validator, str) and origin.validator.isascii()
        if origin.url != self.url or not is_header or not origin.validator.isprintable():
            return None
        return origin if origin.validator and isinstance(origin.size, int | None) else None

    def begin(self, origin: _Origin) -> None:
        """Forget what has arrived, and note what is coming."""
        self.discard()
        with atomic_file(self._note) as temporary:
            temporary.write_text(json.dumps(origin._asdict()), encoding="utf-8")

    def discard(self) -> None:
        """Remove the bytes, and only then what they are of."""
        self.data.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


def _fetch(part: _Part, patience: Patience, on_progress: OnProgress | None, on_retry: OnRetry | None) -> None:
    """Bring ``part`` to its end, over as many connections as it takes."""

    def attempt() -> None:
        """Go on with the part once."""
        _continue(part, patience, on_progress)

    try:
        persist(attempt, patience, gained=part.num_bytes, on_retry=on_retry)
    except LostConnectionError as error:
        raise InputError(
            f"{part.url}: {error}; {part.num_bytes():,} bytes are kept: run the same command again to go on"
        ) from None


def _continue(part: _Part, patience: Patience, on_progress: OnProgress | None) -> None:
    """Fetch what is missing of ``part``: all of it, where the server cannot give the rest alone."""
    origin, offset = part.origin(), part.num_bytes()
    if origin is not None and offset and offset == origin.size:
        return
    is_rest = origin is not None and offset > 0
    headers = {"Range": f"bytes={offset}-", "If-Range": origin.validator} if origin and is_rest else {}
    try:
        response = ask(part.url, headers, patience)
    except LostConnectionError as error:
        if error.status == RANGE_NOT_THERE:
            part.discard()
        raise
    with closing_response(response):
        if origin and is_rest and response.status == _PARTIAL:
            _require_rest(part, origin, offset, response.headers)
        elif response.status == _OK:
            length = content_length(response)
            origin, offset = _Origin(part.url, _validator(response.headers), length), 0
            _require_room(part, length)
            part.begin(origin)
        else:
            raise LostConnectionError(f"the server answers with status {response.status}", response.status)
        _save(part, origin, offset, response, on_progress)


def _require_rest(part: _Part, origin: _Origin, offset: int, headers: Message) -> None:
    """Begin anew next time, unless the answer is the rest of the same version."""
    match = _RANGE.fullmatch(headers.get("Content-Range", "").strip())
    place = None if match is None else (int(match[1]), int(match[2]))
    is_same = _validator(headers) in ("", origin.validator)
    if place is None or place[0] != offset or origin.size not in (None, place[1]) or not is_same:
        part.discard()
        raise LostConnectionError("the server gives the rest of another file than before")


def _save(
    part: _Part,
    origin: _Origin,
    offset: int,
    response: HTTPResponse,
    on_progress: OnProgress | None,
) -> None:
    """Append the body to the bytes that are there, and see them on disk when it is whole."""
    rest = None if origin.size is None else origin.size - offset
    with part.data.open("ab") as handle:
        for block in read_blocks(response, rest):
            handle.write(block)
            handle.flush()  # a process that is killed keeps what has arrived
            offset += len(block)
            if on_progress is not None:
                on_progress(offset, origin.size)
        os.fsync(handle.fileno())


def _require_room(part: _Part, length: int | None) -> None:
    free = shutil.disk_usage(part.data.parent).free + part.num_bytes()
    if length is not None and length > free:
        raise InputError(
            f"{part.url} has {length:,} bytes, and {part.data.parent} has room for {free:,}; "
            "make room or name a file elsewhere (--out)"
        )


def _verify_existing(out: Path, checksum: Checksum | None) -> Download:
    if not out.is_file():
        raise InputError(f"{out} is no regular file; choose another name (--out)")
    md5 = _md5(out)
    if checksum is None or md5 != checksum.md5:
        expected = "" if checksum is None else f", but {checksum.source} says {checksum.md5}"
        raise InputError(
            f"{out} is there already, with MD5 {md5}{expected}; remove it or choose another name (--out)"
        )
    return Download(out, out.stat().st_size, md5, is_new=False)


def _validator(headers: Message) -> str:
    """Return what tells versions of the file apart, or nothing where it would not be exact."""
    etag = headers.get("ETag", "").strip()
    return etag if etag.startswith('"') else headers.get("Last-Modified", "").strip()


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as handle:
        while block := handle.read(_HASHED_BYTES):
            digest.update(block)
    return digest.hexdigest()
