"""A real HTTP server on this machine that does to a download what networks and servers do."""

import contextlib
import email.utils
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class File(NamedTuple):
    """What lies at one address."""

    content: bytes
    etag: str | None = '"version-1"'
    last_modified: str | None = email.utils.formatdate(0, usegmt=True)


class Fault(NamedTuple):
    """What goes wrong with one request."""

    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    drop_after: int | None = None
    """Bytes of the body after which the connection is closed."""
    hang_after: int | None = None
    """Bytes of the body after which nothing more comes."""
    ignore_range: bool = False
    ignore_if_range: bool = False
    without_length: bool = False
    """The end of the connection is the end of the body, as in HTTP/1.0."""
    shift: int = 0
    """By how much the rest begins elsewhere than was asked."""
    garbage: bool = False
    """The answer is no HTTP."""


NOTHING = Fault()


class FileServer:
    """Files by path, the faults of the next requests for each, and the requests that came."""

    def __init__(self):
        self.files = {}
        self.faults = {}
        self.requests = []
        self.released = threading.Event()
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def url(self, path):
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def ranges(self, path):
        """Return the Range headers of the requests for ``path``, None where there was none."""
        return [headers.get("Range") for asked, headers in self.requests if asked == path]

    def close(self):
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that goes away is what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner = None

    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.owner
        server.requests.append((self.path, dict(self.headers.items())))
        faults = server.faults.get(self.path, [])
        fault = faults.pop(0) if faults else NOTHING
        self.close_connection = True
        if fault.garbage:
            self.wfile.write(b"\0\1\2 this is no HTTP\r\n\r\n")
            return
        file = server.files.get(self.path)
        if fault.status is not None or file is None:
            self.send_response(fault.status or 404)
            for name, value in fault.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self._send(file, fault)

    def _send(self, file, fault):
        start = self._start(file, fault)
        if start is not None and start >= len(file.content):
            self.send_response(416)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200 if start is None else 206)
        if file.etag is not None:
            self.send_header("ETag", file.etag)
        if file.last_modified is not None:
            self.send_header("Last-Modified", file.last_modified)
        first = start or 0
        if start is not None:
            first += fault.shift
            size = len(file.content)
            self.send_header("Content-Range", f"bytes {first}-{size - 1}/{size}")
        body = file.content[first:]
        if not fault.without_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            if fault.hang_after is not None:
                self.wfile.write(body[: fault.hang_after])
                self.owner.released.wait(30)
            else:
                self.wfile.write(body if fault.drop_after is None else body[: fault.drop_after])

    def _start(self, file, fault):
        """Return where the rest begins, or None where everything is sent."""
        asked = self.headers.get("Range")
        if asked is None or fault.ignore_range:
            return None
        condition = self.headers.get("If-Range")
        if condition not in (None, file.etag, file.last_modified) and not fault.ignore_if_range:
            return None
        return int(asked.removeprefix("bytes=").removesuffix("-"))
