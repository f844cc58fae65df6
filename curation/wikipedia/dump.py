"""A dump cut into its `<page>` elements by bytes, from its start or from a byte in the middle.

"<" is always escaped inside a page's text, so the cut is exact; a page that is not well-formed costs itself and not the
rest of a file of 20 GB; memory is bounded by the largest page; and no DTD, hence no entity, ever reaches an XML parser.
A page belongs to the range in which the byte of its "<" lies: in an uncompressed dump that byte itself, in a bz2 dump
the block that holds it. So ranges that tile a file give each of its pages once, wherever they are cut.
https://www.mediawiki.org/wiki/Help:Export#Export_format
"""

import codecs
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from gristmill.curation.archives import decompressed
from gristmill.curation.documents import UnreadableFile
from gristmill.curation.wikipedia.bz2blocks import blocks

MAX_PAGE_BYTES = 64 * 2**20
"""A page with more XML than this is passed over and named: MediaWiki itself refuses texts above 2 MB."""

MAX_HEAD_BYTES = 16 * 2**20
"""What precedes the first page is shorter than this."""

_CHUNK_BYTES = 2**20
_TAIL_BYTES = 4096  # kept behind the last page, to see how the dump ends
_EMPTY_BZ2_BYTES = 14  # a stream without a block
_UNDIVIDED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ")  # gzip, zstd, xz
_DECLARATION = re.compile(rb"""\A\s*<\?xml[^>]*encoding=["']([A-Za-z0-9_.-]+)["']""")
_INDEX_LINE = re.compile(rb"\A(?:\d+:\d+:[^\n]*\n){1,3}\d*:?")


@dataclass(frozen=True, slots=True)
class Page:
    """A `<page>` element, or the place where one or more were lost."""

    place: str
    """Where it starts: a byte of the XML, or `BLOCK:BYTE`, the byte of the file at which its bz2 block starts and the
    byte within that block's content."""
    xml: bytes
    """From `<page>` to `</page>`, in UTF-8; empty if it is lost."""
    lost: str | None = None
    """Why: `bad_xml` (no end), `document_too_large`, `damaged_block`."""
    size: int = 0
    """Bytes that are lost with it."""


@dataclass(frozen=True, slots=True)
class Head:
    """What precedes the first page, and how the dump is written."""

    xml: bytes
    """In UTF-8; empty where it is damaged."""
    encoding: str
    """Python's name of the encoding."""
    is_index: bool = False
    """Whether the file is no dump but the index of one."""


@dataclass(frozen=True, slots=True)
class _Piece:
    place: str  # prefix of the places in it
    first: int  # what a place counts from
    content: bytes | None  # None: damaged
    owned: bool  # whether pages that start in it belong to the range
    size: int = 0


def head(stream: BinaryIO) -> Head:
    """The head of a dump; leaves the stream at its start. Raises UnreadableFile for what is no MediaWiki dump."""
    xml = first = b""
    decoder = None
    encoding, piece = "utf-8", None
    for piece in _raw_pieces(stream, 0, None):
        if piece.content is None:
            break  # what was read before the damage may be all of the head: a stream of its own in multistream dumps
        if decoder is None:
            first = piece.content
            encoding = _encoding(first)
            decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        xml += decoder.decode(piece.content).encode("utf-8", "replace")
        if len(xml) >= _TAIL_BYTES and (b"<page>" in xml or b"<mediawiki" not in xml or len(xml) > MAX_HEAD_BYTES):
            break
    stream.seek(0)
    xml = xml.removeprefix(codecs.BOM_UTF8)
    if not xml and piece is not None and piece.content is None:
        return Head(b"", encoding)
    if not xml:
        raise UnreadableFile("the file is empty")
    if _INDEX_LINE.match(xml):
        return Head(b"", encoding, is_index=True)
    if b"<mediawiki" not in xml and b"<page>" not in xml:
        raise UnreadableFile(
            f"not a MediaWiki XML dump: {_looks_like(first)}; this kind reads pages-articles*.xml (.bz2, .gz or plain)"
        )
    if b"<page>" not in xml and len(xml) > MAX_HEAD_BYTES:
        raise UnreadableFile(f"no <page> in the first {len(xml):,} bytes; is it a MediaWiki dump?")
    return Head(xml.partition(b"<page>")[0], encoding)


