"""The `dedup` step: one look across all units of all sources, one verdict file back to each unit.

Only documents that the filters kept take part. Whose copy stays is settled by the manifest's `prefer`, then by its
`quality`, or the order of sources in the manifest, then by id: never by the order of files or workers, nor by date.
"""

import fnmatch
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from gristmill.curation import duplicates, features, minhash, shards
from gristmill.curation.dedup import pair_cache, preference
from gristmill.curation.dedup.banding import DuplicateParams
from gristmill.curation.urls import url_key
from gristmill.manifests.dedup_quality import quality_values
from gristmill.manifests.participants import bare, manifest_of
from gristmill.manifests.store import Unit

VERSION = 1000 + duplicates.VERSION

DUPLICATE_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("rule", pa.string()),  # dedup.exact, dedup.url or dedup.near; null: no duplicate, or not looked at
        pa.field("value", pa.float64()),  # Jaccard similarity to the document kept instead; null for dedup.url
        pa.field("threshold", pa.float64()),
        pa.field("duplicate_of", pa.string()),  # id of the document kept instead
        pa.field("cluster_size", pa.int32()),  # of a kept document: itself and those dropped in its favour
    ]
)


@dataclass
class Candidates:
    """The documents that take part, as columns over all units."""

    units: list[tuple[str, str]]  # (source, unit name), in order
    paths: list[Path]  # texts.arrow of each unit
    unit: np.ndarray  # int32[N], index into units
    row: np.ndarray  # int64[N], row in the unit's texts
    ids: list[str]
    hashes: list[str]
    pages: list[str | None] | None  # url_key of each; None if addresses do not matter
    signatures: np.ndarray | None  # [N, num_perm]; None if no near deduplication
    group: np.ndarray  # int32[N]: only documents of one group are compared
    order: np.ndarray  # int64[N]: rank of preference, smaller is better
    rows: list[int]  # rows of each unit, taking part or not


def dedup(unit: Unit, out: Path) -> Mapping[str, object]:
    """Verdicts of deduplication, one file a unit: `<source>/<unit>/duplicates.arrow`."""
    params = unit.params
    near = DuplicateParams(**params["near"]) if params["near"] else None
    candidates = _candidates(unit, near is not None)
    hashes = pa.array(candidates.hashes, pa.string())
    pairs, read = None, Counter()
    if near and unit.settings.get("pairs"):
        where = pair_cache.folder(Path(unit.settings["pairs"]), params["ngram_words"])
        pairs = pair_cache.Pairs(where, pair_cache.halves(hashes), near.measure)

    def shingles_of(some: np.ndarray) -> list[np.ndarray]:
        read["texts_read"] += len(some)
        return _shingles(candidates, some, params["ngram_words"])

    resolved = duplicates.resolve(
        hashes,
        candidates.signatures,
        candidates.order,
        candidates.group,
        shingles_of,
        near,
        params["exact"],
        candidates.pages,
        pairs,
    )
    if pairs:
        pairs.save()
    _write(out, candidates, resolved, near)
    return {**tallied(_by_source(candidates, resolved)), "texts_read": read["texts_read"]}


def tallied(by_source: Mapping[str, Mapping]) -> Mapping[str, object]:
    """The step's counts from those of each source that took part; those of other manifests are told apart."""
    sources = {source: counts for source, counts in by_source.items() if manifest_of(source) is None}
    dropped: Counter[str] = Counter()
    for counts in sources.values():
        dropped.update(counts["dropped"])
    others = {source: counts for source, counts in by_source.items() if source not in sources}
    return {
        "documents": sum(counts["documents"] for counts in sources.values()),
        "kept": sum(counts["kept"] for counts in sources.values()),
        "dropped": dict(sorted(dropped.items())),
        "sources": sources,
        **({"others": others} if others else {}),
    }


