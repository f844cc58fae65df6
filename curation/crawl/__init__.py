"""Web crawls: HTML pages and plain texts out of WARC, ARC and WET files.

A page is a response with status 200 (or a resource) whose type says HTML, asked in this order:
WARC-Identified-Payload-Type, the HTTP Content-Type, the content itself. Every such page becomes a document or gets a
reason; everything else is counted by what it is.
"""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from resiliparse.parse.encoding import detect_mime

from gristmill.curation.crawl import optouts
from gristmill.curation.crawl.charset import decode, undecodable
from gristmill.curation.crawl.guard import Task, guarded
from gristmill.curation.crawl.html import MAX_PAGE_BYTES, Page, clean, extract
from gristmill.curation.crawl.http import decoded, http_message
from gristmill.curation.crawl.mime import BINARY, HTML_TYPES, VAGUE_TYPES, family, media_type, sniff, starts_as_html
from gristmill.curation.crawl.page_worker import Fault
from gristmill.curation.crawl.params import CrawlParams
from gristmill.curation.crawl.warc import ArchiveRecord, archive_records, digest_matches
from gristmill.curation.documents import Extracted, NotDocument, ReadOptions, Record, Unextracted

VERSION = 5

PARAMS = CrawlParams

MODELS = (Path(__file__).with_name("content_model.json"),)
"""Data that shape the output: they count by their content."""

FORMATS = ("warc", "arc", "wet", "wat")
"""All are told by their content; the names are there for manifests that want to say so."""

WARC_TYPES = frozenset({"warcinfo", "request", "metadata", "revisit", "continuation", "resource", "filedesc"})

DATE = re.compile(r"^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$")


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """The pages of a WARC, ARC or WET file, in file order, and a count of what else is in it.

    `record` is the byte offset of the record, of its gzip member or zstd frame where each record has one, and of the
    content where the file was compressed as a whole. `options.start` and `end` choose the records by that offset.
    `meta` holds `content_type`, `charset`, and where they apply `payload_digest`, `truncated` (the crawler's reason
    for a shortened page), `broken_encoding` (the content encoding that is cut or damaged in it: the text is what came
    before), `digest_mismatch`, and `opt_outs` (noai, noindex and their like). Raises UnreadableFile for what is no web
    archive, and at the end of a truncated file.
    """
    params = options.params or CrawlParams()
    items = (_record(record, params) for record in archive_records(stream, options.start, options.end))
    function = EXTRACT_JUDGED if params.engine in JUDGING else EXTRACT
    return guarded(items, params.max_page_seconds, params.max_page_mb, function)


EXTRACT, EXTRACT_JUDGED = (f"gristmill.curation.crawl{module}:extracted_page" for module in ("", ".judged_pages"))
JUDGING = ("auto", "union")
"""Engines that ask the content model: their child processes load compiled code ahead of the first page."""


def extracted_page(body: bytes, content_type: str | None, params: CrawlParams) -> tuple[str, Page] | Fault:
    """What is done to a page in the child process: its charset and its content, or that it cannot be decoded."""
    text, charset = decode(body, content_type)
    if undecodable(text):
        return Fault("undecodable", float(len(body)))
    return charset, extract(text, params)


def _record(record: ArchiveRecord, params: CrawlParams) -> Record | Task:
    if record.type == "response" and not record.headers.get("content-type", "").startswith("text/dns"):
        return _response(record, params)
    declared = media_type(record.headers.get("content-type"))
    if record.type == "resource" and declared in HTML_TYPES:
        return _page(record, record.block, declared, record.headers.get("content-type"), {}, params)
    if record.type == "conversion":
        if declared in HTML_TYPES or declared == "text/plain" or declared in VAGUE_TYPES:
            kind = declared or "text/plain"
            return _page(record, record.block, kind, record.headers.get("content-type"), {}, params)
        return NotDocument(family(declared))
    if record.damage and not record.type:
        return Unextracted(record.offset, record.damage, float(record.size))
    if record.type == "response":
        return NotDocument("dns")
    return NotDocument(f"warc_{record.type}" if record.type in WARC_TYPES else "warc_unknown")


