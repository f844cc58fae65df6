"""Token shards in, packed rows out: which documents are trained on, in which rows, in which order.

1. Documents of the validation share are set aside, and packed on their own (`catalogue`).
2. The mixture becomes tokens of each part, a source, a bucket of one or values of columns, in each phase (`shares`).
3. Each part's documents are drawn in epochs and merged by progress (`sequence`).
4. That sequence is packed in blocks of about 65,536 rows, each on its own (`fit`), and a block's rows are put into an
   order in which any thousand of them have the mixture's proportions (`row_order`).
5. Where a run in progress changes, the rows that it has consumed stay, and the rest is drawn and packed anew.

Nothing of this reads a token: lengths and ids are enough. Memory is some 250 bytes for each document drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

from gristmill.tokenizer.buckets import MISSING
from gristmill.tokenizer.catalogue import (
    Divided,
    Documents,
    TokenShard,
    catalogue,
    held_out,
    shard_digest,
    source_parts,
)
from gristmill.tokenizer.draw import permutation
from gristmill.tokenizer.fit import best_fit, bos_aligned, concatenate
from gristmill.tokenizer.mixture import MixtureParams
from gristmill.tokenizer.row_order import balanced, window_deviation
from gristmill.tokenizer.rows import Groups, Segments, write_index, write_rows, write_shards
from gristmill.tokenizer.sequence import Drawn, draw, joined
from gristmill.tokenizer.shares import Parts, by_temperature, by_weights, change, solve

VERSION = 3
"""Raised when the same token shards and parameters would give other rows."""

BLOCK_ROWS = 65536
"""Rows that are packed and ordered together; 134 million tokens at a sequence length of 2,048."""

FITS = {"best_fit": best_fit, "concat": concatenate, "bos_aligned": bos_aligned}


@dataclass(frozen=True)
class PackParams:
    """How documents become rows."""

    seq_length: int = 2048
    """Tokens predicted in a row; a row holds one more, since the first has nothing before it."""

    method: str = "best_fit"
    """best_fit cuts only documents that are longer than a row (Ding et al. 2024); concat cuts the stream wherever a row
    ends; bos_aligned begins every segment with a document's first token, and leaves out what a row has no room for."""

    def __post_init__(self) -> None:
        if self.seq_length < 1:
            raise ValueError(f"seq_length: {self.seq_length} must be at least 1.")
        if self.method not in FITS:
            raise ValueError(f"method: {self.method!r} is not known; use {', '.join(FITS)}.")

    @property
    def width(self) -> int:
        """Places in a row."""
        return self.seq_length + 1


@dataclass(frozen=True)
class _Packed:
    """Stretches of documents and the rows that they are in."""

    drawn: Drawn
    segments: Segments

    def before(self, rows: int) -> "_Packed":
        """The first rows; `drawn` are then their very segments."""
        last = int(np.searchsorted(self.segments.packed_row, rows))
        s = self.segments
        first = Segments(
            s.shard[:last], s.row[:last], s.start[:last], s.length[:last], s.packed_row[:last], s.item[:last]
        )
        whole = self.drawn.take(first.item)
        drawn = Drawn(whole.document, first.start, first.length.astype(np.int64), whole.epoch, whole.phase)
        return _Packed(
            drawn, Segments(first.shard, first.row, first.start, first.length, first.packed_row, np.arange(last))
        )


