"""Compiled loops over the blocks of a page: the features of `line_features`, and the trees that judge them.

Fractions are computed here as well, each by one operation that rounds as IEEE 754 says, summed in the order of the
page: so their bytes, too, are the same on every machine.
"""

import numpy as np
from numba import types as t

from gristmill.curation.compiled import I8, U1, U2, U4, U8, compiled, read
from gristmill.curation.crawl.blocks import HEADING, TEXT
from gristmill.curation.crawl.line_features import (
    COMMA,
    DIGIT,
    LINE_COLUMNS,
    LOWER,
    MARK,
    SPACE,
    STOP,
    UPPER,
    WIDE,
)

(
    WORDS, CHARS, WORD_LEN, LINK_DENSITY, LINKS, DIGITS, UPPERS, STOPS, COMMAS, MARKS, ENDS_IN_STOP, BEGINS_UPPER,
    LOWER_WORDS, KIND, LEVEL, ITEM, BREAKS, REPEATED, SEEN_BEFORE, IN_TITLE, FIRST_IS_MARK,
) = range(len(LINE_COLUMNS))  # fmt: skip

LONG_WORDS = 15
"""A block of so many words that ends as a sentence does is running text."""

NEAR = 5
FNV, FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)


@compiled(t.void(U4, I8, U1, read(t.int64, 2), t.float64[:, ::1], t.float64[:, ::1]))
def lines(codes, lengths, classes, page, said, out):
    """Fills `out` [lines, 21] from the characters of lines that are a character apart.

    `page` [5, lines] are kind, level, item, breaks and links; `said` [4, lines] characters in links, how often the
    line stands in the page, how often before, and whether it stands in the title.
    """
    start = 0
    for line in range(len(lengths)):
        end = start + lengths[line]
        words = digits = uppers = lowers = stops = commas = marks = wide = 0
        before = np.uint8(SPACE)
        for place in range(start, end):
            kind = classes[min(codes[place], np.uint32(0xFFFF))]
            begins = before & SPACE != 0
            words += begins and kind & SPACE == 0
            lowers += begins and kind & LOWER != 0
            digits += kind & DIGIT != 0
            uppers += kind & UPPER != 0
            stops += kind & STOP != 0
            commas += kind & COMMA != 0
            marks += kind & MARK != 0
            wide += kind & WIDE != 0
            before = kind
        first = classes[min(codes[start], np.uint32(0xFFFF))]
        last = before
        if last & MARK:  # a closing quote or bracket after the stop hides it: look one character further back too
            last |= classes[min(codes[max(end - 2, start)], np.uint32(0xFFFF))]
        chars = float(end - start)
        row = out[line]
        row[WORDS] = words + wide / 3
        some = max(row[WORDS], 1.0)
        row[CHARS] = chars
        row[WORD_LEN] = chars / some
        row[LINK_DENSITY] = said[0, line] / max(chars, 1.0)
        row[LINKS] = page[4, line]
        row[DIGITS] = digits / max(chars, 1.0)
        row[UPPERS] = uppers / max(chars, 1.0)
        row[STOPS] = stops
        row[COMMAS] = commas
        row[MARKS] = marks / max(chars, 1.0)
        row[ENDS_IN_STOP] = last & STOP != 0
        row[BEGINS_UPPER] = first & UPPER != 0
        row[LOWER_WORDS] = lowers / some
        for column in range(4):
            row[KIND + column] = page[column, line]
        for column in range(3):
            row[REPEATED + column] = said[1 + column, line]
        row[FIRST_IS_MARK] = first & MARK != 0
        start = end + 1


@compiled(t.int64(t.uint64, U8, read(t.int64)))
def group_of(word, keys, groups):
    """The group of a word, by its hash, in a table whose free slots have the key 0; -1 if it is in none."""
    mask = np.uint64(len(keys) - 1)
    slot = (word ^ (word >> np.uint64(32))) & mask
    while keys[slot]:
        if keys[slot] == word:
            return groups[slot]
        slot = (slot + np.uint64(1)) & mask
    return np.int64(-1)


@compiled(t.void(U4, I8, t.int64, U2, U4, U8, read(t.int64), t.float32[:, ::1]))
def phrases(codes, lengths, head, folds, letters, keys, groups, out):
    """Counts, in `out` [lines, groups], the words of each group among the first `head` characters of each line.

    `folds` are the characters of words in small letters, 0 for those that stand in none; `letters` those of words
    beyond the basic plane.
    """
    start = 0
    for line in range(len(lengths)):
        row = out[line]
        row[:] = 0
        word = FNV
        for place in range(start, start + min(lengths[line], head)):
            code = codes[place]
            fold = np.uint64(0)
            if code < 0x10000:
                fold = np.uint64(folds[code])
            else:
                for letter in letters:
                    if letter == code:
                        fold = np.uint64(code)
            if fold:
                word = (word ^ fold) * FNV_PRIME
            if not fold or code == 0x130:  # the small letter of \u0130 ends in an accent, which is no part of a word
                group = group_of(word, keys, groups)
                if group >= 0:
                    row[group] += 1
                word = FNV
                if code == 0xA9 or code == 0x20AC:  # (c) and the euro sign are words
                    group = group_of((FNV ^ np.uint64(code)) * FNV_PRIME, keys, groups)
                    row[group] += 1
        group = group_of(word, keys, groups)
        if group >= 0:
            row[group] += 1
        start += lengths[line] + 1


