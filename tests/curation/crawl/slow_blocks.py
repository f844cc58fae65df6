"""What `blocks` gives, in plain Python: tag by tag and piece by piece, with regular expressions."""

import re
from itertools import pairwise

from gristmill.curation.crawl.attributes import HIDDEN, TAG_BITS, WORD_BITS
from gristmill.curation.crawl.blocks import (
    CODE,
    HEADING,
    ITEM,
    MIN_SEEN_CHARS,
    ROW,
    TEXT,
    Blocks,
    _image,
    _math,
    _unescaped,
)
from gristmill.curation.crawl.tags import (
    ACTIONS,
    BLOCK_TAGS,
    BOLD,
    END_BOLD,
    LI,
    LIST,
    MARKS,
    NUMBERED_LIST,
    PRE,
    RAW,
    TICK,
    TIGHT,
    TR,
    VOID,
)
from gristmill.curation.mathml import tex_source

UNSEEN = re.compile(r' hidden(?:=|\s|\Z)| style="[^"]*\b(?:display:\s*none|visibility:\s*hidden)', re.ASCII)
DRAWN = re.compile(r'\bclass="(?:katex-html|MathJax(?:_Preview|_Display|_CHTML|_SVG)?\b|mjx-chtml|MJX-)', re.ASCII)
NAMING = re.compile(r' (?:class|id|role|item(?:prop|type))="([^"]{1,300})')
PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def bits_of(tag: str) -> int:
    bits = TAG_BITS.get(tag.partition(" ")[0], 0) | (HIDDEN if UNSEEN.search(tag) else 0)
    for part in PARTS.findall("-".join(NAMING.findall(tag))):
        bits |= WORD_BITS.get(part.lower(), 0)
    return bits


def slow_blocks(html: str, markdown: bool = False) -> Blocks:
    page, left_out = walked(html, markdown, False)
    return walked(html, markdown, True)[0] if left_out and sum(map(len, page.texts)) < MIN_SEEN_CHARS else page


