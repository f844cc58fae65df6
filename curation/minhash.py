"""MinHash signatures: short summaries from which the Jaccard similarity of two documents can be estimated.

A document is the set of its shingles, its word n-grams (Broder 1997). Each permutation orders all possible shingles in
its own way, and the signature holds the smallest one: two documents agree in a place with a probability equal to
their Jaccard similarity. Permutation k is x -> a_k x + b_k modulo 2^32 with an odd a_k, applied to the upper half of a
well mixed 64-bit hash: exact in uint32, so there is no overflow to reproduce, and signatures are the same everywhere.
"""

from dataclasses import dataclass

import numpy as np

from gristmill.curation.equals import GOLDEN
from gristmill.curation.words import mixed

VERSION: int = 1

NO_SHINGLES = np.uint32(0xFFFFFFFF)
"""Every value of the signature of a document without shingles: it has no similarity to anything."""

_SHINGLE_BASE = np.uint64(0xA0761D6478BD642F)


@dataclass(frozen=True)
class SignatureParams:
    """What a signature is made of; two signatures can be compared only if these are equal."""

    ngram_words: int = 5
    """Words per shingle; more make it stricter about small edits."""
    num_perm: int = 128
    """Values per signature; the standard error of an estimate is at most 0.5 / sqrt(num_perm)."""
    seed: int = 1
    """Chooses the permutations; below 2^63."""

    def __post_init__(self) -> None:
        if self.ngram_words < 1:
            raise ValueError(f"ngram_words is {self.ngram_words}; a shingle needs at least 1 word (5 is usual)")
        if self.num_perm < 1:
            raise ValueError(f"num_perm is {self.num_perm}; a signature needs at least 1 value (128 is usual)")
        if not 0 <= self.seed < 1 << 63:
            raise ValueError(f"seed is {self.seed}; choose one from 0 to 2^63 - 1")


def shingles(word_hashes: np.ndarray, word_offsets: np.ndarray, ngram_words: int) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of each document's word n-grams in text order (uint64), and which are whose (int64 [documents + 1]).

    A document of n words or more has (words - n + 1); one of 1 to n - 1 words has one, over all its words, so that short
    texts are compared too; one without words has none.
    """
    from gristmill.curation import count_kernels

    num_words = np.diff(word_offsets)
    counts = np.where(num_words >= ngram_words, num_words - ngram_words + 1, np.minimum(num_words, 1))
    offsets = np.concatenate(([0], np.cumsum(counts)))
    hashes = count_kernels.shingles(word_hashes, word_offsets, offsets, ngram_words, _SHINGLE_BASE)
    return hashes, offsets


def signatures(hashes: np.ndarray, offsets: np.ndarray, params: SignatureParams) -> np.ndarray:
    """The signature of each document, uint32 [documents, num_perm], from the shingles that `shingles` gives.

    `NO_SHINGLES` throughout for a document without any.
    """
    from gristmill.curation import count_kernels

    return count_kernels.smallest_permuted(hashes, offsets, *permutations(params))


def permutations(params: SignatureParams) -> tuple[np.ndarray, np.ndarray]:
    """Multipliers (odd) and summands of the permutations, uint32 [num_perm] each; more are a continuation of fewer."""
    counter = np.arange(1, params.num_perm + 1, dtype=np.uint64) * GOLDEN
    drawn = mixed(mixed(np.array([params.seed], dtype=np.uint64)) + counter)
    return (drawn >> np.uint64(32)).astype(np.uint32) | np.uint32(1), drawn.astype(np.uint32)


def jaccard(a: np.ndarray, b: np.ndarray) -> float:
    """Exact Jaccard similarity of two sets of shingle hashes, in any order and with repeats; 0 for two empty sets."""
    a, b = np.unique(a), np.unique(b)
    union = len(np.union1d(a, b))
    return (len(a) + len(b) - union) / union if union else 0.0
