"""Locality-sensitive hashing: which documents may be similar, because a band of their signatures agrees.

Documents are numbers, the smaller the more preferred. Pairs come as two columns, each pair once, the second document
preferred to the first; whether they really are similar is for `duplicates` to find out.
"""

from collections.abc import Iterable

import numpy as np

BUCKET_KEPT = 64
"""A document is compared with at most this many kept ones from a bucket, the most preferred. Millions of pages from one
template that differ in content fill a bucket with kept documents, and comparing all pairs would never end. Buckets
larger than this are split as well by the next band, and again, so that pairs which agree in more bands still meet."""

SPLITS = 4
"""How many times a bucket that is too large is split further."""


def bucket_members(
    signatures: np.ndarray, groups: np.ndarray, rows: np.ndarray, bands: int, rows_per_band: int
) -> tuple[np.ndarray, np.ndarray]:
    """Members of every bucket of two or more, by preference within each, and where in them each bucket starts."""
    documents = np.flatnonzero(_has_shingles(signatures, rows))
    members, sizes = [np.zeros(0, np.int64)], [np.zeros(1, np.int64)]

    def key(band: int, some: np.ndarray) -> np.ndarray:
        first = band % bands * rows_per_band
        values = signatures[rows[some], first : first + rows_per_band]
        return _hashed([*values.T, groups[rows[some]]])

    for band in range(bands):
        some, keys = documents, key(band, documents)
        for further in range(1, min(SPLITS, bands - 1) + 2):
            place = np.argsort(keys, kind="stable")
            counts = run_lengths(keys[place])
            members.append(some[place[np.repeat(counts > 1, counts)]])
            sizes.append(counts[counts > 1])
            large = np.sort(place[np.repeat(counts > BUCKET_KEPT, counts)])
            if not len(large):
                break
            some, keys = some[large], _hashed([keys[large], key(band + further, some[large])])
    return np.concatenate(members), np.cumsum(np.concatenate(sizes))


def _has_shingles(signatures: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """False for signatures that are one value throughout: no shingle is the smallest under all permutations."""
    result = np.ones(len(rows), bool)
    for begin in range(0, len(rows) if signatures.shape[1] > 1 else 0, 1 << 16):
        some = signatures[rows[begin : begin + (1 << 16)]]
        result[begin : begin + (1 << 16)] = (some != some[:, :1]).any(axis=1)
    return result


def _hashed(columns: Iterable[np.ndarray]) -> np.ndarray:
    """One 64-bit hash for each row of some columns of integers. An accidental equality costs a comparison, no more."""
    result = np.uint64(0x9E3779B97F4A7C15)
    for column in columns:
        result = (result ^ column.astype(np.uint64)) * np.uint64(0xBF58476D1CE4E5B9)
        result ^= result >> np.uint64(29)
        result *= np.uint64(0x94D049BB133111EB)
        result ^= result >> np.uint64(32)
    return result


def run_lengths(values: np.ndarray) -> np.ndarray:
    """Lengths of the runs of equal values."""
    if not len(values):
        return np.zeros(0, np.int64)
    return np.diff(np.flatnonzero(np.r_[True, values[1:] != values[:-1], True]))


def _ranges(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The numbers of several half-open ranges, one range after the other."""
    counts = end - start
    return np.arange(counts.sum()) + np.repeat(start - np.cumsum(counts) + counts, counts)


class Buckets:
    """Who shares a bucket with whom, and which members have been kept so far (at most BUCKET_KEPT in each)."""

    def __init__(self, member: np.ndarray, offsets: np.ndarray):
        self.overfull = 0
        self._member = member
        self._offsets = offsets
        self._kept = np.empty_like(member)  # a bucket's kept ones, from its offset on
        self._num_kept = np.zeros(len(offsets) - 1, np.int64)
        place = np.argsort(member, kind="stable")
        bucket = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        self._bucket = bucket[place]  # of each membership, ordered by document
        self._first = np.searchsorted(member[place], np.arange(member.max(initial=-1) + 2))
        self._seen = np.full(len(self._first) - 1, -1, np.int64)

    def _of(self, documents: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Memberships of some documents, ordered by bucket, then document; and where in them each one's bucket starts."""
        low, high = self._first[documents], self._first[documents + 1]
        document, bucket = np.repeat(documents, high - low), self._bucket[_ranges(low, high)]
        place = np.lexsort((document, bucket))
        document, bucket = document[place], bucket[place]
        counts = run_lengths(bucket)
        return document, bucket, np.repeat(np.cumsum(counts) - counts, counts)

    def neighbours(self) -> tuple[np.ndarray, np.ndarray]:
        """Each member of a bucket with the one before it: a sample of the pairs, linear in the buckets' sizes."""
        inner = np.ones(len(self._member), bool)
        inner[self._offsets[:-1]] = False
        return self._member[inner], self._member[np.flatnonzero(inner) - 1]

    def with_kept(self, documents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each document with the kept ones in its buckets. Documents come in order."""
        from gristmill.curation.dedup import pair_kernels

        low, high = self._first[documents], self._first[documents + 1]
        bucket = self._bucket[_ranges(low, high)]
        begin, last = self._offsets[bucket], np.cumsum(high - low)
        end = begin + self._num_kept[bucket]
        return pair_kernels.met(documents, last - (high - low), last, begin, end, self._kept, self._seen)

    def among(self, documents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each document with those of the others that share a bucket and are preferred to it. Documents come in order."""
        from gristmill.curation.dedup import pair_kernels

        member, _, begin = self._of(documents)
        place = np.argsort(member, kind="stable")
        last = np.cumsum(self._first[documents + 1] - self._first[documents])
        first = np.concatenate(([0], last[:-1]))[: len(last)]
        return pair_kernels.met(documents, first, last, begin[place], place, member, self._seen)

    def keep(self, documents: np.ndarray) -> None:
        """Enter documents as kept; they come by preference."""
        document, bucket, start = self._of(documents)
        nth = np.arange(len(document)) - start + self._num_kept[bucket]
        fits = nth < BUCKET_KEPT
        self._kept[(self._offsets[bucket] + nth)[fits]] = document[fits]
        np.add.at(self._num_kept, bucket[fits], 1)
        self.overfull += int((nth == BUCKET_KEPT).sum())
