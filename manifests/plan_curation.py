"""Planning the steps that make shards of raw files: extract, measure, filter, decontaminate, shards."""

import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from gristmill.curation import columns, conformance, extract, features, filters, language, language_table, minhash
from gristmill.curation.feature_table import VARIANTS
from gristmill.manifests import dedup, dedup_quality, language_inputs, own_code, steps
from gristmill.manifests.inputs import RawFile
from gristmill.manifests.plan_dedup import deduplicates
from gristmill.manifests.plan_quality import score_outputs, scored_sources
from gristmill.manifests.planning import Context, Planned, benchmark_files, per_unit, unit, url_list_inputs
from gristmill.manifests.schema import Source
from gristmill.manifests.store import Input, Unit

READER_LIBRARIES = {
    "crawl": ("brotli", "fastwarc", "lxml", "numpy", "resiliparse", "trafilatura", "zstandard"),
    "books": ("lxml",),
    "code": ("dulwich", "lxml", "numpy", "pyarrow"),
    "forum": ("lxml", "pyarrow", "resiliparse"),
    "papers": ("lxml", "pylatexenc"),
    "wikipedia": ("lxml",),
    "text": ("pyarrow",),
}
"""Whose versions shape a reader's output."""


def plan_extract(context: Context) -> Iterator[Planned]:
    for source_name, groups in context.groups.items():
        source = context.manifest.sources[source_name]
        if source.own_reader:
            code, version, libraries = own_code.inputs(context.loaded, [source.kind]), 0, ()
        else:
            code, libraries = _models(context, source.kind), READER_LIBRARIES[source.kind]
            version = extract.reader(source.kind).VERSION
        for group in groups:
            files = {p.file.locator: p.file for p in group.pieces}
            beside = [f for file in files.values() for f in extract.beside(source.kind, file.path, source.read_params)]
            params = {
                "kind": source.kind,
                "format": source.format,
                "columns": dict(source.columns),
                "read": source.read_params,
                "licence": source.licence,
                "pieces": [{"file": p.file.locator, "start": p.start, "end": p.end} for p in group.pieces],
            }
            raw = [Input(f"raw/{f.locator}", f.path, context.digests.of(f), f.size_bytes) for f in files.values()]
            raw += [Input(f"beside/{f}", f, context.digests.of(RawFile(f, f, 0)), 0) for f in beside]
            yield unit(
                context,
                "extract",
                extract.VERSION * 1000 + version,
                group.name,
                source_name,
                params,
                [*raw, *code],
                libraries,
            )
    context.digests.save()


def _models(context: Context, kind: str) -> list[Input]:
    """The data files that shape what a kind's reader gives, such as a fitted model: its `MODELS`, if it has any."""
    return [_our_file(context, kind, path) for path in getattr(extract.reader(kind), "MODELS", ())]


def _our_file(context: Context, whose: str, path: Path) -> Input:
    """A data file of this package as an input: a unit's key has its content."""
    return Input(f"model/{whose}/{path.name}", str(path), context.digests.of(RawFile(path.name, str(path), 0)))


def plan_measure(context: Context) -> Iterator[Planned]:
    near = context.manifest.curate.dedup.near if context.manifest.curate.dedup else None
    models = language_inputs.language_models(context.loaded)

    def one(source_name: str, source: Source, name: str) -> Unit:
        texts = context.record("extract", source_name, name).output("texts.arrow")
        languages = language_inputs.languages_of(context.manifest, source)
        model = models.get(languages.model) if languages else None
        files = [Input("language_model", model.path, context.digests.of(model), model.size_bytes)] if model else []
        table = [_our_file(context, "languages", language_table.PATH)] if languages else []  # its stop words
        params = {
            "language": (files[0].digest if model else language.model_digest()) if languages else None,
            "signature": near.signature if near and "dedup" not in source.skip else None,
            "variants": _asks_variants(source) or dedup_quality.asks_variants(context.loaded, source),
            "unicode": unicodedata.unidata_version,  # of Python's tables, which say what a letter is
        }
        version = features.VERSION * 1_000_000 + minhash.VERSION * 1000 + language.VERSION
        if context.manifest.curate.conformance:  # otherwise no part of the key
            params["conformance"] = f"{context.manifest.curate.conformance} {conformance.VERSION}"
        return unit(
            context,
            "measure",
            version,
            name,
            source_name,
            params,
            [texts, *files, *table],
            ("fasttext-predict", "numpy", "pyarrow"),
        )

    return per_unit(context, one)


def _asks_variants(source: Source) -> bool:
    """Whether a source's rules, cuts or buckets need the definitions of Dolma, DCLM or the Common Pile."""
    return rules_of(source)["cut_lines"] == "dclm" or not VARIANTS.isdisjoint(source.asked_features)


