"""Why a document was kept or dropped: its ledger row as a story that begins at the raw file.

What only duplicates have to tell, both texts and where they differ, is `removal.py`'s.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from gristmill.curation.dedup import repeat_table
from gristmill.curation.ledger import VERDICT_FIELDS, read_file, read_rules
from gristmill.curation.rules import Rule, shown
from gristmill.tokenizer.buckets import bucket_of

LEAST_DIGITS = 4
"""So many of an id's first digits are looked up: fewer are rather a name."""


class NotFound(Exception):
    """No document answers to what was asked for."""


def explain_document(document: str, runs: Iterable[Path]) -> dict:
    """The ledger row of a document (by id or its first digits, locator or URL) with a story of it, line by line.

    Raises NotFound if none of the runs' ledgers has it, or several documents fit.
    """
    runs = [run for run in runs if (run / "ledger").is_dir()]
    if not runs:
        raise NotFound(
            "no run with a ledger here; run the pipeline first (`gristmill run MANIFEST --until shards`), or give --runs"
        )
    for run in runs:
        found = ledger_rows(run / "ledger", document)
        rows = [row for row, _ in found]
        if len({row["id"] for row in rows}) > 1:
            shown = "\n  ".join(f"{row['id']}  {row['source']}  {row['locator']}" for row in rows[:10])
            raise NotFound(f"{len(rows)} documents of {run} fit {document!r}; give the id of one:\n  {shown}")
        if rows:
            row, path = found[0]
            return {"run": str(run), "unit": path.stem, **row, "story": list(_story(run, row, read_rules(path)))}
    short = re.fullmatch(rf"[0-9a-f]{{1,{LEAST_DIGITS - 1}}}", document)
    remedy = f"of an id give at least {LEAST_DIGITS} digits" if short else "give an id, a locator or a URL"
    raise NotFound(f"no document {document!r} in {', '.join(str(run) for run in runs)}; {remedy} as the ledger has it")


def ledger_rows(ledger: Path, document: str) -> list[tuple[dict, Path]]:
    """The rows that answer to what was asked for, each with its file."""
    query = (pc.field("locator") == document) | (pc.field("url") == document)
    if re.fullmatch(rf"[0-9a-f]{{{LEAST_DIGITS},32}}", document):
        query = query | pc.starts_with(pc.field("id"), document)
    files = sorted(ledger.rglob("*.parquet"))
    return [(row, path) for path in files for row in read_file(path, filters=query).to_pylist()]


def _story(run: Path, row: dict, rules: Mapping[str, Rule]) -> Iterable[str]:
    yield f"document {row['id']}"
    yield f"  source     {row['source']} ({row['kind']})"
    yield f"  locator    {row['locator']}"
    for name in ("url", "title"):
        if row[name]:
            yield f"  {name:<10} {row[name]}"
    if row["language"]:
        yield f"  language   {row['language']} ({row['language_score']:.2f})"
    if bucket := bucket_of(row["id"], run / "buckets" / row["source"]):
        yield f"  bucket     {row['source']}/{bucket}"
    if row["status"] == "kept":
        yield f"kept, in {run / 'shards' / row['source']}"
        if (row["cluster_size"] or 1) > 1:
            yield f"  instead of {row['cluster_size'] - 1} duplicates of it"
        yield from _edits(run, row)
    else:
        numbers = "" if row["value"] is None else f": {row['value']:.6g}"
        if row["threshold"] is not None:
            numbers += f" (threshold {row['threshold']:g})"
        yield f"dropped by {row['stage']}, rule {row['rule']}{numbers}"
        if row.get("detail"):
            yield f"  saw        {row['detail']}"
        if len(row["failed"]) > 1:
            yield "  fails also"
            yield from (_failure(rules[label], row) for label in row["failed"][1:] if label in rules)
        if row["duplicate_of"]:
            yield f"  kept instead: {row['duplicate_of']}"
        yield from _edits(run, row)
    for leak in row.get("leaks") or ():
        yield f"  characters {leak['start']} to {leak['end']}: {leak['words']} of {leak['field_words']} words of"
        yield f"    {leak['benchmark']}, item {leak['item']}, field {leak['field']}"
    known = {field.name for field in VERDICT_FIELDS}
    features = {name: value for name, value in row.items() if name not in known and value is not None}
    if features:
        yield "features"
        for name, value in features.items():
            yield f"  {name:<32} {value:.6g}" if isinstance(value, float) else f"  {name:<32} {value}"


def _edits(run: Path, row: dict) -> Iterable[str]:
    """What was cut or masked, and of a repeated passage, where it stands already."""
    edits = row["edits"] or ()
    repeats = repeat_table.of_document(run / "repeats" / row["source"], row["id"]) if edits else {}
    for edit in edits:
        what = f"masked as {edit['replacement']}" if edit["replacement"] else "cut"
        yield f"  characters {edit['start']} to {edit['end']} {what} by {edit['rule']}"
        if first := repeats.get((edit["rule"], edit["start"], edit["end"])):
            many = (
                f"{first['passages']:,} passages of {first['words']:,} words"
                if first["passages"] > 1
                else f"{first['words']:,} words"
            )
            yield f"    {many}, first in {first['repeats']}, characters {first['repeats_start']} to {first['repeats_end']}"


def _failure(rule: Rule, row: dict) -> str:
    """A line on a rule that a document fails: what it saw, and what it asks for."""
    value = row[rule.feature]
    seen = f"{value:.6g}" if isinstance(value, float) else "none" if value is None else str(value)
    threshold = rule.threshold
    if rule.by_language:
        threshold = float(rule.limits(pa.table({"language": [row["language"]]}))[0])
    return f"    {rule.label:<30} {seen} (asks for {rule.op} {shown(threshold)})"
