"""Counts and sums between positions of long arrays, as every feature needs them: per document, per line, per token."""

import numpy as np


class Rank:
    """How many of an array of booleans are true before a position (Jacobson 1989): eighth of a byte per boolean and less."""

    def __init__(self, flags: np.ndarray) -> None:
        packed = np.zeros((len(flags) // 64 + 1) * 8, dtype=np.uint8)
        packed[: (len(flags) + 7) // 8] = np.packbits(flags, bitorder="little")
        self.words = packed.view("<u8")
        self.before = np.concatenate(([0], np.cumsum(np.bitwise_count(self.words[:-1]), dtype=np.int64)))

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """How many are true before each position (0 to their number); int64."""
        word = positions >> 6
        below = (np.uint64(1) << (positions & 63).astype(np.uint64)) - np.uint64(1)
        return self.before.take(word) + np.bitwise_count(self.words.take(word) & below)


def count(flags: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """How many booleans are true between an offset and the next; int64, one less than offsets."""
    return np.diff(Rank(flags)(offsets))


def total(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Sums of whole numbers or booleans between an offset and the next; int64, one less than offsets."""
    from gristmill.curation import count_kernels

    if values.dtype not in (bool, np.int32, np.int64):
        values = values.astype(np.int64)
    return count_kernels.total(np.ascontiguousarray(values), offsets.astype(np.int64, copy=False))


def largest(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The largest whole number between an offset and the next, 0 where there is none; int64, one less than offsets."""
    found = np.zeros(len(offsets) - 1, dtype=np.int64)
    some = np.flatnonzero(offsets[1:] > offsets[:-1])
    if len(some):
        found[some] = np.maximum.reduceat(values, offsets[some])
    return found


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`part / whole` as float64, 0 where there is no whole."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=np.asarray(whole) > 0)
