"""What posts of all formats share: replies below what they answer, dates, and the options of kind forum."""

import datetime
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Literal

from gristmill.curation.documents import UnreadableFile
from gristmill.curation.markup import plain_lines

MAX_THREAD_BYTES = 64 * 2**20
"""What a thread may hold in memory; its posts beyond are named drops, `thread_too_large`."""


@dataclass(frozen=True)
class ForumParams:
    """What a manifest may say under a forum source's `read:`."""

    comments: bool = False
    """Whether the comments of a Stack Exchange dump (`Comments.xml` beside `Posts.xml`) follow the posts they are on."""
    paths: Literal["best", "all"] = "best"
    """Which ways through a conversation tree are documents: that of the best ranked replies, or one for each leaf."""


def chunks(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """The stream in pieces of `size` bytes or a little more; where it is cut, all before the cut, then UnreadableFile.

    Not `read(size)`, which on a decompressor takes the bytes before a cut along.
    """
    pieces, length, broken = [], 0, None
    while True:
        try:
            piece = stream.read1(size)
        except UnreadableFile as error:
            piece, broken = b"", error
        pieces.append(piece)
        length += len(piece)
        if length >= size or (not piece and length):
            yield b"".join(pieces)
            pieces, length = [], 0
        if broken:
            raise broken
        if not piece:
            return


_UNWANTED = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ufffe\uffff]")


def without_unwanted(text: str) -> str:
    """The text without control characters and lone surrogates, its line ends as they are."""
    return _UNWANTED.sub("", text.encode("utf-8", "replace").decode())


def one_line(value: object) -> str:
    """A title or name as one tidy line; "" for what is no string."""
    return " ".join(plain_lines(value).split()) if isinstance(value, str) else ""


def said(author: str, words: str) -> str:
    """A post as it stands in a thread: who, a colon, and what on the next lines."""
    return f"{author or 'Unknown'}:\n{words}"


def iso_time(seconds: object) -> str | None:
    """Seconds since 1970 (also as decimal text) as ISO 8601 in UTC; None for anything else."""
    if isinstance(seconds, datetime.datetime):
        return seconds.isoformat()
    if isinstance(seconds, str) and re.fullmatch(r"[0-9]{1,11}(?:\.0*)?", seconds):
        seconds = int(seconds.partition(".")[0])
    if isinstance(seconds, float) and seconds.is_integer():
        seconds = int(seconds)
    if type(seconds) is not int or not 0 <= seconds < 2**36:
        return None
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat()


def reading_order(
    posts: Iterable[Hashable], parent_of: Callable, rank: Callable[[Hashable], object]
) -> Sequence[Hashable]:
    """All posts, each followed by its replies, siblings in order of `rank`; without recursion, whatever the depth.

    A post whose parent is not among them stands at the top. Of posts that answer each other in a circle, the first by
    rank is taken for the top.
    """
    posts = list(posts)
    known = set(posts)
    below: dict[Hashable, list] = {}
    tops = []
    for post in posts:
        parent = parent_of(post)
        (below.setdefault(parent, []) if parent in known and parent != post else tops).append(post)
    order: list[Hashable] = []
    seen: set[Hashable] = set()
    for start in (sorted(tops, key=rank), sorted(posts, key=rank)):
        for top in start:
            pending = [top]
            while pending:
                post = pending.pop()
                if post in seen:
                    continue
                seen.add(post)
                order.append(post)
                if post in below:
                    pending += sorted(below[post], key=rank, reverse=True)
        if len(order) == len(posts):
            break
    return order
