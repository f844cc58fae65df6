"""Planning the steps that make shards of raw files: extract, measure, filter, dedup, decontaminate, shards."""

import importlib
import unicodedata
from collections.abc import Iterator

from gristmill.curation import extract, features, filters, language, minhash, urls
from gristmill.manifests import dedup, steps
from gristmill.manifests.planning import Context, Planned, benchmark_files, per_unit, single, unit
from gristmill.manifests.schema import Loaded, Source
from gristmill.manifests.store import Input, Unit

READER_LIBRARIES = {
    "crawl": ("brotli", "fastwarc", "resiliparse", "zstandard"),
    "books": ("lxml",),
    "code": ("lxml",),
    "forum": ("lxml", "resiliparse"),
    "papers": ("lxml", "pylatexenc"),
    "wikipedia": ("lxml",),
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
                "read": source.read_params,
                "licence": source.licence,
                "pieces": [{"file": p.file.locator, "start": p.start, "end": p.end} for p in group.pieces],
            }
            raw = [Input(f"raw/{f.locator}", f.path, context.digests.of(f), f.size_bytes) for f in files.values()]
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
        return unit(
            context, "measure", version, name, source_name, params, [texts], ("fasttext-predict", "numpy", "pyarrow")
        )

    return per_unit(context, one)


def _languages(context: Context, source: Source):
    """The language rule of a source, or None: languages are not applied to code."""
    if "language" in source.skip or (source.kind == "code" and source.languages is None):
        return None
    return source.languages or context.manifest.curate.languages


def rules_of(source: Source) -> dict:
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
            **rules_of(source),
            "languages": _languages(context, source),
        }
        return unit(
            context,
            "filter",
            filters.VERSION * 1000 + language.VERSION,
            name,
            source_name,
            params,
            [measured],
        )

    return per_unit(context, one)


def plan_dedup(context: Context) -> list[Planned]:
    m = context.manifest
    params = m.curate.dedup
    taking_part = [(s, n) for s, source, n in context.each() if "dedup" not in source.skip]
    if params.scope not in ("all", "source"):
        files = [p.file.locator for groups in context.groups.values() for g in groups for p in g.pieces]
        if not any(dedup.scope_of(params.scope, "", locator) for locator in files):
            what = f"{params.scope!r} is neither all nor source, and no folder of any file is called so; write a pattern such as CC-MAIN-*"
            raise context.loaded.error(("curate", "dedup", "scope"), what)

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
            "url": urls.VERSION if params.url else None,
            "near": near.duplicates if near else None,
            "ngram_words": near.ngram_words if near else 0,
            "num_perm": near.num_perm if near else 0,
            "prefer": [*params.prefer, *(s for s in m.sources if s not in params.prefer)],
            "scope": params.scope,
            "units": taking_part,
        }
        libraries = ("numpy", "pyarrow", *(("idna",) if params.url else ()))
        return unit(context, "dedup", dedup.VERSION, "dedup", None, values, files, libraries)

    return single(it, "dedup")


def _verdict_files(context: Context, source: Source, source_name: str, name: str, step: str) -> list[Input]:
    """The verdicts of the steps before `step`, for one unit; only this unit's part of the global ones."""
    files = [
        context.record("extract", source_name, name).output("texts.arrow"),
        context.record("filter", source_name, name).output("verdicts.arrow"),
    ]
    if deduplicates(context.loaded) and "dedup" not in source.skip:
        files.append(context.record("dedup", None, "dedup").output(f"{source_name}/{name}/duplicates.arrow"))
    if step == "shards" and context.manifest.curate.decontaminate and "decontaminate" not in source.skip:
        files.append(context.record("decontaminate", source_name, name).output("hits.arrow"))
    return files


def plan_decontaminate(context: Context) -> Iterator[Planned]:
    params = context.manifest.curate.decontaminate
    found = benchmark_files(context.loaded)
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

    for planned in per_unit(context, one):
        source = context.manifest.sources[planned.source or ""]
        if "decontaminate" not in source.skip:
            yield planned


def plan_shards(context: Context) -> Iterator[Planned]:
    def one(source_name: str, source: Source, name: str) -> Unit:
        extracted = context.record("extract", source_name, name)
        measured = context.record("measure", source_name, name)
        params = {
            "cut_lines": rules_of(source)["cut_lines"],
            "pii": context.manifest.curate.pii if "pii" not in source.skip else None,
        }
        files = _verdict_files(context, source, source_name, name, "shards")
        files += [extracted.output("dropped.arrow"), measured.output("features.arrow")]
        version = steps.SHARD_VERSION * 1000 + steps.pii.VERSION
        masks_secrets = params["pii"] is not None and params["pii"].secrets is not None
        libraries = ("detect-secrets", "pyarrow") if masks_secrets else ("pyarrow",)
        return unit(context, "shards", version, name, source_name, params, files, libraries)

    return per_unit(context, one)


def deduplicates(loaded: Loaded) -> bool:
    params = loaded.manifest.curate.dedup
    takes_part = any("dedup" not in source.skip for source in loaded.manifest.sources.values())
    return params is not None and takes_part and (params.exact or params.url or params.near is not None)
