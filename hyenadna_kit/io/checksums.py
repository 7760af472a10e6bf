"""The checksums that a server of genomes publishes beside its files.

In: the address of a file. Out: what its MD5 must be, by the list in the same folder.
"""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.http import (
    PATIENT,
    LostConnectionError,
    NotThereError,
    OnRetry,
    Patience,
    ask,
    closing_response,
    content_length,
    persist,
    read_blocks,
)

CHECKSUM_FILES = ("md5checksums.txt", "md5sum.txt")
"""What servers of genomes call the list of checksums beside a file."""

_MAX_LIST_BYTES = 1 << 26
_MD5 = re.compile(r"[0-9a-fA-F]{32}")


class Checksum(NamedTuple):
    """What the MD5 of a file must be, and who says so."""

    md5: str
    """Hexadecimal, lower case."""
    source: str
    """For messages."""


def parse_md5(text: str) -> str:
    """Return an MD5 in lower case.

    Raises:
        InputError: It is not 32 hexadecimal digits.
    """
    if not _MD5.fullmatch(text):
        raise InputError(f"an MD5 has 32 hexadecimal digits, got {text!r}")
    return text.lower()


def file_name(url: str) -> str:
    """Return the name of the file at ``url``.

    Raises:
        InputError: The address ends in no name that a file can have here.
    """
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    if not name or name.startswith(".") or not name.isprintable():
        raise InputError(f"{url} ends in no name for a file; name one (--out)")
    return name


def find_checksum(
    url: str,
    lists: Sequence[str] = CHECKSUM_FILES,
    *,
    patience: Patience = PATIENT,
    on_retry: OnRetry | None = None,
) -> Checksum | None:
    """Return what the server's own list says of the file at ``url``, None without a list.

    Args:
        url: Address of the file.
        lists: Addresses of lists, or names of lists beside the file; the first that is there is read.
        patience: How long to wait for the server.
        on_retry: Told before each further attempt.

    Raises:
        InputError: A list does not name the file, or names it twice with two sums; or the server
            refuses or cannot be reached.
    """
    for name in lists:
        address = urljoin(url, name)
        try:
            text = persist(partial(_read_list, address, patience), patience, on_retry=on_retry)
        except NotThereError:
            continue
        except LostConnectionError as error:
            raise InputError(f"{address} cannot be read: {error}; try again later") from None
        return Checksum(_listed(text, file_name(url), address), address)
    return None


def _read_list(address: str, patience: Patience) -> str:
    with closing_response(ask(address, {}, patience)) as response:
        text = bytearray()
        for block in read_blocks(response, content_length(response)):
            text += block
            if len(text) > _MAX_LIST_BYTES:
                raise InputError(
                    f"{address} is longer than {_MAX_LIST_BYTES:,} bytes: it is no list of checksums"
                )
    return text.decode(errors="replace")


def _listed(text: str, name: str, address: str) -> str:
    """Return the MD5 of the file ``name`` from lines ``MD5  NAME``, ``MD5  ./NAME`` or ``MD5 *NAME``."""
    lines = (line.split(maxsplit=1) for line in text.splitlines())
    found = {
        words[0].lower()
        for words in lines
        if len(words) == 2
        and _MD5.fullmatch(words[0])
        and words[1].strip().removeprefix("*") in (name, f"./{name}")
    }
    if len(found) != 1:
        problem = "does not name" if not found else "has several checksums of"
        raise InputError(f"{address} {problem} {name!r}; give the checksum yourself (--md5)")
    return found.pop()