def pack(
    token_shards: Sequence[TokenShard | tuple],
    params: PackParams,
    mixture: MixtureParams,
    weights: Mapping[str, float] | None,
    max_epochs: Mapping[str, float],
    seed: int,
    out_folder: str | Path,
    divided: Mapping[str, Divided] | None = None,
) -> dict:
    """Write `train/`, `validation/`, `index.arrow` and `shards.arrow` into `out_folder` and return the counts.

    `token_shards` are TokenShards or tuples of their fields, in any order; `weights` and `max_epochs` are the sources';
    `out_folder` is empty or new. Every token of every drawn document is in exactly one row for each time that it was
    drawn, or counted as cropped. Counts: `rows`, `tokens`, `padding` (share of places), `cropped` (tokens left out),
    `cut` (documents in more than one piece, or cropped), `window_deviation` (see `row_order`), `sources` (each with
    `documents`, `tokens`, `epochs` and what is `available`), `parts` (the same with `share`) where other parts are weighed,
    `buckets` where these are the buckets of sources, `phases`, `validation` with the same and its `groups` of rows and the
    sources `without` any; `notes`, what
    a person should know, in sentences. Raises ValueError where the mixture cannot be had, shards disagree about the
    tokenizer, or there are fewer than two documents.
    """
    divided = divided or {}
    most = params.width if params.method == "bos_aligned" else None
    shards = [TokenShard(*shard) for shard in token_shards]
    documents, opened = catalogue(shards, mixture.by, divided, most, seed)
    everything = _parts(documents, np.ones(len(documents.part), bool), weights, max_epochs, divided)
    validating = held_out(documents, _weighed(documents, everything, mixture), mixture.validation)
    parts = _parts(documents, ~validating, weights, max_epochs, divided)
    solved = solve(mixture, parts)
    drawn = draw(documents, ~validating, solved.phases, seed)
    train = _Packed(drawn, _segments(documents, drawn, documents.part, params, seed, "train"))
    phases = [(n, amounts) for n, amounts in enumerate(solved.phases)]
    for phase in mixture.changes:
        kept = _consumed(train, phase.after_rows)
        consumed = _whole(documents, kept.drawn, params)
        used = documents.by_part(_spread(documents, consumed))
        left = mixture.tokens - int(kept.drawn.length.sum()) if mixture.tokens else None
        more = change(phase, parts, left if phase.tokens is None else phase.tokens, used)
        number = int(kept.drawn.phase[-1]) + 1
        rest = draw(documents, ~validating, more.phases, seed, consumed, number)
        following = _segments(documents, rest, documents.part, params, seed, f"train after {phase.after_rows}")
        train = _Packed(joined([kept.drawn, rest]), kept.segments.followed_by(following, len(kept.drawn)))
        phases = [*phases[:number], (number, more.phases[0])]

    all_validation = draw(documents, validating, [documents.tokens(validating)], seed)
    group, groups = _groups(documents)
    validation = _Packed(
        all_validation, _segments(documents, all_validation, group, params, seed, "validation", by_group=True)
    )
    row_group = group[all_validation.document][validation.segments.item]
    first_of_row = np.searchsorted(validation.segments.packed_row, np.arange(validation.segments.num_rows))
    metadata = {
        "gristmill.seq_length": str(params.seq_length),
        "gristmill.method": params.method,
        "gristmill.end_id": str(opened.end_id),
        "gristmill.tokenizer": opened.tokenizer,
    }
    out, names = Path(out_folder), documents.names
    write_rows(out / "train", train.segments, names, metadata)
    write_rows(out / "validation", validation.segments, names, metadata, Groups(groups, row_group[first_of_row]))
    write_index(out / "index.arrow", {"train": train.segments, "validation": validation.segments}, names, metadata)
    digests = [shard_digest(shard) for shard in documents.shards]
    sizes = np.bincount(documents.shard, minlength=len(names)).tolist()
    write_shards(out / "shards.arrow", names, sizes, digests, metadata)

    counts = _counts(documents, train, params, parts)
    counts["phases"] = _phases(documents, train, phases)
    counts["window_deviation"] = max(phase["window_deviation"] for phase in counts["phases"])
    counts["validation"] = _counts(documents, validation, params, None)
    counts["validation"]["without"] = _unvalidated(documents, validating)
    rows_of_group = np.bincount(row_group[first_of_row], minlength=len(groups)).tolist()
    counts["validation"]["groups"] = {"/".join(g): n for g, n in zip(groups, rows_of_group, strict=True) if n}
    counts["notes"] = [*_empty_buckets(parts, divided), *solved.notes]
    return counts


