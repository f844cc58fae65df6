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
    return first_equal(within_documents(hashes, document)) != np.arange(len(hashes), dtype=np.int32)


def occurrences(kinds: np.ndarray, offsets: np.ndarray, num_kinds: int) -> tuple[np.ndarray, np.ndarray]:
    """For each item the place of the first of its kind in its document, and how often the item that stands first there
    occurs (0 for all others); int32 each. `kinds` (int32) are below `num_kinds`, `offsets` say which items are whose."""
    from gristmill.curation import count_kernels

    return count_kernels.occurrences(kinds, offsets, num_kinds)


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

    from gristmill.curation import count_kernels

    chars = count_kernels.ngram_chars(first, counts, token_type, lengths, offsets)
    return {f"top_{n}_gram_chars": chars[n] for n in TOP_NGRAMS} | {
        f"dup_{n}_gram_chars": chars[n] for n in DUPLICATE_NGRAMS
    }


def longer_by_one(places: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """From the repeated (n-1)-grams (where they start, where each starts first) the repeated n-grams, and how often each
    occurs, int32. What reaches from one document into the next cannot occur twice."""
    from gristmill.curation import count_kernels

    return count_kernels.longer_by_one(places.astype(np.int32, copy=False), first.astype(np.int32, copy=False))
