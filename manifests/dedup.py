"""The steps `compare` and `dedup`: the texts of documents that may be duplicates, then one verdict file for each unit.

Only documents that the filters kept take part. Whose copy stays is settled by the manifest's `prefer`, then by its
`quality`, or the order of sources in the manifest, then by id: never by the order of files or workers, nor by date.
`manifests/dedup_links.py` says which documents may be duplicates of each other, in parts that are compared one by one.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gristmill.curation import duplicates, minhash, shards
from gristmill.curation.dedup import pair_cache, preference
from gristmill.curation.dedup.banding import DuplicateParams, bands_hit
from gristmill.curation.word_hashes import word_hashes
from gristmill.manifests.dedup_links import MEMBERS, member_schema, signature_rows
from gristmill.manifests.participants import manifest_of
from gristmill.manifests.store import Unit

VERSION = 1

VERDICTS = "duplicates.arrow"
PAIRS = "pairs.parquet"

DECISION_SCHEMA = pa.schema(
    [
        pa.field("unit", pa.int32(), False),
        pa.field("member", pa.int32(), False),
        pa.field("rule", pa.string()),
        pa.field("similarity", pa.float64()),
        pa.field("threshold", pa.float64()),
        pa.field("duplicate_of", pa.string()),
        pa.field("bands_hit", pa.int32()),
        pa.field("cluster_size", pa.int32()),
    ]
)
"""What `compare` decides of each document of its part, by unit, then member."""

DUPLICATE_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("rule", pa.string()),  # dedup.exact, dedup.url or dedup.near; null: no duplicate, or not looked at
        pa.field("value", pa.float64()),  # similarity to the document kept instead; null for dedup.url
        pa.field("threshold", pa.float64()),
        pa.field("duplicate_of", pa.string()),  # id of the document kept instead
        pa.field("cluster_size", pa.int32()),  # of a kept document: itself and those dropped in its favour
    ]
)

COLUMNS = {name: {"value": "similarity"}.get(name, name) for name in DUPLICATE_SCHEMA.names if name != "id"}
"""Column of a verdict -> column of a decision."""

PAIR_SCHEMA = pa.schema(
    [
        pa.field("removed", pa.string(), nullable=False),
        pa.field("kept", pa.string(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("similarity", pa.float64()),  # exact; null for dedup.url
        pa.field("threshold", pa.float64()),  # null for dedup.url
        pa.field("bands_hit", pa.int32()),  # bands of the signatures that agree; null without signatures
    ]
)


@dataclass
class Part:
    """Documents that are compared among themselves, as columns."""

    unit: np.ndarray  # int32[N], index into the step's units
    member: np.ndarray  # int32[N], row of the unit's members
    row: np.ndarray  # int64[N], row of the unit's texts
    table: pa.Table  # the members
    signatures: np.ndarray | None  # uint32[N, num_perm]
    order: np.ndarray  # int64[N]: rank of preference, smaller is better
    texts: list[Path]  # texts.arrow of each unit


def compare(unit: Unit, out: Path) -> Mapping[str, object]:
    """Decides all documents of a part: which stay, and what each other one repeats."""
    params = unit.params
    near = DuplicateParams(**params["near"]) if params["near"] else None
    part = _part(unit)
    pairs, read = None, Counter()
    if near and unit.settings.get("pairs"):
        where = pair_cache.folder(Path(unit.settings["pairs"]), params["ngram_words"])
        pairs = pair_cache.Pairs(where, pair_cache.halves(part.table["content_hash"]), near.measure)

    def shingles_of(some: np.ndarray) -> list[np.ndarray]:
        read["texts_read"] += len(some)
        return _shingles(part, some, params["ngram_words"])

    resolved = duplicates.resolve(
        part.table["content_hash"],
        part.signatures,
        part.order,
        part.table["scope"].combine_chunks().dictionary_encode().indices.to_numpy(),
        shingles_of,
        near,
        params["exact"],
        part.table["page"] if params["url"] else None,
        pairs,
    )
    if pairs:
        pairs.save()
    shards.write_flat(out / "decisions.arrow", _decisions(part, resolved, near))
    return {"compared": resolved.num_rows, "texts_read": read["texts_read"]}


def _part(unit: Unit) -> Part:
    """The documents of a part, from the units that hold them."""
    params = unit.params
    inputs = {i.name.split("/", 1)[1]: Path(i.path) for i in unit.inputs}
    chosen = shards.read_flat(unit.path(params["part"]))
    number, member = chosen["unit"].to_numpy(), chosen["member"].to_numpy()
    tables, signatures = [member_schema(params["num_perm"]).empty_table()], []
    for source, name in [params["units"][i] for i in np.unique(number)]:
        members = shards.read_flat(inputs[f"{source}/{name}/{MEMBERS}"])
        rows = member[number == params["units"].index([source, name])]
        tables.append(members.take(pa.array(rows)))
        signatures.append(signature_rows(members, rows))
    table = pa.concat_tables(tables).drop_columns(["signature"])
    levels = np.array([params["levels"][source] for source, _ in params["units"]], np.int64)[number]
    quality = table["quality"].to_numpy() if params["quality"] else None
    return Part(
        number,
        member,
        table["row"].to_numpy().astype(np.int64),
        table,
        np.concatenate(signatures) if params["near"] and signatures else None,
        preference.ranks(levels, quality, table["id"]),
        [inputs[f"{source}/{name}/texts.arrow"] for source, name in params["units"]],
    )


def _shingles(part: Part, indices: np.ndarray, ngram_words: int) -> list[np.ndarray]:
    """The shingle hashes of some documents, in the order asked for; only the batches that hold them are read."""
    found: list[np.ndarray] = [np.zeros(0, np.uint64)] * len(indices)
    units = part.unit[indices]
    for number in np.unique(units):
        places = np.flatnonzero(units == number)
        texts = shards.take(part.texts[number], part.row[indices[places]], "text")
        hashes, offsets = minhash.shingles(*word_hashes(texts), ngram_words)
        for position, place in enumerate(places):
            found[place] = hashes[offsets[position] : offsets[position + 1]]
    return found


def _decisions(part: Part, resolved: pa.Table, near: DuplicateParams | None) -> pa.Table:
    kept_instead = resolved["duplicate_of"].combine_chunks()
    ids = part.table["id"].combine_chunks()
    hit = pa.nulls(resolved.num_rows, pa.int32())
    if near and part.signatures is not None:
        removed = np.array(kept_instead.is_valid())
        other = kept_instead.fill_null(0).to_numpy()
        counted = np.zeros(len(other), np.int32)
        counted[removed] = bands_hit(part.signatures[removed], part.signatures[other[removed]], near)
        hit = pa.array(counted, mask=~removed)
    rule, thresholds = resolved["rule"], {"exact": 1.0, "near": near and near.min_similarity}
    columns = {
        "unit": pa.array(part.unit),
        "member": pa.array(part.member),
        "rule": pc.if_else(rule.is_valid(), pc.binary_join_element_wise("dedup", rule, "."), None),
        "similarity": resolved["similarity"],
        "threshold": pa.array([thresholds.get(name) for name in rule.to_pylist()], pa.float64()),
        "duplicate_of": ids.take(kept_instead),
        "bands_hit": hit,
        "cluster_size": resolved["cluster_size"],
    }
    return pa.table(columns).cast(DECISION_SCHEMA)


def dedup(unit: Unit, out: Path) -> Mapping[str, object]:
    """A unit's verdicts, one row for each of its texts, and the pairs behind them, one row for each document that goes."""
    ids = shards.read_table(unit.path("verdicts.arrow"), ["id"])["id"]
    members = shards.read_flat(unit.path(MEMBERS))
    decided = _of_unit(unit)
    member, rows = decided["member"].to_numpy(), members["row"].to_numpy()
    assert len(np.unique(member)) == len(member), "two parts decided one document"
    # What is in no part shares nothing with anybody: kept, alone. What the filters dropped has no row.
    place = np.full(len(ids), -1)
    place[rows] = len(member)
    place[rows[member]] = np.arange(len(member))
    alone = pa.Table.from_pylist([{"unit": 0, "member": 0, "cluster_size": 1}], decided.schema)
    spread = pa.concat_tables([decided, alone]).take(pa.array(place, pa.int64(), mask=place < 0))
    columns = {"id": ids} | {name: spread[column] for name, column in COLUMNS.items()}
    table = pa.table(columns).cast(DUPLICATE_SCHEMA).combine_chunks()
    shards.write_batches(out / VERDICTS, DUPLICATE_SCHEMA, table.to_batches(shards.MAX_BATCH_DOCUMENTS))
    _write_pairs(out / PAIRS, members["id"].take(pa.array(member)), decided)
    dropped = dict(sorted(Counter(decided["rule"].drop_null().to_pylist()).items()))
    counts = {"documents": len(rows), "kept": len(rows) - sum(dropped.values())}
    return {"others": counts} if manifest_of(unit.source or "") else {**counts, "dropped": dropped}


def _write_pairs(path: Path, ids: pa.ChunkedArray, decided: pa.Table) -> None:
    columns = {"removed": ids, "kept": decided["duplicate_of"], "rule": decided["rule"]}
    columns |= {name: decided[name] for name in ("similarity", "threshold", "bands_hit")}
    pairs = pa.table(columns).filter(decided["rule"].is_valid()).sort_by("removed")
    pq.write_table(pairs.cast(PAIR_SCHEMA), path, compression="zstd")


def _of_unit(unit: Unit) -> pa.Table:
    """What all parts decided of one unit's documents."""
    found, number = [DECISION_SCHEMA.empty_table()], unit.params["number"]
    for file in unit.inputs:
        if file.name.endswith("/decisions.arrow"):
            table = shards.read_flat(Path(file.path))
            low, high = np.searchsorted(table["unit"].to_numpy(), [number, number + 1])
            found.append(table.slice(low, high - low))
    return pa.concat_tables(found)
