"""Web archives as records: WARC (ISO 28500; also WET and WAT, which are WARC inside) and ARC, whole or damaged.

FastWARC reads. Where it gives up, and for what it does not know (ARC, records with bare line feeds), a careful reader
takes over for the rest of the file: frame by frame in compressed files, so that one damaged frame costs one record,
and by looking for the next record header where a length is wrong. Nothing is passed over in silence: what cannot be
read is a record with `damage`.

A frame is a gzip member or a zstd frame; archives hold one for each record, so that records can be addressed by the
offset of their frame. Files that were compressed as a whole are unpacked first and addressed by offsets in the content.
"""

import base64
import contextlib
import hashlib
import itertools
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

import zstandard
from fastwarc.warc import ArchiveIterator

from gristmill.curation.archives import decompressed
from gristmill.curation.documents import UnreadableFile

MAX_BLOCK_BYTES = 21 * 2**20
"""Bytes kept of a record's content: more than a page of the largest size and its HTTP header need."""

MAX_HEADER_BYTES = 2**16
MAX_FRAME_BYTES = 2**31
"""A frame that unpacks to more than this is taken for an attack, and skipped as damaged."""

SPOOL_BYTES = 2**25
"""Unpacked content beyond this goes to a temporary file."""

CONTENT_TYPES = ("response", "resource", "conversion")
"""The WARC types whose content is read; of the others (requests, metadata) only the header."""

GZIP, ZSTD, ZSTD_DICTIONARY = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x5d\x2a\x4d\x18"

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


def archive_records(stream: BinaryIO, start: int = 0, end: int | None = None) -> Iterator[ArchiveRecord]:
    """The records of an archive in file order; with `start` and `end` those whose offset lies in that range.

    Raises UnreadableFile at once for what is no web archive, and at the end of a truncated file.
    """
    size = stream.seek(0, 2)
    stream.seek(0)
    head = stream.read(8)
    if not head:
        raise UnreadableFile("the file is empty; fetch it again, or take it off the list")
    codec = _Codec.of(stream)
    if codec and (kind := _framed_kind(stream, codec, size)):
        first = _next_frame(stream, codec, START[kind], start, size) if start > codec.first else codec.first
        records = _framed(stream, codec, kind, first, size) if first is not None else iter(())
    else:
        records = _unframed(stream, head)
    for record in records:
        offset = int(record.offset.partition("+")[0])
        if end is not None and offset >= end:
            return
        if offset >= start:
            yield record


def digest_matches(record: ArchiveRecord) -> bool:
    """Whether the content is what WARC-Block-Digest says, or there is no digest that could be checked."""
    algorithm, _, expected = record.headers.get("warc-block-digest", "").partition(":")
    if algorithm.lower() not in ("sha1", "sha256", "md5") or len(record.block) < record.size:
        return True
    digest = hashlib.new(algorithm.lower(), record.block, usedforsecurity=False).digest()
    encodings = (
        base64.b32encode(digest).decode().rstrip("="),
        digest.hex().upper(),
        base64.b64encode(digest).decode().rstrip("="),
        base64.urlsafe_b64encode(digest).decode().rstrip("="),
    )
    expected = expected.strip().rstrip("=")
    return expected.upper() in encodings[:2] or expected in encodings[2:]


# Reading what is well formed


def _framed(stream: BinaryIO, codec: "_Codec", kind: str, start: int, size: int) -> Iterator[ArchiveRecord]:
    """Records of a file with a frame for each: by FastWARC up to the last, or up to the first that is not as it should.

    A record is held back until the next one's header was found where it must be. The last is read again by itself,
    which shows whether its frame is whole.
    """
    held, first = None, start  # `first` is the latest offset known to be the start of a frame
    if kind == "warc":
        stream.seek(start if start > codec.first else 0)  # a dictionary comes before the first frame
        with contextlib.suppress(OSError, ValueError):
            for raw in ArchiveIterator(stream, parse_http=False):
                record = _from_fastwarc(raw)
                if held:
                    yield held
                offset, inner = raw.stream_pos, 0
                if held and offset <= first:
                    inner = int(held.offset.partition("+")[2] or 0) + 1
                first = max(first, offset)
                held = replace(record, offset=f"{first}+{inner}" if inner else str(first))
    if held and "+" in held.offset:
        yield held
        content, first, _ = _frame(stream, codec, first, MAX_FRAME_BYTES)
        content.close()
    yield from _careful_frames(stream, codec, kind, first, size)


