"""Compressed streams and archives, opened without trust: sizes are bounded, paths never touch the disk.

Readers get plain bytes from here whatever the file is wrapped in. Damage becomes `UnreadableFile` with a sentence
that a person can act on, never a codec's own exception.
"""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import zstandard

from gristmill.curation.documents import UnreadableFile

MAX_MEMBER_BYTES = 256 * 2**20
"""A larger archive member is reported by its size and not read: no document may be larger (`max_document_bytes`)."""

MAX_MEMBERS = 5_000_000
"""More members than this in one archive is taken for an attack."""

SUFFIXES = (".gz", ".bz2", ".zst", ".xz")
"""Endings that name an outer compression; `bare_name` removes them."""


def bare_name(name: str) -> str:
    """The file name without its folder and outer compression, in lower case: `a/B.jsonl.gz` -> `b.jsonl`."""
    name = name.rsplit("/", 1)[-1].lower()
    for suffix in SUFFIXES:
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return name


def decompressed(stream: BinaryIO) -> BinaryIO:
    """The stream's bytes without their outer compression (gzip, bzip2, zstd, xz), told by magic number, not by name.

    An uncompressed stream comes back as it is, at its start. Reading raises UnreadableFile where the data is damaged
    or ends early.
    """
    head = stream.read(6)
    stream.seek(0)
    if head.startswith(b"\x1f\x8b"):
        raw = gzip.GzipFile(fileobj=stream)
    elif head.startswith(b"BZh"):
        raw = bz2.BZ2File(stream)
    elif head.startswith(b"\x28\xb5\x2f\xfd"):
        raw = _ZstdFrames(stream)
    elif head.startswith(b"\xfd7zXZ\0"):
        raw = lzma.LZMAFile(stream)
    else:
        return stream
    return io.BufferedReader(_Guarded(raw), buffer_size=2**20)


def head(stream: BinaryIO, size: int) -> bytes:
    """The first bytes of a stream's content without its compression, up to where it is damaged; leaves it at its start.

    For telling a format: a small file that is cut short must still give its records up to the cut. Raises
    UnreadableFile if not one byte can be had.
    """
    content = decompressed(stream)
    found = b""
    try:
        while len(found) < size and (piece := content.read(1) if not found else content.read1(size - len(found))):
            found += piece
    except UnreadableFile:
        if not found:
            raise
    stream.seek(0)
    return found


class _ZstdFrames:
    """Concatenated zstd frames as one stream. zstandard's own stream_reader ends a truncated frame in silence."""

    def __init__(self, stream: BinaryIO):
        self._stream = stream
        self._frame = zstandard.ZstdDecompressor(max_window_size=2**31).decompressobj()
        self._started = False  # whether the present frame has been given any byte
        self._ready = b""
        self._given = 0  # bytes of `_ready` that have been read

    def read1(self, size: int) -> bytes:
        while self._given == len(self._ready):
            # Little at a time: four bytes may unpack to 128 KiB.
            chunk = self._stream.read(2**11)
            if not chunk:
                if self._started:
                    raise EOFError
                return b""
            pieces = []
            while chunk:
                self._started = True
                pieces.append(self._frame.decompress(chunk))
                chunk = self._frame.unused_data
                if self._frame.eof:
                    self._frame = zstandard.ZstdDecompressor(max_window_size=2**31).decompressobj()
                    self._started = False
            self._ready, self._given = b"".join(pieces), 0
        data = self._ready[self._given : self._given + size]
        self._given += len(data)
        return data


class _Guarded(io.RawIOBase):
    """A decompressor whose errors are UnreadableFile."""

    def __init__(self, raw):
        self._raw = raw
        self._position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        try:
            # read1, not read: a read that meets the cut would take the bytes before it along.
            data = self._raw.read1(len(buffer))
        except EOFError:
            raise UnreadableFile(
                f"the compressed data ends early, after {self._position:,} bytes of content: the file is truncated; fetch it again"
            ) from None
        except (OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
            raise UnreadableFile(
                f"the compressed data is damaged after {self._position:,} bytes of content ({error}); fetch the file again"
            ) from error
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def members(stream: BinaryIO) -> Iterator[tuple[str, int, bytes | None]]:
    """Regular files of a tar (compressed or not) or zip archive as (name, size in bytes, content), in archive order.

    Nothing is written to disk, so a name such as `../../etc/passwd` is only a name. Links, devices and folders are
    passed over. Content is None for a member above MAX_MEMBER_BYTES, or whose bytes are damaged or encrypted.
    """
    head = stream.read(4)
    stream.seek(0)
    if head[:2] == b"PK":
        yield from _zip_members(stream)
    else:
        yield from _tar_members(decompressed(stream))


def _zip_members(stream: BinaryIO) -> Iterator[tuple[str, int, bytes | None]]:
    try:
        archive = zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise UnreadableFile(f"not a readable zip archive ({error}); fetch the file again") from error
    for number, info in enumerate(archive.infolist()):
        if number >= MAX_MEMBERS:
            raise UnreadableFile(f"more than {MAX_MEMBERS:,} members in one archive; unpack it first")
        if info.is_dir():
            continue
        if info.file_size > MAX_MEMBER_BYTES:
            yield info.filename, info.file_size, None
            continue
        try:
            with archive.open(info) as member:
                content = member.read(info.file_size + 1)
        except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError):
            content = None  # damaged, encrypted, or packed by a method that the standard library lacks
        yield info.filename, info.file_size, content


def _tar_members(stream: BinaryIO) -> Iterator[tuple[str, int, bytes | None]]:
    try:
        # Streaming mode: a tar in a pipe of ours cannot seek, and a bomb is met one member at a time.
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for number, info in enumerate(archive):
                if number >= MAX_MEMBERS:
                    raise UnreadableFile(f"more than {MAX_MEMBERS:,} members in one archive; unpack it first")
                if not info.isreg():
                    continue
                if info.size > MAX_MEMBER_BYTES:
                    yield info.name, info.size, None
                    continue
                member = archive.extractfile(info)
                assert member is not None
                yield info.name, info.size, member.read()
    except tarfile.TarError as error:
        raise UnreadableFile(f"not a readable tar archive ({error}); is it another format?") from error
