"""`gristmill fetch`: the remote files of a manifest into the cache, side by side, polite to each server."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event, Lock
from urllib.parse import urlsplit

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from gristmill.curation.remote import is_http
from gristmill.manifests import inputs
from gristmill.manifests.download import Fetched, Wanted, cached, checksums, fetch
from gristmill.manifests.hub import is_hub
from gristmill.manifests.inputs import REMOTE, WILDCARD, MissingInput, RawFile
from gristmill.manifests.language_inputs import language_models
from gristmill.manifests.planning import (
    benchmark_files,
    checksum_files,
    raw_files,
    tokenizer_files,
    url_list_files,
)
from gristmill.manifests.quality_inputs import model_files, score_files
from gristmill.manifests.schema import Loaded, Source
from gristmill.manifests.source_lines import ManifestError

log = logging.getLogger(__name__)

PER_HOST = 4
"""Downloads from one host at a time."""


def wanted_files(loaded: Loaded, only: Sequence[str] = ()) -> list[Wanted]:
    """The remote files that a manifest names, those of sources after `limit` and `sample`, with their checksums.

    With `only`, the files of these sources and nothing else. Lists of paths and of checksums are brought into the cache
    here, for they say what else is wanted. Raises ManifestError for all paths that lead nowhere.
    """
    found: dict[str, Wanted] = {}
    problems = []
    part = _only(loaded, only or loaded.manifest.sources)
    looks: list[Callable[[], Iterable[Wanted | RawFile]]] = [
        partial(_of_source, loaded, name, source) for name, source in part.manifest.sources.items()
    ]
    looks.append(lambda: [file for files in url_list_files(part, _without_asking).values() for _, file in files])
    if not only:
        looks += [lambda: benchmark_files(loaded, _without_asking), lambda: tokenizer_files(loaded, _without_asking)]
        looks.append(lambda: model_files(loaded, _without_asking).values())
        looks.append(lambda: [file for files in score_files(loaded, _without_asking).values() for file in files])
        looks.append(lambda: language_models(loaded, _without_asking).values())
    for look in looks:
        try:
            for one in look():
                wanted = one if isinstance(one, Wanted) else _wanted(one)
                if REMOTE.match(wanted.url):
                    found.setdefault(wanted.url, wanted)
        except ManifestError as error:
            problems += error.problems
    if problems:
        raise ManifestError(problems)
    return list(found.values())


def _only(loaded: Loaded, names: Iterable[str]) -> Loaded:
    """The manifest with these sources alone."""
    sources = {name: source for name, source in loaded.manifest.sources.items() if name in set(names)}
    return replace(loaded, manifest=loaded.manifest.model_copy(update={"sources": sources}))


def _of_source(loaded: Loaded, name: str, source: Source) -> list[Wanted]:
    """The lists and files of one source."""
    lists = [_list(loaded, name, what) for what in ("paths_file", "checksums") if getattr(source, what)]
    files = [_wanted(file) for file in raw_files(loaded, name, source, _without_asking)]
    files = [file for file in files if REMOTE.match(file.url)]
    if source.checksums:
        sums = _checksums(loaded, name)
        files = [replace(file, checksum=_checksum_of(file.url, sums) or file.checksum) for file in files]
        without = [file.url for file in files if not file.checksum]
        names = ", ".join(without[:5]) + (" ..." if len(without) > 5 else "")
        if without and len(without) == len(files):
            what = f"{source.checksums} has none of the files, such as {names}; correct it, or remove `checksums`"
            raise loaded.error(("sources", name, "checksums"), what)
        if without:
            log.warning(
                "sources.%s.checksums has no checksum of %d of %d files: %s", name, len(without), len(files), names
            )
    return [*lists, *files]


def _wanted(file: RawFile) -> Wanted:
    url = file.path if is_hub(file.path) else inputs.variables(file.locator)
    known = (file.etag or "").removeprefix("sha256=") if is_hub(url) and "sha256=" in (file.etag or "") else None
    return Wanted(url, known)


def _list(loaded: Loaded, name: str, what: str) -> Wanted:
    """A list that a source names; if it is remote, it is in the cache then, as new as its server has it."""
    place = ("sources", name, what)
    try:
        (file, *_) = _without_asking([getattr(loaded.manifest.sources[name], what)], loaded.roots, None)
    except MissingInput as error:
        raise loaded.error(place, str(error)) from None
    wanted = _wanted(file)
    if REMOTE.match(wanted.url):
        assert loaded.cache is not None
        try:
            fetch(wanted, loaded.cache, refresh=True)
        except (OSError, ValueError, ImportError) as error:
            if not cached(loaded.cache, wanted.url):
                raise loaded.error(place, str(error)) from None
    return wanted


def _without_asking(patterns: Sequence[str], roots: tuple[Path, ...], cache: Path | None) -> list[RawFile]:
    """As `inputs.expand`, but a URL that names one file is taken at its word: the download will ask its server."""
    named = [p for p in patterns if is_http(p) or (REMOTE.match(p) and not WILDCARD.search(p) and not is_hub(p))]
    files = [RawFile(pattern, inputs.variables(pattern), 0) for pattern in named]
    return files + inputs.expand([p for p in patterns if p not in named], roots, None)


def _checksums(loaded: Loaded, name: str) -> Mapping[str, str]:
    try:
        return checksums(checksum_files(_only(loaded, [name]))[name].path)
    except OSError as error:
        raise loaded.error(("sources", name, "checksums"), str(error)) from None
    except ManifestError:
        raise
    except ValueError as error:
        what = f"not a list of checksums: {error}"
        raise loaded.error(("sources", name, "checksums"), what) from None


def _checksum_of(url: str, sums: dict[str, str]) -> str | None:
    """The checksum for a URL: lists name files by their path, or the end of it."""
    path = urlsplit(url).path.strip("/")
    while path:
        if path in sums:
            return sums[path]
        path = path.partition("/")[2]
    return None


def fetch_all(
    wanted: Sequence[Wanted], cache: Path, refresh: bool, said: Callable[[str, str, int], None]
) -> tuple[list[Fetched], dict[str, str]]:
    """Bring every file into the cache; gives what is there, and the URLs that failed with their reasons.

    `said(url, event, bytes)` is called as things happen: `have`, `progress` (bytes since the last call), `done`,
    `failed`. Hosts are served side by side, each by PER_HOST connections.
    """
    by_host: dict[str, list[Wanted]] = {}
    for one in wanted:
        by_host.setdefault(urlsplit(one.url).netloc, []).append(one)
    done: list[Fetched] = []
    failed: dict[str, str] = {}
    stop = Event()
    pools = [ThreadPoolExecutor(min(PER_HOST, len(files))) for files in by_host.values()]
    try:
        futures = {
            pool.submit(fetch, one, cache, refresh, said, stop): one.url
            for pool, files in zip(pools, by_host.values(), strict=True)
            for one in files
        }
        for future in as_completed(futures):
            url = futures[future]
            try:
                done.append(future.result())
            except (OSError, ValueError, ImportError) as error:
                failed[url] = str(error)
                said(url, "failed", 0)
    finally:
        stop.set()
        for pool in pools:
            pool.shutdown(cancel_futures=True)
    return sorted(done, key=lambda f: f.url), dict(sorted(failed.items()))


class FetchProgress:
    """What a person sees of a fetch: one bar on a terminal, a line every few seconds anywhere else."""

    def __init__(self, console: Console, files: int, every_s: float = 5.0):
        self._console, self._files, self._every_s = console, files, every_s
        self._finished = self._bytes = 0
        self._start = self._said = time.monotonic()
        self._lock = Lock()
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._bar = Progress(*columns, TimeRemainingColumn(), console=console, transient=True)
        self._task = self._bar.add_task(f"0/{files} files", total=None)
        if console.is_terminal:
            self._bar.start()

    def __call__(self, url: str, event: str, size_bytes: int) -> None:
        with self._lock:
            if event == "progress":
                self._bytes += size_bytes
                self._bar.update(self._task, advance=size_bytes)
            else:
                self._finished += 1
                self._bar.update(self._task, description=f"{self._finished}/{self._files} files")
            now = time.monotonic()
            if not self._console.is_terminal and now - self._said > self._every_s:
                self._said = now
                self._console.print(self.line(), markup=False)

    def line(self) -> str:
        """How far it is: `3/9 files, 1,234 MB, 12.3 MB/s`."""
        seconds = max(time.monotonic() - self._start, 1e-6)
        speed = self._bytes / seconds / 1e6
        return f"{self._finished}/{self._files} files, {self._bytes / 1e6:,.1f} MB, {speed:.1f} MB/s"

    def close(self) -> None:
        self._bar.stop()
