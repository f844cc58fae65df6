"""Planning the steps against repeated lines, paragraphs and runs of words (docs/repeats.md)."""

import dataclasses
from collections.abc import Iterator

from gristmill.curation import features
from gristmill.curation.dedup import passages, preference
from gristmill.manifests import repeats
from gristmill.manifests.dedup_quality import quality_inputs
from gristmill.manifests.plan_curation import verdict_files
from gristmill.manifests.plan_dedup import check_scope
from gristmill.manifests.planning import Context, NotYet, Pending, Planned, unit
from gristmill.manifests.schema import Loaded, Source
from gristmill.manifests.store import Input

PARTITION_BYTES = 128 * 2**20
"""About so many bytes of texts, as they are stored (compressed), have their hashes in one partition."""

VERSION = repeats.VERSION * 1_000_000 + passages.VERSION * 1000 + features.VERSION


def asked(loaded: Loaded) -> dict[str, dict]:
    """What must not be repeated -> its parameters; empty where nothing is asked, or no source takes part."""
    dedup = loaded.manifest.curate.dedup
    if dedup is None or not any(source.compares_passages for source in loaded.manifest.sources.values()):
        return {}
    params = {kind: getattr(dedup, kind) for kind in repeats.KINDS}
    return {kind: dataclasses.asdict(given) for kind, given in params.items() if given is not None}


def _each(context: Context) -> list[tuple[str, Source, str]]:
    return [unit for unit in context.each() if unit[1].compares_passages]


def partitions(context: Context) -> int:
    """How many parts the hashes are divided into, a power of two: by the size of the texts alone. Raises NotYet."""
    records = [context.record("extract", source_name, name) for source_name, _, name in _each(context)]
    size, count = sum(record.sizes["texts.arrow"] for record in records), 1
    while count * PARTITION_BYTES < size:
        count *= 2
    return count


def _per_unit(context: Context, plan_one) -> Iterator[Planned]:
    for source_name, source, name in _each(context):
        try:
            yield plan_one(source_name, source, name)
        except NotYet as missing:
            yield Pending(name, source_name, str(missing))


def _partition_name(number: int, count: int, kind: str = "") -> str:
    return "-".join(part for part in (kind, f"{number:04}", "of", f"{count:04}") if part)


def plan_anchors(context: Context) -> Iterator[Planned]:
    """Of each unit."""
    dedup = context.manifest.curate.dedup

    def one(source_name: str, source: Source, name: str) -> Planned:
        params = {
            "min_tokens": dedup.substrings.min_tokens,
            "scope": dedup.scope,
            "partitions": partitions(context),
        }
        files = verdict_files(context, source, source_name, name, "repeats")
        return unit(context, "anchors", VERSION, name, source_name, params, files, ("numpy", "pyarrow"))

    return _per_unit(context, one)


def plan_shared_anchors(context: Context) -> Iterator[Planned]:
    """Of each partition."""
    try:
        count = partitions(context)
        files = [context.record("anchors", s, name).output("anchors.arrow") for s, _, name in _each(context)]
    except NotYet as missing:
        yield Pending("partitions", None, str(missing))
        return
    for number in range(count):
        params = {"partition": number}
        name = _partition_name(number, count)
        yield unit(context, "shared_anchors", repeats.VERSION, name, None, params, files, ("numpy", "pyarrow"))


def plan_passages(context: Context) -> Iterator[Planned]:
    """Of each unit."""
    dedup, kinds = context.manifest.curate.dedup, asked(context.loaded)
    check_scope(context)

    def one(source_name: str, source: Source, name: str) -> Planned:
        params = {
            **_least(kinds),
            "scope": dedup.scope,
            "quality": dedup.quality,
            "partitions": partitions(context),
        }
        files = verdict_files(context, source, source_name, name, "repeats")
        if dedup.quality:
            files.append(context.record("measure", source_name, name).output("features.arrow"))
            files += quality_inputs(context, source_name, name, dedup.quality)
        if "substrings" in kinds:
            files += _parts(context, "shared_anchors", source_name, name, "anchors.arrow")
        return unit(context, "passages", VERSION, name, source_name, params, files, ("numpy", "pyarrow"))

    return _per_unit(context, one)


def _least(kinds: dict[str, dict]) -> dict[str, dict | None]:
    """What makes a passage: its least length; `within` and `across` decide between passages."""
    return {
        kind: {name: value for name, value in kinds[kind].items() if name.startswith("min_")} if kind in kinds else None
        for kind in repeats.KINDS
    }


def _parts(context: Context, step: str, source_name: str, name: str, file: str) -> list[Input]:
    """What the partitions of a step have for one unit. Raises NotYet."""
    records = context.records.get(step)
    if not records:
        raise NotYet(step)
    path = f"{source_name}/{name}/{file}"
    return [
        record.output(path) for _, record in sorted(records.items(), key=lambda r: r[0][1]) if path in record.outputs
    ]


def plan_repeats(context: Context) -> Iterator[Planned]:
    """Of each partition, for lines, paragraphs and runs of words apart."""
    dedup, kinds = context.manifest.curate.dedup, asked(context.loaded)
    levels = preference.source_ranks(dedup.prefer, list(context.manifest.sources), dedup.quality is not None)
    try:
        count = partitions(context)
        records = [context.record("passages", s, name) for s, _, name in _each(context)]
    except NotYet as missing:
        yield Pending("partitions", None, str(missing))
        return
    for kind, params in kinds.items():
        # `min_words` shaped what came before, and nothing here.
        how = {name: value for name, value in params.items() if name != "min_words"}
        files = [record.output(file) for record in records for file in (f"{kind}.arrow", "documents.arrow")]
        for number in range(count):
            values = {
                "kind": kind,
                "partition": number,
                "params": how,
                "quality": dedup.quality is not None,
                "levels": {s: levels[s] for s, source in context.manifest.sources.items() if source.compares_passages},
            }
            name = _partition_name(number, count, kind)
            yield unit(context, "repeats", repeats.VERSION, name, None, values, files, ("numpy", "pyarrow"))


def plan_cuts(context: Context) -> Iterator[Planned]:
    """Of each unit."""
    kinds = asked(context.loaded)

    def one(source_name: str, source: Source, name: str) -> Planned:
        params = {
            **_least(kinds),
            "scope": context.manifest.curate.dedup.scope,
        }
        files = [context.record("extract", source_name, name).output("texts.arrow")]
        files += _parts(context, "repeats", source_name, name, "repeats.arrow")
        return unit(context, "cuts", VERSION, name, source_name, params, files, ("numpy", "pyarrow"))

    return _per_unit(context, one)
