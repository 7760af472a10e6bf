"""A hub of models on this machine: answers like the Hugging Face hub to those who fetch files.

Small files are answered at once; large ones, as there, by a redirect to a store whose address says nothing of
the repository, with their SHA-256 as etag. What was asked for stands in ``requests``.
"""

import hashlib
import re
import threading
import zlib
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_LARGE = (".safetensors", ".ckpt")
_FILE = re.compile(r"/(?P<repository>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")


class Hub(ThreadingHTTPServer):
    """Repositories by name: each has states by revision, each state files by name."""

    daemon_threads = True

    def __init__(self, repositories):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories = repositories
        files = [files for states in repositories.values() for files in states.values()]
        contents = [content for each in files for name, content in each.items() if name.endswith(_LARGE)]
        self.stored = {hashlib.sha256(content).hexdigest(): content for content in contents}
        self.requests = []
        self.cut_after = None
        """Bytes after which the next answer of a large file ends without a word; None ends none."""
        self.cuts_again = False
        """Whether every answer after it ends there too."""

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def store(self):
        """The address of large files: another host, to which the hub's token must not go."""
        return f"http://localhost:{self.server_port}/store"

    def environment(self, folder):
        """Return what a process needs to know to ask here, with its cache in a folder."""
        return {"HF_ENDPOINT": self.address, "HF_HOME": str(folder), "HF_HUB_DISABLE_TELEMETRY": "1"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def log_message(self, *_):
        pass

    def answer(self, *, with_body):
        self.server.requests.append((self.command, self.path, self.headers.get("Range")))
        if self.path.startswith("/store/"):
            return self.send_content(self.server.stored[self.path.rpartition("/")[2]], with_body=with_body)
        asked = _FILE.fullmatch(self.path)
        if asked is None:
            return self.refuse(404, "RepoNotFound")
        states = self.server.repositories.get(asked["repository"])
        if states is None:
            return self.refuse(401, "RepoNotFound")
        files = next(
            (files for name, files in states.items() if asked["revision"] in (name, commit(files))), None
        )
        if files is None:
            return self.refuse(404, "RevisionNotFound")
        if asked["file"] not in files:
            return self.refuse(404, "EntryNotFound", commit(files))
        content = files[asked["file"]]
        headers = {"X-Repo-Commit": commit(files)}
        if not asked["file"].endswith(_LARGE):
            headers["ETag"] = f'"{hashlib.sha1(content).hexdigest()}"'
            return self.send_content(content, with_body=with_body, headers=headers)
        digest = next(digest for digest, each in self.server.stored.items() if each is content)
        headers |= {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(content))}
        return self.reply(302, headers | {"Location": f"{self.server.store}/{digest}", "Content-Length": "0"})

    def send_content(self, content, *, with_body, headers=None):
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        first = int(asked[1]) if asked else 0
        headers = {"Accept-Ranges": "bytes", "Content-Length": str(len(content) - first), **(headers or {})}
        if asked:
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        self.reply(206 if asked else 200, headers)
        if not with_body:
            return
        cut = self.server.cut_after if self.path.startswith("/store/") else None
        self.wfile.write(content[first:] if cut is None else content[first : first + cut])
        if cut is not None:
            self.server.cut_after = cut if self.server.cuts_again else None
            self.close_connection = True

    def refuse(self, status, code, commit_hash=None):
        headers = {"X-Error-Code": code, "X-Error-Message": code, "Content-Length": "0"}
        self.reply(status, headers | ({"X-Repo-Commit": commit_hash} if commit_hash else {}))

    def reply(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def commit(files):
    """Return the name of a state: 40 hexadecimal digits that its files decide."""
    said = [f"{name} {len(content)} {zlib.crc32(content)}" for name, content in sorted(files.items())]
    return hashlib.sha1("\n".join(said).encode()).hexdigest()


@contextmanager
def hub_of(repositories):
    """Serve repositories for as long as the block runs."""
    with Hub(repositories) as hub:
        thread = threading.Thread(target=hub.serve_forever, daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