def pages(stream: BinaryIO, known: Head, start: int = 0, end: int | None = None) -> Iterator[Page]:
    """The pages that start in [start, end), and what is lost between them; raises UnreadableFile where the dump is cut.

    A dump that cannot be entered in the middle (gzip, zstd, UTF-16) belongs as a whole to the range at its start.
    """
    if start or end is not None:
        magic = stream.read(6)
        stream.seek(0)
        if known.encoding != "utf-8" or magic.startswith(_UNDIVIDED):
            if start:
                return
            end = None
    pieces = _raw_pieces(stream, start, end)
    if known.encoding != "utf-8":
        pieces = _recoded(pieces, known.encoding)
    yield from _Scanner(from_start=not start, wrapped=b"<mediawiki" in known.xml).pages(pieces)


def _raw_pieces(stream: BinaryIO, start: int, end: int | None) -> Iterator[_Piece]:
    """The dump's bytes from the byte `start` of the file to its end, cut where the range ends."""
    magic = stream.read(4)
    stream.seek(0)
    if magic.startswith(b"BZh"):
        yield from _bz2_pieces(stream, start, end)
        return
    plain = decompressed(stream)
    if start:
        stream.seek(start)
    # read1 gives what there is; read would wait for a full chunk, and lose it all where the file is cut off.
    read_some = getattr(plain, "read1", plain.read)
    offset = start
    while chunk := read_some(_CHUNK_BYTES if end is None or offset >= end else min(_CHUNK_BYTES, end - offset)):
        yield _Piece("", offset, chunk, end is None or offset < end)
        offset += len(chunk)


def _bz2_pieces(stream: BinaryIO, start: int, end: int | None) -> Iterator[_Piece]:
    empty = True
    for block in blocks(stream, start):
        empty = False
        if block.cut:
            raise UnreadableFile(
                f"the compressed data ends early, in the bz2 block at byte {block.offset:,}: the file is truncated; "
                "fetch it again"
            )
        yield _Piece(f"{block.offset}:", 0, block.content, end is None or block.offset < end, block.size)
    if empty and not start and stream.seek(0, 2) > _EMPTY_BZ2_BYTES:
        raise UnreadableFile("the compressed data is damaged: there is no bz2 block in it; fetch the file again")


def _recoded(pieces: Iterator[_Piece], encoding: str) -> Iterator[_Piece]:
    """The pieces in UTF-8; places count in its bytes from the start."""
    decoder, offset = codecs.getincrementaldecoder(encoding)(errors="replace"), 0
    for piece in pieces:
        if piece.content is None:
            decoder.reset()
            yield piece
            continue
        content = decoder.decode(piece.content).encode("utf-8", "replace")
        yield _Piece("", offset, content, piece.owned)
        offset += len(content)


