"""Chance without a generator: every draw is a hash of a seed, a purpose and the thing drawn.

So a draw does not depend on file order, on the number of workers or on numpy's version, and a document that was in
stays in when others are added.
"""

from collections.abc import Iterable

import numpy as np
import xxhash

SCALE = 2.0**64
"""Draws are uniform below this: `draws < share * SCALE` selects a share."""


def document_draws(ids: Iterable[str], seed: int, purpose: str) -> np.ndarray:
    """One uniform number for each document id, uint64[N], other for another seed or purpose (XXH3-64)."""
    salt = _salt(seed, purpose)
    digest = xxhash.xxh3_64_intdigest
    return np.fromiter((digest(i.encode(), salt) for i in ids), np.uint64)


def redraws(draws: np.ndarray, seed: int, purpose: str) -> np.ndarray:
    """New uniform numbers from old ones or from distinct integers, uint64[N] (SplitMix64, Steele et al. 2014).

    Distinct stay distinct.
    """
    z = draws.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(_salt(seed, purpose))
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def permutation(count: int, seed: int, purpose: str) -> np.ndarray:
    """A random order of `range(count)`, int64[count]."""
    return np.argsort(redraws(np.arange(count), seed, purpose), kind="stable")


def _salt(seed: int, purpose: str) -> int:
    return xxhash.xxh3_64_intdigest(f"{seed}\0{purpose}".encode())
