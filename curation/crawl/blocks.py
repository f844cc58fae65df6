"""A page as blocks: its paragraphs, headings, list items, table rows and code, each with the elements around it.

Resiliparse's parser (lexbor) repairs the page and writes it out again; what it writes is well nested and escaped, so
that splitting it at "<" reads it in a fraction of the time that walking its tree from Python would take. Blocks are numbered
in document order, so every element holds a contiguous range of them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from lxml import etree

from gristmill.curation.crawl.attributes import tag_bits
from gristmill.curation.crawl.tags import (
    CELLS,
    CODE_TAGS,
    HEADINGS,
    IS_BLOCK,
    IS_COMMENT,
    IS_END,
    IS_INLINE,
    IS_LEFT_OUT,
    IS_LINK,
    IS_LINK_END,
    IS_RAW,
    KNOWN_TAGS,
    LISTS,
    MARKS,
    RAW,
    STRONG_TAGS,
    VOID,
    tag_of,
)
from gristmill.curation.mathml import formula, tex_source

TEXT, HEADING, ITEM, CODE, ROW = range(5)
"""What a block is."""

MAX_ROW_BLOCKS = 40
MAX_CELL_CHARS = 300
"""A table row with more blocks or a longer cell is layout, and its paragraphs stay apart."""

MAX_MATH_CHARS = 50_000

ALT = re.compile(r'\balt="([^"]*)"')
MATH_IMAGE = re.compile(r'\bclass="(?:[^"]*[\s_-])?(?:latex|tex|math)\b|mwe-math-fallback')
ALTTEXT = re.compile(r'\balttext="([^"]+)"')
LINE_NUMBERS = re.compile(r"[\d\s]+")


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
    walk = _Walk(markdown, see_all=False)
    page = walk.run(html)
    if walk.unseen and sum(map(len, page.texts)) < MIN_SEEN_CHARS:
        return _Walk(markdown, see_all=True).run(html)
    return page


class _Walk:
    """One pass over the tags of a page."""

    def __init__(self, markdown: bool, see_all: bool):
        self.markdown = markdown
        self.see_all = see_all
        self.unseen = False
        self.blocks: list[tuple] = []  # the columns of Blocks up to `elements`, row by row
        self.ends = [0]
        self.text: list[str] = []  # of the block that is open
        self.link_chars = self.links = 0
        self.pre = 0
        self.stack: list[tuple[str, int]] = [("/body", 0)]  # end tag and element of what is open
        self.lists: list[list] = []  # of each open list: whether numbered, items so far
        self.rows: list[list] = []  # of each open row: first block, first block of each cell
        self.heading = 0
        self.pending = 2  # line ends before the next block
        self.item = 0  # number of the list item that begins, or -1 for a bullet

    def run(self, html: str) -> Blocks:
        """Read the whole page. One long loop on purpose: a call for each tag would cost a quarter of the time."""
        text, stack, seen, rows, ends = self.text, self.stack, KNOWN_TAGS, self.blocks, self.ends
        elements = [(-1, 0, "")]  # parents, starts, tags
        hidden = 0  # open tags inside an element that is left out
        in_link = False
        # The parser escapes "<" and ">" in text and attributes, so that each piece is one tag and the text behind it.
        pieces = iter(html.split("<"))
        next(pieces)
        for piece in pieces:
            tag, _, after = piece.partition(">")
            info = seen.get(tag) or tag_of(tag)
            kind = info[0]
            if hidden and kind < IS_RAW:
                if info[1] not in VOID:
                    hidden += -1 if tag[0] == "/" else 1
            elif kind == IS_BLOCK:
                if text:
                    self.flush()
                _, name, unseen, end_tag, tight, special = info
                if unseen and not self.see_all:
                    self.unseen = True
                    hidden = 1
                    continue
                if not tight:
                    self.pending = 2
                elements.append((stack[-1][1], len(rows), tag))
                stack.append((end_tag, len(ends)))
                ends.append(0)
                if special:
                    self.begin(name)
            elif kind == IS_END:
                if stack[-1][0] == tag and len(stack) > 1:  # end tags that nothing opened are passed over
                    if text:
                        self.flush()
                    if not info[4]:
                        self.pending = 2
                    element = stack.pop()[1]
                    ends[element] = len(rows)
                    if info[5]:
                        self.end(info[1], element)
            elif kind == IS_LINK:
                in_link = "href=" in tag
                self.links += in_link
            elif kind == IS_LINK_END:
                in_link = False
            elif kind == IS_INLINE:
                self.inline(info[1], tag)
            elif kind == IS_LEFT_OUT:
                hidden = 1
            elif kind == IS_RAW:
                after = self.raw(info[1], tag, after, pieces, hidden > 0)
            elif kind == IS_COMMENT:
                while "-->" not in piece and (piece := next(pieces, "")):
                    pass
                after = piece.partition("-->")[2]
            if after and not hidden and (text or self.pre or not after.isspace()):
                text.append(after)
                if in_link:
                    self.link_chars += len(after)
        if text:
            self.flush()
        while stack:
            ends[stack.pop()[1]] = len(rows)
        parents, starts, tags = map(list, zip(*elements, strict=True))
        bits = tag_bits(tags)
        inherited = bits.copy()
        for element in range(1, len(bits)):
            inherited[element] |= inherited[parents[element]]
        columns = map(list, zip(*rows, strict=True)) if rows else ([] for _ in range(8))
        return Blocks(*columns, parents, starts, ends, bits, inherited)

    def begin(self, name: str) -> None:
        """What an element means for the blocks inside."""
        if name in HEADINGS:
            self.heading = HEADINGS[name]
        elif name == "li":
            self.begin_item()
        elif name in LISTS:
            self.lists.append([name == "ol", 0])
        elif name == "pre":
            self.pre += 1
        elif name == "tr":
            self.rows.append([len(self.blocks)])
        elif name in CELLS and self.rows:
            self.rows[-1].append(len(self.blocks))

    def end(self, name: str, element: int) -> None:
        """What the end of an element means for the blocks behind it."""
        if name in HEADINGS:
            self.heading = 0
        elif name == "li":
            self.item = 0
        elif name in LISTS:
            self.lists.pop()
        elif name == "pre":
            self.pre -= 1
        elif name == "tr" and self.rows:
            self.end_row(self.rows.pop(), element)

    def begin_item(self) -> None:
        """The next block starts a list item."""
        self.item = -1
        if self.lists:
            self.lists[-1][1] += 1
            if self.lists[-1][0]:
                self.item = self.lists[-1][1]

    def inline(self, tag: str, attrs: str) -> None:
        """A tag inside a line, or a line break."""
        if tag == "br":
            if self.pre:
                self.text.append("\n")
            elif self.text and self.flush():
                self.pending = 1
            else:
                self.pending = 2
        elif tag == "hr":
            self.flush()
            self.pending = 2
        elif tag == "img":
            if (
                ("tex" in attrs or "math" in attrs)
                and MATH_IMAGE.search(attrs)
                and (alt := ALT.search(attrs))
                and not (self.text and "$" in self.text[-1])
            ):
                self.text.append(tex_source(_unescaped(alt[1])))
        elif self.markdown and not self.pre:
            self.text.append(CODE_TAGS.get(tag) or STRONG_TAGS[tag])

    def raw(self, name: str, attrs: str, first: str, pieces: Iterator[str], hidden: bool) -> str:
        """Read an element to its end, and give the text behind it; only formulas have something to say."""
        inside, end, piece = [first], RAW[name], ""
        for piece in pieces:
            if piece.startswith(end):
                break
            inside.append(piece)
        if name == "math" and not hidden:
            formula = "<".join(inside)
            if len(formula) <= MAX_MATH_CHARS:
                self.text.append(_math(attrs, formula))
        elif name == "script" and "math/tex" in attrs and not hidden:
            self.text.append(tex_source("<".join(inside)))
        return piece.partition(">")[2]

    def flush(self) -> bool:
        """End the open block; True if there was text in it."""
        if not self.text:
            self.link_chars = self.links = 0
            return False
        text = "".join(self.text)
        self.text.clear()
        link_chars, links = self.link_chars, self.links
        self.link_chars = self.links = 0
        if "&" in text:
            text = _unescaped(text)
        text = text.strip("\n") if self.pre else " ".join(text.split())
        if not text or (self.pre and LINE_NUMBERS.fullmatch(text)):
            return False
        if self.markdown and not text.translate(MARKS).strip():  # <b></b>
            return False
        kind, level = TEXT, 0
        if self.pre:
            kind = CODE
        elif self.heading:
            kind, level = HEADING, self.heading
        elif self.lists:
            kind, level = ITEM, len(self.lists)
        links_in = min(link_chars, len(text))
        self.blocks.append((text, kind, level, self.pending, self.item, links_in, links, self.stack[-1][1]))
        self.pending = 1
        self.item = 0
        return True

    def end_row(self, row: list, element: int) -> None:
        """Make one block of a table row, unless its cells hold paragraphs."""
        first = row[0]
        held = self.blocks[first:]
        if not 1 <= len(held) <= MAX_ROW_BLOCKS or len(row) < 3 or any(block[1] == CODE for block in held):
            return
        bounds = [*row[1:], len(self.blocks)]
        cells = [" ".join(block[0] for block in self.blocks[a:b]) for a, b in pairwise(bounds)]
        if max(map(len, cells)) > MAX_CELL_CHARS:
            return
        link_chars, links = (sum(block[column] for block in held) for column in (5, 6))
        self.blocks[first:] = [("\t".join(cells), ROW, len(cells), held[0][3], 0, link_chars, links, element)]
        self.ends[element] = first + 1


def _unescaped(text: str) -> str:
    """Text as the parser escaped it, in plain characters."""
    text = text.replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"')
    return text.replace("&amp;", "&")


def _math(attrs: str, inside: str) -> str:
    """A MathML formula as the TeX that it carries, or else on one line."""
    if alt := ALTTEXT.search(attrs):
        return tex_source(_unescaped(alt[1]))
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, load_dtd=False)
    tree = etree.fromstring(f"<math>{inside.replace('&nbsp;', ' ')}</math>", parser)
    return formula(tree) if tree is not None else ""
