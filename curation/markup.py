"""XML without risk, and a collector that turns marked-up text into clean paragraphs.

Entities are never expanded and nothing is fetched: `&nbsp;` and its like are looked up in the HTML table, an entity
that the document itself declares (the means of every entity bomb) is dropped.
"""

import html
import re
from functools import lru_cache

from lxml import etree

_LINE_ENDS = "\r\f\v"
_UNWANTED = bytes(sorted({*range(0x09), *range(0x0E, 0x20), 0x7F}))
_TRANSLATED = bytes.maketrans(_LINE_ENDS.encode(), b"\n" * len(_LINE_ENDS))
_BLANK_LINES = re.compile(r"\n{3,}")
_SPACE = re.compile(r"[ \t\r\n\f\u00a0\u2000-\u200a\u202f]+")
_BLANK = " \t\n\v\u00a0\u200b\u2009\u202f"
_BREAK = re.compile(r" ?\v ?")

_SUPERSCRIPT = str.maketrans("0123456789+-−–=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻⁼⁽⁾ⁿⁱ")
_SUBSCRIPT = str.maketrans("0123456789+-−–=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₋₌₍₎")
_RAISABLE = re.compile(r"[-+−–]?[0-9]+[-+−–]?|[+−–-]|n|i")
_RAISED_ANYWAY = re.compile(r"[*°ºª'′″‴†‡§¶®™\u0300-\u036f\u20d0-\u20ff]+|\[[^\[\]]*\]")
"""Signs that stand raised by themselves, combining accents, and marks of notes: `p*`, `37 °C`, `word[1]`."""


def names(words: str) -> frozenset[str]:
    """A set of names written as one string, for the long lists of tags and commands."""
    return frozenset(words.split())


def plain_lines(text: str) -> str:
    """The text with "\\n" line ends and without control characters, lone surrogates and trailing spaces."""
    if "\r" in text:
        # The first is CRLF text converted once too often.
        text = text.replace("\r\r\n", "\n").replace("\r\n", "\n")
    # Bytes, since a character class over a long text takes ten times as long as a table.
    ascii_only = text.isascii()
    text = text.encode("utf-8", "ignore").translate(_TRANSLATED, _UNWANTED).decode()
    if not ascii_only:
        for sign, instead in (
            ("\x85", "\n"),
            ("\u2028", "\n"),
            ("\u2029", "\n"),
            ("\ufeff", ""),
            ("\ufffe", ""),
            ("\uffff", ""),
        ):
            text = text.replace(sign, instead)
    return "\n".join(map(str.rstrip, text.split("\n")))


def tidy(text: str) -> str:
    """As `plain_lines`, with at most one blank line in a row and none at the ends."""
    return _BLANK_LINES.sub("\n\n", plain_lines(text)).strip("\n")


def collapsed(text: str) -> str:
    """The text with each run of white space as one space, and none at its ends; `\v` (a line end that stays) is none."""
    if "\v" in text or "\u3000" in text:
        return _SPACE.sub(" ", text).strip(" ")
    return " ".join(text.split())  # a sixth of the time of the expression


def xml_parser(encoding: str | None = None, recover: bool = False) -> etree.XMLParser:
    """A parser that expands no entity and fetches nothing.

    Without `huge_tree`, libxml2's own limits hold: depth 256, no amplification by entities in attributes.
    """
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        remove_comments=True,
        remove_pis=True,
        recover=recover,
        encoding=encoding,
    )


def parse_xml(data: bytes, encoding: str | None = None, recover: bool = False) -> etree._Element:
    """The root of an XML document; raises etree.XMLSyntaxError if it is not well-formed."""
    root = etree.fromstring(data, xml_parser(encoding, recover))
    if root is None:
        raise etree.XMLSyntaxError("no element found", 0, 1, 1)
    return root


@lru_cache(4096)
def _without_prefix(tag: str) -> str:
    return tag.rpartition("}")[2].rpartition(":")[2]


