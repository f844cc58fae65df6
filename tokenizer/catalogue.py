"""Every document that may be packed, as columns: its part of the mixture, its length, and the side that it is on.

Nothing of this reads a token: lengths and ids are enough, and of the document shards the columns that parts are made
of. Memory is some 40 bytes a document.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from gristmill.curation import columns, shards
from gristmill.tokenizer.buckets import BucketParams, read_buckets
from gristmill.tokenizer.draw import SCALE, document_draws
from gristmill.tokenizer.encode import TokenFile, open_tokens
from gristmill.tokenizer.mixture import QUALITY_BUCKET, validation_draws

MAX_PARTS = 2000
"""Parts of a mixture; more are a mistake, such as a column of titles."""

NO_VALUE = "none"
"""The value of a document that has none in a column, and the bucket of one whose source has no buckets."""


class TokenShard(NamedTuple):
    """A token shard for `pack`."""

    source: str
    """The source's name."""
    name: str
    """Unique within its source: `tokens/<source>/<name>.arrow` is its file in a run."""
    path: str | Path
    """Its file."""
    documents: str | Path | None = None
    """The document shard that it was made of: languages, equal texts, and the columns of the mixture; None: unknown."""
    digest: str | None = None
    """What tells its content from any other; None: the file is read for it."""

    @property
    def shard(self) -> str:
        """What segments call it: its file, from `tokens/` on."""
        return f"{self.source}/{self.name}.arrow"


class Divided(NamedTuple):
    """A source that falls into buckets."""

    params: BucketParams
    """Where they meet, and what each weighs."""
    files: Mapping[str, str | Path]
    """Name of a token shard -> the file with the buckets of its documents."""


@dataclass(frozen=True)
class Documents:
    """Every document of all token shards, as columns; shards in the order of their names."""

    shards: list[TokenShard]
    """Sorted by source and name."""
    sources: list[str]
    """Sorted."""
    source: np.ndarray
    """int16 [N]: index into sources."""
    cells: list[str]
    """Each source, or each of its buckets, in order of source and bucket."""
    cell: np.ndarray
    """int32 [N]: index into cells."""
    parts: list[str]
    """What the mixture weighs: the cells, or values of columns, sorted."""
    part: np.ndarray
    """int32 [N]: index into parts."""
    languages: list[str]
    """Sorted; NO_VALUE for documents without one."""
    language: np.ndarray
    """int32 [N]: index into languages."""
    shard: np.ndarray
    """int32 [N]: index into shards."""
    row: np.ndarray
    """int32 [N]: place in the shard."""
    length: np.ndarray
    """int64 [N]: tokens that rows may have of it: all, or those that a row can begin with."""
    cropped: np.ndarray
    """int64 [N]: the tokens after them."""
    validation_draw: np.ndarray
    """uint64 [N]: small ones are held out; equal for documents that may not be parted."""
    order_draw: np.ndarray
    """uint64 [N]: orders the documents, anew for each epoch."""

    @property
    def names(self) -> list[tuple[str, str]]:
        """(source, shard) of each, as segments have them."""
        return [(shard.source, shard.shard) for shard in self.shards]

    def by_part(self, amounts: np.ndarray) -> dict[str, int]:
        """Sums of an int64 [N] over the documents of each part."""
        return dict(zip(self.parts, _sums(self.part, amounts, len(self.parts)), strict=True))

    def tokens(self, which: np.ndarray) -> dict[str, int]:
        """Tokens of the documents in a bool [N], by part."""
        return self.by_part(np.where(which, self.length, 0))


