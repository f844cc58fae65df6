"""Threads of mailing lists: mbox archives (also pipermail's `.txt.gz`) and single messages, as readable talk.

A thread is one document: its subject, then for every message the author's name and what that author wrote. What was
quoted, signed or appended by the list goes, since the thread holds it already or it says nothing.

Messages are parsed with `email`'s compat32 policy: the newer default one raises on many malformed headers of
real archives. Formats: RFC 4155 (mbox), RFC 5322, RFC 2045-2049.
"""

import datetime
import email.errors
import email.header
import email.message
import email.utils
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from gristmill.curation.archives import MAX_MEMBER_BYTES, decompressed
from gristmill.curation.documents import (
    Extracted,
    NotDocument,
    ReadOptions,
    Record,
    Unextracted,
    UnreadableFile,
)
from gristmill.curation.forum.quotations import line_key, own_words
from gristmill.curation.forum.stackexchange import html_text, tidy

FROM_LINE = re.compile(
    rb"From .*\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +"
    rb"\d{1,2} +\d{1,2}:\d\d(?::\d\d)?(?: +[-+A-Z0-9]{1,8})? +\d{4}(?: +[-+]\d{4})?\s*"
)
"""The line before each message of an mbox. The date is demanded, since many archives leave a body's "From " bare."""

HEADER = re.compile(rb"[A-Za-z][A-Za-z0-9-]*:(?:[ \t]|\r?\n)")
"""A header line of a message."""

_LINE_BYTES = 2**20
_MAX_PARTS = 1000
_PARSER_ERRORS = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
    email.errors.MessageError,
)
"""What the standard library's parser is known to raise on hostile messages."""


@dataclass(frozen=True, slots=True)
class Message:
    """A mail as far as a thread needs it."""

    offset: int
    """Byte offset in the (uncompressed) file."""
    message_id: str
    """Without the angle brackets; `@` and the offset where the message has none."""
    references: tuple[str, ...]
    """Ids of the messages that it answers, nearest first."""
    author: str
    """A name, never an address."""
    subject: str
    date: datetime.datetime | None
    body: str
    """Text with its quotations."""


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """One document per thread of an mbox file; the other messages come as NotDocument `reply_in_thread`.

    The record is the id of the thread's first message. Texts of all messages (not their attachments) are held until
    the end of the file, since a thread can be continued there. Raises UnreadableFile, after the threads that could be
    read, where the file is cut short.
    """
    messages: list[Message] = []
    seen = set()
    broken = None
    try:
        for offset, raw in split_mbox(decompressed(stream)):
            if raw is None:
                yield Unextracted(str(offset), "message_too_large")
                continue
            message = parse(raw, offset)
            if message is None:
                yield Unextracted(str(offset), "undecodable")
            elif message.message_id in seen:
                yield NotDocument("duplicate_message")
            else:
                seen.add(message.message_id)
                messages.append(message)
    except UnreadableFile as error:
        broken = error
    tag = _list_tag(messages)
    for thread in threads(messages):
        yield _document(thread, thread[0].message_id, tag)
        for _ in thread[1:]:
            yield NotDocument("reply_in_thread")
    if broken:
        raise broken


