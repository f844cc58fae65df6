"""HTTP messages as archives hold them (RFC 9112): status, headers, and the body without its encodings.

Crawlers often store a decoded body under the old header, so what does not decode stays as it is.
"""

import re
import zlib

import brotli
import zstandard

STATUS_LINE = re.compile(rb"^(?:HTTP/\d(?:\.\d)?|ICY)[ \t]+(\d{3})\b[^\n]*\n", re.IGNORECASE)
HEADER_LINE = re.compile(rb"^([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*([^\r\n]*)", re.MULTILINE)
CHUNK_SIZE = re.compile(rb"\s*([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\n]*)?\r?\n")

MAX_ENCODINGS = 8
MAX_MEMBERS = 100
"""More encodings on top of each other, or gzip members behind each other, than pages have: bounds the time they take."""

REPEATED = frozenset({"x-robots-tag"})
"""Headers whose lines all count, and are kept apart by line breaks; of others the first counts."""


def http_message(block: bytes) -> tuple[int | None, dict[str, str], bytes]:
    """Status, header fields by their names in lower case, and body; status None if there is no HTTP header."""
    start = STATUS_LINE.match(block)
    if not start:
        return None, {}, block
    blank = re.compile(rb"\r?\n\r?\n").search(block, start.end() - 2)
    head, body = (block[: blank.start()], block[blank.end() :]) if blank else (block, b"")
    headers: dict[str, str] = {}
    for name, value in HEADER_LINE.findall(head, start.end()):
        key, text = name.decode("ascii").lower(), value.decode("latin-1").strip()
        headers[key] = f"{headers[key]}\n{text}" if key in headers and key in REPEATED else headers.get(key, text)
    return int(start.group(1)), headers, body


def decoded(body: bytes, headers: dict[str, str], limit: int) -> bytes:
    """The body without its transfer and content encoding, at most a little more than `limit` bytes of it."""
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = _dechunked(body)
    for encoding in reversed(headers.get("content-encoding", "").lower().replace(" ", "").split(",")[:MAX_ENCODINGS]):
        body = _decompressed(body, encoding.removeprefix("x-"), limit + 1)
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


def _decompressed(body: bytes, encoding: str, limit: int) -> bytes:
    try:
        if encoding == "gzip":
            return _gunzip(body, limit)
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


def _gunzip(body: bytes, limit: int) -> bytes:
    """All members of a gzip body: what a server put together of several is one page."""
    out, rest = b"", body
    for _ in range(MAX_MEMBERS):
        member = zlib.decompressobj(31)
        out += member.decompress(rest, limit - len(out))
        rest = member.unused_data
        if not member.eof or len(out) >= limit or not rest.startswith(b"\x1f\x8b"):
            break
    return out


def _brotli(body: bytes, limit: int) -> bytes:
    decompressor, out = brotli.Decompressor(), bytearray()
    for start in range(0, len(body), 2**12):
        out += decompressor.process(body[start : start + 2**12], output_buffer_limit=limit)
        if len(out) >= limit:
            break
    return bytes(out)
