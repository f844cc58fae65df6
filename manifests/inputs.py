"""Raw files: from the paths of a manifest to files with sizes and content digests.

A locator keeps the path as the manifest writes it, with wildcards filled in and variables left alone
(`$DATA/crawl/a.warc.gz`), so that ids do not depend on where a machine keeps its data.
"""

import glob
import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import fsspec
import xxhash

from gristmill.curation.archives import decompressed
from gristmill.curation.code import git
from gristmill.curation.documents import UnreadableFile
from gristmill.curation.raw_files import opened
from gristmill.curation.remote import described, is_http
from gristmill.manifests import hub
from gristmill.manifests.download import cached
from gristmill.manifests.store import atomic_write, file_digest

REMOTE = re.compile(r"^[a-z][a-z0-9+.-]*://")
WILDCARD = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class RawFile:
    """A raw file: its path as the manifest writes it, as the machine finds it, and its size in bytes."""

    locator: str
    path: str
    size_bytes: int
    etag: str | None = None  # of a remote file: what its server says identifies the content
    missing: bool = False  # named by a list, but not there when the run was planned


class MissingInput(ValueError):
    """A path of the manifest that leads nowhere; the message says what was looked for, and how to mend it."""


def expand(patterns: Iterable[str], roots: tuple[Path, ...], cache: Path | None = None) -> list[RawFile]:
    """All files that the patterns name, in order of locator, each once.

    Relative patterns are looked up in each root in turn (the working directory, then the manifest's folder) until one
    has a match. A folder stands for every file under it that is not hidden. Remote files that `gristmill fetch` brought
    into the cache are read there, and their servers are not asked. Raises MissingInput.
    """
    files: dict[str, RawFile] = {}
    for pattern in patterns:
        found = _expand_remote(pattern, cache) if REMOTE.match(pattern) else _expand_local(pattern, roots)
        files.update((file.locator, file) for file in found)
    return [files[locator] for locator in sorted(files)]


def expand_repositories(patterns: Iterable[str], roots: tuple[Path, ...], cache: Path | None = None) -> list[RawFile]:
    """As `expand`, but a git repository (a checkout, or a bare `repo.git`) is one file, identified by its commit."""
    files: dict[str, RawFile] = {}
    for pattern in patterns:
        local = not REMOTE.match(pattern)
        found = _expand_local(pattern, roots, git.is_repository) if local else expand([pattern], roots, cache)
        files.update((file.locator, file) for file in found)
    return [files[locator] for locator in sorted(files)]


def variables(pattern: str) -> str:
    """The pattern with $VARS and ~ filled in; raises MissingInput for a variable that is not set."""
    missing = [name for name in re.findall(r"\$\{?(\w+)\}?", pattern) if name not in os.environ]
    if missing:
        raise MissingInput(
            f"{pattern}: the environment variable {missing[0]} is not set; set it, or write the path out"
        )
    return os.path.expanduser(os.path.expandvars(pattern))


def _never(folder: Path) -> bool:
    return False


def _expand_local(pattern: str, roots: tuple[Path, ...], is_one: Callable[[Path], bool] = _never) -> list[RawFile]:
    """The files that a local pattern names; a folder for which `is_one` holds counts as one file."""
    pattern = os.path.normpath(pattern)  # two spellings of one path are one file
    # What the manifest wrote before the first wildcard stays in the locator as it is, variables and all.
    parts = pattern.split("/")
    literal = any((root / variables(pattern)).exists() for root in roots)  # a name may have brackets in it
    fixed = len(parts) if literal else next((i for i, part in enumerate(parts) if WILDCARD.search(part)), len(parts))
    written, rest = "/".join(parts[:fixed]), "/".join(parts[fixed:])
    expanded = variables(written) if written else written
    for root in roots:
        base = root / expanded if not pattern.startswith("/") else Path(expanded or "/")
        if rest:
            paths = [base / p for p in glob.glob(variables(rest), root_dir=base, recursive=True)]
        else:
            paths = [base] if base.exists() else []
        files = [f for path in sorted(paths) for f in _files(path, is_one) if not f.name.startswith(".") or f == base]
        for unusable in (f for f in files if not _is_text(str(f))):
            raise MissingInput(f"{pattern}: the file name {os.fsencode(unusable)!r} is not UTF-8; rename the file")
        if files:
            return [_raw(_joined(written, f, base), f) for f in files]
        if paths and all(path.is_dir() for path in paths):
            raise MissingInput(f"{pattern}: the folder holds no files; give the path of a folder with data in it")
    looked = " and ".join(dict.fromkeys(str(root.resolve()) for root in roots))
    where = "" if Path(expanded).is_absolute() else f" (looked in {looked})"
    raise MissingInput(f"{pattern}: no such file{where}; correct the path, or remove it")


