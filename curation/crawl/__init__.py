"""Web crawls: HTML pages and plain texts out of WARC, ARC and WET files.

A page is a response with status 200 (or a resource) whose type says HTML, asked in this order:
WARC-Identified-Payload-Type, the HTTP Content-Type, the content itself. Every such page becomes a document or gets a
reason; everything else is counted by what it is.
"""

import re
import zlib
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

import brotli
import zstandard
from resiliparse.parse.encoding import detect_mime

from gristmill.curation.crawl.charset import decode, undecodable
from gristmill.curation.crawl.guard import Fault, Task, guarded
from gristmill.curation.crawl.html import MAX_PAGE_BYTES, Page, clean, extract, opt_outs
from gristmill.curation.crawl.params import CrawlParams
from gristmill.curation.crawl.warc import ArchiveRecord, archive_records, digest_matches
from gristmill.curation.documents import Extracted, NotDocument, ReadOptions, Record, Unextracted

VERSION = 1

FORMATS = ("warc", "arc", "wet", "wat")
"""All are told by their content; the names are there for manifests that want to say so."""

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"})

VAGUE_TYPES = frozenset(
    {
        "",
        "application/octet-stream",
        "unknown/unknown",
        "application/unknown",
        "binary/octet-stream",
        "no-type",
    }
)
"""Types that say nothing, so that the content is asked."""

FAMILIES = {
    "text/css": "css",
    "text/javascript": "javascript",
    "application/javascript": "javascript",
    "application/x-javascript": "javascript",
    "application/json": "json",
    "application/ld+json": "json",
    "text/xml": "xml",
    "application/xml": "xml",
    "application/rss+xml": "feed",
    "application/atom+xml": "feed",
    "application/pdf": "pdf",
    "application/zip": "archive",
    "application/gzip": "archive",
    "application/x-gzip": "archive",
    "application/x-shockwave-flash": "flash",
    "text/dns": "dns",
}
"""What responses that are no documents are counted as; other types by their first half, such as `image`."""

BINARY = frozenset({"image", "video", "audio", "font", "pdf", "archive"})
"""Families that content is known by from its first bytes, and that no page can be, whatever its header says."""

TOP_TYPES = frozenset({"image", "video", "audio", "font", "text", "application", "message", "multipart", "model"})

WARC_TYPES = frozenset({"warcinfo", "request", "metadata", "revisit", "continuation", "resource", "filedesc"})

HTML_START = re.compile(
    rb"^(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,2000}?-->\s*)*"
    rb"<(?:!doctype\s+html|html|head|body|title|meta|script|style|table|div|h1|p|br|a|font|iframe)\b",
    re.IGNORECASE | re.DOTALL,
)
"""The beginnings that WHATWG's MIME Sniffing takes for HTML."""

STATUS_LINE = re.compile(rb"^(?:HTTP/\d(?:\.\d)?|ICY)[ \t]+(\d{3})\b[^\n]*\n", re.IGNORECASE)
HEADER_LINE = re.compile(rb"^([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*([^\r\n]*)", re.MULTILINE)
CHUNK_SIZE = re.compile(rb"\s*([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\n]*)?\r?\n")
DATE = re.compile(r"^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$")


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """The pages of a WARC, ARC or WET file, in file order, and a count of what else is in it.

    `record` is the byte offset of the record, of its gzip member or zstd frame where each record has one, and of the
    content where the file was compressed as a whole. `options.start` and `end` choose the records by that offset.
    `meta` holds `content_type`, `charset`, and where they apply `payload_digest`, `truncated` (the crawler's reason
    for a shortened page), `digest_mismatch`, and `opt_outs` (noai, noindex and their like). Raises UnreadableFile for
    what is no web archive, and at the end of a truncated file.
    """
    params = options.params or CrawlParams()
    items = (_record(record, params) for record in archive_records(stream, options.start, options.end))
    return guarded(items, params.max_page_seconds, params.max_page_mb, EXTRACT)


