"""Conversations: trees of messages in OpenAssistant's formats, read as their best path or as all their paths.

Three shapes of rows are told apart one by one: an exported tree (`{"message_tree_id", "prompt": {...}}`), one nested
message (`{"message_id", "replies": [...]}`), and flat messages (`{"message_id", "parent_id"}`), from which the trees
are built. The best path starts at the prompt and goes on with the best ranked reply (rank 0), else the first.
Schema: https://github.com/LAION-AI/Open-Assistant/blob/main/oasst-data/oasst_data/schemas.py
"""

import marshal
import tempfile
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import numpy as np
import xxhash

from gristmill.curation.documents import (
    Extracted,
    NotDocument,
    ReadOptions,
    Record,
    Unextracted,
    UnreadableFile,
)
from gristmill.curation.forum.forest import roots
from gristmill.curation.forum.posts import MAX_THREAD_BYTES, ForumParams, one_line
from gristmill.curation.forum.rows import rows
from gristmill.curation.forum.sorting import Grouped
from gristmill.curation.markup import plain_lines

ROLES = {
    "prompter": "user",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "system": "system",
}
"""A format's name for a speaker -> ours."""

MAX_SPAM = 0.5
"""A message that at least this share of its reviewers labelled as spam is left out."""

_ORPHAN = -1


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """One document per tree, or with `paths: all` one per leaf; the record is the id of the prompt, or of the leaf.

    Every message of a tree is a record of its own: one stands for each document, the others come as NotDocument
    `reply_in_thread` or `not_on_best_path`. Unextracted reasons: `malformed_json`, `malformed_row`, `duplicate_id`,
    `deleted`, `spam`, `not_ready` (a tree that was not released), `orphan_message`, `empty_text`, `thread_too_large`.
    Flat messages wait in a temporary file, since replies may come in any order; 150 bytes of each stay in memory.
    """
    paths = (options.params or ForumParams()).paths
    ids: list[int] = []
    parents: list[int] = []
    seen: set[int] = set()
    broken = None
    with tempfile.TemporaryFile() as waiting, Grouped() as trees:
        try:
            for number, row in rows(stream):
                message = row if isinstance(row, Unextracted) else _root(row)
                if isinstance(message, Unextracted):
                    yield message
                elif message is None:
                    yield Unextracted(f"row{number}", "malformed_row")
                elif _key(message["message_id"]) in seen:
                    yield Unextracted(f"{plain_lines(message['message_id'])}@row{number}", "duplicate_id")
                else:
                    seen.add(_key(message["message_id"]))
                    if isinstance(message.get("replies"), list):
                        yield from _tree(_flattened(message, row.get("tree_state")), paths)
                    else:
                        ids.append(_key(message["message_id"]))
                        parents.append(_key(message["parent_id"]) if message.get("parent_id") else 0)
                        marshal.dump(_slim(message, message.get("parent_id") or None, row.get("tree_state")), waiting)
        except UnreadableFile as error:
            broken = error
        waiting.seek(0)
        for place in roots(np.array(ids, np.int64), np.array(parents, np.int64)).tolist():
            trees.add(place, marshal.load(waiting))
        for place, part, messages in trees.groups(MAX_THREAD_BYTES):
            if place == _ORPHAN or part or all(message["parent"] is not None for message in messages):
                rule = "orphan_message" if place == _ORPHAN else "thread_too_large"
                yield from (Unextracted(plain_lines(message["id"]), rule) for message in messages)
            else:
                yield from _tree(messages, paths)
    if broken:
        raise broken


def _root(row: dict) -> dict | None:
    """The message that a row holds: a tree's prompt, or the row itself. None if it is neither."""
    message = row.get("prompt") if isinstance(row.get("prompt"), dict) else row
    if not isinstance(message.get("message_id"), str) or not isinstance(message.get("text", ""), str):
        return None
    if not isinstance(message.get("parent_id") or "", str):
        return None
    return message


def _key(identity: str) -> int:
    """An id as a positive number of 62 bits: 8 bytes in an array, where the string takes 85."""
    return (xxhash.xxh3_64_intdigest(identity.encode("utf-8", "replace")) >> 2) + 1


def _slim(message: Mapping, parent: str | None, state: object) -> dict:
    """What a tree needs of a message."""
    rank, text = message.get("rank"), message.get("text")
    created = message.get("created_date")
    return {
        "id": message["message_id"],
        "parent": parent,
        "rank": rank if isinstance(rank, int | float) and abs(rank) < 2**53 else float("inf"),
        "role": ROLES.get(str(message.get("role")), "user"),
        "words": plain_lines(text).strip() if isinstance(text, str) else "",
        "fault": _fault(message) or (None if state in (None, "ready_for_export") or parent else "not_ready"),
        "lang": one_line(message.get("lang")),
        "created": created if isinstance(created, str) else None,
        "synthetic": message.get("synthetic") is True,
        "tree_id": plain_lines(message["message_tree_id"]) if isinstance(message.get("message_tree_id"), str) else None,
    }