def catalogue(
    token_shards: Sequence[TokenShard],
    by: Sequence[str] | None,
    divided: Mapping[str, Divided],
    most: int | None,
    seed: int,
) -> tuple[Documents, TokenFile]:
    """All documents, and one open shard that speaks for all of them.

    `by`: the columns that parts are made of; None: sources and buckets. `most`: tokens that a document may give.
    Raises ValueError where shards disagree about the tokenizer, or a shard is not what its document shard says.
    """
    listed = sorted((TokenShard(*shard) for shard in token_shards), key=lambda shard: (shard.source, shard.shard))
    if not listed:
        raise ValueError("there are no token shards to pack; run the tokens step first.")
    if twice := [a.name for a, b in pairwise(listed) if a[:2] == b[:2]]:
        raise ValueError(f"token shards named twice in one source: {', '.join(twice)}; give each its own name.")
    opened = [open_tokens(shard.path) for shard in listed]
    for shard, file in zip(listed, opened, strict=True):
        if (file.tokenizer, file.end_id) != (opened[0].tokenizer, opened[0].end_id):
            raise ValueError(
                f"{shard.path} was encoded with another tokenizer than {listed[0].path}; encode all sources with one."
            )
    sources = sorted({shard.source for shard in listed})
    cells, parts, languages = _Numbers(source_parts(sources, divided)), _Numbers(), _Numbers()
    columns_of: dict[str, list[np.ndarray]] = {}

    def add(name: str, values: np.ndarray) -> None:
        columns_of.setdefault(name, []).append(values)

    for number, (shard, file) in enumerate(zip(listed, opened, strict=True)):
        count = len(file.lengths)
        about = _about(shard, file, by or ())
        add("source", np.full(count, sources.index(shard.source), np.int16))
        add("shard", np.full(count, number, np.int32))
        add("row", np.arange(count, dtype=np.int32))
        add("language", languages.of(_column(about, "language", count)))
        add("cell", cells.of(_values(shard, file, about, _OF_CELLS[shard.source in divided], divided)))
        add("part", columns_of["cell"][-1] if by is None else parts.of(_values(shard, file, about, by, divided)))
        length = file.lengths if most is None else np.minimum(file.lengths, most)
        add("length", length)
        add("cropped", file.lengths - length)
        ids = file.ids.to_pylist()
        add("order_draw", document_draws(ids, seed, "training order"))
        add("validation_draw", validation_draws(split_keys(about, ids), seed))
        if len(parts.names) > MAX_PARTS:
            raise ValueError(f"by: {', '.join(by or ())} make more than {MAX_PARTS:,} parts; name fewer columns.")
    merged = {name: np.concatenate(pieces) for name, pieces in columns_of.items()}
    names = {"cells": list(cells.names), "parts": list(cells.names)}
    if by is not None:
        names["parts"], merged["part"] = parts.settled(merged["part"])
    names["languages"], merged["language"] = languages.settled(merged["language"])
    return Documents(shards=listed, sources=sources, **names, **merged), opened[0]


def source_parts(sources: Sequence[str], divided: Mapping[str, Divided]) -> list[str]:
    """What the mixture weighs of some sources: `web`, or `web/0`, `web/1` ... where it is divided."""
    return [part for s in sources for part in ([f"{s}/{b}" for b in divided[s].params.names] if s in divided else [s])]


_OF_CELLS = {False: ("source",), True: ("source", QUALITY_BUCKET)}


