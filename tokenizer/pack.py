"""Token shards in, packed rows out: which documents are trained on, in which rows, in which order.

1. Documents of the validation share are set aside, and packed on their own.
2. Each part, a source or a bucket of one, gives its allocation: whole epochs first, each in the order of a hash of
   seed, epoch and id; the last document of its last epoch is cut, so that the allocation is met to the token.
3. The parts' documents are merged by how much of its allocation each part has given by then, so that any stretch of
   training has the mixture's proportions and no part begins an epoch before it has ended the one before.
4. That sequence is packed in blocks of about 65,536 rows, each on its own, and the rows of a block are shuffled.

Nothing of this reads a token: lengths and ids are enough. Memory is some 100 bytes for each document drawn.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gristmill.tokenizer.buckets import MISSING, BucketParams, read_buckets
from gristmill.tokenizer.draw import SCALE, document_draws, permutation, redraws
from gristmill.tokenizer.encode import TokenFile, open_tokens
from gristmill.tokenizer.fit import best_fit, concatenate
from gristmill.tokenizer.mixture import MixtureParams, allocate, limit_note, validation_draws
from gristmill.tokenizer.rows import Segments, write_index, write_rows

VERSION = 2
"""Raised when the same token shards and parameters would give other rows."""

BLOCK_ROWS = 65536
"""Rows that are packed and shuffled together; 134 million tokens at a sequence length of 2,048."""

METHODS = ("best_fit", "concat")


@dataclass(frozen=True)
class PackParams:
    """How documents become rows."""

    seq_length: int = 2048
    """Tokens predicted in a row; a row holds one more, since the first has nothing before it."""

    method: str = "best_fit"
    """best_fit keeps documents whole where they fit (Ding et al. 2024); concat cuts the stream wherever a row ends."""

    def __post_init__(self) -> None:
        if self.seq_length < 1:
            raise ValueError(f"seq_length: {self.seq_length} must be at least 1.")
        if self.method not in METHODS:
            raise ValueError(f"method: {self.method!r} is not known; use {' or '.join(METHODS)}.")


class TokenShard(NamedTuple):
    """A token shard for `pack`."""

    source: str
    """The source's name."""
    name: str
    """What segments call it, unique within its source."""
    path: str
    """Its file."""


class Divided(NamedTuple):
    """A source that falls into buckets."""

    params: BucketParams
    """Where they meet, and what each weighs."""
    files: Mapping[str, str | Path]
    """Name of a token shard -> the file with the buckets of its documents."""


@dataclass(frozen=True)
class _Documents:
    """Every document of all token shards, as columns; shards in the order of their names."""

    names: list[tuple[str, str]]
    """(source, shard)."""
    sources: list[str]
    """Sorted."""
    source: np.ndarray
    """int32: index into sources."""
    parts: list[str]
    """What the mixture weighs: each source, or each of its buckets, in order of source and bucket."""
    part: np.ndarray
    """int32: index into parts."""
    shard: np.ndarray
    """int32: index into names."""
    row: np.ndarray
    """int32: place in the shard."""
    length: np.ndarray
    """int64: tokens."""
    validation_draw: np.ndarray
    """uint64: small ones are held out."""
    order_draw: np.ndarray
    """uint64: orders the documents, anew for each epoch."""


@dataclass(frozen=True)
class _Drawn:
    """Documents to pack, in order."""

    document: np.ndarray
    """int64: index into _Documents."""
    length: np.ndarray
    """int64: tokens to use, from the first on."""


def pack(
    token_shards: Sequence[tuple[str, str, str | Path]],
    params: PackParams,
    mixture: MixtureParams,
    weights: Mapping[str, float] | None,
    max_epochs: Mapping[str, float],
    seed: int,
    out_folder: str | Path,
    divided: Mapping[str, Divided] | None = None,
) -> dict:
    """Write `train/`, `validation/` and `index.arrow` into `out_folder` and return the counts.

    `token_shards` are (source, name, path), in any order; `out_folder` is empty or new. Every token of every drawn document is in exactly one row for
    each time that it was drawn. Counts: `rows`, `tokens`, `padding` (share of places), `sources` (each with `documents`,
    `tokens`, `epochs` and what is `available`), and `validation` with the same; `buckets` (`source/bucket`, the same
    again) where sources are `divided`; `notes`, what a person should know of the mixture, in sentences. Raises ValueError where the mixture cannot be had, the shards disagree about the
    tokenizer, or there are fewer than two documents.
    """
    divided = divided or {}
    documents, opened = _catalogue(token_shards, divided, seed)
    held_out = _held_out(documents, weights, divided, mixture.validation)
    # A source without any document has no shard; the allocation shall say so rather than not know it.
    available = dict.fromkeys(_parts([*(weights or {}), *max_epochs], divided), 0)
    available |= _by_part(documents, np.where(held_out, 0, documents.length))
    part_weights, part_epochs = _of_parts(available, weights, max_epochs, divided)
    allocation = allocate(available, part_weights, part_epochs, mixture.tokens)
    validation = _by_part(documents, np.where(held_out, documents.length, 0))
    drawn = {
        "train": _draw(documents, ~held_out, allocation, seed),
        "validation": _draw(documents, held_out, validation, seed),
    }
    metadata = {
        "gristmill.seq_length": str(params.seq_length),
        "gristmill.method": params.method,
        "gristmill.end_id": str(opened.end_id),
        "gristmill.tokenizer": opened.tokenizer,
    }
    out = Path(out_folder)
    splits = {}
    for split, chosen in drawn.items():
        splits[split] = _segments(documents, chosen, params, seed, split)
        write_rows(out / split, splits[split], documents.names, metadata)
    write_index(out / "index.arrow", splits, documents.names, metadata)
    counts = {s: _counts(documents, drawn[s], splits[s], params.seq_length + 1) for s in splits}
    had = {s: sum(available[part] for part in _parts([s], divided)) for s in documents.sources} | available
    for name, count in (counts["train"]["sources"] | counts["train"].get("buckets", {})).items():
        count["available"] = had[name]
        count["epochs"] = count["tokens"] / had[name] if had[name] else 0.0
    notes = [
        f"no document is in {part}; its weight goes to the other buckets of {part.partition('/')[0]} in proportion"
        for part in _parts(list(divided), divided)
        if part.endswith(f"/{MISSING}") and not available[part]
    ]
    if mixture.tokens is None and (limit := limit_note(available, part_weights, part_epochs, allocation)):
        notes.append(limit)
    return counts["train"] | {"validation": counts["validation"], "notes": notes}


