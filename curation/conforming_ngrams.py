"""Characters in duplicate word n-grams by datatrove's walk over them.

Behind an n-gram that counts, its search goes on n words later, and what begins inside those words is not remembered: a
passage that stands there for the first time is new once more when it comes again. Our own count remembers it.

datatrove joins the words of an n-gram without a space, so that "-", "--" and "--", "-" are the same to it. Here n-grams
are equal if their words are: joined ones would have to be hashed one by one, for what only runs of signs tell apart.
"""

import numpy as np

from gristmill.curation.equals import first_equal
from gristmill.curation.repetition import DUPLICATE_NGRAMS


def duplicate_ngram_chars(
    first: np.ndarray, lengths: np.ndarray, document: np.ndarray, num_documents: int
) -> dict[str, np.ndarray]:
    """Characters per document, int64: `dup_5_gram_chars`, ..., `dup_10_gram_chars`.

    One entry per token: `first`, where the same token stands first in its document, `lengths` (code points) and `document`.
    """
    before = np.concatenate(([0], np.cumsum(lengths)))
    places = np.arange(len(first))
    chars = {}
    for n in range(1, DUPLICATE_NGRAMS[-1] + 1):
        if n > 1:
            places, first = _extended(places, first)
        repeated = np.flatnonzero(np.bincount(first, minlength=1).take(first) > 1)
        places, first = places.take(repeated), first.take(repeated)
        if n in DUPLICATE_NGRAMS:
            counted = _counted(places, first, n)
            chars[f"dup_{n}_gram_chars"] = np.bincount(
                document[counted], weights=before[counted + n] - before[counted], minlength=num_documents
            ).astype(np.int64)
    return chars


def _extended(places: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From repeated n-grams the (n + 1)-grams that two of them, a word apart, make up. One that reaches into the next
    document cannot repeat, as `first` tells documents apart."""
    where = np.flatnonzero(np.diff(places) == 1)
    pairs = (first.take(where).astype(np.uint64) << np.uint64(32)) | first.take(where + 1).astype(np.uint64)
    starts = places.take(where)
    return starts, starts.take(first_equal(pairs))


def _counted(places: np.ndarray, first: np.ndarray, n: int) -> np.ndarray:
    """Where the n-grams stand that count; int64. Each depends on the one before, so this is a loop over repeats."""
    counted = []
    known: set[int] = set()
    onward = 0
    for place, number in zip(places.tolist(), first.tolist(), strict=True):
        if place < onward:
            continue
        if number in known:
            counted.append(place)
            onward = place + n
        else:
            known.add(number)
    return np.array(counted, dtype=np.int64)
