"""Characters in duplicate word n-grams exactly as datatrove counts them.

Behind an n-gram that counts, its search goes on n words later, and what begins inside those words is not remembered: a
passage that stands there for the first time is new once more when it comes again. Our own count remembers it.
"""

import numpy as np

from gristmill.curation.repetition import DUPLICATE_NGRAMS, numbered, within_documents


def duplicate_ngram_chars(hashes: np.ndarray, lengths: np.ndarray, offsets: np.ndarray) -> dict[str, np.ndarray]:
    """Characters per document, int64: `dup_5_gram_chars`, ..., `dup_10_gram_chars`.

    `hashes` (uint64) and `lengths` (code points) describe the tokens, `offsets` (documents + 1) says which are whose.
    """
    document = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    before = np.concatenate(([0], np.cumsum(lengths)))
    places, numbers = np.arange(len(hashes)), numbered(within_documents(hashes, document))
    chars = {}
    for n in range(1, DUPLICATE_NGRAMS[-1] + 1):
        if n > 1:
            places, numbers = _extended(places, numbers, document)
        repeated = np.bincount(numbers, minlength=1)[numbers] > 1
        places, numbers = places[repeated], numbers[repeated]
        if n in DUPLICATE_NGRAMS:
            counted = _counted(places, numbers, n)
            chars[f"dup_{n}_gram_chars"] = np.bincount(
                document[counted], weights=before[counted + n] - before[counted], minlength=len(offsets) - 1
            ).astype(np.int64)
    return chars


def _extended(places: np.ndarray, numbers: np.ndarray, document: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From repeated n-grams the (n + 1)-grams that two of them, a word apart, make up."""
    where = np.flatnonzero((np.diff(places) == 1) & (document[places[1:]] == document[places[:-1]]))
    pairs = (numbers[where].astype(np.uint64) << np.uint64(32)) | numbers[where + 1].astype(np.uint64)
    return places[where], numbered(pairs)


def _counted(places: np.ndarray, numbers: np.ndarray, n: int) -> np.ndarray:
    """Where the n-grams stand that count; int64. Each depends on the one before, so this is a loop over repeats."""
    counted = []
    known: set[int] = set()
    onward = 0
    for place, number in zip(places.tolist(), numbers.tolist(), strict=True):
        if place < onward:
            continue
        if number in known:
            counted.append(place)
            onward = place + n
        else:
            known.add(number)
    return np.array(counted, dtype=np.int64)
