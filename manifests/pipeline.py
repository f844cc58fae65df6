"""The pipeline: which steps a manifest has, and which units each step has.

A step plans its units from the manifest and from the records of the steps before it. A unit whose inputs are not there
yet is `Pending` on the step that it waits for; so `gristmill plan` is the same code as `gristmill run`, without the work.
"""

import dataclasses
import importlib
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version as installed
from pathlib import Path

from gristmill.curation import extract, features, filters, language, minhash
from gristmill.manifests import counts as counting
from gristmill.manifests import dedup, inputs, model_steps, steps, units
from gristmill.manifests.inputs import Digests, MissingInput, RawFile
from gristmill.manifests.schema import Loaded, Source
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
    records: dict[str, dict[tuple[str | None, str], Record]] = field(
        default_factory=dict
    )  # step -> unit -> record
    kept_tokenizer: Record | None = None  # the tokenizer that the lock file names, if it may stay

    @property
    def manifest(self):
        return self.loaded.manifest

    def record(self, step: str, source: str | None, name: str) -> Record:
        """The record of a unit that another one needs; raises _NotYet."""
        try:
            return self.records[step][(source, name)]
        except KeyError:
            raise _NotYet(step) from None

    def each(self) -> Iterator[tuple[str, Source, str]]:
        """(source name, source, unit name) of every curation unit, in order of source and name."""
        for source, groups in self.groups.items():
            for group in groups:
                yield source, self.manifest.sources[source], group.name


class _NotYet(Exception):
    """A unit needs the output of a step that has not run."""


@dataclass(frozen=True)
class Step:
    """A step of the pipeline: what it is called, how its units are planned, and what is done to each."""

    name: str
    plan: Callable[[Context], Iterable[Planned]]
    work: Callable[[Unit, Path], Mapping[str, object]]
    says: str  # what it does, in a phrase


def pipeline(loaded: Loaded) -> list[Step]:
    """The steps of a manifest, in order."""
    m = loaded.manifest
    every = [
        (True, Step("extract", plan_extract, steps.extract, "raw files to texts")),
        (
            True,
            Step("measure", plan_measure, steps.measure, "features, language and signatures of every text"),
        ),
        (True, Step("filter", plan_filter, steps.filter_, "languages and rules")),
        (
            _deduplicates(loaded),
            Step("dedup", plan_dedup, dedup.dedup, "exact and near duplicates across sources"),
        ),
        (
            m.curate.decontaminate,
            Step("decontaminate", plan_decontaminate, steps.decontaminate, "benchmark text"),
        ),
        (True, Step("shards", plan_shards, steps.shard, "kept documents after their edits, and the ledger")),
        (m.tokenizer, Step("tokenizer", plan_tokenizer, model_steps.tokenizer, "byte-level BPE on a sample")),
        (m.tokenizer, Step("tokens", plan_tokens, model_steps.tokens, "documents to token ids")),
        (m.pack, Step("pack", plan_pack, model_steps.pack, "the mixture as rows of one length")),
        (
            m.pretrain,
            Step("pretrain", plan_pretrain, model_steps.pretrain, "a LitGPT model on the packed rows"),
        ),
        (True, Step("report", plan_report, model_steps.report, "one page about all of it")),
    ]
    return [step for wanted, step in every if wanted]


def _deduplicates(loaded: Loaded) -> bool:
    params = loaded.manifest.curate.dedup
    return params is not None and (params.exact or params.near is not None)


def raw_groups(loaded: Loaded) -> dict[str, list[units.Group]]:
    """The units of `extract` by source. Raises ManifestError for a path that leads nowhere."""
    groups = {}
    for name, source in loaded.manifest.sources.items():
        groups[name] = units.plan(name, source.kind, raw_files(loaded, name, source))
    return groups


