"""Plain text of any length, piece by piece: decoded, unwrapped from Project Gutenberg's boilerplate, reflowed.

A book below WINDOW_BYTES is one piece, and is judged as a whole. A longer one is read in windows cut at blank lines,
so memory is bounded by the window and not by the book.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from gristmill.curation import charsets
from gristmill.curation.books import gutenberg
from gristmill.curation.books.reflow import reflow
from gristmill.curation.documents import UnreadableFile
from gristmill.curation.markup import plain_lines, tidy

WINDOW_BYTES = 8 * 2**20
"""Bytes of a book that are held at once; of the books that people wrote, few are longer."""

TAIL_BYTES = 2**20
"""The last window is at least this long (bytes), so that a licence at the end is never cut in two."""

_DECLARED = re.compile(rb"character set encoding:[ \t]*([^\r\n]{2,40})", re.IGNORECASE)
_TYPE = re.compile(r"</?(?:i|b|u|em|strong|sup|sub|small|big|tt|cite|center)>", re.IGNORECASE)  # typists leave these
_OUTSIDE = bytes(range(0x80, 0x100))
_STRAY_SHARE = 0.995  # of ASCII, in a text that is read although its other bytes make no sense
_BLANK_LINES = (b"\n\n", b"\r\n\r\n", b"\n", b" ")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a book."""

    text: str  # whole paragraphs, tidy
    size_bytes: int  # in the file
    about: gutenberg.Book | None = None  # what the header says; on the first piece only


def pieces(stream: BinaryIO) -> Iterator[Piece]:
    """The book's text in order. Where the file is cut short, all before the cut comes before UnreadableFile.

    Raises UnicodeError if no charset makes plausible text of the bytes.
    """
    encoding: str | None = None
    wrapped, first = False, True
    for data, last in _windows(_as_utf8(stream)):
        text, encoding = _decoded(data, encoding)
        text = plain_lines(text)
        if "</" in text:
            text = _TYPE.sub("", text)
        if first:
            wrapped = gutenberg.is_gutenberg(text)
        about = None
        if wrapped:
            about = gutenberg.unwrap(text, first, last)
            text = about.body
        else:
            text = gutenberg.without_notes(text, first, last)
        yield Piece(tidy(reflow(text)), len(data), about if first else None)
        first = False


def decode(data: bytes) -> str:
    """A book's bytes as text: by BOM, else UTF-8, else the header's "Character set encoding", else as they look.

    Raises UnicodeError if no charset makes plausible text of them.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    return _decoded(data, None)[0]


def _decoded(data: bytes, known: str | None) -> tuple[str, str | None]:
    """The window as text, and the encoding to try on the next ones where they are no UTF-8."""
    try:
        return data.decode("utf-8-sig"), known
    except UnicodeDecodeError as error:
        # One damaged byte in a long UTF-8 text does not make it Latin-1.
        damaged = data.decode("utf-8", "replace").count("\ufffd")
        high = len(data[:200_000].translate(None, bytes(range(0x80))))
        if error.start and damaged * 50 < high:
            return data.decode("utf-8-sig", "replace"), known
    declared = _DECLARED.search(data, 0, 20_000)
    names = [declared[1].decode("ascii", "replace").strip().lower().removeprefix("iso ")] if declared else []
    for encoding in [*([known] if known else []), *names]:
        try:
            text = data.decode(encoding)
        except (LookupError, UnicodeDecodeError, ValueError):
            continue
        if charsets.plausible(text, codecs.lookup(encoding).name):
            return text, encoding
    try:
        return charsets.decoded(data)
    except UnicodeError:
        # A stray byte of an unknown charset is no reason to lose a book.
        if len(data.translate(None, _OUTSIDE)) < len(data) * _STRAY_SHARE:
            raise
        return data.decode("cp1252", "replace"), known


def _as_utf8(stream: BinaryIO) -> BinaryIO:
    """The stream, or its content as UTF-8 if it begins with the mark of UTF-16."""
    start = stream.peek(2)[:2] if hasattr(stream, "peek") else stream.read(2)
    if not hasattr(stream, "peek"):
        stream.seek(-len(start), 1)
    if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return codecs.EncodedFile(stream, "utf-8", "utf-16", "replace")
    return stream


def _windows(stream: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """The file's bytes in windows that end at a blank line if there is one, and whether each is the last."""
    read = getattr(stream, "read1", stream.read)  # a read that meets a cut would take the bytes before it along
    buffer = bytearray()
    cut: UnreadableFile | None = None
    ended = False
    while not ended:
        try:
            chunk = read(2**20)
            ended = not chunk
            buffer += chunk
        except UnreadableFile as error:
            cut, ended = error, True
        if not ended and len(buffer) >= WINDOW_BYTES + TAIL_BYTES:
            end = _boundary(buffer)
            yield bytes(memoryview(buffer)[:end]), False
            del buffer[:end]
    if buffer or cut is None:
        yield bytes(buffer), True
    if cut is not None:
        raise cut


def _boundary(buffer: bytearray) -> int:
    """Where to cut: after the last blank line in the window, else line, else word; a letter is never broken."""
    for mark in _BLANK_LINES:
        end = buffer.rfind(mark, WINDOW_BYTES // 2, WINDOW_BYTES)
        if end >= 0:
            return end + len(mark)
    end = WINDOW_BYTES
    while end > WINDOW_BYTES - 4 and buffer[end] & 0xC0 == 0x80:
        end -= 1
    return end