@compiled(t.void(t.float64[:, ::1], I8, I8, I8, I8, t.int64, t.float64[:, ::1], t.float32[:, :]))
def surroundings(line, elements, parents, starts, ends, levels, sums, out):
    """Fills `out` [lines, 8 * levels] with what the elements around each line hold: the nearest, its parent, and so on.

    A parent that holds no more lines is passed over, of a tower of wrappers at most three. `sums` [lines + 1, 4] are
    filled with running totals: words, words in links, stops and lines of text.
    """
    count = len(line)
    sums[0] = 0
    for i in range(count):
        sums[i + 1, 0] = sums[i, 0] + line[i, WORDS]
        sums[i + 1, 1] = sums[i, 1] + line[i, LINK_DENSITY] * line[i, WORDS]
        sums[i + 1, 2] = sums[i, 2] + line[i, STOPS]
        sums[i + 1, 3] = sums[i, 3] + (line[i, KIND] == TEXT)
    total = max(sums[count, 0], 1.0)
    for i in range(count):
        element = elements[i]
        for level in range(levels):
            if level:
                held = ends[element] - starts[element]
                element = max(parents[element], 0)
                for _ in range(3):
                    if parents[element] < 0 or ends[element] - starts[element] != held:
                        break
                    element = parents[element]
            start, end = starts[element], ends[element]
            words = sums[end, 0] - sums[start, 0]
            blocks = end - start
            row = out[i, 8 * level : 8 * level + 8]
            row[0] = words
            row[1] = words / total
            row[2] = (sums[end, 1] - sums[start, 1]) / max(words, 1.0)
            row[3] = blocks
            row[4] = words / blocks
            row[5] = sums[end, 2] - sums[start, 2]
            row[6] = (i - start) / blocks
            row[7] = (sums[end, 3] - sums[start, 3]) / blocks


@compiled(t.void(t.float64[:, ::1], I8, I8, t.float64[:, ::1], t.float32[:, :]))
def places(line, elements, parents, sums, out):
    """Fills `out` [lines, 17] with where each line stands in the page, and how far running text is from it."""
    count = len(line)
    depths = np.zeros(len(parents), np.int64)
    for element in range(1, len(parents)):
        depths[element] = depths[parents[element]] + 1
    total, links = max(sums[count, 0], 1.0), sums[count, 1]
    is_long = np.empty(count, np.bool_)
    total_long = 0.0
    for i in range(count):
        is_long[i] = line[i, WORDS] >= LONG_WORDS and line[i, ENDS_IN_STOP] != 0 and line[i, LINK_DENSITY] < 0.5
        total_long += line[i, WORDS] if is_long[i] else 0.0
    next_long = count + 1000
    for i in range(count - 1, -1, -1):
        next_long = i if is_long[i] else next_long
        out[i, 12] = min(next_long - i, 100)
    last_long = last_h1 = -1000
    long_words = 0.0
    for i in range(count):
        words = line[i, WORDS]
        own = words if is_long[i] else 0.0
        long_words += own
        last_long = i if is_long[i] else last_long
        last_h1 = i if line[i, KIND] == HEADING and line[i, LEVEL] == 1 else last_h1
        low, high = max(i - NEAR, 0), min(i + NEAR + 1, count)
        near = sums[high, 0] - sums[low, 0]
        row = out[i]
        row[0] = sums[i + 1, 0] / total
        row[1] = i
        row[2] = count - i
        row[3] = sums[i + 1, 0] - words
        row[4] = total - sums[i + 1, 0]
        row[5] = depths[elements[i]]
        row[6] = total
        row[7] = count
        row[8] = links / total
        row[9] = (long_words - own) / max(total_long, 1.0)
        row[10] = (total_long - long_words) / max(total_long, 1.0)
        row[11] = min(i - last_long, 100)
        row[13] = min(i - last_h1, 200)
        row[14] = total_long / total
        row[15] = near / (high - low)
        row[16] = (sums[high, 1] - sums[low, 1]) / max(near, 1.0)


@compiled(t.void(I8, I8, U8, U8, t.int64, t.float32[:, :]))
def flags(elements, parents, bits, inherited, names, out):
    """Fills `out` [lines, 2 * names] with the bits of each line's two nearest elements, then of all around it."""
    for i in range(len(elements)):
        element = elements[i]
        own = bits[element] | (bits[parents[element]] if parents[element] >= 0 else np.uint64(0))
        around = inherited[element]
        for name in range(names):
            out[i, name] = own >> np.uint64(name) & np.uint64(1)
            out[i, names + name] = around >> np.uint64(name) & np.uint64(1)


@compiled(t.void(t.float64[:, ::1], I8, I8, t.float32[:, :]))
def neighbours(line, columns, shifts, out):
    """Fills `out` [lines, shifts * columns] with columns of the lines so far before and after; -1 beyond the page."""
    for i in range(len(line)):
        for at in range(len(shifts)):
            other = i + shifts[at]
            for column in range(len(columns)):
                inside = 0 <= other < len(line)
                out[i, at * len(columns) + column] = line[other, columns[column]] if inside else -1.0


@compiled(t.void(read(t.float32, 2), read(t.int64, 2), read(t.float32, 2), read(t.int32, 2), t.int64[::1]))
def log_odds(rows, features, thresholds, leaves, out):
    """Sums, for each row, the leaves that it comes to in trees of one depth; see `trees`."""
    nodes = features.shape[1]
    for i in range(len(rows)):
        row = rows[i]
        total = 0
        for tree in range(len(features)):
            node = 0
            while node < nodes:
                node = 2 * node + 1 + (row[features[tree, node]] > thresholds[tree, node])
            total += leaves[tree, node - nodes]
        out[i] = total