def raw_files(loaded: Loaded, name: str, source: Source) -> list[RawFile]:
    """A source's files after `limit` and `sample`."""
    where: tuple[str | int, ...] = ("sources", name, "paths_file" if source.paths_file else "paths")
    files: dict[str, RawFile] = {}
    try:
        paths = (
            inputs.listed(source.paths_file, source.base, loaded.roots) if source.paths_file else source.paths
        )
        if source.limit and source.paths_file:
            paths = paths[: source.limit]  # ask the server only about the files that are read
        for number, path in enumerate(paths):
            where = (*where[:3], number) if source.paths else where
            files |= {file.locator: file for file in inputs.expand([path], loaded.roots)}
    except MissingInput as error:
        raise loaded.error(where, str(error)) from None
    found = [files[locator] for locator in sorted(files)]
    if source.sample:
        found = inputs.sampled(found, source.sample)
    return found[: source.limit] if source.limit else found


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
    versions = {library: installed(library) for library in libraries}
    return Unit(step, name, source, version, _json(params), tuple(files), versions, settings or {})


def _json(value):
    """Dataclasses and tuples as JSON has them, so that a record read back equals what was planned."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): _json(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(v) for v in value]
    return value


def _per_unit(context: Context, plan_one: Callable[[str, Source, str], Unit]) -> Iterator[Planned]:
    for source_name, source, name in context.each():
        try:
            yield plan_one(source_name, source, name)
        except _NotYet as missing:
            yield Pending(name, source_name, str(missing))


def _one(plan_it: Callable[[], Planned], name: str) -> list[Planned]:
    try:
        return [plan_it()]
    except _NotYet as missing:
        return [Pending(name, None, str(missing))]


READER_LIBRARIES = {
    "crawl": ("fastwarc", "resiliparse"),
    "books": ("lxml",),
    "code": (),
    "forum": ("lxml", "resiliparse"),
    "papers": ("lxml", "pylatexenc"),
    "wikipedia": (),
    "text": ("pyarrow",),
}
"""Whose versions shape a reader's output."""


def plan_extract(context: Context) -> Iterator[Planned]:
    for source_name, groups in context.groups.items():
        source = context.manifest.sources[source_name]
        for group in groups:
            files = {p.file.locator: p.file for p in group.pieces}
            params = {
                "kind": source.kind,
                "format": source.format,
                "columns": dict(source.columns),
                "licence": source.licence,
                "pieces": [{"file": p.file.locator, "start": p.start, "end": p.end} for p in group.pieces],
            }
            raw = [
                Input(f"raw/{f.locator}", f.path, context.digests.of(f), f.size_bytes) for f in files.values()
            ]
            reader = importlib.import_module(f"gristmill.curation.{source.kind}")
            version = extract.VERSION * 1000 + reader.VERSION
            yield unit(
                context,
                "extract",
                version,
                group.name,
                source_name,
                params,
                raw,
                READER_LIBRARIES[source.kind],
            )
    context.digests.save()


def plan_measure(context: Context) -> Iterator[Planned]:
    near = context.manifest.curate.dedup.near if context.manifest.curate.dedup else None

    def one(source_name: str, source: Source, name: str) -> Unit:
        texts = context.record("extract", source_name, name).output("texts.arrow")
        identifies = _languages(context, source) is not None
        params = {
            "language": language.model_digest() if identifies else None,
            "signature": near.signature if near and "dedup" not in source.skip else None,
            "unicode": unicodedata.unidata_version,  # of Python's tables, which say what a letter is
        }
        version = features.VERSION * 1_000_000 + minhash.VERSION * 1000 + language.VERSION
        return unit(context, "measure", version, name, source_name, params, [texts], ("numpy", "pyarrow"))

    return _per_unit(context, one)


def _languages(context: Context, source: Source):
    """The language rule of a source, or None: languages are not applied to code."""
    if "language" in source.skip or (source.kind == "code" and source.languages is None):
        return None
    return source.languages or context.manifest.curate.languages


def _rules(source: Source) -> dict:
    """A source's rules as the key sees them: a preset's name means nothing, its rules and thresholds do."""
    chosen = filters.ruleset([] if "filters" in source.skip else source.filters, source.kind)
    return {
        "thresholds": {rule.label: rule.threshold for rule in chosen.rules},
        "rules": [[rule.preset, rule.name, rule.feature, rule.op] for rule in chosen.rules],
        "cut_lines": chosen.cut_lines,
    }


