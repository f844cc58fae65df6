"""Contract 3, the ledger: one row for every document that was ever read, with its features and its verdict."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gristmill.curation.columns import SCORES
from gristmill.curation.edits import EDIT_TYPE, Edit
from gristmill.curation.feature_table import FEATURES
from gristmill.curation.leaks import LEAK_TYPE
from gristmill.curation.rules import Rule

LEDGER_VERSION = 5

PII_COUNTS = {
    "num_pii_email": "pii.email",
    "num_pii_ip": "pii.ip",
    "num_pii_phone": "pii.phone",
    "num_pii_credit_card": "pii.credit_card",
    "num_pii_secrets": "secret.",
}
"""Columns that count edits, and how the rules of these edits begin."""

DOCUMENT_FIELDS = [
    pa.field("id", pa.string(), nullable=False),
    pa.field("source", pa.string(), nullable=False),
    pa.field("kind", pa.string(), nullable=False),
    pa.field("locator", pa.string(), nullable=False),
    pa.field("url", pa.string()),
    pa.field("title", pa.string()),
]
"""What is known of every document, whether its text could be had or not."""

VERDICT_FIELDS = [
    *DOCUMENT_FIELDS,
    pa.field("status", pa.string(), nullable=False),  # kept | dropped
    pa.field("stage", pa.string()),  # the step that dropped it: extract, filter, dedup, decontaminate or shards
    pa.field("rule", pa.string()),  # the rule that dropped it
    pa.field("value", pa.float64()),  # what the rule saw
    pa.field("threshold", pa.float64()),  # what the rule asks for
    pa.field("detail", pa.string()),  # what a rule over words saw, or how a function of its author's failed
    pa.field("failed", pa.list_(pa.string()), nullable=False),  # all rules that it fails, in order: the first is `rule`
    pa.field("duplicate_of", pa.string()),  # id of the document that was kept instead
    pa.field("cluster_size", pa.int32()),  # of a kept document: itself and those dropped in its favour
    pa.field("language", pa.string()),
    pa.field("language_score", pa.float32()),
    pa.field("content_hash", pa.string()),
    pa.field("leaks", LEAK_TYPE),  # what of it stands in benchmarks; null where nothing does, or nobody looked
    pa.field("edits", EDIT_TYPE),  # what was cut or masked in a kept document
    # How often something was masked in it; null where nobody looked: in dropped documents, and without `curate.pii`.
    *(pa.field(name, pa.int32()) for name in PII_COUNTS),
]
"""Columns that every ledger has. The features of `curation/features.py` follow, then the values of other features that
the source's rules ask about, under the feature's own name; all are null where there was no text."""

RULES = "gristmill.rules"
"""Key of a ledger file's metadata: the rules that its documents were judged by, as JSON (`rules_json`)."""


def is_column(feature: str) -> bool:
    """Whether every ledger of a run has a column for a feature, whatever the rules ask."""
    fixed = feature in FEATURES.names or any(field.name == feature for field in VERDICT_FIELDS)
    return fixed or feature.startswith(SCORES)


def ledger_schema(features: pa.Schema, values: Iterable[pa.Field] = ()) -> pa.Schema:
    """The ledger's columns when documents were measured as `features`, and rules saw `values` beside them."""
    return pa.schema(VERDICT_FIELDS + [f.with_nullable(True) for f in [*features, *values]])


def rules_json(rules: Iterable[Rule]) -> str:
    """Rules as the metadata of a file has them: a list of mappings with the fields of `Rule`."""
    return json.dumps([asdict(rule) for rule in rules])


def read_rules(path: Path) -> dict[str, Rule]:
    """The rules of a ledger file by label."""
    metadata = pq.read_schema(path).metadata or {}
    rules = [Rule(**fields) for fields in json.loads(metadata.get(RULES.encode(), b"[]"))]
    return {rule.label: rule for rule in rules}


def write_ledger(path: Path, table: pa.Table, rules: str = "[]") -> None:
    """Write a ledger file; equal rows are equal bytes. `rules`: as `rules_json` gives them."""
    table = table.replace_schema_metadata({"gristmill.version": str(LEDGER_VERSION), RULES: rules})
    pq.write_table(table, path, compression="zstd", row_group_size=65_536, store_schema=True)


def read_ledger(folder: Path | str, columns: list[str] | None = None, filters: pc.Expression | None = None) -> pa.Table:
    """All ledger files under a folder (`runs/<manifest>/ledger` or one source's) as one table, in order of path.

    A column that some files lack is null in their rows; one that is a number here and words there is words.
    """
    return unified([read_file(path, columns, filters) for path in sorted(Path(folder).rglob("*.parquet"))])


def read_file(path: Path, columns: Sequence[str] | None = None, filters: pc.Expression | None = None) -> pa.Table:
    """One ledger file; a column that it does not have is null."""
    if columns is None:
        return pq.read_table(path, filters=filters)
    has = set(pq.read_schema(path).names)
    # `id` is read with them: a table without columns would forget how many rows it has.
    table = pq.read_table(path, columns=["id", *sorted(has & {*columns} - {"id"})], filters=filters)
    nulls = pa.nulls(table.num_rows)
    return pa.table([table[name] if name in has else nulls for name in columns], names=list(columns))


def unified(tables: Sequence[pa.Table]) -> pa.Table:
    """Tables with different columns as one; an empty table of none."""
    words = {f.name for table in tables for f in table.schema if f.type == pa.string()}
    mixed = [
        pa.schema([f.with_type(pa.string()) if f.name in words else f for f in t.schema.remove_metadata()])
        for t in tables
    ]
    cast = [table.cast(schema) for table, schema in zip(tables, mixed, strict=True)]
    return pa.concat_tables(cast, promote_options="default") if tables else pa.table({})


def pii_counts(edits: Iterable[Edit]) -> dict[str, int]:
    """How many edits of a document are of each kind of personal data."""
    rules = [edit.rule for edit in edits]
    return {name: sum(rule.startswith(begin) for rule in rules) for name, begin in PII_COUNTS.items()}


def verdict_counts(table: pa.Table) -> Mapping[str, object]:
    """Counts of a ledger: documents, kept, dropped per rule (in order of name)."""
    statuses = table["status"].to_pylist()
    dropped: dict[str, int] = {}
    for status, rule in zip(statuses, table["rule"].to_pylist(), strict=True):
        if status == "dropped":
            dropped[rule] = dropped.get(rule, 0) + 1
    return {
        "documents": len(statuses),
        "kept": statuses.count("kept"),
        "dropped": dict(sorted(dropped.items())),
    }


def masked_counts(table: pa.Table) -> dict[str, int]:
    """How often each kind of personal data was masked in the kept documents of a ledger; kinds without a find left out."""
    kept = table.filter(pc.equal(table["status"], "kept"))
    sums = {name.removeprefix("num_pii_"): pc.sum(kept[name]).as_py() for name in PII_COUNTS}
    return {kind: number for kind, number in sums.items() if number}


def cut_counts(table: pa.Table) -> dict[str, int]:
    """How many cuts of each rule against repeated passages (`dedup.line` ...) the kept documents of a ledger have."""
    kept = table.filter(pc.equal(table["status"], "kept"))["edits"].combine_chunks()
    rules = pc.struct_field(pc.list_flatten(kept), "rule")
    found = pc.value_counts(rules.filter(pc.starts_with(rules, "dedup."))).to_pylist()
    return {one["values"]: one["counts"] for one in sorted(found, key=lambda one: one["values"])}
