"""The word n-grams of benchmarks, indexed by their letters: a hash says where to look, then all the letters must agree.

So what is found does stand in the benchmark. Left out are n-grams that a benchmark repeats all over (its prompts), and
those with hardly any words in them (a calendar, a list of numbers).
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa

from gristmill.curation.benchmarks import Item
from gristmill.curation.letters import BREAK, letters, without_noise
from gristmill.curation.words import mixed

SHORT_WORDS = 8
"""Strings with fewer words match nothing: too many short questions are also ordinary sentences."""

COMMON_ITEMS = 10
COMMON_SHARE = 0.01
"""An n-gram in more than 10 items of a benchmark and more than 1 % of them is part of its prompts, not of its content.
In a benchmark of a thousand items, a passage that is repeated with each of its questions stays below that."""

_MAX_REPEATS = 3
"""A short question that is asked more often is a prompt."""

_MIN_LETTERS = 24
"""Letters and digits that a text without a telling n-gram must have to be looked for as a whole."""

_ID = re.compile(r"\S*[\d_/]\S*")
"""What an item may be called in its file: no white space, and a digit or such a mark."""

_PREFIXES = (8, 16, 32)
"""Letters that are looked up first: the longest of these that an n-gram has."""


@dataclass(frozen=True, slots=True)
class Field:
    """A string of a benchmark that is looked for, or the strings of a short item `together`."""

    benchmark: str
    item: int
    field: str  # "question", or of several the first and the last: "question-choices.3"
    num_words: int


@dataclass(frozen=True)
class Coverage:
    """How much of a benchmark can be found at all."""

    items: int
    short: int  # without SHORT_WORDS words in a string, or in its strings together
    common: int  # whose n-grams are all prompts, or hold hardly any words


@dataclass(frozen=True)
class Index:
    """The n-grams of some benchmarks, ready to be looked up; can be pickled."""

    ngram_words: int
    fields: tuple[Field, ...]
    coverage: Mapping[str, Coverage]  # by benchmark
    code: np.ndarray  # uint32: the letters of all fields
    start: np.ndarray  # int64 [n-grams]: the first letter of each
    length: np.ndarray  # int64 [n-grams], letters
    field: np.ndarray  # int64 [n-grams]
    hash: np.ndarray  # uint64 [n-grams], of all its letters
    lookups: tuple["Lookup", ...]

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True)
class Lookup:
    """Sorted hashes of the first letters of n-grams."""

    width: int  # letters that are hashed
    keys: np.ndarray  # uint64, sorted
    ngram: np.ndarray  # int64, the n-gram of each
    table: np.ndarray  # bool [2^k]: whether any key has these top bits; spares most searches


def index_of(items: Iterable[Item], ngram_words: int) -> Index:
    """The index of benchmark items."""
    items = list(items)
    fields: list[Field] = []
    texts: list[str] = []
    labels = _labels(items)
    for item in items:
        for place, num_words in _searched([count_words(text) for text in item.texts], ngram_words):
            text = item.texts[place]
            # Without markup and the numbers of its lines, with the numbers, and as it stands: a copy may lack them, run
            # its lines together, or keep the words of markup that lost its brackets.
            variants = (without_noise(text), without_noise(text, numbering=False), text.replace(BREAK, " "))
            for variant in dict.fromkeys(variants):
                fields.append(Field(item.benchmark, item.number, item.fields[place], num_words))
                texts.append(variant)
    num_strings = len(texts)
    for item in short_items(items):
        field, *variants = together(item, labels)
        for variant in dict.fromkeys(map(without_noise, variants)):
            if (num_words := count_words(variant)) >= SHORT_WORDS:
                fields.append(Field(item.benchmark, item.number, field, num_words))
                texts.append(variant)
    code, field, start, end = _ngrams(fields, texts, ngram_words, num_strings)
    sums = prefix_sums(code)
    length = end - start
    hash_ = spans_hash(sums, start, length)
    # A string that several items share is looked for once; it finds them all.
    texts_found = {texts[number] for number in np.unique(field).tolist()}
    coverage = _coverage(items, fields, {one for one, text in zip(fields, texts, strict=True) if text in texts_found})
    lookups = []
    for width, widest in zip(_PREFIXES, [*_PREFIXES[1:], np.inf], strict=True):
        some = np.flatnonzero((length >= width) & (length < widest))
        if len(some):
            lookups.append(_lookup(width, some, spans_hash(sums, start[some], np.full(len(some), width))))
    return Index(ngram_words, tuple(fields), coverage, code, start, length, field, hash_, tuple(lookups))


def count_words(text: str) -> int:
    """How many words a text has: runs of letters and digits with what marks them ("don't" is two)."""
    return len(letters(without_noise(text)).word)


def _searched(counts: list[int], ngram_words: int) -> list[tuple[int, int]]:
    """Which strings of an item are looked for, with their words: the first of 8, as a rule the question, and all of n.

    Short answers are not: "an increase in the price of a good" is no leak.
    """
    question = next((place for place, count in enumerate(counts) if count >= SHORT_WORDS), None)
    return [(place, n) for place, n in enumerate(counts) if n >= ngram_words or place == question]


def short_items(items: Iterable[Item]) -> Iterator[Item]:
    """Items of which no string is long enough to be looked for by itself."""
    return (item for item in items if all(count_words(text) < SHORT_WORDS for text in item.texts))


def together(item: Item, labels: set[tuple[str, str]] = frozenset()) -> tuple[str, str, str]:
    """The strings of an item from its question on, as one text: which they are ("question-choices.3"), the text, and
    the same with a letter before each choice. `labels` are (benchmark, field) to leave out; what cannot be looked for
    is ''.

    >>> together(Item("a.csv", 0, ("An ecclesia is:", "a church", "an assembly", "B"), ("0", "1", "2", "3")))
    ('0-2', 'An ecclesia is:\\na church\\nan assembly', 'An ecclesia is: (A) a church (B) an assembly')
    """
    parts = [
        (field, text.strip())
        for field, text in zip(item.fields, item.texts, strict=True)
        if text.strip() and (item.benchmark, field) not in labels
    ]
    # An id before the question, and the letter of the answer behind the choices, are in no copy.
    question = next((place for place, (_, text) in enumerate(parts) if not _ID.fullmatch(text)), len(parts))
    parts = parts[question:]
    if parts and len(parts[-1][1]) == 1 and parts[-1][1].isalpha():
        parts.pop()
    if len(parts) < 2:
        return "", "", ""
    question, *choices = [text for _, text in parts]
    lettered = " ".join(f"({chr(ord('A') + number % 26)}) {choice}" for number, choice in enumerate(choices))
    return f"{parts[0][0]}-{parts[-1][0]}", "\n".join((question, *choices)), f"{question} {lettered}"


def _labels(items: Sequence[Item]) -> set[tuple[str, str]]:
    """Benchmark and field of what is the same in ten items on average, such as a subject and the letter of an answer."""
    values: dict[tuple[str, str], list[str]] = defaultdict(list)
    for item in items:
        for field, text in zip(item.fields, item.texts, strict=True):
            values[item.benchmark, field].append(text)
    return {key for key, texts in values.items() if 10 * len(set(texts)) <= len(texts)}


def _ngrams(
    fields: list[Field], texts: list[str], width: int, num_strings: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The letters of all texts; of each n-gram the field, its first letter, and the one behind its last.

    From `num_strings` on texts are short items `together`.
    """
    parts = [letters(text) for text in texts]
    sizes = np.array([len(part.code) for part in parts], np.int64)
    begins = np.cumsum(sizes) - sizes
    code = np.concatenate([part.code.astype(np.uint32) for part in parts]) if parts else np.zeros(0, np.uint32)
    counts = np.array([len(part.word) for part in parts], np.int64)
    # Borders of words, one more than words: where each starts, and where the last ends.
    borders = [np.append(part.word, len(part.code)) + begin for part, begin in zip(parts, begins.tolist(), strict=True)]
    border = np.concatenate(borders) if borders else np.zeros(0, np.int64)
    first = np.cumsum(counts + 1) - (counts + 1)
    vocabulary = _vocabulary(code, border)
    # A string that stands in several items is one text: the passage of many questions is no prompt.
    repeats = pa.array(texts, pa.string()).dictionary_encode().indices.to_numpy(zero_copy_only=False)
    _, once, times = np.unique(repeats, return_index=True, return_counts=True)
    whole = np.sort(once[counts[once] >= width])
    place = _windows(first, counts, whole, width)
    field = np.repeat(whole, counts[whole] - width + 1)
    fits = _is_rich(vocabulary, place, width)
    place, field = place[fits], field[fits]
    begin, end = border[place], border[place + width]
    common = _is_common(fields, field, spans_hash(prefix_sums(code), begin, end - begin))
    field, begin, end = field[~common], begin[~common], end[~common]
    # Short questions match as a whole and by 8-grams, and texts without a telling n-gram, such as sums, as a whole; not if they are prompts.
    rest = np.setdiff1d(once[(counts[once] >= SHORT_WORDS) & (times <= _MAX_REPEATS)], field)
    told = np.append(0, np.cumsum(vocabulary != 0))
    telling = told[first[rest] + counts[rest]] - told[first[rest]]
    question = (counts[rest] < width) & (rest < num_strings)
    some = np.where(rest < num_strings, telling > 0, 2 * telling >= counts[rest])
    rest = rest[question | some & (sizes[rest] >= _MIN_LETTERS)]
    short = rest[(counts[rest] < width) & (counts[rest] > SHORT_WORDS) & (rest < num_strings)]
    parts_of, part = _parts(vocabulary, first, counts, short)
    return (
        code,
        np.concatenate((field, rest, parts_of)),
        np.concatenate((begin, border[first[rest]], border[part])),
        np.concatenate((end, border[first[rest] + counts[rest]], border[part + SHORT_WORDS])),
    )


