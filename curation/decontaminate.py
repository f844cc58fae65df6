"""Benchmark text in training text: found by shared word n-grams, cut out, or the document dropped.

Any 13 words that stand in a benchmark in the same order count as leaked (Brown et al. 2020, appendix C), whatever their
case, punctuation, spacing, markup or numbering: letters and digits are compared (`letters`), so that it does not matter
where a copy puts spaces and hyphens either. `benchmark_index` says which n-grams do not count. Of a question of 8 to 12
words, 8 in a row do; a shorter one counts together with its choices.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from gristmill.curation.benchmark_index import SHORT_WORDS, Index, Lookup, index_of, prefix_sums, spans_hash
from gristmill.curation.benchmarks import Item, read_items
from gristmill.curation.documents import UnreadableFile
from gristmill.curation.letters import BREAK, BREAK_CODE, Letters, letters, without_noise

VERSION = 4
"""Bumped when the same text would get other passages."""

PIECE = 1 << 19
"""Characters looked at together: texts are joined up to this size, and longer ones looked at in pieces of it."""

OVERLAP = 1 << 14
"""Characters that a piece shares with the next, so that a passage is whole in one of them."""


@dataclass(frozen=True)
class DecontaminateParams:
    """Which benchmarks may not be trained on, and what happens to documents that hold some of them."""

    against: tuple[str, ...]
    """Benchmark files: JSON, JSON lines, CSV, TSV or Parquet, or archives of them; wildcards allowed."""

    ngram_words: int = 13
    """Words in a row that count as leaked; fewer find more, and more that is no leak."""

    max_overlap: float = 0.5
    """A document with a larger share of leaked words, 0 to 1, is dropped; from others the passages are cut."""

    def __post_init__(self):
        if not self.against:
            raise ValueError(
                "against is empty, so nothing would be looked for; name benchmark files, or remove decontaminate"
            )
        if not SHORT_WORDS <= self.ngram_words <= 100:
            raise ValueError(
                f"ngram_words is {self.ngram_words}, but must be {SHORT_WORDS} to 100; set 13, as GPT-3 did"
            )
        if not 0 <= self.max_overlap <= 1:
            raise ValueError(f"max_overlap is {self.max_overlap}, but it is a share of words, 0 to 1; set 0.5")


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document that stands in a benchmark; positions count code points."""

    start: int
    end: int
    benchmark: str
    item: int  # its number in the benchmark, from 0
    field: str  # of the item: "question", "choices.2", or the column of a CSV file, from 0; "0-4": together
    words: int  # of the document that stand in the item
    field_words: int  # of the whole string in the benchmark


@dataclass(frozen=True, slots=True)
class Hit:
    """What was found in one document."""

    words: int
    leaked: int  # words inside passages
    passages: tuple[Passage, ...]  # in order; those of several items may overlap

    @property
    def cuts(self) -> list[tuple[int, int]]:
        """Start and end of what stands in any benchmark, ordered and disjoint."""
        return _union([(passage.start, passage.end) for passage in self.passages])