EXTRACT = "gristmill.curation.crawl:extracted_page"


def extracted_page(body: bytes, content_type: str | None, params: CrawlParams) -> tuple[str, Page] | Fault:
    """What is done to a page in the child process: its charset and its content, or that it cannot be decoded."""
    text, charset = decode(body, content_type)
    if undecodable(text):
        return Fault("undecodable", float(len(body)))
    return charset, extract(text)


def _record(record: ArchiveRecord, params: CrawlParams) -> Record | Task:
    if record.type == "response" and not record.headers.get("content-type", "").startswith("text/dns"):
        return _response(record, params)
    declared = _mime(record.headers.get("content-type"))
    if record.type == "resource" and declared in HTML_TYPES:
        return _page(record, record.block, declared, record.headers.get("content-type"), {}, params)
    if record.type == "conversion":
        if declared in HTML_TYPES or declared == "text/plain" or declared in VAGUE_TYPES:
            kind = declared or "text/plain"
            return _page(record, record.block, kind, record.headers.get("content-type"), {}, params)
        return NotDocument(_family(declared))
    if record.damage and not record.type:
        return Unextracted(record.offset, record.damage, float(record.size))
    if record.type == "response":
        return NotDocument("dns")
    return NotDocument(f"warc_{record.type}" if record.type in WARC_TYPES else "warc_unknown")


def _response(record: ArchiveRecord, params: CrawlParams) -> Record | Task:
    status, headers, body = _http_message(record.block)
    if status is not None and status != 200:
        return NotDocument(f"http_{status}")
    url = _url(record) or ""
    if re.search(r"^[a-z]+://[^/?#]*/robots\.txt(?:$|[?#])", url, re.IGNORECASE):
        return NotDocument("robots_txt")
    size = record.size - (len(record.block) - len(body))  # of the body as it is in the archive
    kind = _mime(record.headers.get("warc-identified-payload-type"))
    if kind in VAGUE_TYPES:
        kind = _mime(headers.get("content-type"))
    if kind in VAGUE_TYPES and status is None:
        kind = _mime(record.headers.get("content-type"))  # ARC files have it in their own header
        kind = "" if kind == "application/http" else kind
    if kind not in HTML_TYPES and kind != "text/plain" and kind not in VAGUE_TYPES:
        return NotDocument(_family(kind))
    body = _decoded(body, headers)
    if kind in VAGUE_TYPES:
        kind = _sniff(body)
        if kind not in HTML_TYPES and kind != "text/plain":
            return NotDocument(_family(kind))
        if not body:
            return NotDocument("empty_body")
    elif kind == "text/plain" and HTML_START.match(body):
        kind = "text/html"
    return _page(record, body, kind, headers.get("content-type"), headers, params, size)


def _page(
    record: ArchiveRecord,
    body: bytes,
    kind: str,
    content_type: str | None,
    headers: dict[str, str],
    params: CrawlParams,
    size: int = 0,
) -> Record | Task:
    """The page as a task for the child process, or the record if there is nothing to extract."""
    url = _url(record)
    size = max(size or record.size, len(body))
    if len(body) > MAX_PAGE_BYTES or (size > MAX_PAGE_BYTES and not record.damage):
        return Unextracted(record.offset, "page_too_large", float(size), url)
    if record.damage:
        return Unextracted(record.offset, record.damage, float(size), url)
    if _family(detect_mime(body[:1024])) in BINARY:
        return Unextracted(record.offset, "binary_content", float(size), url)
    meta: dict[str, object] = {"content_type": kind}
    if digest := record.headers.get("warc-payload-digest"):
        meta["payload_digest"] = digest
    if truncated := record.headers.get("warc-truncated"):
        meta["truncated"] = truncated
    if not digest_matches(record):
        meta["digest_mismatch"] = True
    refused = opt_outs(headers.get("x-robots-tag", ""))
    finish = partial(_document, record.offset, url, _created(record), refused, meta)
    if kind in HTML_TYPES:
        return Task(body, (content_type, params), finish)
    text, charset = decode(body, content_type)
    if undecodable(text):
        return finish(Fault("undecodable", float(len(body))))
    return finish((charset, Page(clean(text), None, None, None, ())))


