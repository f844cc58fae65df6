"""How much a document repeats itself: lines, paragraphs and word n-grams (Rae et al. 2021, "Gopher", table A1).

Everything is counted inside documents but for many documents at once. An n-gram is named by the place where it appears
first. It can only repeat where both (n-1)-grams inside it repeat, so the work shrinks with every n; and a pair of places
names an n-gram exactly, without another hash.
"""

import numpy as np

from gristmill.curation.equals import GOLDEN, first_equal

TOP_NGRAMS = (2, 3, 4)
DUPLICATE_NGRAMS = (5, 6, 7, 8, 9, 10)

_MAX_STEPS = 64  # an overlapping passage goes on for a few n-grams; only machines write long ones


def within_documents(hashes: np.ndarray, document: np.ndarray) -> np.ndarray:
    """Hashes that are equal only inside one document (up to chance, 2^-64)."""
    return hashes + document.astype(np.uint64) * GOLDEN


def is_repeat(hashes: np.ndarray, document: np.ndarray) -> np.ndarray:
    """Which items have an equal item before them in their document; bool."""
    return first_equal(within_documents(hashes, document)) != np.arange(len(hashes), dtype=np.int32)


def ngram_repetition(
    first: np.ndarray, counts: np.ndarray, token_type: np.ndarray, lengths: np.ndarray, offsets: np.ndarray
) -> dict[str, np.ndarray]:
    """Characters in repeated word n-grams per document, int64: `top_2_gram_chars`, ..., `dup_10_gram_chars`.

    One entry per token: `first`, where the same token stands first in its document, `counts`, how often the token that
    stands first here occurs there, and `token_type`; `lengths` (code points) has one per type of token, `offsets` (one
    more than documents) says which tokens are whose.
    As in Gopher's presets: the top n-gram is the most frequent one, the earlier of two that are equally frequent, and
    counts with a space between its words in every occurrence, also if it is the only one; of duplicate n-grams (5 and
    up) every occurrence but the first counts, without spaces, and after one that counts the search goes on behind it.
    Datatrove forgets the n-grams that it steps over then, so it misses some that occur once more; here an occurrence is
    found whatever stood before (`conforming_ngrams` follows datatrove exactly).
    """

    def chars_of(start: np.ndarray, n: int) -> np.ndarray:
        """Code points of the n-grams that start there."""
        chars = np.zeros(len(start), dtype=np.int64)
        for step in range(n):
            chars += lengths.take(token_type.take(start + step))
        return chars

    places = np.flatnonzero(counts.take(first) > 1).astype(np.int32)
    first = first.take(places)
    chars = {}
    for n in range(2, DUPLICATE_NGRAMS[-1] + 1):
        places, first, counts = longer_by_one(places, first)
        if n in TOP_NGRAMS:
            document, start, count = _top_ngrams(n, places, first, counts, offsets)
            total = np.zeros(len(offsets) - 1, dtype=np.int64)
            total[document] = count * (chars_of(start, n) + n - 1)
            chars[f"top_{n}_gram_chars"] = total
        if n in DUPLICATE_NGRAMS:
            counted = _not_overlapped(places[first != places], n)
            total = np.zeros(len(offsets) - 1, dtype=np.int64)
            np.add.at(total, np.searchsorted(offsets, counted, side="right") - 1, chars_of(counted, n))
            chars[f"dup_{n}_gram_chars"] = total
    return chars


