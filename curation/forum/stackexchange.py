"""Threads of a Stack Exchange data dump: every question of `Posts.xml` with its answers as one document.

The dump is one flat list of posts in the order of their ids, so an answer can stand gigabytes behind its question.
Posts are sorted by thread outside of memory (`sorting`), which also lets compressed dumps be read, that cannot seek.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from gristmill.curation.archives import bare_name
from gristmill.curation.documents import (
    Extracted,
    NotDocument,
    ReadOptions,
    Record,
    Unextracted,
    UnreadableFile,
)
from gristmill.curation.forum.html import html_text
from gristmill.curation.forum.posts import MAX_THREAD_BYTES, ForumParams, one_line
from gristmill.curation.forum.sorting import Grouped
from gristmill.curation.forum.stackexchange_rows import rows
from gristmill.curation.markup import plain_lines

POST_TYPES = {
    "3": "wiki",
    "4": "tag_wiki_excerpt",
    "5": "tag_wiki",
    "6": "moderator_nomination",
    "7": "wiki_placeholder",
    "8": "privilege_wiki",
}
"""Names of the post types that are neither question (1) nor answer (2); others are counted as `post_type_N`."""

_SITES = {
    "askubuntu": "askubuntu.com",
    "mathoverflow": "mathoverflow.net",
    "serverfault": "serverfault.com",
    "stackapps": "stackapps.com",
    "stackoverflow": "stackoverflow.com",
    "superuser": "superuser.com",
}  # sites with a domain of their own
_OWN_DOMAIN = re.compile(
    r"(?:[a-z]{2}\.|meta\.)*(?:stackoverflow|askubuntu|serverfault|superuser|stackapps|mathoverflow)\.(?:com|net)"
)
_SITE = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:stackexchange|meta)")
_TAG = re.compile(r"[^<>|]+")
_INTEGER = re.compile(r"-?[0-9]{1,15}")


def read(stream: BinaryIO, name: str, options: ReadOptions, comments: BinaryIO | None = None) -> Iterator[Record]:
    """One document per question of a `Posts.xml`, compressed or not; every row of the file is accounted for.

    The record is the question's id. Answers come as NotDocument `answer_in_thread`, or Unextracted `orphan_answer`
    where the question is missing. Comments, if the manifest wants them, come from `comments` or from the table beside
    a local file, each as `comment_in_thread` or `orphan_comment`. Raises UnreadableFile, after all that could be read,
    where the dump is cut short.
    """
    params = options.params or ForumParams()
    site = site_of(name)
    broken = None
    with ExitStack() as stack:
        threads = stack.enter_context(Grouped())
        posts = threads
        if params.comments:
            if comments is None:
                comments = stack.enter_context(_beside(stream, name))
            posts = stack.enter_context(Grouped())  # by the post's own id, which is all that a comment knows
        try:
            for number, row in enumerate(rows(stream, "posts"), 1):
                post = _post(row) if isinstance(row, dict) else None
                if isinstance(row, int):
                    yield Unextracted(f"row{number}", "row_too_large", row)
                elif post is None:
                    yield Unextracted(f"row{number}", "malformed_row")
                elif post["type"] not in ("1", "2"):
                    yield NotDocument(POST_TYPES.get(post["type"], f"post_type_{post['type']}"))
                else:
                    post["row"] = number
                    posts.add(post["id"] if params.comments else post["thread"], post)
        except UnreadableFile as error:
            broken = error
        if params.comments:
            try:
                yield from _collect_comments(comments, posts)
            except UnreadableFile as error:
                broken = broken or UnreadableFile(f"its Comments.xml: {error}")
            yield from _commented(posts, threads)
        for _, part, group in threads.groups(MAX_THREAD_BYTES):
            if part:
                yield from (Unextracted(f"{post['id']}@row{post['row']}", "thread_too_large") for post in group)
            else:
                yield from _thread(group, site)
    if broken:
        raise broken


def site_of(name: str) -> str | None:
    """The host of the site that a dump is from, told by its folder (or the prefix `SITE-Posts.xml`), else None.

    >>> site_of("dumps/datascience.meta/Posts.xml")
    'datascience.meta.stackexchange.com'
    """
    prefix, dash, _ = bare_name(name).rpartition("-posts.xml")
    folder = prefix if dash else name.lower().rpartition("/")[0].rpartition("/")[2]
    if folder in _SITES:
        return _SITES[folder]
    if folder.endswith(".stackexchange.com") or _OWN_DOMAIN.fullmatch(folder):
        return folder
    if _SITE.fullmatch(folder):
        return folder + (".com" if folder.endswith(".stackexchange") else ".stackexchange.com")
    return None


def comments_name(posts: str) -> str:
    """The path of the comments that belong to a table of posts: `Posts.xml.gz` -> `Comments.xml.gz`."""
    folder, slash, file = posts.rpartition("/")
    return folder + slash + file.replace("Posts", "Comments").replace("posts", "comments")


def _beside(stream: BinaryIO, name: str) -> BinaryIO:
    """The open table of comments of a local dump."""
    path = getattr(stream, "name", None)
    beside = Path(comments_name(path)) if isinstance(path, str) else None
    if beside is None or str(beside) == path or not beside.is_file():
        raise UnreadableFile(
            f"comments are wanted, but there is no {comments_name(name)!r} beside it on the local disk; put it there, or leave out `comments: true`"
        )
    return beside.open("rb")


def _post(row: dict[str, str]) -> dict | None:
    """What a thread needs of a post; `thread` is the question's id. None if the row is damaged."""
    kind = row.get("PostTypeId", "")
    identity = _number(row.get("Id"))
    thread = identity if kind == "1" else _number(row.get("ParentId"))
    if identity is None or not re.fullmatch("[0-9]{1,4}", kind):
        return None
    if kind in ("1", "2") and (thread is None or "Body" not in row):
        return None
    return {
        "id": identity,
        "type": kind,
        "thread": thread,
        "score": _number(row.get("Score")) or 0,
        "accepted": _number(row.get("AcceptedAnswerId")),
        "body": row.get("Body", ""),
        "title": row.get("Title", ""),
        "tags": _TAG.findall(row.get("Tags", "")),
        "created": row.get("CreationDate"),
        "licence": row.get("ContentLicense"),
    }


