"""`gristmill sample`: what a rule drops and what it just lets pass, for somebody who wants to see before believing.

Dropped documents are spread over sources, languages and the range of values, from the nearest to the threshold to the
farthest; those that just pass are the kept documents nearest to it. A rule that edits shows what it cut, in its context.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.curation import columns, pii, secrets
from gristmill.curation.dedup import repeat_table
from gristmill.curation.language import LanguageParams
from gristmill.curation.ledger import read_file, read_rules
from gristmill.curation.rules import Rule, shown, unknown
from gristmill.manifests import measured
from gristmill.manifests.plan_curation import rules_of
from gristmill.manifests.runner import Place
from gristmill.manifests.schema import Loaded
from gristmill.manifests.settings import SettingError

COLUMNS = (
    "id",
    "language",
    "status",
    "stage",
    "rule",
    "value",
    "threshold",
    "detail",
    "failed",
    "duplicate_of",
    "edits",
)

CONTEXT_CHARACTERS = 60
"""So much of a text is shown on each side of a cut."""

Row = tuple[tuple[str, str], int, dict]  # unit, row of its texts, the ledger's columns


@dataclass(frozen=True)
class _Found:
    """Documents of one unit, as columns: which of them are shown is chosen before any is looked at as a whole."""

    unit: tuple[str, str]
    places: np.ndarray  # int64: rows of the unit's texts
    table: pa.Table  # the ledger's columns of these rows

    def row(self, number: int) -> Row:
        return self.unit, int(self.places[number]), self.table.slice(number, 1).to_pylist()[0]


def sample(loaded: Loaded, place: Place, rule: str, number: int = 20, source: str | None = None) -> dict:
    """What `gristmill sample --json` prints (docs/whatif.md). Raises SettingError for a name that nothing has."""
    context, _ = measured.surveyed(loaded, place, "shards")
    if source is not None and source not in loaded.manifest.sources:
        raise SettingError(unknown("source", source, loaded.manifest.sources, "sources"))
    counts: Counter[str] = Counter()
    dropped: list[_Found] = []
    edited: list[_Found] = []
    passing: list[Row] = []
    also = 0
    for unit, record in sorted(context.records["shards"].items()):
        if source is not None and unit[0] != source:
            continue
        path = record.folder / "ledger.parquet"
        asked = read_rules(path)
        languages = _languages(context.records["filter"][unit].params["languages"])
        counts.update(dict.fromkeys((*asked, *_active(loaded, unit[0], languages is not None)), 0))
        feature = asked[rule].feature if rule in asked else "language_score"
        table = read_file(path, list(dict.fromkeys([*COLUMNS, feature])))
        counts.update(table["rule"].drop_null().to_pylist())
        rules_of_edits, with_edits = _listed(table["edits"], "rule")
        counts.update(rules_of_edits.to_pylist())
        first = np.array(pc.fill_null(pc.equal(table["rule"], rule), False))
        dropped.append(_chosen(unit, table, first))
        failing, with_failing = _listed(table["failed"])
        also += int((_mask(table, with_failing[np.array(pc.equal(failing, rule))]) & ~first).sum())
        edited.append(_chosen(unit, table, _mask(table, with_edits[np.array(pc.equal(rules_of_edits, rule))])))
        if rule in asked or (rule == "language.min_score" and languages is not None):
            passing += _nearest(unit, table, asked.get(rule) or languages, feature, number)
    if rule not in counts:
        known = [f"{name} ({n:,})" for name, n in counts.most_common()]
        raise SettingError(unknown("rule", rule, list(counts), "rules").split(": ", 1)[0] + f": {', '.join(known)}")
    passing = sorted(passing, key=lambda r: (r[2]["distance"], r[2]["id"]))[:number]
    chosen = {"dropped": _spread(dropped, number), "passed": passing, "edited": _spread(edited, number)}
    return {
        "rule": rule,
        "documents": {
            "dropped": sum(len(found.places) for found in dropped),
            "edited": sum(len(found.places) for found in edited),
            "also_failing": also,
        },
        **{name: list(_shown(rows, context, rule)) for name, rows in chosen.items()},
    }


def _languages(params: Mapping | None) -> LanguageParams | None:
    """The language rule that a unit was judged by; None if it drops nothing."""
    return LanguageParams(**params) if params and params["keep"] != "all" else None


def _active(loaded: Loaded, source: str, languages: bool) -> Iterator[str]:
    """The names of what may drop or edit documents of a source, beside its rules: known also where it did nothing."""
    curate, skip = loaded.manifest.curate, loaded.manifest.sources[source].skip
    if languages:
        yield from ("language.keep", "language.min_score")
    if curate.dedup and "dedup" not in skip:
        asked = {"exact": curate.dedup.exact, "near": curate.dedup.near, "url": curate.dedup.url}
        yield from (f"dedup.{name}" for name, on in asked.items() if on)
        if loaded.manifest.sources[source].compares_passages:
            yield from (rule for kind, rule in repeat_table.RULES.items() if getattr(curate.dedup, kind) is not None)
    if curate.decontaminate and "decontaminate" not in skip:
        yield from ("decontaminate", "decontaminate.overlap")
    if curate.pii and "pii" not in skip:
        yield from (f"pii.{kind}" for kind in pii.KINDS if kind != "secrets" and getattr(curate.pii, kind))
        if curate.pii.secrets:
            yield from (f"secret.{rule}" for rule in secrets.rules())
    if cut_lines := rules_of(loaded.manifest.sources[source])["cut_lines"]:
        yield "dclm.line" if cut_lines == "dclm" else "c4.line"


def _listed(column: pa.ChunkedArray, field: str | None = None) -> tuple[pa.Array, np.ndarray]:
    """The elements (or one field of each) of a column of lists, and the row that each stands in."""
    if pa.types.is_null(column.type):
        return pa.array([], pa.string()), np.zeros(0, np.int64)
    whole = column.combine_chunks()
    elements = pc.list_flatten(whole)
    return elements if field is None else pc.struct_field(elements, field), np.array(pc.list_parent_indices(whole))


def _mask(table: pa.Table, rows: np.ndarray) -> np.ndarray:
    mask = np.zeros(table.num_rows, dtype=bool)
    mask[rows] = True
    return mask


def _chosen(unit: tuple[str, str], table: pa.Table, mask: np.ndarray) -> _Found:
    places = np.flatnonzero(mask)
    return _Found(unit, places, table.take(pa.array(places)))


def _nearest(
    unit: tuple[str, str], table: pa.Table, rule: Rule | LanguageParams, feature: str, number: int
) -> list[Row]:
    """The kept documents of a unit whose value is nearest to the threshold; of a rule over words, in order of id.

    Documents without the value, and those to whose language the rule does not apply, do not pass it: it says nothing.
    """
    kept = np.flatnonzero(np.array(pc.equal(table["status"], "kept")))
    table = table.take(pa.array(kept))
    if isinstance(rule, LanguageParams):
        own = rule.thresholds
        limits = np.array([own.get(name, own["default"]) for name in table["language"].to_pylist()], dtype=np.float64)
    else:
        limits = np.zeros(len(kept)) if rule.asks_words else rule.limits(table)
    words = isinstance(rule, Rule) and rule.asks_words
    values = np.where(np.array(table[feature].is_valid()), 0.0, np.nan) if words else _numbers(table[feature], feature)
    distance = np.abs(values - limits)
    here = np.flatnonzero(np.isfinite(distance))
    nearness = pa.table({"distance": distance[here], "id": table["id"].take(pa.array(here))})
    order = here[np.array(pc.sort_indices(nearness, [("distance", "ascending"), ("id", "ascending")])[:number])]
    found = []
    for place, row in zip(order.tolist(), table.take(pa.array(order, pa.int64())).to_pylist(), strict=True):
        asked = shown(rule.threshold) if words else float(limits[place])
        value = row[feature] if words else float(values[place])
        found.append(
            (unit, int(kept[place]), row | {"value": value, "threshold": asked, "distance": float(distance[place])})
        )
    return found


def _numbers(column: pa.ChunkedArray, feature: str) -> np.ndarray:
    """A column of the ledger as float64, NaN where there is no number: another rule may ask the same value as words."""
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        return column.to_numpy().astype(np.float64)
    return columns.numbers(column.to_pylist(), feature)


def _spread(found: list[_Found], number: int) -> list[Row]:
    """Rows from each source and language in turn, and within each evenly from nearest to farthest value."""
    found = [part for part in found if len(part.places)]
    if not found:
        return []
    parts = [
        pa.table(
            {
                "source": pa.repeat(part.unit[0], len(part.places)),
                "language": part.table["language"].cast(pa.string()).fill_null(""),
                "distance": _distances(part.table),
                "id": part.table["id"],
                "part": np.full(len(part.places), place),
                "row": np.arange(len(part.places)),
            }
        )
        for place, part in enumerate(found)
    ]
    order = [(name, "ascending") for name in ("source", "language", "distance", "id")]
    rows = pa.concat_tables(parts).sort_by(order)
    sizes = rows.group_by(["source", "language"], use_threads=False).aggregate([([], "count_all")])
    groups = sizes["count_all"].to_pylist()
    shares = [0] * len(groups)
    while sum(shares) < min(number, rows.num_rows):
        for group, size in enumerate(groups):
            if shares[group] < size and sum(shares) < number:
                shares[group] += 1
    places: list[int] = []
    start = 0
    for size, share in zip(groups, shares, strict=True):
        places += [start + i for i in dict.fromkeys(np.linspace(0, size - 1, share).astype(int).tolist())]
        start += size
    chosen = rows.select(["part", "row"]).take(pa.array(places, pa.int64()))
    return [found[part].row(row) for part, row in zip(*(c.to_pylist() for c in chosen.columns), strict=True)]


def _distances(table: pa.Table) -> np.ndarray:
    """How far each value is from its threshold; 0 where there is no value, and by the value alone without a threshold."""
    value, threshold = (table[name].cast(pa.float64()).to_numpy() for name in ("value", "threshold"))
    return np.where(np.isnan(value), 0.0, np.where(np.isnan(threshold), -value, np.abs(value - threshold)))


def _shown(rows: list[Row], context: measured.Context, rule: str) -> Iterator[dict]:
    """Documents as people read them, with the other side of a pair."""
    wanted: dict[tuple[str, str], list[int]] = {}
    for unit, place, row in rows:
        if row["stage"] != "extract":
            wanted.setdefault(unit, []).append(place)
    facts = dict(measured.excerpts(context, wanted))
    others = _others({row["duplicate_of"] for _, _, row in rows if row["duplicate_of"]}, context)
    for unit, place, row in rows:
        found = dict(facts.get((*unit, place), {}))
        text = found.pop("text", None)
        ledger = context.records["shards"][unit].folder / "ledger.parquet"
        if text is None:
            found = read_file(ledger, ["locator", "url", "title"], pc.field("id") == row["id"]).to_pylist()[0]
        value = row["value"] if row["value"] is not None else row["detail"]
        yield {
            "source": unit[0],
            "language": row["language"],
            "id": row["id"],
            **{name: found[name] for name in ("locator", "url", "title")},
            "value": value,
            "threshold": row["threshold"],
            "excerpt": None if text is None else measured.shortened(text),
            "cuts": [_cut(text, e) for e in row["edits"] or () if e["rule"] == rule] if text is not None else [],
            "duplicate_of": others.get(row["duplicate_of"]),
        }


def _others(ids: set[str], context: measured.Context) -> dict[str, dict]:
    """Locator and excerpt of the documents that were kept instead."""
    found = {}
    for unit, record in sorted(context.records["shards"].items()) if ids else ():
        names = read_file(record.folder / "ledger.parquet", ["id"])["id"]
        places = np.flatnonzero(np.array(pc.is_in(names, pa.array(sorted(ids), pa.string())))).tolist()
        for _, facts in measured.excerpts(context, {unit: places}) if places else ():
            text = facts.pop("text")
            found[facts["id"]] = {"source": unit[0], **facts, "excerpt": measured.shortened(text)}
    return found


def _cut(text: str, edit: Mapping) -> dict:
    """What was cut or masked, with a little of what stands around it."""
    start, end = edit["start"], edit["end"]
    before = text[max(0, start - CONTEXT_CHARACTERS) : start]
    return {"before": before, "cut": text[start:end], "after": text[end : end + CONTEXT_CHARACTERS]}


def lines(found: Mapping) -> Iterator[str]:
    """The sample for people."""
    n = found["documents"]
    yield f"{found['rule']}: {n['dropped']:,} documents dropped, {n['edited']:,} edited, {n['also_failing']:,} more fail it but were dropped before"
    for name, says in (("dropped", "dropped"), ("passed", "just passed"), ("edited", "edited")):
        if not found[name]:
            continue
        yield f"\n{says}:"
        for document in found[name]:
            yield from _document(document)


def _document(document: Mapping) -> Iterator[str]:
    value, threshold = (measured.said(document[name]) for name in ("value", "threshold"))
    seen = "" if value is None else f"  {value}" + ("" if threshold is None else f" (threshold {threshold})")
    yield f"  {document['source']}  {document['language'] or '-'}  {document['url'] or document['locator']}{seen}"
    for cut in document["cuts"]:
        yield "    " + " ".join(f"{cut['before']}[-{cut['cut']}-]{cut['after']}".split())
    if document["excerpt"] and not document["cuts"]:
        yield f"    {document['excerpt']}"
    if other := document["duplicate_of"]:
        yield f"    kept instead: {other['source']}  {other['locator']}"
        yield f"    {other['excerpt']}"
