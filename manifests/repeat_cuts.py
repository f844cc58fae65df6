"""The step `cuts`: what hashes say is repeated, compared on the texts themselves, as spans to be cut from them."""

import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from gristmill.curation import shards
from gristmill.curation.dedup import cuts, repeat_table
from gristmill.curation.dedup.cuts import Repeat, Texts
from gristmill.curation.dedup.repeat_table import RULES
from gristmill.manifests.dedup_scope import scope_of
from gristmill.manifests.repeats import FIND, KINDS, TEXTS
from gristmill.manifests.store import Unit

CHUNK_DOCUMENTS = 256
"""So many documents with first copies are read at once."""


@dataclass(frozen=True)
class _Nominated:
    """Passages of a unit that repeat others, by their hashes; int64 [N] each, in order of row and first word."""

    row: np.ndarray
    first: np.ndarray
    to: np.ndarray  # unit of the first copy
    to_row: np.ndarray
    to_first: np.ndarray
    words: np.ndarray | None = None  # of runs of words, whose windows are put together

    def between(self, start: int, end: int) -> "_Nominated":
        """Those of some rows, counted from the first of these."""
        found = self.some(np.arange(*np.searchsorted(self.row, (start, end))))
        return replace(found, row=found.row - start)

    def some(self, which: np.ndarray) -> "_Nominated":
        words = None if self.words is None else self.words[which]
        return _Nominated(*(c[which] for c in (self.row, self.first, self.to, self.to_row, self.to_first)), words)


def cut(unit: Unit, out: Path) -> Mapping[str, object]:
    """The cuts of a unit's texts: `repeats.parquet`, with what each repeats."""
    units: dict[tuple, int] = {}
    nominated = {kind: _nominated(unit, kind, units) for kind in KINDS if unit.params[kind]}
    paths = [_texts_of(unit, key) for _, key in units]
    sources = [source for source, _ in units]
    counts: Counter[str] = Counter()

    def rows() -> Iterator[list[dict]]:
        start = 0
        for batch in shards.read_batches(unit.path("texts.arrow"), ["id", "locator", "text"]):
            found: list[dict] = []
            for kind, all_of_kind in nominated.items():
                here = all_of_kind.between(start, start + batch.num_rows)
                some, only_hashes = _of_batch(unit, kind, batch, here, paths, sources)
                counts["only_hashes_equal"] += only_hashes
                for row in some:
                    counts[row["rule"]] += row["passages"]
                found += [row | {"row": row["row"] + start} for row in some]
            start += batch.num_rows
            yield sorted(found, key=lambda row: (row["row"], order[row["rule"]], row["start"], row["end"]))

    order = {rule: number for number, rule in enumerate(RULES.values())}
    repeat_table.write(out / repeat_table.FILE, rows())
    only_hashes = counts.pop("only_hashes_equal", 0)
    return {"cut": dict(sorted(counts.items())), "only_hashes_equal": only_hashes}


def _nominated(unit: Unit, kind: str, units: dict[tuple, int]) -> _Nominated:
    """What the partitions found for a unit; `units` numbers those of the first copies."""
    parts = [np.zeros((5, 0), np.int64)]
    for file in unit.inputs:
        if not file.name.startswith(f"repeats/{kind}-"):
            continue
        table = shards.read_table(Path(file.path))
        known = json.loads(shards.metadata(Path(file.path))[TEXTS])
        numbers = np.array([units.setdefault(tuple(other), len(units)) for other in known], np.int64)
        columns = [table[name].to_numpy().astype(np.int64) for name in table.column_names]
        columns[2] = numbers[columns[2]]
        parts.append(np.array(columns))
    joined = np.concatenate(parts, axis=1)
    found = _Nominated(*joined[:, np.lexsort((joined[1], joined[0]))])
    return _runs(found, unit.params[kind]["min_tokens"]) if kind == "substrings" else found


def _runs(windows: _Nominated, min_tokens: int) -> _Nominated:
    """Windows, one behind the other in both texts, as the runs of words that they make."""
    row, first, to, to_row, to_first = (
        np.diff(c) for c in (windows.row, windows.first, windows.to, windows.to_row, windows.to_first)
    )
    goes_on = (row == 0) & (first == 1) & (to == 0) & (to_row == 0) & (to_first == 1)
    begins = np.flatnonzero(np.concatenate(([True], ~goes_on))) if len(windows.row) else np.zeros(0, np.int64)
    count = np.diff(np.concatenate((begins, [len(windows.row)])))
    return replace(windows.some(begins), words=count + min_tokens - 1)


