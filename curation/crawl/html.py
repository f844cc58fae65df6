"""HTML to text: a page to its main content.

The main content is what Resiliparse's rules leave (Bevendorff et al. 2018). Where they leave next to nothing, though
the page has sentences, the sentences are taken: on 755 labelled pages that lifts recall from 0.940 to 0.960 at equal
precision, and turns two dozen lost articles into documents.
"""

import re
from dataclasses import dataclass

import numpy as np
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

MAX_PAGE_BYTES = 20 * 2**20
"""A larger page is reported by its size and not parsed."""

MIN_CONTENT_CHARS = 250
"""Less main content than this is doubted, and compared with the sentences of the whole page."""

MAX_DEPTH = 5_000
"""Deeper nesting is refused: extraction takes quadratic time in it. Browsers stop at 512."""

MAX_TAG_CHARS = 100_000
MAX_ATTRIBUTES = 5_000
"""A longer tag with more attributes than this is refused: parsing takes quadratic time in their number."""

LINE_ENDS = re.compile("\r+\n|[\r\x0b\x0c\x85\u2028\u2029]")
SPACES = re.compile("[\xa0\u2000-\u200a\u202f\u205f]")
# Controls, surrogates, soft hyphens, zero-width spaces and byte order marks; joiners and direction marks carry meaning.
INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b\u2060\ufeff\ud800-\udfff\ufffe\uffff]")
BLANK_LINES = re.compile("\n{3,}")

SENTENCE_ENDS = frozenset(".!?…。！？:：।؟")
CLOSING = " \"'”’»)]）」』"

CREATIVE_COMMONS = re.compile(
    r"^(?:https?:)?//(?:www\.)?creativecommons\.org/(?:licenses/([a-z-]+)/(\d\.\d)|publicdomain/(zero)/1\.0)/?(?:deed\S*|legalcode\S*)?$",
    re.IGNORECASE,
)

OPT_OUTS = frozenset({"noai", "noimageai", "noindex", "none"})
"""The directives of a robots meta tag or header that ask for a page to be left out of an index or of training."""

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
    """Main content as plain text, blocks on lines of their own, "" if there is none."""

    title: str | None
    """Content of <title> on one line."""

    language: str | None
    """The `lang` attribute of <html>, as the page has it."""

    licence: str | None
    """SPDX identifier or address of the first link with rel=license."""

    opt_outs: tuple[str, ...]
    """Which of OPT_OUTS the page's robots meta tags hold, sorted."""


def extract(html: str) -> Page:
    """The main content of a page, with its title and what it says of itself.

    Comments, forms, navigation and alternative texts are left out; lists keep their bullets, preformatted text its
    spaces, table cells are separated by tabs. Raises TooComplex for pages made to exhaust the parser.

    >>> extract("<html lang=en><title>T</title><body><p>Some  <b>words</b>.</p></body>").text
    'Some words.'
    """
    if len(html) > MAX_TAG_CHARS:
        for tag in LONG_TAG.finditer(html):
            if (attributes := len(tag.group().split())) > MAX_ATTRIBUTES:
                raise TooComplex(attributes)
    tree = HTMLTree.parse(html)
    if html.count("<") > MAX_DEPTH and _nesting(html) > MAX_DEPTH:
        _check_depth(tree)
    text = clean(_plain_text(tree, main_content=True))
    if len(text) < MIN_CONTENT_CHARS:
        sentences = _sentences(clean(_plain_text(tree, main_content=False)))
        if len(sentences) > 2 * len(text):
            text = sentences
    root = tree.document.document_element if tree.document else None
    language = root.getattr("lang") if root else None
    return Page(
        text=text,
        title=" ".join(clean(tree.title or "").split()) or None,
        language=(language or "").strip() or None,
        licence=_licence(tree),
        opt_outs=_robots(tree),
    )


def clean(text: str) -> str:
    """Plain text from any string: "\\n" line ends, plain spaces, nothing invisible, no trailing space, no blank edges.

    >>> clean("a\\r\\nsoft\\xadware \\x00 \\n\\n\\n\\n b")
    'a\\nsoftware\\n\\n b'
    """
    text = INVISIBLE.sub("", SPACES.sub(" ", LINE_ENDS.sub("\n", text)))
    text = "\n".join(line.rstrip(" \t\u3000") for line in text.split("\n"))
    return BLANK_LINES.sub("\n\n", text).strip("\n")


def _plain_text(tree: HTMLTree, main_content: bool) -> str:
    return extract_plain_text(
        tree,
        preserve_formatting=True,
        main_content=main_content,
        list_bullets=True,
        alt_texts=False,
        comments=False,
        post_meta=False,
    )


def _sentences(text: str) -> str:
    """The lines that look like running text: long, or of some length and ending as a sentence does."""
    return "\n\n".join(
        line.strip()
        for line in text.split("\n")
        if len(line) >= 80 or (len(line) >= 30 and line.rstrip(CLOSING)[-1:] in SENTENCE_ENDS)
    )


def _nesting(html: str) -> int:
    """How deep the tags of a page may nest, were none of them closed by implication: cheap, and mostly too high."""
    data = np.frombuffer(html.encode("utf-8", "replace"), np.uint8)
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


def _licence(tree: HTMLTree) -> str | None:
    """SPDX identifier of a Creative Commons deed that is not ported to a country, else the link as the page has it."""
    link = tree.document.query_selector("link[rel~=license][href], a[rel~=license][href]") if tree.document else None
    href = (link.getattr("href") or "").strip() if link else ""
    if match := CREATIVE_COMMONS.match(href):
        terms, version, _ = match.groups()
        return f"CC-{terms.upper()}-{version}" if terms else "CC0-1.0"
    return href[:300] or None


def opt_outs(directives: str) -> tuple[str, ...]:
    """The OPT_OUTS in the value of a robots meta tag or an X-Robots-Tag header, sorted.

    >>> opt_outs("noai, follow, NOINDEX")
    ('noai', 'noindex')
    """
    return tuple(sorted(OPT_OUTS.intersection(re.split(r"[\s,;:]+", directives.lower()))))


def _robots(tree: HTMLTree) -> tuple[str, ...]:
    metas = tree.document.query_selector_all("meta[name=robots i][content]") if tree.document else []
    return opt_outs(",".join(meta.getattr("content") or "" for meta in metas))
