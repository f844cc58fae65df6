"""How much a document repeats itself: lines, paragraphs and word n-grams (Rae et al. 2021, "Gopher", table A1).

Everything is counted inside documents but for many documents at once. An n-gram is named by the place where it appears
first. It can only repeat where both (n-1)-grams inside it repeat, so the work shrinks with every n; and a pair of places
names an n-gram exactly, without another hash.
"""

import numpy as np

from gristmill.curation.equals import GOLDEN, first_equal

TOP_NGRAMS = (2, 3, 4)
DUPLICATE_NGRAMS = (5, 6, 7, 8, 9, 10)


def within_documents(hashes: np.ndarray, document: np.ndarray) -> np.ndarray:
    """Hashes that are equal only inside one document (up to chance, 2^-64)."""
    return hashes + document.astype(np.uint64) * GOLDEN


def is_repeat(hashes: np.ndarray, document: np.ndarray) -> np.ndarray:
    """Which items have an equal item before them in their document; bool."""
    return first_equal(within_documents(hashes, document)) != np.arange(len(hashes))


def ngram_repetition(
    first: np.ndarray, counts: np.ndarray, lengths: np.ndarray, document: np.ndarray, offsets: np.ndarray
) -> dict[str, np.ndarray]:
    """Characters in repeated word n-grams per document, int64: `top_2_gram_chars`, ..., `dup_10_gram_chars`.

    One entry per token: `first`, where the same token stands first in its document, `counts`, how often the token that
    stands first here occurs there, `lengths` (code points) and `document`; `offsets` (one more than documents) says
    which document has which.
    As in datatrove: the top n-gram is the most frequent one, the earlier of two that are equally frequent, and
    counts with a space between its words in every occurrence, also if it is the only one; of duplicate n-grams (5 and
    up) every occurrence but the first counts, without spaces, and after one that counts the search goes on behind it.
    """
    num_documents = len(offsets) - 1
    before = np.concatenate(([0], np.cumsum(lengths)))
    places = np.flatnonzero(counts.take(first) > 1)
    first = first.take(places)
    chars = {}
    for n in range(2, DUPLICATE_NGRAMS[-1] + 1):
        places, first, counts = longer_by_one(places, first)
        if n in TOP_NGRAMS:
            chars[f"top_{n}_gram_chars"] = _top_chars(n, places, first, counts, document, before, offsets)
        if n in DUPLICATE_NGRAMS:
            hits = places[first != places]
            chars[f"dup_{n}_gram_chars"] = _duplicate_chars(n, hits, document, before, num_documents)
    return chars


def longer_by_one(places: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """From the repeated (n-1)-grams (where they start, where each starts first) the repeated n-grams, and how often each
    occurs that starts first there. What reaches from one document into the next cannot occur twice."""
    where = np.flatnonzero(places[1:] == places[:-1] + 1)
    pairs = (first.take(where).astype(np.uint64) << np.uint64(32)) | first.take(where + 1).astype(np.uint64)
    equal = first_equal(pairs)
    counts = np.bincount(equal, minlength=len(equal)).take(equal)
    repeated = np.flatnonzero(counts > 1)
    starts = places.take(where)
    return starts.take(repeated), starts.take(equal.take(repeated)), counts.take(repeated)


def _top_chars(
    n: int,
    places: np.ndarray,
    first: np.ndarray,
    counts: np.ndarray,
    document: np.ndarray,
    before: np.ndarray,
    offsets: np.ndarray,
) -> np.ndarray:
    num_documents = len(offsets) - 1
    enough = np.diff(offsets) >= n
    start = np.where(enough, offsets[:-1], 0)  # the first n-gram, if none occurs twice
    count = enough.astype(np.int64)
    leads = np.flatnonzero(places == first)
    places = places.take(leads)
    # The greatest count wins, then the earliest place: one number says both.
    rank = (counts.take(leads) << 32) - places
    best = np.zeros(num_documents, dtype=np.int64)
    np.maximum.at(best, document.take(places), rank)
    has = best > 0
    count[has] = (best[has] + (1 << 32) - 1) >> 32
    start[has] = (count[has] << 32) - best[has]
    length = np.where(enough, before[np.minimum(start + n, len(before) - 1)] - before[start] + n - 1, 0)
    return count * length


def _duplicate_chars(
    n: int, hits: np.ndarray, document: np.ndarray, before: np.ndarray, num_documents: int
) -> np.ndarray:
    chars = np.zeros(num_documents, dtype=np.int64)
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