def longer_by_one(places: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """From the repeated (n-1)-grams (where they start, where each starts first) the repeated n-grams, and how often each
    occurs, int32. What reaches from one document into the next cannot occur twice."""
    together = places[1:] == places[:-1] + 1
    starts, left, right = places[:-1], first[:-1], first[1:]
    if not together.all():  # nothing has to be left out of what a machine repeats for megabytes
        where = np.flatnonzero(together)
        starts, left, right = starts.take(where), left.take(where), right.take(where)
    pairs = left.astype(np.uint64)
    pairs <<= np.uint64(32)
    pairs |= right.astype(np.uint64)
    equal = first_equal(pairs)
    del pairs
    counts = np.bincount(equal, minlength=len(equal)).astype(np.int32).take(equal)
    often = counts > 1
    if often.all():
        return starts, starts.take(equal), counts
    repeated = np.flatnonzero(often)
    return starts.take(repeated), starts.take(equal.take(repeated)), counts.take(repeated)


def _top_ngrams(
    n: int, places: np.ndarray, first: np.ndarray, counts: np.ndarray, offsets: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The documents with n tokens or more, where the top n-gram of each starts first, and how often it occurs; int64."""
    num_documents = len(offsets) - 1
    leads = np.flatnonzero(places == first)
    places = places.take(leads).astype(np.int64)
    # The greatest count wins, then the earliest place: one number says both.
    rank = (counts.take(leads).astype(np.int64) << 32) - places
    best = np.zeros(num_documents, dtype=np.int64)
    np.maximum.at(best, np.searchsorted(offsets, places, side="right") - 1, rank)
    best = np.where(best > 0, best, (1 << 32) - offsets[:-1])  # if none occurs twice, the first one, once
    document = np.flatnonzero(np.diff(offsets) >= n)
    best = best.take(document)
    count = (best + (1 << 32) - 1) >> 32
    return document, (count << 32) - best, count


def _not_overlapped(hits: np.ndarray, n: int) -> np.ndarray:
    """Those hits that count if each that counts hides those less than n words behind it, from each document's first on.

    Where hits follow each other without a gap, as in a repeated passage, every n-th counts. Only where such runs come
    closer than n words does it depend on the run before. No n-gram reaches into another document, so the hits of two
    documents are n words apart.
    """
    run_starts = np.concatenate(([0], np.flatnonzero(hits[1:] > hits[:-1] + 1) + 1)) if len(hits) else hits
    run_ends = np.append(run_starts[1:], len(hits))[: len(run_starts)]
    far = hits.take(run_starts[1:]) >= hits.take(run_ends[:-1] - 1) + n
    starts_cluster = np.concatenate(([True], far))[: len(run_starts)]
    alone = starts_cluster & np.append(far, True)[: len(run_starts)]

    begin, length = hits.take(run_starts[alone]), (run_ends - run_starts)[alone]
    times = -(-length // n)
    first = np.concatenate(([0], np.cumsum(times)))
    steps = np.arange(first[-1]) - np.repeat(first[:-1], times)
    counted = np.repeat(begin.astype(np.int64), times) + n * steps
    if alone.all():
        return counted

    in_dense = np.repeat(~alone, run_ends - run_starts)
    roots = np.zeros(len(hits), dtype=bool)
    roots[run_starts[starts_cluster]] = True
    dense = hits[in_dense].astype(np.int64)
    return np.concatenate((counted, dense[_chained(dense, roots[in_dense], n)]))


def _chained(hits: np.ndarray, roots: np.ndarray, n: int) -> np.ndarray:
    """Hits reached from the roots by going on, from each, to the first hit n or more words behind it; bool."""
    onward = np.append(np.searchsorted(hits, hits + n), len(hits))
    reached = np.append(roots, True)  # behind the last one there is nothing
    # All chains go a step at a time: most are short, and together no longer than the hits.
    new = np.flatnonzero(roots)
    for _ in range(_MAX_STEPS):
        new = onward.take(new)
        new = new[~reached.take(new)]
        if not len(new):
            return reached[:-1]
        reached[new] = True
    # What is still going on goes twice as far each time (Wyllie 1979): log2(longest chain) rounds, whatever the text.
    while True:
        new = onward[np.flatnonzero(reached)]
        new = new[~reached.take(new)]
        if not len(new):
            return reached[:-1]
        reached[new] = True
        onward = onward.take(onward)
