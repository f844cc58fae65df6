"""The files of a repository, whatever it is packed in: tar (gzip, bzip2, xz, zstd), zip, git bundle.

A repository may come from anybody: `archives` bounds what it unpacks to, and what is no regular file is named.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from gristmill.curation.archives import Member, all_members, head

_TAR_COMMIT = re.compile(rb"\d+ comment=([0-9a-f]{40})\n")
_ZIP_COMMENT = re.compile(rb"\x28\x00([0-9a-f]{40})\Z")  # its length, 40, stands before it
_HELD_BYTES = 64 * 2**20


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
        self._stream.seek(0)
        held: list[Member] | None = []
        size = 0
        for member in all_members(self._stream):
            size += len(member.content or b"")
            if size > _HELD_BYTES:
                held = None
            if held is not None:
                held.append(member)
            yield member
        self._held = held  # only of an archive that was read to its end


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
