"""The files of a repository, whatever it is packed in: tar (gzip, bzip2, xz, zstd), zip, git bundle.

Nothing is written to disk under a member's name, sizes are bounded, and what is no regular file is named: a repository
may come from anybody.
"""

import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from gristmill.curation.archives import MAX_MEMBER_BYTES, MAX_MEMBERS, decompressed, head
from gristmill.curation.documents import UnreadableFile

BOMB_BYTES = 2**30
BOMB_RATIO = 500
"""An archive of more than BOMB_BYTES that is so many times larger than its file is taken for an attack."""

_TAR_COMMIT = re.compile(rb"\d+ comment=([0-9a-f]{40})\n")
_ZIP_COMMENT = re.compile(rb"\x28\x00([0-9a-f]{40})\Z")  # its length, 40, stands before it
_HELD_BYTES = 64 * 2**20


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


class Repository:
    """The members of an archive, twice if need be: a small one is kept from the first time."""

    def __init__(self, stream: BinaryIO):
        self._stream = stream
        self._held: list[Member] | None = None

    def __iter__(self) -> Iterator[Member]:
        """Members in archive order. Raises UnreadableFile where the archive is damaged, after those before it."""
        if self._held is not None:
            yield from self._held
            return
        held: list[Member] | None = []
        size = 0
        for member in _members(self._stream):
            size += len(member.content or b"")
            if size > _HELD_BYTES:
                held = None
            if held is not None:
                held.append(member)
            yield member
        self._held = held  # only of an archive that was read to its end


def _members(stream: BinaryIO) -> Iterator[Member]:
    limit = max(BOMB_BYTES, BOMB_RATIO * stream.seek(0, 2))
    stream.seek(0)
    magic = stream.read(2)
    stream.seek(0)
    found = _zip_members(stream) if magic == b"PK" else _tar_members(decompressed(stream))
    total = 0
    for number, member in enumerate(found):
        total += member.size
        if number >= MAX_MEMBERS:
            raise UnreadableFile(f"more than {MAX_MEMBERS:,} members in one archive; unpack it first")
        yield member
        if total > limit:
            raise UnreadableFile(
                f"the archive unpacks to more than {BOMB_RATIO} times its size, after {total:,} bytes: a bomb? unpack it first"
            )


def _name(raw: str) -> str:
    """A member's name as text; bytes that are no UTF-8 become U+FFFD."""
    return raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _zip_members(stream: BinaryIO) -> Iterator[Member]:
    try:
        archive = zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
        raise UnreadableFile(f"not a readable zip archive ({error}); fetch the file again") from error
    for info in archive.infolist():
        if info.is_dir():
            continue
        name = _name(info.filename)
        mode = info.external_attr >> 16
        if stat.S_ISLNK(mode):
            yield Member(name, 0, None, "link")
            continue
        content = None
        if info.file_size <= MAX_MEMBER_BYTES:
            try:
                with archive.open(info) as member:
                    content = member.read(info.file_size + 1)
            except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError, ValueError):
                content = None  # damaged, encrypted, or packed by a method that the standard library lacks
        yield Member(name, info.file_size, content)


def _tar_members(stream: BinaryIO) -> Iterator[Member]:
    try:
        # Streaming mode: a tar in a pipe of ours cannot seek, and a bomb is met one member at a time.
        with tarfile.open(fileobj=stream, mode="r|", errors="surrogateescape") as archive:
            for info in archive:
                archive.members = []  # tarfile keeps every header it has seen
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


def commit_of(stream: BinaryIO) -> str | None:
    """The commit that `git archive` (and so GitHub) writes into a tar's first header or a zip's comment, 40 hex digits."""
    stream.seek(0)
    if stream.read(2) == b"PK":
        stream.seek(max(0, stream.seek(0, 2) - 64))
        match = _ZIP_COMMENT.search(stream.read())
    else:
        stream.seek(0)
        match = _TAR_COMMIT.search(head(stream, 2_048))
    return match[1].decode("ascii") if match else None
