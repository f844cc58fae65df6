"""The sample's web crawl: pages fetched over HTTP from loopback, kept as WARC.

Python serves its own documentation as HTML (`python -m pydoc`), which is a website of more than four hundred pages
that every installation has. What a crawl meets besides pages (robots.txt, a redirect, a missing page, an image) comes from
a small server with the pages that were written for this project. Addresses in the archive are made-up hosts below
.localhost, dates and record ids are fixed, so that the same installation gives the same bytes.
"""

import http.client
import http.server
import importlib.util
import io
import os
import pkgutil
import pydoc
import re
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

DATE = "2026-01-01T00:00:00Z"
"""When the crawl says that it happened: fixed, like the Date headers of the answers."""

USER_AGENT = "gristmill-sample"

DOCUMENTED = (
    *(
        "asyncio",
        "collections",
        "concurrent",
        "ctypes",
        "curses",
        "dbm",
        "email",
        "html",
        "http",
        "importlib",
        "json",
    ),
    *(
        "logging",
        "multiprocessing",
        "sqlite3",
        "tomllib",
        "unittest",
        "urllib",
        "wsgiref",
        "xml",
        "xmlrpc",
        "zoneinfo",
    ),
)
"""Packages of the standard library whose modules get a page each, and whose source is taken as code."""

NOT_IMPORTED = (
    *("antigravity", "idlelib", "lib2to3", "msilib", "nt", "pydoc_data", "test", "this", "tkinter", "turtle"),
    "turtledemo",
)
"""To document a module, pydoc imports it: these open windows, print or run tests, or say next to nothing."""

MEMORY_ADDRESS = re.compile(rb"((?:at|handle)(?: |&nbsp;)(?:0x)?)[0-9a-f]{8,16}\b")
"""Pages show where in memory an object lies, which is another place every time."""