def _parts(
    documents: Documents,
    which: np.ndarray,
    weights: Mapping[str, float] | None,
    max_epochs: Mapping[str, float],
    divided: Mapping[str, Divided],
) -> Parts:
    """What there is to mix of some documents, bool [N]: every part with its tokens, its usual share and its epochs."""
    # A source without any document has no shard; the allocation shall say so rather than not know it.
    declared = source_parts([*(weights or {}), *max_epochs], divided)
    tokens_of = np.where(which, documents.length, 0)
    in_cell = np.zeros((len(documents.cells)), np.int64)
    np.add.at(in_cell, documents.cell, tokens_of)
    cells = dict.fromkeys(declared, 0) | dict(zip(documents.cells, in_cell.tolist(), strict=True))
    shares, epochs = _of_cells(cells, weights, max_epochs, divided)
    if documents.parts == documents.cells:
        return Parts(cells, shares, epochs)
    available = documents.by_part(tokens_of)
    pairs, inverse = np.unique(documents.part * np.int64(len(cells)) + documents.cell, return_inverse=True)
    amounts = np.zeros(len(pairs), np.int64)
    np.add.at(amounts, inverse, tokens_of)
    most: dict[str, float] = {}
    usual = dict.fromkeys(available, Fraction(0))
    for pair, amount in zip(pairs.tolist(), amounts.tolist(), strict=True):
        part, cell = documents.parts[pair // len(cells)], documents.cells[pair % len(cells)]
        most[part] = min(most.get(part, epochs.get(cell, 1)), epochs.get(cell, 1))
        if shares is not None and amount:
            usual[part] += Fraction(str(shares[cell])) * Fraction(amount, cells[cell])
    if shares is not None and (empty := [cell for cell, share in shares.items() if share and not cells[cell]]):
        raise ValueError(f"no tokens in {', '.join(sorted(empty))}; set weight: 0, or look at what its filters drop.")
    return Parts(available, None if shares is None else usual, most)


def _of_cells(
    available: Mapping[str, int],
    weights: Mapping[str, float] | None,
    max_epochs: Mapping[str, float],
    divided: Mapping[str, Divided],
) -> tuple[Mapping[str, float | Fraction] | None, dict[str, float]]:
    """Weights and epochs by source: a bucket has its share of its source's weight, or of its tokens without weights.

    That every document has the value is no mistake: the weight of an empty `missing` bucket goes to the others.
    """
    epochs = {name: number for name, number in max_epochs.items() if name not in divided}
    for source, (params, _) in divided.items():
        epochs |= {f"{source}/{name}": e for name, e in params.epochs(max_epochs.get(source, 1.0)).items()}
    if not divided:
        return weights, epochs
    known = dict.fromkeys(part.partition("/")[0] for part in available)
    if weights is None:
        weights = {s: sum(available[part] for part in source_parts([s], divided)) for s in known}
    exact = {source: Fraction(str(weight)) for source, weight in weights.items()}
    shares = {s: d.params.shares_among(available.get(f"{s}/{MISSING}", 0) > 0) for s, d in divided.items()}
    return {
        part: exact[source] * (shares[source][bucket] if bucket else 1)
        for source in exact
        for part in source_parts([source], divided)
        for bucket in [part.partition("/")[2]]
    }, epochs


def _weighed(documents: Documents, parts: Parts, mixture: MixtureParams) -> np.ndarray:
    """Which documents are of a part that the mixture uses at some time, bool [N]."""
    ways = [mixture, *mixture.phases]
    used: set[str] = set()
    for way in ways:
        if way.temperature is not None or getattr(way, "unimax", False):
            shares = by_temperature(parts.available, way.temperature or 1)
        elif way.weights is not None:
            shares = by_weights(way.weights, parts)
        else:
            shares = parts.available if parts.usual is None else parts.usual
        used |= {part for part, share in shares.items() if share}
    return np.array([part in used for part in documents.parts])[documents.part]


def _segments(
    documents: Documents,
    drawn: Drawn,
    group: np.ndarray,
    params: PackParams,
    seed: int,
    split: str,
    by_group: bool = False,
) -> Segments:
    """The rows of one split, block after block, each balanced by `group` [N]; with `by_group` no row mixes two."""
    block = (np.cumsum(drawn.length) - drawn.length) // (BLOCK_ROWS * params.width)
    changes = (np.diff(block, prepend=-1, append=-1) != 0) | (np.diff(drawn.phase, prepend=-1, append=-1) != 0)
    pieces, num_rows = [], 0
    for first, last in pairwise(np.flatnonzero(changes)):
        of = group[drawn.document[first:last]]
        item, start, length, row = _fitted(drawn.length[first:last], of if by_group else None, params)
        chance = permutation(int(row.max()) + 1, seed, f"rows of {split} from {num_rows}")
        row = balanced(row, of[item], length, chance)[row]
        # Within a row by draw, or the shortest documents would always stand last.
        order = np.lexsort((start, item, row))
        item = first + item[order]
        start = drawn.start[item] + start[order]
        pieces.append((item, start, length[order].astype(np.int32), row[order] + num_rows))
        num_rows += len(chance)
    item, start, length, row = (np.concatenate(column) for column in zip(*pieces, strict=True))
    document = drawn.document[item]
    return Segments(documents.shard[document], documents.row[document], start, length, row, item)


def _fitted(lengths: np.ndarray, of: np.ndarray | None, params: PackParams) -> tuple[np.ndarray, ...]:
    """Places of stretches in rows; where `of` says groups, each is packed on its own."""
    fit = FITS[params.method]
    if of is None:
        return fit(lengths, params.width)
    found, num_rows = [], 0
    for number in np.unique(of):
        mine = np.flatnonzero(of == number)
        item, start, length, row = fit(lengths[mine], params.width)
        found.append((mine[item], start, length, row + num_rows))
        num_rows += int(row.max()) + 1
    return tuple(np.concatenate(column) for column in zip(*found, strict=True))


def _consumed(train: _Packed, rows: int) -> _Packed:
    if rows >= train.segments.num_rows:
        raise ValueError(
            f"phases: after_rows {rows} is not before the end of the run, which has {train.segments.num_rows:,} rows; "
            "set it to the rows that were consumed when the mixture is to change."
        )
    return train.before(rows)


def _whole(documents: Documents, consumed: Drawn, params: PackParams) -> Drawn:
    """What rows have consumed; of rows that begin with documents, a document that was cut is used up."""
    if params.method != "bos_aligned":
        return consumed
    return Drawn(consumed.document, consumed.start, documents.length[consumed.document], consumed.epoch, consumed.phase)


def _spread(documents: Documents, drawn: Drawn) -> np.ndarray:
    """int64 [N]: tokens drawn of each document."""
    return np.bincount(drawn.document, drawn.length, minlength=len(documents.length)).astype(np.int64)


def _groups(documents: Documents) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """The (source, language) of each document, int64 [N], and the pairs."""
    number = documents.source * np.int64(len(documents.languages)) + documents.language
    found, group = np.unique(number, return_inverse=True)
    pairs = [divmod(int(n), len(documents.languages)) for n in found]
    return group, [(documents.sources[s], documents.languages[n]) for s, n in pairs]


def _counts(documents: Documents, packed: _Packed, params: PackParams, parts: Parts | None) -> dict:
    drawn, segments = packed.drawn, packed.segments
    tokens = int(drawn.length.sum())
    assert tokens == int(segments.length.sum(dtype=np.int64)), "packing lost or repeated tokens"
    pieces = np.bincount(segments.item, minlength=len(drawn))
    cropped = documents.cropped[drawn.document]
    counts: dict[str, object] = {
        "rows": segments.num_rows,
        "tokens": tokens,
        "padding": 1 - tokens / (segments.num_rows * params.width),
        "cropped": int(cropped.sum()),
        "cut": int(((pieces > 1) | (cropped > 0)).sum()),
        "sources": _drawn_of(documents.sources, documents.source, drawn, parts, documents),
    }
    if documents.parts != documents.sources:
        found = _drawn_of(documents.parts, documents.part, drawn, parts, documents)
        if documents.parts == documents.cells:
            counts["buckets"] = {part: count for part, count in found.items() if "/" in part}
        else:
            counts["parts"] = found
    return counts


def _drawn_of(
    names: Sequence[str], of: np.ndarray, drawn: Drawn, parts: Parts | None, documents: Documents
) -> dict[str, dict]:
    """Documents and tokens drawn of each name; `of` [N] has the number of the name of each document."""
    number = of[drawn.document]
    tokens = np.zeros(len(names), np.int64)
    np.add.at(tokens, number, drawn.length)
    first_use = np.bincount(of[np.unique(drawn.document)], minlength=len(names))
    counts = {n: {"documents": int(d), "tokens": int(t)} for n, d, t in zip(names, first_use, tokens, strict=True)}
    if parts is None:
        return counts
    had = dict(parts.available)
    for source in documents.sources:  # the sum of its buckets
        inside = [had[cell] for cell in documents.cells if cell.partition("/")[0] == source and cell in had]
        had.setdefault(source, sum(inside))
    if documents.parts != documents.cells:
        in_source = np.zeros(len(documents.sources), np.int64)
        np.add.at(in_source, documents.source, documents.length)
        had = dict(zip(documents.sources, in_source.tolist(), strict=True)) | had
    for name, count in counts.items():
        count["available"] = had[name]
        count["epochs"] = count["tokens"] / had[name] if had[name] else 0.0
        count["share"] = count["tokens"] / max(1, int(tokens.sum()))
    return counts


def _phases(documents: Documents, packed: _Packed, phases: Sequence[tuple[int, Mapping[str, int]]]) -> list[dict]:
    """Where each phase begins, what was asked of each part and what it gave, and how evenly."""
    drawn, segments = packed.drawn, packed.segments
    of_segment = drawn.phase[segments.item]
    found = []
    for number, asked in phases:
        mine = np.flatnonzero(of_segment == number)
        if not len(mine):
            continue
        first, last = int(segments.packed_row[mine[0]]), int(segments.packed_row[mine[-1]]) + 1
        part = documents.part[drawn.document[segments.item[mine]]]
        row, length = segments.packed_row[mine] - first, segments.length[mine]
        tokens = np.bincount(part, weights=length, minlength=len(documents.parts)).astype(np.int64).tolist()
        total = sum(asked.values())
        found.append(
            {
                "first_row": first,
                "rows": last - first,
                "tokens": sum(tokens),
                "asked": {p: n / total for p, n in asked.items() if n},
                "shares": {p: n / sum(tokens) for p, n in zip(documents.parts, tokens, strict=True) if n},
                "window_deviation": window_deviation(row, part, length, last - first),
            }
        )
    return found


def _empty_buckets(parts: Parts, divided: Mapping[str, Divided]) -> list[str]:
    return [
        f"no document is in {part}; its weight goes to the other buckets of {part.partition('/')[0]} in proportion"
        for part in source_parts(list(divided), divided)
        if part.endswith(f"/{MISSING}") and not parts.available.get(part, 0)
    ]


def _unvalidated(documents: Documents, validating: np.ndarray) -> list[str]:
    """Sources that have documents and none for validation."""
    there = np.bincount(documents.source, minlength=len(documents.sources))
    held = np.bincount(documents.source[validating], minlength=len(documents.sources))
    return [name for name, n, v in zip(documents.sources, there, held, strict=True) if n and not v]