def _raw(locator: str, path: Path) -> RawFile:
    if path.is_file():
        return RawFile(locator, str(path), path.stat().st_size)
    try:
        commit = git.head(path)
    except UnreadableFile as error:
        raise MissingInput(f"{locator}: {error}") from None
    return RawFile(locator, str(path), git.size_bytes(path), commit)


def _joined(written: str, file: Path, base: Path) -> str:
    inside = os.path.relpath(file, base)
    if inside == ".":
        return written
    return f"{written.rstrip('/')}/{inside}" if written and written != "." else inside


def _is_text(name: str) -> bool:
    """Whether a file name is proper Unicode; the bytes of others come as lone surrogates."""
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def _files(path: Path, is_one: Callable[[Path], bool]) -> list[Path]:
    if path.is_symlink() and not path.exists():
        raise MissingInput(f"{path}: a link to a file that is not there; mend it, or remove it")
    if path.is_file() or is_one(path):
        return [path]
    found: list[Path] = []
    for folder, subfolders, names in os.walk(path):
        _hide(subfolders)
        whole = [name for name in subfolders if is_one(Path(folder) / name)]
        subfolders[:] = [name for name in subfolders if name not in whole]
        found += (Path(folder) / name for name in whole)
        found += (Path(folder) / n for n in names if not n.startswith(".") and (Path(folder) / n).is_file())
    return sorted(found)


def _hide(subfolders: list[str]) -> None:
    """Keep os.walk out of hidden folders such as .git, and in a fixed order."""
    subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))


def is_named(pattern: str, file: RawFile) -> bool:
    """Whether a file that `expand` found is named by the pattern itself, and not one in a folder that it names."""
    written = pattern.rstrip("/") if REMOTE.match(pattern) else os.path.normpath(pattern)
    return "**" in written or file.locator.count("/") == written.count("/")


def _expand_remote(pattern: str, cache: Path | None) -> list[RawFile]:
    url = variables(pattern)
    if have := cached(cache, url):
        return [RawFile(pattern, str(have[0]), have[1].size_bytes)]
    if hub.is_hub(url):
        try:
            files = hub.expand(url)
        except hub.HubError as error:
            raise MissingInput(str(error)) from None
        found = [RawFile(f.locator, f.path, f.size_bytes, f.identity) for f in files]
        copies = [(file, cached(cache, file.path)) for file in found]
        return [replace(file, path=str(have[0])) if have else file for file, have in copies]
    if is_http(url):
        try:
            told = described(url)
        except OSError as error:
            hint = "; nothing lists the files of a web server: name each, or a paths_file" if "*" in url else ""
            raise MissingInput(f"{error}{hint}") from None
        return [RawFile(pattern, url, told.size_bytes or 0, told.identity)]
    try:
        fs, path = fsspec.core.url_to_fs(url)
        paths = fs.glob(path) if WILDCARD.search(path) else [path]
        infos = [fs.info(p) for p in sorted(paths)]
    except ImportError as error:
        raise MissingInput(f"{pattern}: {error}; install it (for s3:// paths: pip install 'gristmill[s3]')") from error
    except Exception as error:  # each file system has exceptions of its own for what is not there
        raise MissingInput(f"{pattern}: cannot be reached ({error}); correct the URL, or try again later") from error
    if not infos:
        raise MissingInput(f"{pattern}: nothing there matches; correct the URL")
    prefix = url[: len(url) - len(path)] if url.endswith(path) else url.split("://")[0] + "://"
    found = [
        RawFile(
            # variables written in the pattern stay written in the locator where they can be put back
            pattern if len(paths) == 1 and not WILDCARD.search(pattern) else prefix + str(info["name"]),
            prefix + str(info["name"]),
            int(info.get("size") or 0),
            _identity(info) or str(fs.ukey(info["name"])),
        )
        for info in infos
    ]
    copies = [(file, cached(cache, file.path)) for file in found]
    return [RawFile(f.locator, str(have[0]), have[1].size_bytes) if have else f for f, have in copies]


