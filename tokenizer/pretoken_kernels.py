"""Loops over bytes of text: where GPT-2's and GPT-4's patterns split it, and how often each piece occurs.

A regular expression engine takes half of the time in which a tokenizer is trained. The two families of patterns are
small enough to be written as one look at each character; tests compare them with the expressions themselves.
"""

import numpy as np
from numba import types as t

from gristmill.curation.compiled import I8, U1, compiled

OTHER, LETTER, NUMBER, SPACE, NEWLINE = range(5)
"""Classes of characters. A newline is a line feed or a carriage return, and a space to all rules that name none."""


@compiled(t.UniTuple(t.int64, 2)(U1, t.int64))
def _character(data, i):
    """The code point at byte i of valid UTF-8, and its size in bytes."""
    lead = np.int64(data[i])
    if lead < 0x80:
        return lead, 1
    if lead < 0xE0:
        return (lead & 0x1F) << 6 | (data[i + 1] & 0x3F), 2
    if lead < 0xF0:
        return (lead & 0x0F) << 12 | (data[i + 1] & 0x3F) << 6 | (data[i + 2] & 0x3F), 3
    return (lead & 7) << 18 | (data[i + 1] & 0x3F) << 12 | (data[i + 2] & 0x3F) << 6 | (data[i + 3] & 0x3F), 4


@compiled(t.int64(U1, t.int64, t.int64, t.boolean))
def _contraction(data, i, n, any_case):
    """Where `'s|'t|'re|'ve|'m|'ll|'d` ends if it begins at i, else 0."""
    if i + 1 >= n:
        return 0
    first = data[i + 1]
    if any_case:
        if first == 0xC5 and i + 2 < n and data[i + 2] == 0xBF:
            return i + 3  # the long s, another case of s
        if 65 <= first <= 90:
            first += 32
    if first == 115 or first == 116 or first == 109 or first == 100:  # s t m d
        return i + 2
    if i + 2 >= n:
        return 0
    second = data[i + 2]
    if any_case and 65 <= second <= 90:
        second += 32
    pair = (first == 114 and second == 101) or (first == 118 and second == 101) or (first == 108 and second == 108)
    return i + 3 if pair else 0


@compiled(t.int64(U1, t.int64, t.int64, U1, t.int64, t.int64))
def _run(data, i, n, classes, kind, limit):
    """Where the run of at most `limit` characters of one class ends that begins at i; -1 is no limit."""
    while i < n and limit != 0:
        point, size = _character(data, i)
        if classes[point] != kind:
            break
        i += size
        limit -= 1
    return i


@compiled(t.int64(U1, t.int64, t.int64, U1, t.boolean))
def _white(data, i, n, classes, lines):
    r"""Where the piece of white space ends that begins at i: `\s*[\r\n]+` if lines, then `\s+(?!\S)|\s+`."""
    end, last, after_newline = i, i, -1
    while end < n:
        point, size = _character(data, end)
        kind = classes[point]
        if kind < SPACE:
            break
        last = end
        end += size
        if kind == NEWLINE:
            after_newline = end
    if lines and after_newline >= 0:
        return after_newline
    return end if end == n or last == i else last


@compiled(t.int64(U1, t.int64, t.int64, U1, t.boolean, t.int64))
def _piece_end(data, i, n, classes, gpt4, digits):
    point, size = _character(data, i)
    kind = classes[point]
    if point == 39:
        end = _contraction(data, i, n, gpt4)
        if end:
            return end
    after = i + size
    following = -1
    if after < n:
        next_point, _ = _character(data, after)
        following = np.int64(classes[next_point])
    blank = point == 32
    if kind == LETTER:
        return _run(data, i, n, classes, LETTER, -1)
    if following == LETTER and (blank or (gpt4 and kind in (OTHER, SPACE))):
        return _run(data, after, n, classes, LETTER, -1)
    if kind == NUMBER:
        return _run(data, i, n, classes, NUMBER, digits)
    if blank and following == NUMBER and not gpt4:
        return _run(data, after, n, classes, NUMBER, digits)
    if kind == OTHER or (blank and following == OTHER):
        end = _run(data, after if kind != OTHER else i, n, classes, OTHER, -1)
        return _run(data, end, n, classes, NEWLINE, -1) if gpt4 else end
    return _white(data, i, n, classes, gpt4)


@compiled(t.int64(U1, I8, U1, t.boolean, t.int64, t.int64[::1]))
def split(data, text_ends, classes, gpt4, digits, ends):
    """Write where each piece of each text ends to `ends`, one place a byte is enough; gives their number.

    `digits` is the longest run of digits in one piece, -1 any.
    """
    count, start = 0, 0
    for text in range(len(text_ends)):
        n = text_ends[text]
        while start < n:
            start = _piece_end(data, start, n, classes, gpt4, digits)
            ends[count] = start
            count += 1
    return count


@compiled(t.uint64(U1, t.int64, t.int64))
def _hash(data, start, end):
    value = np.uint64(0xCBF29CE484222325)
    for i in range(start, end):
        value = (value ^ np.uint64(data[i])) * np.uint64(0x9E3779B97F4A7C15)
        value ^= value >> np.uint64(29)
    return (value ^ (value >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)


@compiled(
    t.int64(U1, I8, I8, t.int64, t.int64[::1], t.int32[::1], t.uint8[::1], t.int64[::1], t.int64[::1], t.uint64[::1])
)
def count(data, ends, weights, first, state, table, arena, entry_ends, counts, hashes):
    """Count pieces `first` and later into the table until it is full; gives the number of pieces done.

    `state` is the number of entries and the bytes of the arena in use; entry e is `arena[entry_ends[e - 1] :
    entry_ends[e]]`. `weights` has how often each piece is counted, or is empty: once.
    """
    entries, used = state[0], state[1]
    shift, mask = np.uint64(64), np.int64(len(table) - 1)
    size = len(table)
    while size > 1:
        size >>= 1
        shift -= np.uint64(1)
    number = first
    while number < len(ends):
        start, end = ends[number - 1] if number else 0, ends[number]
        key = _hash(data, start, end)
        slot = np.int64(key >> shift)
        while table[slot] >= 0:
            entry = table[slot]
            if hashes[entry] == key:
                begin = entry_ends[entry - 1] if entry else 0
                if entry_ends[entry] - begin == end - start:
                    same = True
                    for i in range(end - start):
                        if arena[begin + i] != data[start + i]:
                            same = False
                            break
                    if same:
                        break
            slot = (slot + 1) & mask
        if table[slot] < 0:
            if entries == len(counts) or used + end - start > len(arena):
                break
            arena[used : used + end - start] = data[start:end]
            used += end - start
            entry_ends[entries], hashes[entries], counts[entries] = used, key, 0
            table[slot] = entries
            entries += 1
        counts[table[slot]] += weights[number] if len(weights) else 1
        number += 1
    state[0], state[1] = entries, used
    return number


@compiled(t.void(t.uint64[::1], t.int64, t.int32[::1]))
def fill_table(hashes, entries, table):
    """Enter the first entries into an empty table (-1: free), whose size is a power of two."""
    shift, mask = np.uint64(64), np.int64(len(table) - 1)
    size = len(table)
    while size > 1:
        size >>= 1
        shift -= np.uint64(1)
    for entry in range(entries):
        slot = np.int64(hashes[entry] >> shift)
        while table[slot] >= 0:
            slot = (slot + 1) & mask
        table[slot] = entry
