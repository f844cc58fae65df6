"""Talk between people, one document per thread: Stack Exchange and Reddit dumps, mail, OpenAssistant, Hacker News, IRC.

`read` tells the format by the content, opens archives member by member, and hands over to the module that knows the
format.
"""

import io
import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import BinaryIO

from gristmill.curation import archives
from gristmill.curation.archives import bare_name, members
from gristmill.curation.documents import (
    Extracted,
    NotDocument,
    ReadOptions,
    Record,
    Unextracted,
    UnreadableFile,
)
from gristmill.curation.forum import conversations, hackernews, irc, mail, reddit, stackexchange
from gristmill.curation.forum.mbox import FROM_LINE
from gristmill.curation.forum.message import HEADER
from gristmill.curation.forum.posts import ForumParams
from gristmill.curation.forum.rows import parquet_columns
from gristmill.curation.forum.stackexchange_rows import table_of

VERSION = 3

PARAMS = ForumParams

FORMATS = ("stackexchange", "mbox", "eml", "oasst", "hackernews", "reddit", "irc")
"""What `format` of a forum source can be; without it, the content tells. Archives (tar, zip) may hold any of them."""

_READERS = {
    "stackexchange": stackexchange.read,
    "mbox": mail.read,
    "eml": mail.read_message,
    "oasst": conversations.read,
    "hackernews": hackernews.read,
    "reddit": reddit.read,
    "irc": irc.read,
}

_HEAD_BYTES = 2**16
_HEADERS = frozenset(
    (b"from", b"date", b"subject", b"message-id", b"received", b"newsgroups", b"return-path", b"mime-version")
)


def beside(path: str, params: ForumParams) -> list[str]:
    """The table of comments beside a table of posts, if the manifest wants comments."""
    wanted = params.comments and "posts" in bare_name(path) and "://" not in path
    return [stackexchange.comments_name(path)] if wanted else []


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """The threads of one file, each a document; see FORMATS.

    In a tar or zip archive each member is read as a file of its own: its name comes before `#` in the record, or is
    the record where the member is one document. Members of no known format are counted as `unknown_member`, tables of
    a Stack Exchange dump that hold no posts as `stackexchange_users` and the like. Raises UnreadableFile where the
    content is of no known format, or damaged.
    """
    head = archives.head(stream, _HEAD_BYTES)
    if not head:
        raise UnreadableFile("the file is empty")
    if head[257:262] == b"ustar" or head.startswith(b"PK\x03\x04"):
        yield from _archive(stream, options)
        return
    table = table_of(head)
    if table not in (None, "posts") and not options.format:
        yield NotDocument(f"stackexchange_{table}")
        return
    if head.startswith(b"PAR1"):
        format = options.format or _table_format(set(parquet_columns(stream)))
    else:
        format = options.format or detect(head, name)
    if format not in FORMATS:
        raise UnreadableFile(_unknown(head, options.format))
    yield from _READERS[format](stream, name, options)


def detect(head: bytes, name: str) -> str | None:
    """The format of a file, told by its first bytes (uncompressed); the name decides only for `.eml` and `.mbox`."""
    if table_of(head) == "posts":
        return "stackexchange"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    line = start.partition(b"\n")[0]
    if start.startswith(b"{"):
        return _table_format({key.decode() for key in re.findall(rb'"(\w{1,40})"\s*:', line)})
    if FROM_LINE.fullmatch(line):
        return "mbox"
    base = bare_name(name)
    if base.endswith(".eml") or _is_message(start):
        return "eml"
    if base.endswith((".mbox", ".mbx")) and b"\nFrom " in head:
        return "mbox"
    return "irc" if irc.is_log(start.decode("utf-8", "replace")) else None


def _table_format(keys: set[str]) -> str | None:
    """The format of a table's rows, told by the names of their fields."""
    if {"message_id", "text", "role"} <= keys:
        return "oasst"
    if "subreddit" in keys and ({"body", "link_id"} <= keys or "title" in keys):
        return "reddit"
    if {"id", "type"} <= keys and keys & {"by", "kids", "parent", "descendants", "deleted", "dead"}:
        return "hackernews"
    return None


