"""Loops over the words and lines of texts: where they stand, hashes of passages, and where two texts say the same."""

import numpy as np
from numba import types as t

from gristmill.curation.characters import BLANK, EXTEND, LETTER, MID_LETTER, MID_NUMBER, NUMBER, SOLO, WORD
from gristmill.curation.compiled import I8, U1, U4, U8, compiled
from gristmill.curation.equals import GOLDEN
from gristmill.curation.text_kernels import mixed
from gristmill.curation.word_kernels import decoded
from gristmill.curation.words import HASH_BASE

_HASH_BASE = np.uint64(HASH_BASE)
_NEWLINE = 0x0A
_WORDS = t.uint64[::1], t.int32[::1], t.int32[::1], t.int64[::1]
_LINES = t.int32[::1], t.int32[::1], t.boolean[::1], t.int64[::1]


@compiled(t.UniTuple(t.int64, 2)(U1, I8, U1, U4, U4, *_WORDS, *_LINES))
def words_of_texts(
    data, offsets, flags, skeletons, folds, hashes, starts, ends, num_words, line_starts, line_words, visible, num_lines
):
    """Fills in the words and lines of texts, end to end; says how many words and lines there are in all.

    Text i is `data[offsets[i]:offsets[i + 1]]`. The words are those of `word_kernels.hashes_of_texts`, with the same hashes
    (`tests/curation/dedup/test_passages.py` holds them to it); `starts` and `ends` are their code points, counted from the
    text's first one, and `num_words` how many each text has. For each line, `line_starts` is its first code point,
    `line_words` how many words of the text stand before it, and `visible` whether anything but white space is in it;
    `num_lines` is one more than a text has newlines. All but the two counts need room for as many as there are bytes and
    texts together.
    """
    plain = np.zeros(256, np.uint8)  # of ASCII letters and digits, what they fold to: most text goes through this alone
    for code in range(128):
        if skeletons[code] == WORD:
            plain[code] = folds[code]
    count, line = np.int64(0), np.int64(-1)
    for text in range(len(offsets) - 1):
        before, lines_before = count, line
        place, end = offsets[text], offsets[text + 1]
        point = np.int64(0)  # code points before `place`
        key_before, kind_before = np.uint32(BLANK), np.uint8(0)
        is_word = False
        total, power, length = np.uint64(0), np.uint64(1), np.uint64(0)
        line += 1
        line_starts[line], line_words[line], visible[line] = 0, 0, False
        while place < end:
            code, behind = decoded(data, place, end)
            kind, key = flags[code], skeletons[code]
            if kind & (EXTEND | MID_LETTER | MID_NUMBER):
                if kind & EXTEND:
                    key = key_before
                elif key_before == WORD and behind < end:
                    following, _ = decoded(data, behind, end)
                    if skeletons[following] == WORD:
                        after = flags[following]
                        letters = kind & MID_LETTER and kind_before & (LETTER | EXTEND) and after & LETTER
                        numbers = kind & MID_NUMBER and kind_before & (NUMBER | EXTEND) and after & NUMBER
                        if letters or numbers or code == 0x5F:
                            key = key_before
            if key != key_before or kind & SOLO:
                if is_word:
                    hashes[count] = mixed(total + length * GOLDEN)
                    ends[count] = point
                    count += 1
                is_word = key == WORD or kind & SOLO != 0
                if is_word:
                    starts[count] = point
                total, power, length = np.uint64(0), np.uint64(1), np.uint64(0)
            fold = folds[code]
            if fold != 0:  # marks fold to nothing
                total += np.uint64(fold) * power
                power *= _HASH_BASE
                length += np.uint64(1)
            place = behind
            point += 1
            if key == WORD:
                start = place
                while place < end and plain[data[place]] != 0:
                    total += np.uint64(plain[data[place]]) * power
                    power *= _HASH_BASE
                    place += 1
                if place > start:
                    length += np.uint64(place - start)
                    point += place - start
                    kind = flags[data[place - 1]]
            visible[line] |= key != BLANK
            if code == _NEWLINE:
                line += 1
                line_starts[line], line_words[line], visible[line] = point, count - before, False
            key_before, kind_before = key, kind
        if is_word:
            hashes[count] = mixed(total + length * GOLDEN)
            ends[count] = point
            count += 1
        num_words[text] = count - before
        num_lines[text] = line - lines_before
    return count, line + 1


