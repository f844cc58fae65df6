"""`gristmill sample`: what a rule drops and what it just lets pass, for somebody who wants to see before believing.

Dropped documents are spread over sources, languages and the range of values, from the nearest to the threshold to the
farthest; those that just pass are the kept documents nearest to it. A rule that edits shows what it cut, in its context.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.curation.ledger import read_file, read_rules
from gristmill.curation.rules import Rule, shown, unknown
from gristmill.manifests import measured
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


def sample(loaded: Loaded, place: Place, rule: str, number: int = 20, source: str | None = None) -> dict:
    """What `gristmill sample --json` prints (docs/whatif.md). Raises SettingError for a name that nothing has."""
    context, _ = measured.surveyed(loaded, place, "shards")
    if source is not None and source not in loaded.manifest.sources:
        raise SettingError(unknown("source", source, loaded.manifest.sources, "sources"))
    counts: Counter[str] = Counter()
    dropped: list[Row] = []
    edited: list[Row] = []
    passing: list[Row] = []
    also = 0
    for unit, record in sorted(context.records["shards"].items()):
        if source is not None and unit[0] != source:
            continue
        path = record.folder / "ledger.parquet"
        asked = read_rules(path)
        counts.update(dict.fromkeys(asked, 0))
        feature = asked[rule].feature if rule in asked else "language_score"
        table = read_file(path, list(dict.fromkeys([*COLUMNS, feature])))
        counts.update(table["rule"].drop_null().to_pylist())
        counts.update(edit["rule"] for edits in table["edits"].drop_null().to_pylist() for edit in edits)
        first = pc.fill_null(pc.equal(table["rule"], rule), False)
        dropped += _rows(unit, table, first)
        failed = np.array([rule in found for found in table["failed"].to_pylist()], dtype=bool)
        also += int((failed & ~np.array(first)).sum())
        with_edit = [any(e["rule"] == rule for e in found or ()) for found in table["edits"].to_pylist()]
        edited += _rows(unit, table, pa.array(with_edit, pa.bool_()))
        if rule in asked or rule == "language.min_score":
            passing += _nearest(unit, table, asked.get(rule), feature, number)
    if rule not in counts:
        known = [f"{name} ({n:,})" for name, n in counts.most_common()]
        raise SettingError(unknown("rule", rule, list(counts), "rules").split(": ", 1)[0] + f": {', '.join(known)}")
    passing = sorted(passing, key=lambda r: (r[2]["distance"], r[2]["id"]))[:number]
    chosen = {"dropped": _spread(dropped, number), "passed": passing, "edited": _spread(edited, number)}
    return {
        "rule": rule,
        "documents": {"dropped": len(dropped), "edited": len(edited), "also_failing": also},
        **{name: list(_shown(rows, context, rule)) for name, rows in chosen.items()},
    }


def _rows(unit: tuple[str, str], table: pa.Table, mask: pa.Array) -> list[Row]:
    places = np.flatnonzero(np.array(mask))
    return [(unit, p, row) for p, row in zip(places.tolist(), table.take(pa.array(places)).to_pylist(), strict=True)]


def _nearest(unit: tuple[str, str], table: pa.Table, rule: Rule | None, feature: str, number: int) -> list[Row]:
    """The kept documents of a unit whose value is nearest to the threshold; of a rule over words, in order of id."""
    kept = np.flatnonzero(np.array(pc.equal(table["status"], "kept")))
    table = table.take(pa.array(kept))
    numeric = rule is None or not rule.asks_words
    values = table[feature].to_numpy().astype(float) if numeric else np.zeros(len(kept))
    limits = rule.limits(table) if rule is not None and numeric else np.zeros(len(kept))
    distance = np.where(np.isnan(values), np.inf, np.abs(values - limits))
    order = np.lexsort((np.array(table["id"].to_pylist(), dtype=str), distance))[:number]
    found = []
    for place, row in zip(order.tolist(), table.take(pa.array(order)).to_pylist(), strict=True):
        asked = float(limits[place]) if rule is not None and numeric else rule and shown(rule.threshold)
        seen = {"value": row[feature], "threshold": asked, "distance": float(distance[place])}
        found.append((unit, int(kept[place]), row | seen))
    return found


def _spread(rows: list[Row], number: int) -> list[Row]:
    """Rows from each source and language in turn, and within each evenly from nearest to farthest value."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row[0][0], row[2]["language"] or ""), []).append(row)
    shares = dict.fromkeys(sorted(groups), 0)
    while sum(shares.values()) < min(number, len(rows)):
        for key in shares:
            if shares[key] < len(groups[key]) and sum(shares.values()) < number:
                shares[key] += 1
    chosen = []
    for key, share in shares.items():
        ordered = sorted(groups[key], key=lambda r: (_distance(r[2]), r[2]["id"]))
        chosen += [ordered[i] for i in dict.fromkeys(np.linspace(0, len(ordered) - 1, share).astype(int).tolist())]
    return chosen


def _distance(row: Mapping) -> float:
    if row["value"] is None:
        return 0.0
    return abs(row["value"] - row["threshold"]) if row["threshold"] is not None else -row["value"]


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
    value, threshold = (f"{v:.6g}" if isinstance(v, float) else v for v in (document["value"], document["threshold"]))
    seen = "" if value is None else f"  {value}" + ("" if threshold is None else f" (threshold {threshold})")
    yield f"  {document['source']}  {document['language'] or '-'}  {document['url'] or document['locator']}{seen}"
    for cut in document["cuts"]:
        yield "    " + " ".join(f"{cut['before']}[-{cut['cut']}-]{cut['after']}".split())
    if document["excerpt"] and not document["cuts"]:
        yield f"    {document['excerpt']}"
    if other := document["duplicate_of"]:
        yield f"    kept instead: {other['source']}  {other['locator']}"
        yield f"    {other['excerpt']}"
