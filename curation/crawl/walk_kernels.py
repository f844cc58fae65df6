"""A compiled walk over the tags of a page, for `blocks`: its blocks, their texts, and the elements that hold them.

It works on UTF-8, in which tags and white space are told from the rest by their bytes. At a formula it stops, with its
place in `state`, for Python to say what it reads, and is called again.
"""

import numpy as np
from numba import types as t

from gristmill.curation.compiled import BOOL, I8, U1, U8, compiled, read
from gristmill.curation.crawl.blocks import CODE, HEADING, ITEM, ROW, TEXT
from gristmill.curation.crawl.tags import (
    ACTION,
    BOLD_FROM,
    BOLD_TO,
    BR,
    CELL,
    HR,
    IMG,
    IS_BLOCK,
    IS_COMMENT,
    IS_END,
    IS_INLINE,
    IS_LEFT_OUT,
    IS_LINK,
    IS_LINK_END,
    IS_RAW,
    IS_TIGHT,
    IS_VOID,
    LI,
    LIST,
    MATH,
    NAME,
    NUMBERED_LIST,
    PRE,
    SCRIPT,
    TR,
)

MAX_ROW_BLOCKS = 40
MAX_CELL_CHARS = 300
"""A table row with more blocks or a longer cell is layout, and its paragraphs stay apart."""

PIECE, BEHIND, PIECES, LINK_CHARS, LINKS, IN_LINK, HIDDEN, IN_PRE, IN_HEADING, BREAKS, NUMBER, SEEN_UNSEEN = range(12)
"""Places in `state`: of the tag that comes next, and the one whose text comes first if that is not 0; pieces of text,
characters and number of links in the open block; open tags inside an element that is left out; what the next block has."""
TEXT_BYTES, LAST_PIECE, DEPTH, LISTS, ROWS, CELLS, OUT_BYTES, BLOCKS, ELEMENTS = range(12, 21)
"""Fill of the buffers. LAST_PIECE is where the latest piece of text begins."""
FORMULA, FORMULA_END = 21, 22
"""The tag that the walk stops at, and where its element ends."""
STATES = 23

CHARS, KIND_OF, LEVEL, BREAKS_BEFORE, ORDER, LINK_CHARS_IN, LINKS_IN, ELEMENT, END_BYTE = range(9)
"""Columns of `rows`: what each block is, the characters of its text, and where that ends in `out`."""

DONE, AT_IMAGE, AT_MATH, AT_SCRIPT = range(4)
"""Why a walk stops."""

TEX, MATHS, MATH_TEX, HREF = (np.frombuffer(word, np.uint8) for word in (b"tex", b"math", b"math/tex", b"href="))
ENTITIES = tuple(np.frombuffer(name, np.uint8) for name in (b"&nbsp;", b"&lt;", b"&gt;", b"&quot;", b"&amp;"))
PLAIN = np.frombuffer(b' <>"&', np.uint8)


@compiled(t.boolean(U1, t.int64, t.int64, U1))
def holds(html, start, end, word):
    """Whether a word stands anywhere in a stretch of the page."""
    for at in range(start, end - len(word) + 1):
        same = 0
        while same < len(word) and html[at + same] == word[same]:
            same += 1
        if same == len(word):
            return True
    return False


@compiled(t.int64(U1, t.int64, t.int64))
def space_at(text, at, end):
    """How many bytes the white space at a place has, of the characters that `str.split` takes for it; 0 if it is none."""
    code = text[at]
    if code < 0x80:
        return np.int64(code == 32 or 9 <= code <= 13 or 28 <= code <= 31)
    if code == 0xC2 and end - at > 1:
        return np.int64(2 * (text[at + 1] == 0x85 or text[at + 1] == 0xA0))
    if end - at > 2:
        second, third = text[at + 1], text[at + 2]
        if code == 0xE1:
            return np.int64(3 * (second == 0x9A and third == 0x80))
        if code == 0xE2 and second == 0x80:
            return np.int64(3 * (0x80 <= third <= 0x8A or third == 0xA8 or third == 0xA9 or third == 0xAF))
        if code == 0xE2:
            return np.int64(3 * (second == 0x81 and third == 0x9F))
        if code == 0xE3:
            return np.int64(3 * (second == 0x80 and third == 0x80))
    return np.int64(0)


