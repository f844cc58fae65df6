"""One remote file to a local one, verified: the cache that `gristmill fetch` fills and that a run looks into first.

The cache is `raw/` in the store: `raw/https/data.commoncrawl.org/crawl-data/.../x.warc.gz`, and beside each file a
record `x.warc.gz.fetched.json`, written last: a file with a record is complete. What is under way is `x.warc.gz.part`.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

import fsspec
import xxhash

from gristmill.curation.raw_files import opened
from gristmill.curation.remote import (
    BUFFER_BYTES,
    Changed,
    Described,
    HttpFile,
    RemoteError,
    is_http,
    without_credentials,
)
from gristmill.manifests.store import atomic_write

ALGORITHMS = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
"""What a checksum is, by its number of hex digits."""

CHECKSUM_LINE = re.compile(r"^\\?([0-9a-fA-F]{32,128})\s+\*?(.+?)\s*$")
"""A line of `md5sum`, `sha1sum`, `sha256sum` or `sha512sum`."""


@dataclass(frozen=True)
class Fetched:
    """The record of a file in the cache."""

    url: str
    size_bytes: int
    sha256: str
    etag: str | None = None
    last_modified: str | None = None
    checked: tuple[str, ...] = ()  # against what it was verified, such as `md5 of the list`, `sha256 of the server`


@dataclass(frozen=True)
class Wanted:
    """A remote file to be had, and the checksum (hex) that its publisher gives, if any."""

    url: str
    checksum: str | None = None


def place(cache: Path, url: str) -> Path:
    """Where a URL's file stands in the cache; two URLs never share a place."""
    parts = urlsplit(url)
    names = [part for part in unquote(parts.path).split("/") if part not in ("", ".", "..")] or ["index"]
    if parts.query or "/" + "/".join(names) != parts.path or any(len(name.encode()) > 200 for name in names):
        names = [name.encode()[-200:].decode("utf-8", "ignore") for name in names]
        names[-1] = f"{xxhash.xxh3_64_hexdigest(url.encode())[:8]}-{names[-1]}"
    host = re.sub(r"[^A-Za-z0-9.:-]", "_", parts.netloc.rpartition("@")[2]) or "-"
    return cache.joinpath(parts.scheme, host, *names)


def cached(cache: Path | None, url: str) -> tuple[Path, Fetched] | None:
    """The complete local copy of a URL, or None."""
    if cache is None:
        return None
    file = place(cache, url)
    try:
        known = json.loads(_record(file).read_text())
        fetched = Fetched(**{**known, "checked": tuple(known["checked"])})
        return (
            (file, fetched)
            if fetched.url == without_credentials(url) and file.stat().st_size == fetched.size_bytes
            else None
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _record(file: Path) -> Path:
    return file.with_name(file.name + ".fetched.json")


def checksums(path: str) -> Mapping[str, str]:
    """A list of checksums (`sha256sum` and its sisters write it): file name -> hex digits. Raises ValueError."""
    with opened(path) as stream:
        text = stream.read().decode("utf-8", "replace")
    found = {}
    for line in filter(str.strip, text.splitlines()):
        match = CHECKSUM_LINE.match(line)
        if not match or len(match.group(1)) not in ALGORITHMS:
            raise ValueError(f"{path}: {line[:80]!r} is no line of a list of checksums (digits, two spaces, file name)")
        found[match.group(2).removeprefix("./")] = match.group(1).lower()
    return found


def fetch(
    wanted: Wanted,
    cache: Path,
    refresh: bool = False,
    said: Callable[[str, str, int], None] = lambda *event: None,
    stop: threading.Event | None = None,
) -> Fetched:
    """Bring one file into the cache, going on with what an earlier call left; verified by every digest there is.

    Raises RemoteError if it cannot be had or is not what it should be.
    """
    have = cached(cache, wanted.url)
    if have and not refresh and _as_expected(have[1], wanted, have[0]):
        said(wanted.url, "have", have[1].size_bytes)
        return have[1]
    file = place(cache, wanted.url)
    file.parent.mkdir(parents=True, exist_ok=True)
    with _locked(file):
        have = cached(cache, wanted.url)  # another process may have brought it while this one waited
        if have and not _as_expected(have[1], wanted, have[0]):
            _record(file).unlink()
        elif have and (not refresh or _unchanged(wanted.url, have[1])):
            said(wanted.url, "have", have[1].size_bytes)
            return have[1]
        try:
            return _download(wanted, file, said, stop)
        except (Changed, Damaged):  # the .part is gone; once more from the start
            return _download(wanted, file, said, stop)


class Damaged(RemoteError):
    """A file arrived whole but is not what its publisher says it is."""


def _download(
    wanted: Wanted, file: Path, said: Callable[[str, str, int], None], stop: threading.Event | None
) -> Fetched:
    part, beside = file.with_name(file.name + ".part"), file.with_name(file.name + ".part.json")
    known = _known(part, beside)
    digests = {name: hashlib.new(name) for name in {"sha256", *_claims(wanted, known)}}
    start = 0
    if known:
        with open(part, "rb") as already:
            while data := already.read(BUFFER_BYTES):
                start += len(data)
                for digest in digests.values():
                    digest.update(data)
        said(wanted.url, "progress", start)
    try:
        with _source(wanted.url, start, known) as (stream, told):
            atomic_write(beside, json.dumps(asdict(told)))
            for name in _claims(wanted, told):
                if name not in digests:  # the server's claim is news: hash again what is there
                    digests[name] = _hashed(part, name) if start else hashlib.new(name)
            with open(part, "r+b" if start else "wb") as out:
                out.seek(start)
                _room(file.parent, told.size_bytes, start)
                while data := stream.read(BUFFER_BYTES):
                    if stop and stop.is_set():
                        raise RemoteError(f"{without_credentials(wanted.url)}: interrupted at byte {start:,}")
                    out.write(data)
                    start += len(data)
                    for digest in digests.values():
                        digest.update(data)
                    said(wanted.url, "progress", len(data))
                out.flush()
                os.fsync(out.fileno())
    except Changed:
        part.unlink(missing_ok=True)
        said(wanted.url, "progress", -start)
        raise
    found = {name: digest.hexdigest() for name, digest in digests.items()}
    wrong = [
        f"{name} is {found[name]}, but {who} says {expected}"
        for name, who, expected in _expectations(wanted, told)
        if found[name] != expected
    ]
    if told.size_bytes is not None and start != told.size_bytes:
        wrong.append(f"it has {start:,} bytes, but the server says {told.size_bytes:,}")
    if wrong:
        part.unlink()
        said(wanted.url, "progress", -start)
        raise Damaged(
            f"{without_credentials(wanted.url)}: {'; '.join(wrong)}; try again later, or correct the checksum"
        )
    checked = tuple(f"{name} of {who}" for name, who, _ in _expectations(wanted, told))
    fetched = Fetched(without_credentials(wanted.url), start, found["sha256"], told.etag, told.last_modified, checked)
    _record(file).unlink(missing_ok=True)
    os.replace(part, file)
    beside.unlink(missing_ok=True)
    atomic_write(_record(file), json.dumps(asdict(fetched), indent=1))
    said(wanted.url, "done", start)
    return fetched


def _hashed(file: Path, name: str):
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, name)