def _fault(message: Mapping) -> str | None:
    """Why a message may not be used, if it may not: its author or the reviewers took it back."""
    if message.get("deleted"):
        return "deleted"
    labels = message.get("labels")
    spam = None
    if isinstance(labels, dict):
        spam = labels.get("spam")
        names, values = labels.get("name"), labels.get("value")
        if isinstance(names, list) and isinstance(values, list):
            spam = dict(zip(map(str, names), values, strict=False)).get("spam")
        if isinstance(spam, dict):
            spam = spam.get("value")
    if message.get("review_result") is False or (isinstance(spam, int | float) and spam >= MAX_SPAM):
        return "spam"
    return None


def _flattened(prompt: dict, state: object) -> list[dict]:
    """The messages of a nested tree, each before its replies. One without an id gets its place in the tree for one."""
    found = []
    pending: list[tuple[Mapping, str | None]] = [(prompt, None)]
    seen = set()
    while pending:
        message, parent = pending.pop()
        identity = message.get("message_id")
        if not isinstance(identity, str) or identity in seen:
            identity = f"{prompt['message_id']}/{len(found)}"
        seen.add(identity)
        found.append(_slim({**message, "message_id": identity}, parent, state))
        replies = message.get("replies")
        replies = [reply for reply in replies if isinstance(reply, dict)] if isinstance(replies, list) else []
        pending += [(reply, identity) for reply in reversed(replies)]
    return found


def _tree(messages: list[dict], paths: str) -> Iterator[Record]:
    """The documents of a tree, and what became of its other messages."""
    by_id = {message["id"]: message for message in messages}
    replies: dict[str | None, list[dict]] = {}
    for message in messages:
        replies.setdefault(message["parent"], []).append(message)
    (root,) = replies[None]
    usable = {parent: [one for one in below if not one["fault"] and one["words"]] for parent, below in replies.items()}
    fault = root["fault"] or (None if root["words"] else "empty_text")
    fates: dict[str, Record] = {root["id"]: Unextracted(plain_lines(root["id"]), fault)} if fault else {}
    if not fault:
        ends = [(_best_end(root, usable), 0)] if paths == "best" else _leaves(root, usable)
        written = 0
        for end, length in ends:
            written += length
            if written > MAX_THREAD_BYTES:
                fates[end["id"]] = Unextracted(plain_lines(end["id"]), "thread_too_large")
                continue
            path = _path_to(end, by_id)
            for message in path:
                fates.setdefault(message["id"], NotDocument("reply_in_thread"))
            stands_for = root if paths == "best" else end
            fates[stands_for["id"]] = _document(stands_for["id"], root, path)
    for message in messages:
        fate = fates.get(message["id"])
        if fate is None and (message["fault"] or not message["words"]):
            fate = Unextracted(plain_lines(message["id"]), message["fault"] or "empty_text")
        yield fate or NotDocument("not_on_best_path" if paths == "best" else "below_unusable")


def _best_end(root: dict, usable: Mapping) -> dict:
    """The last message of the path that takes, at each step, the best ranked reply that may be used."""
    end = root
    while below := usable.get(end["id"]):
        end = min(below, key=lambda reply: reply["rank"])  # min keeps the first of equals
    return end


def _leaves(root: dict, usable: Mapping) -> Iterator[tuple[dict, int]]:
    """Messages without a usable reply, with the length of the path to each: a comb of leaves could make a huge text."""
    pending = [(root, len(root["words"]))]
    while pending:
        message, length = pending.pop()
        below = sorted(usable.get(message["id"], ()), key=lambda reply: reply["rank"], reverse=True)
        if not below:
            yield message, length
        pending += [(reply, length + len(reply["words"])) for reply in below]


def _path_to(end: dict, by_id: Mapping[str, dict]) -> list[dict]:
    path = [end]
    while path[-1]["parent"] is not None:
        path.append(by_id[path[-1]["parent"]])
    return path[::-1]


def _document(identity: str, root: dict, path: list[dict]) -> Extracted:
    """A path as plain text: `User: ...`, a blank line, `Assistant: ...`."""
    meta: dict[str, object] = {"tree_id": root["tree_id"] or plain_lines(root["id"]), "messages": len(path)}
    if root["lang"]:
        meta["lang"] = root["lang"]
    if synthetic := sum(message["synthetic"] for message in path):
        meta["synthetic"] = synthetic  # how many of the messages a model wrote
    text = "\n\n".join(f"{message['role'].capitalize()}: {message['words']}" for message in path)
    return Extracted(plain_lines(identity), text, created=root["created"], meta=meta)
