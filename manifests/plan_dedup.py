"""Planning the steps of deduplication: links, edges, components, compare, dedup."""

from collections.abc import Iterator

from gristmill.curation import duplicates, urls
from gristmill.curation.dedup import links
from gristmill.manifests import dedup, dedup_links, dedup_scope
from gristmill.manifests.participants import Participant, pairs_folder, participants
from gristmill.manifests.planning import Context, NotYet, Pending, Planned, single, unit
from gristmill.manifests.schema import Loaded
from gristmill.manifests.store import Input, Unit

STEPS = ("links", "edges", "components", "compare", "dedup")


def deduplicates(loaded: Loaded) -> bool:
    """Whether a manifest looks for duplicates of whole documents at all."""
    params = loaded.manifest.curate.dedup
    takes_part = any("dedup" not in source.skip for source in loaded.manifest.sources.values())
    return params is not None and takes_part and (params.exact or params.url or params.near is not None)


def check_scope(context: Context) -> None:
    """Raises ManifestError for a path component that no file's path has."""
    scope = context.manifest.curate.dedup.scope
    if scope not in ("all", "source"):
        files = [p.file.locator for groups in context.groups.values() for g in groups for p in g.pieces]
        if not any(dedup_scope.scope_of(scope, "", locator) for locator in files):
            what = f"{scope!r} is neither all nor source, and no folder of any file is called so; write a pattern such as CC-MAIN-*"
            raise context.loaded.error(("curate", "dedup", "scope"), what)


def _rules(context: Context) -> dict:
    """What all steps of deduplication depend on."""
    params = context.manifest.curate.dedup
    return {
        "exact": params.exact,
        "url": urls.VERSION if params.url else None,
        "near": params.near.duplicates if params.near else None,
        "num_perm": params.near.num_perm if params.near else 0,
    }


def _labels(parts: list[Participant]) -> list[tuple[str, str]]:
    return [(part.source, part.name) for part in parts]


def plan_links(context: Context) -> Iterator[Planned]:
    params = context.manifest.curate.dedup
    check_scope(context)
    try:
        parts = participants(context)
    except NotYet as missing:
        waiting = [(s, name) for s, source, name in context.each() if "dedup" not in source.skip]
        yield from (Pending(name, source, str(missing)) for source, name in waiting)
        return
    values = {**_rules(context), "scope": params.scope, "quality": params.quality}
    libraries = ("numpy", "pyarrow", "xxhash", *(("idna",) if params.url else ()))
    for part in parts:
        yield unit(context, "links", links.VERSION, part.name, part.source, values, part.inputs, libraries)


def _files(context: Context, parts: list[Participant], *names: str) -> list[Input]:
    """Files of every unit's links. Raises NotYet."""
    return [context.record("links", part.source, part.name).output(name) for part in parts for name in names]


def plan_edges(context: Context) -> Iterator[Planned]:
    try:
        parts = participants(context)
        files = _files(context, parts, dedup_links.MEMBERS, dedup_links.LINKS)
    except NotYet as missing:
        yield Pending("keys", None, str(missing))
        return
    number = sum(context.record("links", part.source, part.name).counts["links"] for part in parts)
    ranges = 1
    while ranges * dedup_links.RANGE_LINKS < number:
        ranges *= 2
    width = 2**64 // ranges
    for begin in range(0, 2**64, width):
        keys = [f"{edge:016x}" for edge in (begin, begin + width - 1)]
        values = {**_rules(context), "units": _labels(parts), "keys": keys}
        yield unit(context, "edges", links.VERSION, f"keys-{keys[0][:8]}", None, values, files, ("numpy", "pyarrow"))


def plan_components(context: Context) -> list[Planned]:
    def it() -> Unit:
        edges = [record.output("edges.arrow") for record in _all(context, "edges")]
        documents = [context.record("links", p.source, p.name).counts["documents"] for p in participants(context)]
        return unit(
            context, "components", links.VERSION, "components", None, {"sizes": documents}, edges, ("numpy", "pyarrow")
        )

    return single(it, "components")


def _all(context: Context, step: str) -> list:
    """The records of a step that looks at all units, in order of name. Raises NotYet."""
    if not context.records.get(step):
        raise NotYet(step)
    return [record for _, record in sorted(context.records[step].items(), key=lambda item: item[0][1])]


def plan_compare(context: Context) -> Iterator[Planned]:
    try:
        record = context.record("components", None, "components")
        parts = participants(context)
        files = _files(context, parts, dedup_links.MEMBERS)
    except NotYet as missing:
        yield Pending("part", None, str(missing))
        return
    params = context.manifest.curate.dedup
    texts = [file for part in parts for file in part.inputs if file.name.endswith("/texts.arrow")]
    for name in sorted(record.outputs):
        values = {
            **_rules(context),
            "ngram_words": params.near.ngram_words if params.near else 0,
            "levels": {part.source: part.level for part in parts},
            "quality": params.quality,
            "units": _labels(parts),
            "part": name,
        }
        yield unit(
            context,
            "compare",
            duplicates.VERSION,
            name.removesuffix(".arrow"),
            None,
            values,
            [record.output(name), *files, *texts],
            ("numpy", "pyarrow"),
            {"pairs": str(pairs_folder(context))},
        )


def plan_dedup(context: Context) -> Iterator[Planned]:
    try:
        parts = participants(context)
        components = context.record("components", None, "components")
        compared = _all(context, "compare")
        if len(compared) < len(components.outputs):
            raise NotYet("compare")
    except NotYet as missing:
        waiting = [(s, name) for s, source, name in context.each() if "dedup" not in source.skip]
        yield from (Pending(name, source, str(missing)) for source, name in waiting)
        return
    decisions = [record.output("decisions.arrow") for record in compared]
    for number, part in enumerate(parts):
        files = [file for file in part.inputs if file.name.endswith("/verdicts.arrow")]
        files.append(context.record("links", part.source, part.name).output(dedup_links.MEMBERS))
        libraries = ("numpy", "pyarrow")
        files += decisions
        yield unit(context, "dedup", dedup.VERSION, part.name, part.source, {"number": number}, files, libraries)
