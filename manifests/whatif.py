"""`gristmill whatif`: which documents and tokens would come and go if rules were other ones, before anything is run.

The changed rules are asked by the filter step's own code, of the values that the run has on record: the answer is that of
a run, document by document. With `dedup`, duplicates are resolved again by the dedup step's own code, in a temporary
folder. Nothing is written to the store or to the run.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from gristmill.curation import shards
from gristmill.curation.language import LanguageParams
from gristmill.curation.rules import Rule, shown
from gristmill.manifests import judging, measured
from gristmill.manifests.dedup import VERDICTS
from gristmill.manifests.pipeline import pipeline
from gristmill.manifests.plan_curation import rules_of
from gristmill.manifests.plan_dedup import STEPS as DEDUP_STEPS
from gristmill.manifests.plan_dedup import deduplicates
from gristmill.manifests.plan_repeats import asked
from gristmill.manifests.planning import Context
from gristmill.manifests.runner import Place
from gristmill.manifests.schema import Loaded
from gristmill.manifests.settings import SettingError, changed, reported
from gristmill.manifests.store import Record, Store, Unit


@dataclass
class _Part:
    """The documents of one unit, row by row, before and after."""

    source: str
    name: str
    ids: pa.ChunkedArray
    language: np.ndarray
    num_bytes: np.ndarray
    tokens: np.ndarray  # NaN where not encoded
    before: pa.Table  # verdicts: rule, value, threshold
    after: pa.Table
    rules_before: dict[str, Rule]
    rules_after: dict[str, Rule]
    languages: tuple[Mapping | None, Mapping | None]  # the parameters of both sides

    @property
    def kept_now(self) -> np.ndarray:
        return np.array(self.before["rule"].is_null())

    @property
    def kept_then(self) -> np.ndarray:
        return np.array(self.after["rule"].is_null())


def whatif(loaded: Loaded, place: Place, settings: Sequence[str], dedup: bool = False, examples: int = 5) -> dict:
    """What would change, as `gristmill whatif --json` prints it (docs/whatif.md).

    Raises SettingError for a setting that cannot be followed, RunStopped if the run has not come far enough.
    """
    after = changed(loaded, settings)
    if dedup and not (deduplicates(loaded) and deduplicates(after)):
        raise SettingError("--dedup: the manifest deduplicates nothing; leave --dedup out")
    context, planned = measured.surveyed(loaded, place, "dedup" if dedup else "filter")
    with reported(settings):  # what is wrong now was right in the file
        other, units = measured.planned_filters(after, place, context, planned, dedup)
    parts = [_part(unit, context) for unit in units]
    if dedup:
        _resolve(parts, context, other, place)
    tokens, estimated = _tokens(parts)
    notes = [*_uncounted(loaded, after, dedup), *_notes(parts, after, dedup, tokens, estimated)]
    return {
        "manifest": loaded.manifest.name,
        "settings": list(settings),
        "deduplicated": dedup,
        "total": _total(parts, tokens, estimated),
        "groups": _groups(parts, tokens, estimated),
        "notes": notes,
        "come": _examples(parts, context, examples, comes=True),
        "go": _examples(parts, context, examples, comes=False),
    }


def _part(unit: Unit, context: Context) -> _Part:
    source, name = unit.source or "", unit.name
    record = context.records["filter"][(source, name)]
    features = context.records["measure"][(source, name)].folder / "features.arrow"
    table = shards.read_table(features, ["id", "language", "num_bytes"])
    language = np.array(table["language"].fill_null("").to_pylist(), dtype=object)
    return _Part(
        source,
        name,
        table["id"],
        language,
        table["num_bytes"].to_numpy(),
        measured.token_counts(context, source, name, table["id"]),
        shards.read_table(record.folder / "verdicts.arrow"),
        measured.verdicts(unit, record),
        {rule.label: rule for rule in judging.ruleset_of(record.params).rules},
        {rule.label: rule for rule in judging.ruleset_of(unit.params).rules},
        (record.params["languages"], unit.params["languages"]),
    )


def _resolve(parts: Sequence[_Part], context: Context, other: Context, place: Place) -> None:
    """Put the verdicts of deduplication behind those of the filters: the run's, and those of the changed set."""
    other.records["filter"] = {}
    with tempfile.TemporaryDirectory(prefix="gristmill-whatif-") as temporary:
        root = Path(temporary)
        for number, part in enumerate(parts):
            unit = (part.source, part.name)
            record = measured.with_verdicts(context.records["filter"][unit], root / str(number), part.after)
            other.records["filter"][unit] = record
        _deduplicate(other, place.store, Store(root / "store"))
        for part in parts:
            unit = (part.source, part.name)
            part.before = _behind(part.before, context.records["dedup"].get(unit))
            part.after = _behind(part.after, other.records["dedup"].get(unit))


