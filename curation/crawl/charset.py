"""Bytes to characters: what charset a page is in."""

import codecs
import re

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))

# Python's codec for a WHATWG label where the two names agree but the standard means a superset, or where the names differ.
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

    Asked in turn: byte order mark, HTTP header, meta tag or XML declaration, UTF-8 if the bytes are valid, detection.
    Labels mean what they mean to browsers (WHATWG Encoding: iso-8859-1 is windows-1252); unknown labels are passed
    over, and so are those that the bytes contradict: more wrong bytes than right ones beyond ASCII, or a single-byte
    charset for what is valid UTF-8. Never fails: what nothing can decode comes back full of U+FFFD.
    """
    for bom, charset in BOMS:
        if body.startswith(bom):
            return body[len(bom) :].decode(charset, "replace"), charset
    if b"\0" in body[:256] and (match := HEADER_CHARSET.search(http_content_type or "")):
        name = map_encoding_to_html5(match.group(1), fallback_utf8=False)
        if name in ("utf-16-le", "utf-16-be"):
            return body.decode(name, "replace"), name
    declared = [_codec(label) for label in _labels(body, http_content_type)]
    try:
        return body.decode("utf-8"), _utf8_name(body, declared)
    except UnicodeDecodeError:
        pass
    fallback = None
    for charset in filter(None, declared):
        text = body.decode(charset, "replace")
        if _plausible(text):
            return text, charset
        fallback = fallback or (text, charset)
    charset = _codec(detect_encoding(body) or "")
    if charset:
        text = body.decode(charset, "replace")
        if fallback is None or text.count("\ufffd") < fallback[0].count("\ufffd"):
            return text, charset
    return fallback or (body.decode("utf-8", "replace"), "utf-8")


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


def _utf8_name(body: bytes, declared: list[str | None]) -> str:
    """The name for bytes that are valid UTF-8: the declared charset if they are plain ASCII, where all agree."""
    return next(filter(None, declared), "utf-8") if body.isascii() else "utf-8"


def _plausible(text: str) -> bool:
    """Whether no more bytes were wrong than characters beyond ASCII were right."""
    wrong = text.count("\ufffd")
    return not wrong or 2 * wrong <= len(text) - len(text.encode("ascii", "ignore"))