def _is_message(start: bytes) -> bool:
    """Whether a file begins with the headers of a mail or of a newsgroup's article."""
    headers = re.split(rb"\r?\n\r?\n", start, maxsplit=1)[0]
    names = {
        found[0].rstrip(b": \t\r\n").lower() for line in headers.split(b"\n") if (found := HEADER.match(line + b"\n"))
    }
    return bool(HEADER.match(start)) and len(_HEADERS & names) >= 2


def _unknown(head: bytes, format: str | None) -> str:
    if format:
        return f"{format!r} is no format of a forum; set format to one of {', '.join(FORMATS)}"
    if head.startswith(b"7z\xbc\xaf'\x1c"):
        return (
            "a 7z archive, as Stack Exchange publishes them, cannot be read directly: unpack it into a folder that names"
            " the site (7z x FILE -obeer.stackexchange.com) and name the folder's Posts.xml"
        )
    seen = head[:60].decode("utf-8", "replace")
    if head.startswith(b"PAR1"):
        advice = " (a parquet file whose columns are those of no format)"
    elif keys := _keys_of_first_line(head):
        advice = f" (JSON lines with the keys {', '.join(keys)}, which are those of no format)"
    elif head.lstrip()[:1] in (b"[", b"{"):
        advice = " (a JSON array or object over several lines: write one object per line)"
    else:
        advice = ""
    return f"the content, which begins {seen!r}{advice}, is none of {', '.join(FORMATS)}; set format, or another kind for this source"


def _keys_of_first_line(head: bytes) -> list[str]:
    """The names in the object of the first line, at most twelve; none if that line is no object."""
    line = head.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")[0]
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return []
    return [repr(key[:40]) for key in list(row)[:12]] if isinstance(row, dict) else []


def _archive(stream: BinaryIO, options: ReadOptions) -> Iterator[Record]:
    wants_comments = (options.params or ForumParams()).comments
    with ExitStack() as stack:
        comments = _comments(stream, stack) if wants_comments else {}
        for name, size, content in members(stream):
            if content is None:
                yield Unextracted(name, "unreadable_member", value=size)
                continue
            try:
                for record in _member(name, content, options, comments):
                    yield _inside(name, record)
            except UnreadableFile:
                yield Unextracted(name, "damaged_member")


def _comments(stream: BinaryIO, stack: ExitStack) -> dict[str, BinaryIO]:
    """The tables of comments in an archive, by name, on disk: in a tar they may stand before or behind their posts."""
    found = {}
    for name, _, content in members(stream):
        if content is not None and table_of(content[:_HEAD_BYTES]) == "comments":
            found[name] = stack.enter_context(tempfile.TemporaryFile())
            found[name].write(content)
            found[name].seek(0)
    stream.seek(0)
    return found


def _member(name: str, content: bytes, options: ReadOptions, comments: dict[str, BinaryIO]) -> Iterator[Record]:
    if name.endswith(".annotation.txt"):  # of the collection irc-disentanglement
        yield NotDocument("irc_annotation")
        return
    head = archives.head(io.BytesIO(content), _HEAD_BYTES)
    table = table_of(head)
    if table not in (None, "posts"):
        yield NotDocument(f"stackexchange_{table}")
        return
    format = options.format or (
        _table_format(set(parquet_columns(io.BytesIO(content)))) if head.startswith(b"PAR1") else detect(head, name)
    )
    if format not in FORMATS or not content:
        yield NotDocument("unknown_member")
    elif format == "stackexchange":
        beside = comments.get(stackexchange.comments_name(name), io.BytesIO(b"<comments/>"))
        yield from stackexchange.read(io.BytesIO(content), name, options, beside)
    else:
        yield from _READERS[format](io.BytesIO(content), name, options)


def _inside(member: str, record: Record) -> Record:
    """A member's record with the member's name in its place."""
    if isinstance(record, NotDocument):
        return record
    place = f"{member}#{record.record}" if record.record else member
    if isinstance(record, Unextracted):
        return Unextracted(place, record.rule, record.value, record.url, record.title)
    return Extracted(place, record.text, record.url, record.title, record.created, record.licence, record.meta)
