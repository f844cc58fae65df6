"""Equal items among many: which came first."""

import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def first_equal(keys: np.ndarray) -> np.ndarray:
    """For each of `keys` (uint64, fewer than 2^31) the place of the first one that equals it; int32.

    The first of its kind has its own place.
    """
    places, number = numbered(keys)
    return places.take(number)


def numbered(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each different one of `keys` (uint64, fewer than 2^31) appears first, and for every one its kind's number;
    int32."""
    from gristmill.curation import count_kernels

    number, places = count_kernels.numbered(np.ascontiguousarray(keys))
    return places, number
