"""Which passages repeat an earlier one, by hash: earlier in the order of preference, and within a document in its text."""

import numpy as np


def occurring_again(hashes: np.ndarray) -> np.ndarray:
    """int64: the places of all hashes (uint64) that occur more than once, equal ones beside each other."""
    order = np.argsort(hashes)
    ordered = hashes[order]
    same = ordered[1:] == ordered[:-1]
    again = np.zeros(len(hashes), bool)
    again[1:] |= same
    again[:-1] |= same
    return order[again]


def repeats(
    hashes: np.ndarray,
    rank: np.ndarray,
    first: np.ndarray,
    apart: int = 0,
    within: bool = True,
    across: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """The places of passages that repeat another one, and of those others, which come first of all; int64, in order of place.

    `hashes` uint64 [N]; `rank` int64 [N], of the document in the order of preference, different for every document; `first`
    int64 [N], where the passage begins in it. Within one document a repetition begins at least `apart` after what it
    repeats, so that a run of words never repeats itself in part. `within` asks for repetitions in one document, `across`
    for those of others.
    """
    order = np.lexsort((first, rank, hashes))
    ordered, document = hashes[order], rank[order]
    begins = np.ones(len(order), bool)
    begins[1:] = ordered[1:] != ordered[:-1]
    if not across:
        begins[1:] |= document[1:] != document[:-1]
    group = np.cumsum(begins) - 1
    leader = order[np.flatnonzero(begins)[group]] if len(order) else order
    found = np.where(rank[leader] != document, across, within & (first[order] >= first[leader] + apart))
    found &= ~begins
    places, leaders = order[found], leader[found]
    by_place = np.argsort(places)
    return places[by_place], leaders[by_place]
