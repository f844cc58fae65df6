"""What each curation step does to one unit: read its inputs, call the stage's plain function, write its files.

Every function takes the unit and an empty folder, and gives the unit's counts. Row i of a unit's files is the same
document in each of them, from `texts.arrow` on.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.curation import decontaminate as decontamination
from gristmill.curation import features, language, leaks, ledger, minhash, own, pii, shards
from gristmill.curation.decontaminate import DecontaminateParams
from gristmill.curation.dedup import repeat_table
from gristmill.curation.documents import DOCUMENT_SCHEMA, ReadOptions, content_hash
from gristmill.curation.edits import EDIT_TYPE, Edit, apply
from gristmill.curation.extract import RawPiece, params_class
from gristmill.curation.extract import extract as extract_files
from gristmill.curation.feature_table import FEATURES
from gristmill.curation.leaks import LEAK_TYPE
from gristmill.curation.minhash import SignatureParams
from gristmill.curation.pii import PiiParams
from gristmill.curation.raw_files import opened
from gristmill.manifests import own_code, quality_steps
from gristmill.manifests.store import Unit

Counts = Mapping[str, object]

SHARD_VERSION = 5
"""Of what `shard` itself does: joining verdicts, applying edits, writing the ledger."""

SPAN_TYPE = pa.list_(pa.struct([pa.field("start", pa.int32()), pa.field("end", pa.int32())]))

VERDICT_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("rule", pa.string()),  # null: passed
        pa.field("value", pa.float64()),
        pa.field("threshold", pa.float64()),
    ]
)


def extract(unit: Unit, out: Path) -> Counts:
    """Bytes to texts."""
    p = unit.params
    paths = {i.name.removeprefix("raw/"): i.path for i in unit.inputs if i.name.startswith("raw/")}
    pieces = [RawPiece(piece["file"], paths[piece["file"]], piece["start"], piece["end"]) for piece in p["pieces"]]
    if ":" in p["kind"]:
        read = own.reader(p["kind"], own_code.of_unit(p["kind"], unit.inputs))
        options = ReadOptions(p["format"], p["columns"], p["read"])
        return extract_files(pieces, unit.source or "", p["kind"], options, p["licence"], out, read)
    params = params_class(p["kind"])
    options = ReadOptions(p["format"], p["columns"], params(**p["read"]) if params else None)
    return extract_files(pieces, unit.source or "", p["kind"], options, p["licence"], out)


def measure(unit: Unit, out: Path) -> Counts:
    """Texts to features, language and signatures, in one pass over each batch."""
    conforms_to = unit.params["conformance"].split()[0] if "conformance" in unit.params else None
    signature = SignatureParams(**unit.params["signature"]) if unit.params["signature"] else None
    model = next((Path(i.path) for i in unit.inputs if i.name == "language_model"), None)
    schema = pa.schema(
        [
            pa.field("id", pa.string()),
            pa.field("language", pa.string()),
            pa.field("language_score", pa.float32()),
            pa.field("content_hash", pa.string()),
            pa.field("num_bytes", pa.int64()),
            *FEATURES,
            pa.field("cuts_fineweb", SPAN_TYPE),
            pa.field("cuts_c4", SPAN_TYPE),
            pa.field("cuts_dclm", SPAN_TYPE),
        ]
    )
    signature_schema = pa.schema([pa.field("id", pa.string()), pa.field("signature", pa.binary())])
    signatures: list[pa.RecordBatch] = []

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in shards.read_batches(unit.path("texts.arrow"), ["id", "text"]):
            texts = batch.column("text")
            strings = texts.to_pylist()
            labels, scores = language.identify(strings, model) if unit.params["language"] else (None, None)
            measured = features.measure(texts, labels, unit.params["variants"], conforms_to)
            n = batch.num_rows
            columns = [
                batch.column("id"),
                pa.array(labels, pa.string()) if labels is not None else pa.nulls(n, pa.string()),
                pa.array(scores, pa.float32()) if scores is not None else pa.nulls(n, pa.float32()),
                pa.array([content_hash(s) for s in strings]),
                pc.binary_length(texts).cast(pa.int64()),
                *(measured.table[name].combine_chunks() for name in FEATURES.names),
                measured.cuts.cast(SPAN_TYPE),
                measured.cuts_c4.cast(SPAN_TYPE),
                measured.cuts_dclm.cast(SPAN_TYPE),
            ]
            if signature:
                hashes, offsets = minhash.shingles(measured.word_hashes, measured.word_offsets, signature.ngram_words)
                rows = minhash.signatures(hashes, offsets, signature)
                # A document without a word has no signature: null, so that two of them are never near duplicates.
                empty = np.diff(offsets) == 0
                values = [None if e else row.tobytes() for e, row in zip(empty, rows, strict=True)]
                signatures.append(
                    pa.record_batch([batch.column("id"), pa.array(values, pa.binary())], signature_schema)
                )
            yield pa.record_batch(columns, schema)

    rows = shards.write_batches(out / "features.arrow", schema, batches())
    if signature:
        shards.write_batches(out / "signatures.arrow", signature_schema, signatures)
    return {"documents": rows, "kept": rows, "dropped": {}}


def _verdict_counts(rules: list[str | None]) -> Counts:
    dropped = Counter(rule for rule in rules if rule)
    return {
        "documents": len(rules),
        "kept": len(rules) - dropped.total(),
        "dropped": dict(sorted(dropped.items())),
    }


@lru_cache(maxsize=2)
def _benchmarks(files: tuple[tuple[str, str, str], ...], ngram_words: int) -> decontamination.Index:
    """The index of the benchmark files (name, path, digest): once in a process, not once in a unit."""
    streams = [(name, opened(path)) for name, path, _ in files]
    try:
        return decontamination.build_index(streams, ngram_words)
    finally:
        for _, stream in streams:
            stream.close()


def decontaminate(unit: Unit, out: Path) -> Counts:
    """Texts that are still kept, against the benchmarks: verdicts, and the passages to cut."""
    params = DecontaminateParams(**unit.params["decontaminate"])
    files = tuple(
        (i.name.removeprefix("benchmark/"), i.path, i.digest) for i in unit.inputs if i.name.startswith("benchmark/")
    )
    index = _benchmarks(files, params.ngram_words)
    schema = pa.schema([*VERDICT_SCHEMA, pa.field("cuts", SPAN_TYPE), pa.field("leaks", LEAK_TYPE)])
    alive = surviving(unit)
    rules: list[str | None] = []
    found: list[dict] = []
    documents: Counter[str] = Counter()

    def batches() -> Iterator[pa.RecordBatch]:
        start = 0
        for batch in shards.read_batches(unit.path("texts.arrow"), ["id", "locator", "text"]):
            here = alive[start : start + batch.num_rows]
            start += batch.num_rows
            texts = [t if a else "" for t, a in zip(batch.column("text").to_pylist(), here, strict=True)]
            hits = decontamination.find(texts, index)
            verdicts = decontamination.judge(hits, params)
            dropped = verdicts["rule"].to_pylist()
            rules.extend(dropped)
            ids, locators = (batch.column(name).to_pylist() for name in ("id", "locator"))
            found.extend(leaks.rows(ids, locators, texts, hits, dropped))
            for hit in hits:
                documents.update({passage.benchmark for passage in hit.passages})
            yield pa.record_batch(
                [
                    batch.column("id"),
                    *(verdicts[name].combine_chunks() for name in ("rule", "value", "threshold")),
                    pa.array([[{"start": a, "end": b} for a, b in hit.cuts] for hit in hits], SPAN_TYPE),
                    pa.array([[*map(leaks.passage_row, hit.passages)] or None for hit in hits], LEAK_TYPE),
                ],
                schema,
            )

    shards.write_batches(out / "hits.arrow", schema, batches())
    leaks.write_leaks(out / "leaks.parquet", found, index.coverage)
    counts = _verdict_counts([r for r, a in zip(rules, alive, strict=True) if a])
    return {**counts, "leaked_documents": dict(sorted(documents.items()))}


def surviving(unit: Unit, including: bool = False) -> np.ndarray:
    """bool[N]: the rows of a unit's texts that no earlier step has dropped (with `including`, nor decontamination)."""
    files = ["verdicts.arrow", "duplicates.arrow"] + (["hits.arrow"] if including else [])
    alive: np.ndarray | None = None
    for file in files:
        if any(i.name.endswith("/" + file) for i in unit.inputs):
            passed = np.array(shards.read_table(unit.path(file), ["rule"])["rule"].is_null())
            alive = passed if alive is None else alive & passed
    assert alive is not None
    return alive


