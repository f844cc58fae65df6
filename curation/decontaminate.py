"""Benchmark text in training text: found by shared word n-grams, cut out, or the document dropped.

Any 13 words that stand in a benchmark in the same order count as leaked (Brown et al. 2020, appendix C), whatever their
case and punctuation; `benchmark_index` says which do not. Items shorter than 13 words match as a whole.
"""

import re
import unicodedata
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from gristmill.curation.benchmark_index import (
    FIELDS,
    SHORT_WORDS,
    WORD,
    Index,
    codes,
    hashes,
    index_of,
    words,
)
from gristmill.curation.benchmarks import Item, read_items
from gristmill.curation.documents import UnreadableFile

VERSION = 1
"""Bumped when the same text would get other passages."""

BATCH_WORDS = 1 << 20
"""Words looked up together; bounds memory. Does not change the result."""


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


@dataclass(frozen=True, slots=True)
class Hit:
    """What was found in one document."""

    words: int
    leaked: int  # words inside passages
    passages: tuple[Passage, ...]  # ordered and disjoint


# --- index ------------------------------------------------------------------------------------------------------------


def build_index(files: Iterable[tuple[str, BinaryIO]], ngram_words: int = 13) -> Index:
    """An index of benchmark files, given as name and stream; UnreadableFile if one is damaged or holds nothing."""
    rows = []
    for name, stream in files:
        try:
            found = [row for item in read_items(stream, name) for row in _fields(item, ngram_words)]
        except UnreadableFile as error:
            raise UnreadableFile(f"benchmark {name}: {error}") from error
        if not found:
            raise UnreadableFile(f"benchmark {name}: no text of {SHORT_WORDS} words or more; is it the right file?")
        rows += found
    columns = {name: [row[place] for row in rows] for place, name in enumerate(FIELDS.names)}
    return index_of(pa.table(columns, FIELDS).replace_schema_metadata({"ngram_words": str(ngram_words)}))


def _fields(item: Item, ngram_words: int) -> list[tuple[str, int, str]]:
    """The strings of an item that are looked for: all of n words, or in a short item the first of 8."""
    texts = [words(text) for text in item.texts]
    found = [text for text in texts if len(text) >= ngram_words]
    if not found:
        # The question, as a rule. Short answers are not looked for: "an increase in the price of a good" is no leak.
        found = [text for text in texts if len(text) >= SHORT_WORDS][:1]
    return [(item.benchmark, item.number, " ".join(text)) for text in found]


# --- search -----------------------------------------------------------------------------------------------------------


def find(texts: Sequence[str] | pa.Array, index: Index) -> list[Hit]:
    """What each text shares with the benchmarks, one Hit each."""
    hits: list[Hit] = []
    batch: list[np.ndarray] = []
    waiting: list[str] = []
    size = 0
    for text in texts.to_pylist() if isinstance(texts, pa.Array | pa.ChunkedArray) else texts:
        batch.append(_numbers(text, index))
        waiting.append(text)
        size += len(batch[-1])
        if size >= BATCH_WORDS:
            hits += _find_batch(waiting, batch, index)
            batch, waiting, size = [], [], 0
    return hits + _find_batch(waiting, batch, index)


_PIECE = 1 << 20
_PUNCTUATION = re.compile(r"[^\w\s]{0,3}")


def _numbers(text: str, index: Index) -> np.ndarray:
    """The words of a text as numbers of the vocabulary, int32, 0 for words that no benchmark has."""
    pieces = []
    begin = 0
    while begin < len(text):  # in pieces that end at a line or a space, so that a book is no list of strings
        end = min(begin + _PIECE, len(text))
        if end < len(text):
            end = max(text.rfind("\n", begin, end), text.rfind(" ", begin, end)) + 1 or end
        found = words(text[begin:end])
        pieces.append(np.fromiter(map(index.vocabulary.get, found, repeat(0)), np.int32, len(found)))
        begin = end
    return np.concatenate(pieces) if len(pieces) > 1 else pieces[0] if pieces else np.zeros(0, np.int32)