def _number(value: str | None) -> int | None:
    """The integer in an attribute, if there is a sane one."""
    return int(value) if value and _INTEGER.fullmatch(value) else None


def _collect_comments(comments: BinaryIO, posts: Grouped) -> Iterator[Record]:
    for number, row in enumerate(rows(comments, "comments"), 1):
        if isinstance(row, int):
            yield Unextracted(f"comments/row{number}", "row_too_large", row)
            continue
        identity, post = _number(row.get("Id")), _number(row.get("PostId"))
        if identity is None or post is None or "Text" not in row:
            yield Unextracted(f"comments/row{number}", "malformed_row")
            continue
        score = _number(row.get("Score")) or 0
        dated = (row.get("CreationDate"), row.get("ContentLicense"))
        posts.add(post, {"type": "comment", "id": identity, "text": row["Text"], "score": score, "dated": dated})


def _commented(posts: Grouped, threads: Grouped) -> Iterator[Record]:
    """Moves the posts on, each with its comments."""
    for _, part, group in posts.groups(MAX_THREAD_BYTES):
        written = [row for row in group if row["type"] != "comment"]
        comments = [row for row in group if row["type"] == "comment"]
        for place, post in enumerate(written):
            if place == 0 and part == 0:
                post["comments"] = comments
            threads.add(post["thread"], post)
        if part or not written:
            rule = "thread_too_large" if part else "orphan_comment"
            yield from (Unextracted(f"comments/{comment['id']}", rule) for comment in comments)


def _thread(posts: list[dict], site: str | None) -> Iterator[Record]:
    """The document of a question's posts and what became of the others, or orphans where there is no question."""
    question, answers, seen = None, [], set()
    for post in posts:
        if post["id"] in seen:
            yield Unextracted(f"{post['id']}@row{post['row']}", "duplicate_id")
            yield from (
                Unextracted(f"comments/{comment['id']}", "orphan_comment") for comment in post.get("comments", ())
            )
            continue
        seen.add(post["id"])
        if post["type"] == "1":
            question = post
        else:
            answers.append(post)
    if question:
        yield _document(question, answers, site)
    for post in [question, *answers] if question else answers:
        if post is not question:
            yield NotDocument("answer_in_thread") if question else Unextracted(str(post["id"]), "orphan_answer")
        for comment in post.get("comments", ()):
            yield (
                NotDocument("comment_in_thread")
                if question
                else Unextracted(f"comments/{comment['id']}", "orphan_comment")
            )


def _document(question: dict, answers: list[dict], site: str | None) -> Record:
    """The thread as text: title, question, then `Answer 1:` and so on, the accepted one first, then by score."""
    record = str(question["id"])
    title = one_line(question["title"])
    url = f"https://{site}/questions/{record}" if site else None
    accepted = question["accepted"]
    answers = sorted(answers, key=lambda answer: (answer["id"] != accepted, -answer["score"], answer["id"]))
    parts = [title, _words(question)]
    # Numbered, because filters take a line that comes again and again for boilerplate.
    bodies = [_words(answer) for answer in answers]
    parts += [f"Answer {number}:\n{body}" for number, body in enumerate(filter(None, bodies), 1)]
    text = "\n\n".join(filter(None, parts))
    if not text:
        return Unextracted(record, "empty_text", url=url)
    meta = {
        "score": question["score"],
        "tags": question["tags"],
        "answers": len(answers),
        "accepted": bool(answers) and answers[0]["id"] == accepted,
        "answer_ids": [answer["id"] for answer in answers],
        "answer_scores": [answer["score"] for answer in answers],
    }
    if comments := sum(len(post.get("comments", ())) for post in [question, *answers]):
        meta["comments"] = comments
    return Extracted(record, text, url, title or None, question["created"], _licence([question, *answers]), meta)


def _words(post: dict) -> str:
    """A post's body and the comments on it, in the order in which they were made."""
    parts = [html_text(post["body"])]
    for comment in sorted(post.get("comments", ()), key=lambda comment: comment["id"]):
        if words := plain_lines(comment["text"]).strip():
            parts.append(f"Comment: {words}")
    return "\n\n".join(filter(None, parts))


def _licence(posts: list[dict]) -> str:
    """The SPDX expression of all posts' licences: `CC BY-SA 3.0` and `CC BY-SA 4.0` meet in one thread."""
    dated = [(post["created"], post["licence"]) for post in posts]
    dated += [comment["dated"] for post in posts for comment in post.get("comments", ())]
    named = sorted({name for created, licence in dated if (name := _licence_of(created, licence))})
    return " AND ".join(named) or "CC-BY-SA"


def _licence_of(created: str | None, stated: str | None) -> str | None:
    """The licence of one post: the stated one, else by its date (https://stackoverflow.com/help/licensing)."""
    if stated:
        return plain_lines(stated).replace(" ", "-")[:40]
    if not created or not re.match(r"\d{4}-\d\d-\d\d", created):
        return None
    version = "2.5" if created < "2011-04-08" else "3.0" if created < "2018-05-02" else "4.0"
    return f"CC-BY-SA-{version}"