def _parts(sources: Sequence[str], divided: Mapping[str, Divided]) -> list[str]:
    """What the mixture weighs of some sources: `web`, or `web/0`, `web/1` ... where it is divided."""
    return [part for s in sources for part in ([f"{s}/{b}" for b in divided[s].params.names] if s in divided else [s])]


def _of_parts(
    available: Mapping[str, int],
    weights: Mapping[str, float] | None,
    max_epochs: Mapping[str, float],
    divided: Mapping[str, Divided],
) -> tuple[Mapping[str, float | Fraction] | None, dict[str, float]]:
    """Weights and epochs of the parts: a bucket has its share of its source's weight, or of its tokens without weights.

    That every document has the value is no mistake: the weight of an empty `missing` bucket goes to the others.
    """
    epochs = {name: number for name, number in max_epochs.items() if name not in divided}
    for source, (params, _) in divided.items():
        epochs |= {f"{source}/{name}": e for name, e in params.epochs(max_epochs.get(source, 1.0)).items()}
    if not divided:
        return weights, epochs
    known = dict.fromkeys(part.partition("/")[0] for part in available)
    if weights is None:
        weights = {s: sum(available[part] for part in _parts([s], divided)) for s in known}
    exact = {source: Fraction(str(weight)) for source, weight in weights.items()}
    shares = {s: d.params.shares_among(available.get(f"{s}/{MISSING}", 0) > 0) for s, d in divided.items()}
    return {
        part: exact[source] * (shares[source][bucket] if bucket else 1)
        for source in exact
        for part in _parts([source], divided)
        for bucket in [part.partition("/")[2]]
    }, epochs


def _catalogue(
    token_shards: Sequence[tuple[str, str, str | Path]], divided: Mapping[str, Divided], seed: int
) -> tuple[_Documents, TokenFile]:
    """All documents, and one open shard that speaks for all of them."""
    shards = sorted((TokenShard(*shard) for shard in token_shards), key=lambda shard: shard[:2])
    if not shards:
        raise ValueError("there are no token shards to pack; run the tokens step first.")
    if twice := [a.name for a, b in pairwise(shards) if a[:2] == b[:2]]:
        raise ValueError(f"token shards named twice in one source: {', '.join(twice)}; give each its own name.")
    opened = [open_tokens(shard.path) for shard in shards]
    for shard, file in zip(shards, opened, strict=True):
        if (file.tokenizer, file.end_id) != (opened[0].tokenizer, opened[0].end_id):
            raise ValueError(
                f"{shard.path} was encoded with another tokenizer than {shards[0].path}; encode all sources with one."
            )
    sources = sorted({shard.source for shard in shards})
    counts = [len(file.lengths) for file in opened]
    of_shard = np.array([sources.index(shard.source) for shard in shards], np.int32)
    parts = _parts(sources, divided)
    first_part = np.array([parts.index(_parts([shard.source], divided)[0]) for shard in shards], np.int32)
    bucket = [
        read_buckets(divided[shard.source].files[shard.name], file.ids)
        if shard.source in divided
        else np.zeros(len(file.lengths), np.int32)
        for shard, file in zip(shards, opened, strict=True)
    ]
    documents = _Documents(
        names=[(shard.source, shard.name) for shard in shards],
        sources=sources,
        source=np.repeat(of_shard, counts),
        parts=parts,
        part=np.repeat(first_part, counts) + np.concatenate(bucket),
        shard=np.repeat(np.arange(len(shards), dtype=np.int32), counts),
        row=np.concatenate([np.arange(count, dtype=np.int32) for count in counts]),
        length=np.concatenate([file.lengths for file in opened]),
        validation_draw=validation_draws(_ids(opened), seed),
        order_draw=document_draws(_ids(opened), seed, "training order"),
    )
    return documents, opened[0]


