"""HTTP messages as archives hold them (RFC 9112): status, headers, and the body without its encodings.

Crawlers often store a decoded body under the old header, so what does not decode stays as it is; of what breaks off
later, the part before is kept.
"""

import contextlib
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

MAX_HEAD_BYTES = 2**20
"""Header fields beyond are not read; servers and browsers take a quarter of it at most."""

PIECE_BYTES = 2**10
"""Fed to a decompressor at once where it cannot be told how much to give: bounds what one call gives."""

REPEATED = frozenset({"x-robots-tag"})
"""Headers whose lines all count, and are kept apart by line breaks; of others the first counts."""


def http_message(block: bytes) -> tuple[int | None, dict[str, str], bytes]:
    """Status, header fields by their names in lower case, and body; status None if there is no HTTP header."""
    start = STATUS_LINE.match(block)
    if not start:
        return None, {}, block
    blank = re.compile(rb"\r?\n\r?\n").search(block, start.end() - 2)
    head, body = (block[: blank.start()], block[blank.end() :]) if blank else (block, b"")
    fields: dict[str, list[str]] = {}
    for name, value in HEADER_LINE.findall(head, start.end(), MAX_HEAD_BYTES):
        key, text = name.decode("ascii").lower(), value.decode("latin-1").strip()
        if key not in fields or key in REPEATED:
            fields.setdefault(key, []).append(text)
    return int(start.group(1)), {key: "\n".join(texts) for key, texts in fields.items()}, body


def decoded(body: bytes, headers: dict[str, str], limit: int) -> tuple[bytes, str | None]:
    """The body without its transfer and content encoding, and which content encoding broke off in it, if one did.

    Gives at most a little more than `limit` bytes. What is cut or damaged is decoded as far as it goes.
    """
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = _dechunked(body)
    broken = None
    for encoding in reversed(headers.get("content-encoding", "").lower().replace(" ", "").split(",")[:MAX_ENCODINGS]):
        decode = DECODERS.get(encoding.removeprefix("x-"))
        if not decode:
            continue
        found, is_whole = decode(body, limit + 1)
        if found or is_whole:  # else the header is stale, and the body what it should be already
            body = found
            broken = broken or (None if is_whole else encoding.removeprefix("x-"))
    return body, broken


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


def _gunzip(body: bytes, limit: int) -> tuple[bytes, bool]:
    """All members of a gzip body: what a server put together of several is one page."""
    out, rest = b"", body
    for _ in range(MAX_MEMBERS):
        found, is_whole, rest = _inflated(rest, 31, limit - len(out))
        out += found
        if not is_whole or len(out) >= limit or not rest.startswith(b"\x1f\x8b"):
            return out, is_whole or len(out) >= limit
    return out, True


def _inflate(body: bytes, limit: int) -> tuple[bytes, bool]:
    """What servers call deflate: with zlib's header, or without."""
    if len(body) > 1 and body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0:
        return _inflated(body, 15, limit)[:2]
    try:
        stream = zlib.decompressobj(-15)
        out = stream.decompress(body, limit)
    except zlib.error:  # any text begins like such a stream, so what came of it means nothing
        return b"", False
    return out, stream.eof or len(out) >= limit


def _inflated(body: bytes, wbits: int, limit: int) -> tuple[bytes, bool, bytes]:
    """What one stream gives, whether that is all of it (or `limit`), and the bytes behind it."""
    try:
        stream = zlib.decompressobj(wbits)
        out = stream.decompress(body, limit)
    except zlib.error:
        return _inflated_until_damage(body, wbits, limit), False, b""
    return out, stream.eof or len(out) >= limit, stream.unused_data


def _inflated_until_damage(body: bytes, wbits: int, limit: int) -> bytes:
    """What a damaged stream gives before its damage, to the byte: a call that fails gives nothing of what it read."""
    stream, out = zlib.decompressobj(wbits), bytearray()
    for start in range(0, len(body), PIECE_BYTES):
        piece, before = body[start : start + PIECE_BYTES], stream.copy()
        try:
            out += stream.decompress(piece, limit - len(out))
        except zlib.error:
            with contextlib.suppress(zlib.error):
                for i in range(len(piece)):
                    out += before.decompress(piece[i : i + 1])
            break
        if len(out) >= limit:
            break
    return bytes(out)


def _brotli(body: bytes, limit: int) -> tuple[bytes, bool]:
    decompressor, out = brotli.Decompressor(), bytearray()
    try:
        for start in range(0, len(body), 2**12):
            out += decompressor.process(body[start : start + 2**12], output_buffer_limit=limit)
            if len(out) >= limit:
                return bytes(out), True
    except brotli.error:  # it has no magic number either
        return b"", False
    return bytes(out), decompressor.is_finished()


def _unzstd(body: bytes, limit: int) -> tuple[bytes, bool]:
    """All frames of a zstd body."""
    codec, out = zstandard.ZstdDecompressor(max_window_size=2**27), bytearray()
    stream = codec.decompressobj()
    try:
        for start in range(0, len(body), PIECE_BYTES):
            piece = body[start : start + PIECE_BYTES]
            while piece and len(out) < limit:
                stream = codec.decompressobj() if stream.eof else stream
                out += stream.decompress(piece)
                piece = stream.unused_data
            if len(out) >= limit:
                return bytes(out), True
    except zstandard.ZstdError:
        return bytes(out), False
    return bytes(out), stream.eof


DECODERS = {"gzip": _gunzip, "deflate": _inflate, "br": _brotli, "zstd": _unzstd}
"""By content encoding: what a body gives, up to a limit, and whether that is all of it."""