def _encoding(start: bytes) -> str:
    """Python's name of the encoding of a dump that starts so, by byte order mark, else by its XML declaration."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if start.startswith((b"<\0", b"\0<")):
        return "utf-16-le" if start[0] else "utf-16-be"
    declared = _DECLARATION.match(start.removeprefix(codecs.BOM_UTF8))
    if not declared:
        return "utf-8"
    try:
        name = codecs.lookup(declared[1].decode()).name
    except LookupError:
        raise UnreadableFile(
            f"the XML declaration names the encoding {declared[1].decode()!r}, which is unknown; "
            "convert the file to UTF-8"
        ) from None
    return "utf-8" if name == "ascii" else name


def _looks_like(start: bytes) -> str:
    start = start[:4096].lstrip()
    if start.startswith((b"{", b"[")):
        return "it looks like JSON (a CirrusSearch or Enterprise dump?); read it with kind: text"
    if b"CREATE TABLE" in start or b"INSERT INTO" in start or start.startswith(b"-- "):
        return "it looks like SQL (a table dump)"
    if start[:200].lower().startswith((b"<!doctype html", b"<html")):
        return "it looks like HTML (an error page?)"
    if start.startswith(b"7z\xbc\xaf"):
        return "it is packed with 7-Zip; take the .bz2 of the same dump, or unpack it first"
    return f"it starts with {start[:24]!r}"


class _Scanner:
    """Finds pages in pieces that end anywhere."""

    def __init__(self, from_start: bool, wrapped: bool):
        self._buffer = bytearray()
        self._base = 0  # bytes seen before the buffer
        self._limit: int | None = None  # where the range ends, in bytes seen
        self._places: list[tuple[int, str, int]] = []  # (bytes seen before a piece, its place, what this counts from)
        self._too_long: int | None = None  # where a page began that is too long
        self._wrapped = wrapped  # whether the dump has a root element
        self._found = from_start  # whether the end of the dump must be seen

    def pages(self, pieces: Iterator[_Piece]) -> Iterator[Page]:
        for piece in pieces:
            if self._limit is None and not piece.owned:
                self._limit = self._base + len(self._buffer)
                if not self._is_open():
                    return
            if piece.content is None:
                if not piece.owned:
                    return  # the page that runs into the damage is lost with it
                yield Page(f"{piece.place}{piece.first}", b"", "damaged_block", piece.size)
                self._base += len(self._buffer)
                self._buffer.clear()
                self._too_long = None
                continue
            self._places.append((self._base + len(self._buffer), piece.place, piece.first))
            self._buffer += piece.content
            yield from self._complete()
            if self._limit is not None and not self._is_open():
                return
        self._check_end()

    def _complete(self) -> Iterator[Page]:
        """Pages that have come to their end in the buffer; they leave it."""
        buffer, position = self._buffer, 0
        if self._too_long is not None:
            position = self._skipped()
            if self._too_long is not None:
                return
            yield self._lost
        while (opened := buffer.find(b"<page>", position)) >= 0 and not self._is_beyond(opened):
            closed = buffer.find(b"</page>", opened + 6)
            # A second opening inside means that the first page has lost its end.
            again = buffer.find(b"<page>", opened + 6, closed if closed >= 0 else len(buffer))
            if again >= 0:
                yield Page(self._place(opened), b"", "bad_xml", again - opened)
                position = again
            elif closed >= 0:
                self._found = True
                yield Page(self._place(opened), bytes(buffer[opened : closed + 7]))
                position = closed + 7
            else:
                break
        if opened >= 0 and not self._is_beyond(opened):
            if len(buffer) - opened > MAX_PAGE_BYTES:
                self._too_long = self._base + opened
            self._forget(opened)
        else:
            self._forget(max(position, len(buffer) - _TAIL_BYTES))

    def _skipped(self) -> int:
        """Where in the buffer a page that is too long has ended; what was seen of it is forgotten."""
        ends = [at for at in (self._buffer.find(b"</page>"), self._buffer.find(b"<page>", 6)) if at >= 0]
        if not ends:
            self._forget(len(self._buffer) - 6)
            return 0
        size = self._base + min(ends) - self._too_long
        self._lost = Page(self._place(self._too_long - self._base), b"", "document_too_large", size)
        self._too_long = None
        return min(ends)

    def _forget(self, count: int) -> None:
        if count > 0:
            del self._buffer[:count]
            self._base += count

    def _place(self, at: int) -> str:
        seen = self._base + at
        before, place, first = self._places[bisect_right(self._places, seen, key=lambda known: known[0]) - 1]
        return f"{place}{first + seen - before}"

    def _is_beyond(self, at: int) -> bool:
        return self._limit is not None and self._base + at >= self._limit

    def _is_open(self) -> bool:
        """Whether a page that starts in the range is not at its end, or may have begun with the last bytes."""
        if self._too_long is not None:
            return True
        opened = self._buffer.rfind(b"<page>")
        if opened >= 0 and self._buffer.find(b"</page>", opened) < 0:
            return not self._is_beyond(opened)
        last = self._buffer.rfind(b"<", max(0, len(self._buffer) - 5))
        return last >= 0 and b"<page>".startswith(self._buffer[last:]) and not self._is_beyond(last)

    def _check_end(self) -> None:
        seen = self._base + len(self._buffer)
        if self._too_long is not None or self._buffer.rfind(b"<page>") > self._buffer.rfind(b"</page>"):
            raise UnreadableFile(
                f"the dump ends in the middle of a page, after {seen:,} bytes of XML: it is truncated; fetch it again"
            )
        if self._found and self._wrapped and b"</mediawiki>" not in self._buffer:
            raise UnreadableFile(
                f"the dump ends without </mediawiki>, after {seen:,} bytes of XML: pages are missing; fetch it again"
            )