def _from_fastwarc(raw) -> ArchiveRecord:
    headers = {name.lower(): value for name, value in raw.headers.items()}
    kind = headers.get("warc-type", "").strip().lower()
    if not headers.get("content-length", "").strip().isdecimal() or not kind:
        raise ValueError("no length or type")
    block = raw.reader.read(MAX_BLOCK_BYTES) if kind in CONTENT_TYPES and raw.content_length else b""
    return ArchiveRecord("0", kind, headers, block, raw.content_length)


def _framed_kind(stream: BinaryIO, codec: "_Codec", size: int) -> str | None:
    """The format of a file whose first frame is one record and no more; None for other files."""
    content, _, fault = _frame(stream, codec, codec.first, MAX_BLOCK_BYTES)
    with content:
        kind = _kind(content.read(MAX_HEADER_BYTES))
        if fault is None:
            count = len(list(itertools.islice(_plain(content, kind, whole=True), 2))) if kind else 0
            return kind if count == 1 else None
    for found in [kind] if kind else START:
        if _next_frame(stream, codec, START[found], codec.first + 1, size) is not None:
            return found
    return None


def _unframed(stream: BinaryIO, head: bytes) -> Iterator[ArchiveRecord]:
    """Records of a file that is not compressed, or as a whole."""
    stream.seek(0)
    plain = decompressed(stream)
    cut = None
    with contextlib.ExitStack() as cleanup:
        if plain is not stream:
            content = cleanup.enter_context(tempfile.SpooledTemporaryFile(SPOOL_BYTES))
            try:
                shutil.copyfileobj(plain, content, 2**20)
            except UnreadableFile as error:
                cut = error
            content.seek(0)
        else:
            content = stream
        beginning = content.read(MAX_HEADER_BYTES)
        kind = _kind(beginning)
        if not kind:
            raise cut or UnreadableFile(
                f"not a web archive: it begins with {(beginning or head)[:24]!r}; this kind reads WARC, WET, WAT and ARC files, "
                "plain or compressed; check the path, or give the source the kind that reads it"
            )
        record = None
        for record in _plain(content, kind, whole=False):
            yield record
    if cut:
        raise cut
    if record and record.damage == "truncated_record":
        raise _truncated(record.offset)


def _truncated(offset: int | str) -> UnreadableFile:
    return UnreadableFile(
        f"the file ends in the middle of the record at byte {offset}: it is truncated; fetch it again"
    )


def _kind(head: bytes) -> str | None:
    head = head.lstrip(b"\r\n")
    if head.startswith(b"WARC/"):
        return "warc"
    return "arc" if head.startswith(b"filedesc:") or START["arc"].match(head) else None


# Reading what is not


def _careful_frames(stream: BinaryIO, codec: "_Codec", kind: str, offset: int, size: int) -> Iterator[ArchiveRecord]:
    while offset < size:
        content, end, fault = _frame(stream, codec, offset, MAX_FRAME_BYTES)
        after = end
        if fault:
            after = _next_frame(stream, codec, START[kind], offset + 1, size)
            fault = fault if after is None else "corrupt_record"
        count = 0
        with content:
            for record in _plain(content, kind, whole=fault is None):
                name = f"{offset}+{count}" if count else str(offset)
                damage = fault if record.damage or fault == "corrupt_record" else None
                yield replace(record, offset=name, damage=damage)
                count += 1
        if fault and not count and not (after is None and _is_padding(stream, offset)):
            yield ArchiveRecord(str(offset), "", {}, b"", (after or size) - offset, fault)
        if fault == "truncated_record":
            raise _truncated(offset)
        if after is None:
            return
        offset = after