def _texts_of(unit: Unit, key: str) -> Path:
    """The texts of another unit, in the same store. Raises ValueError if they are gone."""
    path = unit.path("texts.arrow").parent.parent / key / "texts.arrow"
    if not path.exists():
        folder = path.parents[2] / "passages"
        raise ValueError(f"{path} is gone, which holds first copies; remove {folder} and give the same command again")
    return path


def _of_batch(
    unit: Unit, kind: str, batch: pa.RecordBatch, found: _Nominated, paths: list[Path], sources: list[str]
) -> tuple[list[dict], int]:
    """The cuts of one kind in a batch, and how many passages were equal by their hashes alone."""
    texts, text = np.unique(found.row, return_inverse=True)
    if not len(texts):
        return [], 0
    about = batch.take(pa.array(texts))
    ids, locators = about.column("id").to_pylist(), about.column("locator").to_pylist()
    ours = Texts.of(about.column("text").to_pylist())
    line = lines = np.zeros(len(text), np.int64)
    if kind == "substrings":
        count, at_least = found.words, np.full(len(text), unit.params[kind]["min_tokens"])
    else:
        known = FIND[kind](ours.words, unit.params[kind]["min_words"])
        place = np.searchsorted(known.text << 32 | known.first, text << 32 | found.first)
        count, line, lines = known.words[place], known.line[place], known.lines[place]
        at_least = count
    repeats: list[Repeat] = []
    agreed = np.zeros(len(text), np.int64)
    for runs, theirs, other, of in _first_copies(unit, found, [(ids, locators), text], paths, sources):
        places = cuts.agreeing(
            *(ours, text[runs], found.first[runs], count[runs], at_least[runs]),
            *(theirs, other, found.to_first[runs]),
        )
        run, offset, words = places.T
        here = runs[run]
        np.add.at(agreed, here, words)
        there = theirs.words.offsets[other[run]] + found.to_first[here] + offset
        columns = (text[here], found.first[here] + offset, words, line[here], lines[here], other[run])
        where = theirs.words.start[there], theirs.words.end[there + words - 1]
        repeats += [
            Repeat(t, f, w, first_line, many, of[document], start, end)
            for t, f, w, first_line, many, document, start, end in zip(
                *(c.tolist() for c in (*columns, *where)), strict=True
            )
        ]
    repeats.sort(key=lambda r: (r.text, r.first, r.words, r.of))
    rows: list[dict] = []
    make = cuts.of_words if kind == "substrings" else cuts.of_lines
    for number, some in _grouped(repeats):
        rows += repeat_table.rows_of(ids[number], int(texts[number]), RULES[kind], make(ours, number, some))
    return rows, int(np.sum(agreed != count))


def _grouped(repeats: list[Repeat]) -> Iterator[tuple[int, list[Repeat]]]:
    some: list[Repeat] = []
    for repeat in repeats:
        if some and some[-1].text != repeat.text:
            yield some[-1].text, some
            some = []
        some.append(repeat)
    if some:
        yield some[-1].text, some


def _first_copies(
    unit: Unit, found: _Nominated, ours: list, paths: list[Path], sources: list[str]
) -> Iterator[tuple[np.ndarray, Texts, np.ndarray, list[str]]]:
    """Documents with first copies, some at a time: which passages repeat them, their texts, which text each, and ids.

    Passages of documents that are not compared with each other, but for equal hashes of what they are compared within, are
    left out.
    """
    (_, locators), text = ours
    scope = unit.params["scope"]
    mine = [] if scope == "all" else [scope_of(scope, unit.source or "", locator) for locator in locators]
    order = np.lexsort((found.to_row, found.to))
    new = np.diff(found.to[order], prepend=-1) != 0
    document = np.cumsum(new | (np.diff(found.to_row[order], prepend=-1) != 0)) - 1  # of those with first copies
    of_unit = document[new][np.cumsum(new) - 1]  # the first one of the same unit
    chunk = (document - of_unit) // CHUNK_DOCUMENTS
    edges = np.flatnonzero(new | (np.diff(chunk, prepend=-1) != 0))
    for begin, end in itertools.pairwise([*edges.tolist(), len(order)]):
        runs = order[begin:end]
        path, source = paths[found.to[runs[0]]], sources[found.to[runs[0]]]
        rows, number = np.unique(found.to_row[runs], return_inverse=True)
        if mine:
            there = [scope_of(scope, source, locator) for locator in shards.take(path, rows, "locator").to_pylist()]
            same = np.array([mine[a] == there[b] for a, b in zip(text[runs], number, strict=True)], bool)
            runs, number = runs[same], number[same]
        theirs = Texts.of(shards.take(path, rows, "text").to_pylist())
        yield runs, theirs, number, shards.take(path, rows, "id").to_pylist()