def _ids(opened: Sequence[TokenFile]) -> Iterator[str]:
    for file in opened:
        for chunk in file.ids.chunks:
            yield from chunk.to_pylist()


def _held_out(
    documents: _Documents, weights: Mapping[str, float] | None, divided: Mapping[str, Divided], share: float
) -> np.ndarray:
    """Which documents are for validation, bool[N]: by `is_validation`, and one if that selects none.

    That one has the smallest hash among the parts with more than one document, so that none is emptied.
    """
    used_parts = []
    for part in documents.parts:
        source, _, bucket = part.partition("/")
        weighed = weights is None or weights.get(source, 0) > 0
        used_parts.append(weighed and (not bucket or divided[source].params.shares[bucket] > 0))
    used = np.array(used_parts)[documents.part]
    chosen = used & (documents.validation_draw < share * SCALE)
    if not chosen.any():
        several = np.bincount(documents.part, minlength=len(documents.parts)) > 1
        candidates = np.flatnonzero(used & several[documents.part])
        if not len(candidates):
            raise ValueError(
                "no document can be held out for validation: no source has two; add documents to one of them."
            )
        chosen[candidates[np.argmin(documents.validation_draw[candidates])]] = True
    return chosen


def _by_part(documents: _Documents, amounts: np.ndarray) -> dict[str, int]:
    totals = [int(amounts[documents.part == i].sum()) for i in range(len(documents.parts))]
    return dict(zip(documents.parts, totals, strict=True))


def _draw(documents: _Documents, eligible: np.ndarray, allocation: Mapping[str, int], seed: int) -> _Drawn:
    """Documents of every part up to its allocation, merged so that all parts progress alike."""
    chosen, lengths, progress = [], [], []
    for i, part in enumerate(documents.parts):
        members = np.flatnonzero(eligible & (documents.part == i))
        left = allocation[part]
        epoch = 0
        while left:
            draws = redraws(documents.order_draw[members], seed, f"epoch {epoch}")
            order = members[np.argsort(draws, kind="stable")]
            before = np.cumsum(documents.length[order]) - documents.length[order]
            order = order[before < left]
            length = np.minimum(documents.length[order], left - before[: len(order)])
            chosen.append(order)
            lengths.append(length)
            progress.append((allocation[part] - left + before[: len(order)]) / allocation[part])
            left -= int(length.sum())
            epoch += 1
    if not chosen:
        raise ValueError("the mixture draws no tokens at all; raise tokens, or add documents.")
    document, length = np.concatenate(chosen), np.concatenate(lengths)
    order = np.argsort(np.concatenate(progress), kind="stable")
    return _Drawn(document[order], length[order])


def _segments(documents: _Documents, drawn: _Drawn, params: PackParams, seed: int, split: str) -> Segments:
    """The rows of one split, block after block, shuffled within each."""
    width = params.seq_length + 1
    fit = best_fit if params.method == "best_fit" else concatenate
    block = (np.cumsum(drawn.length) - drawn.length) // (BLOCK_ROWS * width)
    bounds = np.flatnonzero(np.diff(block, prepend=-1, append=-1))
    parts, num_rows = [], 0
    for first, last in pairwise(bounds):
        item, start, length, row = fit(drawn.length[first:last], width)
        count = int(row.max()) + 1
        row = permutation(count, seed, f"rows of {split} from {num_rows}")[row]
        # Within a row by draw, or the shortest documents would always stand last.
        order = np.lexsort((start, item, row))
        document = drawn.document[first + item[order]]
        parts.append((document, start[order], length[order].astype(np.int32), row[order] + num_rows))
        num_rows += count
    document, start, length, row = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Segments(documents.shard[document], documents.row[document], start, length, row)


def _counts(documents: _Documents, drawn: _Drawn, segments: Segments, width: int) -> dict:
    tokens = int(drawn.length.sum())
    assert tokens == int(segments.length.sum(dtype=np.int64)), "packing lost or repeated tokens"
    counts: dict[str, object] = {
        "rows": segments.num_rows,
        "tokens": tokens,
        "padding": 1 - tokens / (segments.num_rows * width),
        "sources": _drawn_of(documents.sources, documents.source[drawn.document], drawn),
    }
    if documents.parts != documents.sources:
        parts = _drawn_of(documents.parts, documents.part[drawn.document], drawn)
        counts["buckets"] = {part: count for part, count in parts.items() if "/" in part}
    return counts


def _drawn_of(names: Sequence[str], of: np.ndarray, drawn: _Drawn) -> dict[str, dict]:
    """Documents and tokens drawn of each name; `of` has the number of the name for each document drawn."""
    return {
        name: {"documents": len(np.unique(drawn.document[of == i])), "tokens": int(drawn.length[of == i].sum())}
        for i, name in enumerate(names)
    }
