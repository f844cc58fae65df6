"""The record of what stands in benchmarks: one row for every passage of a document that was found in an item.

A Parquet file beside each unit's verdicts, `runs/<manifest>/decontamination/`; its metadata says how much of each
benchmark could be found at all.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.curation.benchmark_index import Coverage
from gristmill.curation.decontaminate import Hit, Passage

PASSAGE_FIELDS = [
    pa.field("start", pa.int32(), nullable=False),  # first code point of the extracted text
    pa.field("end", pa.int32(), nullable=False),  # code point after the last
    pa.field("benchmark", pa.string(), nullable=False),  # the file, and the member of an archive
    pa.field("item", pa.int32(), nullable=False),  # its number there, from 0
    pa.field("field", pa.string(), nullable=False),  # of the item: "question", or the column of a CSV file, from 0
    pa.field("words", pa.int32(), nullable=False),  # of the document that stand there
    pa.field("field_words", pa.int32(), nullable=False),  # of that field in all
]

LEAK_TYPE = pa.list_(pa.struct(PASSAGE_FIELDS))
"""The ledger's column `leaks`."""

LEAK_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("locator", pa.string(), nullable=False),
        pa.field("dropped", pa.bool_(), nullable=False),  # false: the passage is cut
        *PASSAGE_FIELDS,
        pa.field("text", pa.string(), nullable=False),  # the beginning of the passage
    ]
)

_SHOWN = 200


def passage_row(passage: Passage) -> dict:
    """A passage as `LEAK_TYPE` has it."""
    return {name: getattr(passage, name) for name in (field.name for field in PASSAGE_FIELDS)}


def rows(ids: Sequence[str], locators: Sequence[str], texts: Sequence[str], hits: Sequence[Hit], dropped: Sequence):
    """The rows of some documents, of which `dropped` are true."""
    for id_, locator, text, hit, gone in zip(ids, locators, texts, hits, dropped, strict=True):
        for p in hit.passages:
            shown = text[p.start : min(p.end, p.start + _SHOWN)]
            yield {"id": id_, "locator": locator, "dropped": bool(gone), **passage_row(p), "text": shown}


def write_leaks(path: Path, found: Iterable[dict], coverage: Mapping[str, Coverage]) -> None:
    """Write the rows with the coverage of each benchmark; equal rows are equal bytes."""
    known = {name: [one.items, one.short, one.common] for name, one in coverage.items()}
    table = pa.Table.from_pylist(list(found), LEAK_SCHEMA).replace_schema_metadata(
        {"gristmill.coverage": json.dumps(known)}
    )
    pq.write_table(table, path, compression="zstd", store_schema=True)


def summary(paths: Iterable[Path]) -> list[dict]:
    """How much of each benchmark file was found, and in how many documents, over all units; members of archives together.

    One dict a file: `benchmark`, `items`, `short` and `common` (items that cannot be found: too few words; nothing but
    prompts), `found` (items), `documents`, `examples` (the items with most words found: member, item, field, words,
    locator).
    """
    coverage: dict[str, list[int]] = {}
    tables = []
    for path in paths:
        table = pq.read_table(path)
        coverage |= json.loads(table.schema.metadata[b"gristmill.coverage"])
        tables.append(table)
    passages = pa.concat_tables(tables).to_pylist() if tables else []
    files: dict[str, dict] = {}
    for name, counts in coverage.items():
        own = files.setdefault(name.split("#")[0], {"items": 0, "short": 0, "common": 0})
        for key, count in zip(("items", "short", "common"), counts, strict=True):
            own[key] += count
    for name, own in files.items():
        here = [p for p in passages if p["benchmark"].split("#")[0] == name]
        own["found"] = len({(p["benchmark"], p["item"]) for p in here})
        own["documents"] = len({p["id"] for p in here})
        best = sorted(here, key=lambda p: (-p["words"], p["benchmark"], p["item"], p["id"], p["start"]))
        own["examples"] = [
            {key: p[key] for key in ("benchmark", "item", "field", "words", "locator")} for p in best[:5]
        ]
    return [{"benchmark": name, **own} for name, own in files.items()]