def shard(unit: Unit, out: Path) -> Counts:
    """Kept documents with their edits applied, and the ledger of every document that the unit read."""
    measured = shards.read_table(unit.path("features.arrow"))
    verdicts = _verdicts(unit, measured.num_rows)
    cut_column = unit.params["cut_lines"]
    lines = measured[f"cuts_{cut_column}"].to_pylist() if cut_column else None
    line_rule = "dclm.line" if cut_column == "dclm" else "c4.line"
    leaked = (
        shards.read_table(unit.path("hits.arrow"), ["cuts"])["cuts"].to_pylist() if _has(unit, "hits.arrow") else None
    )
    repeated = (
        repeat_table.read(unit.path(repeat_table.FILE), measured.num_rows) if _has(unit, repeat_table.FILE) else None
    )
    masks = PiiParams(**unit.params["pii"]) if unit.params["pii"] else None
    known = measured.select(["language", "language_score", "content_hash"]).to_pylist()
    edits: list[list[Edit] | None] = [None] * measured.num_rows
    kept_bytes = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal kept_bytes
        start = 0
        for batch in shards.read_batches(unit.path("texts.arrow")):
            batcher = shards.Batcher(DOCUMENT_SCHEMA)
            for row, text_row in enumerate(batch.to_pylist(), start):
                if verdicts[row]["rule"]:
                    continue
                text = text_row["text"]
                edits[row] = [
                    *(Edit(s["start"], s["end"], "", line_rule) for s in (lines[row] if lines else ())),
                    *(Edit(s["start"], s["end"], "", s["rule"]) for s in (repeated[row] if repeated else ())),
                    *(Edit(s["start"], s["end"], "", "decontaminate") for s in (leaked[row] if leaked else ())),
                    *(pii.find(text, masks) if masks else ()),
                ]
                text_row["text"] = apply(text, edits[row])
                if not text_row["text"]:
                    verdicts[row] = {"stage": "shards", "rule": "empty_after_edits"}
                    continue
                text_row |= known[row]
                size = len(text_row["text"].encode())
                kept_bytes += size
                yield from batcher.add(text_row, size)
            yield from batcher.flush()
            start += batch.num_rows

    kept = shards.write_batches(out / "shard.arrow", DOCUMENT_SCHEMA, batches(), {"source": unit.source or ""})
    table = _ledger(unit, measured, verdicts, edits)
    ledger.write_ledger(out / "ledger.parquet", table, shards.metadata(unit.path("values.arrow"))[ledger.RULES])
    counts = {**ledger.verdict_counts(table), "bytes": kept_bytes, "shard_documents": kept}
    counts |= {"cut": ledger.cut_counts(table)} if repeated is not None else {}
    return counts | ({"masked": ledger.masked_counts(table)} if masks else {})