def walked(html: str, markdown: bool, see_all: bool) -> tuple[Blocks, bool]:
    """One pass over the tags of a page."""
    rows, text, stack, lists, table_rows = [], [], [("", 0)], [], []
    elements = [[-1, 0, 0, 0, 0]]  # parent, start, end, bits, inherited
    hidden = pre = heading = item = link_chars = links = 0
    in_link = left_out = False
    breaks = 2

    def flush():
        nonlocal breaks, item, link_chars, links
        said, chars, num_links = _unescaped("".join(text)), link_chars, links
        text.clear()
        link_chars = links = 0
        said = said.strip("\n") if pre else " ".join(said.split())
        if (
            not said
            or (pre and re.fullmatch(r"(?:[0-9]|\s)+", said))
            or (markdown and not said.translate(MARKS).strip())
        ):
            return False
        kind, level = (
            (CODE, 0) if pre else (HEADING, heading) if heading else (ITEM, len(lists)) if lists else (TEXT, 0)
        )
        rows.append((said, kind, level, breaks, item, min(chars, len(said)), num_links, stack[-1][1]))
        breaks, item = 1, 0
        return True

    pieces = html.split("<")[1:]
    at = 0
    while at < len(pieces):
        tag, _, after = pieces[at].partition(">")
        name = tag.partition(" ")[0]
        action = ACTIONS.get(name.removeprefix("/") if name[1:] in BLOCK_TAGS else name, 0)
        at += 1
        drawn = " " in tag and name not in VOID and DRAWN.search(tag[len(name) :])
        is_known = name in BLOCK_TAGS or name[1:] in BLOCK_TAGS or name in ACTIONS or name in ("a", "/a")
        if name in RAW:
            inside, last = [after], ""
            for last in pieces[at:]:
                at += 1
                if last.startswith("/" + name):
                    break
                inside.append(last)
            if not hidden and name == "math":
                text += [tex for tex in [_math(tag, "<".join(inside))] if tex is not None]
            elif not hidden and name == "script" and "math/tex" in tag:
                text.append(tex_source("<".join(inside)))
            after = last.partition(">")[2]
        elif name.startswith("!--"):
            rest = "<".join(pieces[at - 1 :])
            comment, _, behind = rest.partition("-->")
            at += comment.count("<")
            after = behind.partition("<")[0]
        elif hidden:
            if name not in VOID:
                hidden += -1 if tag[:1] == "/" else 1
        elif name in BLOCK_TAGS:
            if text:
                flush()
            if UNSEEN.search(tag) and not see_all:
                left_out, hidden = True, 1
                continue
            breaks = breaks if name in TIGHT else 2
            bits = bits_of(tag)
            elements.append([stack[-1][1], len(rows), 0, bits, bits | elements[stack[-1][1]][4]])
            stack.append(("/" + name, len(elements) - 1))
            if name[0] == "h" and 0 < action < LI:
                heading = action
            elif action == LI:
                item = -1
                if lists:
                    lists[-1][1] += 1
                    item = lists[-1][1] if lists[-1][0] else -1
            elif action in (LIST, NUMBERED_LIST):
                lists.append([action == NUMBERED_LIST, 0])
            elif action == PRE:
                pre += 1
            elif action == TR:
                table_rows.append([len(rows)])
            elif name in ("td", "th") and table_rows:
                table_rows[-1].append(len(rows))
        elif name[:1] == "/" and name[1:] in BLOCK_TAGS:
            if stack[-1][0] == tag and len(stack) > 1:
                if text:
                    flush()
                breaks = breaks if name[1:] in TIGHT else 2
                element = stack.pop()[1]
                elements[element][2] = len(rows)
                if 0 < action < LI:
                    heading = 0
                elif action == LI:
                    item = 0
                elif action in (LIST, NUMBERED_LIST):
                    lists.pop()
                elif action == PRE:
                    pre -= 1
                elif action == TR:
                    first, *cells = table_rows.pop()
                    if row := row_of(rows[first:], [cell - first for cell in cells], element):
                        rows[first:] = [row]
                        elements[element][2] = first + 1
        elif name == "a":
            in_link = "href=" in tag
            links += in_link
        elif name == "/a":
            in_link = False
        elif name == "button" or name.startswith("mjx-") or (drawn and not is_known):
            hidden = 1
        elif name == "br" and pre:
            text.append("\n")
        elif name == "br":
            breaks = 1 if text and flush() else 2
        elif name == "hr":
            flush()
            breaks = 2
        elif name == "img":
            if not (text and "$" in text[-1]):
                text += [tex for tex in [_image(tag)] if tex is not None]
        elif markdown and not pre and name in ACTIONS:
            text.append({"b": BOLD, "strong": BOLD, "/b": END_BOLD, "/strong": END_BOLD}.get(name, TICK))
        if after and not hidden and (text or pre or not after.isspace()):
            text.append(after)
            link_chars += len(after) * in_link
    if text:
        flush()
    for _, element in stack:
        elements[element][2] = len(rows)
    columns = list(map(list, zip(*rows, strict=True))) if rows else [[] for _ in range(8)]
    return Blocks(*columns, *map(list, zip(*elements, strict=True))), left_out


def row_of(held: list[tuple], cells: list[int], element: int) -> tuple | None:
    """The blocks of a table row as one, unless its cells hold paragraphs."""
    if not 1 <= len(held) <= 40 or len(cells) < 2 or any(block[1] == CODE for block in held):
        return None
    texts = [" ".join(block[0] for block in held[a:b]) for a, b in pairwise([*cells, len(held)])]
    if max(map(len, texts)) > 300:
        return None
    link_chars, links = (sum(block[column] for block in held) for column in (5, 6))
    return "\t".join(texts), ROW, len(texts), held[0][3], 0, link_chars, links, element
