"""A page's text, and what the page says of itself.

What turns HTML into text is the engine's business (engines.py); here are the parser's limits and the page's own words:
title, licence, opt-outs.
"""

import re
from dataclasses import dataclass

import numpy as np
from resiliparse.parse.html import HTMLTree

from gristmill.curation.crawl import optouts
from gristmill.curation.crawl.engines import extract_text
from gristmill.curation.crawl.params import CrawlParams
from gristmill.curation.crawl.plain import clean
from gristmill.curation.creative_commons import licence_name

MAX_PAGE_BYTES = 20 * 2**20
"""A larger page is reported by its size and not parsed."""

MAX_DEPTH = 5_000
"""Deeper nesting is refused: extraction takes quadratic time in it. Browsers stop at 512."""

MAX_TAG_CHARS = 100_000
MAX_ATTRIBUTES = 5_000
"""A longer tag with more attributes than this is refused: parsing takes quadratic time in their number."""

FORMATTING = re.compile(
    r"<(/?)(?:a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s>])[^<>]*>", re.IGNORECASE
)
NOSCRIPT = re.compile(
    r"<noscript(?=[\s>])[^<]*+(?:<(?!/?noscript|/?script|/body)[^<]*+)*+</noscript\s*>", re.IGNORECASE
)
"""To browsers this is one piece of text; to a parser without scripts, a tag left open inside swallows the page."""

MAX_OPEN_FORMATTING = 1_000
"""With more formatting left open than this, it is taken out: parsers open it anew in every paragraph."""

DEFAULTS = CrawlParams()

REL_LICENSE = re.compile(rb"rel\s{0,9}=\s{0,9}[\"']?[^\"'<>]{0,100}\blicense\b")
MAX_REL_CHARS = 130
"""How far before the word the attribute may begin."""

LONG_TAG = re.compile(rf"<[A-Za-z][^>]{{{MAX_TAG_CHARS},}}")


class TooComplex(Exception):
    """A page whose nesting or number of attributes would take minutes to process; `value` is that number."""

    def __init__(self, value: int):
        super().__init__(value)
        self.value = value


@dataclass(frozen=True, slots=True)
class Page:
    """What one HTML page says."""

    text: str
    """Main content as plain text or Markdown, blocks on lines of their own, "" if there is none."""

    title: str | None
    """Content of <title> on one line."""

    licence: str | None
    """Of the first link with rel=license: its SPDX identifier where it is Creative Commons', else its address."""

    opt_outs: tuple[str, ...]
    """What the page's meta tags ask to be left out of, sorted; see optouts.py."""


def extract(html: str, params: CrawlParams = DEFAULTS) -> Page:
    """The main content of a page, with its title and what it says of itself.

    Comments, forms, navigation and alternative texts are left out; lists keep their bullets, preformatted text its
    spaces, table cells are separated by tabs; `params.markdown` writes all that as light Markdown. Raises TooComplex
    for pages made to exhaust the parser.

    >>> extract("<html lang=en><title>T</title><body><p>Some  <b>words</b>.</p></body>").text
    'Some words.'
    """
    # What most pages have not is looked for in small letters: no fold of case costs the whole page again.
    data = html.encode("utf-8", "replace")
    lowered = data.lower()
    if _has_long_tag(html):
        for tag in LONG_TAG.finditer(html):
            if (attributes := len(tag.group().split())) > MAX_ATTRIBUTES:
                raise TooComplex(attributes)
    nesting = _nesting(data) if data.count(b"<") > MAX_DEPTH else 0
    if nesting > MAX_OPEN_FORMATTING and _open_formatting(html) > MAX_OPEN_FORMATTING:
        html = FORMATTING.sub(" ", html)
    opt_outs = optouts.in_page(html) if optouts.hinted(lowered) else set()
    if b"noscript" in lowered:
        html = NOSCRIPT.sub("", html)
    tree = HTMLTree.parse(html)
    if nesting > MAX_DEPTH:
        _check_depth(tree)
    title = " ".join(clean(tree.title or "").split())
    return Page(
        text=extract_text(params.engine, html, tree, title, params.markdown),
        title=title or None,
        licence=_licence(tree) if _has_licence(lowered) else None,
        opt_outs=tuple(sorted(opt_outs)),
    )


def _has_long_tag(html: str) -> bool:
    """Whether a stretch of MAX_TAG_CHARS characters has no end of a tag; a look at some characters tells."""
    start = 0
    while len(html) - start > MAX_TAG_CHARS:
        end = html.rfind(">", start, start + MAX_TAG_CHARS)
        if end < 0:
            return True
        start = end + 1
    return False


def _open_formatting(html: str) -> int:
    """How many more formatting elements are opened than closed."""
    return sum(-1 if close else 1 for close in FORMATTING.findall(html))


def _nesting(page: bytes) -> int:
    """How deep the tags of a page may nest, were none of them closed by implication: cheap, and mostly too high."""
    data = np.frombuffer(page, np.uint8)
    after = data[np.flatnonzero(data[:-1] == ord("<")) + 1]
    is_letter = ((after | 32) >= ord("a")) & ((after | 32) <= ord("z"))
    level = np.cumsum(is_letter.astype(np.int32) - (after == ord("/")))
    return int((level - np.minimum.accumulate(level)).max(initial=0)) + 1


def _check_depth(tree: HTMLTree) -> None:
    node, depth = tree.document.first_element_child if tree.document else None, 1
    while node:
        if child := node.first_element_child:
            node, depth = child, depth + 1
            if depth > MAX_DEPTH:
                raise TooComplex(depth)
            continue
        while node and depth and not (sibling := node.next_element):
            node, depth = node.parent_element, depth - 1
        if not node or not depth:
            return
        node = sibling


def _has_licence(lowered: bytes) -> bool:
    """Whether a link may say rel=license; looking around the word is far cheaper than asking the tree."""
    at = lowered.find(b"license")
    while at >= 0:
        if REL_LICENSE.search(lowered, max(at - MAX_REL_CHARS, 0), at + len(b"license")):
            return True
        at = lowered.find(b"license", at + 1)
    return False


def _licence(tree: HTMLTree) -> str | None:
    link = (
        tree.document.query_selector("link[rel~=license i][href], a[rel~=license i][href]") if tree.document else None
    )
    return licence_name(link.getattr("href") or "") if link else None