def _union(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def build_index(files: Iterable[tuple[str, BinaryIO]], ngram_words: int = 13) -> Index:
    """An index of benchmark files, given as name and stream; UnreadableFile if one is damaged or holds nothing."""
    items: list[Item] = []
    names: list[str] = []
    for name, stream in files:
        names.append(name)
        try:
            items += read_items(stream, name)
        except UnreadableFile as error:
            raise UnreadableFile(f"benchmark {name}: {error}") from error
    index = index_of(items, ngram_words)
    for name in names:
        own = [
            one for benchmark, one in index.coverage.items() if benchmark == name or benchmark.startswith(name + "#")
        ]
        if all(one.short == one.items for one in own):
            raise UnreadableFile(f"benchmark {name}: no text of {SHORT_WORDS} words or more; is it the right file?")
    return index


# --- search -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a text."""

    row: int  # of the text
    start: int  # in the text
    own: int  # characters up to the start of the next piece; those behind are shared with it
    text: str


def find(texts: Sequence[str] | pa.Array, index: Index) -> list[Hit]:
    """What each text shares with the benchmarks, one Hit each; what stands around a text does not matter."""
    texts = texts.to_pylist() if isinstance(texts, pa.Array | pa.ChunkedArray) else texts
    num_words = np.zeros(len(texts), np.int64)
    suspects: set[int] = set()
    for pieces in _batches(texts):
        found = letters(BREAK.join(piece.text for piece in pieces))
        start = np.cumsum([0, *(len(piece.text) + 1 for piece in pieces[:-1])])
        places = found.place[found.word]
        own = start + [piece.own for piece in pieces]
        rows = np.array([piece.row for piece in pieces])
        np.add.at(num_words, rows, np.searchsorted(places, own) - np.searchsorted(places, start))
        begins, _ = _matches(found, index)
        suspects.update(rows[np.searchsorted(start, found.place[begins], "right") - 1].tolist())
    return [
        _closely(text, index, int(words)) if row in suspects else Hit(int(words), 0, ())
        for row, (text, words) in enumerate(zip(texts, num_words, strict=True))
    ]


def _pieces(row: int, text: str) -> Iterator[_Piece]:
    text = without_noise(text)
    start = 0
    while len(text) - start > PIECE:
        # Where a line or word ends, so that none is counted twice.
        end = start + PIECE
        behind = max(text.rfind("\n", start + PIECE // 2, end), text.rfind(" ", start + PIECE // 2, end)) + 1 or end
        yield _Piece(row, start, behind - start, text[start : behind + OVERLAP])
        start = behind
    yield _Piece(row, start, len(text) - start, text[start:])


def _batches(texts: Iterable[str]) -> Iterator[list[_Piece]]:
    """Pieces of texts in groups of about `PIECE` characters, ASCII apart: it is four times as fast."""
    waiting: tuple[list[_Piece], list[_Piece]] = ([], [])
    sizes = [0, 0]
    for row, text in enumerate(texts):
        for piece in _pieces(row, text):
            which = int(piece.text.isascii())
            waiting[which].append(piece)
            sizes[which] += len(piece.text)
            if sizes[which] >= PIECE:
                yield waiting[which][:]
                waiting[which].clear()
                sizes[which] = 0
    yield from (list(pieces) for pieces in waiting if pieces)


def _matches(found: Letters, index: Index) -> tuple[np.ndarray, np.ndarray]:
    """The first letter of every n-gram of the index that begins and ends with a word, and which n-gram it is."""
    sums = prefix_sums(found.code)
    size = len(found.code)
    ends_word = np.zeros(size + 1, bool)
    ends_word[found.word] = ends_word[size] = True
    ends_word[:size] |= found.code == BREAK_CODE
    results = [np.zeros((0, 2), np.int64)]
    for lookup in index.lookups:
        for begin, low, count in _candidates(found.word, sums, lookup):
            begin = np.repeat(begin, count)
            ngram = lookup.ngram[np.repeat(low - np.cumsum(count) + count, count) + np.arange(count.sum())]
            length = index.length[ngram]
            fits = begin + length <= size
            begin, ngram, length = begin[fits], ngram[fits], length[fits]
            agrees = ends_word[begin + length] & (spans_hash(sums, begin, length) == index.hash[ngram])
            results.append(np.stack((begin[agrees], ngram[agrees]), axis=1))
    joined = np.concatenate(results)
    return joined[:, 0], joined[:, 1]


_MAX_CANDIDATES = 1 << 21


def _candidates(
    word: np.ndarray, sums: np.ndarray, lookup: Lookup
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Words whose first letters are those of n-grams, with the first of these in the lookup and how many; in parts."""
    begin = word[: np.searchsorted(word, len(sums) - lookup.width)]
    key = spans_hash(sums, begin, lookup.width)
    bits = len(lookup.table).bit_length() - 1
    likely = lookup.table[(key >> np.uint64(64 - bits)).astype(np.int64)]
    begin, key = begin[likely], key[likely]
    low = np.searchsorted(lookup.keys, key, "left")
    count = np.searchsorted(lookup.keys, key, "right") - low
    begin, low, count = begin[count > 0], low[count > 0], count[count > 0]
    part = np.cumsum(count) // _MAX_CANDIDATES
    for number in np.unique(part):
        yield begin[part == number], low[part == number], count[part == number]


_PUNCTUATION = re.compile(r"[^\w\s]{0,3}")


def _closely(text: str, index: Index, num_words: int) -> Hit:
    """The passages of one text, and their places in it."""
    places: list[np.ndarray] = []
    spans: set[tuple[int, int, int]] = set()  # first and last character of an n-gram, and its field
    for piece in _pieces(0, text):
        found = letters(piece.text)
        starts = found.place[found.word]
        places.append(starts[starts < piece.own] + piece.start)
        for begin, ngram in zip(*(column.tolist() for column in _matches(found, index)), strict=True):
            length, first = int(index.length[ngram]), int(index.start[ngram])
            # The hash says so; the letters decide.
            if np.array_equal(found.code[begin : begin + length], index.code[first : first + length]):
                last = int(found.place[begin + length - 1])
                spans.add((int(found.place[begin]) + piece.start, last + piece.start, int(index.field[ngram])))
    words = np.concatenate(places)
    runs = _runs(words, spans, index)
    leaked = sum(behind - first for first, behind in _union((first, behind) for first, behind, _, _ in runs))
    passages = dict.fromkeys(
        Passage(
            int(words[first]),
            _PUNCTUATION.match(text, last + 1).end(),
            field.benchmark,
            field.item,
            field.field,
            behind - first,
            field.num_words,
        )
        for first, behind, last, field in runs
    )
    return Hit(num_words, leaked, tuple(sorted(passages, key=lambda p: (p.start, p.end, p.benchmark, p.item, p.field))))


def _runs(words: np.ndarray, spans: set[tuple[int, int, int]], index: Index) -> list[tuple]:
    """Leaked runs of a text's words as (first, behind the last, last character, field), several for a field."""
    by_field: dict = {}
    for start, last, number in sorted(spans):
        first = int(np.searchsorted(words, start, "right")) - 1
        behind = int(np.searchsorted(words, last, "right"))
        runs = by_field.setdefault(index.fields[number], [])
        # A word changed here or there does not save what stands between.
        if runs and first <= runs[-1][1] + index.ngram_words:
            runs[-1] = (runs[-1][0], max(behind, runs[-1][1]), max(last, runs[-1][2]))
        else:
            runs.append((first, behind, last))
    return sorted(((*run, field) for field, runs in by_field.items() for run in runs), key=lambda run: run[:3])


def judge(hits: Sequence[Hit], params: DecontaminateParams) -> pa.Table:
    """The rule `decontaminate.overlap` for texts that are leaked for the greater part: rule, value, threshold of [N].

    The value is the share of leaked words. Where the rule is null, the passages are to be cut.
    """
    share = np.array([hit.leaked / hit.words if hit.words else 0.0 for hit in hits], np.float64)
    stays = share <= params.max_overlap
    return pa.table(
        {
            "rule": pa.array(np.full(len(hits), "decontaminate.overlap"), pa.string(), mask=stays),
            "value": pa.array(share, mask=stays),
            "threshold": pa.array(np.full(len(hits), params.max_overlap), mask=stays),
        }
    )
