"""A page as blocks: its paragraphs, headings, list items, table rows and code, each with the elements around it.

Resiliparse's parser (lexbor) repairs the page and writes it out again; what it writes is well nested and escaped, so
that splitting it at "<" reads it in a fraction of the time that walking its tree from Python would take. Blocks are numbered
in document order, so every element holds a contiguous range of them.
"""

import re
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from lxml import etree

from gristmill.curation.crawl.attributes import WORD_TABLE
from gristmill.curation.crawl.tags import BITS, IS_BLOCK, MEANINGS, TAG_TABLE
from gristmill.curation.mathml import formula, tex_source

TEXT, HEADING, ITEM, CODE, ROW = range(5)
"""What a block is."""

MAX_MATH_CHARS = 50_000

ALT = re.compile(r'\balt="([^"]*)"')
MATH_IMAGE = re.compile(r'\bclass="(?:[^"]*[\s_-])?(?:latex|tex|math)\b|mwe-math-fallback')
ALTTEXT = re.compile(r'\balttext="([^"]+)"')


@dataclass(slots=True)
class Blocks:
    """The blocks of a page in columns of equal length, and the block-level elements that hold them."""

    texts: list[str] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)
    """Level of a heading; depth of a list item, negative in numbered lists; columns of a table row."""
    breaks: list[int] = field(default_factory=list)
    """Line ends before the block: 1 or 2."""
    orders: list[int] = field(default_factory=list)
    """Number of an item in a numbered list; 0 for all blocks that do not begin one."""
    link_chars: list[int] = field(default_factory=list)
    links: list[int] = field(default_factory=list)
    elements: list[int] = field(default_factory=list)
    """Element that holds the block."""
    parents: list[int] = field(default_factory=list)
    """Of each element: its parent; -1 for the first."""
    starts: list[int] = field(default_factory=list)
    """Of each element: its first block."""
    ends: list[int] = field(default_factory=list)
    """Of each element: the block after its last."""
    bits: list[int] = field(default_factory=list)
    """Of each element: what its tag and its class, id and role say; see attributes.py."""
    inherited: list[int] = field(default_factory=list)
    """Of each element: the bits of itself and of all around it."""


MIN_SEEN_CHARS = 500
"""A page that shows less is read with what it hides: scripts were to unveil it."""


def blocks(html: str, markdown: bool = False) -> Blocks:
    """The blocks of a body as the parser writes it; with `markdown`, their texts hold marks for bold and code.

    Elements that are not displayed are left out, unless little else is there.
    """
    from gristmill.curation.crawl import tag_kernels

    page = html.encode("utf-8", "surrogatepass")
    data = np.frombuffer(page, np.uint8)
    opens = np.flatnonzero(data == ord("<"))
    closes, bits = np.empty(len(opens), np.int64), np.empty(len(opens), np.uint64)
    numbers, kinds = np.empty((2, len(opens)), np.uint8)
    bare, unseen = np.empty((2, len(opens)), bool)
    tags = (closes, numbers, kinds, bare, unseen, bits)
    tag_kernels.tags(data, opens, *TAG_TABLE, MEANINGS, BITS, *WORD_TABLE, *tags)
    found, left_out = _walked(page, (data, opens, *tags), markdown, see_all=False)
    if left_out and sum(map(len, found.texts)) < MIN_SEEN_CHARS:
        return _walked(page, (data, opens, *tags), markdown, see_all=True)[0]
    return found


def _walked(page: bytes, tags: tuple[np.ndarray, ...], markdown: bool, see_all: bool) -> tuple[Blocks, bool]:
    """The blocks, and whether any were left out because their elements are not displayed."""
    from gristmill.curation.crawl import walk_kernels as kernel

    _, opens, closes, _, kinds, *_ = tags
    count, most = len(opens) + 1, int(np.count_nonzero(kinds == IS_BLOCK)) + 1
    state = np.zeros(kernel.STATES, np.int64)
    state[[kernel.DEPTH, kernel.ELEMENTS, kernel.BREAKS]] = 1, 1, 2
    text, out = np.empty((2, len(page)), np.uint8)
    rows, elements, bits = np.empty((count, 9), np.int32), np.empty((most, 3), np.int32), np.empty((most, 2), np.uint64)
    stack, lists, open_rows = np.empty((3, most, 2), np.int32)
    cells = np.empty(most, np.int32)
    stack[0] = 0  # the body, which no end tag closes
    elements[0], bits[0] = (-1, 0, 0), 0
    room = 0  # in the buffers for text that is not in the page
    while stop := kernel.walk(
        *tags, MEANINGS, markdown, see_all, state, text, out, rows, elements, bits, stack, lists, open_rows, cells
    ):
        start, end, inside_end = (
            opens[state[kernel.FORMULA]] + 1,
            closes[state[kernel.FORMULA]],
            state[kernel.FORMULA_END],
        )
        attrs = page[start:end].decode("utf-8", "surrogatepass")
        size = int(state[kernel.TEXT_BYTES])
        if stop == kernel.AT_IMAGE:
            before = text[state[kernel.LAST_PIECE] : size].tobytes() if state[kernel.PIECES] else b""
            tex = None if b"$" in before else _image(attrs)
        else:
            behind = end + (page[end : end + 1] == b">")  # a tag without its end stops at the next one
            inside = page[behind:inside_end].decode("utf-8", "surrogatepass")
            tex = _math(attrs, inside) if stop == kernel.AT_MATH else tex_source(inside)
        if tex is not None:
            said = tex.encode("utf-8", "surrogatepass")
            room -= len(said)
            if room < 0:
                room = len(text) + len(said)
                text, out = (np.concatenate([buffer, np.empty(room + len(said), np.uint8)]) for buffer in (text, out))
            text[size : size + len(said)] = np.frombuffer(said, np.uint8)
            state[[kernel.LAST_PIECE, kernel.TEXT_BYTES]] = size, size + len(said)
            state[kernel.PIECES] += 1
    size, last = state[kernel.BLOCKS], state[kernel.ELEMENTS]
    columns = rows[:size, :8].T.tolist()
    joined = out[: state[kernel.OUT_BYTES]].tobytes().decode("utf-8", "surrogatepass")
    ends = np.cumsum(rows[:size, 0], dtype=np.int64).tolist()
    texts = [joined[start:end] for start, end in pairwise([0, *ends])]
    return Blocks(texts, *columns[1:], *elements[:last].T.tolist(), *bits[:last].T.tolist()), bool(
        state[kernel.SEEN_UNSEEN]
    )


def _image(attrs: str) -> str | None:
    """The TeX of a formula that is shown as an image; None if it is another image."""
    if MATH_IMAGE.search(attrs) and (alt := ALT.search(attrs)):
        return tex_source(_unescaped(alt[1]))
    return None


def _unescaped(text: str) -> str:
    """Text as the parser escaped it, in plain characters."""
    text = text.replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"')
    return text.replace("&amp;", "&")


def _math(attrs: str, inside: str) -> str | None:
    """A MathML formula as the TeX that it carries, or else on one line; None if it is too long."""
    if len(inside) > MAX_MATH_CHARS:
        return None
    if alt := ALTTEXT.search(attrs):
        return tex_source(_unescaped(alt[1]))
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, load_dtd=False)
    tree = etree.fromstring(f"<math>{inside.replace('&nbsp;', ' ')}</math>", parser)
    return formula(tree) if tree is not None else ""
