"""Frames of compressed archives: gzip members and zstd frames, one for each record, found and unpacked one by one.

Archives hold a frame for each record so that records can be addressed by offset. It also bounds damage: a frame that
does not unpack costs what is in it, and the next is found by its magic number and the record header inside.
"""

import re
import tempfile
import zlib
from dataclasses import dataclass
from typing import BinaryIO

import zstandard

from gristmill.curation.documents import UnreadableFile

MAX_FRAME_BYTES = 2**33
"""A frame that unpacks to more than this is skipped as damaged."""

BOMB_BYTES = 2**28
BOMB_RATIO = 200
"""What unpacks to more than BOMB_BYTES, and to more than this times its size, is taken for an attack."""

SPOOL_BYTES = 2**25
"""Unpacked content beyond this goes to a temporary file."""

GZIP, ZSTD, ZSTD_DICTIONARY = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x5d\x2a\x4d\x18"


def is_bomb(packed: int, unpacked: int) -> bool:
    """Whether so many bytes should not come of so few."""
    return unpacked > BOMB_BYTES and unpacked > BOMB_RATIO * packed


@dataclass(frozen=True, slots=True)
class Codec:
    """How the frames of a file are compressed."""

    magic: bytes
    first: int  # offset of the first frame
    dictionary: zstandard.ZstdCompressionDict | None = None

    @staticmethod
    def of(stream: BinaryIO) -> "Codec | None":
        """The codec of a gzip or zstd file, with the dictionary that a .warc.zst may carry in front; else None."""
        stream.seek(0)
        head = stream.read(8)
        if head.startswith(GZIP):
            return Codec(GZIP, 0)
        if head.startswith(ZSTD):
            return Codec(ZSTD, 0)
        if not head.startswith(ZSTD_DICTIONARY):
            return None
        length = int.from_bytes(head[4:8], "little")
        data = stream.read(min(length, 2**27))
        try:
            if data.startswith(ZSTD):
                data = zstandard.ZstdDecompressor().decompress(data, max_output_size=2**27)
            return Codec(ZSTD, 8 + length, zstandard.ZstdCompressionDict(data))
        except zstandard.ZstdError as error:
            raise UnreadableFile(f"the file's zstd dictionary is damaged ({error}); fetch it again") from error

    def decompressor(self):
        if self.magic == GZIP:
            return zlib.decompressobj(31)
        return zstandard.ZstdDecompressor(dict_data=self.dictionary, max_window_size=2**31).decompressobj()


def frame(
    stream: BinaryIO, codec: Codec, offset: int, limit: int = MAX_FRAME_BYTES
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
        if content.tell() > limit or is_bomb(end - offset, content.tell()):
            fault = "corrupt_record"
            break
    content.seek(0)
    return content, end - len(decompressor.unused_data or b""), fault


def next_frame(stream: BinaryIO, codec: Codec, pattern: re.Pattern[bytes], offset: int, size: int) -> int | None:
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
