"""Records of archives that are damaged, or of a form that FastWARC does not know: read one header at a time.

A record's length counts if another record or the end follows it; otherwise the next header is looked for. Nothing is
passed over in silence: what cannot be read is a record with `damage`. warcio, which stops at the first malformed record,
agrees with this reader on every record that it reads itself (tests/curation/crawl/test_warc.py).
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from gristmill.curation.crawl.frames import Codec, frame, next_frame
from gristmill.curation.documents import UnreadableFile

MAX_BLOCK_BYTES = 21 * 2**20
"""Bytes kept of a record's content: more than a page of the largest size and its HTTP header need."""

MAX_HEADER_BYTES = 2**16

CONTENT_TYPES = ("response", "resource", "conversion")
"""The WARC types whose content is read; of the others (requests, metadata) only the header."""

START = {
    "warc": re.compile(rb"(?:\A|(?<=\n))WARC/[01]\.\d{1,3}[ \t]*\r?\n(?=[A-Za-z-]+[ \t]*:)"),
    # ARC 1.0: address, IP, time, type, length; ARC 2.0 has more columns between type and length.
    "arc": re.compile(
        rb"(?:\A|(?<=\n))(?P<url>[a-z][a-z0-9+.-]{0,20}:[^\r\n]{1,4000}) [0-9A-Fa-f.:]{2,45} (?P<date>\d{14})\d{0,4}"
        rb" (?P<mime>[^ \r\n]{1,200})(?: [^ \r\n]{1,4000}){0,5} (?P<length>-?\w{1,20})\r?\n"
    ),
}
"""How a record begins, by format."""

HEADER_LINE = re.compile(rb"^([A-Za-z0-9_-]+)[ \t]*:[ \t]*(.*(?:\r?\n[ \t]+.*)*)", re.MULTILINE)
FOLD = re.compile(r"\r?\n[ \t]+")


@dataclass(frozen=True, slots=True)
class ArchiveRecord:
    """One record of a web archive."""

    offset: str
    """Byte offset of the record or its frame; later records of one frame add "+1", "+2"."""

    type: str
    """WARC-Type in lower case: "response", "request"; "filedesc" for the head of an ARC file; "" if unreadable."""

    headers: dict[str, str]
    """Header fields by their names in lower case."""

    block: bytes
    """The content, at most MAX_BLOCK_BYTES of it; empty for types not in CONTENT_TYPES."""

    size: int
    """Length of the content in bytes, as far as known."""

    damage: str | None = None
    """`truncated_record` or `corrupt_record` if the content is not all there."""


def framed_records(stream: BinaryIO, codec: Codec, kind: str, offset: int, size: int) -> Iterator[ArchiveRecord]:
    while offset < size:
        content, end, fault = frame(stream, codec, offset)
        after = end
        if fault:
            after = next_frame(stream, codec, START[kind], offset + 1, size)
            fault = fault if after is None else "corrupt_record"
        count = 0
        with content:
            for record in plain_records(content, kind, whole=fault is None):
                name = f"{offset}+{count}" if count else str(offset)
                damage = fault if record.damage or fault == "corrupt_record" else None
                yield replace(record, offset=name, damage=damage)
                count += 1
        if fault and not count and not (after is None and _is_padding(stream, offset)):
            yield ArchiveRecord(str(offset), "", {}, b"", (after or size) - offset, fault)
        if fault == "truncated_record":
            raise truncated(offset)
        if after is None:
            return
        offset = after


def _is_padding(stream: BinaryIO, offset: int) -> bool:
    """Whether nothing but zeros follows; tapes and some file systems leave them behind the last gzip member."""
    stream.seek(offset)
    while data := stream.read(2**20):
        if data.strip(b"\0"):
            return False
    return True


def plain_records(content: BinaryIO, kind: str, whole: bool) -> Iterator[ArchiveRecord]:
    """Records of uncompressed content, whatever their lengths claim.

    `whole` says that the content is known to end where it should, so that a length beyond it is wrong.
    """
    pattern = START[kind]
    size = content.seek(0, 2)
    offset = _skip_newlines(content, 0)
    while offset < size:
        content.seek(offset)
        match = pattern.match(head := content.read(MAX_HEADER_BYTES))
        parsed = _parse_warc(head) if match and kind == "warc" else _parse_arc(match) if match else None
        if parsed is None:
            after = _find(content, pattern, offset + 1)
            cut = after is None and not whole and size - offset < MAX_HEADER_BYTES and _is_prefix(head, kind)
            yield ArchiveRecord(
                str(offset),
                "",
                {},
                b"",
                (after or size) - offset,
                "truncated_record" if cut else "corrupt_record",
            )
            offset = size if after is None else after
            continue
        record, header_length, length = parsed
        begin = offset + header_length
        end, after = _extent(content, pattern, begin, length, size)
        missing = end - size
        content.seek(begin)
        block = content.read(min(end, size, begin + MAX_BLOCK_BYTES) - begin)
        damage = None
        if missing > 0:
            end = size
            if whole or _converted(block, missing):
                end = _without_newlines(content, begin, size)
                block = block[: end - begin]
            else:
                damage = "truncated_record"
        block = block if record.type in CONTENT_TYPES else b""
        yield replace(record, offset=str(offset), block=block, size=end - begin, damage=damage)
        offset = _skip_newlines(content, after)


