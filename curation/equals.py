"""Equal items among many: which came first, found by a hash table that NumPy fills a whole array at a time.

About 6 ns an item while the table fits the cache, where Arrow's hash table takes 16 and sorting 40 to 200.
"""

import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)

_CHUNK = 1 << 17  # keys at a time: what is made of them stays in the second-level cache
_MAX_ROUNDS = 12


def first_equal(keys: np.ndarray, limit: int | None = None) -> np.ndarray:
    """For each of `keys` (uint64, fewer than 2^31) the place of the first one that equals it; int32.

    The first of its kind has its own place. All keys are below `limit`, if there is one.
    """
    if limit is not None and limit <= 2 * len(keys):
        return _first_of_slot(keys.view(np.int64), limit)
    return _first_equal(keys, 0)


def _first_equal(keys: np.ndarray, rounds: int) -> np.ndarray:
    if rounds == _MAX_ROUNDS:  # keys made to collide; of random ones hardly any reach the sixth round
        _, first, number = np.unique(keys, return_index=True, return_inverse=True)
        return first[number].astype(np.int32)
    bits = max(len(keys) - 1, 1).bit_length()
    if len(keys) <= _CHUNK:
        first = _first_of_slot(((keys * GOLDEN) >> np.uint64(63 - bits)).view(np.int64), 2 << bits)
        lost = np.flatnonzero(keys.take(first) != keys)
    else:
        first, lost = _first_in_chunks(keys, bits)
    # Where another key took the slot, all that equal the loser lost; they try again among themselves.
    if len(lost):
        first[lost] = lost.take(_first_equal((keys[lost] + np.uint64(rounds + 1)) * GOLDEN, rounds + 1))
    return first


def _first_of_slot(slots: np.ndarray, num_slots: int) -> np.ndarray:
    table = np.empty(num_slots, dtype=np.int32)
    # NumPy writes in order, so the last one to write into a slot is the first key that belongs there.
    table[slots[::-1]] = np.arange(len(slots) - 1, -1, -1, dtype=np.int32)
    return table.take(slots)


def _first_in_chunks(keys: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """The same with one table for all chunks, and which keys lost their slot to another one."""
    table = np.full(1 << bits, -1, dtype=np.int32)
    first = np.empty(len(keys), dtype=np.int32)
    lost = []
    for begin in range(0, len(keys), _CHUNK):
        chunk = keys[begin : begin + _CHUNK]
        slots = ((chunk * GOLDEN) >> np.uint64(64 - bits)).view(np.int64)
        owner = table.take(slots)
        free = np.flatnonzero(owner < 0)
        wanted = slots.take(free)
        table[wanted[::-1]] = (begin + free[::-1]).astype(np.int32)
        owner[free] = table.take(wanted)
        first[begin : begin + len(chunk)] = owner
        lost.append(begin + np.flatnonzero(keys.take(owner) != chunk))
    return first, np.concatenate(lost)


def numbered(first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From `first_equal`: where each different item appears first (int64), and for every item its kind's number, int32."""
    places = np.flatnonzero(first == np.arange(len(first), dtype=np.int32))
    number = np.empty(len(first), dtype=np.int32)
    number[places] = np.arange(len(places), dtype=np.int32)
    return places, number.take(first)
