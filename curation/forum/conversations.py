"""Conversations: trees of messages in OpenAssistant's formats, each read as its best path.

Three shapes of JSON lines are told apart row by row: an exported tree (`{"message_tree_id", "prompt": {...}}`), one
nested message (`{"message_id", "replies": [...]}`), and flat messages (`{"message_id", "parent_id"}`), from which the
trees are built. The best path starts at the prompt and goes on with the best ranked reply (rank 0), else the first.
Schema: https://github.com/LAION-AI/Open-Assistant/blob/main/oasst-data/oasst_data/schemas.py
"""

import json
from collections.abc import Iterator, Mapping
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
from gristmill.curation.forum.stackexchange import tidy

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


@dataclass(frozen=True, slots=True)
class Conversation:
    """Who said what, in order."""

    turns: tuple[tuple[str, str], ...]
    """(role, text) of each turn; the roles are the values of ROLES."""

    def text(self) -> str:
        """As plain text: `User: ...`, a blank line, `Assistant: ...`."""
        return "\n\n".join(f"{role.capitalize()}: {words}" for role, words in self.turns)


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """One document per tree of a file of JSON lines; the record is the id of the tree.

    A line is accounted for as the tree that it holds or, in flat files, as the message: the prompt stands for the
    document, the others come as NotDocument `reply_in_thread` or `not_on_best_path`. Flat messages are held to the end
    of the file, since replies may come in any order. Unextracted reasons: `malformed_json`, `malformed_row`,
    `duplicate_id`, `deleted`, `spam`, `not_ready` (a tree that was not released), `orphan_message`, `empty_text`.
    """
    flat: dict[str, dict] = {}
    seen: set[str] = set()
    broken = None
    try:
        for number, row in json_rows(decompressed(stream)):
            message = _root(row) if isinstance(row, dict) else None
            if row is None:
                yield Unextracted(f"row{number}", "malformed_json")
            elif message is None:
                yield Unextracted(f"row{number}", "malformed_row")
            elif message["message_id"] in seen:
                yield Unextracted(f"{tidy(message['message_id'])}@row{number}", "duplicate_id")
            else:
                seen.add(message["message_id"])
                if isinstance(message.get("replies"), list):
                    path = best_path(message, lambda node: node.get("replies"))
                    yield _document(message, path, row.get("tree_state"))
                else:
                    flat[message["message_id"]] = message
    except UnreadableFile as error:
        broken = error
    yield from _flat_trees(flat)
    if broken:
        raise broken


def json_rows(stream: BinaryIO) -> Iterator[tuple[int, object]]:
    """The rows of a file of JSON lines as (number of the line from 1, value); None for one that is no JSON, or above
    256 MB. Blank lines are passed over."""
    number = 0
    while line := stream.readline(MAX_MEMBER_BYTES):
        number += 1
        if len(line) == MAX_MEMBER_BYTES and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = stream.readline(2**20)
            yield number, None
        elif not line.isspace():
            try:
                yield number, json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8", "replace"))
            except (ValueError, RecursionError):
                yield number, None


def best_path(root: Mapping, replies_of) -> list[Mapping]:
    """The messages from the root on, at each step the best ranked reply that may be used, else the first such."""
    path = [root]
    while True:
        replies = replies_of(path[-1])
        usable = [
            reply
            for reply in (replies if isinstance(replies, list) else [])
            if isinstance(reply, dict) and _fault(reply) is None and _words(reply)
        ]
        if not usable:
            return path
        path.append(min(usable, key=_rank))  # min keeps the first of equals


def _root(row: dict) -> dict | None:
    """The message that a row holds: a tree's prompt, or the row itself. None if it is neither."""
    message = row.get("prompt") if isinstance(row.get("prompt"), dict) else row
    if not isinstance(message.get("message_id"), str) or not isinstance(message.get("text", ""), str):
        return None
    if not isinstance(message.get("parent_id") or "", str):
        return None
    return message


def _rank(message: Mapping) -> float:
    rank = message.get("rank")
    return rank if isinstance(rank, int | float) else float("inf")


def _words(message: Mapping) -> str:
    text = message.get("text")
    return tidy(text).strip() if isinstance(text, str) else ""


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


def _document(root: Mapping, path: list[Mapping], state: object) -> Record:
    record = tidy(root["message_id"])
    fault = _fault(root) or (None if state in (None, "ready_for_export") else "not_ready")
    if fault:
        return Unextracted(record, fault)
    turns = [(ROLES.get(str(message.get("role")), "user"), _words(message)) for message in path]
    if not turns[0][1]:
        return Unextracted(record, "empty_text")
    meta: dict[str, object] = {
        "tree_id": tidy(str(root.get("message_tree_id") or record)),
        "messages": len(turns),
    }
    if isinstance(root.get("lang"), str):
        meta["lang"] = tidy(root["lang"])
    if synthetic := sum(message.get("synthetic") is True for message in path):
        meta["synthetic"] = synthetic  # how many of the messages a model wrote
    created = root.get("created_date")
    return Extracted(
        record,
        Conversation(tuple(turns)).text(),
        created=created if isinstance(created, str) else None,
        meta=meta,
    )


def _flat_trees(messages: Mapping[str, dict]) -> Iterator[Record]:
    """A record for every flat message, in order: the tree's document in the place of its prompt."""
    children: dict[str, list[dict]] = {}
    roots = []
    for message in messages.values():
        if message.get("parent_id"):
            children.setdefault(message["parent_id"], []).append(message)
        else:
            roots.append(message)
    verdicts: dict[str, Record] = {}
    for root in roots:
        path = best_path(root, lambda node: children.get(node["message_id"]))
        document = _document(root, path, root.get("tree_state"))
        below = list(children.get(root["message_id"], []))
        while below:
            message = below.pop()
            below += children.get(message["message_id"], [])
            fault = _fault(message)
            verdicts[message["message_id"]] = (
                Unextracted(tidy(message["message_id"]), fault) if fault else NotDocument("not_on_best_path")
            )
        if isinstance(document, Extracted):
            verdicts.update((message["message_id"], NotDocument("reply_in_thread")) for message in path)
        verdicts[root["message_id"]] = document
    for identity in messages:
        yield verdicts.get(identity) or Unextracted(tidy(identity), "orphan_message")