def _has(unit: Unit, file: str) -> bool:
    return any(i.name.endswith("/" + file) for i in unit.inputs)


def _verdicts(unit: Unit, rows: int) -> list[dict]:
    """For each text, what dropped it first (stage, rule, value, threshold, duplicate_of), or what is known of a kept one."""
    verdicts: list[dict] = [{"rule": None} for _ in range(rows)]
    for stage, file in (
        ("filter", "verdicts.arrow"),
        ("dedup", "duplicates.arrow"),
        ("decontaminate", "hits.arrow"),
    ):
        if not _has(unit, file):
            continue
        for row, verdict in enumerate(shards.read_table(unit.path(file)).to_pylist()):
            if verdicts[row]["rule"]:
                continue
            if verdict.get("cluster_size"):
                verdicts[row]["cluster_size"] = verdict["cluster_size"]
            if verdict.get("leaks"):
                verdicts[row]["leaks"] = verdict["leaks"]
            if verdict["rule"]:
                names = ("rule", "value", "threshold", "detail", "duplicate_of", "leaks")
                verdicts[row] = {"stage": stage, **{name: verdict.get(name) for name in names}}
    return verdicts


def _ledger(unit: Unit, measured: pa.Table, verdicts: list[dict], edits: list[list[Edit] | None]) -> pa.Table:
    """The unit's ledger: its texts in order, then the documents without one."""
    texts = shards.read_table(unit.path("texts.arrow"), ["id", "source", "kind", "locator", "url", "title"])
    seen = shards.read_table(unit.path("values.arrow"))
    values = pa.schema([field for field in seen.schema if field.name not in ("id", "failed")])
    rows = len(verdicts)
    spans = [
        [{"start": e.start, "end": e.end, "replacement": e.replacement, "rule": e.rule} for e in edit] if edit else None
        for edit in edits
    ]
    found = [ledger.pii_counts(edit) if edit is not None and unit.params["pii"] else {} for edit in edits]
    columns = {
        **{name: texts[name] for name in texts.column_names},
        "status": pa.array(["dropped" if v["rule"] else "kept" for v in verdicts], pa.string()),
        **{
            name: pa.array([v.get(name) for v in verdicts], _ledger_type(name))
            for name in ("stage", "rule", "value", "threshold", "detail", "duplicate_of", "cluster_size", "leaks")
        },
        **{name: measured[name] for name in ("language", "language_score", "content_hash")},
        "failed": _failed(verdicts, seen["failed"].to_pylist()),
        "edits": pa.array(spans, EDIT_TYPE),
        **{name: pa.array([one.get(name) for one in found], pa.int32()) for name in ledger.PII_COUNTS},
        **{name: measured[name] for name in FEATURES.names},
        **{name: seen[name] for name in values.names},
    }
    names = unit.params.get("scores", [])
    columns |= {name: pa.nulls(rows, pa.float64()) for name in names} | quality_steps.scores_of(unit)
    measured_or_scored = pa.schema([*FEATURES, *map(quality_steps.score_field, names)])
    schema = ledger.ledger_schema(measured_or_scored, values)
    with_text = pa.table(columns).select(schema.names).cast(schema)
    assert with_text.num_rows == rows
    lost = shards.read_table(unit.path("dropped.arrow"))
    without_text = {
        **{name: lost[name] for name in ("id", "source", "kind", "locator", "url", "title", "rule", "value", "detail")},
        "status": pa.array(["dropped"] * lost.num_rows, pa.string()),
        "stage": pa.array(["extract"] * lost.num_rows, pa.string()),
        "failed": pa.array([[rule] for rule in lost["rule"].to_pylist()], pa.list_(pa.string())),
    }
    filled = [without_text.get(f.name, pa.nulls(lost.num_rows, f.type)) for f in schema]
    return pa.concat_tables([with_text, pa.table(filled, names=schema.names).cast(schema)]).combine_chunks()


def _failed(verdicts: list[dict], by_filter: list[list[str]]) -> pa.Array:
    """All rules that a document fails: those of the filters, or the one of a later step that dropped it."""
    rows = [
        [v["rule"]] if v["rule"] and v["stage"] != "filter" else failed
        for v, failed in zip(verdicts, by_filter, strict=True)
    ]
    return pa.array(rows, pa.list_(pa.string()))


def _ledger_type(name: str) -> pa.DataType:
    return next(f.type for f in ledger.VERDICT_FIELDS if f.name == name)
