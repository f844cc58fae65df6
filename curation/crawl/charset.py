"""Bytes to characters: what charset a page is in.

The order is that of browsers (WHATWG HTML 13.2.3), with one exception: what the bytes say for themselves goes before
labels. Text of another charset is hardly ever valid UTF-8, and servers label what they send for all pages at once.
"""

import codecs
import re

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with UTF-16's
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

MOSTLY = 8
"""Characters beyond ASCII that must be right for each wrong byte, if a text is to be UTF-8 that was damaged or mixed."""

# Python's codec for a WHATWG label where the two names agree but the standard means a superset, or where the names
# differ.
SUPERSETS = {
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "big5": "big5hkscs",
    "iso8859-11": "cp874",
    "x-mac-cyrillic": "mac_cyrillic",
    "x-mac-ukrainian": "mac_cyrillic",
    "utf-16-le": "utf-8",  # a tag that says so was read as ASCII, so it cannot be true (WHATWG)
    "utf-16-be": "utf-8",
}

META_CHARSET = re.compile(rb"""<meta\b[^>]{0,400}?\bcharset\s*=\s*["']?\s*([A-Za-z0-9_:.()+-]{2,40})""", re.IGNORECASE)
XML_CHARSET = re.compile(rb"""^\s*<\?xml\b[^>]{0,200}?\bencoding\s*=\s*["']([A-Za-z0-9_:.()+-]{2,40})["']""")
HEADER_CHARSET = re.compile(r"""\bcharset\s*=\s*["']?\s*([A-Za-z0-9_:.()+-]{2,40})""", re.IGNORECASE)


def decode(body: bytes, http_content_type: str | None = None) -> tuple[str, str]:
    """A page's characters, and the name of the charset that gave them.

    Asked in turn: byte order mark, zeros as UTF-16 has them, the escapes of ISO-2022-JP, UTF-8 if the bytes are valid
    or all but a few are, HTTP header, meta tag or XML declaration, detection. Labels mean what they mean to browsers
    (WHATWG Encoding: iso-8859-1 is windows-1252); unknown labels are passed over, and so are those that the bytes
    contradict, having more wrong bytes than right ones beyond ASCII. Never fails: what nothing can decode comes back
    full of U+FFFD.
    """
    for bom, charset in BOMS:
        if body.startswith(bom):
            return body[len(bom) :].decode(charset, "replace"), charset
    if wide := _wide(body):
        return body.decode(wide, "replace"), wide
    declared = [_codec(label) for label in _labels(body, http_content_type)]
    if b"\x1b$" in body and _plausible(text := body.decode("iso2022_jp", "replace")):
        return text, "iso2022_jp"  # whose bytes are all ASCII
    try:
        return body.decode("utf-8"), _utf8_name(body, declared)
    except UnicodeDecodeError:
        text = body.decode("utf-8", "replace")
    if _plausible(text, MOSTLY):
        return text, "utf-8"
    fallback = None
    for charset in filter(None, [*declared, _detected(body)]):
        text = body.decode(charset, "replace")
        if _plausible(text):
            return text, charset
        if fallback is None or text.count("\ufffd") < fallback[0].count("\ufffd"):
            fallback = text, charset
    assert fallback is not None  # the detector always has an answer
    return fallback


def undecodable(text: str) -> bool:
    """Whether a decoded text is mostly replacement characters."""
    return 2 * text.count("\ufffd") > len(text)


def _labels(body: bytes, http_content_type: str | None) -> list[str]:
    """Charset labels that a page carries, the strongest first."""
    labels = []
    if http_content_type and (match := HEADER_CHARSET.search(http_content_type)):
        labels.append(match.group(1))
    head = body[:8192]
    for pattern in (META_CHARSET, XML_CHARSET):
        if match := pattern.search(head):
            labels.append(match.group(1).decode("ascii"))
    return labels


def _codec(label: str) -> str | None:
    """Python's codec for a WHATWG label, or None if there is none."""
    label = label.strip().lower()
    name = SUPERSETS.get(label) or map_encoding_to_html5(label, fallback_utf8=False)
    name = SUPERSETS.get(name, name) if name else None
    try:
        return codecs.lookup(name).name if name else None
    except LookupError:
        return None


def _detected(body: bytes) -> str:
    # The detector's own names: made to fit the labels of browsers, Korean's becomes UTF-8.
    name = detect_encoding(body, html5_compatible=False) or ""
    try:
        return _codec(name) or codecs.lookup(name).name
    except LookupError:
        return "cp1252"


def _utf8_name(body: bytes, declared: list[str | None]) -> str:
    """The name for bytes that are valid UTF-8: the declared charset if they are plain ASCII, where all agree."""
    return next(filter(None, declared), "utf-8") if body.isascii() else "utf-8"


def _plausible(text: str, right: float = 0.5) -> bool:
    """Whether for each wrong byte there are so many right characters beyond ASCII."""
    wrong = text.count("\ufffd")
    return not wrong or right * wrong <= len(text) - len(text.encode("ascii", "ignore")) - wrong


def _wide(body: bytes) -> str | None:
    """UTF-16 in one of its orders, if the zeros of its ASCII characters stand in every second place only."""
    head = body[:1024]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if 8 * max(even, odd) < len(head) or 20 * min(even, odd) > len(head):
        return None
    return ("utf-16-le" if odd > even else "utf-16-be") if even != odd else None
