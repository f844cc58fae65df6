"""What planning a step needs: the manifest, its raw files, the records of the steps so far, and how a unit is made.

A step plans its units from the manifest and from the records of the steps before it. A unit whose inputs are not there
yet is `Pending` on the step that it waits for; so `gristmill plan` is the same code as `gristmill run`, without the work.
"""

import dataclasses
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version as installed
from pathlib import Path

from gristmill.curation.blocklists import UrlLists, is_list
from gristmill.curation.decontaminate import build_index
from gristmill.curation.documents import UnreadableFile
from gristmill.curation.raw_files import opened
from gristmill.manifests import download, hub, index, inputs, language_inputs, own_code, quality_inputs, units
from gristmill.manifests.inputs import Digests, MissingInput, RawFile
from gristmill.manifests.schema import Loaded, Source
from gristmill.manifests.source_lines import ManifestError, Problem
from gristmill.manifests.store import Input, Record, Unit


@dataclass(frozen=True)
class Pending:
    """A unit that cannot be planned yet: the step `on` has to run first."""

    name: str
    source: str | None
    on: str


Planned = Unit | Pending | Record  # a Record: kept as it is, whatever its inputs have become


@dataclass
class Context:
    """What planning knows: the manifest, its raw files, and the records of the steps so far."""

    loaded: Loaded
    groups: dict[str, list[units.Group]]  # source -> its units of extract
    digests: Digests
    records: dict[str, dict[tuple[str | None, str], Record]] = field(default_factory=dict)  # step -> unit -> record
    step_names: tuple[str, ...] = ()
    lost: dict[str, list[dict]] = field(default_factory=dict)  # source -> files that the last run could not open
    others: list[index.Member] | None = None  # other manifests of its index, once somebody asked
    kept_tokenizer: Record | None = None  # the tokenizer that the lock file names, if it may stay
    evaluation: Mapping | None = None  # what `tokenizer eval` measured of it

    @property
    def manifest(self):
        return self.loaded.manifest

    def record(self, step: str, source: str | None, name: str) -> Record:
        """The record of a unit that another one needs; raises NotYet."""
        try:
            return self.records[step][(source, name)]
        except KeyError:
            raise NotYet(step) from None

    def each(self) -> Iterator[tuple[str, Source, str]]:
        """(source name, source, unit name) of every curation unit, in order of source and name."""
        for source, groups in self.groups.items():
            for group in groups:
                yield source, self.manifest.sources[source], group.name


class NotYet(Exception):
    """A unit needs the output of a step that has not run."""


def raw_groups(loaded: Loaded) -> dict[str, list[units.Group]]:
    """The units of `extract` by source. Raises ManifestError for all paths of the manifest that lead nowhere."""
    groups: dict[str, list[units.Group]] = {}
    problems: list[Problem] = []
    for name, source in loaded.manifest.sources.items():
        try:
            groups[name] = units.plan(name, source.kind, raw_files(loaded, name, source))
        except ManifestError as error:
            problems += error.problems
    for look in (
        checksum_files,
        url_list_files,
        check_benchmarks,
        tokenizer_files,
        language_inputs.check_language_models,
        language_inputs.check_language_rules,
        own_code.check_named,
        quality_inputs.check_contents,
        index.check,
    ):
        try:
            look(loaded)
        except ManifestError as error:
            problems += error.problems
    if problems:
        raise ManifestError(problems)
    return groups


Expand = Callable[[Sequence[str], tuple[Path, ...], Path | None], list[RawFile]]


def checksum_files(loaded: Loaded, expand: Expand = inputs.expand) -> dict[str, RawFile]:
    """The lists of checksums by source."""
    found: dict[str, RawFile] = {}
    problems: list[Problem] = []
    for name, source in loaded.manifest.sources.items():
        try:
            if source.checksums:
                found[name], *more = expand([source.checksums], loaded.roots, loaded.cache)
                if more:
                    raise MissingInput(f"{source.checksums}: this names {len(more) + 1} files; name one list")
        except MissingInput as error:
            problems += loaded.error(("sources", name, "checksums"), str(error)).problems
    if problems:
        raise ManifestError(problems)
    return found


def url_list_files(loaded: Loaded, expand: Expand = inputs.expand) -> dict[str, list[tuple[str, RawFile]]]:
    """The files of each source's own `url_lists`, with what they list: `domains`, `banned_words` ...

    Of a folder, as the UT1 blacklists are laid out, these are the files called so, in it and below it.
    """
    found: dict[str, list[tuple[str, RawFile]]] = {}
    problems: list[Problem] = []
    kinds = [field.name for field in dataclasses.fields(UrlLists) if field.name != "integrated"]
    for name, source in loaded.manifest.sources.items():
        lists = source.url_lists
        written = [(what, *one) for what in kinds if lists for one in enumerate(getattr(lists, what))]
        for what, number, path in written:
            try:
                files = expand([path], loaded.roots, loaded.cache)
                taken = [f for f in files if inputs.is_named(path, f) or is_list(f.locator, what)]
                if not taken:
                    raise MissingInput(f"{path}: no file called {what} is in this folder; name the files themselves")
                found.setdefault(name, []).extend((what, file) for file in taken)
            except MissingInput as error:
                problems += loaded.error(("sources", name, "url_lists", what, number), str(error)).problems
    if problems:
        raise ManifestError(problems)
    return found


def url_list_inputs(context: Context) -> dict[str, list[Input]]:
    """The files of each source's own lists, named by what they list."""
    return {
        name: [Input(f"url_lists/{what}/{f.locator}", f.path, context.digests.of(f), f.size_bytes) for what, f in files]
        for name, files in url_list_files(context.loaded).items()
    }


