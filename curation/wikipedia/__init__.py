"""Articles from MediaWiki dumps (`pages-articles*.xml`, bz2, gz, zst or plain; multistream; Special:Export).

`dump` cuts a file into pages, `site` knows its wiki, `wikitext` turns an article into text. bz2 and plain dumps can be
entered in the middle (`ReadOptions.start` and `.end`).
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import BinaryIO

from lxml import etree

from gristmill.curation.documents import Extracted, NotDocument, ReadOptions, Record, Unextracted
from gristmill.curation.wikipedia import dump
from gristmill.curation.wikipedia.names import disambiguation_templates, names
from gristmill.curation.wikipedia.params import WikipediaParams
from gristmill.curation.wikipedia.site import Site, parsed, site
from gristmill.curation.wikipedia.wikitext import readable

VERSION = 3
FORMATS = ("mediawiki",)
PARAMS = WikipediaParams

MAX_WIKITEXT_CHARACTERS = 16 * 2**20
"""A longer text is no article: MediaWiki's own limit is 2 MB ($wgMaxArticleSize)."""

_MAX_PAGE_ID = 2**30  # the largest of all wikis, Commons, is at 2**27
_DUMP_DATE = re.compile(r"-(20\d\d)(\d\d)(\d\d)-")
_TEMPLATE_NAME = re.compile(r"\{\{\s*+([^|{}<>\[\]\n]{1,80}+)")
_DISAMBIGUATION_SWITCH = re.compile(r"__(?:DISAMBIG|동음이의|ПОЈАСНУВАЊЕ)__", re.IGNORECASE)
_NAMESPACES = {-2: "media", -1: "special", 1: "talk", 2: "user", 3: "user_talk", 4: "project", 5: "project_talk"}
_NAMESPACES |= {6: "file", 7: "file_talk", 8: "mediawiki", 9: "mediawiki_talk", 10: "template", 11: "template_talk"}
_NAMESPACES |= {12: "help", 13: "help_talk", 14: "category", 15: "category_talk", 828: "module", 829: "module_talk"}


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """The articles of a dump; redirects, disambiguation pages and other namespaces as NotDocument.

    `record` is the page id (`id~PLACE` where a range of the file has an id again). Pages without text are `empty_text`,
    those of a dump without texts `no_text`, deleted ones `deleted_text`, larger than any article `document_too_large`;
    pages that are not well-formed are `bad_xml` and pages in a damaged part of a bz2 file `damaged_block`, both with
    the record `offset=PLACE`. A file that ends early gives its complete pages and then UnreadableFile.
    """
    params = options.params or WikipediaParams()
    head = dump.head(stream)
    if head.is_index:
        if not options.start:
            yield NotDocument("multistream_index")
        return
    wiki = site(head.xml)
    dump_date = _DUMP_DATE.search(name)
    licensed = "-".join(dump_date.groups()) if dump_date else ""
    seen = bytearray()
    for page in dump.pages(stream, head, options.start, options.end):
        if page.lost:
            yield Unextracted(f"offset={page.place}", page.lost, float(page.size))
            continue
        record = _record(page, wiki, licensed, params)
        if not isinstance(record, NotDocument) and not _first_time(record.record, seen):
            record = replace(record, record=f"{record.record}~{page.place}")
        yield record


def _first_time(page_id: str, seen: bytearray) -> bool:
    """Whether a page id has not been met in this file: one bit an id, so 10 MB for the largest wiki.

    Dumps put together by hand hold pages of several wikis, and an id twice.
    """
    if not page_id.isdecimal():
        return True  # named by its place
    number = int(page_id[:12])
    if number >= _MAX_PAGE_ID:
        return False
    if number // 8 >= len(seen):
        seen.extend(bytes(number // 8 + 1 - len(seen)))
    bit = 1 << number % 8
    first = not seen[number // 8] & bit
    seen[number // 8] |= bit
    return first


def _fields(element: etree._Element) -> dict[str, etree._Element]:
    """Children by local name; of several revisions, the last."""
    return {child.tag.rpartition("}")[2]: child for child in element if isinstance(child.tag, str)}


def _text(element: etree._Element | None) -> str | None:
    return element.text.strip() or None if element is not None and element.text else None


def _record(found: dump.Page, wiki: Site, dump_date: str, params: WikipediaParams) -> Record:
    """What a page is."""
    element = parsed(found.xml)
    if element is None:
        return Unextracted(f"offset={found.place}", "bad_xml", float(len(found.xml)))
    page = _fields(element)
    revision = _fields(page["revision"]) if "revision" in page else {}
    title, page_id = _text(page.get("title")), _text(page.get("id"))
    namespace = wiki.namespace(_text(page.get("ns")), title or "")
    if namespace:
        return NotDocument(f"namespace_{_NAMESPACES.get(namespace, namespace)}")
    body = revision.get("text")
    wikitext = (body.text or "") if body is not None else ""
    if "redirect" in page or _is_redirect(wikitext):
        return NotDocument("redirect")
    model = _text(revision.get("model"))
    if model not in (None, "wikitext"):
        return NotDocument(f"model_{re.sub('[^a-z0-9]+', '_', model.lower())[:40]}")
    if _is_disambiguation(wikitext, wiki.languages()):
        return NotDocument("disambiguation")
    record, url = page_id or f"offset={found.place}", wiki.url(title)
    if rule := _why_not(body, wikitext):
        return Unextracted(record, rule, float(len(wikitext)), url=url, title=title)
    text, dropped = readable(wikitext, wiki.hidden(), params)
    if not text:
        return Unextracted(record, "empty_text", float(len(wikitext)), url=url, title=title)
    created = _text(revision.get("timestamp"))
    meta = {
        "page_id": page_id,
        "revision_id": _text(revision.get("id")),
        "wiki": wiki.dbname,
        "language": wiki.language,
        "dropped_sentences": str(dropped or ""),
    }
    return Extracted(
        record=record,
        text=text,
        url=url,
        title=title,
        created=created,
        licence=wiki.licence(max(created or "", dump_date)),
        meta={key: int(value) if value.isdecimal() else value for key, value in meta.items() if value},
    )


def _why_not(body: etree._Element | None, wikitext: str) -> str | None:
    """The rule by which an article's wikitext cannot be had, if there is one."""
    if body is not None and body.get("deleted"):
        return "deleted_text"
    if body is not None and not wikitext and body.get("bytes", "0") != "0":
        return "no_text"  # stub dumps name the texts, and their lengths, only
    return "document_too_large" if len(wikitext) > MAX_WIKITEXT_CHARACTERS else None


@cache
def _redirect() -> re.Pattern[str]:
    words = sorted(names("redirects"), key=len, reverse=True)
    return re.compile(rf"\s*#\s*(?:{'|'.join(map(re.escape, words))})\s*:?\s*\[\[", re.IGNORECASE)


def _is_redirect(wikitext: str) -> bool:
    """Whether the text says so itself, in the words of any language: old dumps have no <redirect>."""
    return _redirect().match(wikitext) is not None


def _is_disambiguation(wikitext: str, languages: tuple[str, ...]) -> bool:
    if "__" in wikitext and _DISAMBIGUATION_SWITCH.search(wikitext):
        return True
    known = disambiguation_templates(languages)
    return any(
        " ".join(match[1].replace("_", " ").split()).lower() in known for match in _TEMPLATE_NAME.finditer(wikitext)
    )
