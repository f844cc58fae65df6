"""Talk between people, one document per thread: Stack Exchange dumps, mail archives, OpenAssistant, Hacker News, IRC.

`read` tells the format by the content, opens archives member by member, and hands over to the module that knows the
format. Hacker News (items of its API as JSON lines) and IRC (day logs) are read here.
"""

import datetime
import io
import re
from collections.abc import Iterator
from typing import BinaryIO

from gristmill.curation.archives import bare_name, decompressed, members
from gristmill.curation.documents import (
    Extracted,
    NotDocument,
    ReadOptions,
    Record,
    Unextracted,
    UnreadableFile,
)
from gristmill.curation.forum import conversations, mail, stackexchange
from gristmill.curation.forum.stackexchange import html_text, tidy

VERSION = 1

FORMATS = ("stackexchange", "mbox", "eml", "oasst", "hackernews", "irc")
"""What `format` of a forum source can be; without it, the content tells. Archives (tar, zip) may hold any of them."""

_HEAD_BYTES = 2**16


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """The threads of one file, each a document; see FORMATS.

    In a tar or zip archive each member is read as a file of its own: its name comes before `#` in the record, or is
    the record where the member is one document. Members of no known format are counted as `unknown_member`. Raises
    UnreadableFile where the content is of no known format, or damaged.
    """
    head = _head(stream)
    if not head:
        raise UnreadableFile("the file is empty")
    if head[257:262] == b"ustar" or head.startswith(b"PK\x03\x04"):
        yield from _archive(stream, options)
        return
    format = options.format or detect(head, name)
    if format not in FORMATS:
        raise UnreadableFile(_unknown(head, options.format))
    yield from _READERS[format](stream, name, options)


def _head(stream: BinaryIO) -> bytes:
    """The first bytes of the content, as many as can be had where the file is truncated soon; rewinds the stream."""
    reader = decompressed(stream)
    head = b""
    try:
        while len(head) < _HEAD_BYTES and (chunk := reader.read(2**12)):
            head += chunk
    except UnreadableFile:
        if not head:
            raise
    stream.seek(0)
    return head


def detect(head: bytes, name: str) -> str | None:
    """The format of a file, told by its first bytes (uncompressed); the name decides only for `.eml` and `.mbox`."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    line = start.partition(b"\n")[0]
    if start.startswith((b"<?xml", b"<posts")) and b"<posts" in head:
        return "stackexchange"
    if start.startswith(b"{"):
        return _json_format(line)
    if mail.FROM_LINE.fullmatch(line):
        return "mbox"
    if len(_IRC_LINE.findall(head)) * 2 > head.count(b"\n") > 0 or _IRC_LINE.fullmatch(line):
        return "irc"
    base = bare_name(name)
    if base.endswith(".eml") or _is_message(start):
        return "eml"
    return "mbox" if base.endswith((".mbox", ".mbx")) and b"\nFrom " in head else None


def _json_format(line: bytes) -> str | None:
    keys = set(re.findall(rb'"(\w+)"\s*:', line))
    if {b"message_id", b"text", b"role"} <= keys:
        return "oasst"
    if {b"id", b"type"} <= keys and keys & {b"by", b"kids", b"parent", b"descendants", b"deleted", b"dead"}:
        return "hackernews"
    return None


def _is_message(start: bytes) -> bool:
    """Whether a file begins with the headers of a mail or of a newsgroup's article."""
    headers = re.split(rb"\r?\n\r?\n", start, maxsplit=1)[0]
    names = [
        found[0].rstrip(b": \t\r\n").lower()
        for line in headers.split(b"\n")
        if (found := mail.HEADER.match(line + b"\n"))
    ]
    known = {
        b"from",
        b"date",
        b"subject",
        b"message-id",
        b"received",
        b"newsgroups",
        b"return-path",
        b"mime-version",
    }
    return bool(mail.HEADER.match(start)) and len(known.intersection(names)) >= 2


def _unknown(head: bytes, format: str | None) -> str:
    if format:
        return f"{format!r} is no format of a forum; set format to one of {', '.join(FORMATS)}"
    if head.startswith(b"7z\xbc\xaf'\x1c"):
        return "a 7z archive, as Stack Exchange publishes them, cannot be read directly; unpack it (7z x FILE) and name its Posts.xml"
    seen = head[:60].decode("utf-8", "replace")
    advice = (
        " (a JSON array or object over several lines: write one object per line)"
        if head.lstrip()[:1] in (b"[", b"{")
        else ""
    )
    return f"the content, which begins {seen!r}{advice}, is none of {', '.join(FORMATS)}; set format, or another kind for this source"


def _archive(stream: BinaryIO, options: ReadOptions) -> Iterator[Record]:
    for name, size, content in members(stream):
        if content is None:
            yield Unextracted(name, "unreadable_member", value=size)
            continue
        format = (
            "irc_annotation"
            if name.endswith(".annotation.txt")
            else options.format or detect(content[:_HEAD_BYTES], name)
        )
        if format not in FORMATS or not content:
            yield NotDocument(format if format == "irc_annotation" else "unknown_member")
            continue
        try:
            for record in _READERS[format](io.BytesIO(content), name, options):
                yield _inside(name, record)
        except UnreadableFile:
            yield Unextracted(name, "damaged_member")


def _inside(member: str, record: Record) -> Record:
    """A member's record with the member's name in its place."""
    if isinstance(record, NotDocument):
        return record
    place = f"{member}#{record.record}" if record.record else member
    if isinstance(record, Unextracted):
        return Unextracted(place, record.rule, record.value, record.url, record.title)
    return Extracted(place, record.text, record.url, record.title, record.created, record.licence, record.meta)


