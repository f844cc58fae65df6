"""Repeated word n-grams as Dolma and DCLM count them; datatrove's way, which Gopher's preset uses, is in `repetition`.

Both leave white space out of every length. They differ in the words (Dolma: what white space separates; DCLM: words
without the symbols between them) and in what they count:

- The most frequent n-gram (2 to 4). Dolma takes the first of several that are equally frequent, counts it in every
  occurrence, and counts it even if it is the only one of its kind. DCLM takes the longest, and nothing if none repeats.
- Repeated n-grams (5 to 10). Dolma adds up the characters of every occurrence, the first one included, and divides by
  the characters of all n-grams. DCLM divides the words that some repeated n-gram covers, each once, by all words.

Dolma 1.6 also drops documents that say something a hundred times in a row.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gristmill.curation.counts import ratio
from gristmill.curation.equals import GOLDEN, first_equal
from gristmill.curation.repetition import DUPLICATE_NGRAMS, TOP_NGRAMS, longer_by_one

MAX_PERIOD = 13
"""Dolma looks for repetitions of groups of up to so many tokens."""


@dataclass(frozen=True)
class Sequence:
    """The words of some documents in text order, as far as n-grams need them."""

    identity: np.ndarray
    """uint64 per word, equal for equal words of one document and different in different documents."""
    repeats: np.ndarray
    """bool per word: it may stand elsewhere in its document; where it is false, it surely does not."""
    lengths: np.ndarray
    """int64 per word, code points."""
    offsets: np.ndarray
    """int64, documents + 1: which words are whose."""


def _repeated_ngrams(words: Sequence) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """For n from 2 to 10: n, where n-grams stand that stand elsewhere too (ascending), where each stands first, and how
    often it does."""
    places = np.flatnonzero(words.repeats[:-1] & words.repeats[1:])
    # Identities differ between documents, so a pair of words across their border cannot repeat.
    equal = first_equal(words.identity.take(places) * GOLDEN + words.identity.take(places + 1))
    counts = np.bincount(equal, minlength=len(equal)).take(equal)
    repeated = np.flatnonzero(counts > 1)
    first, counts, places = places.take(equal.take(repeated)), counts.take(repeated), places.take(repeated)
    yield 2, places, first, counts
    for n in range(3, DUPLICATE_NGRAMS[-1] + 1):
        places, first, counts = longer_by_one(places, first)
        yield n, places, first, counts


def dolma(words: Sequence) -> dict[str, np.ndarray]:
    """`dolma_top_2_gram_char_frac`, ..., `dolma_dup_10_gram_char_frac` per document, float64."""
    document, before, chars = _layout(words)
    sums = np.concatenate(([0], np.cumsum(before)))  # of the characters before each word
    begin, end = words.offsets[:-1], words.offsets[1:]
    found = {}
    for n, places, first, counts in _repeated_ngrams(words):
        if n in TOP_NGRAMS:
            top = _first_top(n, words, document, before, places, first, counts)
            found[f"dolma_top_{n}_gram_char_frac"] = ratio(top, chars)
        else:
            lengths = before.take(places + n) - before.take(places)
            repeated = np.bincount(document.take(places), weights=lengths, minlength=len(chars))
            last = np.maximum(end - n + 1, begin)
            all_chars = (sums[last + n] - sums[begin + n]) - (sums[last] - sums[begin])
            found[f"dolma_dup_{n}_gram_char_frac"] = ratio(repeated, all_chars)
    return found


def dclm(words: Sequence) -> dict[str, np.ndarray]:
    """`dclm_top_2_gram_char_frac`, ..., `dclm_dup_10_gram_char_frac` per document, float64."""
    document, before, chars = _layout(words)
    found = {}
    for n, places, first, counts in _repeated_ngrams(words):
        owner = document.take(places)
        if n in TOP_NGRAMS:
            leads = np.flatnonzero(places == first)
            lengths = before.take(places.take(leads) + n) - before.take(places.take(leads))
            # The greatest count wins, then the greatest length: one number says both.
            best = np.zeros(len(chars), dtype=np.int64)
            np.maximum.at(best, owner.take(leads), (counts.take(leads).astype(np.int64) << 32) + lengths)
            found[f"dclm_top_{n}_gram_char_frac"] = ratio((best >> 32) * (best & 0xFFFFFFFF), chars)
        else:
            covered = places.copy()  # from here on no n-gram before has covered; none reaches into the next document
            covered[1:] = np.maximum(places[1:], places[:-1] + n)
            new = before.take(places + n) - before.take(covered)
            repeated = np.bincount(owner, weights=new, minlength=len(chars))
            found[f"dclm_dup_{n}_gram_char_frac"] = ratio(repeated, chars)
    return found


def max_repetition(kinds: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """How often the group of up to 13 tokens that is said most often in a row is said, int64 per document; 0 if not three
    times. `kinds` (int64) are equal for equal tokens, `offsets` (documents + 1) say which tokens are whose."""
    most = np.zeros(len(offsets) - 1, dtype=np.int64)
    document = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    for period in range(1, min(MAX_PERIOD, len(kinds) - 1) + 1):
        again = np.flatnonzero(kinds[period:] == kinds[:-period])  # the token stands once more `period` tokens behind
        again = again[document.take(again) == document.take(again + period)]
        starts = np.flatnonzero(np.diff(again, prepend=-2) != 1)
        long_enough = np.diff(np.append(starts, len(again))) >= 2 * period
        length = np.diff(np.append(starts, len(again)))[long_enough]
        np.maximum.at(most, document.take(again[starts[long_enough]]), length // period + 1)
    return most


def _layout(words: Sequence) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each word's document, the characters before each word (words + 11 entries), and each document's characters."""
    document = np.repeat(np.arange(len(words.offsets) - 1), np.diff(words.offsets))
    before = np.concatenate(([0], np.cumsum(words.lengths)))
    chars = before[words.offsets[1:]] - before[words.offsets[:-1]]
    return document, np.concatenate((before, np.full(DUPLICATE_NGRAMS[-1], before[-1]))), chars


def _first_top(
    n: int,
    words: Sequence,
    document: np.ndarray,
    before: np.ndarray,
    places: np.ndarray,
    first: np.ndarray,
    counts: np.ndarray,
) -> np.ndarray:
    """Characters of each document's most frequent n-gram in all its occurrences, of its first one if none repeats."""
    enough = np.diff(words.offsets) >= n
    count, start = enough.astype(np.int64), np.where(enough, words.offsets[:-1], 0)
    leads = np.flatnonzero(places == first)
    best = np.zeros(len(enough), dtype=np.int64)
    rank = (counts.take(leads).astype(np.int64) << 32) - places.take(leads)
    np.maximum.at(best, document.take(places.take(leads)), rank)
    has = best > 0
    count[has] = (best[has] + (1 << 32) - 1) >> 32
    start[has] = (count[has] << 32) - best[has]
    return np.where(enough, count * (before[start + n] - before[start]), 0)
