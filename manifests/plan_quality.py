"""Planning the steps about quality: score_index and score before the rules, buckets before the mixture."""

from collections.abc import Iterable, Iterator

from gristmill.curation import classifier, columns, scores, urls
from gristmill.manifests import quality_steps
from gristmill.manifests.planning import Context, NotYet, Pending, Planned, unit, url_list_inputs
from gristmill.manifests.quality_inputs import model_files, score_files
from gristmill.manifests.schema import Loaded, Source
from gristmill.manifests.store import Input, Record, Unit
from gristmill.tokenizer import buckets


def scored_sources(loaded: Loaded) -> list[str]:
    """Sources whose texts get scores; none if the manifest names no models and no score files."""
    some = loaded.manifest.curate.score_features
    return [name for name, source in loaded.manifest.sources.items() if some and "score" not in source.skip]


def plan_score_index(context: Context) -> Iterator[Planned]:
    files = score_files(context.loaded)
    for name, params in context.manifest.curate.scores.items():
        raw = [Input(f"raw/{f.locator}", f.path, context.digests.of(f), f.size_bytes) for f in files[name]]
        how = {field: getattr(params, field) for field in ("column", "join", "key_column", "repeated")}
        version = scores.VERSION * 1000 + (urls.VERSION if params.join == "url" else 0)
        libraries = ("pyarrow", *(("idna",) if params.join == "url" else ()))
        yield unit(context, "score_index", version, name, None, {"scores": how}, raw, libraries)
    context.digests.save()


def plan_score(context: Context) -> Iterator[Planned]:
    """A unit for each text unit and score, so that a model or a file that has changed costs its own score only."""
    models = model_files(context.loaded)
    digests = {name: context.digests.of(file) for name, file in models.items()}
    taking_part = scored_sources(context.loaded)
    for source_name, _, name in context.each():
        for feature in context.manifest.curate.score_features if source_name in taking_part else ():
            label = f"{name}/{feature}"
            kind, _, score_name = feature.partition(".")
            try:
                texts = context.record("extract", source_name, name).output("texts.arrow")
                if kind == "classifier":
                    file = models[score_name]
                    model = Input(f"model/{file.locator}", file.path, digests[score_name], file.size_bytes)
                    yield _classified(context, source_name, label, feature, [texts, model])
                else:
                    index = context.record("score_index", None, score_name).output(quality_steps.INDEX)
                    yield _looked_up(context, source_name, label, feature, [texts, index])
            except NotYet as missing:
                yield Pending(label, source_name, str(missing))


def _classified(context: Context, source: str, label: str, feature: str, files: list[Input]) -> Unit:
    params = context.manifest.curate.classifiers[feature.partition(".")[2]]
    how = {"feature": feature, "label": params.label, "max_chars": params.max_chars}
    version = quality_steps.VERSION * 1000 + classifier.VERSION
    return unit(context, "score", version, label, source, how, files, ("fasttext-predict",))


def _looked_up(context: Context, source: str, label: str, feature: str, files: list[Input]) -> Unit:
    params = context.manifest.curate.scores[feature.partition(".")[2]]
    version = quality_steps.VERSION * 1000 + (urls.VERSION if params.join == "url" else 0)
    libraries = ("idna",) if params.join == "url" else ()
    return unit(context, "score", version, label, source, {"feature": feature, "join": params.join}, files, libraries)


def score_outputs(context: Context, source_name: str, name: str, features: list[str]) -> list[Input]:
    """The scores of one text unit; none for a source without scores."""
    if source_name not in scored_sources(context.loaded):
        return []
    return [
        context.record("score", source_name, f"{name}/{feature}").output(quality_steps.SCORES) for feature in features
    ]


def plan_buckets(context: Context) -> Iterator[Planned]:
    lists = url_list_inputs(context)
    for source_name, source, name in context.each():
        if source.buckets:
            try:
                yield _buckets(context, source_name, source, name, lists.get(source_name, []))
            except NotYet as missing:
                yield Pending(name, source_name, str(missing))


def _buckets(context: Context, source_name: str, source: Source, name: str, lists: list[Input]) -> Unit:
    params = source.buckets
    files = [context.record("shards", source_name, name).output("shard.arrow")]
    if columns.family(params.by) == "score":
        files += score_outputs(context, source_name, name, [params.by])
    elif not columns.needed([params.by]):
        files.append(context.record("measure", source_name, name).output("features.arrow"))
    how = {"by": params.by, "edges": params.edges, "names": params.names, "own_missing": params.missing is not None}
    values: dict[str, object] = {"buckets": how}
    libraries: tuple[str, ...] = ()
    if columns.family(params.by) == "url":  # by the lists of the source, as its rules
        values["integrated_url_lists"] = source.url_lists is None or source.url_lists.integrated
        files += lists
        libraries = ("datatrove", "tldextract")
    return unit(context, "buckets", buckets.VERSION, name, source_name, values, files, libraries)


def score_origins(indices: Iterable[Record], scored: Iterable[Record]) -> dict[str, dict]:
    """Where each score comes from, by feature: `files` (locator -> digest) and how they were used.

    A classifier has its `label` and `max_chars`, a joined score `join`, `key_column`, `column` and `repeated`, with the
    counts of `rows`, `keys` and what was left out.
    """
    found: dict[str, dict] = {}
    for record in scored:
        if "label" in record.params:
            files = {name.removeprefix("model/"): d for name, d in record.inputs.items() if name.startswith("model/")}
            how = {field: record.params[field] for field in ("label", "max_chars")}
            found[str(record.params["feature"])] = {"files": files, **how}
    for record in indices:
        files = {name.removeprefix("raw/"): digest for name, digest in record.inputs.items()}
        counts = {name: n for name, n in record.counts.items() if name != "example_keys"}
        found[f"scores.{record.name}"] = {"files": files, **record.params["scores"], **counts}
    return dict(sorted(found.items()))
