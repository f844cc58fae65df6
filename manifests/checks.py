"""Checks after every step: no document appears or vanishes, and no source is lost without a person having said so."""

from collections import Counter
from collections.abc import Iterator, Mapping

import pyarrow as pa

from gristmill.curation import own, scores, shards
from gristmill.manifests import quality_steps
from gristmill.manifests.counts import RunStopped, total
from gristmill.manifests.participants import manifest_of
from gristmill.manifests.planning import Context
from gristmill.manifests.schema import Run
from gristmill.manifests.store import Record

GUARDED_FROM = 1000
"""Yield guards look at a source from this many documents on: below it, a share means little."""

OWN_FAILED = 0.05
"""From this share of a source's documents on, what a function of the author's fails on is no longer an odd document."""

EXAMPLES = 10
"""So many dropped documents are named when a guard stops a run."""


def check_conservation(step: str, records: list[Record], context: Context) -> None:
    """Stop the run where documents appear or vanish.

    `records = documents + not documents` and `documents = kept + dropped` hold in every unit, and what a step sees is what
    the steps before it kept. A mismatch is a bug of ours, never the data's fault, so nothing later may be built on it.
    """
    for record in records:
        c = record.counts
        if "records" in c and c["records"] != c["documents"] + sum(c["not_documents"].values()):
            others = sum(c["not_documents"].values())
            raise _broken(step, record, f"{c['records']} records, but {c['documents']} documents and {others} others")
        if "dropped" in c and c["documents"] != c["kept"] + sum(c["dropped"].values()):
            lost = sum(c["dropped"].values())
            raise _broken(step, record, f"{c['documents']} documents, but {c['kept']} kept and {lost} dropped")
        if "shard_documents" in c and c["shard_documents"] != c["kept"]:
            raise _broken(step, record, f"{c['kept']} documents kept, but {c['shard_documents']} in the shard")
        if step == "score":
            _check_scored(record, context)
            continue
        expected = _expected(step, record, context)
        if expected is not None and c["documents"] != expected:
            raise _broken(step, record, f"{expected} documents came in, {c['documents']} were seen")


def _expected(step: str, record: Record, context: Context) -> int | None:
    """How many documents the steps before hand to this unit; None where that is counted elsewhere."""
    before = {"measure": ("extract", "kept"), "filter": ("measure", "kept"), "shards": ("extract", "documents")}
    before["tokens"] = ("shards", "kept")
    before["links"] = before["dedup"] = ("filter", "kept")
    unit = (record.source, record.name)
    if record.source and manifest_of(record.source):
        return None  # of another manifest of the index, which counts it itself
    if step == "buckets":
        return context.records["shards"][unit].counts["kept"]
    if step in before:
        name, count = before[step]
        return context.records[name][unit].counts[count]
    if step == "decontaminate" and "dedup" not in context.records:
        return context.records["filter"][unit].counts["kept"]
    return None


def _check_scored(record: Record, context: Context) -> None:
    """Every text has a row in every score."""
    seen = sum(n for count in ("with_score", "without_score") for n in record.counts[count].values())
    expected = context.records["extract"][(record.source, record.name.rpartition("/")[0])].counts["kept"]
    if seen != expected:
        raise _broken("score", record, f"{expected} texts came in, {seen} were seen")


def score_warnings(context: Context) -> Iterator[str]:
    """What a person should know of scores that were joined: files that match no document, sources that they leave out."""
    found = {
        source: total(r for (s, _), r in context.records["score"].items() if s == source) for source in context.groups
    }
    for name, params in context.manifest.curate.scores.items():
        feature = f"scores.{name}"
        matched = {source: counts["with_score"][feature] for source, counts in found.items() if counts}
        if not any(matched.values()):
            keys = context.records["score_index"][(None, name)].counts["example_keys"]
            theirs = f"their keys are such as {keys[0]}" if keys else "they have no keys"
            ours = next(_keys(context, params.join), None)
            what = f"documents have such as {ours}" if ours else f"no document has one ({params.join})"
            hint = (
                "; a data set's own ids are in meta: join: meta.<column>, such as meta.id"
                if params.join == "id"
                else ""
            )
            yield f"curate.scores.{name}: its files match no document: {theirs}, and {what}; check join and key_column{hint}"
            continue
        for source, given in matched.items():
            if not given and feature in context.manifest.sources[source].asked_features:
                yield f"sources.{source}: none of its documents has {feature}, which it asks for"


def own_warnings(records: list[Record], context: Context) -> Iterator[str]:
    """Sources of which a function of the manifest's author failed on more than OWN_FAILED of what it was asked about."""
    for source in context.groups:
        own_records = [r for r in records if r.source == source]
        counts = total(own_records)
        failed = counts.get("dropped", {}).get(own.FAILED, 0)
        if failed <= OWN_FAILED * counts.get("documents", 0):
            continue
        details = (
            verdict["detail"]
            for record in own_records
            for verdict in shards.read_table(record.folder / "verdicts.arrow", ["rule", "detail"]).to_pylist()
            if verdict["rule"] == own.FAILED
        )
        yield (
            f"sources.{source}: {failed:,} of {counts['documents']:,} documents are dropped because a rule's function "
            f"failed on them; the first: {next(details)}"
        )


