"""What a response is, by its declared type or its first bytes, and what it is counted as if it is no page."""

import re

from resiliparse.parse.encoding import detect_mime

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

SNIFFED_BYTES = 8192
"""What content says of itself, it says here."""

HTML_START = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?:<\?xml[^>]{0,200}>\s*+)?(?:<!--(?:[^-]++|-(?!->))*+-->\s*+)*+"
    rb"<(?:!doctype\s+html|html|head|body|title|meta|script|style|table|div|h1|p|br|a|font|iframe)\b",
    re.IGNORECASE,
)
"""The beginnings that WHATWG's MIME Sniffing takes for HTML. Nothing in it is tried twice: this runs unguarded."""


def media_type(content_type: str | None) -> str:
    """`text/html` for `Text/HTML; charset=x`; "" for none."""
    return (content_type or "").partition(";")[0].partition(",")[0].strip().lower()


def family(mime: str) -> str:
    """What a type is counted as: a small set of names, whatever servers write."""
    if mime in FAMILIES:
        return FAMILIES[mime]
    top = mime.partition("/")[0]
    if top not in TOP_TYPES:
        return "mime_other"
    return f"mime_{top}" if top in ("text", "application") else top


def starts_as_html(body: bytes) -> bool:
    """Whether content begins like a page, after comments if need be."""
    return HTML_START.match(body[:SNIFFED_BYTES]) is not None


def sniff(body: bytes) -> str:
    """The type of content that nobody named."""
    return "text/html" if starts_as_html(body) else detect_mime(body[:SNIFFED_BYTES])