def local_name(element: etree._Element) -> str:
    """The element's name without its namespace; "&" for an entity reference, "" for comments and the like."""
    tag = element.tag
    if isinstance(tag, str):
        return _without_prefix(tag)
    return "&" if tag is etree.Entity else ""


def entity_text(element: etree._Element) -> str:
    """The character that an unexpanded reference such as `&alpha;` stands for in HTML, else nothing."""
    text = html.unescape(element.text or "")
    return "" if text.startswith("&") and len(text) > 1 else text


def inline_text(element: etree._Element | None) -> str:
    """All text inside an element on one line, with white space collapsed."""
    if element is None:
        return ""
    parts: list[str] = []
    pending: list[etree._Element | str] = [element]  # a stack of our own: pages are nested thousands deep
    while pending:
        part = pending.pop()
        if isinstance(part, str):
            parts.append(part)
        elif name := local_name(part):
            parts.append(entity_text(part) if name == "&" else part.text or "")
            for child in reversed(part):
                pending.append(child.tail or "")
                pending.append(child)
    return collapsed("".join(parts))


def superscript(text: str) -> str:
    """Raised text in one line: numbers and signs as Unicode superscripts (10⁶), letters as they are (1st)."""
    text = text.strip(_BLANK).replace("∘", "°")
    if _RAISED_ANYWAY.fullmatch(text):
        return text
    return text.translate(_SUPERSCRIPT) if _RAISABLE.fullmatch(text) else _marked("^", text)


def subscript(text: str) -> str:
    """Lowered text in one line: numbers and signs as Unicode subscripts (H₂O), letters after an underscore."""
    text = text.strip(_BLANK)
    if _RAISABLE.fullmatch(text) and text not in ("n", "i"):
        return text.translate(_SUBSCRIPT)
    return _marked("_", text)


def _marked(sign: str, text: str) -> str:
    if not text or (sign == "^" and text.isalpha()):
        return text
    return sign + text if text.isalnum() or len(text) == 1 else f"{sign}({text})"


class Paragraphs:
    """Collects runs of inline text and closes them into paragraphs."""

    def __init__(self) -> None:
        self._done: list[str] = []
        self._run: list[str] = []
        self._prefix = ""
        self._tight = False
        self._depth = 0  # of lists
        self._items = 0  # written since the outermost list began

    def add(self, text: str | None) -> None:
        """Inline text; its white space will be collapsed."""
        if text:
            self._run.append(text)

    def line_break(self) -> None:
        """A line end that stays, as in verse."""
        self._run.append("\v")

    def end(self, tight: bool = False) -> None:
        """Closes the paragraph; `tight` puts the next one on the following line, as list items are."""
        if not self._run:
            return
        text = collapsed("".join(self._run)).strip(" \v")
        self._run.clear()
        if text:
            self.block(self._prefix + _BREAK.sub("\n", text), tight)
            self._prefix = ""

    def block(self, text: str, tight: bool = False) -> None:
        """A finished paragraph, with its lines as they are."""
        if self._done and self._tight:
            self._done[-1] += "\n" + text
        else:
            self._done.append(text)
        self._tight = tight

    def begin_list(self) -> None:
        """A list begins; one inside an item of another follows that item's text at once."""
        self.end()
        self._tight = self._depth > 0
        self._depth += 1
        if self._depth == 1:
            self._items = 0

    def item(self, prefix: str) -> None:
        """Begins a list item on a line of its own: the prefix goes before its first text."""
        self.end()
        self._tight = self._items > 0
        self._items += 1
        self._prefix = prefix

    def end_list(self) -> None:
        """The list ends: after the outermost, what follows is separated by a blank line again."""
        self.end()
        self._depth -= 1
        if self._depth == 0:
            self.loosen()

    def loosen(self) -> None:
        """What follows is separated by a blank line, whatever was written before."""
        self.end()
        self._tight = False
        self._prefix = ""

    def line(self) -> str:
        """Everything so far on one line."""
        self.end()
        return " ".join(" ".join(self._done).split())

    def text(self) -> str:
        """Everything so far, paragraphs separated by blank lines."""
        self.end()
        return tidy("\n\n".join(self._done)) if self._done else ""
