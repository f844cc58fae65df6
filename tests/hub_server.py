"""A Hugging Face Hub on loopback, as far as data sets are read from it: revisions, pages of listings, ranges, refusals."""

import hashlib
import http.server
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, unquote, urlsplit

API, RESOLVE, CDN = "/api/datasets/", "/datasets/", "/cdn/"


@dataclass
class Repository:
    """A data set: files by commit, and which commit each branch or tag is."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    gated: bool = False

    def commit(self, files: dict[str, bytes], *refs: str) -> str:
        content = json.dumps({name: hashlib.sha1(data).hexdigest() for name, data in sorted(files.items())})
        sha = hashlib.sha1(content.encode()).hexdigest()
        self.commits[sha] = files
        self.refs.update(dict.fromkeys(refs or ("main",), sha))
        return sha


@dataclass
class Hub:
    """What the server knows, and the requests that it has seen."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    page_size: int = 3
    token: str = "hf_secret"
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def add(self, name: str, files: dict[str, bytes], *refs: str, **about) -> str:
        return self.repositories.setdefault(name, Repository(**about)).commit(files, *refs)


@contextmanager
def running_hub():
    hub = Hub()
    handler = type("BoundHandler", (Handler,), {"hub": hub})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        hub.url = f"http://127.0.0.1:{server.server_port}"
        yield hub
        server.shutdown()


def entry(path: str, data: bytes) -> dict:
    """A file as listings have it; tables are large files, the rest is in git."""
    git = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    about = {"type": "file", "path": path, "size": len(data), "oid": git}
    if path.endswith((".parquet", ".arrow")):
        about["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
    return about


class Refused(Exception):
    """An answer that is an error, with the Hub's code for it."""


class Handler(http.server.BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.answer()

    def do_HEAD(self):
        self.answer()

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def answer(self, body: bytes = b"") -> None:
        self.hub.asked.append(f"{self.command} {self.path}")
        split = urlsplit(self.path)
        try:
            if split.path.startswith(API):
                self.api(split.path.removeprefix(API), parse_qs(split.query), body)
            elif split.path.startswith(CDN):
                self.file(split.path.removeprefix(CDN))
            else:
                self.resolve(split.path.removeprefix(RESOLVE))
        except Refused as refused:
            status, code = refused.args
            self.send(status, b'{"error": "refused"}', {"X-Error-Code": code, "X-Error-Message": code})

    def repository(self, name: str) -> Repository:
        if name not in self.hub.repositories:
            raise Refused(401, "RepoNotFound")  # what the Hub says to strangers, for it may be private
        return self.hub.repositories[name]

    def files(self, repository: Repository, revision: str) -> dict[str, bytes]:
        sha = repository.refs.get(revision, revision)
        if sha not in repository.commits:
            raise Refused(404, "RevisionNotFound")
        return repository.commits[sha]

    def authorised(self, repository: Repository) -> None:
        if repository.gated and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            raise Refused(403, "GatedRepo")

    def api(self, path: str, query: dict, body: bytes) -> None:
        organisation, name, *rest = path.split("/")
        repository = self.repository(f"{organisation}/{name}")
        what, *rest = rest or ["revision", "main"]
        revision = unquote(rest[0]) if rest else "main"
        if what == "revision":
            self.files(repository, revision)
            sha = repository.refs.get(revision, revision)
            gated = "manual" if repository.gated else False
            self.json({"id": f"{organisation}/{name}", "sha": sha, "gated": gated, "private": False, "siblings": []})
        elif what == "auth-check":
            self.authorised(repository)
            self.json({})
        elif what == "refs":
            refs = [{"name": n, "ref": f"refs/heads/{n}", "targetCommit": sha} for n, sha in repository.refs.items()]
            self.json({"branches": refs, "converts": [], "tags": []})
        elif what == "paths-info":
            files = self.files(repository, revision)
            try:
                wanted = json.loads(body)["paths"]
            except ValueError:
                wanted = parse_qs(body.decode())["paths"]
            found = [entry(p, files[p]) for p in wanted if p in files]
            folders = [p for p in wanted if p not in files and any(f.startswith(f"{p}/") for f in files)]
            self.json(found + [{"type": "directory", "path": p, "oid": "0" * 40} for p in folders])
        else:
            self.tree(self.files(repository, revision), unquote("/".join(rest[1:])), query)

    def tree(self, files: dict[str, bytes], folder: str, query: dict) -> None:
        inside = sorted(f for f in files if not folder or f.startswith(f"{folder}/"))
        if folder and not inside:
            raise Refused(404, "EntryNotFound")
        if query.get("recursive", ["False"])[0].lower() not in ("true", "1"):
            depth = folder.count("/") + 1 if folder else 0
            inside = [f for f in inside if f.count("/") == depth]
        start = int(query.get("cursor", ["0"])[0])
        end = start + self.hub.page_size
        more = {}
        if end < len(inside):
            path = urlsplit(self.path).path
            more["Link"] = f'<{self.hub.url}{path}?recursive=True&expand=False&cursor={end}>; rel="next"'
        self.json([entry(f, files[f]) for f in inside[start:end]], more)

    def resolve(self, path: str) -> None:
        organisation, name, _, revision, *rest = path.split("/")
        repository = self.repository(f"{organisation}/{name}")
        files = self.files(repository, unquote(revision))
        inside = unquote("/".join(rest))
        if inside not in files:
            raise Refused(404, "EntryNotFound")
        self.authorised(repository)
        sha = repository.refs.get(unquote(revision), unquote(revision))
        where = f"{self.hub.url}{CDN}{organisation}/{name}/{sha}/{quote(inside)}"
        self.send(
            302, b"", {"Location": where, "X-Repo-Commit": sha, "ETag": f'"{entry(inside, files[inside])["oid"]}"'}
        )

    def file(self, path: str) -> None:
        organisation, name, sha, *rest = path.split("/")
        data = self.hub.repositories[f"{organisation}/{name}"].commits[sha][unquote("/".join(rest))]
        span = self.headers.get("Range")
        if not span:
            self.send(200, data, {"Accept-Ranges": "bytes"})
            return
        first, _, last = span.removeprefix("bytes=").partition("-")
        part = data[int(first) : int(last) + 1 if last else None]
        self.send(206, part, {"Content-Range": f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"})

    def json(self, value: object, headers: dict | None = None) -> None:
        self.send(200, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

    def send(self, status: int, body: bytes, headers: dict) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