def _document(
    offset: str,
    url: str | None,
    created: str | None,
    refused: tuple[str, ...],
    meta: dict[str, object],
    outcome: tuple[str, Page] | Fault,
) -> Record:
    """The record of a page, from what the archive says of it and what became of its content."""
    if isinstance(outcome, Fault):
        return Unextracted(offset, outcome.rule, outcome.value, url)
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


def _mime(content_type: str | None) -> str:
    """`text/html` for `Text/HTML; charset=x`; "" for none."""
    return (content_type or "").partition(";")[0].partition(",")[0].strip().lower()


def _family(mime: str) -> str:
    """What a type is counted as: a small set of names, whatever servers write."""
    if mime in FAMILIES:
        return FAMILIES[mime]
    top = mime.partition("/")[0]
    if top not in TOP_TYPES:
        return "mime_other"
    return f"mime_{top}" if top in ("text", "application") else top


def _sniff(body: bytes) -> str:
    """The type of content that nobody named."""
    if HTML_START.match(body[:8192]):
        return "text/html"
    return detect_mime(body[:8192])


# HTTP (RFC 9112)


def _http_message(block: bytes) -> tuple[int | None, dict[str, str], bytes]:
    """Status, header fields by their names in lower case, and body; status None if there is no HTTP header."""
    start = STATUS_LINE.match(block)
    if not start:
        return None, {}, block
    blank = re.compile(rb"\r?\n\r?\n").search(block, start.end() - 2)
    head, body = (block[: blank.start()], block[blank.end() :]) if blank else (block, b"")
    headers: dict[str, str] = {}
    for name, value in HEADER_LINE.findall(head, start.end()):
        headers.setdefault(name.decode("ascii").lower(), value.decode("latin-1").strip())
    return int(start.group(1)), headers, body


def _decoded(body: bytes, headers: dict[str, str]) -> bytes:
    """The body without its transfer and content encoding, at most a little more than MAX_PAGE_BYTES of it.

    Crawlers often store the decoded body under the old header: what does not decode stays as it is.
    """
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = _dechunked(body)
    for encoding in reversed(headers.get("content-encoding", "").lower().replace(" ", "").split(",")):
        body = _decompressed(body, encoding.removeprefix("x-"))
    return body


def _dechunked(body: bytes) -> bytes:
    pieces, position = [], 0
    while match := CHUNK_SIZE.match(body, position):
        length = int(match.group(1), 16)
        if not length:
            return b"".join(pieces)
        pieces.append(body[match.end() : match.end() + length])
        position = match.end() + length
    # Not chunked, or no more from here on: a page must not lose its end to a missing chunk header.
    return b"".join(pieces) + (body[position:] if position < len(body) else b"")


def _decompressed(body: bytes, encoding: str) -> bytes:
    limit = MAX_PAGE_BYTES + 1
    try:
        if encoding == "gzip":
            return zlib.decompressobj(31).decompress(body, limit)
        if encoding == "deflate":
            wrapped = len(body) > 1 and body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0
            return zlib.decompressobj(15 if wrapped else -15).decompress(body, limit)
        if encoding == "br":
            return _brotli(body, limit)
        if encoding == "zstd":
            return zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(body).read(limit)
    except (zlib.error, brotli.error, zstandard.ZstdError):
        pass
    return body


def _brotli(body: bytes, limit: int) -> bytes:
    decompressor, out = brotli.Decompressor(), bytearray()
    for start in range(0, len(body), 2**12):
        out += decompressor.process(body[start : start + 2**12], output_buffer_limit=limit)
        if len(out) >= limit:
            break
    return bytes(out)
