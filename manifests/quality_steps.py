"""What the steps about quality do to their units: sort score files, score texts, and divide sources into buckets."""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.curation import classifier, columns, scores, shards
from gristmill.curation.blocklists import UrlLists
from gristmill.curation.raw_files import opened
from gristmill.manifests.store import Unit
from gristmill.tokenizer.buckets import BUCKETS_SCHEMA, bucket_numbers

VERSION = 1
"""Of what `score` itself does."""

INDEX = "index.arrow"
SCORES = "scores.arrow"
BUCKETS = "buckets.arrow"


def score_field(feature: str) -> pa.Field:
    """The column of a score, as it stands in `scores.arrow` and in the ledger."""
    kind, _, name = feature.partition(".")
    says = f"what the classifier {name} gives the text" if kind == "classifier" else f"the score called {name}"
    return pa.field(feature, pa.float64(), metadata={"doc": f"{says}; null: none"})


def index(unit: Unit, out: Path) -> Mapping[str, object]:
    """The Parquet files of one score, sorted by key: once, whatever the number of units that look into them."""
    files = [(i.name.removeprefix("raw/"), partial(opened, i.path)) for i in unit.inputs]
    params = scores.ScoreFiles(tuple(name for name, _ in files), **unit.params["scores"])
    return scores.build_index(files, params, out / INDEX)


def score(unit: Unit, out: Path) -> Mapping[str, object]:
    """One score of every text: by a classifier, or looked up."""
    feature = unit.params["feature"]
    schema = pa.schema([pa.field("id", pa.string(), nullable=False), score_field(feature)])
    given = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal given
        of = _classified(unit) if "label" in unit.params else _looked_up(unit)
        for ids, values in of:
            known = np.isfinite(values)
            given += int(known.sum())
            yield pa.record_batch([ids, pa.array(values, mask=~known)], schema)

    rows = shards.write_batches(out / SCORES, schema, batches())
    return {"with_score": {feature: given}, "without_score": {feature: rows - given}}


def _classified(unit: Unit) -> Iterator[tuple[pa.Array, np.ndarray]]:
    """The ids and scores of each batch of texts, by a fastText model."""
    p = unit.params
    model = next(i.path for i in unit.inputs if i.name.startswith("model/"))
    for batch in shards.read_batches(unit.path("texts.arrow"), ["id", "text"]):
        given = classifier.scores(model, p["label"], batch.column("text").to_pylist(), p["max_chars"])
        yield batch.column("id"), given.astype(np.float64)


def _looked_up(unit: Unit) -> Iterator[tuple[pa.Array, np.ndarray]]:
    """The ids and scores of each batch of texts, from an index."""
    join = unit.params["join"]
    found = scores.Scores(unit.path(INDEX))
    for batch in shards.read_batches(unit.path("texts.arrow"), key_columns(join)):
        keys = scores.own_keys(pa.Table.from_batches([batch]), join)
        yield batch.column("id"), scores.look_up(found, keys, join)


def key_columns(join: str) -> list[str]:
    """The columns of a unit's texts that have its documents' keys, and their ids."""
    return list(dict.fromkeys(["id", "meta" if join.startswith("meta.") else join]))


def scores_of(unit: Unit) -> dict[str, pa.ChunkedArray]:
    """The scores among a unit's inputs, each a column by the name of its feature; rows are those of its texts."""
    given = [i for i in unit.inputs if i.name.startswith("score/")]
    return {name: shards.read_table(Path(i.path), [name])[name] for i in given for name in [i.name.split("/")[-2]]}


def with_scores(measured: pa.Table, unit: Unit) -> pa.Table:
    """A unit's features with the scores among its inputs beside them."""
    for name, column in scores_of(unit).items():
        measured = measured.append_column(score_field(name), column)
    return measured


def url_lists_of(unit: Unit) -> UrlLists:
    """The lists that a unit looks addresses up in."""
    lists: dict[str, list[str]] = {}
    for given in unit.inputs:
        if given.name.startswith("url_lists/"):
            lists.setdefault(given.name.split("/")[1], []).append(given.path)
    integrated = bool(unit.params.get("integrated_url_lists", True))
    return UrlLists(integrated, **{what: tuple(paths) for what, paths in lists.items()})


def buckets(unit: Unit, out: Path) -> Mapping[str, object]:
    """The bucket of each kept document, row by row as the document shard has them."""
    p = unit.params["buckets"]
    texts = columns.needed([p["by"]])
    kept = shards.read_table(unit.path("shard.arrow"), ["id", *texts])
    measured = {}
    if not texts:  # it was measured or scored: of every text, kept or not
        table = shards.read_table(_measured_file(unit))
        measured = {p["by"]: table[p["by"]].take(pc.index_in(kept["id"], table["id"].combine_chunks()))}
    values = columns.Values(kept.select(texts), pa.table(measured), [p["by"]], url_lists_of(unit)).of(p["by"])
    found = columns.numbers(values, p["by"])
    numbers = bucket_numbers(found, p["edges"], p["own_missing"])
    table = pa.table([kept["id"], pa.array(numbers)], schema=BUCKETS_SCHEMA)
    about = {"gristmill.by": p["by"], "gristmill.buckets": json.dumps(p["names"])}
    shards.write_batches(out / BUCKETS, BUCKETS_SCHEMA, table.to_batches(), about)
    sizes = np.bincount(numbers, minlength=len(p["names"])).tolist()
    return {
        "documents": len(numbers),
        "in_bucket": {f"{unit.source}/{name}": n for name, n in zip(p["names"], sizes, strict=True)},
        "without_value": {p["by"]: int(np.isnan(found).sum())},
    }


def _measured_file(unit: Unit) -> Path:
    return next(Path(i.path) for i in unit.inputs if i.name.endswith((SCORES, "features.arrow")))
