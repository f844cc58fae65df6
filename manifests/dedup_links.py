"""Which documents may be duplicates of each other, found without holding all of them: steps `links`, `edges`, `components`.

`links` looks at one unit, `edges` at one range of keys over all units, and `components` at nothing but numbers: it needs
8 bytes in a file for each document of the corpus, and some 60 for each that is tied to another. What comes out is parts
of documents that have nothing to do with each other, for the step `compare` (`manifests/dedup.py`). The files of these
steps are Arrow, uncompressed, and read where they lie.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from gristmill.curation import minhash, shards
from gristmill.curation.dedup import banding, links, pair_cache
from gristmill.curation.dedup.banding import DuplicateParams
from gristmill.curation.urls import url_key
from gristmill.manifests.dedup_quality import quality_values
from gristmill.manifests.dedup_scope import scope_of
from gristmill.manifests.participants import bare
from gristmill.manifests.store import Unit

MEMBERS = "members.arrow"
LINKS = "links.arrow"

LINK_SCHEMA = pa.schema([pa.field("key", pa.uint64(), False), pa.field("member", pa.int32(), False)])
EDGE_SCHEMA = pa.schema([pa.field("document", pa.int64(), False), pa.field("other", pa.int64(), False)])
PART_SCHEMA = pa.schema([pa.field("unit", pa.int32(), False), pa.field("member", pa.int32(), False)])

RANGE_LINKS = 1 << 22
"""About so many links make a range of keys: 200 MB while it is worked on."""

FILL_ENTRIES = 1 << 20

PART_DOCUMENTS = 1 << 16
"""A part has at most so many documents, but for a single component that is larger; and at most 1,024 parts are made."""


def member_schema(num_perm: int) -> pa.Schema:
    """A unit's documents that take part, one row each; all that deduplication knows of them but their texts."""
    return pa.schema(
        [
            pa.field("id", pa.string(), False),
            pa.field("row", pa.int32(), False),  # of the unit's texts
            pa.field("content_hash", pa.string(), False),
            pa.field("page", pa.string()),  # url_key; null without an address, or where addresses do not matter
            pa.field("scope", pa.string(), False),  # only documents of one scope are compared
            pa.field("quality", pa.float64()),
            pa.field("signature", pa.binary(4 * num_perm), False),
        ]
    )


def link(unit: Unit, out: Path) -> Mapping[str, object]:
    """A unit's documents that the filters kept, and the keys of each."""
    params = unit.params
    near = DuplicateParams(**params["near"]) if params["near"] else None
    kept = np.flatnonzero(np.array(shards.read_table(unit.path("verdicts.arrow"), ["rule"])["rule"].is_null()))
    chosen = pa.array(kept)
    ids = shards.read_table(unit.path("verdicts.arrow"), ["id"])["id"].take(chosen)
    hashes = shards.read_table(unit.path("features.arrow"), ["content_hash"])["content_hash"].take(chosen)
    about = shards.read_table(unit.path("texts.arrow"), ["locator", "url"]).take(chosen)
    source = bare(unit.source or "")
    scopes = [scope_of(params["scope"], source, locator) for locator in about["locator"].to_pylist()]
    pages = [url_key(url) if url else None for url in about["url"].to_pylist()] if params["url"] else None
    quality = pa.nulls(len(kept), pa.float64())
    if params["quality"]:
        found = quality_values(params["quality"], [Path(i.path) for i in unit.inputs])[kept]
        quality = pa.array(found, mask=np.isnan(found))
    signatures = _signatures(unit, chosen, params["num_perm"])
    table = pa.table(
        {
            "id": ids,
            "row": pa.array(kept, pa.int32()),
            "content_hash": hashes,
            "page": pa.array(pages or [None] * len(kept), pa.string()),
            "scope": pa.array(scopes, pa.string()),
            "quality": quality,
            "signature": pa.FixedSizeBinaryArray.from_buffers(
                pa.binary(4 * params["num_perm"]), len(kept), [None, pa.py_buffer(signatures)]
            ),
        }
    )
    shards.write_flat(out / MEMBERS, table.cast(member_schema(params["num_perm"])))
    content = pair_cache.halves(hashes)[:, 0] if params["exact"] else None
    keys, members = links.links(content, pages, scopes, signatures if near else None, near)
    shards.write_flat(out / LINKS, pa.table([keys, members], schema=LINK_SCHEMA))
    return {"documents": len(kept), "links": len(keys)}


