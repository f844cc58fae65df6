"""Pages of books (XHTML or HTML) as plain text: everything is the book, so nothing is judged to be boilerplate."""

import re

from lxml import etree
from lxml import html as lxml_html

from gristmill.curation.charsets import BOMS, decoded
from gristmill.curation.markup import (
    Paragraphs,
    entity_text,
    inline_text,
    local_name,
    names,
    parse_xml,
    subscript,
    superscript,
    tidy,
)
from gristmill.curation.mathml import formula

_BLOCKS = names(
    "address article aside blockquote body caption center dd details div dl dt fieldset figcaption figure footer form"
    " h1 h2 h3 h4 h5 h6 header hgroup hr html li main ol p section summary table tbody td tfoot th thead tr ul"
)
_SKIPPED = names(
    "audio button canvas embed head iframe img input map nav noscript object rp rt script select style template"
    " textarea video"
)
_SKIPPED_TYPES = names(
    "cover toc landmarks page-list loi lot pagebreak doc-cover doc-toc doc-pagebreak doc-pagelist backlink"
)
_SKIPPED_CLASSES = names("pg-boilerplate pagenum pageno page-number pagebreak pgheader pgfooter")
_SKIPPED_IDS = frozenset(("pg-header", "pg-footer", "pg-machine-header", "pg-start-separator", "pg-end-separator"))
_NOTE_TYPES = names("noteref doc-noteref")
_TYPE = "{http://www.idpf.org/2007/ops}type"
_SELF_CLOSED = re.compile(rb"<(title|script|style|a|span|div|p|i|b|em|td|li)\b([^<>]*)/>", re.IGNORECASE)
_CHARSET = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?([A-Za-z0-9_.:-]+)""", re.IGNORECASE)
_SUBSET = re.compile(r"<!DOCTYPE[^\[<>]*\[[^\]]*\]\s*>", re.IGNORECASE)
_ENTITY = re.compile(r"<!ENTITY\s+([\w.-]{1,100})")

MAX_DEPTH = 150
"""Elements of HTML nested deeper are read as paragraphs: a page of unclosed tags keeps its text."""


def parse_page(data: bytes) -> etree._Element | None:
    """The page's root element: as XML if it is well-formed, else as a browser would mend it; None if it is empty."""
    try:
        return parse_xml(data)
    except (etree.XMLSyntaxError, LookupError):
        pass
    text = _characters(data)
    if subset := _SUBSET.search(text, 0, 65536):
        # HTML has no internal subset: a browser prints its end, and the entities that it declares.
        declared = "|".join(map(re.escape, _ENTITY.findall(subset[0])))
        text = text[: subset.start()] + text[subset.end() :]
        text = re.sub(f"&(?:{declared});", "", text) if declared else text
    # A browser takes <title/> for an open tag and everything after it for the title.
    data = _SELF_CLOSED.sub(rb"<\1\2></\1>", text.encode("utf-8", "replace"))
    parser = lxml_html.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = lxml_html.document_fromstring(data, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return None
    # The parser stops at a depth of 256, and with `huge_tree` at 2,048.
    if any(error.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT for error in parser.error_log):
        shallow = etree.HTMLParser(encoding="utf-8", target=_Shallow(), huge_tree=True)
        return etree.fromstring(data, parser=shallow)
    return root


class _Shallow:
    """Target of a parser that builds a tree of MAX_DEPTH levels: deeper elements leave their text and their ends."""

    def __init__(self) -> None:
        self._tree = etree.TreeBuilder()
        self._depth = 0
        self._hidden = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth <= MAX_DEPTH:
            self._tree.start(tag, dict(attributes))
            return
        self._hidden += tag in _SKIPPED
        self._separate(tag)

    def end(self, tag: str) -> None:
        if self._depth <= MAX_DEPTH:
            self._tree.end(tag)
        else:
            self._hidden -= tag in _SKIPPED
            self._separate(tag)
        self._depth -= 1

    def data(self, text: str) -> None:
        if not self._hidden:
            self._tree.data(text)

    def close(self) -> etree._Element:
        return self._tree.close()

    def _separate(self, tag: str) -> None:
        """An empty paragraph where a block begins or ends."""
        if tag in _BLOCKS:
            self._tree.start("p", {})
            self._tree.end("p")


def _characters(data: bytes) -> str:
    """A page's text, by the charset that it declares, else as its bytes look."""
    declared = _CHARSET.search(data, 0, 2048)
    if declared and not data.startswith(tuple(bom for bom, _ in BOMS)):
        try:
            return data.decode(declared[1].decode("ascii"))
        except (LookupError, ValueError):
            pass
    try:
        return decoded(data)[0]
    except UnicodeError:
        return data.decode("utf-8", "replace")


def page_text(root: etree._Element) -> str:
    """The page's text: paragraphs, headings, lists, footnotes and verse, without navigation and page numbers."""
    out = Paragraphs()
    body = next((element for element in root.iter() if local_name(element) == "body"), root)
    _walk(body, out)
    return out.text()


def page_title(root: etree._Element) -> str | None:
    """What the page's <title> says."""
    title = next((element for element in root.iter() if local_name(element).lower() == "title"), None)
    return inline_text(title) or None


def _is_skipped(element: etree._Element, name: str) -> bool:
    if name in _SKIPPED or element.get("hidden") is not None:
        return True
    if not _SKIPPED_TYPES.isdisjoint(_types(element)) or element.get("id") in _SKIPPED_IDS:
        return True
    classes = element.get("class")
    return bool(classes) and not _SKIPPED_CLASSES.isdisjoint(classes.lower().split())


def _types(element: etree._Element) -> list[str]:
    return f"{element.get(_TYPE) or element.get('epub:type') or ''} {element.get('role') or ''}".split()


def _note_mark(text: str) -> str:
    """The mark of a note, in brackets if it would read as part of the word before it."""
    return f"[{text}]" if text.isalnum() else text


def _walk(element: etree._Element, out: Paragraphs) -> None:
    name = local_name(element)
    if name == "&":
        out.add(entity_text(element))
        return
    name = name.lower()
    if not name or _is_skipped(element, name):
        return
    if name == "br":
        out.line_break()
    elif name == "math":
        out.add(formula(element))
    elif name in ("sup", "sub"):
        inner = inline_text(element)
        if any(local_name(child) == "a" for child in element.iter()):
            out.add(_note_mark(inner))
        else:
            out.add(superscript(inner) if name == "sup" else subscript(inner))
    elif name == "a" and not _NOTE_TYPES.isdisjoint(_types(element)):
        out.add(_note_mark(inline_text(element)))
    elif name == "svg":
        out.end()
        for line in element.iter("{*}text"):  # pages of fixed layout are drawn, line by line
            out.add(inline_text(line))
            out.end(tight=True)
        out.loosen()
    elif name == "pre":
        out.end()
        raw = tidy("".join(element.itertext()))
        if raw.strip():
            out.block(raw)
    elif name == "tr":
        _row(element, out)
    elif name in _BLOCKS:
        _block(element, name, out)
    else:
        _inside(element, out)


def _block(element: etree._Element, name: str, out: Paragraphs) -> None:
    if name in ("ul", "ol"):
        out.begin_list()
        _list(element, name, out)
        out.end_list()
    elif name in ("dl", "table"):
        out.loosen()
        _inside(element, out)
        out.loosen()
    elif name == "li":
        _item(element, "- ", out)
    else:
        out.end()
        _inside(element, out)
        out.end()


def _list(element: etree._Element, name: str, out: Paragraphs) -> None:
    start = element.get("start") or ""
    number = int(start) if start.isascii() and start.isdigit() and len(start) < 7 else 1
    out.add(element.text)
    for child in element:
        if local_name(child).lower() == "li" and not _is_skipped(child, "li"):
            _item(child, f"{number}. " if name == "ol" else "- ", out)
            number += 1
        else:
            _walk(child, out)
        out.add(child.tail)


def _item(element: etree._Element, prefix: str, out: Paragraphs) -> None:
    out.item(prefix)
    _inside(element, out)
    out.end()


def _row(row: etree._Element, out: Paragraphs) -> None:
    """A table row as one line, unless its cells hold paragraphs of their own (a layout table)."""
    cells = [cell for cell in row if local_name(cell).lower() in ("td", "th")]
    if any(sum(1 for part in cell.iter() if local_name(part).lower() in ("p", "div", "table")) > 1 for cell in cells):
        for cell in cells:
            out.end()
            _inside(cell, out)
            out.end()
        return
    out.end(tight=True)
    filled = 0
    for cell in cells:
        inner = Paragraphs()
        _inside(cell, inner)
        text = " ".join(inner.text().split())
        if text:
            out.add(f" | {text}" if filled else text)
            filled += 1
    out.end(tight=True)


def _inside(element: etree._Element, out: Paragraphs) -> None:
    out.add(element.text)
    for child in element:
        _walk(child, out)
        out.add(child.tail)