def plan_filter(context: Context) -> Iterator[Planned]:
    def one(source_name: str, source: Source, name: str) -> Unit:
        measured = context.record("measure", source_name, name).output("features.arrow")
        params = {
            **_rules(source),
            "languages": _languages(context, source),
        }
        return unit(context, "filter", filters.VERSION, name, source_name, params, [measured])

    return _per_unit(context, one)


def plan_dedup(context: Context) -> list[Planned]:
    m = context.manifest
    params = m.curate.dedup
    taking_part = [(s, n) for s, source, n in context.each() if "dedup" not in source.skip]

    def it() -> Unit:
        files = []
        for source_name, name in taking_part:
            measured = context.record("measure", source_name, name)
            files.append(context.record("extract", source_name, name).output("texts.arrow"))
            files.append(measured.output("features.arrow"))
            files.append(context.record("filter", source_name, name).output("verdicts.arrow"))
            if params.near:
                files.append(measured.output("signatures.arrow"))
        near = params.near
        values = {
            "exact": params.exact,
            "near": near.duplicates if near else None,
            "ngram_words": near.ngram_words if near else 0,
            "num_perm": near.num_perm if near else 0,
            "prefer": [*params.prefer, *(s for s in m.sources if s not in params.prefer)],
            "scope": params.scope,
            "units": taking_part,
        }
        return unit(context, "dedup", dedup.VERSION, "dedup", None, values, files, ("numpy",))

    return _one(it, "dedup")


def _verdict_files(context: Context, source: Source, source_name: str, name: str, step: str) -> list[Input]:
    """The verdicts of the steps before `step`, for one unit; only this unit's part of the global ones."""
    files = [
        context.record("extract", source_name, name).output("texts.arrow"),
        context.record("filter", source_name, name).output("verdicts.arrow"),
    ]
    if _deduplicates(context.loaded) and "dedup" not in source.skip:
        files.append(context.record("dedup", None, "dedup").output(f"{source_name}/{name}/duplicates.arrow"))
    if step == "shards" and context.manifest.curate.decontaminate and "decontaminate" not in source.skip:
        files.append(context.record("decontaminate", source_name, name).output("hits.arrow"))
    return files


def plan_decontaminate(context: Context) -> Iterator[Planned]:
    params = context.manifest.curate.decontaminate
    try:
        found = [file for path in params.against for file in inputs.expand([path], context.loaded.roots)]
    except MissingInput as error:
        raise context.loaded.error(("curate", "decontaminate", "against"), str(error)) from None
    benchmarks = [Input(f"benchmark/{f.locator}", f.path, context.digests.of(f), 0) for f in found]

    def one(source_name: str, source: Source, name: str) -> Unit:
        files = _verdict_files(context, source, source_name, name, "decontaminate")
        version = steps.leaks.VERSION
        return unit(
            context,
            "decontaminate",
            version,
            name,
            source_name,
            {"decontaminate": params},
            [*files, *benchmarks],
        )

    for planned in _per_unit(context, one):
        source = context.manifest.sources[planned.source or ""]
        if "decontaminate" not in source.skip:
            yield planned


def plan_shards(context: Context) -> Iterator[Planned]:
    def one(source_name: str, source: Source, name: str) -> Unit:
        extracted = context.record("extract", source_name, name)
        measured = context.record("measure", source_name, name)
        params = {
            "cut_lines": _rules(source)["cut_lines"],
            "pii": context.manifest.curate.pii if "pii" not in source.skip else None,
        }
        files = _verdict_files(context, source, source_name, name, "shards")
        files += [extracted.output("dropped.arrow"), measured.output("features.arrow")]
        version = steps.SHARD_VERSION * 1000 + steps.pii.VERSION
        return unit(context, "shards", version, name, source_name, params, files, ("pyarrow",))

    return _per_unit(context, one)


def _shard_files(context: Context, step: str, file: str) -> list[Input]:
    return [context.record(step, source_name, name).output(file) for source_name, _, name in context.each()]


