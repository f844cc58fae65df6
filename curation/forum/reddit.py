"""Threads of Reddit's dumps (`RS_*` submissions, `RC_*` comments: JSON lines, mostly zstd), one document each.

A comment names its thread (`link_id`), so a file of comments alone, of submissions alone or of both gives threads; they
are sorted outside of memory. The dumps come by month: comments of another month's file do not meet.
Fields: https://github.com/pushshift/api
"""

import html
import re
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

from gristmill.curation.documents import (
    Extracted,
    NotDocument,
    ReadOptions,
    Record,
    Unextracted,
    UnreadableFile,
)
from gristmill.curation.forum.posts import MAX_THREAD_BYTES, iso_time, one_line, reading_order, said
from gristmill.curation.forum.rows import rows
from gristmill.curation.forum.sorting import Grouped
from gristmill.curation.markup import plain_lines

_ID = re.compile(r"(?:t[13]_)?([0-9a-z]{1,12})")
_TAKEN_BACK = re.compile(r"\s*\[\s*(deleted|removed)(?: by \w[\w ]{0,30})?\s*\]\s*", re.IGNORECASE)
_INVISIBLE = re.compile(r"&#x200B;|\u200b", re.IGNORECASE)


def is_submission(row: dict) -> bool:
    """Whether a row is a submission; a comment has a body and a link_id."""
    return "title" in row and "body" not in row


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """One document per submission with the comments below it, or per `link_id` where the submission is not in the file.

    The record is the submission's id, `t3_...`. Comments come as NotDocument `comment_in_thread`, or as Unextracted
    `deleted`, `removed` or `empty_text`; rows of no use as `malformed_json`, `malformed_row` or `duplicate_id`.
    """
    broken = None
    with Grouped() as threads:
        try:
            for number, row in rows(stream):
                if isinstance(row, Unextracted):
                    yield row
                elif (post := _post(row, number)) is None:
                    yield Unextracted(f"row{number}", "malformed_row")
                else:
                    threads.add(int(post["thread"], 36), post)
        except UnreadableFile as error:
            broken = error
        for _, part, group in threads.groups(MAX_THREAD_BYTES):
            if part:
                yield from (Unextracted(f"{_name(post)}@row{post['row']}", "thread_too_large") for post in group)
            else:
                yield from _thread(group)
    if broken:
        raise broken


def _post(row: dict, number: int) -> dict | None:
    """What a thread needs of a row; None if the row is neither a submission nor a comment."""
    submission = is_submission(row)
    identity = _identity(row.get("id") or row.get("name"))
    thread = identity if submission else _identity(row.get("link_id"))
    words = row.get("selftext" if submission else "body") or ""
    if identity is None or thread is None or not isinstance(words, str):
        return None
    parent = row.get("parent_id")
    found = {
        "row": number,
        "id": identity,
        "thread": thread,
        "submission": submission,
        "parent": _identity(parent) if isinstance(parent, str) and not parent.startswith("t3_") else None,
        "author": one_line(row.get("author")),
        "words": words,
        "score": _score(row.get("score", row.get("ups"))),
        "subreddit": one_line(row.get("subreddit")),
        "created": iso_time(row.get("created_utc")),
        "over_18": row.get("over_18") is True,
    }
    if submission:
        link = row.get("url")
        found["title"] = one_line(_unescaped(row["title"])) if isinstance(row["title"], str) else ""
        found["link"] = one_line(link) if isinstance(link, str) and not row.get("is_self") else ""
    return found


def _score(value: object) -> int | None:
    """A score, which some copies of the dumps write as text."""
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value):
        return int(value)
    return value if type(value) is int else None


def _identity(value: object) -> str | None:
    found = _ID.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found and int(found[1], 36) < 2**63 else None


def _name(post: dict) -> str:
    return ("t3_" if post["submission"] else "t1_") + post["id"]


def _unescaped(text: str) -> str:
    """Markdown as it was typed: the site escapes `&`, `<` and `>`, and its editor leaves zero-width spaces behind."""
    return _INVISIBLE.sub("", html.unescape(text)) if "&" in text or "\u200b" in text else text


def _words(post: dict) -> tuple[str, str | None]:
    """A post's text, or "" and why there is none."""
    taken_back = _TAKEN_BACK.fullmatch(post["words"][:60])
    if taken_back:
        return "", taken_back[1].lower()
    words = plain_lines(_unescaped(post["words"])).strip()
    return words, None if words else "empty_text"


def _thread(posts: list[dict]) -> Iterator[Record]:
    """The document of a thread and what became of its other rows."""
    submission, comments = None, {}
    for post in posts:
        if (submission if post["submission"] else comments.get(post["id"])) is not None:
            yield Unextracted(f"{_name(post)}@row{post['row']}", "duplicate_id")
        elif post["submission"]:
            submission = post
        else:
            comments[post["id"]] = post
    # Best first, as the site shows them.
    order = reading_order(
        comments,
        lambda identity: comments[identity]["parent"],
        lambda identity: (-(comments[identity]["score"] or 0), int(identity, 36)),
    )
    parts, fates, said_by = [], [], []
    for comment in (comments[identity] for identity in order):
        words, fault = _words(comment)
        if not fault:
            author = "" if _TAKEN_BACK.fullmatch(comment["author"]) else comment["author"]
            parts.append(said(author, words))
            said_by.append(comment)
        fates.append((comment, fault))
    document = _document(submission, said_by, parts, Counter(fault for _, fault in fates if fault))
    # Without its submission, a thread stands for its first comment that has words.
    stands_for = submission or (said_by[0] if said_by else None)
    if stands_for:
        yield document
    for comment, fault in fates:
        if fault:
            yield Unextracted(_name(comment), fault)
        elif comment is not stands_for:
            yield NotDocument("comment_in_thread")


def _document(submission: dict | None, comments: list[dict], parts: list[str], faults: Counter) -> Record | None:
    first = submission or (comments[0] if comments else None)
    if first is None:
        return None
    record = f"t3_{first['thread']}"
    subreddit = first["subreddit"]
    url = f"https://www.reddit.com/r/{subreddit}/comments/{first['thread']}/" if subreddit else None
    title, own, fault = "", "", None
    if submission:
        own, fault = _words(submission)
        title = "" if fault in ("deleted", "removed") else submission["title"]
    text = "\n\n".join(filter(None, [title, own, *parts]))
    if not text:
        return Unextracted(record, fault or "empty_text", url=url)
    meta: dict[str, object] = {
        "subreddit": subreddit,
        "over_18": any(post["over_18"] for post in [first, *comments]),
        "comments": len(comments),
        "comment_scores": [comment["score"] for comment in comments],
    }
    meta |= {key: faults[key] for key in ("deleted", "removed") if faults[key]}
    if submission:
        meta["score"] = submission["score"]
        if fault in ("deleted", "removed"):
            meta["submission"] = fault
        if submission["link"]:
            meta["link"] = submission["link"]
    else:
        known = [comment["score"] for comment in comments if comment["score"] is not None]
        meta["score"] = max(known, default=None)
        meta["submission"] = "missing"
    created = first["created"]
    return Extracted(record, text, url, title or None, created, None, meta)
