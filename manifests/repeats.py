"""What the steps against repeated lines, paragraphs and runs of words do to one unit each (docs/repeats.md).

Five steps, each over all units or over all partitions of hashes, so that no process ever holds more than one of either:
`anchors` (of every document's runs of words), `shared_anchors` (which of them occur again), `passages` (hashes of lines,
paragraphs, and of runs at shared anchors), `repeats` (which of them repeat another one, the first in the order of
preference), `cuts` (where both texts do say the same: spans to be cut).
"""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from gristmill.curation import shards
from gristmill.curation.dedup import passages, preference, repeats, substrings
from gristmill.manifests.dedup_quality import quality_values
from gristmill.manifests.dedup_scope import scope_of
from gristmill.manifests.steps import surviving
from gristmill.manifests.store import Input, Unit

Counts = Mapping[str, object]

VERSION = 1
"""Of these steps; the passages have their own."""

TEXTS = "texts"
"""Key of a file's metadata: where the texts are that it speaks of, as JSON [source, key of extract], or a list of these."""

ANCHOR_SCHEMA = pa.schema([pa.field("hash", pa.uint64(), nullable=False)])

PASSAGE_SCHEMA = pa.schema(
    [
        pa.field("hash", pa.uint64(), nullable=False),
        pa.field("row", pa.uint32(), nullable=False),  # of the unit's texts
        pa.field("first", pa.uint32(), nullable=False),  # the passage's first word, from the text's first
    ]
)
"""A record batch for each partition, by the first bits of the hash."""

DOCUMENT_SCHEMA = pa.schema([pa.field("id", pa.string(), nullable=False), pa.field("quality", pa.float64())])
"""Row i is row i of the unit's texts."""

REPEAT_SCHEMA = pa.schema(
    [
        pa.field("row", pa.uint32(), nullable=False),
        pa.field("first", pa.uint32(), nullable=False),
        pa.field("to", pa.uint32(), nullable=False),  # the unit of the first copy, by its place in the metadata
        pa.field("to_row", pa.uint32(), nullable=False),
        pa.field("to_first", pa.uint32(), nullable=False),
    ]
)


def batches(unit: Unit, columns: Sequence[str] = ()) -> Iterator[tuple[int, pa.Array, pa.RecordBatch]]:
    """The texts of a unit, batch by batch: the first row, the texts that are still kept ("" for others), and columns."""
    alive = surviving(unit)
    start = 0
    for batch in shards.read_batches(unit.path("texts.arrow"), ["text", *columns]):
        here = pa.array(alive[start : start + batch.num_rows])
        yield start, pc.if_else(here, batch.column("text"), ""), batch
        start += batch.num_rows


def _salts(unit: Unit, batch: pa.RecordBatch) -> np.ndarray | None:
    """A number for what each document is compared within; None if that is everything."""
    scope = unit.params["scope"]
    if scope == "all":
        return None
    names = (scope_of(scope, unit.source or "", locator) for locator in batch.column("locator").to_pylist())
    return np.array([xxhash.xxh3_64_intdigest(name.encode()) for name in names], np.uint64)


def _partition_of(hashes: np.ndarray, partitions: int) -> np.ndarray:
    bits = partitions.bit_length() - 1
    return (hashes >> np.uint64(64 - bits)).astype(np.int64) if bits else np.zeros(len(hashes), np.int64)


def _write_partitions(path: Path, schema: pa.Schema, columns: list[np.ndarray], unit: Unit) -> None:
    """Columns, the first of them hashes, as a batch for each partition."""
    partition = _partition_of(columns[0], unit.params["partitions"])
    order = np.argsort(partition, kind="stable")
    edges = np.searchsorted(partition[order], np.arange(unit.params["partitions"] + 1))
    places = [order[begin:end] for begin, end in itertools.pairwise(edges)]
    arrays = ([pa.array(c[p], f.type) for c, f in zip(columns, schema, strict=True)] for p in places)
    metadata = {TEXTS: json.dumps([unit.source, unit.path("texts.arrow").parent.name])}
    shards.write_batches(path, schema, (pa.record_batch(a, schema) for a in arrays), metadata)