# --- Hacker News: https://github.com/HackerNews/API ---

_STARTERS = ("story", "job", "poll")  # items that begin a thread


def _read_hackernews(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """One document per story, job or poll with its comments, each below what it answers; the record is the id.

    All items are held until the end of the file, since comments come in any order.
    """
    items: dict[int, dict] = {}
    broken = None
    try:
        for number, row in conversations.json_rows(decompressed(stream)):
            if not isinstance(row, dict) or type(row.get("id")) is not int:
                yield Unextracted(f"row{number}", "malformed_row" if row is not None else "malformed_json")
            elif row["id"] in items:
                yield Unextracted(f"{row['id']}@row{number}", "duplicate_id")
            else:
                items[row["id"]] = row
    except UnreadableFile as error:
        broken = error
    children: dict[int, list[int]] = {}
    for identity, item in items.items():
        if type(item.get("parent")) is int:
            children.setdefault(item["parent"], []).append(identity)
    verdicts: dict[int, Record] = {}
    for identity, item in items.items():
        if item.get("type") in _STARTERS:
            thread = _comments(identity, items, children)
            verdicts.update((comment, NotDocument("comment_in_thread")) for comment in thread)
            verdicts[identity] = _story(item, [items[comment] for comment in thread])
    for identity, item in items.items():
        if identity in verdicts:
            yield verdicts[identity]
        elif item.get("type") == "comment":
            yield Unextracted(str(identity), "orphan_comment")
        else:
            yield NotDocument(tidy(str(item.get("type") or "item_without_type"))[:40])
    if broken:
        raise broken


def _comments(root: int, items: dict[int, dict], children: dict[int, list[int]]) -> list[int]:
    """Ids of all comments below an item, each followed by its replies; siblings as the site ranks them (`kids`)."""
    order, pending, seen = [], [root], {root}
    while pending:
        identity = pending.pop()
        if identity != root:
            order.append(identity)
        kids = items[identity].get("kids")
        ranks = {kid: rank for rank, kid in enumerate(kids) if type(kid) is int} if isinstance(kids, list) else {}
        below = [
            child for child in children.get(identity, []) if child not in seen and items[child].get("type") == "comment"
        ]
        seen.update(below)
        pending += sorted(below, key=lambda child: (ranks.get(child, len(ranks)), child), reverse=True)
    return order


def _story(item: dict, comments: list[dict]) -> Record:
    """The story as text: its title and words, then `name:` and the words of each comment."""
    record = str(item["id"])
    url = f"https://news.ycombinator.com/item?id={record}"
    if item.get("deleted") or item.get("dead"):
        return Unextracted(record, "deleted", url=url)
    title = " ".join(_string(item, "title").split())
    posts = []
    for comment in comments:
        words = "" if comment.get("deleted") or comment.get("dead") else html_text(_string(comment, "text"))
        if words:
            posts.append(f"{_string(comment, 'by') or 'Unknown'}:\n{words}")
    text = "\n\n".join(filter(None, [title, html_text(_string(item, "text")), *posts]))
    if not text:
        return Unextracted(record, "empty_text", url=url)
    meta: dict[str, object] = {"type": item["type"], "comments": len(posts)}
    if type(item.get("score")) is int:
        meta["score"] = item["score"]
    if _string(item, "url"):
        meta["link"] = _string(item, "url")
    return Extracted(record, text, url, title or None, _time(item.get("time")), None, meta)


def _string(item: dict, key: str) -> str:
    value = item.get(key)
    return tidy(value).strip() if isinstance(value, str) else ""


def _time(seconds: object) -> str | None:
    """Seconds since 1970 as ISO 8601 in UTC."""
    if type(seconds) is not int or not 0 <= seconds < 2**36:
        return None
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat()


# --- IRC: day logs, as irssi and the channel bots of Ubuntu write them ---

_STAMP = rb"\[?\d{1,2}:\d\d(?::\d\d)?\]?"
_IRC_LINE = re.compile(rb"^(?:" + _STAMP + rb" +(?:<[^<>\n]{1,40}>|\* \S).*|=== .*)$", re.MULTILINE)
_EVENT = re.compile(
    rb"(?:" + _STAMP + rb" +)?(?:(?:-!-|\*\*\*|<?-->?|==) |=== (?:\S+ \[|.*(?: has (?:joined|left|quit)"
    rb"|is now known as|mode/[#\w]|set the topic|^=== Topic |Now talking )))"
)
_DAY = re.compile(r"(?<!\d)(\d{4})-?(\d\d)-?(\d\d)(?!\d)")


def _read_irc(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """A day's log as one document, its lines as they are; joining and leaving, which show addresses, go."""
    spoken, events = [], 0
    reader = decompressed(stream)
    broken = None
    try:
        while line := reader.readline(_HEAD_BYTES):
            if _EVENT.match(line):
                events += 1
            else:
                spoken.append(line)
    except UnreadableFile as error:
        broken = error
    text = tidy(mail.decode(b"".join(spoken), None)).strip("\n")
    day = _DAY.search(name.rsplit("/", 1)[-1])
    meta = {"lines": len(spoken), "events": events}
    if not text:
        yield Unextracted("", "empty_text")
    else:
        yield Extracted("", text, created="-".join(day.groups()) if day else None, meta=meta)
    if broken:
        raise broken


_READERS = {
    "stackexchange": stackexchange.read,
    "mbox": mail.read,
    "eml": mail.read_message,
    "oasst": conversations.read,
    "hackernews": _read_hackernews,
    "irc": _read_irc,
}
