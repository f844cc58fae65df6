"""Blocks as text: plain, or as light Markdown."""

import re
from collections.abc import Sequence
from itertools import compress

from gristmill.curation.crawl.blocks import CODE, HEADING, ROW, Blocks
from gristmill.curation.crawl.tags import BOLD, END_BOLD, TICK

STRONG = re.compile(f"{BOLD}([^{BOLD}{END_BOLD}]*){END_BOLD}")
INLINE_CODE = re.compile(f"{TICK}([^{TICK}]*){TICK}")
LEFT_OVER = re.compile(f"[{BOLD}{END_BOLD}{TICK}]")
BACKTICKS = re.compile("`{3,}")


def render(page: Blocks, texts: Sequence[str], choice: Sequence[bool], markdown: bool) -> str:
    """The chosen blocks as one text.

    Paragraphs are set apart by an empty line, list items keep bullets or numbers, cells are separated by tabs (by
    pipes in Markdown), code keeps its spaces (in a fence in Markdown).
    """
    parts: list[str] = []
    gap = 0  # line ends since the last chosen block
    columns = 0  # of the table that is being written
    last = -1
    for i in compress(range(len(texts)), choice):
        gap = max(gap, page.breaks[i]) if i == last + 1 else 2
        last = i
        kind = page.kinds[i]
        continues = kind == ROW and columns > 0 and gap == 1
        parts.append("\n" * (2 if kind in (HEADING, CODE) else gap))
        if not markdown:
            parts.append(_item(page, i, False) + texts[i])
        elif kind == ROW:
            columns = columns if continues else page.levels[i]
            parts.append(_row(texts[i], columns, head=not continues))
        else:
            parts.append(_markdown(page, i, texts[i]))
        columns = columns if kind == ROW else 0
        gap = 2 if kind in (HEADING, CODE) else 0
    return "".join(parts).strip("\n")


def _item(page: Blocks, i: int, markdown: bool) -> str:
    """The bullet or number of a list item, indented by its depth."""
    number, depth = page.orders[i], page.levels[i]
    if not number or page.kinds[i] in (HEADING, CODE, ROW):
        return ""
    if markdown:
        return "  " * (depth - 1) + (f"{number}. " if number > 0 else "- ")
    return "  " * depth + (f"{number}. " if number > 0 else "• ")


def _markdown(page: Blocks, i: int, text: str) -> str:
    if page.kinds[i] == CODE:
        text = LEFT_OVER.sub("", text)
        fence = "`" * max(3, 1 + max(map(len, BACKTICKS.findall(text)), default=0))
        return f"{fence}\n{text}\n{fence}"
    if page.kinds[i] == HEADING:
        return "#" * page.levels[i] + " " + _inline(LEFT_OVER.sub("", text))
    return _item(page, i, True) + _inline(text)


def _inline(text: str) -> str:
    """Marks of bold and code as Markdown; a mark without its partner goes."""
    if not LEFT_OVER.search(text):
        return text
    text = INLINE_CODE.sub(lambda match: _around("`", LEFT_OVER.sub("", match[1])), text)
    text = STRONG.sub(lambda match: _around("**", match[1]), text)
    return LEFT_OVER.sub("", text)


def _around(sign: str, text: str) -> str:
    inner = text.strip()
    if not inner or (sign == "`" and sign in inner):
        return text
    start = len(text) - len(text.lstrip())
    return text[:start] + sign + inner + sign + text[start + len(inner) :]


def _row(text: str, columns: int, head: bool) -> str:
    cells = [_inline(cell).replace("|", "\\|") for cell in text.split("\t")]
    line = "| " + " | ".join(cells + [""] * (columns - len(cells))) + " |"
    return f"{line}\n|{' --- |' * columns}" if head else line
