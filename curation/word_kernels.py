"""The loop that finds the words of texts and nothing else, straight from their UTF-8."""

import numpy as np
from numba import types as t

from gristmill.curation.characters import BLANK, EXTEND, LETTER, MID_LETTER, MID_NUMBER, NUMBER, SOLO, WORD
from gristmill.curation.compiled import I8, U1, U4, compiled
from gristmill.curation.equals import GOLDEN
from gristmill.curation.text_kernels import mixed
from gristmill.curation.words import HASH_BASE

_HASH_BASE = np.uint64(HASH_BASE)


@compiled(t.UniTuple(t.int64, 2)(U1, t.int64, t.int64))
def decoded(data, place, end):
    """The code point at a place of valid UTF-8, and where the next one starts."""
    first = np.int64(data[place])
    if first < 0x80:
        return first, place + 1
    length = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    if place + length > end:
        return np.int64(0xFFFD), end
    code = first & (0xFF >> (length + 1))
    for step in range(1, length):
        code = code << 6 | np.int64(data[place + step]) & 0x3F
    return min(code, np.int64(0x10FFFF)), place + length


@compiled(t.int64(U1, I8, U1, U4, U4, t.uint64[::1], t.int64[::1]))
def hashes_of_texts(data, offsets, flags, skeletons, folds, hashes, counts):
    """Fills in the hashes of the words of texts, end to end, and how many each has; says how many there are in all.

    Text i is `data[offsets[i]:offsets[i + 1]]`; `hashes` needs room for one more than there are bytes. `flags`,
    `skeletons` and `folds` are the tables of `characters`. The words are those that `text_kernels.tokens` finds, and their
    hashes those of `text_kernels.described`; `tests/curation/test_word_hashes.py` holds them to it.
    """
    plain = np.zeros(256, np.uint8)  # of ASCII letters and digits, what they fold to: most text goes through this alone
    for code in range(128):
        if skeletons[code] == WORD:
            plain[code] = folds[code]
    count = np.int64(0)
    for text in range(len(offsets) - 1):
        before = count
        place, end = offsets[text], offsets[text + 1]
        key_before, kind_before = np.uint32(BLANK), np.uint8(0)
        is_word = False
        total, power, length = np.uint64(0), np.uint64(1), np.uint64(0)
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
                    count += 1
                is_word = key == WORD or kind & SOLO != 0
                total, power, length = np.uint64(0), np.uint64(1), np.uint64(0)
            fold = folds[code]
            if fold != 0:  # marks fold to nothing
                total += np.uint64(fold) * power
                power *= _HASH_BASE
                length += np.uint64(1)
            place = behind
            if key == WORD:
                start = place
                while place < end and plain[data[place]] != 0:
                    total += np.uint64(plain[data[place]]) * power
                    power *= _HASH_BASE
                    place += 1
                if place > start:
                    length += np.uint64(place - start)
                    kind = flags[data[place - 1]]
            key_before, kind_before = key, kind
        if is_word:
            hashes[count] = mixed(total + length * GOLDEN)
            count += 1
        counts[text] = count - before
    return count
