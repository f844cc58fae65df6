"""Links: what two documents must have in common before anybody compares them, as 64-bit keys.

A document has a key for its text, one for the page that it is a version of, and one for each band of its signature. Two
documents that share no key, directly or through others, have nothing to do with each other; so the documents of a corpus
fall into components, which can be deduplicated one by one, in any process, with the result that all of them at once would
have. That is how a corpus larger than memory is deduplicated:

1. `links` of a unit's documents, sorted by key;
2. for a range of keys over all units, the `edges` between documents that share a key;
3. the components that the edges of all ranges make, `grouped` into parts of about equal size;
4. `duplicates.resolve` for each part.

Keys of bands bring together many documents that have little in common (of the pairs with a similarity of 0.3, 21 bands of
6 rows nominate 1.5 %), and in a large corpus such pairs would chain everything to everything. So documents that share a
band, and no more than 64 of them do, are tied only if their signatures agree in as many places as verification asks for
anyway. Larger buckets, which are copies and templates, are tied as a whole.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import xxhash

from gristmill.curation.buckets import BUCKET_KEPT
from gristmill.curation.dedup.banding import DuplicateParams
from gristmill.curation.equals import GOLDEN
from gristmill.curation.words import mixed

VERSION = 1
"""Bumped when the same documents would have other keys."""

CHUNK = 1 << 16
"""Members of buckets whose signatures are in memory at a time: 8 MB for 128 values."""

_BAND = np.uint64(1)
"""The lowest bit of a key of a band; other keys have it clear."""

Values = Callable[[np.ndarray], np.ndarray]


def links(
    content_hashes: np.ndarray | None,
    pages: Sequence[str | None] | None,
    scopes: Sequence[str],
    signatures: np.ndarray | None,
    params: DuplicateParams | None,
) -> tuple[np.ndarray, np.ndarray]:
    """The keys of N documents (uint64), ascending, and whose each of them is (int32, 0 to N - 1).

    `content_hashes` are uint64 [N], None if equal texts do not matter; `pages` the documents' `url_key`, None for one
    without, or None if they do not matter; `scopes` name what each document is compared within; `signatures` are uint32
    [N, num_perm], all values equal for a document without shingles, which has no keys of bands.
    """
    seeds = _hashed(scopes)
    keys, members = [np.zeros(0, np.uint64)], [np.zeros(0, np.int32)]

    def add(some_keys: np.ndarray, some_members: np.ndarray) -> None:
        keys.append(some_keys)
        members.append(some_members.astype(np.int32))

    if content_hashes is not None:
        add(mixed(content_hashes ^ mixed(seeds + GOLDEN)) & ~_BAND, np.arange(len(seeds)))
    if pages is not None:
        known = np.flatnonzero([page is not None for page in pages])
        hashes = np.array([xxhash.xxh3_64_intdigest(pages[i].encode()) for i in known.tolist()], np.uint64)
        add(mixed(hashes + mixed(seeds[known] ^ GOLDEN)) & ~_BAND, known)
    if params is not None and signatures is not None and len(seeds):
        from gristmill.curation.dedup import link_kernels

        known = np.flatnonzero((signatures != signatures[:, :1]).any(axis=1) | (signatures.shape[1] == 1))
        some = np.ascontiguousarray(signatures[known])
        found = link_kernels.band_keys(some, seeds[known], params.bands, params.rows_per_band)
        add(found.reshape(-1) | _BAND, np.repeat(known, params.bands))
    key, member = np.concatenate(keys), np.concatenate(members)
    order = np.argsort(key, kind="stable")
    return key[order], member[order]


def _hashed(names: Sequence[str]) -> np.ndarray:
    """A hash of each of some names, of which few are different."""
    encoded = pa.array(names, pa.string()).dictionary_encode()
    hashes = np.array([xxhash.xxh3_64_intdigest(name.encode()) for name in encoded.dictionary.to_pylist()], np.uint64)
    return hashes[encoded.indices.to_numpy()] if len(names) else np.zeros(0, np.uint64)


def edges(keys: np.ndarray, documents: np.ndarray, values: Values, least_matches: int) -> tuple[np.ndarray, np.ndarray]:
    """Edges that tie together all documents that share a key and may be similar: int64 columns, the smaller number first.

    `keys` and `documents` are the links of all documents in one range of keys, in any order. `values` gives the signatures'
    low bytes, uint8 [N, num_perm], of an ascending array of documents; it is asked for `CHUNK` at a time. Pairs of a small
    bucket agree in at least `least_matches` of them; 0: all are tied. There are no more edges than it takes.
    """
    from gristmill.curation.dedup import link_kernels

    order = np.lexsort((documents, keys))
    keys, documents = keys[order], documents[order]
    if not len(keys):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    sizes = np.diff(np.r_[starts, len(keys)])
    asked = ((keys[starts] & _BAND) > 0) & (sizes <= BUCKET_KEPT) & (least_matches > 0)
    whole = np.repeat((sizes > 1) & ~asked, sizes)
    first = documents[np.repeat(starts, sizes)]
    one, other = [first[whole]], [documents[whole]]
    for bucket_sizes, members in _chunks(documents, starts, sizes, asked & (sizes > 1)):
        shown, rows = np.unique(members, return_inverse=True)
        bounds = np.concatenate(([0], np.cumsum(bucket_sizes)))
        tied = link_kernels.tied_to(rows, bounds, values(shown), least_matches)
        one.append(members[tied])
        other.append(members)
    return _forest(np.concatenate(one), np.concatenate(other))


def _chunks(
    documents: np.ndarray, starts: np.ndarray, sizes: np.ndarray, chosen: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The chosen buckets' sizes and members, some `CHUNK` members at a time."""
    members = documents[np.repeat(chosen, sizes)]
    sizes = sizes[chosen]
    ends = np.cumsum(sizes)
    cuts = np.searchsorted(ends, np.arange(CHUNK, ends[-1] + CHUNK, CHUNK), side="right") if len(ends) else []
    done = 0
    for cut in cuts:
        if cut > done:
            yield sizes[done:cut], members[ends[done] - sizes[done] : ends[cut - 1]]
            done = cut
    if done < len(sizes):
        yield sizes[done:], members[ends[done] - sizes[done] :]


