"""How much a document repeats itself: lines, paragraphs and word n-grams (Rae et al. 2021, "Gopher", table A1).

Everything is counted inside documents but for many documents at once. Repeats are found by numbering equal items in the
order of their first appearance. An n-gram can only repeat where both (n-1)-grams inside it repeat, so the work shrinks
with every n; and a pair of numbers names an n-gram exactly, without another hash.
"""

import numpy as np
import pyarrow as pa

from gristmill.curation.words import GOLDEN

TOP_NGRAMS = (2, 3, 4)
DUPLICATE_NGRAMS = (5, 6, 7, 8, 9, 10)


def numbered(keys: np.ndarray) -> np.ndarray:
    """Each key's number, int32, equal for equal keys, counted from 0 in order of first appearance."""
    # Arrow's hash table: 10 to 20 ns a key where sorting takes 70 to 200.
    return pa.array(keys).dictionary_encode().indices.to_numpy()


def first_places(numbers: np.ndarray) -> np.ndarray:
    """Where each number of `numbered` appears first; int64, indexed by number."""
    if not len(numbers):
        return np.zeros(0, dtype=np.int64)
    seen = np.maximum.accumulate(numbers)
    return np.flatnonzero(np.concatenate(([True], seen[1:] > seen[:-1])))


def within_documents(hashes: np.ndarray, document: np.ndarray) -> np.ndarray:
    """Hashes that are equal only inside one document (up to chance, 2^-64)."""
    return hashes + document.astype(np.uint64) * GOLDEN


def is_repeat(hashes: np.ndarray, document: np.ndarray) -> np.ndarray:
    """Which items have an equal item before them in their document; bool."""
    repeat = np.ones(len(hashes), dtype=bool)
    repeat[first_places(numbered(within_documents(hashes, document)))] = False
    return repeat


def ngram_repetition(hashes: np.ndarray, lengths: np.ndarray, offsets: np.ndarray) -> dict[str, np.ndarray]:
    """Characters in repeated word n-grams per document, int64: `top_2_gram_chars`, ..., `dup_10_gram_chars`.

    `hashes` and `lengths` (code points) describe the tokens, `offsets` (one more than documents) which document has
    which. As in datatrove: the top n-gram is the most frequent one, the earlier of two that are equally frequent, and
    counts with a space between its words in every occurrence, also if it is the only one; of duplicate n-grams (5 and
    up) every occurrence but the first counts, without spaces, and after one that counts the search goes on behind it.
    """
    num_documents = len(offsets) - 1
    document = np.repeat(np.arange(num_documents), np.diff(offsets))
    before = np.concatenate(([0], np.cumsum(lengths)))
    numbers = numbered(within_documents(hashes, document))
    repeated = np.bincount(numbers)[numbers] > 1
    places, numbers = np.flatnonzero(repeated), numbers[repeated]
    chars = {}
    for n in range(2, DUPLICATE_NGRAMS[-1] + 1):
        places, numbers = _longer_by_one(places, numbers, document)
        if n in TOP_NGRAMS:
            chars[f"top_{n}_gram_chars"] = _top_chars(n, places, numbers, document, before, offsets)
        if n in DUPLICATE_NGRAMS:
            chars[f"dup_{n}_gram_chars"] = _duplicate_chars(n, places, numbers, document, before, num_documents)
    return chars


def _longer_by_one(places: np.ndarray, numbers: np.ndarray, document: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From the repeated (n-1)-grams (where they start, which they are) the repeated n-grams."""
    next_too = (places[1:] == places[:-1] + 1) & (document[places[1:]] == document[places[:-1]])
    where = np.flatnonzero(next_too)
    pairs = (numbers[where].astype(np.uint64) << np.uint64(32)) | numbers[where + 1].astype(np.uint64)
    longer = numbered(pairs)
    often = np.bincount(longer) > 1
    repeated = often[longer]
    without_gaps = np.cumsum(often) - 1
    return places[where[repeated]], without_gaps[longer[repeated]]


def _top_chars(
    n: int,
    places: np.ndarray,
    numbers: np.ndarray,
    document: np.ndarray,
    before: np.ndarray,
    offsets: np.ndarray,
) -> np.ndarray:
    num_documents = len(offsets) - 1
    enough = np.diff(offsets) >= n
    start = np.where(enough, offsets[:-1], 0)  # the first n-gram, if none occurs twice
    count = enough.astype(np.int64)
    first = places[first_places(numbers)]
    counts = np.bincount(numbers)
    # The greatest count wins, then the earliest place: one number says both.
    rank = (counts.astype(np.int64) << 32) - first
    best = np.zeros(num_documents, dtype=np.int64)
    np.maximum.at(best, document[first], rank)
    has = best > 0
    count[has] = (best[has] + (1 << 32) - 1) >> 32
    start[has] = (count[has] << 32) - best[has]
    length = np.where(enough, before[np.minimum(start + n, len(before) - 1)] - before[start] + n - 1, 0)
    return count * length


def _duplicate_chars(
    n: int,
    places: np.ndarray,
    numbers: np.ndarray,
    document: np.ndarray,
    before: np.ndarray,
    num_documents: int,
) -> np.ndarray:
    chars = np.zeros(num_documents, dtype=np.int64)
    repeat = np.ones(len(places), dtype=bool)
    repeat[first_places(numbers)] = False
    hits = places[repeat]
    if not len(hits):
        return chars
    hits = hits[_not_overlapped(hits, document[hits], n)]
    np.add.at(chars, document[hits], before[hits + n] - before[hits])
    return chars


def _not_overlapped(hits: np.ndarray, owner: np.ndarray, n: int) -> np.ndarray:
    """Which hits count if each that counts hides those less than n words behind it, from each document's first on; bool.

    Where hits follow each other without a gap, as in a repeated passage, every n-th counts. Only where such runs come
    closer than n words does it depend on the run before.
    """
    other_owner = owner[1:] != owner[:-1]
    distance = np.diff(hits)
    starts_run = np.concatenate(([True], (distance > 1) | other_owner))
    starts_cluster = np.concatenate(([True], (distance >= n) | other_owner))
    cluster = np.cumsum(starts_cluster) - 1
    first = hits[starts_cluster][cluster]
    counted = (hits - first) % n == 0
    dense = np.flatnonzero((np.bincount(cluster[starts_run]) > 1)[cluster])
    if len(dense):
        counted[dense] = _chained(hits[dense], starts_cluster[dense], n)
    return counted


def _chained(hits: np.ndarray, roots: np.ndarray, n: int) -> np.ndarray:
    """Hits reached from the roots by going on, from each, to the first hit n or more words behind it; bool."""
    onward = np.append(np.searchsorted(hits, hits + n), len(hits))
    reached = np.append(roots, False)
    # Follow all chains at once, doubling the step (Wyllie 1979): log2(longest chain) rounds, whatever the text.
    while True:
        new = onward[np.flatnonzero(reached)]
        new = new[new < len(hits)]
        if not len(new):
            return reached[:-1]
        reached[new] = True
        onward = onward[onward]
