"""A web server on loopback that does to a download what real ones do: fail, ask to wait, stall, truncate, change."""

import contextlib
import hashlib
import http.server
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Served:
    """One file as the server serves it; `trouble` is used up, one entry a GET request, before all goes well.

    An entry is a status (503), a status with Retry-After ((503, "1")), `truncate` (half of what is asked for, then the
    connection closes), `reset` (half, then a TCP reset), `stall` (half, then silence), or `change` (the file becomes
    `next_content`).
    """

    content: bytes
    trouble: list = field(default_factory=list)
    ranges: bool = True
    etag: bool = True
    last_modified: str | None = None
    digest: str | None = None  # value of a Repr-Digest header
    length: bool = True  # whether it says Content-Length
    encoding: str | None = None  # a Content-Encoding header, as some servers set it for files that are gzip themselves
    next_content: bytes = b""
    stall_s: float = 1.5


@dataclass
class Seen:
    """A request as it came."""

    method: str
    path: str
    range: str | None
    if_range: str | None
    at: float


class RoughServer(http.server.ThreadingHTTPServer):
    """Serves `files` (path -> Served) and writes down every request in `seen`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, Served] = {}
        self.seen: list[Seen] = []
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def add(self, path: str, content: bytes, *trouble, **how) -> str:
        self.files[path] = Served(content, list(trouble), **how)
        return f"{self.url}{path}"

    def gets(self, path: str) -> list[Seen]:
        return [s for s in self.seen if s.method == "GET" and s.path == path]

    def handle_error(self, request, client_address) -> None:
        pass  # clients that hang up are part of the play


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RoughServer

    def log_message(self, *arguments) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.at_once += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.at_once)
        try:
            self.answer(body=True)
        finally:
            with self.server.lock:
                self.server.at_once -= 1

    def answer(self, body: bool) -> None:
        headers = self.headers
        self.server.seen.append(
            Seen(self.command, self.path, headers.get("Range"), headers.get("If-Range"), time.monotonic())
        )
        served = self.server.files.get(self.path)
        if served is None:
            return self.status(404)
        trouble = served.trouble.pop(0) if body and served.trouble else None
        if isinstance(trouble, int):
            return self.status(trouble)
        if isinstance(trouble, tuple):
            return self.status(trouble[0], trouble[1])
        if trouble == "change":
            served.content = served.next_content
        content, etag = served.content, f'"{hashlib.md5(served.content).hexdigest()}"'
        start, status = 0, 200
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("Range", ""))
        same = headers.get("If-Range") in (None, etag if served.etag else None, served.last_modified)
        if match and served.ranges and same:
            start, status = int(match.group(1)), 206
            if start >= len(content):
                return self.status(416)
        part = content[start:]
        if match and match.group(2) and status == 206:
            part = part[: int(match.group(2)) + 1 - start]
        self.send_response(status)
        if served.length:
            self.send_header("Content-Length", str(len(part)))
        else:
            self.send_header("Connection", "close")
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{start + len(part) - 1}/{len(content)}")
        if served.etag:
            self.send_header("ETag", etag)
        if served.last_modified:
            self.send_header("Last-Modified", served.last_modified)
        if served.encoding:
            self.send_header("Content-Encoding", served.encoding)
        if served.digest:
            self.send_header("Repr-Digest", served.digest)
        self.end_headers()
        if not body:
            return None
        half = part[: len(part) // 2]
        if trouble in ("truncate", "reset", "stall"):
            self.wfile.write(half)
            self.wfile.flush()
            if trouble == "stall":
                time.sleep(served.stall_s)
            if trouble == "reset":
                self.connection.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER 0: close with a reset
            self.close_connection = True
            self.connection.close()
        else:
            self.wfile.write(part)
        self.close_connection = self.close_connection or not served.length
        return None

    def status(self, code: int, retry_after: str | None = None) -> None:
        self.send_response(code)
        if retry_after is not None:
            self.send_header("Retry-After", retry_after)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextlib.contextmanager
def rough_server() -> Iterator[RoughServer]:
    with RoughServer() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server
        server.shutdown()
