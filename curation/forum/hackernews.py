"""Threads of Hacker News: items of its API as JSON lines or parquet, in any order.

A comment names only what it answers, so which thread it is in is known at the end of the file. Only arrays of
numbers stay in memory (some tens of bytes an item); the items wait in a temporary file and are then sorted by thread. Format: https://github.com/HackerNews/API
"""

import array
import marshal
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from gristmill.curation.documents import (
    Extracted,
    NotDocument,
    ReadOptions,
    Record,
    Unextracted,
    UnreadableFile,
)
from gristmill.curation.forum.forest import roots
from gristmill.curation.forum.html import html_text
from gristmill.curation.forum.posts import MAX_THREAD_BYTES, iso_time, one_line, reading_order, said
from gristmill.curation.forum.rows import rows
from gristmill.curation.forum.sorting import Grouped
from gristmill.curation.markup import plain_lines

STARTERS = ("story", "job", "poll")
"""Items that begin a thread."""

_NO_THREAD = -1


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """One document per story, job or poll with its comments, each below what it answers; the record is the id.

    Comments come as NotDocument `comment_in_thread`, or as Unextracted `orphan_comment`, `deleted` or `empty_text`;
    items of other types are counted by type.
    """
    broken = None
    ids, parents = array.array("q"), array.array("q")
    with tempfile.TemporaryFile() as waiting, Grouped() as threads:
        try:
            for number, row in rows(stream):
                if isinstance(row, Unextracted):
                    yield row
                elif (item := _item(row, number)) is None:
                    yield Unextracted(f"row{number}", "malformed_row")
                else:
                    ids.append(item["id"])
                    parents.append(0 if item["type"] in STARTERS else item["parent"])
                    marshal.dump(item, waiting)
        except UnreadableFile as error:
            broken = error
        thread_of, is_first = _threads_of(np.array(ids, np.int64), np.array(parents, np.int64))
        waiting.seek(0)
        for place in range(len(ids)):
            item = marshal.load(waiting)
            if not is_first[place]:
                yield Unextracted(f"{item['id']}@row{item['row']}", "duplicate_id")
            else:
                threads.add(int(thread_of[place]), item)
        for thread, part, group in threads.groups(MAX_THREAD_BYTES):
            if thread == _NO_THREAD:
                yield from map(_left_over, group)
            elif part or all(item["type"] not in STARTERS for item in group):
                yield from (Unextracted(str(item["id"]), "thread_too_large") for item in group)
            else:
                yield from _thread(group)
    if broken:
        raise broken


def _threads_of(ids: np.ndarray, parents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row the row of its thread's first item (or _NO_THREAD), and whether it is the first row of its id."""
    _, first = np.unique(ids, return_index=True)
    is_first = np.zeros(len(ids), bool)
    is_first[first] = True
    places = np.flatnonzero(is_first)
    found = roots(ids[places], parents[places])
    thread_of = np.full(len(ids), _NO_THREAD, np.int64)
    thread_of[places] = np.where(found < 0, _NO_THREAD, places[found])
    return thread_of, is_first


def _item(row: dict, number: int) -> dict | None:
    """What a thread needs of a row; None if it has no id."""
    if type(row.get("id")) is not int or not 0 < row["id"] < 2**62:
        return None
    parent, kids, score = row.get("parent"), row.get("kids"), row.get("score")
    return {
        "row": number,
        "id": row["id"],
        "type": one_line(row.get("type") or "item_without_type")[:40],
        # An item that answers nothing and begins nothing answers itself: a circle, hence no thread.
        "parent": parent if type(parent) is int and 0 < parent < 2**62 else row["id"],
        "kids": [kid for kid in kids if type(kid) is int and abs(kid) < 2**62] if isinstance(kids, list) else [],
        "by": one_line(row.get("by")),
        "title": one_line(row.get("title")),
        "text": row["text"] if isinstance(row.get("text"), str) else "",
        "url": one_line(row.get("url")),
        "score": score if type(score) is int and abs(score) < 2**62 else None,
        "created": iso_time(row.get("time")),
        "gone": bool(row.get("deleted") or row.get("dead")),
    }


def _left_over(item: dict) -> Record:
    if item["type"] == "comment":
        return Unextracted(str(item["id"]), "orphan_comment")
    return NotDocument(item["type"])


def _thread(items: list[dict]) -> Iterator[Record]:
    """The document of a story and what became of the items below it."""
    by_id = {item["id"]: item for item in items}
    (story,) = (item for item in items if item["type"] in STARTERS)
    ranks = {kid: rank for item in items for rank, kid in enumerate(item["kids"])}  # siblings as the site ranks them
    order = reading_order(
        by_id, lambda identity: by_id[identity]["parent"], lambda identity: (ranks.get(identity, len(items)), identity)
    )
    parts, fates = [], []
    for item in (by_id[identity] for identity in order if identity != story["id"]):
        if item["type"] != "comment":
            fates.append(NotDocument(item["type"]))
            continue
        words = "" if item["gone"] else html_text(item["text"])
        if words:
            parts.append(said(item["by"], words))
            fates.append(NotDocument("comment_in_thread"))
        else:
            fates.append(Unextracted(str(item["id"]), "deleted" if item["gone"] else "empty_text"))
    yield _document(story, parts)
    yield from fates


def _document(story: dict, parts: list[str]) -> Record:
    """The story as text: its title and words, then `name:` and the words of each comment."""
    record = str(story["id"])
    url = f"https://news.ycombinator.com/item?id={record}"
    if story["gone"]:
        return Unextracted(record, "deleted", url=url)
    text = "\n\n".join(filter(None, [story["title"], html_text(plain_lines(story["text"])), *parts]))
    if not text:
        return Unextracted(record, "empty_text", url=url)
    meta: dict[str, object] = {"type": story["type"], "comments": len(parts)}
    if story["score"] is not None:
        meta["score"] = story["score"]
    if story["url"]:
        meta["link"] = story["url"]
    return Extracted(record, text, url, story["title"] or None, story["created"], None, meta)