def _parts(
    vocabulary: np.ndarray, first: np.ndarray, counts: np.ndarray, short: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The 8-grams of short questions: the field of each and its first word.

    Not those of several questions, such as "which of the following is an example of", though no sample has one.
    """
    place = _windows(first, counts, short, SHORT_WORDS)
    field = np.repeat(short, counts[short] - SHORT_WORDS + 1)
    fits = _is_rich(vocabulary, place, SHORT_WORDS)
    place, field = place[fits], field[fits]
    _, same = np.unique(vocabulary[place[:, None] + np.arange(SHORT_WORDS)], axis=0, return_inverse=True)
    rare = np.bincount(same.ravel(), minlength=1)[same.ravel()] <= _MAX_REPEATS
    return field[rare], place[rare]


def _vocabulary(code: np.ndarray, border: np.ndarray) -> np.ndarray:
    """A number for each word between two borders, int32: the same for the same word, 0 if it says nothing."""
    text = code.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
    known: dict[str, int] = {}
    edges = border.tolist()
    numbers = [
        known.setdefault(word, len(known) + 1) if _tells_something(word) else 0
        for word in (text[a:b] for a, b in zip(edges, [*edges, len(text)][1:], strict=True))
    ]
    return np.array(numbers, np.int32)


def _tells_something(word: str) -> bool:
    """Whether a word is more than a number or a single Latin letter."""
    return not word.isdigit() and (len(word) > 1 or not word.isascii())


def _windows(starts: np.ndarray, lengths: np.ndarray, some: np.ndarray, width: int) -> np.ndarray:
    """First positions of all windows of `width` words in some fields."""
    counts = lengths[some] - width + 1
    return np.repeat(starts[some] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())


def _is_rich(vocabulary: np.ndarray, start: np.ndarray, width: int) -> np.ndarray:
    """Whether half of the words of each window are different ones that say something."""
    result = np.zeros(len(start), bool)
    for begin in range(0, len(start), 1 << 16):
        window = np.sort(vocabulary[start[begin : begin + (1 << 16), None] + np.arange(width)], axis=1)
        different = (np.diff(window, axis=1) != 0).sum(axis=1) + (window[:, 0] != 0)
        result[begin : begin + (1 << 16)] = different >= width // 2
    return result


def _is_common(fields: list[Field], field: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Whether each n-gram stands in so many items of its benchmark that it belongs to its prompts."""
    names = pa.array([field.benchmark for field in fields], pa.string()).dictionary_encode()
    benchmark = names.indices.to_numpy(zero_copy_only=False)
    item = np.array([field.item for field in fields], np.int64)
    num_items = np.zeros(len(names.dictionary))
    np.maximum.at(num_items, benchmark, item + 1)
    places = pa.table({"benchmark": benchmark[field], "key": key, "item": item[field], "place": np.arange(len(field))})
    counts = places.group_by(["benchmark", "key"]).aggregate([("item", "count_distinct"), ("place", "list")])
    common = counts["item_count_distinct"].to_numpy() > np.maximum(
        COMMON_ITEMS, COMMON_SHARE * num_items[counts["benchmark"].to_numpy()]
    )
    result = np.zeros(len(field), bool)
    result[counts["place_list"].filter(pa.array(common)).combine_chunks().flatten().to_numpy()] = True
    return result


def _coverage(items: list[Item], fields: list[Field], can_be_found: set[Field]) -> dict[str, Coverage]:
    """What of each benchmark can be found, by benchmark in their order."""
    found = {(one.benchmark, one.item) for one in can_be_found}
    searched = {(one.benchmark, one.item) for one in fields}
    counts: dict[str, list[int]] = {}
    for item in items:
        own = counts.setdefault(item.benchmark, [0, 0, 0])
        key = (item.benchmark, item.number)
        own[0] += 1
        own[1] += key not in searched
        own[2] += key in searched and key not in found
    return {benchmark: Coverage(*own) for benchmark, own in counts.items()}


def _lookup(width: int, ngram: np.ndarray, key: np.ndarray) -> Lookup:
    order = np.lexsort((ngram, key))
    key, ngram = key[order], ngram[order]
    bits = max(10, int(8 * len(key)).bit_length())
    table = np.zeros(1 << bits, bool)
    table[(key >> np.uint64(64 - bits)).astype(np.int64)] = True
    return Lookup(width, key, ngram, table)


# --- hashes -----------------------------------------------------------------------------------------------------------

_BASE = 0x9FB21C651E98DF25  # odd, so it has an inverse modulo 2^64


@cache
def _powers(bits: int) -> tuple[np.ndarray, np.ndarray]:
    """The first 2^bits powers of the base and of its inverse, uint64."""
    return tuple(
        np.cumprod(np.append(np.uint64(1), np.full((1 << bits) - 1, base, np.uint64)))
        for base in (_BASE, pow(_BASE, -1, 1 << 64))
    )


def prefix_sums(code: np.ndarray) -> np.ndarray:
    """Sums modulo 2^64 from which `spans_hash` takes the hash of any stretch of letters; one more than letters."""
    powers, _ = _powers(max(16, len(code).bit_length()))
    return np.append(np.uint64(0), np.cumsum(code * powers[: len(code)], dtype=np.uint64))


def spans_hash(sums: np.ndarray, start: np.ndarray, length: np.ndarray | int) -> np.ndarray:
    """A hash of the letters of each stretch, which depends on them alone, wherever they stand."""
    _, inverse = _powers(max(16, (len(sums) - 1).bit_length()))
    return mixed((sums[start + length] - sums[start]) * inverse[start])