def _identity(info: Mapping) -> str:
    """What a server says that changes with a file's content; with its size, for servers that say no more than that."""
    names = ("ETag", "etag", "LastModified", "last_modified", "mtime", "generation", "blob_id", "size")
    return ", ".join(f"{name}={info[name]}" for name in names if info.get(name))


def listed(paths_file: str, base: str, roots: tuple[Path, ...], cache: Path | None = None) -> list[str]:
    """The paths of a list such as Common Crawl's `warc.paths.gz`, one a line, joined to `base`."""
    files = expand([paths_file], roots, cache)
    if len(files) != 1:
        raise MissingInput(
            f"{paths_file}: a list of paths is one file, and this names {len(files)}; use paths: for several"
        )
    try:
        with opened(files[0].path) as stream, decompressed(stream) as content:
            lines = [line.strip() for line in content.read().decode("utf-8").splitlines()]
    except (UnreadableFile, UnicodeDecodeError) as error:
        raise MissingInput(f"{paths_file}: not a readable list of paths: {error}") from None
    listed_paths = [line for line in lines if line and not line.startswith("#")]
    if not listed_paths:
        raise MissingInput(f"{paths_file}: the list names no files; write one path a line")
    return [f"{base.rstrip('/')}/{line}" if base else line for line in listed_paths]


def sampled(locators: list[str], share: float) -> list[str]:
    """A share of the files, chosen by the hash of their locators; at least one."""
    ranks = {locator: xxhash.xxh3_64_intdigest(locator.encode()) / 2**64 for locator in locators}
    return [one for one in locators if ranks[one] < share] or [min(locators, key=ranks.__getitem__)]


class Digests:
    """Content digests of raw files, remembered by path, size and modification time beside the store.

    A remote file's digest is what its server says identifies the content (ETag, or fsspec's key of it).
    """

    def __init__(self, root: Path):
        self.store = root
        self._path = root / "digests.json"
        try:
            known = json.loads(self._path.read_text())
            self._known = {path: entry for path, entry in known.items() if len(entry) == 3}
        except (OSError, ValueError, TypeError, AttributeError):
            self._known = {}  # none yet, or damaged
        self._fresh = 0

    def of(self, file: RawFile) -> str:
        """The digest of a file's content, 32 hex digits."""
        if file.etag is not None:
            return hashlib.blake2b(f"{file.locator}\0{file.etag}".encode(), digest_size=16).hexdigest()
        path = os.path.abspath(file.path)
        stat = os.stat(path)
        stamp = [stat.st_size, stat.st_mtime_ns]
        known = self._known.get(path)
        if known and known[:2] == stamp:
            return known[2]
        digest = file_digest(Path(path))
        # A file changed within the clock's grain of being read would keep its stamp: remember only settled ones.
        if time.time_ns() - stat.st_mtime_ns > 2 * 10**9:
            self._known[path] = [*stamp, digest]
            self._fresh += 1
        return digest

    def save(self) -> None:
        """Write the cache; losing it costs a re-read, never a wrong result."""
        if self._fresh:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(self._path, json.dumps(self._known, indent=0, sort_keys=True))
            self._fresh = 0