class CrawlFailed(Exception):
    """A server of the sample does not answer; the message says which."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server says to a request for one path."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@contextmanager
def pydoc_server() -> Iterator[str]:
    """Python's documentation server on loopback; gives its address, `127.0.0.1:port`.

    It runs without site-packages and in an empty environment: pages show what they find there (`os.environ`), and
    must not depend on it.
    """
    command = [sys.executable, "-s", "-S", "-P", "-W", "ignore", "-m", "pydoc", "-n", "127.0.0.1", "-p", "0"]
    environment = {"PYTHONHASHSEED": "0", "PATH": os.defpath, "LANG": "C.UTF-8", "HOME": "/", "COLUMNS": "80"}
    server = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout
        ready = server.stdout.readline()
        if "http://" not in ready:
            raise CrawlFailed(f"`{' '.join(command)}` did not start: {ready.strip() or 'it said nothing'}")
        threading.Thread(target=server.stdout.read, daemon=True).start()  # what modules print when imported
        yield ready.split("http://")[1].strip().rstrip("/")
    finally:
        server.kill()
        server.communicate()


def pydoc_paths() -> list[str]:
    """Paths of the pages to fetch: the index, the language reference by topic and keyword, the modules."""
    names = sorted(
        name
        for name in sys.stdlib_module_names
        if not name.startswith("_") and name not in NOT_IMPORTED and importlib.util.find_spec(name)
    )
    for package in filter(names.__contains__, DOCUMENTED):
        folders = importlib.util.find_spec(package).submodule_search_locations
        names += sorted(
            f"{package}.{module.name}" for module in pkgutil.iter_modules(folders) if not module.name.startswith("_")
        )
    topics = [f"topic?key={topic}" for topic in sorted({*pydoc.Helper.topics, *pydoc.Helper.keywords})]
    return ["/", "/topics.html", "/keywords.html"] + [f"/{t}" for t in topics] + [f"/{n}.html" for n in names]


@contextmanager
def site_server(pages: Mapping[str, Answer]) -> Iterator[str]:
    """A web server on loopback with these pages by path; gives its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        # Not Python's own, which names its version: every version gives the same bytes.
        server_version, sys_version = USER_AGENT, ""

        def do_GET(self) -> None:
            answer = pages.get(self.path) or NOT_FOUND
            self.send_response(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *values: object) -> None:
            """Say nothing: a request is no event of the build."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


NOT_FOUND = Answer(
    404,
    (("Content-Type", "text/html; charset=utf-8"),),
    b"<!doctype html><title>Not here</title><p>There is no such page.",
)


def fetch(address: str, host: str, path: str) -> Answer:
    """One GET request, one connection, as `host`. Raises CrawlFailed if no answer comes within a minute."""
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        connection.request("GET", path, headers=request_headers(host))
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise CrawlFailed(
            f"{host}{path} cannot be fetched from http://{address}: {error or type(error).__name__}; the sample needs "
            "connections to this machine itself (127.0.0.1)"
        ) from error
    finally:
        connection.close()
    headers = [
        (name, "Thu, 01 Jan 2026 00:00:00 GMT" if name == "Date" else value) for name, value in response.getheaders()
    ]
    return Answer(response.status, tuple(headers), body)


def request_headers(host: str) -> dict[str, str]:
    """What every request says of itself."""
    return {"Host": host, "User-Agent": USER_AGENT, "Accept-Encoding": "identity"}


def write_warc(file: Path, host: str, answers: Iterable[tuple[str, Answer]]) -> dict[str, int]:
    """Keep answers by path as a WARC file of gzip members; gives the byte offset of each response by its path."""
    offsets: dict[str, int] = {}
    with file.open("wb") as stream:
        writer = WARCWriter(stream, gzip=True)

        def write(kind: str, uri: str, payload: bytes, http: StatusAndHeaders | None, **more: str) -> str:
            identity = f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{file.name} {kind} {uri}')}>"
            fields = {"WARC-Record-ID": identity, "WARC-Date": DATE} | {
                f"WARC-{name.replace('_', '-')}": value for name, value in more.items()
            }
            record = writer.create_warc_record(
                uri, kind, io.BytesIO(payload), warc_headers_dict=fields, http_headers=http
            )
            writer.write_record(record)
            return identity

        about = f"software: {USER_AGENT} (warcio)\r\nformat: WARC File Format 1.0\r\nrobots: obey\r\n"
        write("warcinfo", "", about.encode(), None, Filename=file.name)
        for path, answer in answers:
            uri = f"http://{host}{path}"
            offsets[path] = stream.tell()
            status = f"{answer.status} {http.client.responses[answer.status]}"
            response = StatusAndHeaders(status, list(answer.headers), protocol="HTTP/1.0")
            identity = write("response", uri, answer.body, response)
            asked = StatusAndHeaders(f"GET {path} HTTP/1.1", list(request_headers(host).items()), is_http_request=True)
            write("request", uri, b"", asked, Concurrent_To=identity)
    return offsets


def crawl_pydoc(folder: Path, host: str = "pydoc.localhost", pages_per_file: int = 150) -> int:
    """Crawl Python's documentation into `folder/pydoc-*.warc.gz`; gives the number of pages."""
    paths = pydoc_paths()
    with pydoc_server() as address:
        for number, start in enumerate(range(0, len(paths), pages_per_file)):
            some = paths[start : start + pages_per_file]
            answers = ((path, _settled(fetch(address, host, path))) for path in some)
            write_warc(folder / f"pydoc-{number:05}.warc.gz", host, answers)
    return len(paths)


def _settled(answer: Answer) -> Answer:
    return replace(answer, body=MEMORY_ADDRESS.sub(rb"\g<1>000000000000", answer.body))


def crawl_site(pages: Mapping[str, Answer], host: str, file: Path) -> dict[str, int]:
    """Serve some pages on loopback and crawl them all into `file`; gives the byte offset of each response by its path."""
    with site_server(pages) as address:
        return write_warc(file, host, ((path, fetch(address, host, path)) for path in pages))
