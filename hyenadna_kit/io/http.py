"""Ask an HTTP server for something: what may be asked where, and which failures pass.

In: an address. Out: the open response, or one of two errors: what may succeed when it is tried again, and
what will not. Standard library alone; proxies are taken from the environment, as everywhere.
"""

import http.client
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from hyenadna_kit.errors import InputError

_LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
_MAX_REDIRECTS = 5
_MAX_WAIT = 60.0
RANGE_NOT_THERE = 416
"""Status of a server that has no byte at the place that was asked for."""

_PASSING_STATUSES = (408, RANGE_NOT_THERE, 425, 429, 500, 502, 503, 504)
_BLOCK_BYTES = 1 << 20

OnRetry = Callable[[str], None]
"""Told, in one line, why something is tried again and when."""

Answer = TypeVar("Answer")


class LostConnectionError(Exception):
    """The server could not be reached, or stopped; it may be there again later."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        """Take what happened, and the status of the answer where there was one."""
        super().__init__(reason)
        self.status = status


class NotThereError(InputError):
    """The server has nothing at this address."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a server is waited for, and how it may be spoken to."""

    timeout: float = 60.0
    """Seconds without a byte after which a connection counts as lost."""
    attempts: int = 6
    """Connections to make before it is given up; one that comes further than all before begins anew."""
    backoff: float = 1.0
    """Seconds before the second attempt; twice as many before each further one, up to a minute."""
    plain_http: bool = False
    """Whether servers other than this machine may be asked without encryption."""


PATIENT = Patience()
"""What suits servers of genomes."""


def require_address(url: str, patience: Patience) -> None:
    """Refuse what is no address of a web server, or one that others could answer for.

    Raises:
        InputError: ``url`` is not https (or http, on this machine or where it is allowed), or holds a
            password.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        host, has_password, _ = parts.hostname, "@" in parts.netloc, parts.port
    except ValueError as error:
        raise InputError(f"{url!r} is no address: {error}") from None
    if not url.isascii() or not url.isprintable() or " " in url or parts.scheme not in ("https", "http"):
        raise InputError(f"{url!r} is no address of a web server; expected https://HOST/FILE")
    if not host or has_password:
        raise InputError(f"the address of {host or 'no host'} must name a host, and no user or password")
    if parts.scheme == "http" and host not in _LOCAL_HOSTS and not patience.plain_http:
        raise InputError(
            f"{url} is not encrypted: anybody on the way can change what arrives; use https, or say with "
            "--md5 what must arrive"
        )


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a few redirects, and only to where we would have gone ourselves."""

    max_redirections = _MAX_REDIRECTS

    def __init__(self, patience: Patience) -> None:
        self._patience = patience

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """Return the request to the other address."""
        try:
            require_address(newurl, self._patience)
        except InputError as error:
            fp.close()
            raise InputError(f"{req.full_url} leads to another address: {error}") from None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def ask(url: str, headers: Mapping[str, str], patience: Patience) -> http.client.HTTPResponse:
    """Send one GET request and return the response, whose body is still to be read.

    Raises:
        LostConnectionError: It may succeed later.
        InputError: It will not: the address is refused, or the server has no such file.
    """
    require_address(url, patience)
    agent = {"User-Agent": "hyenadna-kit", "Accept-Encoding": "identity"}
    request = urllib.request.Request(url, headers=agent | dict(headers))  # noqa: S310 - see require_address
    try:
        opener = urllib.request.build_opener(_Redirects(patience))
        return opener.open(request, timeout=patience.timeout)
    except urllib.error.HTTPError as error:
        error.close()
        raise _refusal(url, error) from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise InputError(
                f"{url}: its certificate is not trusted: {error.reason.verify_message}"
            ) from None
        if isinstance(error.reason, socket.gaierror) and error.reason.errno == socket.EAI_NONAME:
            raise InputError(
                f"{url}: no such host is known here; check the address and the network"
            ) from None
        raise LostConnectionError(_reason(error.reason)) from None
    except UnicodeError:
        raise InputError(f"{url} names a host that cannot be; check the address") from None
    except (OSError, http.client.HTTPException) as error:
        raise LostConnectionError(_reason(error)) from None


def read_blocks(response: http.client.HTTPResponse, length: int | None) -> Iterator[bytes]:
    """Yield the body as it arrives.

    Args:
        response: What :func:`ask` returned.
        length: Bytes that must come, or None where the server did not say.

    Raises:
        LostConnectionError: The connection ends before, or brings nothing for too long.
    """
    done = 0
    while length is None or done < length:
        try:
            block = response.read1(_BLOCK_BYTES if length is None else min(_BLOCK_BYTES, length - done))
        except (OSError, http.client.HTTPException) as error:
            raise LostConnectionError(_reason(error)) from None
        if not block:
            break
        done += len(block)
        yield block
    if length is not None and done < length:
        raise LostConnectionError(f"the connection ended {length - done:,} bytes early")


def content_length(response: http.client.HTTPResponse) -> int | None:
    """Return how many bytes the body has, or None where the server does not say."""
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdecimal() else None


@contextmanager
def closing_response(response: http.client.HTTPResponse) -> Iterator[http.client.HTTPResponse]:
    """Close the response at the end of the block, whatever state it is in."""
    try:
        yield response
    finally:
        response.close()


def persist(
    attempt: Callable[[], Answer],
    patience: Patience,
    *,
    gained: Callable[[], int] = lambda: 0,
    on_retry: OnRetry | None = None,
) -> Answer:
    """Call ``attempt`` until it succeeds, with growing pauses; progress makes patience new.

    Args:
        attempt: What may raise LostConnectionError.
        patience: How often and how long.
        gained: Returns how far the attempts have come; only what was never reached before counts.
        on_retry: Told before each pause.

    Raises:
        LostConnectionError: The last of them, when ``patience.attempts`` in a row brought nothing.
    """
    failures, furthest = 0, gained()
    while True:
        try:
            return attempt()
        except LostConnectionError as error:
            reached = gained()
            failures = 1 if reached > furthest else failures + 1
            furthest = max(furthest, reached)
            if failures >= patience.attempts:
                raise
            wait = min(patience.backoff * 2 ** (failures - 1), _MAX_WAIT)
            if on_retry is not None:
                on_retry(f"{error}; trying again in {wait:g} s")
            time.sleep(wait)


def _refusal(url: str, error: urllib.error.HTTPError) -> Exception:
    if error.code in (404, 410):
        return NotThereError(f"{url}: the server has no such file (status {error.code}); check the address")
    if error.code in _PASSING_STATUSES:
        return LostConnectionError(
            f"the server answers with status {error.code} ({error.reason})", error.code
        )
    if error.code in (301, 302, 303, 307, 308):
        return InputError(
            f"{url}: more than {_MAX_REDIRECTS} redirects, or a circle of them; check the address"
        )
    return InputError(f"{url}: the server refuses it with status {error.code} ({error.reason})")


def _reason(error: object) -> str:
    """Return what happened to a connection, in a few words."""
    if isinstance(error, TimeoutError):
        return "the server does not answer"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())
