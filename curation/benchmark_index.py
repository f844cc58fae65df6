"""The word n-grams of benchmarks, indexed: a hash says where to look, and the words themselves are kept to compare.

So what is found does stand in the benchmark. Left out are n-grams that a benchmark repeats all over (its prompts), and
those with hardly any words in them (a calendar, a list of numbers).
"""

import io
import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from gristmill.curation.words import mixed

SHORT_WORDS = 8
"""Items with fewer words match nothing: too many short questions are also ordinary sentences."""

COMMON_ITEMS = 10
COMMON_SHARE = 0.01
"""An n-gram in more than 10 items of a benchmark and more than 1 % of them is part of its prompts, not of its content.
In a benchmark of a thousand items, a passage that is repeated with each of its questions stays below that."""

FIELDS = pa.schema(
    [
        pa.field("benchmark", pa.string(), nullable=False),
        pa.field("item", pa.int64(), nullable=False),
        pa.field("words", pa.string(), nullable=False),
    ]
)


def _ranges(categories: tuple[str, ...]) -> str:
    """The characters below U+10000 of some Unicode categories, for a character class."""
    found = [code for code in range(0x300, 0x10000) if unicodedata.category(chr(code)) in categories]
    breaks = [0, *(i for i in range(1, len(found)) if found[i] != found[i - 1] + 1), len(found)]
    return "".join(f"\\u{found[a]:04x}-\\u{found[b - 1]:04x}" for a, b in pairwise(breaks))


_MARKS = _ranges(("Mn", "Mc", "Me"))
_SOLO = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Thai, Lao, Burmese, Khmer, Kana and Han are written without spaces: each letter counts as a word."""

WORD = re.compile(rf"(?![\W_])[{_SOLO}][{_MARKS}]*|[^\W_{_SOLO}]+(?:[{_MARKS}]+[^\W_{_SOLO}]*)*")
_ASCII_WORD = re.compile(r"[a-z0-9]+")


def words(text: str) -> list[str]:
    """The words of a text without case and punctuation: runs of letters, marks and digits ("don't" is two)."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    return WORD.findall(unicodedata.normalize("NFC", text).lower())


@dataclass(frozen=True)
class Index:
    """The n-grams of some benchmarks, ready to be looked up; can be pickled."""

    ngram_words: int
    fields: pa.Table  # benchmark, item, words (joined by spaces) of every string that is looked for
    vocabulary: dict[str, int]  # from 1 on
    tokens: np.ndarray  # int32: all fields as numbers of words, a 0 behind each
    field_ends: np.ndarray  # int64: where in `tokens` the 0 of each field is
    lookups: tuple["Lookup", ...]  # whole n-grams, and the beginnings of short items

    def __len__(self) -> int:
        return sum(len(lookup.keys) for lookup in self.lookups)


@dataclass(frozen=True)
class Lookup:
    """Sorted hashes of word sequences, and where in an index' tokens they stand."""

    width: int  # words that are hashed
    keys: np.ndarray  # uint64, sorted
    start: np.ndarray  # int64, first word of each in `tokens`
    length: np.ndarray  # int64, words that must agree; at least `width`
    table: np.ndarray  # bool [2^k]: whether any key has these top bits; spares most searches


def index_of(fields: pa.Table) -> Index:
    """The index of a table of FIELDS, whose metadata holds `ngram_words`."""
    ngram_words = int(fields.schema.metadata[b"ngram_words"])
    texts = [text.split(" ") for text in fields["words"].to_pylist()]
    vocabulary = {word: number for number, word in enumerate(sorted({w for text in texts for w in text}), 1)}
    tokens = np.fromiter((n for text in texts for n in [*map(vocabulary.__getitem__, text), 0]), np.int32)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    ends = np.cumsum(lengths + 1) - 1
    # A string that stands in several items is one text: the passage of many questions is no prompt.
    repeats = fields["words"].combine_chunks().dictionary_encode().indices.to_numpy()
    _, first, times = np.unique(repeats, return_index=True, return_counts=True)
    whole = first[lengths[first] >= ngram_words]
    short = first[(lengths[first] < ngram_words) & (times <= 3)]
    rich = np.array([False, *map(_tells_something, vocabulary)])
    start = _windows(ends - lengths, lengths, np.sort(whole), ngram_words)
    start = start[_is_rich(tokens, start, ngram_words, rich)]
    start = start[~_is_common(fields, tokens, ends, start, ngram_words)]
    short_start = (ends - lengths)[np.sort(short)]
    lookups = (
        _lookup(tokens, start, np.full(len(start), ngram_words), ngram_words),
        _lookup(tokens, short_start, lengths[np.sort(short)], SHORT_WORDS),
    )
    return Index(ngram_words, fields, vocabulary, tokens, ends, lookups)