def _deduplicate(context: Context, store: Store, temporary: Store) -> None:
    """Run the steps of deduplication into a temporary store, but for what the run's own store has already."""
    for step in pipeline(context.loaded):
        if step.name in DEDUP_STEPS:
            records = {}
            for unit in step.plan(context):
                assert isinstance(unit, Unit)
                unit = replace(unit, settings={})  # without known pairs: nothing is written
                record = store.record(unit) or temporary.build(unit, partial(step.work, unit))
                records[(unit.source, unit.name)] = record
            context.records[step.name] = records


def _behind(filtered: pa.Table, record: Record | None) -> pa.Table:
    """Verdicts of the filters where they drop, else of deduplication; a source that skips it has none."""
    names = ["rule", "value", "threshold"]
    if record is None:
        return filtered.select(names)
    later = shards.read_table(record.folder / VERDICTS, names)
    drops = filtered["rule"].is_valid()
    merged = {name: pa.compute.if_else(drops, filtered[name], later[name]) for name in names}
    return pa.table(merged)


def _tokens(parts: Sequence[_Part]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Tokens of each document, and whether they are an estimate: its bytes by the source's tokens per byte.

    NaN if nothing at all was encoded.
    """
    sums: dict[str, np.ndarray] = {}
    for part in parts:
        here = ~np.isnan(part.tokens)
        sums[part.source] = sums.get(part.source, np.zeros(2)) + (part.tokens[here].sum(), part.num_bytes[here].sum())
    overall = sum(sums.values(), np.zeros(2))
    counts, estimated = [], []
    for part in parts:
        unknown = np.isnan(part.tokens)
        tokens, size = sums[part.source] if sums[part.source][1] else overall
        # Whole numbers, so that what is kept then is what is kept now, with what comes and without what goes.
        counts.append(np.where(unknown, np.rint(part.num_bytes * (tokens / size if size else np.nan)), part.tokens))
        estimated.append(unknown)
    return counts, estimated


def _counts(now: np.ndarray, then: np.ndarray, tokens: np.ndarray, estimated: np.ndarray) -> dict:
    """Documents and tokens kept now, that would come, that would go, and kept then."""
    sets = {"kept_now": now, "come": ~now & then, "go": now & ~then, "kept_then": then}
    known = not np.isnan(tokens).any()
    return {
        "documents": {name: int(rows.sum()) for name, rows in sets.items()},
        "tokens": {name: round(float(tokens[rows].sum())) for name, rows in sets.items()} if known else None,
        "estimated_documents": {name: int((rows & estimated).sum()) for name, rows in sets.items()},
    }


def _joined(parts: Sequence[_Part], tokens: list, estimated: list) -> tuple[np.ndarray, ...]:
    def join(columns: list, kind: type) -> np.ndarray:
        return np.concatenate([np.zeros(0, kind), *columns])

    now, then = join([p.kept_now for p in parts], bool), join([p.kept_then for p in parts], bool)
    return now, then, join(tokens, float), join(estimated, bool)


def _total(parts: Sequence[_Part], tokens: list, estimated: list) -> dict:
    return _counts(*_joined(parts, tokens, estimated))


def _groups(parts: Sequence[_Part], tokens: list, estimated: list) -> list[dict]:
    """The counts by source and language, in the manifest's order of sources, then by documents kept now or then."""
    columns = _joined(parts, tokens, estimated)
    sources = np.concatenate([np.zeros(0, object), *(np.full(len(p.ids), p.source, object) for p in parts)])
    languages = np.concatenate([np.zeros(0, object), *(p.language for p in parts)])
    found = []
    for source in dict.fromkeys(part.source for part in parts):
        of_source = np.flatnonzero(sources == source)
        names, which = np.unique(languages[of_source].astype(str), return_inverse=True)
        rows = []
        for number, language in enumerate(names.tolist()):
            here = of_source[which == number]
            counts = _counts(*(column[here] for column in columns))
            if counts["documents"]["kept_now"] or counts["documents"]["kept_then"]:
                rows.append({"source": source, "language": language or None, **counts})
        found += sorted(rows, key=lambda r: (-max(r["documents"].values()), r["language"] or ""))
    return found


COUNTED = {
    "curate": ("languages", "dedup", "classifiers", "scores", "conformance"),
    "source": (
        "kind",
        "paths",
        "paths_file",
        "base",
        "format",
        "read",
        "columns",
        "limit",
        "sample",
        "filters",
        "url_lists",
        "skip",
        "languages",
        "licence",
    ),
}
"""Keys that the answer follows, or that are refused; all others shape later steps only."""


def _uncounted(loaded: Loaded, after: Loaded, dedup: bool) -> Iterator[str]:
    """A note for each changed key that the numbers do not follow."""
    before_m, after_m = loaded.manifest, after.manifest
    says = "it shapes later steps only, which are not counted here"
    for name in type(after_m.curate).model_fields:
        if name not in COUNTED["curate"] and getattr(before_m.curate, name) != getattr(after_m.curate, name):
            yield f"curate.{name}: {says}"
    if not dedup and before_m.curate.dedup != after_m.curate.dedup:
        yield "curate.dedup: the numbers are those of the filters" + (
            "; --dedup counts it" if deduplicates(loaded) and deduplicates(after) else ", before deduplication"
        )
    for source, now in after_m.sources.items():
        then = before_m.sources[source]
        for name in type(now).model_fields:
            if name not in COUNTED["source"] and getattr(then, name) != getattr(now, name):
                yield f"{source}.{name}: {says}"
        for step in sorted({*then.skip} ^ {*now.skip}):
            if step in ("pii", "decontaminate", "repeats") or (step == "dedup" and not dedup):
                yield f"{source}.skip: {step}: {says}"
        if rules_of(then)["cut_lines"] != rules_of(now)["cut_lines"]:
            yield f"{source}.filters: cut_lines changes texts, not verdicts: its effect on tokens is not counted"
    if asked(loaded) or asked(after):
        yield "what repeated lines, paragraphs and runs of words lose changes texts, not verdicts: it is not counted"
    if before_m.curate.decontaminate or after_m.curate.decontaminate:
        yield "decontamination is not counted"


def _notes(parts: Sequence[_Part], after: Loaded, dedup: bool, tokens: list, estimated: list) -> Iterator[str]:
    """What the numbers do not say."""
    if not dedup and deduplicates(after):
        yield "deduplication is not counted: some of what would come may be duplicates; --dedup resolves them again"
    if any(np.isnan(column).any() for column in tokens):
        yield f"tokens are not known: nothing is encoded yet; gristmill run {after.path} --until tokens"
    elif any(column.any() for column in estimated):
        rows = sum(int(np.count_nonzero(c & (p.kept_now | p.kept_then))) for p, c in zip(parts, estimated, strict=True))
        if rows:
            yield f"tokens of {rows:,} documents that were never encoded are estimated: their bytes by their source's tokens per byte"
    seen: dict[tuple[str, str], bool] = {}
    for part in parts:
        for feature in {r.feature for r in part.rules_after.values()} - {r.feature for r in part.rules_before.values()}:
            if feature in part.after.column_names:
                some = part.after[feature].null_count < len(part.ids)
                seen[(part.source, feature)] = seen.get((part.source, feature), False) or some
    for (source, feature), some in sorted(seen.items()):
        if not some:
            yield f"no document of {source} has {feature}: it was never measured or recorded"


def _examples(parts: Sequence[_Part], context: Context, number: int, comes: bool) -> list[dict]:
    """Documents that would come, or go: one of each source and language in turn, in order of id."""
    groups: dict[tuple[str, str], list[tuple[str, int, int]]] = {}
    for place, part in enumerate(parts):
        now, then = part.kept_now, part.kept_then
        rows = np.flatnonzero(~now & then if comes else now & ~then)
        for row, name in zip(rows.tolist(), part.ids.take(pa.array(rows)).to_pylist(), strict=True):
            groups.setdefault((part.source, part.language[row]), []).append((name, place, row))
    queues = [sorted(group)[:number] for _, group in sorted(groups.items())]
    turns = [queue[turn] for turn in range(number) for queue in queues if turn < len(queue)][:number]
    wanted: dict[tuple[str, str], list[int]] = {}
    for _, place, row in turns:
        wanted.setdefault((parts[place].source, parts[place].name), []).append(row)
    facts = dict(measured.excerpts(context, wanted))
    found = []
    for _, place, row in turns:
        part = parts[place]
        about = facts[(part.source, part.name, row)]
        text = about.pop("text")
        why = _reason(part, row, comes)
        found.append(
            {"source": part.source, "language": part.language[row] or None, **about, **why}
            | {"excerpt": measured.shortened(text)}
        )
    return found


def _reason(part: _Part, row: int, comes: bool) -> dict:
    """The rule that a document fails on one side of the change, with what it saw, and what it asks for on both sides."""
    verdict = part.before if comes else part.after
    label = verdict["rule"][row].as_py()
    language = pa.table({"language": pa.array([part.language[row] or None], pa.string())})
    asked = {"before": part.rules_before.get(label), "after": part.rules_after.get(label)}
    thresholds = {}
    for side, rule in asked.items():
        number = rule is not None and not rule.asks_words
        thresholds[side] = float(rule.limits(language)[0]) if number else rule and shown(rule.threshold)
    side = "before" if comes else "after"
    if label.startswith("language."):
        sides = zip(thresholds, part.languages, strict=True)
        thresholds = {name: _language_threshold(label, params, part.language[row]) for name, params in sides}
    elif asked[side] is None:
        thresholds[side] = verdict["threshold"][row].as_py()
    value = verdict["value"][row].as_py()
    if value is None and "detail" in verdict.column_names:
        value = verdict["detail"][row].as_py()
    return {"rule": label, "value": value, "old_threshold": thresholds["before"], "new_threshold": thresholds["after"]}


def _language_threshold(label: str, params: Mapping | None, language: str) -> float | str | None:
    """What a rule over languages asks for; None where languages are not asked."""
    if params is None or params["keep"] == "all":
        return None
    thresholds = LanguageParams(**params).thresholds
    return shown(tuple(params["keep"])) if label == "language.keep" else thresholds.get(language, thresholds["default"])


def lines(found: Mapping) -> Iterator[str]:
    """The examples and notes for people."""
    for name, says in (("come", "would come"), ("go", "would go")):
        if not found[name]:
            continue
        yield f"\n{says}, {len(found[name])} of {found['total']['documents'][name]:,}:"
        for example in found[name]:
            value = example["value"]
            seen = f"{value:.6g}" if isinstance(value, float) else value or ""
            old, new = (measured.said(example[key]) or "none" for key in ("old_threshold", "new_threshold"))
            yield f"  {example['source']}  {example['title'] or example['url'] or ''}  {example['locator']}".rstrip()
            yield f"    {example['rule']} {seen} (threshold {old} -> {new})"
            yield f"    {example['excerpt']}"
    for note in found["notes"]:
        yield f"note: {note}"