def rules_of(source: Source) -> dict:
    """A source's rules as the key sees them: a preset's name means nothing, its rules and thresholds do."""
    chosen = filters.ruleset([] if "filters" in source.skip else source.filters, source.kind)
    return {
        "thresholds": {rule.label: rule.threshold for rule in chosen.rules},
        "rules": [[r.preset, r.name, r.feature, r.op, r.absent, r.by_language] for r in chosen.rules],
        "cut_lines": chosen.cut_lines,
    }


def plan_filter(context: Context) -> Iterator[Planned]:
    named = {name: _features_beside(source) for name, source in context.manifest.sources.items()}
    code = {name: own_code.inputs(context.loaded, families.get("own", ())) for name, families in named.items()}
    models = language_inputs.language_models(context.loaded)
    digests = {path: context.digests.of(file) for path, file in models.items()}  # a model's path means nothing
    lists = url_list_inputs(context)

    def one(source_name: str, source: Source, name: str) -> Unit:
        families = named[source_name]
        languages = language_inputs.languages_of(context.manifest, source)
        files = [context.record("measure", source_name, name).output("features.arrow")]
        if columns.needed(feature for features_of in families.values() for feature in features_of):
            files.append(context.record("extract", source_name, name).output("texts.arrow"))
        files += score_outputs(context, source_name, name, list(dict.fromkeys(families.get("score", ()))))
        rules = rules_of(source)
        if any(by_language for *_, by_language in rules["rules"]):
            files.append(_our_file(context, "languages", language_table.PATH))  # its thresholds
        params = {
            **rules,
            "languages": languages and replace(languages, model=languages.model and digests[languages.model]),
            "integrated_url_lists": source.url_lists is None or source.url_lists.integrated,
        }
        return unit(
            context,
            "filter",
            filters.VERSION * 1000 + language.VERSION,
            name,
            source_name,
            params,
            [*files, *code[source_name], *(lists.get(source_name, ()) if "url" in families else ())],
            ("datatrove", "tldextract") if "url" in families else (),  # its lists, and the suffixes of domains
        )

    return per_unit(context, one)


def _features_beside(source: Source) -> dict[str, list[str]]:
    """What a source's rules ask for beside the text's features, by family."""
    found: dict[str, list[str]] = {}
    for _, _, feature, *_ in rules_of(source)["rules"]:
        if (family := columns.family(feature)) != "text":
            found.setdefault(family, []).append(feature)
    return found


def verdict_files(context: Context, source: Source, source_name: str, name: str, step: str) -> list[Input]:
    """The verdicts of the steps before `step`, for one unit; only this unit's part of the global ones."""
    files = [
        context.record("extract", source_name, name).output("texts.arrow"),
        context.record("filter", source_name, name).output("verdicts.arrow"),
    ]
    if step == "shards":
        files.append(context.record("filter", source_name, name).output("values.arrow"))
    if deduplicates(context.loaded) and "dedup" not in source.skip:
        files.append(context.record("dedup", source_name, name).output(dedup.VERDICTS))
    if step == "shards" and "cuts" in context.step_names and source.compares_passages:
        files.append(context.record("cuts", source_name, name).output("repeats.parquet"))
    if step == "shards" and context.manifest.curate.decontaminate and "decontaminate" not in source.skip:
        files.append(context.record("decontaminate", source_name, name).output("hits.arrow"))
    return files


def plan_decontaminate(context: Context) -> Iterator[Planned]:
    params = context.manifest.curate.decontaminate
    found = benchmark_files(context.loaded)
    benchmarks = [Input(f"benchmark/{f.locator}", f.path, context.digests.of(f), 0) for f in found]

    def one(source_name: str, source: Source, name: str) -> Unit:
        files = verdict_files(context, source, source_name, name, "decontaminate")
        version = steps.decontamination.VERSION
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
        files = verdict_files(context, source, source_name, name, "shards")
        files += [extracted.output("dropped.arrow"), measured.output("features.arrow")]
        if scored_sources(context.loaded):
            # All ledgers of a run have the same columns, with nulls where a source skips the step.
            params["scores"] = context.manifest.curate.score_features
            files += score_outputs(context, source_name, name, params["scores"])
        version = steps.SHARD_VERSION * 1000 + steps.pii.VERSION
        masks = params["pii"]
        secret, phone = masks is not None and masks.secrets, masks is not None and masks.phone
        libraries = (*(["detect-secrets"] if secret else []), *(["phonenumbers"] if phone else []), "pyarrow")
        return unit(context, "shards", version, name, source_name, params, files, libraries)

    return per_unit(context, one)
