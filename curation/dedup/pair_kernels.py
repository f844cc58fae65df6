"""Loops over pairs of documents: who meets whom in a bucket, how many values agree, how many shingles are common."""

import numpy as np
from numba import types as t

from gristmill.curation.compiled import I8, U8, compiled, read

_FAR = 16
"""From this ratio of sizes on, each shingle of the smaller set is looked up in the larger one."""

_PAIRS = t.UniTuple(t.int64[::1], 2)


@compiled(t.int64[::1](read(t.uint8, 2), I8, I8))
def agreements(values, a, b):
    """In how many places the rows `a[i]` and `b[i]` of a matrix are equal."""
    result = np.empty(len(a), np.int64)
    width = values.shape[1]
    for pair in range(len(a)):
        first, second = values[a[pair]], values[b[pair]]
        same = 0
        for place in range(width):
            same += first[place] == second[place]
        result[pair] = same
    return result


@compiled(t.int64[::1](t.uint64[::1], I8))
def make_sets(items, offsets):
    """Orders each stretch of items and removes its repeats, all in place and end to end; gives each one's new size."""
    sizes = np.empty(len(offsets) - 1, np.int64)
    end = 0
    for part in range(len(sizes)):
        some = items[offsets[part] : offsets[part + 1]]
        some.sort()
        begin = end
        for item in some:
            if end == begin or items[end - 1] != item:
                items[end] = item
                end += 1
        sizes[part] = end - begin
    return sizes


@compiled(t.int64[::1](U8, I8, I8, I8, I8))
def common(items, start, size, a, b):
    """How many items the sets `a[i]` and `b[i]` share; set k is `items[start[k]:start[k] + size[k]]`, ascending."""
    result = np.zeros(len(a), np.int64)
    for pair in range(len(a)):
        small, large = a[pair], b[pair]
        if size[small] > size[large]:
            small, large = large, small
        x, y = start[small], start[large]
        x_end, y_end = x + size[small], y + size[large]
        same = 0
        if size[large] > _FAR * size[small]:
            while x < x_end:
                low, high = y, y_end
                while low < high:
                    middle = (low + high) >> 1
                    if items[middle] < items[x]:
                        low = middle + 1
                    else:
                        high = middle
                y = low
                same += y < y_end and items[y] == items[x]
                x += 1
        else:
            while x < x_end and y < y_end:
                first, second = items[x], items[y]
                same += first == second
                x += first <= second  # no branch: which one is smaller cannot be foretold
                y += second <= first
        result[pair] = same
    return result


@compiled(t.void(t.uint64[::1], U8, I8, I8, I8))
def move(target, items, start, size, target_start):
    """Copies stretches of items."""
    for part in range(len(start)):
        for place in range(size[part]):
            target[target_start[part] + place] = items[start[part] + place]


@compiled(_PAIRS(I8, I8, I8, I8, I8, I8, t.int64[::1]))
def met(documents, first, last, begin, end, members, seen):
    """Each document with the members of its stretches, each one once, ascending: two columns.

    Document i has the stretches `first[i]` to `last[i]`, and stretch k is `members[begin[k]:end[k]]`. `seen` has a place for
    every member; what is in it does not matter unless it is 2 x a document or one more.
    """
    total = 0
    for row in range(len(documents)):
        mark = 2 * documents[row]
        for stretch in range(first[row], last[row]):
            for place in range(begin[stretch], end[stretch]):
                total += seen[members[place]] != mark
                seen[members[place]] = mark
    document, other = np.empty(total, np.int64), np.empty(total, np.int64)
    count = 0
    for row in range(len(documents)):
        mark, before = 2 * documents[row] + 1, count
        for stretch in range(first[row], last[row]):
            for place in range(begin[stretch], end[stretch]):
                if seen[members[place]] != mark:
                    seen[members[place]] = mark
                    document[count] = documents[row]
                    other[count] = members[place]
                    count += 1
        other[before:count].sort()
    return document, other