@compiled(t.boolean(t.int64[::1], U1, t.uint8[::1], t.int32[:, ::1], t.int32[:, ::1], t.boolean))
def flush(state, text, out, rows, stack, markdown):
    """Ends the open block; True if there was text in it."""
    link_chars, links, end = state[LINK_CHARS], state[LINKS], state[TEXT_BYTES]
    state[LINK_CHARS] = state[LINKS] = state[TEXT_BYTES] = state[PIECES] = 0
    start = to = state[OUT_BYTES]
    chars = 0
    gap = False
    only_digits, only_marks = True, True
    at = 0
    while at < end:
        code, length = text[at], 1
        space = 0
        if code == 38:
            for entity in range(5):
                name = ENTITIES[entity]
                same = 1
                while same < len(name) and at + same < end and text[at + same] == name[same]:
                    same += 1
                if same == len(name):
                    code, length = PLAIN[entity], same
                    space = np.int64(entity == 0)
                    break
        else:
            space = space_at(text, at, end)
        if space and not state[IN_PRE]:
            gap = to > start
            at += max(length, space)
            continue
        if gap:
            out[to] = 32
            to += 1
            chars += 1
            gap = False
        if not (state[IN_PRE] and code == 10 and to == start):
            out[to] = code
            to += 1
            chars += code & 0xC0 != 0x80
            if length == 1 and space > 1:
                for step in range(1, space):
                    out[to] = text[at + step]
                    to += 1
                length = space
            if not space:
                only_digits &= 48 <= code <= 57
                if only_marks:
                    if code == 0xEE and end - at > 2 and text[at + 1] == 0x82 and 0xB0 <= text[at + 2] <= 0xB2:
                        out[to] = text[at + 1]
                        out[to + 1] = text[at + 2]
                        to += 2
                        length = 3
                    else:
                        only_marks = False
        at += length
    if state[IN_PRE]:
        while to > start and out[to - 1] == 10:
            to -= 1
            chars -= 1
    # Numbers alone beside code count its lines; marks alone are <b></b>.
    if to == start or (state[IN_PRE] and only_digits) or (markdown and only_marks):
        return False
    kind, level = TEXT, 0
    if state[IN_PRE]:
        kind = CODE
    elif state[IN_HEADING]:
        kind, level = HEADING, state[IN_HEADING]
    elif state[LISTS]:
        kind, level = ITEM, state[LISTS]
    row = rows[state[BLOCKS]]
    row[CHARS], row[KIND_OF], row[LEVEL], row[BREAKS_BEFORE] = chars, kind, level, state[BREAKS]
    row[ORDER], row[LINK_CHARS_IN], row[LINKS_IN] = state[NUMBER], min(link_chars, chars), links
    row[ELEMENT], row[END_BYTE] = stack[state[DEPTH] - 1, 1], to
    state[BLOCKS] += 1
    state[OUT_BYTES] = to
    state[BREAKS], state[NUMBER] = 1, 0
    return True


@compiled(t.boolean(t.int64[::1], t.uint8[::1], t.uint8[::1], t.int32[:, ::1], t.int64, t.int32[::1], t.int64))
def end_row(state, scratch, out, rows, first, cells, element):
    """Makes one block of a table row, unless its cells hold paragraphs; `cells` are the first blocks of each."""
    blocks = state[BLOCKS]
    if not 1 <= blocks - first <= MAX_ROW_BLOCKS or len(cells) < 2:
        return False
    link_chars = links = 0
    for block in range(first, blocks):
        if rows[block, KIND_OF] == CODE:
            return False
        link_chars += rows[block, LINK_CHARS_IN]
        links += rows[block, LINKS_IN]
    chars = len(cells) - 1
    for cell in range(len(cells)):
        end = cells[cell + 1] if cell + 1 < len(cells) else blocks
        in_cell = max(end - cells[cell] - 1, 0)
        for block in range(cells[cell], end):
            in_cell += rows[block, CHARS]
        if in_cell > MAX_CELL_CHARS:
            return False
        chars += in_cell
    begin = rows[first - 1, END_BYTE] if first else 0
    size = state[OUT_BYTES] - begin
    scratch[:size] = out[begin : begin + size]
    to = begin
    for cell in range(len(cells)):
        if cell:
            out[to] = 9
            to += 1
        end = cells[cell + 1] if cell + 1 < len(cells) else blocks
        for block in range(cells[cell], end):
            if block > cells[cell]:
                out[to] = 32
                to += 1
            start = (rows[block - 1, END_BYTE] if block else 0) - begin
            for at in range(start, rows[block, END_BYTE] - begin):
                out[to] = scratch[at]
                to += 1
    row = rows[first]
    row[CHARS], row[KIND_OF], row[LEVEL], row[ORDER], row[END_BYTE] = chars, ROW, len(cells), 0, to
    row[LINK_CHARS_IN], row[LINKS_IN], row[ELEMENT] = link_chars, links, element
    state[BLOCKS] = first + 1
    state[OUT_BYTES] = to
    return True


