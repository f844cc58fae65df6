"""Threads of mailing lists: mbox archives (also pipermail's `.txt.gz`) and single messages, as readable talk.

A thread is one document: its subject, then for every message the author's name and what that author wrote. What was
quoted, signed or appended by the list goes, since the thread holds it already or it says nothing.
"""

import datetime
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Container, Iterator
from typing import BinaryIO

from gristmill.curation.archives import decompressed
from gristmill.curation.documents import (
    Extracted,
    NotDocument,
    ReadOptions,
    Record,
    Unextracted,
    UnreadableFile,
)
from gristmill.curation.forum.mbox import MAX_MESSAGE_BYTES, split_mbox
from gristmill.curation.forum.message import Message, parse
from gristmill.curation.forum.posts import MAX_THREAD_BYTES, said
from gristmill.curation.forum.quotations import line_keys, own_words

_WAS = re.compile(r"\(was:? .*\)", re.IGNORECASE)
_REPLY = re.compile(
    r"^\s*(?:(?:re|aw|antw(?:ort)?|sv|vs|ref|fwd?|wg|wtr|tr|rv|enc|res|rif|odp|ynt|vá|回复|答复|转发|返信)"
    r"(?:\[\d+\]|\(\d+\))?\s*[:：]\s*)+",
    re.IGNORECASE,
)
_TAG = re.compile(r"^\s*\[([^\[\]]{1,40})\]\s*")
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """One document per thread of an mbox file; the other messages come as NotDocument `reply_in_thread`.

    The record is the id of the thread's first message. A thread can be continued at the end of the file, so the texts
    wait in a temporary file; about 1 KB of each message, its headers, stays in memory. Raises UnreadableFile, after
    the threads that could be read, where the file is cut short.
    """
    messages: list[Message] = []
    places: dict[int, tuple[int, int]] = {}  # offset of a message -> where its text waits, and its length
    seen = set()
    broken = None
    with tempfile.TemporaryFile() as texts:
        try:
            for offset, size, raw in split_mbox(decompressed(stream)):
                message, text = parse(raw, offset) if raw is not None else (None, None)
                if message is None or text is None:
                    yield Unextracted(str(offset), "message_too_large", size)
                elif message.message_id in seen:
                    yield NotDocument("duplicate_message")
                else:
                    seen.add(message.message_id)
                    messages.append(message)
                    places[offset] = (texts.tell(), texts.write(text.encode("utf-8", "replace")))
        except UnreadableFile as error:
            broken = error

        def text_of(message: Message) -> str:
            place, length = places[message.offset]
            texts.seek(place)
            return texts.read(length).decode()

        tag = _list_tag(messages)
        subjects: set[str] = set()  # of the threads so far
        for thread in threads(messages, tag):
            yield from _records(thread, text_of, tag, places, subjects)
            subjects.add(bare_subject(thread[0].subject, tag).casefold())
    if broken:
        raise broken


def read_message(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """The document of a file that holds one message (`.eml`, a maildir's, a newsgroup's article); its record is ""."""
    raw = decompressed(stream).read(MAX_MESSAGE_BYTES + 1)
    if len(raw) > MAX_MESSAGE_BYTES:
        raise UnreadableFile(f"larger than {MAX_MESSAGE_BYTES:,} bytes, which no single message is; set format: mbox")
    message, text = parse(raw, 0)
    if text is None:
        yield Unextracted("", "message_too_large", len(raw))
    else:
        yield _document([message], lambda _: text, "", "", frozenset())


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


def _is_reply(subject: str) -> bool:
    return bool(_REPLY.match(subject) or _REPLY.match(_TAG.sub("", subject)))


def threads(messages: list[Message], tag: str) -> list[list[Message]]:
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
    for group in groups.values():
        group = _dated(group)
        subject = bare_subject(group[0].subject, tag).casefold()
        if subject in joined and _is_reply(group[0].subject):
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
            last = (date - _EPOCH).total_seconds()
        keys.append((last, message.offset, message))
    return [message for _, _, message in sorted(keys, key=lambda key: key[:2])]


def _records(
    thread: list[Message],
    text_of: Callable[[Message], str],
    tag: str,
    places: dict[int, tuple[int, int]],
    subjects: Container[str],
) -> Iterator[Record]:
    """The thread's document and what became of its other messages."""
    size = 0
    held, left_out = [], []
    for message in thread:
        size += places[message.offset][1]
        (held if size <= MAX_THREAD_BYTES else left_out).append(message)
    yield _document(held, text_of, thread[0].message_id, tag, subjects)
    yield from (NotDocument("reply_in_thread") for _ in held[1:])
    yield from (Unextracted(message.message_id, "thread_too_large") for message in left_out)


def _document(
    thread: list[Message], text_of: Callable[[Message], str], record: str, tag: str, subjects: Container[str]
) -> Record:
    """The document of a thread; where one of the `subjects` before is its own, its first message may quote."""
    title = bare_subject(thread[0].subject, tag) or None
    parts = []
    may_quote = bool(title) and (title.casefold() in subjects or bool(_WAS.search(title)))
    known: set[str] = set()  # the lines of the messages so far: nobody quotes what comes later
    for message in thread:
        body = text_of(message)
        is_reply = bool(parts or message.references or _is_reply(message.subject))
        words = own_words(body, is_reply, known, message.author, may_quote)
        if len(thread) > 1:
            known.update(line_keys(body))
        if words:
            parts.append(said(message.author, words))
    if not parts:
        return Unextracted(record, "empty_text", title=title)
    meta: dict[str, object] = {
        "messages": len(thread),
        "subject": thread[0].subject,
        "authors": len({message.author for message in thread}),
    }
    if attachments := sum(message.attachments for message in thread):
        meta["attachments"] = attachments
    created = thread[0].date.isoformat() if thread[0].date else None
    return Extracted(record, "\n\n".join(filter(None, [title, *parts])), None, title, created, None, meta)
