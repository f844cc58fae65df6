"""Where two texts differ, word by word, in time and memory that follow their length.

An exact comparison is quadratic, so it is kept for what is short. Two long texts are first tied together at runs of words
that stand once in each (as in patience diff), longer runs before shorter ones; what lies between two such runs is
compared exactly, by the longest common subsequence. What neither can align, such as two long texts on different subjects,
is one difference. White space makes no difference.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from gristmill.curation.words import mixed

MAX_CHARACTERS = 1 << 23
"""So much of each text is compared; some 100 bytes of memory a word are needed for it."""

ANCHOR_WORDS = (24, 8, 3)
"""Runs of so many words tie two texts together if they stand once in each."""

EXACT_AT_ONCE = 1 << 22
"""Two passages are compared exactly without looking for anchors if the product of their words is at most this."""

EXACT_AT_MOST = 1 << 28
"""Two passages without anchors are still compared exactly up to this product: a bit of memory each."""

EXACT_IN_ALL = 1 << 32
"""The product summed over all passages of two texts, beyond which no more are compared exactly: some seconds."""

MAX_RUNS = 100_000
"""Anchors that are put in order at once; of more, the longest."""

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0dff"
_WORD = re.compile(rf"[^\W{_UNSPACED}]+(?:[{_MARKS}]+[^\W{_UNSPACED}]*)*|\S")
"""A run of letters and digits, or one other visible character; letters of scripts without spaces are words each."""

_BASE = np.uint64(0x9E3779B97F4A7C15)

Block = tuple[int, int, int]  # place in one sequence, place in the other, length


@dataclass(frozen=True)
class Words:
    """The words of a text by position."""

    start: np.ndarray  # int64, characters
    end: np.ndarray  # int64, characters
    code: np.ndarray  # int64, equal for equal words of the texts that are compared

    def span(self, begin: int, end: int) -> tuple[int, int]:
        """The characters of some words; of none, the empty place where they would stand."""
        if begin < end:
            return int(self.start[begin]), int(self.end[end - 1])
        place = int(self.end[begin - 1]) if begin else 0
        return place, place


@dataclass(frozen=True)
class Difference:
    """Words of one text in place of words of the other; one of the two may be none."""

    first: tuple[int, int]  # words of the first text, from and up to
    second: tuple[int, int]


@dataclass(frozen=True)
class Compared:
    """Two texts word by word."""

    first: Words
    second: Words
    differences: list[Difference]
    whole: bool  # whether all of both texts was compared

    @property
    def num_differing(self) -> tuple[int, int]:
        """Words of each text that the other does not have there."""
        first = sum(d.first[1] - d.first[0] for d in self.differences)
        return first, sum(d.second[1] - d.second[0] for d in self.differences)


def compare(first: str, second: str) -> Compared:
    """The differences between two texts in order of place.

    >>> found = compare("one  two three", "one 2 three four")
    >>> [(d.first, d.second) for d in found.differences]
    [((1, 2), (1, 2)), ((3, 3), (3, 4))]
    """
    codes: dict[str, int] = {}
    one, other = (_words(text[:MAX_CHARACTERS], codes) for text in (first, second))
    equal = aligned(one.code, other.code)
    whole = max(len(first), len(second)) <= MAX_CHARACTERS
    return Compared(one, other, _readable(equal, len(one.code), len(other.code)), whole)


def _words(text: str, codes: dict[str, int]) -> Words:
    places, code = [np.zeros((0, 2), np.int64)], [np.zeros(0, np.int64)]
    found = _WORD.finditer(text)
    while spans := [match.span() for match in islice(found, 1 << 16)]:  # as objects they would take much memory
        code.append(np.array([codes.setdefault(text[a:b], len(codes)) for a, b in spans], np.int64))
        places.append(np.array(spans, np.int64))
    start, end = np.concatenate(places).T.copy()
    return Words(start, end, np.concatenate(code))


def aligned(a: np.ndarray, b: np.ndarray) -> list[Block]:
    """Blocks of two sequences of codes that are equal, in order in both; no two touch in both."""
    found: list[Block] = []
    left = EXACT_IN_ALL
    todo = [(0, len(a), 0, len(b), 0)]
    while todo:
        a0, a1, b0, b1, level = todo.pop()
        same = _common_prefix(a[a0:a1], b[b0:b1])
        found += [(a0, b0, same)] if same else []
        a0, b0 = a0 + same, b0 + same
        same = _common_prefix(a[a0:a1][::-1], b[b0:b1][::-1])
        a1, b1 = a1 - same, b1 - same
        found += [(a1, b1, same)] if same else []
        size = (a1 - a0) * (b1 - b0)
        if size <= 1:  # what is left of one word differs
            continue
        runs: list[Block] = []
        if size > EXACT_AT_ONCE:
            while not runs and level < len(ANCHOR_WORDS):
                runs = _in_order(_anchors(a[a0:a1], b[b0:b1], ANCHOR_WORDS[level]))
                level += 1
        elif size <= left:
            left -= size
            found += [(a0 + i, b0 + j, n) for i, j, n in common_subsequence(a[a0:a1], b[b0:b1])]
            continue
        if runs:
            i, j = a0, b0
            for place, other, length in [*((a0 + x, b0 + y, n) for x, y, n in runs), (a1, b1, 0)]:
                todo.append((i, place, j, other, level))
                found += [(place, other, length)] if length else []
                i, j = place + length, other + length
        elif size <= min(left, EXACT_AT_MOST):
            left -= size
            found += [(a0 + i, b0 + j, n) for i, j, n in common_subsequence(a[a0:a1], b[b0:b1])]
    return _joined(sorted(found))


def common_subsequence(a: np.ndarray, b: np.ndarray) -> list[Block]:
    """A longest common subsequence of two sequences, as blocks in order.

    Bit-parallel (Hyyrö 2004): a row of the table of lengths is one integer, whose bit j is 0 where the length grows
    with b's word j. Time and memory are len(a) x len(b) / 64 words of the machine.
    """
    if len(b) > len(a):  # the masks of its words take the square of the second's length
        return [(i, j, n) for j, i, n in common_subsequence(b, a)]
    places: dict[int, int] = {}
    for place, code in enumerate(b.tolist()):
        places[code] = places.get(code, 0) | 1 << place
    full = (1 << len(b)) - 1
    row, rows = full, []
    for code in a.tolist():
        matches = row & places.get(code, 0)
        row = (row + matches | row - matches) & full
        rows.append(row)
    pairs: list[tuple[int, int]] = []
    i, j = len(a), len(b)
    while i and j:
        if rows[i - 1] >> j - 1 & 1:
            j -= 1
            continue
        i -= 1
        if not i or rows[i - 1] >> j - 1 & 1:
            j -= 1
            pairs.append((i, j))
    return _joined([(i, j, 1) for i, j in reversed(pairs)])


def _common_prefix(a: np.ndarray, b: np.ndarray) -> int:
    length = min(len(a), len(b))
    begin, step = 0, 64
    while begin < length:  # most gaps are short: the first look is at a few words
        end = min(begin + step, length)
        differ = a[begin:end] != b[begin:end]
        if differ.any():
            return begin + int(differ.argmax())
        begin, step = end, step * 16
    return length


def _anchors(a: np.ndarray, b: np.ndarray, words: int) -> list[Block]:
    """Runs of words that stand once in each sequence, as long as they go on together, in order of `a`."""
    if min(len(a), len(b)) < words:
        return []
    (hash_a, place_a), (hash_b, place_b) = (_once(codes, words) for codes in (a, b))
    _, in_a, in_b = np.intersect1d(hash_a, hash_b, assume_unique=True, return_indices=True)
    order = np.argsort(place_a[in_a])
    i, j = place_a[in_a][order], place_b[in_b][order]
    if not len(i):
        return []
    starts = np.flatnonzero(np.r_[True, (np.diff(i) != 1) | (np.diff(j) != 1)])
    lengths = np.diff(np.r_[starts, len(i)]) + words - 1
    longest = np.sort(np.argsort(-lengths, kind="stable")[:MAX_RUNS])
    runs = zip(i[starts][longest].tolist(), j[starts][longest].tolist(), lengths[longest].tolist(), strict=True)
    return [(x, y, n) for x, y, n in runs if np.array_equal(a[x : x + n], b[y : y + n])]


def _once(codes: np.ndarray, words: int) -> tuple[np.ndarray, np.ndarray]:
    """The hashes of n-grams that stand once in a sequence, ascending, and their places."""
    each = mixed(codes.astype(np.uint64))
    hashes = np.zeros(len(codes) - words + 1, np.uint64)
    for number in range(words):
        hashes = hashes * _BASE + each[number : number + len(hashes)]
    found, places, counts = np.unique(hashes, return_index=True, return_counts=True)
    return found[counts == 1], places[counts == 1]


def _in_order(runs: list[Block]) -> list[Block]:
    """Those of some runs, given in order of the first sequence, that are in order in both and have the most words."""
    # ends[k], best[k]: the runs taken so far that end lowest in b for what they weigh; both ascend.
    ends: list[int] = []
    best: list[int] = []
    last: list[int] = []
    before: list[int] = [-1] * len(runs)
    for number, (_, j, length) in enumerate(runs):
        place = bisect_right(ends, j)
        weight = length + (best[place - 1] if place else 0)
        before[number] = last[place - 1] if place else -1
        place = bisect_right(ends, j + length - 1)
        if place and best[place - 1] >= weight:
            continue
        stop = place
        while stop < len(best) and best[stop] <= weight:
            stop += 1
        ends[place:stop], best[place:stop], last[place:stop] = [j + length], [weight], [number]
    chain = []
    number = last[-1] if last else -1
    while number >= 0:
        chain.append(runs[number])
        number = before[number]
    return _apart(reversed(chain))


def _apart(runs: Iterator[Block]) -> list[Block]:
    """Runs in order without the words that the one before has taken."""
    found: list[Block] = []
    i = j = 0
    for x, y, length in runs:
        taken = max(i - x, j - y, 0)
        if taken < length:
            found.append((x + taken, y + taken, length - taken))
            i, j = x + length, y + length
    return found


def _joined(blocks: list[Block]) -> list[Block]:
    """Blocks in order, each with those that follow it at once in both sequences."""
    found: list[Block] = []
    for i, j, length in blocks:
        if found and (found[-1][0] + found[-1][2], found[-1][1] + found[-1][2]) == (i, j):
            found[-1] = (found[-1][0], found[-1][1], found[-1][2] + length)
        else:
            found.append((i, j, length))
    return found


def _readable(equal: list[Block], length_a: int, length_b: int) -> list[Difference]:
    """What lies between equal blocks; differences with few equal words between them are one.

    Two sentences on different things share some "the" and "of": nobody wants to read them as ten differences. Few are
    fewer than either difference has, or up to three if they have more in the mean.
    """
    found: list[Difference] = []
    i = j = 0
    for x, y, length in [*equal, (length_a, length_b, 0)]:
        if (i, j) != (x, y):
            found.append(Difference((i, x), (j, y)))
            while len(found) > 1:
                one, other = found[-2:]
                between = other.first[0] - one.first[1]
                sizes = _size(one), _size(other)
                if between >= min(sizes) and (between > 3 or 2 * between >= sum(sizes)):
                    break
                found[-2:] = [Difference((one.first[0], other.first[1]), (one.second[0], other.second[1]))]
        i, j = x + length, y + length
    return found


def _size(difference: Difference) -> int:
    return max(difference.first[1] - difference.first[0], difference.second[1] - difference.second[0])
