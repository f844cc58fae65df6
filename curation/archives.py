"""Compressed streams and archives, opened without trust: sizes are bounded, paths never touch the disk.

Readers get plain bytes from here whatever the file is wrapped in. Damage becomes `UnreadableFile` with a sentence
that a person can act on, never a codec's own exception.
"""

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import zstandard

from gristmill.curation.documents import UnreadableFile

MAX_MEMBER_BYTES = 256 * 2**20
"""A larger archive member is reported by its size and not read: no document may be larger (`max_document_bytes`)."""

MAX_MEMBERS = 5_000_000
"""More members than this in one archive is taken for an attack."""

BOMB_BYTES = 64 * 2**20
BOMB_RATIO = 500
"""An archive that unpacks to more than BOMB_BYTES, and to so many times its size, is taken for an attack."""

MAX_HEADER_BYTES = 16 * 2**20
"""The header of a tar member is shorter: long names and extended fields are read into memory."""

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


class Budget:
    """How much a file may still unpack to, in bytes, shared by all archives inside each other."""

    def __init__(self, size: int):
        self.left = max(BOMB_BYTES, BOMB_RATIO * size)

    @classmethod
    def of(cls, stream: BinaryIO) -> "Budget":
        """The budget of a file, which is left at its start."""
        size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        return cls(size)

    def spend(self, size: int) -> None:
        """Count bytes that were unpacked, or are about to be; raises UnreadableFile where they are too many."""
        self.left -= size
        if self.left < 0:
            raise UnreadableFile(
                f"the archive unpacks to more than {BOMB_RATIO} times its size: a bomb? unpack it first if it is yours"
            )

    @property
    def is_spent(self) -> bool:
        """Whether more was asked for than there was."""
        return self.left < 0


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an archive."""

    path: str
    """Its name there, without lone surrogates; only a name, whatever it points to."""
    size: int
    """In bytes."""
    content: bytes | None
    """None for a member above MAX_MEMBER_BYTES, damaged, encrypted, or no regular file."""
    kind: str = "file"
    """`file`, `link` or `special` (a device, a pipe). Folders are no members."""


def all_members(stream: BinaryIO, budget: Budget | None = None) -> Iterator[Member]:
    """The members of a tar (compressed or not) or zip archive, in archive order.

    Nothing is written to disk, so a name such as `../../etc/passwd` is only a name. Raises UnreadableFile, after the
    members before it, where the archive is damaged or cut short, or unpacks to more than its budget: `Budget.of` the
    stream, or for an archive inside another what that one has left.
    """
    budget = budget or Budget.of(stream)
    magic = stream.read(2)
    stream.seek(0)
    found = _zip_members(stream, budget) if magic == b"PK" else _tar_members(decompressed(stream), budget)
    for number, member in enumerate(found):
        if number >= MAX_MEMBERS:
            raise UnreadableFile(f"more than {MAX_MEMBERS:,} members in one archive; unpack it first")
        yield member
        budget.spend(0)  # archives inside this one may have used it up


def members(stream: BinaryIO, budget: Budget | None = None) -> Iterator[tuple[str, int, bytes | None]]:
    """Regular files of an archive as (name, size in bytes, content); otherwise as `all_members`.

    Content is None for a member above MAX_MEMBER_BYTES, or whose bytes are damaged or encrypted.
    """
    for member in all_members(stream, budget):
        if member.kind == "file":
            yield member.path, member.size, member.content


def _name(raw: str) -> str:
    """A member's name as text; bytes that are no UTF-8 become U+FFFD."""
    return raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _zip_members(stream: BinaryIO, budget: Budget) -> Iterator[Member]:
    try:
        archive = zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
        raise UnreadableFile(f"not a readable zip archive ({error}); fetch the file again") from error
    for info in archive.infolist():
        if info.is_dir():
            continue
        name = _name(info.filename)
        if stat.S_ISLNK(info.external_attr >> 16):
            yield Member(name, 0, None, "link")
            continue
        content = None
        if info.file_size <= MAX_MEMBER_BYTES:
            budget.spend(info.file_size)
            try:
                with archive.open(info) as member:
                    content = member.read(info.file_size + 1)
            except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError, ValueError):
                content = None  # damaged, encrypted, or packed by a method that the standard library lacks
        yield Member(name, info.file_size, content)


class _Metered:
    """A tar's bytes, counted: headers and members that are passed over cost as much as those that are read."""

    def __init__(self, stream: BinaryIO, budget: Budget):
        self._stream = stream
        self._budget = budget
        self._position = 0
        self.allowed = MAX_HEADER_BYTES  # the byte up to which the tar may be read now

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._position += len(data)
        self._budget.spend(len(data))
        if self._position > self.allowed:
            raise UnreadableFile(f"a tar header of more than {MAX_HEADER_BYTES:,} bytes; is the archive damaged?")
        return data


def _tar_members(stream: BinaryIO, budget: Budget) -> Iterator[Member]:
    metered = _Metered(stream, budget)
    try:
        # Streaming mode: a tar in a pipe of ours cannot seek, and a bomb is met one member at a time.
        with tarfile.open(fileobj=metered, mode="r|", errors="surrogateescape") as archive:
            for info in archive:
                archive.members = []  # tarfile keeps every header it has seen
                metered.allowed = archive.offset + MAX_HEADER_BYTES  # the end of this member, and the next header
                name = _name(info.name)
                if info.issym() or info.islnk():
                    yield Member(name, 0, None, "link")
                elif not info.isreg():
                    if not info.isdir():
                        yield Member(name, 0, None, "special")
                elif info.size > MAX_MEMBER_BYTES:
                    yield Member(name, info.size, None)
                else:
                    member = archive.extractfile(info)
                    assert member is not None
                    yield Member(name, info.size, member.read())
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise UnreadableFile(f"not a readable tar archive ({error}); is it another format, or cut off?") from error