def _tells_something(word: str) -> bool:
    """Whether a word is more than a number or a single Latin letter."""
    return not word.isdigit() and (len(word) > 1 or not word.isascii())


def _windows(starts: np.ndarray, lengths: np.ndarray, some: np.ndarray, width: int) -> np.ndarray:
    """First positions of all windows of `width` words in some fields."""
    counts = lengths[some] - width + 1
    return np.repeat(starts[some] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())


def _is_rich(tokens: np.ndarray, start: np.ndarray, width: int, rich: np.ndarray) -> np.ndarray:
    """Whether half of the words of each window are different ones that say something."""
    result = np.zeros(len(start), bool)
    for begin in range(0, len(start), 1 << 16):
        window = tokens[start[begin : begin + (1 << 16), None] + np.arange(width)]
        window = np.sort(np.where(rich[window], window, 0), axis=1)
        different = (np.diff(window, axis=1) != 0).sum(axis=1) + (window[:, 0] != 0)
        result[begin : begin + (1 << 16)] = different >= width // 2
    return result


def _is_common(fields: pa.Table, tokens: np.ndarray, ends: np.ndarray, start: np.ndarray, width: int) -> np.ndarray:
    """Whether each window's words stand in so many items of its benchmark that they belong to its prompts."""
    field = np.searchsorted(ends, start)
    benchmark = fields["benchmark"].combine_chunks().dictionary_encode().indices.to_numpy()
    item = fields["item"].to_numpy()
    num_items = np.zeros(benchmark.max(initial=-1) + 1)
    np.maximum.at(num_items, benchmark, item + 1)
    key = hashes(codes(tokens), width)[start]
    places = pa.table({"benchmark": benchmark[field], "key": key, "item": item[field], "place": np.arange(len(start))})
    counts = places.group_by(["benchmark", "key"]).aggregate([("item", "count_distinct"), ("place", "list")])
    common = counts["item_count_distinct"].to_numpy() > np.maximum(
        COMMON_ITEMS, COMMON_SHARE * num_items[counts["benchmark"].to_numpy()]
    )
    result = np.zeros(len(start), bool)
    result[counts["place_list"].filter(pa.array(common)).combine_chunks().flatten().to_numpy()] = True
    return result


def _lookup(tokens: np.ndarray, start: np.ndarray, length: np.ndarray, width: int) -> Lookup:
    key = hashes(codes(tokens), width)[start]
    place = np.lexsort((start, key))
    # Equal n-grams are kept once, with the first item that has them; short items may begin alike and differ later.
    fresh = np.r_[True, (np.diff(key[place]) != 0) | (length[place[1:]] != width)][: len(place)]
    place = place[fresh]
    bits = max(10, int(8 * len(place)).bit_length())
    table = np.zeros(1 << bits, bool)
    table[(key[place] >> np.uint64(64 - bits)).astype(np.int64)] = True
    return Lookup(width, key[place], start[place], length[place], table)


def codes(tokens: np.ndarray) -> np.ndarray:
    """A well mixed 64-bit code for each word's number."""
    return mixed(tokens.astype(np.uint64))


_BASE = 0x9FB21C651E98DF25


def hashes(codes: np.ndarray, width: int) -> np.ndarray:
    """Polynomial hash, modulo 2^64, of each window of `width` codes, built by doubling (log width steps)."""
    if len(codes) < width:
        return np.zeros(0, np.uint64)
    result, done = np.zeros(len(codes), np.uint64), 0  # hashes of the first `done` codes of each window
    double, span = codes, 1  # hashes of `span` codes
    while done < width:
        shift = np.uint64(pow(_BASE, span, 1 << 64))
        if width & span:
            result = result[: len(codes) - done - span + 1] * shift + double[done:]
            done += span
        if done < width:
            double = double[:-span] * shift + double[span:]
            span *= 2
    return mixed(result)


def to_bytes(index: Index) -> bytes:
    """The index as an Arrow IPC file of its fields; the same bytes for the same benchmarks."""
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, index.fields.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(index.fields)
    return sink.getvalue()


def from_bytes(content: bytes) -> Index:
    """The index that `to_bytes` wrote."""
    return index_of(pa.ipc.open_file(pa.BufferReader(content)).read_all())
