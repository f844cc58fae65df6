"""A compiled pass over a page's bytes that finds its tags, and what their names and attributes say.

Names are looked up as they are, not by a hash of them: see `attributes.hash_table`.
"""

import numpy as np
from numba import types as t

from gristmill.curation.compiled import I8, U1, U8, compiled, read
from gristmill.curation.crawl.attributes import HIDDEN, MAX_KEY_BYTES, MIX, REST_MIX
from gristmill.curation.crawl.tags import IS_BLOCK, IS_COMMENT, IS_LEFT_OUT, IS_OTHER, IS_VOID, KIND

MAX_VALUE_CHARS = 300
"""How much of an attribute is read."""

_MIX, _REST_MIX, _HIDDEN = np.uint64(MIX), np.uint64(REST_MIX), np.uint64(HIDDEN)


def _bytes(word: str) -> np.ndarray:
    return np.frombuffer(word.encode(), np.uint8)


COMMENT, MATHJAX, UNSEEN, STYLE, CLASS = map(_bytes, ("!--", "mjx-", " hidden", ' style="', 'class="'))
CLASS_IS, ID_IS, ROLE_IS, PROPERTY_IS, TYPE_IS = (
    _bytes(f' {name}="') for name in ("class", "id", "role", "itemprop", "itemtype")
)
DISPLAY, NONE, VISIBILITY, HIDDEN_VALUE = map(_bytes, ("display:", "none", "visibility:", "hidden"))
KATEX_HTML, MJX_CHTML, MJX = map(_bytes, ("katex-html", "mjx-chtml", "MJX-"))
DRAWN, PREVIEW, DISPLAYED, CHTML, SVG = map(_bytes, ("MathJax", "_Preview", "_Display", "_CHTML", "_SVG"))


@compiled(t.int64(t.uint64, t.uint64, read(t.uint64, 2)))
def slot_of(first, rest, keys):
    """Where a word of up to MAX_KEY_BYTES stands in a table of `attributes.hash_table`; -1 if it does not."""
    mask = np.uint64(len(keys) - 1)
    slot = ((first ^ (rest * _REST_MIX)) * _MIX) >> np.uint64(40) & mask
    while keys[slot, 0] != 0:
        if keys[slot, 0] == first and keys[slot, 1] == rest:
            return np.int64(slot)
        slot = (slot + np.uint64(1)) & mask
    return np.int64(-1)


@compiled(t.boolean(U1, t.int64, t.int64, U1))
def stands(html, at, end, word):
    """Whether the word stands there, before `end`."""
    if end - at < len(word):
        return False
    same = 0
    while same < len(word) and html[at + same] == word[same]:
        same += 1
    return same == len(word)


@compiled(t.boolean(t.uint8))
def is_space(code):
    return 9 <= code <= 13 or 28 <= code <= 32


@compiled(t.boolean(t.uint8))
def is_word(code):
    return 48 <= code <= 57 or 65 <= code <= 90 or 97 <= code <= 122 or code == 95


@compiled(t.uint64(U1, t.int64, t.int64, read(t.uint64, 2), U8))
def bits_of_value(html, start, end, keys, values):
    """The bits of all words in an attribute: runs of small letters, with a capital before them or not, and of capitals."""
    bits = np.uint64(0)
    at = start
    while at < end:
        if not (65 <= html[at] <= 90 or 97 <= html[at] <= 122):
            at += 1
            continue
        begin = at
        at += 1
        if html[begin] >= 97 or (at < end and 97 <= html[at] <= 122):
            while at < end and 97 <= html[at] <= 122:
                at += 1
        else:
            while at < end and 65 <= html[at] <= 90:
                at += 1
            if at < end and 97 <= html[at] <= 122:
                at -= 1
        if at - begin <= MAX_KEY_BYTES:
            first = rest = np.uint64(0)
            for i in range(at - begin):
                code = np.uint64(html[begin + i] | 32)
                if i < 8:
                    first |= code << np.uint64(8 * i)
                else:
                    rest |= code << np.uint64(8 * i - 64)
            slot = slot_of(first, rest, keys)
            if slot >= 0:
                bits |= values[slot]
    return bits


@compiled(t.uint64(U1, t.int64, t.int64, read(t.uint64, 2), U8))
def bits_of_attributes(html, start, end, keys, values):
    """What class, id, role, itemprop and itemtype say, from the first space of a tag to its end."""
    bits = np.uint64(0)
    at = start
    while at < end:
        length = 0
        if html[at] == 32 and end - at > 5:
            following = html[at + 1]
            if following == 99 and stands(html, at, end, CLASS_IS):
                length = len(CLASS_IS)
            elif following == 105:
                if stands(html, at, end, ID_IS):
                    length = len(ID_IS)
                elif stands(html, at, end, PROPERTY_IS) or stands(html, at, end, TYPE_IS):
                    length = len(PROPERTY_IS)
            elif following == 114 and stands(html, at, end, ROLE_IS):
                length = len(ROLE_IS)
        if length == 0:
            at += 1
            continue
        at += length
        begin, chars = at, 0
        while at < end and html[at] != 34:
            chars += html[at] & 0xC0 != 0x80
            if chars > MAX_VALUE_CHARS:
                break
            at += 1
        bits |= bits_of_value(html, begin, at, keys, values)
    return bits


