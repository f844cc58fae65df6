"""Articles from MediaWiki dumps (`pages-articles*.xml`, bz2, gz, zst or plain; also Special:Export and multistream parts).

A dump is cut into its `<page>` elements by bytes, and each is parsed alone: "<" is always escaped inside a page's
text, so the cut is exact; a page that is not well-formed costs itself and not the rest of a file of 20 GB; memory is
bounded by the largest page; and no DTD, hence no entity, ever reaches the XML parser.
https://www.mediawiki.org/wiki/Help:Export#Export_format
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import BinaryIO
from urllib.parse import quote

from lxml import etree

from gristmill.curation.archives import MAX_MEMBER_BYTES, decompressed
from gristmill.curation.documents import (
    Extracted,
    NotDocument,
    ReadOptions,
    Record,
    Unextracted,
    UnreadableFile,
)
from gristmill.curation.wikipedia.wikitext import names, plain_text

VERSION = 1
FORMATS = ("mediawiki",)

RELICENSED = "2023-06-07"
"""From this day on Wikipedia's text is CC BY-SA 4.0, before it 3.0 (terms of use of the Wikimedia Foundation)."""

_CHUNK_BYTES = 2**20
_HEAD_BYTES = 4096  # the root element stands within these
_MAX_PAGE_ID = 2**30  # the largest of all wikis, Commons, is at 2**27
_NAMESPACES = {
    -2: "media",
    -1: "special",
    1: "talk",
    2: "user",
    3: "user_talk",
    4: "project",
    5: "project_talk",
}
_NAMESPACES |= {
    6: "file",
    7: "file_talk",
    8: "mediawiki",
    9: "mediawiki_talk",
    10: "template",
    11: "template_talk",
}
_NAMESPACES |= {
    12: "help",
    13: "help_talk",
    14: "category",
    15: "category_talk",
    828: "module",
    829: "module_talk",
}

_DECLARATION = re.compile(rb"""\A\s*<\?xml[^>]*encoding=["']([A-Za-z0-9_.-]+)["']""")
_ROOT = re.compile(rb"<mediawiki\b[^>]*>")
_LANGUAGE = re.compile(rb"""xml:lang=["']([^"']+)["']""")
_TEMPLATE_NAME = re.compile(r"\{\{\s*+([^|{}<>\[\]\n]{1,80}+)")
_DUMP_DATE = re.compile(r"-(20\d\d)(\d\d)(\d\d)-")
_FORBIDDEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|&#(?:[0-8]|1[124-9]|2\d|3[01]|x0*(?:[0-8bcef]|1[0-9a-f]));",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Site:
    """What a dump says of its wiki before the first page."""

    dbname: str | None = None
    """Such as `enwiki`."""
    language: str | None = None
    """`xml:lang` of the dump."""
    url_base: str | None = None
    """Address of an article without its title: `https://en.wikipedia.org/wiki/`."""
    namespaces: tuple[tuple[str, int], ...] = ()
    """(name in lower case, number), without the article namespace."""

    def hidden(self) -> tuple[str, ...]:
        """Names of the namespaces whose links show a picture or file the page in a category."""
        return tuple(name for name, number in self.namespaces if number in (-2, 6, 14))


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """The articles of a dump; redirects, disambiguation pages and other namespaces as NotDocument.

    `record` is the page id (`id~offset` where a file has an id again). Pages without text are `empty_text`, deleted ones `deleted_text`, pages that are not
    well-formed `bad_xml` (record `offset=N`, in uncompressed bytes). A file that ends early gives its complete pages
    and then UnreadableFile.
    """
    pieces = _utf8_chunks(decompressed(stream))
    site: Site | None = None
    dump_date = _DUMP_DATE.search(name)
    licensed = "-".join(dump_date.groups()) if dump_date else ""
    seen = bytearray()
    for offset, page, header in _pages(pieces):
        if site is None:
            site = _site(header or b"")
        if page is None:
            yield Unextracted(f"offset={offset}", "bad_xml")
            continue
        record = _record(page, offset, site, licensed)
        if not isinstance(record, NotDocument) and not _first_time(record.record, seen):
            record = replace(record, record=f"{record.record}~{offset}")
        yield record