def _known(part: Path, beside: Path) -> Described | None:
    """What an earlier session learnt of the file whose first bytes are in `part`; None: start from nothing."""
    try:
        known = json.loads(beside.read_text())
        told = Described(**{**known, "digests": tuple(map(tuple, known["digests"]))})
        size = part.stat().st_size
        # Without an ETag or a date nothing would tell that the server's file is another one now.
        return told if told.validator and size and (told.size_bytes is None or size <= told.size_bytes) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


@contextlib.contextmanager
def _source(url: str, start: int, known: Described | None) -> Iterator[tuple[BinaryIO, Described]]:
    """The bytes of a URL from `start` on, and what its server says of it."""
    if is_http(url):
        with HttpFile(url, start, known) as stream:
            yield stream, stream.described
        return
    try:
        fs, path = fsspec.core.url_to_fs(url)
        info = fs.info(path)
        told = Described(
            info.get("size"), info.get("ETag") or info.get("etag"), str(info.get("LastModified") or "") or None
        )
        if known and replace(known, digests=()) != told:
            raise Changed(f"{without_credentials(url)}: the file changed since its first part was downloaded")
        with fs.open(path, "rb") as stream:
            stream.seek(start)
            yield stream, told
    except (RemoteError, ImportError):
        raise
    except Exception as error:  # every file system has exceptions of its own
        raise RemoteError(
            f"{without_credentials(url)}: {type(error).__name__}: {error}; check the URL and your credentials"
        ) from error


def _expectations(wanted: Wanted, told: Described) -> list[tuple[str, str, str]]:
    """(algorithm, who says so, hex digits) for every digest that the content must have."""
    given = [(ALGORITHMS[len(wanted.checksum)], "the list of checksums", wanted.checksum)] if wanted.checksum else []
    return given + [(name, "the server", value) for name, value in told.digests if name in hashlib.algorithms_available]


def _claims(wanted: Wanted, told: Described | None) -> set[str]:
    return {name for name, _, _ in _expectations(wanted, told or Described(None))}


def _as_expected(have: Fetched, wanted: Wanted, file: Path) -> bool:
    """Whether a copy in the cache has the checksum that is now given; read again only where the record does not tell."""
    if not wanted.checksum:
        return True
    name = ALGORITHMS[len(wanted.checksum)]
    if name == "sha256":
        return have.sha256 == wanted.checksum
    return _hashed(file, name).hexdigest() == wanted.checksum


def _unchanged(url: str, have: Fetched) -> bool:
    """Whether the server's file is still the one in the cache."""
    with _source(url, 0, None) as (_, told):
        same = [(told.etag, have.etag), (told.last_modified, have.last_modified), (told.size_bytes, have.size_bytes)]
        told_apart = any(a is not None and a != b for a, b in same)
        return not told_apart and any(a is not None for a, _ in same[:2])


def _room(folder: Path, size_bytes: int | None, have_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if size_bytes is not None and size_bytes - have_bytes > free:
        raise RemoteError(f"{folder}: {free:,} bytes are free, {size_bytes - have_bytes:,} are needed; make room")


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Only one process downloads a file; the others wait for it."""
    with open(file.with_name(f".{file.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