@compiled(t.boolean(U1, t.int64, t.int64))
def is_unseen(html, start, end):
    """Whether a tag says that its element is not displayed, from its first space to its end."""
    for at in range(start, end):
        if html[at] != 32:
            continue
        if stands(html, at, end, UNSEEN):
            behind = at + len(UNSEEN)
            if behind == end or html[behind] == 61 or is_space(html[behind]):
                return True
        elif stands(html, at, end, STYLE):
            at += len(STYLE)
            while at < end and html[at] != 34:
                behind = 0
                wanted = NONE
                if stands(html, at, end, DISPLAY):
                    behind = at + len(DISPLAY)
                elif stands(html, at, end, VISIBILITY):
                    behind = at + len(VISIBILITY)
                    wanted = HIDDEN_VALUE
                if behind and not is_word(html[at - 1]):
                    while behind < end and is_space(html[behind]):
                        behind += 1
                    if stands(html, behind, end, wanted):
                        return True
                at += 1
    return False


@compiled(t.boolean(U1, t.int64, t.int64))
def is_drawn_formula(html, start, end):
    """Whether the class of a tag is one of those in which scripts draw formulas; their source stands beside."""
    for at in range(start, end - len(CLASS)):
        if html[at] != 99 or not stands(html, at, end, CLASS) or is_word(html[at - 1]):
            continue
        value = at + len(CLASS)
        if stands(html, value, end, KATEX_HTML) or stands(html, value, end, MJX_CHTML) or stands(html, value, end, MJX):
            return True
        if stands(html, value, end, DRAWN):
            value += len(DRAWN)
            for suffix in (PREVIEW, DISPLAYED, CHTML, SVG):
                if stands(html, value, end, suffix):
                    value += len(suffix)
                    break
            if value == end or not is_word(html[value]):
                return True
    return False


@compiled(
    t.void(
        U1, I8, read(t.uint64, 2), U8, read(t.uint8, 2), U8, read(t.uint64, 2), U8,
        t.int64[::1], t.uint8[::1], t.uint8[::1], t.boolean[::1], t.boolean[::1], t.uint64[::1],
    )
)  # fmt: skip
def tags(
    html,
    opens,
    tag_keys,
    tag_numbers,
    meanings,
    tag_bits,
    word_keys,
    word_bits,
    closes,
    numbers,
    kinds,
    bare,
    unseen,
    bits,
):
    """Fills in, of the tags whose "<" stand at `opens`: where their ">" or else the next "<" stands, their number and
    kind, whether they have no attributes, whether they begin an unseen element, and the bits of what they begin."""
    for i in range(len(opens)):
        start = opens[i] + 1
        limit = opens[i + 1] if i + 1 < len(opens) else len(html)
        at = start
        first = rest = np.uint64(0)
        has_nul = False
        while at < limit and html[at] != 62 and html[at] != 32:
            if at - start < 8:
                first |= np.uint64(html[at]) << np.uint64(8 * (at - start))
            elif at - start < MAX_KEY_BYTES:
                rest |= np.uint64(html[at]) << np.uint64(8 * (at - start) - 64)
            has_nul |= html[at] == 0
            at += 1
        name_end = at
        while at < limit and html[at] != 62:
            at += 1
        closes[i] = at
        bare[i] = name_end == at
        number = np.uint8(0)
        if 0 < name_end - start <= MAX_KEY_BYTES and not has_nul:  # which would not count at the end of a key
            slot = slot_of(first, rest, tag_keys)
            if slot >= 0:
                number = np.uint8(tag_numbers[slot])
        kind = meanings[number, KIND]
        if number == 0:
            if stands(html, start, name_end, COMMENT):
                kind = np.uint8(IS_COMMENT)
            elif stands(html, start, name_end, MATHJAX):
                kind = np.uint8(IS_LEFT_OUT)
        unseen[i] = False
        if kind == IS_OTHER:
            if name_end < at and not meanings[number, IS_VOID] and is_drawn_formula(html, name_end, at):
                kind = np.uint8(IS_LEFT_OUT)
        elif kind == IS_BLOCK:
            bits[i] = tag_bits[number]
            if name_end < at:
                bits[i] |= bits_of_attributes(html, name_end, at, word_keys, word_bits)
                if is_unseen(html, name_end, at):
                    unseen[i] = True
                    bits[i] |= _HIDDEN
        numbers[i] = number
        kinds[i] = kind