def _forest(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of some edges those that are needed to hold together what all of them do, in order."""
    from gristmill.curation.dedup import link_kernels

    documents, places = np.unique(np.concatenate((one, other)), return_inverse=True)
    a, b = places[: len(one)], places[len(one) :]
    a, b = np.minimum(a, b), np.maximum(a, b)
    order = np.lexsort((b, a))
    a, b = np.ascontiguousarray(a[order]), np.ascontiguousarray(b[order])
    needed = link_kernels.join(np.arange(len(documents)), a, b)
    return documents[a[needed]], documents[b[needed]]


def components(parent: np.ndarray, edges: Iterator[tuple[np.ndarray, np.ndarray]]) -> None:
    """Make `parent`, int64 0 to N - 1, give for each document the first of its component, in place.

    It may be an array that lies in a file. Edges come in pieces, as `edges` gives them, in any order.
    """
    from gristmill.curation.dedup import link_kernels

    for one, other in edges:
        link_kernels.join(parent, one, other)
    link_kernels.settle(parent)


def grouped(parent: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Documents of components of two or more (int64), part after part, and where each part begins (int64 [parts + 1]).

    Components come in order of their first document and stay whole; a part has at most `most` documents, or one component.
    Within a part documents are ascending.
    """
    from gristmill.curation.dedup import link_kernels

    others = [np.zeros(0, np.int64)]
    for start in range(0, len(parent), CHUNK):  # in pieces, for `parent` may be more than memory holds
        piece = parent[start : start + CHUNK]
        others.append(start + np.flatnonzero(piece != np.arange(start, start + len(piece))))
    other = np.concatenate(others)
    linked = np.union1d(parent[other], other)
    roots, component = np.unique(parent[linked], return_inverse=True)
    part_of = link_kernels.packed(np.bincount(component, minlength=len(roots)), most)[component]
    order = np.argsort(part_of, kind="stable")
    number = int(part_of.max(initial=-1)) + 1
    return linked[order], np.searchsorted(part_of[order], np.arange(number + 1)).astype(np.int64)
