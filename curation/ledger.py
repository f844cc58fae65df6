"""Contract 3, the ledger: one row for every document that was ever read, with its features and its verdict."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gristmill.curation.edits import EDIT_TYPE, Edit

LEDGER_VERSION = 3

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
    pa.field("duplicate_of", pa.string()),  # id of the document that was kept instead
    pa.field("cluster_size", pa.int32()),  # of a kept document: itself and those dropped in its favour
    pa.field("language", pa.string()),
    pa.field("language_score", pa.float32()),
    pa.field("content_hash", pa.string()),
    pa.field("edits", EDIT_TYPE),  # what was cut or masked in a kept document
    # How often something was masked in it; null where nobody looked: in dropped documents, and without `curate.pii`.
    *(pa.field(name, pa.int32()) for name in PII_COUNTS),
]
"""Columns that every ledger has; the features of `curation/features.py` follow, null where there was no text."""


def ledger_schema(features: pa.Schema) -> pa.Schema:
    """The ledger's columns when documents were measured as `features`."""
    return pa.schema(VERDICT_FIELDS + [f.with_nullable(True) for f in features])


def write_ledger(path: Path, table: pa.Table) -> None:
    """Write a ledger file; equal rows are equal bytes."""
    table = table.replace_schema_metadata({"gristmill.version": str(LEDGER_VERSION)})
    pq.write_table(table, path, compression="zstd", row_group_size=65_536, store_schema=True)


def read_ledger(folder: Path, columns: list[str] | None = None, filters=None) -> pa.Table:
    """All ledger files under a folder (`runs/<manifest>/ledger` or one source's) as one table, in order of path."""
    tables = [pq.read_table(path, columns=columns, filters=filters) for path in sorted(folder.rglob("*.parquet"))]
    return pa.concat_tables(tables) if tables else pa.table({})


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