class _Numbers:
    """Names numbered as they are met."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self.names = {name: i for i, name in enumerate(names)}

    def of(self, values: pa.Array) -> np.ndarray:
        """int32 [N]: the number of each name."""
        encoded = pc.dictionary_encode(values)
        numbers = [self.names.setdefault(name, len(self.names)) for name in encoded.dictionary.to_pylist()]
        return np.array(numbers, np.int32)[np.asarray(encoded.indices)] if len(values) else np.empty(0, np.int32)

    def settled(self, numbers: np.ndarray) -> tuple[list[str], np.ndarray]:
        """The names, sorted, and the numbers by this list."""
        names = sorted(self.names)
        place = np.array([names.index(name) for name in self.names], np.int32)
        return names, place[numbers]


def _about(shard: TokenShard, file: TokenFile, by: Sequence[str]) -> pa.Table | None:
    """The columns of a document shard that are asked for; None where there is none."""
    if shard.documents is None:
        if wanted := [name for name in by if name not in ("source", QUALITY_BUCKET)]:
            raise ValueError(
                f"by: {', '.join(wanted)} are columns of document shards, and {shard.path} has none given."
            )
        return None
    wanted = {"id", "kind", "language", "content_hash"} | {n for n in by if n in ("licence",)}
    has_meta = any(name.startswith("meta.") for name in by)
    with pa.memory_map(str(shard.documents)) as opened:
        there = set(pa.ipc.open_file(opened).schema.names)
    table = shards.read_table(Path(shard.documents), sorted(wanted & there))
    is_books = "kind" in there and len(table) and table["kind"][0].as_py() == "books"
    if "meta" in there and (has_meta or is_books):
        table = table.append_column("meta", shards.read_table(Path(shard.documents), ["meta"])["meta"])
    if not table["id"].combine_chunks().cast(pa.string()).equals(file.ids.combine_chunks()):
        raise ValueError(f"{shard.path} has the tokens of other documents than {shard.documents}; encode them again.")
    return table


def _column(about: pa.Table | None, name: str, count: int) -> pa.Array:
    """A column as words, NO_VALUE where a document has none."""
    if about is None or name not in about.column_names:
        return pa.array([NO_VALUE] * count, pa.string())
    return pc.fill_null(about[name].combine_chunks().cast(pa.string()), NO_VALUE)


def _values(
    shard: TokenShard,
    file: TokenFile,
    about: pa.Table | None,
    by: Sequence[str],
    divided: Mapping[str, Divided],
) -> pa.Array:
    """The part of each document of a shard."""
    count = len(file.lengths)

    def of(name: str) -> pa.Array:
        if name == "source":
            return pa.array([shard.source] * count, pa.string())
        if name == QUALITY_BUCKET:
            if shard.source not in divided:
                return pa.array([NO_VALUE] * count, pa.string())
            params, files = divided[shard.source]
            numbers = read_buckets(files[shard.name], file.ids)
            return pa.array(params.names, pa.string()).take(pa.array(numbers))
        if name.startswith("meta."):
            found = columns.Values(about, pa.table({}), [name]).of(name)
            return pa.array([NO_VALUE if v is None else v if isinstance(v, str) else json.dumps(v) for v in found])
        return _column(about, name, count)

    joined = [of(name) for name in by]
    return pc.binary_join_element_wise(*joined, "/") if len(joined) > 1 else joined[0]


def split_keys(about: pa.Table | None, ids: Sequence[str]) -> list[str]:
    """What each document is held out by: documents with one key are all for training or all for validation.

    Equal texts have one key, and so have the chapters of one book. A document of unknown text has its id.
    """
    if about is None or "content_hash" not in about.column_names:
        return list(ids)
    keys = [found or one for found, one in zip(about["content_hash"].to_pylist(), ids, strict=True)]
    if "meta" in about.column_names:
        for i, meta in enumerate(about["meta"].to_pylist()):
            if meta and '"chapter"' in meta and (book := json.loads(meta).get("book")):
                keys[i] = book
    return keys


def held_out(documents: Documents, used: np.ndarray, share: float) -> np.ndarray:
    """Which documents are for validation, bool [N]: those whose draw is below the share.

    `used`, bool [N]: of a part with a weight. Each source with 1/share documents or more has one at least, and one is
    held out in any case. A part that would have nothing left to train on keeps all that it has. Raises ValueError
    where nothing can be held out.
    """
    draw = documents.validation_draw
    chosen = used & (draw < share * SCALE)
    several = np.bincount(documents.part, minlength=len(documents.parts)) > 1
    possible = used & several[documents.part]
    sizes = np.bincount(documents.source[used], minlength=len(documents.sources))
    wanting = [
        i for i, size in enumerate(sizes) if share and size * share >= 1 and not chosen[documents.source == i].any()
    ]
    groups = [possible & (documents.source == i) for i in wanting] or ([] if chosen.any() else [possible])
    for group in groups:
        if candidates := np.flatnonzero(group).tolist():
            chosen |= used & (draw == draw[candidates].min())
    left = _sums(documents.part, (used & ~chosen).astype(np.int64), len(documents.parts))
    emptied = np.array([not n for n in left])[documents.part] & chosen
    if emptied.any():
        chosen &= ~np.isin(draw, draw[emptied])
    if not chosen.any():
        raise ValueError("no document can be held out for validation: no source has two; add documents to one of them.")
    return chosen


def _sums(of: np.ndarray, amounts: np.ndarray, count: int) -> list[int]:
    sums = np.zeros(count, np.int64)
    np.add.at(sums, of, amounts)
    return sums.tolist()


def shard_digest(shard: TokenShard) -> str:
    """What tells a token shard's content from any other."""
    if shard.digest is not None:
        return shard.digest
    state = xxhash.xxh3_128()
    with open(shard.path, "rb") as file:
        while block := file.read(2**22):
            state.update(block)
    return state.hexdigest()
