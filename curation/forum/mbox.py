"""Messages of an mbox file, whichever of its dialects wrote it: mboxo, mboxrd, mboxcl, mboxcl2, Mailman's pipermail.

Formats: RFC 4155 and the dialects in https://www.loc.gov/preservation/digital/formats/fdd/fdd000383.shtml
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from gristmill.curation.documents import UnreadableFile
from gristmill.curation.forum.posts import chunks

MAX_MESSAGE_BYTES = 64 * 2**20
"""A longer message, attachments included, is not read."""

_FROM = (
    rb"From [^\n]*\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +"
    rb"\d{1,2} +\d{1,2}:\d\d(?::\d\d)?(?: +[-+A-Z0-9]{1,8})? +\d{4}(?: +[-+]\d{4})?"
)
FROM_LINE = re.compile(_FROM + rb"[ \t\r]*\n?")
"""The line before each message of an mbox. The date is demanded, since many archives leave a body's "From " bare."""

_ESCAPED = re.compile(rb"^>(>*From )", re.MULTILINE)
_LENGTH = re.compile(rb"^Content-Length:[ \t]*(\d{1,9})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_HEADERS_END = re.compile(rb"\n\r?\n")
_BLANK = re.compile(rb"(?:^|\n)[ \t]*\r?\n$")
_CHUNK_BYTES = 2**20
_LONGEST_FROM = 2**12


def split_mbox(stream: BinaryIO) -> Iterator[tuple[int, int, bytes | None]]:
    """Each message as (byte offset, size, bytes without the From_ line); no bytes for one above MAX_MESSAGE_BYTES.

    What stands before the first From_ line is a message too, as mailbox files without their first line have it. Where
    the stream breaks, what was had of the last message is given before UnreadableFile is raised.
    """
    buffer, offset, skipped, broken = b"", 0, 0, None
    fresh = True  # nothing of the present message has been looked at
    pieces = chunks(stream, _CHUNK_BYTES)
    while True:
        try:
            chunk = next(pieces, b"")
        except UnreadableFile as error:
            chunk, broken = b"", error
        scanned = 0 if fresh else max(0, len(buffer) - _LONGEST_FROM)
        buffer = buffer + chunk if buffer else chunk
        start = 0
        while (end := _end(buffer, start, max(start, scanned), not skipped)) is not None:
            if skipped or buffer[start:end].strip():
                yield _message(buffer[start:end], offset + start - skipped, skipped)
            start, skipped, fresh = end, 0, True
        buffer, offset = buffer[start:], offset + start
        fresh = False
        if not chunk:
            break
        if len(buffer) > MAX_MESSAGE_BYTES:
            gone = len(buffer) - _LONGEST_FROM
            buffer, offset, skipped = buffer[gone:], offset + gone, skipped + gone
    if skipped or buffer.strip():
        yield _message(buffer, offset - skipped, skipped)
    if broken:
        raise broken


def _end(buffer: bytes, start: int, scanned: int, whole: bool) -> int | None:
    """Where the message that begins at `start` ends and another begins; None if that is not in the buffer."""
    end = _next(buffer, max(scanned, start + 1), len(buffer))
    if end is None:
        return None
    # mboxcl2 leaves a body's From_ lines bare and says its length: right if the next message begins where it ends.
    headers = _HEADERS_END.search(buffer, start, end) if whole else None
    stated = _LENGTH.search(buffer, start, headers.start() + 1) if headers else None
    place = headers.end() + int(stated[1]) if stated else 0
    if place > end:
        exact = _next(buffer, place - 4, place + 8)
        if exact is not None:
            return exact
    return end


def _next(buffer: bytes, first: int, last: int) -> int | None:
    """Where a From_ line begins that a blank line precedes."""
    place = buffer.find(b"\nFrom ", max(0, first - 1), last)
    while place >= 0:
        if _BLANK.search(buffer, max(0, place - 80), place + 1) and FROM_LINE.match(buffer, place + 1):
            return place + 1
        place = buffer.find(b"\nFrom ", place + 1, last)
    return None


def _message(data: bytes, offset: int, skipped: int) -> tuple[int, int, bytes | None]:
    size = len(data) + skipped
    if size > MAX_MESSAGE_BYTES:
        return offset, size, None
    line = FROM_LINE.match(data)
    data = data[line.end() :] if line else data
    # Undo the writer's escape of a body's line "From ..." (in mboxrd also of ">From ...").
    return offset, size, _ESCAPED.sub(rb"\1", data) if b">From " in data else data