@compiled(t.uint64[::1](U8, I8, I8, t.uint64))
def span_hashes(hashes, first, count, seed):
    """A hash of each run of words: `count[i]` of them from `first[i]` on. No sum: each word stirs all that came before."""
    result = np.empty(len(first), np.uint64)
    for span in range(len(first)):
        total = seed
        for word in hashes[first[span] : first[span] + count[span]]:
            total = mixed(total ^ word) + GOLDEN
        result[span] = mixed(total + np.uint64(count[span]))
    return result


@compiled(t.uint64[::1](U8, t.int64))
def rolling(hashes, length):
    """A hash of each run of `length` words of one text, one step a word; none if it is shorter.

    A polynomial modulo 2^64, as Karp and Rabin's (1987), over hashes that have every bit stirred already.
    """
    result = np.empty(max(len(hashes) - length + 1, 0), np.uint64)
    total, leaving = np.uint64(0), np.uint64(1)
    for _ in range(length):
        leaving *= _HASH_BASE
    for word in range(len(hashes)):
        total = total * _HASH_BASE + hashes[word]
        if word >= length:
            total -= hashes[word - length] * leaving
        if word >= length - 1:
            result[word - length + 1] = mixed(total)
    return result


@compiled(t.int64(U8, t.int64, t.uint64[::1], t.int64[::1], t.int64[::1]))
def smallest_in_windows(values, width, smallest, first, count):
    """The smallest of each `width` neighbours, as runs of windows that have the same one; gives how many runs there are.

    Run i is `count[i]` windows from `first[i]` on. The three need room for a run a window.
    """
    queue = np.empty(width, np.int64)  # places of values that grow from the head on: each is the smallest for a while
    head = size = runs = np.int64(0)
    for place in range(len(values)):
        while size > 0 and values[queue[(head + size - 1) % width]] >= values[place]:
            size -= 1
        if size > 0 and queue[head] <= place - width:
            head = (head + 1) % width
            size -= 1
        queue[(head + size) % width] = place
        size += 1
        if place >= width - 1:
            value = values[queue[head]]
            if runs > 0 and smallest[runs - 1] == value:
                count[runs - 1] += 1
            else:
                smallest[runs], first[runs], count[runs] = value, place - width + 1, 1
                runs += 1
    return runs


@compiled(t.boolean(U4, t.int64, t.int64, U4, t.int64, t.int64, U4))
def _same_word(codes_a, a, end_a, codes_b, b, end_b, folds):
    while True:
        while a < end_a and folds[codes_a[a]] == 0:  # marks, which fold to nothing
            a += 1
        while b < end_b and folds[codes_b[b]] == 0:
            b += 1
        if a == end_a or b == end_b:
            return a == end_a and b == end_b
        if folds[codes_a[a]] != folds[codes_b[b]]:
            return False
        a += 1
        b += 1


@compiled(t.int64[:, ::1](U4, I8, I8, U4, I8, I8, U4, I8, I8, I8, I8))
def agreeing(codes_a, starts_a, ends_a, codes_b, starts_b, ends_b, folds, first_a, first_b, count, at_least):
    """Which runs of words are the same, without case, accents and marks: int64 [found, 3], run, first word in it, words.

    Run i compares `count[i]` words from `first_a[i]` and `first_b[i]` on; a stretch of it that agrees counts from
    `at_least[i]` words on, so that a run whose hashes were equal by accident is never believed.
    """
    room = 0
    for run in range(len(count)):
        room += count[run] // at_least[run]
    found = np.empty((room, 3), np.int64)
    number = 0
    for run in range(len(count)):
        since = 0
        for step in range(count[run] + 1):
            a, b = first_a[run] + step, first_b[run] + step
            if step < count[run] and _same_word(
                codes_a, starts_a[a], ends_a[a], codes_b, starts_b[b], ends_b[b], folds
            ):
                continue
            if step - since >= at_least[run]:
                found[number, 0], found[number, 1], found[number, 2] = run, since, step - since
                number += 1
            since = step + 1
    return found[:number].copy()