def _find_batch(texts: list[str], numbers: list[np.ndarray], index: Index) -> list[Hit]:
    """Searches many texts at once, and looks closely at those few in which something was found."""
    lengths = np.array([*map(len, numbers)], np.int64)
    ends = np.cumsum(lengths + 1)
    joined = np.zeros(int(lengths.sum()) + len(lengths), np.int32)  # a 0 behind each text: no window spans two
    for end, some in zip(ends.tolist(), numbers, strict=True):
        joined[end - 1 - len(some) : end - 1] = some
    suspects = set(np.searchsorted(ends, _matches(joined, index)[0], "right").tolist())
    return [
        _closely(text, index) if row in suspects else Hit(int(lengths[row]), 0, ()) for row, text in enumerate(texts)
    ]


def _matches(numbers: np.ndarray, index: Index) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where word sequences of the index begin, how many words they have, and where in its tokens they stand."""
    found = []
    widest = index.ngram_words
    for begin in range(0, len(numbers), BATCH_WORDS):
        piece = numbers[begin : begin + BATCH_WORDS + widest - 1]
        unknown = np.concatenate(([0], np.cumsum(piece == 0)))
        coded = codes(piece)
        for lookup in index.lookups:
            known = unknown[lookup.width :] == unknown[: -lookup.width] if len(piece) >= lookup.width else []
            place = np.flatnonzero(known)
            key = hashes(coded, lookup.width)[place]
            bits = len(lookup.table).bit_length() - 1
            likely = lookup.table[(key >> np.uint64(64 - bits)).astype(np.int64)]
            place, key = place[likely], key[likely]
            low = np.searchsorted(lookup.keys, key, "left")
            count = np.searchsorted(lookup.keys, key, "right") - low
            place = np.repeat(place, count)
            entry = np.repeat(low - np.cumsum(count) + count, count) + np.arange(count.sum())
            agrees = np.ones(len(entry), bool)
            for offset in range(int(lookup.length.max(initial=0))):
                inside = offset < lookup.length[entry]
                here = piece[np.minimum(place + offset, len(piece) - 1)]
                agrees &= ~inside | (here == index.tokens[lookup.start[entry] + offset * inside])
            # A window at the end of the piece may wait for the next one, which holds it whole.
            agrees &= place + lookup.length[entry] <= len(piece)
            found.append((begin + place[agrees], lookup.length[entry[agrees]], lookup.start[entry[agrees]]))
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64)
    return tuple(np.concatenate(column) for column in zip(*found, strict=True))


def _closely(text: str, index: Index) -> Hit:
    """The passages of one text, and their places in it."""
    start, end, numbers = array("q"), array("q"), array("i")
    for match in WORD.finditer(text):
        start.append(match.start())
        end.append(match.end())
        numbers.append(index.vocabulary.get(unicodedata.normalize("NFC", match[0]).lower(), 0))
    runs = _runs(np.frombuffer(numbers, np.int32), index)
    passages = []
    for begin, behind, field in runs:
        punctuation = _PUNCTUATION.match(text, end[behind - 1])
        passages.append(
            Passage(
                start[begin],
                punctuation.end(),
                index.fields["benchmark"][field].as_py(),
                index.fields["item"][field].as_py(),
            )
        )
    return Hit(len(numbers), sum(behind - begin for begin, behind, _ in runs), tuple(passages))


def _runs(numbers: np.ndarray, index: Index) -> list[tuple[int, int, int]]:
    """Leaked runs of a text's words as (first, behind the last, field of the index), ordered and disjoint."""
    first, length, source = _matches(numbers, index)
    field = np.searchsorted(index.field_ends, source)
    place = np.lexsort((source, first))
    runs: list[tuple[int, int, int]] = []
    for begin, end, origin in zip(
        first[place].tolist(), (first + length)[place].tolist(), field[place].tolist(), strict=True
    ):
        if runs:
            start, behind, last = runs[-1]
            # A word changed here or there does not save what stands between.
            if begin < behind or (origin == last and begin <= behind + index.ngram_words):
                runs[-1] = (start, max(behind, end), last)
                continue
        runs.append((begin, end, origin))
    return runs


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