def anchors(unit: Unit, out: Path) -> Counts:
    """The anchors of all runs of words: `anchors.arrow`."""
    min_tokens = unit.params["min_tokens"]
    found = [np.zeros(0, np.uint64)]
    for _, texts, batch in batches(unit, ["locator"]):
        of_batch = substrings.anchors(passages.words(texts), min_tokens, _salts(unit, batch))
        found.append(substrings.noted(of_batch, min_tokens))
    hashes = np.concatenate(found)
    _write_partitions(out / "anchors.arrow", ANCHOR_SCHEMA, [hashes], unit)
    return {"anchors": len(hashes)}


def shared_anchors(unit: Unit, out: Path) -> Counts:
    """The anchors of one partition that occur again: `<source>/<unit>/anchors.arrow`, of units that have any."""
    number = unit.params["partition"]
    parts = [shards.read_batch(Path(file.path), number).column("hash").to_numpy() for file in unit.inputs]
    values, counts = zip(*(np.unique(part, return_counts=True) for part in parts), strict=True)
    once = np.concatenate(values)
    twice = [v[n > 1] for v, n in zip(values, counts, strict=True)]
    shared = np.unique(np.concatenate([once[repeats.occurring_again(once)], *twice]))
    for file, of_unit in zip(unit.inputs, values, strict=True):
        here = np.intersect1d(of_unit, shared, assume_unique=True)
        if len(here):
            table = pa.record_batch([pa.array(here)], ANCHOR_SCHEMA)
            shards.write_batches(_of_unit(out, file) / "anchors.arrow", ANCHOR_SCHEMA, [table])
    return {"anchors": sum(map(len, parts)), "shared": len(shared)}


def _of_unit(out: Path, file: Input) -> Path:
    """The folder of a partition's output for the unit that an input is of."""
    _, source, name, _ = file.name.split("/")  # as the run calls it now: the file may have been made under another name
    folder = out / source / name
    folder.mkdir(parents=True)
    return folder


def find_passages(unit: Unit, out: Path) -> Counts:
    """Hashes of what may be repeated: `documents.arrow`, and `lines.arrow`, `paragraphs.arrow`, `substrings.arrow`."""
    p = unit.params
    shared = np.zeros(0, np.uint64)
    if p["substrings"]:
        files = [i.path for i in unit.inputs if i.name.startswith("shared_anchors/")]
        shared = np.sort(np.concatenate([shared, *(_column(path, "hash") for path in files)]))
    columns: dict[str, list[list[np.ndarray]]] = {kind: [] for kind in KINDS if p[kind]}
    for start, texts, batch in batches(unit, ["locator"]):
        found, salts = passages.words(texts), _salts(unit, batch)
        for kind, parts in columns.items():
            if kind == "substrings":
                min_tokens = p[kind]["min_tokens"]
                runs = _chosen(substrings.anchors(found, min_tokens, salts), shared)
                text, first, hashes = substrings.windows(found, runs, min_tokens, salts)
            else:
                of_kind = FIND[kind](found, p[kind]["min_words"], salts)
                text, first, hashes = of_kind.text, of_kind.first, of_kind.hash
            parts.append([hashes, (text + start).astype(np.uint32), first.astype(np.uint32)])
    none = [np.zeros(0, np.uint64), np.zeros(0, np.uint32), np.zeros(0, np.uint32)]
    counts = {}
    for kind, parts in columns.items():
        joined = [np.concatenate(column) for column in zip(none, *parts, strict=True)]
        counts[kind] = len(joined[0])
        _write_partitions(out / f"{kind}.arrow", PASSAGE_SCHEMA, joined, unit)
    _write_documents(unit, out / "documents.arrow")
    return counts


FIND = {"lines": passages.lines, "paragraphs": passages.paragraphs}
KINDS = (*FIND, "substrings")
"""What may be repeated, as the manifest calls it."""