@compiled(
    t.int64(
        U1, I8, I8, U1, U1, BOOL, BOOL, U8, read(t.uint8, 2), t.boolean, t.boolean,
        t.int64[::1], t.uint8[::1], t.uint8[::1], t.int32[:, ::1], t.int32[:, ::1], t.uint64[:, ::1],
        t.int32[:, ::1], t.int32[:, ::1], t.int32[:, ::1], t.int32[::1],
    )
)  # fmt: skip
def walk(
    html, opens, closes, numbers, kinds, bare, unseen, bits, meanings, markdown, see_all,
    state, text, out, rows, elements, element_bits, stack, lists, open_rows, cells,
):  # fmt: skip
    """Reads the page up to its end, or to a formula whose text Python is to append; says which.

    `opens` to `bits` are what `tag_kernels.tags` found. `elements` are [elements, 3]: parent, first block, block after
    the last; `element_bits` [elements, 2]: their own and all around. `stack` holds name and element of what is open,
    `lists` whether a list is numbered and its items so far, `open_rows` the first block and the first of its `cells`.
    """
    while state[PIECE] < len(opens) or state[BEHIND]:
        if state[BEHIND]:
            tag = state[BEHIND] - 1
            begin = closes[tag] + 1 if tag > state[FORMULA] or kinds[tag] == IS_INLINE else len(html)
            state[BEHIND] = 0
        else:
            tag = state[PIECE]
            state[PIECE] += 1
            begin = closes[tag] + 1
            kind, number = kinds[tag], numbers[tag]
            action = meanings[number, ACTION]
            if state[HIDDEN] and kind < IS_RAW:
                if not meanings[number, IS_VOID]:
                    state[HIDDEN] += -1 if html[min(opens[tag] + 1, len(html) - 1)] == 47 else 1
            elif kind == IS_BLOCK:
                if state[PIECES]:
                    flush(state, text, out, rows, stack, markdown)
                if unseen[tag] and not see_all:
                    state[SEEN_UNSEEN] = state[HIDDEN] = 1
                    continue
                if not meanings[number, IS_TIGHT]:
                    state[BREAKS] = 2
                element, parent = state[ELEMENTS], stack[state[DEPTH] - 1, 1]
                elements[element, 0], elements[element, 1] = parent, state[BLOCKS]
                element_bits[element, 0] = bits[tag]
                element_bits[element, 1] = bits[tag] | element_bits[parent, 1]
                stack[state[DEPTH], 0], stack[state[DEPTH], 1] = meanings[number, NAME], element
                state[ELEMENTS] += 1
                state[DEPTH] += 1
                if action == 0:
                    pass
                elif action < LI:
                    state[IN_HEADING] = action
                elif action == LI:
                    state[NUMBER] = -1
                    if state[LISTS]:
                        of = lists[state[LISTS] - 1]
                        of[1] += 1
                        if of[0]:
                            state[NUMBER] = of[1]
                elif action in (LIST, NUMBERED_LIST):
                    lists[state[LISTS], 0], lists[state[LISTS], 1] = action == NUMBERED_LIST, 0
                    state[LISTS] += 1
                elif action == PRE:
                    state[IN_PRE] += 1
                elif action == TR:
                    open_rows[state[ROWS], 0], open_rows[state[ROWS], 1] = state[BLOCKS], state[CELLS]
                    state[ROWS] += 1
                elif action == CELL and state[ROWS]:
                    cells[state[CELLS]] = state[BLOCKS]
                    state[CELLS] += 1
            elif kind == IS_END:
                # End tags that nothing opened are passed over.
                if bare[tag] and stack[state[DEPTH] - 1, 0] == meanings[number, NAME] and state[DEPTH] > 1:
                    if state[PIECES]:
                        flush(state, text, out, rows, stack, markdown)
                    if not meanings[number, IS_TIGHT]:
                        state[BREAKS] = 2
                    state[DEPTH] -= 1
                    element = stack[state[DEPTH], 1]
                    elements[element, 2] = state[BLOCKS]
                    if action == 0:
                        pass
                    elif action < LI:
                        state[IN_HEADING] = 0
                    elif action == LI:
                        state[NUMBER] = 0
                    elif action in (LIST, NUMBERED_LIST):
                        state[LISTS] -= 1
                    elif action == PRE:
                        state[IN_PRE] -= 1
                    elif action == TR:
                        state[ROWS] -= 1
                        first, cell = open_rows[state[ROWS], 0], open_rows[state[ROWS], 1]
                        if end_row(state, text, out, rows, first, cells[cell : state[CELLS]], element):
                            elements[element, 2] = first + 1
                        state[CELLS] = cell
            elif kind == IS_LINK:
                state[IN_LINK] = holds(html, opens[tag], closes[tag], HREF)
                state[LINKS] += state[IN_LINK]
            elif kind == IS_LINK_END:
                state[IN_LINK] = 0
            elif kind == IS_INLINE:
                if action == BR:
                    if state[IN_PRE]:
                        state[LAST_PIECE] = state[TEXT_BYTES]
                        text[state[TEXT_BYTES]] = 10
                        state[TEXT_BYTES] += 1
                        state[PIECES] += 1
                    elif state[PIECES] and flush(state, text, out, rows, stack, markdown):
                        state[BREAKS] = 1
                    else:
                        state[BREAKS] = 2
                elif action == HR:
                    flush(state, text, out, rows, stack, markdown)
                    state[BREAKS] = 2
                elif action == IMG:
                    if holds(html, opens[tag], closes[tag], TEX) or holds(html, opens[tag], closes[tag], MATHS):
                        state[FORMULA] = tag
                        state[BEHIND] = tag + 1
                        return AT_IMAGE
                elif markdown and not state[IN_PRE]:
                    to = state[TEXT_BYTES]
                    state[LAST_PIECE] = to
                    text[to], text[to + 1] = 0xEE, 0x82
                    text[to + 2] = 0xB0 if action == BOLD_FROM else (0xB1 if action == BOLD_TO else 0xB2)
                    state[TEXT_BYTES] += 3
                    state[PIECES] += 1
            elif kind == IS_LEFT_OUT:
                state[HIDDEN] = 1
            elif kind == IS_RAW:
                # Its end is "</", its name and anything; without one, it is all but the text behind the last tag.
                name = opens[tag] + 1
                length = closes[tag] - name
                for at in range(length):
                    if html[name + at] == 32:
                        length = at
                        break
                behind, formula_end = tag, len(html)
                while state[PIECE] < len(opens):
                    behind = state[PIECE]
                    state[PIECE] += 1
                    at = opens[behind] + 1
                    if len(html) - at > length and html[at] == 47:
                        same = 0
                        while same < length and html[at + 1 + same] == html[name + same]:
                            same += 1
                        if same == length:
                            formula_end = opens[behind]
                            break
                formula = (action == MATH) or (action == SCRIPT and holds(html, name, closes[tag], MATH_TEX))
                if formula and not state[HIDDEN]:
                    state[FORMULA], state[FORMULA_END], state[BEHIND] = tag, formula_end, behind + 1
                    return AT_MATH if action == MATH else AT_SCRIPT
                begin = closes[behind] + 1 if behind > tag else len(html)
                tag = behind
            elif kind == IS_COMMENT:
                at = opens[tag] + 1
                while at + 2 < len(html) and not (html[at] == 45 and html[at + 1] == 45 and html[at + 2] == 62):
                    at += 1
                begin = at + 3
                while state[PIECE] < len(opens) and opens[state[PIECE]] < begin:
                    tag = state[PIECE]
                    state[PIECE] += 1
        end = opens[tag + 1] if tag + 1 < len(opens) else len(html)
        if begin >= end or state[HIDDEN]:
            continue
        if not (state[PIECES] or state[IN_PRE]):
            at = begin
            while at < end:
                space = space_at(html, at, end)
                if space == 0:
                    break
                at += space
            if at == end:
                continue
        to = state[TEXT_BYTES]
        state[LAST_PIECE] = to
        state[PIECES] += 1
        state[TEXT_BYTES] += end - begin
        if state[IN_LINK]:
            for at in range(begin, end):
                text[to + at - begin] = html[at]
                state[LINK_CHARS] += html[at] & 0xC0 != 0x80
        else:
            for at in range(begin, end):
                text[to + at - begin] = html[at]
    if state[PIECES]:
        flush(state, text, out, rows, stack, markdown)
    while state[DEPTH]:
        state[DEPTH] -= 1
        elements[stack[state[DEPTH], 1], 2] = state[BLOCKS]
    return DONE