def _candidates(unit: Unit, near: bool) -> Candidates:
    units, paths, counts = [], [], []
    unit_of, row_of, ids, hashes, pages, scopes, signatures, qualities = [], [], [], [], [], [], [], []
    levels, quality = unit.params["levels"], unit.params["quality"]
    inputs = {i.name.split("/", 1)[1]: Path(i.path) for i in unit.inputs}  # <source>/<unit>/<file>
    for source, name in unit.params["units"]:
        folder = f"{source}/{name}"
        verdicts = shards.read_table(inputs[f"{folder}/verdicts.arrow"], ["id", "rule"])
        kept = np.flatnonzero(np.array(verdicts["rule"].is_null()))
        units.append((source, name))
        paths.append(inputs[f"{folder}/texts.arrow"])
        counts.append(verdicts.num_rows)
        unit_of.append(np.full(len(kept), len(units) - 1, np.int32))
        row_of.append(kept)
        ids += verdicts["id"].take(pa.array(kept)).to_pylist()
        measured = shards.read_table(inputs[f"{folder}/features.arrow"], ["content_hash"])
        hashes += measured["content_hash"].take(pa.array(kept)).to_pylist()
        texts = shards.read_table(paths[-1], ["locator", "url"]).take(pa.array(kept))
        scopes += [scope_of(unit.params["scope"], bare(source), locator) for locator in texts["locator"].to_pylist()]
        if unit.params["url"]:
            pages += [url_key(url) if url else None for url in texts["url"].to_pylist()]
        if quality:
            theirs = [path for name, path in inputs.items() if name.startswith(f"{folder}/")]
            qualities.append(quality_values(quality, theirs)[kept])
        if near:
            table = shards.read_table(inputs[f"{folder}/signatures.arrow"], ["signature"])
            signatures.append(_signature_rows(table["signature"].take(pa.array(kept)), unit.params["num_perm"]))
    none = np.zeros((0, unit.params["num_perm"]), minhash.NO_SHINGLES.dtype)  # where no file could be read
    names = {scope: number for number, scope in enumerate(sorted(set(scopes)))}
    unit_index = np.concatenate([np.zeros(0, np.int32), *unit_of])
    level = np.array([levels[source] for source, _ in units], np.int64)[unit_index]
    value = np.concatenate([np.zeros(0), *qualities]) if quality else None
    order = preference.ranks(level, value, pa.array(ids, pa.string()))
    return Candidates(
        units=units,
        paths=paths,
        unit=unit_index,
        row=np.concatenate([np.zeros(0, np.int64), *row_of]),
        ids=ids,
        hashes=hashes,
        pages=pages if unit.params["url"] else None,
        signatures=np.concatenate([none, *signatures]) if near else None,
        group=np.array([names[scope] for scope in scopes], np.int32),
        order=order,
        rows=counts,
    )


def scope_of(scope: str, source: str, locator: str) -> str:
    """What a document is compared within: everything, its source, or the folder of its path that matches `scope`."""
    if scope == "all":
        return ""
    if scope == "source":
        return source
    folders = locator.split("#")[0].split("/")[:-1]
    return next((folder for folder in folders if fnmatch.fnmatchcase(folder, scope)), "")


def _signature_rows(column: pa.ChunkedArray, num_perm: int) -> np.ndarray:
    """uint32[N, num_perm] signatures; a document without words has none, and gets the one that matches nothing."""
    values = column.to_pylist()
    blank = np.full(num_perm, minhash.NO_SHINGLES).tobytes()
    joined = b"".join(v or blank for v in values)
    return np.frombuffer(joined, minhash.NO_SHINGLES.dtype).reshape(len(values), num_perm)


def _shingles(candidates: Candidates, indices: np.ndarray, ngram_words: int) -> list[np.ndarray]:
    """The shingle hashes of some documents, in the order asked for; only the batches that hold them are read."""
    found: list[np.ndarray] = [np.zeros(0, np.uint64)] * len(indices)
    units = candidates.unit[indices]
    for number in np.unique(units):
        places = np.flatnonzero(units == number)
        rows = candidates.row[indices[places]]
        measured = features.measure(shards.take(candidates.paths[number], rows, "text"), variants=False)
        hashes, offsets = minhash.shingles(measured.word_hashes, measured.word_offsets, ngram_words)
        for position, place in enumerate(places):
            found[place] = hashes[offsets[position] : offsets[position + 1]]
    return found


def _write(out: Path, candidates: Candidates, resolved: pa.Table, near: DuplicateParams | None) -> None:
    rules = resolved["rule"].to_pylist()
    kept_instead = resolved["duplicate_of"].to_pylist()
    similarity = resolved["similarity"].to_pylist()
    sizes = resolved["cluster_size"].to_pylist()
    for number, (source, name) in enumerate(candidates.units):
        all_ids = shards.read_table(candidates.paths[number], ["id"])["id"].to_pylist()
        rows: list[dict] = [{"id": i} for i in all_ids]
        for index in np.flatnonzero(candidates.unit == number):
            row = rows[candidates.row[index]]
            if rules[index]:
                thresholds = {"exact": 1.0, "near": near.min_similarity if near else None}
                row |= {
                    "rule": f"dedup.{rules[index]}",
                    "value": similarity[index],
                    "threshold": thresholds.get(rules[index]),
                    "duplicate_of": candidates.ids[kept_instead[index]],
                }
            else:
                row["cluster_size"] = sizes[index]
        folder = out / source / name
        folder.mkdir(parents=True)
        table = pa.Table.from_pylist(rows, DUPLICATE_SCHEMA)
        shards.write_batches(folder / "duplicates.arrow", DUPLICATE_SCHEMA, table.to_batches())


def _by_source(candidates: Candidates, resolved: pa.Table) -> Mapping[str, Mapping[str, object]]:
    """Per source: how many took part, how many stayed, and what dropped the others."""
    result: dict[str, dict] = {}
    for number, rule in zip(candidates.unit, resolved["rule"].to_pylist(), strict=True):
        counts = result.setdefault(candidates.units[number][0], {"documents": 0, "kept": 0, "dropped": {}})
        counts["documents"] += 1
        if rule:
            counts["dropped"][f"dedup.{rule}"] = counts["dropped"].get(f"dedup.{rule}", 0) + 1
        else:
            counts["kept"] += 1
    return dict(sorted(result.items()))