def _signatures(unit: Unit, chosen: pa.Array, num_perm: int) -> np.ndarray:
    """uint32 [N, num_perm]; a document without words has none, and gets the one that matches nothing."""
    blank = np.full(num_perm, minhash.NO_SHINGLES)
    if not num_perm:
        return np.zeros((len(chosen), 0), blank.dtype)
    values = shards.read_table(unit.path("signatures.arrow"), ["signature"])["signature"].take(chosen).to_pylist()
    joined = b"".join(value or blank.tobytes() for value in values)
    return np.frombuffer(joined, blank.dtype).reshape(len(values), num_perm)


def edge(unit: Unit, out: Path) -> Mapping[str, object]:
    """Edges between documents that share a key of one range. A document is its number over all units, in their order."""
    params = unit.params
    near = DuplicateParams(**params["near"]) if params["near"] else None
    inputs = {i.name.split("/", 1)[1]: Path(i.path) for i in unit.inputs}
    first, last = (np.uint64(int(edge, 16)) for edge in params["keys"])
    keys, documents, members, offsets = [], [], [], [0]
    for source, name in params["units"]:
        table = shards.read_flat(inputs[f"{source}/{name}/{LINKS}"])
        key = table["key"].to_numpy()
        low, high = np.searchsorted(key, first, "left"), np.searchsorted(key, last, "right")
        keys.append(key[low:high])
        documents.append(table["member"].to_numpy()[low:high].astype(np.int64) + offsets[-1])
        members.append(shards.read_flat(inputs[f"{source}/{name}/{MEMBERS}"]))
        offsets.append(offsets[-1] + members[-1].num_rows)

    def values(some: np.ndarray) -> np.ndarray:
        bounds = np.searchsorted(some, offsets)
        found = [
            signature_rows(table, some[low:high] - offset).astype(np.uint8)
            for table, offset, low, high in zip(members, offsets[:-1], bounds[:-1], bounds[1:], strict=True)
            if high > low
        ]
        return np.concatenate(found)

    least = banding.least_matches(near, params["num_perm"]) if near else 0
    one, other = links.edges(_joined(keys, np.uint64), _joined(documents, np.int64), values, least)
    shards.write_flat(out / "edges.arrow", pa.table([one, other], schema=EDGE_SCHEMA))
    return {"links": sum(map(len, keys)), "edges": len(one)}


def signature_rows(members: pa.Table, rows: np.ndarray) -> np.ndarray:
    """uint32 [rows, num_perm] of some members of a unit; only these are read."""
    column = members["signature"].combine_chunks()
    num_perm = column.type.byte_width // 4
    if not len(column) or not num_perm:
        return np.zeros((len(rows), num_perm), np.uint32)
    return np.frombuffer(column.buffers()[1], np.uint32).reshape(-1, num_perm)[rows]


def component(unit: Unit, out: Path) -> Mapping[str, object]:
    """What the edges of all ranges hold together, in parts, one at least; documents that nothing is tied to are in none.

    The number of each document's component is kept in a file while it is looked for, so it may be more than memory holds.
    """
    sizes = unit.params["sizes"]
    offsets = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    scratch = out / ".parent"
    parent = numbered(scratch, max(1, int(offsets[-1])))
    links.components(parent, _edges(unit))
    most = max(PART_DOCUMENTS, -(-len(parent) // 1024))
    documents, starts = links.grouped(parent, most)
    starts = starts if len(starts) > 1 else np.zeros(2, np.int64)  # one part without documents, where nothing is tied
    del parent
    os.unlink(scratch)
    in_unit = np.searchsorted(offsets, documents, side="right") - 1
    member = documents - offsets[in_unit]
    for part in range(len(starts) - 1):
        here = slice(starts[part], starts[part + 1])
        table = pa.table([in_unit[here].astype(np.int32), member[here].astype(np.int32)], schema=PART_SCHEMA)
        shards.write_flat(out / f"part-{part:08x}.arrow", table)
    sizes = np.diff(starts)
    return {"tied": len(documents), "parts": len(sizes), "largest_part": int(sizes.max(initial=0))}


def numbered(path: Path, count: int) -> np.memmap:
    """0 to `count` - 1, int64, in a file that is read where it lies.

    It is written and not only mapped: where a mapped hole finds no room on the disk the process dies, without an OSError.
    """
    with path.open("wb") as file:
        for start in range(0, count, FILL_ENTRIES):
            file.write(np.arange(start, min(start + FILL_ENTRIES, count), dtype=np.int64).data)
    return np.memmap(path, np.int64, "r+", shape=count)


def _edges(unit: Unit) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for file in unit.inputs:
        table = shards.read_flat(Path(file.path))
        yield table["document"].to_numpy(), table["other"].to_numpy()


def _joined(columns: list[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype), *columns])