def benchmark_files(loaded: Loaded, expand: Expand = inputs.expand) -> list[RawFile]:
    """The benchmarks to decontaminate against."""
    params = loaded.manifest.curate.decontaminate
    try:
        return expand(params.against, loaded.roots, loaded.cache) if params else []
    except MissingInput as error:
        raise loaded.error(("curate", "decontaminate", "against"), str(error)) from None


CHECKED_BYTES = 2**20
"""Benchmark files up to this size are read before any work, some 0.1 s; larger ones when their turn comes."""


def check_benchmarks(loaded: Loaded) -> None:
    """Raises ManifestError for every benchmark that is not there, is empty, or is small, on this machine and not usable."""
    problems: list[Problem] = []
    for file in benchmark_files(loaded):
        try:
            if not file.size_bytes and not file.missing:
                raise UnreadableFile(f"benchmark {file.locator} is empty (0 bytes); fetch it again, or remove it")
            if file.size_bytes <= CHECKED_BYTES and not inputs.REMOTE.match(file.path):
                with opened(file.path) as stream:
                    build_index([(file.locator, stream)], loaded.manifest.curate.decontaminate.ngram_words)
        except UnreadableFile as error:
            problems += loaded.error(("curate", "decontaminate", "against"), str(error)).problems
    if problems:
        raise ManifestError(problems)


def tokenizer_files(loaded: Loaded, expand: Expand = inputs.expand) -> list[RawFile]:
    """An existing tokenizer's files; `tokenizer_config.json` beside a single file is one of them, for it shapes the ids."""
    params = loaded.manifest.tokenizer
    if params is None or params.path is None:
        return []
    try:
        found = expand([params.path], loaded.roots, loaded.cache)
    except MissingInput as error:
        raise loaded.error(("tokenizer", "path"), str(error)) from None
    if not params.path.endswith((".json", ".tiktoken")):
        return found  # a folder, with all its files, or GPT-2's merges, which are complete
    name = "tokenizer_config.json" if params.path.endswith(".json") else os.path.basename(params.path) + ".json"
    beside = os.path.join(os.path.dirname(params.path), name)
    fetched = inputs.REMOTE.match(params.path) and not inputs.REMOTE.match(found[0].path)
    if fetched and not download.cached(loaded.cache, inputs.variables(beside)):
        return found  # `fetch` asked the server, and there is none
    try:
        # Not by `expand`, which may take a URL at its word: here it is the question whether there is such a file.
        found += [f for f in inputs.expand([beside], loaded.roots, loaded.cache) if f not in found]
    except MissingInput:
        pass  # a tokenizer.json may stand alone
    return found


def raw_files(loaded: Loaded, name: str, source: Source, expand: Expand = inputs.expand) -> list[RawFile]:
    """A source's files after `limit` and `sample`. Raises ManifestError with every path that leads nowhere."""
    where: tuple[str | int, ...] = ("sources", name, "paths_file" if source.paths_file else "paths")
    paths = source.paths
    if source.paths_file:
        try:
            listed = inputs.listed(source.paths_file, source.base, loaded.roots, loaded.cache)
        except MissingInput as error:
            raise loaded.error(where, str(error)) from None
        paths = _chosen(sorted(set(listed)), source)  # ask the server only about the files that are read
    if source.kind == "code" and expand is inputs.expand:
        expand = inputs.expand_repositories
    files: dict[str, RawFile] = {}
    problems: list[Problem] = []
    for number, path in enumerate(paths):
        try:
            if source.kind == "text":
                path = hub.choosing(path, source.read.get("config"), source.read.get("split"))
            files |= {file.locator: file for file in expand([path], loaded.roots, loaded.cache)}
        except (MissingInput, hub.HubError) as error:
            if source.paths_file:  # lists are long, and servers lose files: it counts when its turn comes to be read
                files[path] = RawFile(path, inputs.variables(path), 0, "missing", missing=True)
                continue
            problems += loaded.error((*where, number), str(error)).problems
    if problems:
        raise ManifestError(problems)
    locators = sorted(files)
    return [files[locator] for locator in (locators if source.paths_file else _chosen(locators, source))]


def _chosen(locators: list[str], source: Source) -> list[str]:
    """Those that `sample` and `limit` leave."""
    if source.sample:
        locators = inputs.sampled(locators, source.sample)
    return locators[: source.limit] if source.limit else locators


def unit(
    context: Context,
    step: str,
    version: int,
    name: str,
    source: str | None,
    params: Mapping,
    files: Iterable[Input],
    libraries: Iterable[str] = (),
    settings: Mapping | None = None,
) -> Unit:
    """A unit with the installed versions of the libraries that shape its output."""
    versions = {"python": f"{sys.version_info.major}.{sys.version_info.minor}"}
    versions |= {library: installed(library) for library in libraries}
    return Unit(step, name, source, version, as_json(params), tuple(files), versions, settings or {})


def as_json(value):
    """Dataclasses and tuples as JSON has them, so that a record read back equals what was planned."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: as_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): as_json(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(v) for v in value]
    return value


def per_unit(context: Context, plan_one: Callable[[str, Source, str], Unit]) -> Iterator[Planned]:
    for source_name, source, name in context.each():
        try:
            yield plan_one(source_name, source, name)
        except NotYet as missing:
            yield Pending(name, source_name, str(missing))


def single(plan_it: Callable[[], Planned], name: str) -> list[Planned]:
    try:
        return [plan_it()]
    except NotYet as missing:
        return [Pending(name, None, str(missing))]