def _extent(
    content: BinaryIO, pattern: re.Pattern[bytes], begin: int, length: int | None, size: int
) -> tuple[int, int]:
    """Where a record's content ends, and where to look for the next record.

    The length counts if another record or the end of the file follows; otherwise the next header does. An end beyond
    the size of the file means that it is cut.
    """
    if length is not None and begin + length <= size:
        content.seek(begin + length)
        following = content.read(2**13).lstrip(b"\r\n")
        if not following or pattern.match(following):
            return begin + length, begin + length
    after = _find(content, pattern, begin)
    if after is None and length is not None and begin + length > size:
        return begin + length, size
    after = size if after is None else after
    return _without_newlines(content, begin, after), after


def _without_newlines(content: BinaryIO, begin: int, end: int) -> int:
    """The end of the content without the empty lines that separate records."""
    content.seek(max(begin, end - 4))
    tail = content.read(end - max(begin, end - 4))
    return end - 4 if tail == b"\r\n\r\n" else end - len(tail) + len(tail.rstrip(b"\r\n"))


def _converted(block: bytes, missing: int) -> bool:
    """Whether the bytes that are missing may be the carriage returns that a conversion of line ends removed."""
    return b"\r\n" not in block and missing <= block.count(b"\n")


def _parse_warc(head: bytes) -> tuple[ArchiveRecord, int, int | None] | None:
    """Record, length of the header and of the content; None where the header does not end."""
    blank = re.search(rb"\n\r?\n", head)
    if not blank:
        return None
    headers = {
        name.decode("ascii").lower(): FOLD.sub(" ", value.decode("utf-8", "replace")).strip()
        for name, value in HEADER_LINE.findall(head[: blank.start() + 1])
    }
    length = headers.get("content-length", "")
    record = ArchiveRecord("", headers.get("warc-type", "").lower(), headers, b"", 0)
    return record, blank.end(), int(length) if length.isdecimal() and len(length) < 19 else None


def _parse_arc(match: re.Match[bytes]) -> tuple[ArchiveRecord, int, int | None]:
    url, date = match["url"].decode("utf-8", "replace"), match["date"].decode()
    created = f"{date[:4]}-{date[4:6]}-{date[6:8]}T{date[8:10]}:{date[10:12]}:{date[12:]}Z"
    headers = {"warc-target-uri": url, "warc-date": created, "content-type": match["mime"].decode("latin-1")}
    length = match["length"]
    record = ArchiveRecord("", "filedesc" if url.startswith("filedesc:") else "response", headers, b"", 0)
    return record, match.end(), int(length) if length.isdigit() and len(length) < 19 else None


def _find(content: BinaryIO, pattern: re.Pattern[bytes], offset: int) -> int | None:
    """Offset of the next record header at or after `offset`, which must not be the middle of a line."""
    window = 2**20
    while True:
        content.seek(max(offset - 1, 0))  # the line end before a header belongs to the match
        data = content.read(window + 2**13)
        # The pattern tries every position; the bytes alone are found ten times as fast.
        possible = pattern is START["arc"] or b"WARC/" in data
        if possible and (match := pattern.search(data, min(offset, 1))):
            return max(offset - 1, 0) + match.start()
        if len(data) < window + 2**13:
            return None
        offset += window


def _skip_newlines(content: BinaryIO, offset: int) -> int:
    while True:
        content.seek(offset)
        data = content.read(2**13)
        rest = data.lstrip(b"\r\n")
        offset += len(data) - len(rest)
        if rest or not data:
            return offset


def _is_prefix(head: bytes, kind: str) -> bool:
    """Whether a piece that ends with the file may be the beginning of a record header."""
    return kind == "arc" or head.startswith(b"WARC/"[: len(head)])


def framed_kind(stream: BinaryIO, codec: Codec, size: int) -> str | None:
    """The format of a file whose first frame is one record and no more; None for other files."""
    content, _, fault = frame(stream, codec, codec.first, MAX_BLOCK_BYTES)
    with content:
        kind = archive_kind(content.read(MAX_HEADER_BYTES))
        if fault is None:
            count = len(list(itertools.islice(plain_records(content, kind, whole=True), 2))) if kind else 0
            return kind if count == 1 else None
    for found in [kind] if kind else START:
        if next_frame(stream, codec, START[found], codec.first + 1, size) is not None:
            return found
    return None


def archive_kind(head: bytes) -> str | None:
    head = head.lstrip(b"\r\n")
    if head.startswith(b"WARC/"):
        return "warc"
    return "arc" if head.startswith(b"filedesc:") or START["arc"].match(head) else None


def truncated(offset: int | str) -> UnreadableFile:
    return UnreadableFile(
        f"the file ends in the middle of the record at byte {offset}: it is truncated; fetch it again"
    )