def _response(record: ArchiveRecord, params: CrawlParams) -> Record | Task:
    status, headers, body = http_message(record.block)
    if status is not None and status != 200:
        return NotDocument(f"http_{status}")
    url = _url(record) or ""
    if re.search(r"^[a-z]+://[^/?#]*/robots\.txt(?:$|[?#])", url, re.IGNORECASE):
        return NotDocument("robots_txt")
    size = record.size - (len(record.block) - len(body))  # of the body as it is in the archive
    kind = media_type(record.headers.get("warc-identified-payload-type"))
    if kind in VAGUE_TYPES:
        kind = media_type(headers.get("content-type"))
    if kind in VAGUE_TYPES and status is None:
        kind = media_type(record.headers.get("content-type"))  # ARC files have it in their own header
        kind = "" if kind == "application/http" else kind
    if kind not in HTML_TYPES and kind != "text/plain" and kind not in VAGUE_TYPES:
        return NotDocument(family(kind))
    body, broken = decoded(body, headers, MAX_PAGE_BYTES)
    if kind in VAGUE_TYPES:
        kind = sniff(body)
        if kind not in HTML_TYPES and kind != "text/plain":
            return NotDocument(family(kind))
        if not body:
            return NotDocument("empty_body")
    elif kind == "text/plain" and starts_as_html(body):
        kind = "text/html"
    return _page(record, body, kind, headers.get("content-type"), headers, params, size, broken)


def _page(
    record: ArchiveRecord,
    body: bytes,
    kind: str,
    content_type: str | None,
    headers: dict[str, str],
    params: CrawlParams,
    size: int = 0,
    broken_encoding: str | None = None,
) -> Record | Task:
    """The page as a task for the child process, or the record if there is nothing to extract."""
    url = _url(record)
    size = max(size or record.size, len(body))
    if len(body) > MAX_PAGE_BYTES or (size > MAX_PAGE_BYTES and not record.damage):
        return Unextracted(record.offset, "page_too_large", float(size), url)
    if record.damage:
        return Unextracted(record.offset, record.damage, float(size), url)
    if family(detect_mime(body[:1024])) in BINARY:
        return Unextracted(record.offset, "binary_content", float(size), url)
    meta: dict[str, object] = {"content_type": kind}
    if digest := record.headers.get("warc-payload-digest"):
        meta["payload_digest"] = digest
    if truncated := record.headers.get("warc-truncated"):
        meta["truncated"] = truncated
    if broken_encoding:
        meta["broken_encoding"] = broken_encoding
    if not digest_matches(record):
        meta["digest_mismatch"] = True
    refused = optouts.in_headers(headers)
    finish = partial(_document, record.offset, url, _created(record), refused, meta)
    if kind in HTML_TYPES:
        return Task(body, (content_type, params), finish)
    text, charset = decode(body, content_type)
    if undecodable(text):
        return finish(Fault("undecodable", float(len(body))))
    return finish((charset, Page(clean(text), None, None, ())))


def _document(
    offset: str,
    url: str | None,
    created: str | None,
    refused: set[str],
    meta: dict[str, object],
    outcome: tuple[str, Page] | Fault,
) -> Record:
    """The record of a page, from what the archive says of it and what became of its content."""
    if isinstance(outcome, Fault):
        return Unextracted(offset, outcome.rule, outcome.value, url, detail=outcome.detail)
    charset, page = outcome
    if not page.text:
        return Unextracted(offset, "empty_text", 0.0, url, page.title)
    meta = {**meta, "charset": charset}
    if opted_out := sorted({*refused, *page.opt_outs}):
        meta["opt_outs"] = opted_out
    return Extracted(offset, page.text, url, page.title, created, page.licence, meta)


def _url(record: ArchiveRecord) -> str | None:
    """WARC-Target-URI as a URI: without the angle brackets that wget wrote, spaces as %20."""
    url = record.headers.get("warc-target-uri", "").strip()
    if url.startswith("<") and url.endswith(">"):
        url = url[1:-1].strip()
    return url.replace(" ", "%20") or None


def _created(record: ArchiveRecord) -> str | None:
    date = record.headers.get("warc-date", "")
    return date if DATE.match(date) else None