def read_message(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """The document of a file that holds one message (`.eml`, a newsgroup's article); its record is ""."""
    raw = decompressed(stream).read(MAX_MEMBER_BYTES + 1)
    if len(raw) > MAX_MEMBER_BYTES:
        raise UnreadableFile(f"larger than {MAX_MEMBER_BYTES:,} bytes, which no single message is; set format: mbox")
    message = parse(raw, 0)
    yield _document([message], "", "") if message else Unextracted("", "undecodable")


def split_mbox(stream: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Each message of an mbox file as (byte offset, bytes without the From_ line); None for one above 256 MB."""
    offset = start = size = 0
    lines: list[bytes] = []
    blank = fresh = True  # whether the line before was blank; whether a line begins here
    while line := stream.readline(_LINE_BYTES):
        if fresh and blank and line.startswith(b"From ") and FROM_LINE.fullmatch(line):
            if size:
                yield start, b"".join(lines) if size <= MAX_MEMBER_BYTES else None
            start, size, lines = offset, 0, []
        elif size or not line.isspace():
            size += len(line)
            if size <= MAX_MEMBER_BYTES:
                # Undo the writer's escape of a body's line "From ...".
                lines.append(line[1:] if fresh and line.startswith(b">From ") else line)
            else:
                lines = []
        offset += len(line)
        blank = fresh and line.isspace()
        fresh = line.endswith(b"\n")
    if size:
        yield start, b"".join(lines) if size <= MAX_MEMBER_BYTES else None


def parse(raw: bytes, offset: int) -> Message | None:
    """The message in these bytes, or None where not even the standard library's tolerant parser copes."""
    try:
        mail = email.message_from_bytes(raw)
        headers: dict[str, str] = {}
        for key, value in mail.raw_items():
            headers.setdefault(key.lower(), str(value))
        body = "\n\n".join(filter(None, _texts(mail)))
    except _PARSER_ERRORS:
        return None
    identity = _ids(headers.get("message-id", ""))
    references = _ids(headers.get("in-reply-to", "")) + _ids(headers.get("references", ""))[::-1]
    return Message(
        offset,
        identity[0] if identity else f"@{offset}",
        tuple(dict.fromkeys(references)),
        author_name(_header_text(headers.get("from", ""))),
        " ".join(_header_text(headers.get("subject", "")).split()),
        _date(headers.get("date", "")),
        tidy(body),
    )


def _ids(value: str) -> list[str]:
    return [tidy(found) for found in re.findall(r"<\s*([^<>\s]{1,998})\s*>", value[:100_000])]


def _date(value: str) -> datetime.datetime | None:
    try:
        return email.utils.parsedate_to_datetime(value[:200])
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _header_text(value: str) -> str:
    """A header with its encoded words (RFC 2047) and raw bytes made readable."""
    value = decode(value[:4000].encode("utf-8", "surrogateescape"), None)
    if "=?" in value:
        try:
            parts = email.header.decode_header(value)
            value = "".join(part if isinstance(part, str) else decode(part, charset) for part, charset in parts)
        except (email.errors.HeaderParseError, ValueError):
            pass  # the words stay as they were sent
    return tidy(value)


def decode(data: bytes, charset: str | None) -> str:
    """Text in a declared charset; where that is unknown, missing or wrong, as UTF-8, else as Windows-1252."""
    for name in (charset, "utf-8", "cp1252"):
        try:
            text = data.decode(name) if name else None
        except (LookupError, ValueError, TypeError, AssertionError):
            continue  # an unknown name, bytes that do not fit, or a codec that is no charset, such as "rot13"
        if isinstance(text, str) and not (name == "us-ascii" and "\0" in text):
            return text
    return data.decode("latin-1")


def _texts(mail: email.message.Message) -> Iterator[str]:
    """The readable text of each part. Of alternatives, the plain one; attachments are left out."""
    parts = [(mail, False)]  # with whether it stands inside a digest, whose messages are content
    for _ in range(_MAX_PARTS):
        if not parts:
            return
        part, digest = parts.pop()
        kind = part.get_content_type()
        if part.get_content_disposition() == "attachment" or (kind == "message/rfc822" and not digest):
            continue
        if part.is_multipart():
            inner = list(part.get_payload())
            if kind == "multipart/alternative":
                inner = _best(inner)
            parts += [(child, kind == "multipart/digest" or digest) for child in reversed(inner)]
        elif kind in ("text/plain", "text/html") or (part is mail and kind.startswith("text/")):
            yield _part_text(part, kind)


def _best(alternatives: list[email.message.Message]) -> list[email.message.Message]:
    """Of a message's alternative forms, the one to read: plain text if it has any, else HTML, else the last."""
    for wanted in ("text/plain", "text/html"):
        for part in alternatives:
            if part.get_content_type() == wanted and str(part.get_payload()).strip():
                return [part]
    return alternatives[-1:]


def _part_text(part: email.message.Message, kind: str) -> str:
    data = part.get_payload(decode=True)
    charset = part.get_content_charset()
    text = decode(data if isinstance(data, bytes) else b"", charset)
    return html_text(text) if kind == "text/html" else text


_UNNAMED = re.compile(r"@| at |https?:|^\W*$")


def author_name(header: str) -> str:
    """The name in a From header, in either of its forms; where there is none, the part of the address before the @.

    >>> author_name("jjl at pobox.com (John J. Lee)")
    'John J. Lee'
    """
    found = re.search(r"\(([^()]*)\)\s*$", header) or re.match(r"\s*\"?([^\"<>]*?)[\"\s]*<", header)
    name = " ".join(found[1].replace('"', " ").split()) if found else ""
    if not _UNNAMED.search(name):
        return name[:100]
    local = re.match(r"[\s<\"]*([\w.+-]{1,64})(?:@| at )", name or header)
    return local[1] if local else "Unknown"


_REPLY = re.compile(r"^\s*(?:(?:re|aw|sv|vs|antw|fwd?|wg|tr|rv)(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE)
_TAG = re.compile(r"^\s*\[([^\[\]]{1,40})\]\s*")


def bare_subject(subject: str, tag: str = "") -> str:
    """A subject without its marks of reply and the list's `[tag]`, however often they were stacked."""
    while True:
        short = _REPLY.sub("", subject)
        found = _TAG.match(short)
        if found and tag and found[1] == tag:
            short = short[found.end() :]
        if short == subject:
            return subject.strip()
        subject = short


def _list_tag(messages: list[Message]) -> str:
    """The `[tag]` that a list puts before its subjects: one that more than half of at least three messages bear."""
    tags = Counter(found[1] for message in messages if (found := _TAG.match(_REPLY.sub("", message.subject))))
    tag, count = tags.most_common(1)[0] if tags else ("", 0)
    return tag if count >= 3 and 2 * count > len(messages) else ""


def threads(messages: list[Message]) -> list[list[Message]]:
    """Messages grouped into threads, each in order of date then of place; threads in order of their first message.

    Messages belong together if a chain of ids leads from one to the other, be it over a message of another file. A
    reply without such a chain joins the last thread before it, else the first behind it, that has its subject.
    """
    above = {message.message_id: message.message_id for message in messages}

    def top(node: str) -> str:
        while (parent := above.setdefault(node, node)) != node:
            above[node] = above[parent]
            node = above[node]
        return node

    for message in messages:
        for reference in message.references:
            above[top(reference)] = top(message.message_id)
    groups: dict[str, list[Message]] = {}
    for message in messages:
        groups.setdefault(top(message.message_id), []).append(message)
    joined: dict[str, list[Message]] = {}  # subject -> the last thread that had it
    result = []
    tag = _list_tag(messages)
    for group in groups.values():
        group = _dated(group)
        subject = bare_subject(group[0].subject, tag).casefold()
        is_reply = bool(_REPLY.match(_TAG.sub("", group[0].subject)) or _REPLY.match(group[0].subject))
        if is_reply and subject in joined:
            joined[subject].extend(group)
            continue
        joined[subject] = group
        result.append(group)
    return [_dated(group) for group in result]


def _dated(group: list[Message]) -> list[Message]:
    """In order of date; a message without one keeps its place behind the message before it in the file."""
    keys = []
    last = float("-inf")
    for message in sorted(group, key=lambda message: message.offset):
        if message.date is not None:
            date = message.date if message.date.tzinfo else message.date.replace(tzinfo=datetime.UTC)
            last = (date - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)).total_seconds()
        keys.append((last, message.offset, message))
    return [message for _, _, message in sorted(keys, key=lambda key: key[:2])]


def _document(thread: list[Message], record: str, tag: str) -> Record:
    title = bare_subject(thread[0].subject, tag) or None
    parts = []
    known: set[str] = set()  # the lines of the messages so far: nobody quotes what comes later
    for message in thread:
        is_reply = bool(message.references or _REPLY.match(message.subject))
        words = own_words(message.body, is_reply, known)
        known.update(map(line_key, message.body.split("\n")))
        if words:
            parts.append(f"{message.author}:\n{words}")
    if not parts:
        return Unextracted(record, "empty_text", title=title)
    meta = {
        "messages": len(thread),
        "subject": thread[0].subject,
        "authors": len({message.author for message in thread}),
    }
    created = thread[0].date.isoformat() if thread[0].date else None
    return Extracted(record, "\n\n".join(filter(None, [title, *parts])), None, title, created, None, meta)
