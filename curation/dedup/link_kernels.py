"""Loops over links between documents: keys of bands, pairs of a bucket that may be similar, and what hangs together."""

import numpy as np
from numba import types as t

from gristmill.curation.compiled import I8, U8, compiled, read
from gristmill.curation.text_kernels import mixed

_U4_ROWS, _U1_ROWS = read(t.uint32, 2), read(t.uint8, 2)


@compiled(t.uint64[:, ::1](_U4_ROWS, U8, t.int64, t.int64))
def band_keys(signatures, seeds, bands, rows_per_band):
    """A key for each band of each signature, [N, bands]; only equal values under an equal seed have equal keys."""
    keys = np.empty((len(signatures), bands), np.uint64)
    for document in range(len(signatures)):
        for band in range(bands):
            key = mixed(seeds[document] + np.uint64(band))
            for place in range(band * rows_per_band, (band + 1) * rows_per_band):
                key = mixed(key ^ np.uint64(signatures[document, place]))
            keys[document, band] = key
    return keys


@compiled(t.int64(t.int64[::1], t.int64))
def _root(parent, node):
    """The first node of what hangs together with a node; halves the way there (Tarjan and van Leeuwen 1984)."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@compiled(t.boolean[::1](t.int64[::1], I8, I8))
def join(parent, one, other):
    """Enter edges into a forest in which a root is the smallest of its nodes; True for edges that joined two trees."""
    joined = np.zeros(len(one), np.bool_)
    for edge in range(len(one)):
        a, b = _root(parent, one[edge]), _root(parent, other[edge])
        if a != b:
            parent[max(a, b)] = min(a, b)
            joined[edge] = True
    return joined


@compiled(t.void(t.int64[::1]))
def settle(parent):
    """Make every node point to its root. Roots come before their nodes, so one pass in order is enough."""
    for node in range(len(parent)):
        parent[node] = parent[parent[node]]


@compiled(t.int64[::1](I8, I8, _U1_ROWS, t.int64))
def tied_to(members, starts, values, least_matches):
    """For each member of the buckets the place of an earlier member that hangs together with it, or its own place.

    `members` are rows of `values`, bucket i from `starts[i]` to `starts[i + 1]`; two of a bucket hang together if they agree
    in at least `least_matches` values, or through others of the bucket. All pairs are looked at: buckets have to be small.
    """
    tied = np.arange(len(members))
    for bucket in range(len(starts) - 1):
        for place in range(starts[bucket] + 1, starts[bucket + 1]):
            for earlier in range(starts[bucket], place):
                a, b = _root(tied, place), _root(tied, earlier)
                if a == b:
                    continue
                one, other = values[members[place]], values[members[earlier]]
                matches = 0
                for value in range(values.shape[1]):
                    matches += one[value] == other[value]
                if matches >= least_matches:
                    tied[max(a, b)] = min(a, b)
    for place in range(len(tied)):
        tied[place] = tied[tied[place]]
    return tied


@compiled(t.int64[::1](I8, t.int64))
def packed(sizes, most):
    """The number of the part that each of some things in a row goes to: a part ends before it would hold more than `most`.

    What is larger than `most` is a part of its own, or begins one that nothing is added to.
    """
    part = np.empty(len(sizes), np.int64)
    number, held = np.int64(0), np.int64(0)
    for thing in range(len(sizes)):
        if held and held + sizes[thing] > most:
            number += 1
            held = 0
        part[thing] = number
        held += sizes[thing]
    return part