def bucket_warnings(context: Context) -> Iterator[str]:
    """What a person should know of buckets: sources none of whose documents has the value that divides them."""
    for name, source in context.manifest.sources.items():
        counts = total(r for (s, _), r in context.records["buckets"].items() if s == name)
        if (
            source.buckets
            and counts.get("documents")
            and counts["without_value"][source.buckets.by] == counts["documents"]
        ):
            given = [f"{n:,} in {bucket}" for bucket, n in counts["in_bucket"].items() if n]
            yield (
                f"sources.{name}.buckets: none of its {counts['documents']:,} documents has the number "
                f"{source.buckets.by}: all are {', '.join(given)}; check `by`"
            )


def _keys(context: Context, join: str) -> Iterator[str]:
    """The keys that documents have, beginning with the first."""
    for record in context.records["extract"].values():
        for batch in shards.read_batches(record.folder / "texts.arrow", quality_steps.key_columns(join)):
            yield from filter(None, scores.own_keys(pa.Table.from_batches([batch]), join))


def _broken(step: str, record: Record, what: str) -> RunStopped:
    where = "/".join(part for part in (record.source, record.name) if part)
    return RunStopped(f"{step} {where}: {what}; please report this bug with {record.folder / 'record.json'}")


def check_failures(records: list[Record], unopened: list[Mapping], run: Run) -> list[str]:
    """Files that could not be read, one line each; stops the run when they are more than `run.max_failed` of all.

    `unopened` are the files of units without a record, each with `source`, `file` and `error`.
    """
    lines = [f"sources.{f['source']}: {f['file']}: {f['error']}" for f in unopened]
    for record in records:
        lines += [f"sources.{record.source}: {f['file']}: {f['error']}" for f in record.counts["failures"]]
    files = len(unopened) + sum(record.counts["files"] for record in records)
    share = len(lines) / max(files, 1)
    if share > run.max_failed:
        shown = "\n  ".join(lines[:EXAMPLES])
        more = f"\n  ... and {len(lines) - EXAMPLES} more" if len(lines) > EXAMPLES else ""
        raise RunStopped(
            f"{len(lines)} of {files} files cannot be read ({share:.0%}, more than run.max_failed {run.max_failed:.0%}):"
            f"\n  {shown}{more}\nMend or remove them, or set run.max_failed: {min(1.0, share + 0.01):.2g} to go on without them."
        )
    return lines


def guard(step: str, records: list[Record], context: Context) -> None:
    """Stop a run that is about to lose a source: too little kept by a step, or too many errors in extraction.

    What deduplication may remove is `ceilings.py`'s.
    """
    for source in context.groups:
        theirs = [r for r in records if r.source == source]
        counts = total(theirs)
        documents = counts.get("documents", 0)
        if documents < GUARDED_FROM or step not in ("extract", "filter", "decontaminate", "shards"):
            continue
        _guard_source(step, source, counts, context.manifest.run, _examples(step, theirs, context))


def _guard_source(step: str, source: str, counts: Mapping, run: Run, examples: Iterator[str]) -> None:
    documents, kept = counts["documents"], counts["kept"] / counts["documents"]
    if step == "extract" and 1 - kept > run.max_errors:
        what = f"{1 - kept:.0%} of {documents:,} documents gave no text, more than run.max_errors {run.max_errors:.0%}"
        remedy = "Check the source's kind and format, or raise run.max_errors."
    elif step != "extract" and kept < run.min_kept:
        what = f"{step} keeps {kept:.2%} of {documents:,} documents, less than run.min_kept {run.min_kept:.0%}"
        remedy = "Check the rules above (`gristmill why` shows a document's values), or lower run.min_kept."
    else:
        return
    rules = "; ".join(f"{rule}: {n:,}" for rule, n in Counter(counts["dropped"]).most_common(5))
    named = list(examples)
    shown = " Examples:\n  " + "\n  ".join(named) if named else ""
    raise RunStopped(f"sources.{source}: {what} ({rules}).{shown}\n{remedy}")


def _examples(step: str, records: list[Record], context: Context) -> Iterator[str]:
    """Locators of dropped documents with the rule and what it saw, at most three of a rule."""
    file = {"extract": "dropped.arrow", "filter": "verdicts.arrow", "decontaminate": "hits.arrow"}.get(step)
    per_rule: Counter[str] = Counter()
    for record in records if file else ():
        verdicts = shards.read_table(record.folder / file)
        extracted = context.records["extract"][(record.source, record.name)].folder
        located = verdicts if step == "extract" else shards.read_table(extracted / "texts.arrow", ["locator"])
        rows = zip(
            located["locator"].to_pylist(), verdicts["rule"].to_pylist(), verdicts["value"].to_pylist(), strict=True
        )
        for locator, rule, value in rows:
            if rule is None or per_rule[rule] == 3:
                continue
            per_rule[rule] += 1
            yield f"{locator}  {rule}" + ("" if value is None else f" = {value:.4g}")
            if per_rule.total() == EXAMPLES:
                return