def plan_tokenizer(context: Context) -> list[Planned]:
    params = context.manifest.tokenizer
    values = {"tokenizer": params, "seed": context.manifest.seed}
    kept = context.kept_tokenizer
    if kept is not None and kept.params == _json(values):
        return [kept]

    def it() -> Unit:
        if params.path is None:
            files = _shard_files(context, "shards", "shard.arrow")
        else:
            try:
                found = inputs.expand([params.path], context.loaded.roots)
            except MissingInput as error:
                raise context.loaded.error(("tokenizer", "path"), str(error)) from None
            files = [Input(f"raw/{f.locator}", f.path, context.digests.of(f), f.size_bytes) for f in found]
        return unit(
            context, "tokenizer", model_steps.bpe.VERSION, "tokenizer", None, values, files, ("tokenizers",)
        )

    return _one(it, "tokenizer")


def plan_tokens(context: Context) -> Iterator[Planned]:
    def one(source_name: str, source: Source, name: str) -> Unit:
        shard = context.record("shards", source_name, name).output("shard.arrow")
        tokenizer = context.record("tokenizer", None, "tokenizer")
        files = [shard, tokenizer.output("tokenizer.json"), tokenizer.output("tokenizer_config.json")]
        version = model_steps.encode.VERSION
        return unit(context, "tokens", version, name, source_name, {}, files, ("tokenizers", "pyarrow"))

    return _per_unit(context, one)


def plan_pack(context: Context) -> list[Planned]:
    m = context.manifest

    def it() -> Unit:
        values = {
            "pack": m.pack,
            "mixture": m.mixture,
            "weights": m.weights,
            "max_epochs": {name: source.max_epochs for name, source in m.sources.items()},
            "seed": m.seed,
            "shards": [[source_name, name] for source_name, _, name in context.each()],
        }
        files = _shard_files(context, "tokens", "tokens.arrow")
        return unit(
            context, "pack", model_steps.packing.VERSION, "pack", None, values, files, ("numpy", "pyarrow")
        )

    return _one(it, "pack")


def plan_pretrain(context: Context) -> list[Planned]:
    m = context.manifest

    def it() -> Unit:
        packed = context.record("pack", None, "pack")
        tokenizer = context.record("tokenizer", None, "tokenizer")
        files = [packed.output(name) for name in sorted(packed.outputs)]
        files += [tokenizer.output(name) for name in sorted(tokenizer.outputs)]
        files += _shard_files(context, "tokens", "tokens.arrow")
        params = _json(m.pretrain)
        settings = {name: params.pop(name) for name in model_steps.EXECUTION}
        values = {"pretrain": params, "seed": m.seed}
        return unit(
            context,
            "pretrain",
            model_steps.PRETRAIN_VERSION,
            "pretrain",
            None,
            values,
            files,
            ("torch", "litgpt"),
            settings,
        )

    return _one(it, "pretrain")


def plan_report(context: Context) -> list[Planned]:
    def it() -> Unit:
        for step in pipeline(context.loaded):
            if step.name != "report" and not context.records.get(step.name):
                raise _NotYet(step.name)
        return report_unit(context)

    return _one(it, "report")


def report_unit(context: Context) -> Unit:
    """The report of what has been run so far; a later step that is missing is left out of the page."""
    records = {
        step: list(done.values()) for step, done in context.records.items() if done and step != "report"
    }
    facts = {
        "steps": {step: counting.total(done) | _single(done) for step, done in records.items()},
        "sources": {name: counting.source_counts(records, name) for name in context.manifest.sources},
        "rules": {
            name: list(_rules(source)["thresholds"]) for name, source in context.manifest.sources.items()
        },
    }
    files = [record.output("ledger.parquet") for record in records.get("shards", ())]
    files += [record.output("metrics.jsonl") for record in records.get("pretrain", ())]
    values = {"name": context.manifest.name, "facts": facts}
    return unit(context, "report", model_steps.REPORT_VERSION, "report", None, values, files)


def _single(records: list[Record]) -> dict:
    """The nested counts of a step with a single unit, such as the mixture of `pack`."""
    return dict(records[0].counts) if len(records) == 1 and records[0].source is None else {}