def _first_time(page_id: str, seen: bytearray) -> bool:
    """Whether a page id has not been met in this file: one bit an id, so 10 MB for the largest wiki.

    Dumps put together by hand hold pages of several wikis, and an id twice.
    """
    if not page_id.isdecimal():
        return True  # named by its offset
    number = int(page_id[:12])
    if number >= _MAX_PAGE_ID:
        return False
    if number // 8 >= len(seen):
        seen.extend(bytes(number // 8 + 1 - len(seen)))
    bit = 1 << number % 8
    first = not seen[number // 8] & bit
    seen[number // 8] |= bit
    return first


def _utf8_chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The dump as UTF-8 whatever it is written in, checked to be a dump before anything else is done with it."""
    # read1 gives what there is; read would wait for a full chunk, and lose it all where the file is cut off.
    read_some = getattr(stream, "read1", stream.read)
    head = b""
    while len(head) < _HEAD_BYTES and (chunk := read_some(_CHUNK_BYTES)):
        head += chunk
    if not head:
        raise UnreadableFile("the file is empty")
    declared = _DECLARATION.match(head)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif head.startswith((b"<\0", b"\0<")):
        encoding = "utf-16-le" if head[0] else "utf-16-be"
    else:
        encoding = declared[1].decode() if declared else "utf-8"
    try:
        decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    except LookupError:
        raise UnreadableFile(
            f"the XML declaration names the encoding {encoding!r}, which is unknown; convert the file to UTF-8"
        ) from None
    plain = codecs.lookup(encoding).name in ("utf-8", "ascii")
    first = head.removeprefix(codecs.BOM_UTF8) if plain else decoder.decode(head).encode("utf-8", "replace")
    if b"<mediawiki" not in first and b"<page>" not in first:
        raise UnreadableFile(
            f"not a MediaWiki XML dump: {_looks_like(first)}; this kind reads pages-articles*.xml (.bz2, .gz or plain)"
        )
    yield first
    while chunk := read_some(_CHUNK_BYTES):
        yield chunk if plain else decoder.decode(chunk).encode("utf-8", "replace")


def _looks_like(head: bytes) -> str:
    start = head[:4096].lstrip()
    if start.startswith((b"{", b"[")):
        return "it looks like JSON (a CirrusSearch or Enterprise dump?); read it with kind: text"
    if b"CREATE TABLE" in start or b"INSERT INTO" in start or start.startswith(b"-- "):
        return "it looks like SQL (a table dump)"
    if start[:200].lower().startswith((b"<!doctype html", b"<html")):
        return "it looks like HTML (an error page?)"
    return f"it starts with {start[:24]!r}"


def _pages(pieces: Iterator[bytes]) -> Iterator[tuple[int, bytes | None, bytes | None]]:
    """(offset, `<page>...</page>`, header): the header with the first only; None for a page without an end or too long."""
    buffer, base, searched = b"", 0, 0  # base: offset of the buffer's start
    header: bytes | None = None
    too_long = False
    for piece in pieces:
        buffer += piece
        start = 0
        while (end := buffer.find(b"</page>", max(searched, start))) >= 0:
            end += 7
            if too_long:
                too_long = False
            elif (opened := buffer.find(b"<page>", start, end)) >= 0:
                if header is None:
                    header = buffer[start:opened]
                # A second opening inside means that the first page has lost its end.
                while (again := buffer.find(b"<page>", opened + 6, end)) >= 0:
                    yield base + opened, None, header
                    opened = again
                yield base + opened, buffer[opened:end], header
            start = end
        buffer = buffer[start:]
        base += start
        searched = max(0, len(buffer) - 6)
        if len(buffer) > MAX_MEMBER_BYTES:
            if header is None and b"<page>" not in buffer:
                raise UnreadableFile(f"no <page> in the first {len(buffer):,} bytes; is it a MediaWiki dump?")
            if not too_long:
                yield base, None, header or b""
            base += len(buffer) - 6
            buffer, searched, too_long = buffer[-6:], 0, True
    if b"<page>" in buffer or too_long:
        raise UnreadableFile(
            f"the dump ends in the middle of a page, at byte {base + len(buffer):,} of XML: it is truncated; fetch it again"
        )
    if b"</mediawiki>" not in buffer and header is not None and b"<mediawiki" in header:
        raise UnreadableFile(
            f"the dump ends without </mediawiki>, at byte {base + len(buffer):,} of XML: pages are missing; fetch it again"
        )


def _site(header: bytes) -> Site:
    root = _ROOT.search(header)
    language = _LANGUAGE.search(root[0]) if root else None
    start, end = header.find(b"<siteinfo>"), header.find(b"</siteinfo>")
    info = _parsed(header[start : end + 11]) if 0 <= start < end else None
    if info is None:
        return Site(language=language[1].decode("utf-8", "replace") if language else None)
    namespaces = []
    for space in info.iter("namespace"):
        key = space.get("key", "")
        if space.text and key.lstrip("-").isdecimal() and int(key):
            namespaces.append((space.text.strip().lower(), int(key)))
    return Site(
        dbname=info.findtext("dbname"),
        language=language[1].decode("utf-8", "replace") if language else None,
        url_base=_url_base(info.findtext("base")),
        namespaces=tuple(namespaces),
    )


def _url_base(main_page: str | None) -> str | None:
    """`https://en.wikipedia.org/wiki/Main_Page` without its last part."""
    if not main_page:
        return None
    for mark in ("/wiki/", "title="):
        if mark in main_page:
            return main_page[: main_page.index(mark) + len(mark)]
    return main_page.rpartition("/")[0] + "/"


def _parsed(xml: bytes) -> etree._Element | None:
    """The element, or None where it is not well-formed even without the characters that XML forbids."""
    for data in (xml, None):
        if data is None:
            data = _FORBIDDEN.sub("", xml.decode("utf-8", "replace")).encode("utf-8", "replace")
        try:
            return etree.fromstring(data, _parser())
        except etree.XMLSyntaxError:
            continue
    return None


@cache
def _parser() -> etree.XMLParser:
    # huge_tree lifts the limit of 10 MB on a text; without a DTD there is nothing that could grow in parsing.
    return etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True, huge_tree=True)


def _fields(element: etree._Element) -> dict[str, etree._Element]:
    """Children by local name; of several revisions, the last."""
    return {child.tag.rpartition("}")[2]: child for child in element if isinstance(child.tag, str)}


def _text(element: etree._Element | None) -> str | None:
    return element.text.strip() or None if element is not None and element.text else None


def _record(xml: bytes, offset: int, site: Site, dump_date: str) -> Record:
    element = _parsed(xml)
    if element is None:
        return Unextracted(f"offset={offset}", "bad_xml")
    page = _fields(element)
    revision = _fields(page["revision"]) if "revision" in page else {}
    title, page_id = _text(page.get("title")), _text(page.get("id"))
    namespace = _namespace(_text(page.get("ns")), title or "", site)
    if namespace:
        return NotDocument(f"namespace_{_NAMESPACES.get(namespace, namespace)}")
    body = revision.get("text")
    wikitext = (body.text or "") if body is not None else ""
    if "redirect" in page or _is_redirect(wikitext):
        return NotDocument("redirect")
    if _is_disambiguation(wikitext):
        return NotDocument("disambiguation")
    model = _text(revision.get("model"))
    if model not in (None, "wikitext"):
        return NotDocument(f"model_{model}")
    record = page_id or f"offset={offset}"
    url = site.url_base + quote(title.replace(" ", "_"), safe=";@$!*(),/~:") if site.url_base and title else None
    if body is not None and body.get("deleted"):
        return Unextracted(record, "deleted_text", url=url, title=title)
    text = plain_text(wikitext, site.hidden())
    if not text:
        return Unextracted(record, "empty_text", float(len(wikitext)), url=url, title=title)
    created = _text(revision.get("timestamp"))
    meta = {
        "page_id": page_id,
        "revision_id": _text(revision.get("id")),
        "wiki": site.dbname,
        "language": site.language,
    }
    return Extracted(
        record=record,
        text=text,
        url=url,
        title=title,
        created=created,
        licence=_licence(site, max(created or "", dump_date)),
        meta={key: int(value) if value.isdecimal() else value for key, value in meta.items() if value},
    )


def _namespace(number: str | None, title: str, site: Site) -> int:
    """The page's namespace; dumps before 2012 do not say it, and it is told from the title."""
    if number is not None:
        return int(number) if number.lstrip("-").isdecimal() else 0
    prefix, colon, _ = title.partition(":")
    return dict(site.namespaces).get(prefix.strip().lower(), 0) if colon else 0


def _licence(site: Site, date: str) -> str | None:
    """The licence of a Wikipedia's text at this date; None for a wiki that may have another."""
    if not site.url_base or ".wikipedia.org/" not in site.url_base:
        return None
    return "CC-BY-SA-4.0" if date >= RELICENSED else "CC-BY-SA-3.0"


@cache
def _redirect() -> re.Pattern[str]:
    return re.compile(rf"\s*#\s*(?:{'|'.join(map(re.escape, names('redirects')))})\s*:?\s*\[\[", re.IGNORECASE)


def _is_redirect(wikitext: str) -> bool:
    """Whether the text says so itself, in any of the larger languages: old dumps have no <redirect>."""
    return _redirect().match(wikitext) is not None


@cache
def _disambiguation() -> frozenset[str]:
    return frozenset(names("disambiguation"))


def _is_disambiguation(wikitext: str) -> bool:
    if "__DISAMBIG__" in wikitext:
        return True
    known = _disambiguation()
    return any(
        " ".join(match[1].replace("_", " ").split()).lower() in known for match in _TEMPLATE_NAME.finditer(wikitext)
    )