def _chosen(runs: substrings.Anchors, shared: np.ndarray) -> substrings.Anchors:
    """The runs whose anchor is one of the shared ones (sorted)."""
    place = np.minimum(np.searchsorted(shared, runs.value), max(len(shared) - 1, 0))
    here = shared[place] == runs.value if len(shared) else np.zeros(len(runs.value), bool)
    return substrings.Anchors(runs.text[here], runs.first[here], runs.count[here], runs.value[here])


def _write_documents(unit: Unit, path: Path) -> None:
    ids = shards.read_table(unit.path("texts.arrow"), ["id"])["id"].combine_chunks()
    quality = unit.params["quality"]
    values = quality_values(quality, [Path(i.path) for i in unit.inputs]) if quality else pa.nulls(len(ids))
    batch = pa.record_batch([ids, pa.array(values, pa.float64())], DOCUMENT_SCHEMA)
    shards.write_batches(path, DOCUMENT_SCHEMA, [batch])


def _column(path: str | Path, name: str) -> np.ndarray:
    return shards.read_table(Path(path), [name])[name].to_numpy()


def find_repeats(unit: Unit, out: Path) -> Counts:
    """What of one partition repeats something else: `<source>/<unit>/repeats.arrow`, of units that have any."""
    p = unit.params
    kind, number = p["kind"], p["partition"]
    inputs = [i for i in unit.inputs if i.name.endswith(f"/{kind}.arrow")]
    files = [Path(i.path) for i in inputs]
    texts = [json.loads(shards.metadata(path)[TEXTS]) for path in files]
    read = [shards.read_batch(path, number) for path in files]
    hashes, row, first = (_joined([b.column(f.name).to_numpy() for b in read], f.type) for f in PASSAGE_SCHEMA)
    unit_of = np.repeat(np.arange(len(files)), [b.num_rows for b in read])
    del read
    again = repeats.occurring_again(hashes)
    total = len(hashes)
    hashes, row, first, unit_of = (
        hashes[again],
        row[again].astype(np.int64),
        first[again].astype(np.int64),
        unit_of[again],
    )
    documents, document = np.unique(unit_of << 32 | row, return_inverse=True)
    levels = np.array([p["levels"][i.name.split("/")[1]] for i in inputs], np.int64)
    rank = _ranks(documents, files, levels, p["quality"])
    apart, how = p["params"].get("min_tokens", 0), {n: p["params"].get(n, True) for n in ("within", "across")}
    places, leaders = repeats.repeats(hashes, rank[document], first, apart, **how)
    for mine in np.unique(unit_of[places]).tolist():
        here = unit_of[places] == mine
        a, b = places[here], leaders[here]
        others, to = np.unique(unit_of[b], return_inverse=True)
        order = np.lexsort((first[a], row[a]))
        columns = [c[order] for c in (row[a], first[a], to, row[b], first[b])]
        arrays = [pa.array(c, f.type) for c, f in zip(columns, REPEAT_SCHEMA, strict=True)]
        metadata = {TEXTS: json.dumps([texts[other] for other in others])}
        path = _of_unit(out, inputs[mine]) / "repeats.arrow"
        shards.write_batches(path, REPEAT_SCHEMA, [pa.record_batch(arrays, REPEAT_SCHEMA)], metadata)
    return {"passages": total, "repeats": len(places)}


def _joined(parts: list[np.ndarray], dtype: pa.DataType) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype.to_pandas_dtype()), *parts])


def _ranks(documents: np.ndarray, files: list[Path], levels: np.ndarray, by_quality: bool) -> np.ndarray:
    """The order of preference of some documents, given as unit << 32 | row, ascending; `levels` are those of the units."""
    unit_of, rows = documents >> 32, documents & 0xFFFFFFFF
    known = [DOCUMENT_SCHEMA.empty_table()]
    for number in np.unique(unit_of).tolist():
        table = shards.read_table(files[number].parent / "documents.arrow")
        known.append(table.take(pa.array(rows[unit_of == number])))
    about = pa.concat_tables(known)
    quality = about["quality"].fill_null(np.nan).to_numpy() if by_quality else None
    return preference.ranks(levels[unit_of], quality, about["id"])