def _plain(content: BinaryIO, kind: str, whole: bool) -> Iterator[ArchiveRecord]:
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
        match = pattern.search(data, min(offset, 1))
        if match:
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


def _is_padding(stream: BinaryIO, offset: int) -> bool:
    """Whether nothing but zeros follows; tapes and some file systems leave them behind the last gzip member."""
    stream.seek(offset)
    while data := stream.read(2**20):
        if data.strip(b"\0"):
            return False
    return True


# Frames


@dataclass(frozen=True, slots=True)
class _Codec:
    """How the frames of a file are compressed."""

    magic: bytes
    first: int  # offset of the first frame
    dictionary: zstandard.ZstdCompressionDict | None = None

    @staticmethod
    def of(stream: BinaryIO) -> "_Codec | None":
        """The codec of a gzip or zstd file, with the dictionary that a .warc.zst may carry in front; else None."""
        stream.seek(0)
        head = stream.read(8)
        if head.startswith(GZIP):
            return _Codec(GZIP, 0)
        if head.startswith(ZSTD):
            return _Codec(ZSTD, 0)
        if not head.startswith(ZSTD_DICTIONARY):
            return None
        length = int.from_bytes(head[4:8], "little")
        data = stream.read(min(length, 2**27))
        try:
            if data.startswith(ZSTD):
                data = zstandard.ZstdDecompressor().decompress(data, max_output_size=2**27)
            return _Codec(ZSTD, 8 + length, zstandard.ZstdCompressionDict(data))
        except zstandard.ZstdError as error:
            raise UnreadableFile(f"the file's zstd dictionary is damaged ({error}); fetch it again") from error

    def decompressor(self):
        if self.magic == GZIP:
            return zlib.decompressobj(31)
        return zstandard.ZstdDecompressor(dict_data=self.dictionary, max_window_size=2**31).decompressobj()


def _frame(
    stream: BinaryIO, codec: _Codec, offset: int, limit: int
) -> tuple[tempfile.SpooledTemporaryFile, int, str | None]:
    """The content of the frame at `offset`, where the frame ends, and its fault: the name of a damage, or None."""
    content = tempfile.SpooledTemporaryFile(SPOOL_BYTES)
    decompressor = codec.decompressor()
    stream.seek(offset)
    fault, end = None, offset
    while not decompressor.eof:
        chunk = stream.read(2**12)  # an error costs what this chunk unpacks to
        if not chunk:
            fault = "truncated_record"
            break
        try:
            content.write(decompressor.decompress(chunk))
        except (zlib.error, zstandard.ZstdError):
            fault = "corrupt_record"
            break
        end += len(chunk)
        if content.tell() > limit:
            fault = "corrupt_record"
            break
    content.seek(0)
    return content, end - len(decompressor.unused_data or b""), fault


def _next_frame(stream: BinaryIO, codec: _Codec, pattern: re.Pattern[bytes], offset: int, size: int) -> int | None:
    """Offset of the next frame that begins with a record header, at or after `offset`."""
    window = 2**20
    offset = max(offset, codec.first)
    while offset < size:
        stream.seek(offset)
        data = stream.read(window + 2**13)
        at = data.find(codec.magic)
        while 0 <= at < window:
            try:
                head = codec.decompressor().decompress(data[at : at + 2**13])
            except (zlib.error, zstandard.ZstdError):
                head = b""
            if pattern.match(head.lstrip(b"\r\n")) or head.startswith(b"WARC/"):
                return offset + at
            at = data.find(codec.magic, at + 1)
        offset += window
    return None
