"""The text that a tokenizer is trained on: a fixed draw of documents, with small sources lifted.

A source's part goes by its size to the power of 0.5, so that a hundredfold crawl does not drown the code; what a small
source cannot give, the others do.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from gristmill.curation.shards import read_batches
from gristmill.tokenizer.draw import SCALE, document_draws
from gristmill.tokenizer.pieces import pieces
from gristmill.tokenizer.training import TokenizerParams


@dataclass(frozen=True)
class Shard:
    """A document shard as far as sampling needs to know it."""

    source: str
    """The source's name."""
    path: str
    """Its Arrow IPC file (contract 2)."""
    num_bytes: int
    """Bytes of text in it, as UTF-8."""


def budgets(
    sizes: Mapping[str, int], sample_bytes: int, exponent: float, weights: Mapping[str, float] | None = None
) -> dict[str, int]:
    """Bytes to draw from each source: parts by its weight, or by `size ** exponent` where there are no weights, none above
    its size, together `sample_bytes` if there is as much.

    >>> budgets({"web": 10_000, "code": 100}, 1_100, 0.5)
    {'code': 100, 'web': 1000}
    """
    result: dict[str, int] = {}
    left = sample_bytes
    part = {s: weights.get(s, 0.0) if weights else sizes[s] ** exponent for s in sizes}
    pending = sorted(sizes)
    if weights:
        result = {s: 0 for s in pending if not part[s]}
        pending = [s for s in pending if part[s]]
    while pending:
        total = sum(part[source] for source in pending)
        full = [s for s in pending if not sizes[s] or sizes[s] * total <= left * part[s]]
        if not full:
            result |= {s: int(left * part[s] / total) for s in pending}
            break
        result |= {s: sizes[s] for s in full}
        left -= sum(sizes[s] for s in full)
        pending = [s for s in pending if s not in result]
    return dict(sorted(result.items()))


class Sample:
    """What `sample` gives, as often as it is gone through."""

    def __init__(self, shards: Sequence[Shard], params: TokenizerParams, seed: int) -> None:
        self._arguments = (shards, params, seed)

    def __iter__(self) -> Iterator[str]:
        return sample(*self._arguments)


def sample(shards: Sequence[Shard], params: TokenizerParams, seed: int) -> Iterator[str]:
    """Texts to train on, `params.sample_bytes` of them at most, in pieces of at most a million characters.

    Documents are taken in the order of a hash of seed and id until their source's budget is spent; the last is cut to
    fit. `params.held_out` of them are never taken (`held_out`). Shards are read in the order of their names, whatever
    order they come in, and twice: first for ids and lengths.
    """
    by_source = defaultdict(list)
    for shard in sorted(shards, key=lambda s: (s.source, s.path)):
        by_source[shard.source].append(shard)
    sizes = {source: sum(s.num_bytes for s in members) for source, members in by_source.items()}
    allowed = budgets(sizes, params.sample_bytes, params.sample_exponent, params.sample_weights)
    for source, members in by_source.items():
        drawn = _drawn_bytes(members, allowed[source], seed, params.held_out)
        for shard, take in zip(members, drawn, strict=True):
            for text in _texts(shard.path, take):
                yield from pieces(text)


def _drawn_bytes(shards: list[Shard], budget: int, seed: int, share: float) -> list[np.ndarray]:
    """Bytes to take from each document, one array for each shard: all, none, or a part of the last one drawn."""
    draws, lengths, num_rows = [], [], []
    for shard in shards:
        rows = 0
        for batch in read_batches(Path(shard.path), ["id", "text"]):
            ids = batch["id"].to_pylist()
            draws.append(document_draws(ids, seed, "tokenizer sample"))
            size = pc.binary_length(batch["text"]).to_numpy(zero_copy_only=False).astype(np.int64)
            lengths.append(np.where(held_out(ids, seed, share), 0, size))
            rows += len(batch)
        num_rows.append(rows)
    length = np.concatenate([np.empty(0, np.int64), *lengths])
    take = taken_bytes(np.concatenate([np.empty(0, np.uint64), *draws]), length, budget)
    return np.split(take, np.cumsum(num_rows)[:-1])


def taken_bytes(draws: np.ndarray, lengths: np.ndarray, budget: int) -> np.ndarray:
    """How much of each document is taken, int64[N]: in the order of their draws until `budget` is spent."""
    order = np.argsort(draws, kind="stable")
    before = np.cumsum(lengths[order]) - lengths[order]
    take = np.empty_like(lengths)
    take[order] = np.clip(budget - before, 0, lengths[order])
    return take


def held_out(ids: list[str], seed: int, share: float) -> np.ndarray:
    """Which documents no sample takes, bool[N]; the same ones whatever else there is."""
    return document_draws(ids, seed, "tokenizer held out") < np.uint64(share * SCALE)


def _texts(path: str, take: np.ndarray) -> Iterator[str]:
    """The first `take[i]` bytes of each text i of a shard where that is more than none."""
    row = 0
    for batch in read_batches(Path(path), ["text"]):
        texts = batch["text"]
        part = take[row : row + len(texts)]
        for i in np.flatnonzero(part):
            yield texts[int(i)].as_py().encode()[: part[i]].decode(errors="ignore")
        row += len(texts)
