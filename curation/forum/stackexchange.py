"""Threads of a Stack Exchange data dump: every question of `Posts.xml` with its answers as one document.

The dump is one flat list of posts in the order of their ids, so an answer can stand gigabytes behind its question. One
pass sorts the posts into buckets by the question's id, 262,144 ids to a bucket; each bucket stays in memory up to
1 MB and then moves to a temporary file (in TMPDIR); a second pass assembles bucket after bucket. That was chosen over
holding all posts (fine for beer, 100 GB for Stack Overflow) and over seeking back into the file (compressed dumps
cannot seek).
Schema: https://meta.stackexchange.com/questions/2677
"""

import json
import re
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

from lxml import etree

from gristmill.curation.archives import bare_name, decompressed
from gristmill.curation.documents import (
    Extracted,
    NotDocument,
    ReadOptions,
    Record,
    Unextracted,
    UnreadableFile,
)

POST_TYPES = {
    "3": "wiki",
    "4": "tag_wiki_excerpt",
    "5": "tag_wiki",
    "6": "moderator_nomination",
    "7": "wiki_placeholder",
    "8": "privilege_wiki",
}
"""Names of the post types that are neither question (1) nor answer (2); others are counted as `post_type_N`."""

_BUCKET_BITS = 18
_MAX_BUCKETS = 512  # also the number of open files that a hostile dump can cause
_CHUNK_BYTES = 2**15  # what a truncated file loses at most before its cut
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


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """One document per question of a `Posts.xml`, compressed or not; every row of the file is accounted for.

    The record is the question's id. Answers come as NotDocument `answer_in_thread`, or Unextracted `orphan_answer`
    where the question is missing. Raises UnreadableFile, after all that could be read, where the dump is cut short.
    """
    site = site_of(name)
    buckets: dict[int, tempfile.SpooledTemporaryFile] = {}
    broken = None
    try:
        try:
            for number, row in enumerate(_rows(decompressed(stream)), 1):
                post = _post(row)
                if post is None:
                    yield Unextracted(f"row{number}", "malformed_row")
                elif post["type"] not in ("1", "2"):
                    yield NotDocument(POST_TYPES.get(post["type"], f"post_type_{post['type']}"))
                else:
                    key = min(post["thread"] >> _BUCKET_BITS, _MAX_BUCKETS - 1)
                    if key not in buckets:
                        buckets[key] = tempfile.SpooledTemporaryFile(max_size=2**20)
                    buckets[key].write(json.dumps([number, post]).encode() + b"\n")
        except UnreadableFile as error:
            broken = error
        for key in sorted(buckets):
            yield from _threads(buckets[key], site)
    finally:
        for bucket in buckets.values():
            bucket.close()
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


def _rows(stream: BinaryIO) -> Iterator[dict[str, str]]:
    """The attributes of every <row>, in order. A damaged row loses attributes; the rows behind it are still had."""
    # Entities in attributes are expanded whatever `resolve_entities` says, so a DOCTYPE, which no dump has, is refused.
    # `huge_tree` stays off: without it no attribute can exceed 10 MB.
    parser = etree.XMLPullParser(
        events=("end",),
        tag="row",
        recover=True,
        resolve_entities=False,
        no_network=True,
        remove_comments=True,
    )
    tail, broken, first = b"", None, True
    while True:
        try:
            chunk = stream.read(_CHUNK_BYTES)
        except UnreadableFile as error:
            chunk, broken = b"", error
        if not chunk:
            break
        if b"<!DOCTYPE" in tail + chunk or b"<!ENTITY" in tail + chunk:
            raise UnreadableFile(
                "the XML declares a document type, which a Stack Exchange dump does not; it is not read, since entities can hide an attack"
            )
        if first and b"<posts" not in chunk[:4096]:
            raise UnreadableFile("no <posts> at the start: of a Stack Exchange dump, only Posts.xml can be read")
        first = False
        try:
            parser.feed(chunk)
        except etree.XMLSyntaxError as error:
            broken = UnreadableFile(f"the XML cannot be read further ({error.msg}); fetch the dump again")
        yield from _events(parser)
        if broken:
            break
        tail = (tail + chunk)[-64:]
    try:
        parser.close()
    except etree.XMLSyntaxError:
        pass  # reported below, in words that help
    yield from _events(parser)
    if broken:
        raise broken
    if b"</posts>" not in tail and not tail.rstrip().endswith(b"<posts/>"):
        raise UnreadableFile("the dump ends before </posts>: it is truncated; fetch it again")


def _events(parser: etree.XMLPullParser) -> Iterator[dict[str, str]]:
    for _, element in parser.read_events():
        yield dict(element.attrib)
        element.clear()
        parent = element.getparent()
        while element.getprevious() is not None:
            del parent[0]


def _post(row: dict[str, str]) -> dict | None:
    """What a thread needs of a post; `thread` is the question's id. None if the row is damaged."""
    kind = row.get("PostTypeId", "")
    identity = _number(row.get("Id"))
    thread = identity if kind == "1" else _number(row.get("ParentId"))
    if identity is None or not kind.isdecimal() or (kind in ("1", "2") and (thread is None or "Body" not in row)):
        return None
    return {
        "id": identity,
        "type": kind,
        "thread": thread,
        "score": _number(row.get("Score")) or 0,
        "accepted": _number(row.get("AcceptedAnswerId")),
        "body": row.get("Body", ""),
        "title": row.get("Title", ""),
        "tags": re.findall(r"[^<>|]+", row.get("Tags", "")),
        "created": row.get("CreationDate"),
        "licence": row.get("ContentLicense"),
    }


def _number(value: str | None) -> int | None:
    """The integer in an attribute, if there is a sane one."""
    return int(value) if value and len(value) < 16 and re.fullmatch(r"-?[0-9]+", value) else None


def _threads(bucket, site: str | None) -> Iterator[Record]:
    """The documents of a bucket in the order of their questions, then its orphans."""
    questions: dict[int, dict] = {}
    answers: dict[int, list[dict]] = {}
    seen = set()
    bucket.seek(0)
    for line in bucket:
        number, post = json.loads(line)
        if post["id"] in seen:
            yield Unextracted(f"{post['id']}@row{number}", "duplicate_id")
            continue
        seen.add(post["id"])
        if post["type"] == "1":
            questions[post["id"]] = post
        else:
            answers.setdefault(post["thread"], []).append(post)
    for identity, question in questions.items():
        replies = answers.pop(identity, [])
        yield _document(question, replies, site)
        for _ in replies:
            yield NotDocument("answer_in_thread")
    for orphans in answers.values():
        for answer in orphans:
            yield Unextracted(str(answer["id"]), "orphan_answer")


def _document(question: dict, answers: list[dict], site: str | None) -> Record:
    """The thread as text: title, question, then `Answer 1:` and so on, the accepted one first, then by score."""
    record = str(question["id"])
    title = tidy(question["title"]).strip()
    url = f"https://{site}/questions/{record}" if site else None
    accepted = question["accepted"]
    answers = sorted(answers, key=lambda answer: (answer["id"] != accepted, -answer["score"], answer["id"]))
    parts = [title, html_text(question["body"])]
    # Numbered, because filters take a line that comes again and again for boilerplate.
    bodies = [html_text(answer["body"]) for answer in answers]
    parts += [f"Answer {number}:\n{body}" for number, body in enumerate(filter(None, bodies), 1)]
    text = "\n\n".join(filter(None, parts))
    if not text:
        return Unextracted(record, "empty_text", url=url)
    meta = {
        "score": question["score"],
        "tags": question["tags"],
        "answers": len(answers),
        "accepted": bool(answers) and answers[0]["id"] == accepted,
        "answer_scores": [answer["score"] for answer in answers],
    }
    licence = _licence([question, *answers])
    return Extracted(record, text, url, title or None, question["created"], licence, meta)


def _licence(posts: list[dict]) -> str:
    """The SPDX expression of all posts' licences: `CC BY-SA 3.0` and `CC BY-SA 4.0` meet in one thread."""
    named = sorted({post["licence"].replace(" ", "-") for post in posts if post["licence"]})
    return " AND ".join(named) or "CC-BY-SA"


_UNWANTED = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ufffe\uffff]")
_LINE_ENDS = re.compile("\r\n?|\x0c|\x85|\u2028|\u2029")


def tidy(text: str) -> str:
    """The text with "\\n" line ends and without control characters, lone surrogates and trailing white space."""
    text = text.encode("utf-8", "replace").decode()
    lines = _UNWANTED.sub("", _LINE_ENDS.sub("\n", text)).split("\n")
    return "\n".join([line.rstrip(" \t\xa0") for line in lines])  # a regex for this is quadratic on runs of spaces


def html_text(html: str) -> str:
    """The readable text of a post's HTML: paragraphs, `- ` lists, `> ` quotations, code in ``` fences, links' words.

    Code blocks keep every character (but white space at line ends), even inside lists. Meant for the HTML of posts
    and mails; whole web pages, with their menus, need an extractor that chooses.
    """
    if "<" not in html and "&" not in html:
        return tidy(html).strip()
    # A parser target, not a tree: no nesting depth at which text is lost, and a third of the time of a walk.
    parser = etree.HTMLParser(target=_PostText(), encoding="utf-8", huge_tree=True)
    parser.feed(_UNWANTED.sub("", html.encode("utf-8", "replace").decode()).encode())
    return tidy(parser.close())


_BLOCKS = frozenset(
    ("address", "article", "aside", "blockquote", "dd", "div", "dl", "dt", "fieldset", "figure", "footer")
    + ("form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "ol", "p", "pre")
    + ("section", "table", "tr", "ul")
)
_TIGHT = frozenset(("li", "tr", "dt", "dd", "div"))  # blocks that begin on a new line, without a blank one
_HIDDEN = frozenset(("script", "style", "head", "title", "template"))
_SPACES = re.compile("[ \t\r\n\f\xa0]+")
_MAX_INDENTS = 16  # deeper lists and quotations get no deeper, else a small page could make a huge text
_NO_ALT = {"", "enter image description here", "alt text", "image"}  # what the sites' editor fills in
_RAISED = str.maketrans("0123456789+-n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ")
_LOWERED = str.maketrans("0123456789+-", "₀₁₂₃₄₅₆₇₈₉₊₋")


class _PostText:
    """Target of an lxml parser that builds the text; `close` returns it."""

    def __init__(self):
        self._lines: list[str] = []
        self._words: list[str] = []  # of the present paragraph
        self._gap = False  # whether a blank line is due
        self._indents: list[list[str]] = []  # of each open list item or quotation: first line's, other lines'
        self._numbers: list[int | None] = []  # next number of each open list; None for bullets
        self._code: list[str] | None = None  # inside <pre>
        self._language = ""
        self._hidden = 0

    def start(self, tag: str, attributes) -> None:
        if tag in _HIDDEN:
            self._hidden += 1
        elif self._code is not None:
            self._note_language(attributes)
            if tag == "br":
                self._code.append("\n")
        elif tag in _BLOCKS:
            self._end_paragraph()
            self._gap |= tag not in _TIGHT and not (tag in ("ul", "ol") and self._numbers)
            self._open_block(tag, attributes)
        elif tag == "br":
            self._words.append("\n")
        elif tag in ("td", "th"):
            self._words.append(" | " if self._words else "")
        elif tag == "img" and attributes.get("alt", "").strip() not in _NO_ALT:
            self._words.append(_SPACES.sub(" ", attributes["alt"]))
        elif tag in ("code", "kbd", "tt"):
            self._words.append("`")
        elif tag in ("sup", "sub"):
            self._words.append("\x01")  # marks where it began; no such character can come from the page

    def _open_block(self, tag: str, attributes) -> None:
        if tag == "pre":
            self._code, self._language = [], ""
            self._note_language(attributes)
        elif tag == "blockquote":
            self._indents.append(["> ", "> "])
        elif tag in ("ul", "ol"):
            first = attributes.get("start", "1")
            self._numbers.append(None if tag == "ul" else int(first) if re.fullmatch("[0-9]{1,6}", first) else 1)
        elif tag == "li":
            number = self._numbers[-1] if self._numbers else None
            marker = "- " if number is None else f"{number}. "
            if number is not None:
                self._numbers[-1] = number + 1
            self._indents.append([marker, " " * len(marker)])

    def _note_language(self, attributes) -> None:
        found = re.search(r"\blang(?:uage)?-([\w+#-]{1,20})", attributes.get("class", ""))
        if found and found[1] not in ("none", "default"):
            self._language = found[1]

    def end(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag == "pre" and self._code is not None:
            self._end_code()
        elif self._code is not None:
            pass
        elif tag in _BLOCKS:
            self._end_paragraph()
            if tag in ("li", "blockquote") and self._indents:
                self._indents.pop()
            if tag in ("ul", "ol") and self._numbers:
                self._numbers.pop()
            self._gap |= tag not in _TIGHT and not (tag in ("ul", "ol") and self._numbers)
        elif tag in ("code", "kbd", "tt"):
            if self._words and self._words[-1] == "`":
                self._words.pop()  # it was empty
            else:
                self._words.append("`")
        elif tag in ("sup", "sub"):
            self._end_script(_RAISED if tag == "sup" else _LOWERED)

    def _end_script(self, table: dict[int, int]) -> None:
        """Powers and indices keep their sense: 10<sup>6</sup> must not become 106."""
        for start in range(len(self._words) - 1, max(-1, len(self._words) - 9), -1):
            if self._words[start] == "\x01":
                script = "".join(self._words[start + 1 :])
                if script and all(ord(letter) in table for letter in script):
                    script = script.translate(table)
                self._words[start:] = [script]
                return

    def data(self, text: str) -> None:
        if self._hidden:
            return
        if self._code is not None:
            self._code.append(text)
        else:
            self._words.append(_SPACES.sub(" ", text))

    def comment(self, text: str) -> None:
        pass

    def _end_paragraph(self) -> None:
        text = "".join(self._words).replace("\x01", "")
        self._words = []
        for line in text.split("\n"):
            if line := " ".join(filter(None, line.split(" "))):
                self._write(self._prefix() + line)

    def _prefix(self) -> str:
        prefix = ""
        for indent in self._indents[:_MAX_INDENTS]:
            prefix += indent[0]
            indent[0] = indent[1]
        return prefix

    def _write(self, line: str) -> None:
        if self._gap and self._lines:
            self._lines.append("")
        self._gap = False
        self._lines.append(line)

    def _end_code(self) -> None:
        code = "".join(self._code or []).replace("\r\n", "\n").strip("\n")
        self._code = None
        if code.strip():
            longest = max(map(len, re.findall("`{3,}", code)), default=2)
            fence = "`" * (longest + 1)
            self._gap = True
            self._write(f"{fence}{self._language}")
            self._lines += [code, fence]
        self._gap = True

    def close(self) -> str:
        if self._code is not None:
            self._end_code()
        self._end_paragraph()
        return "\n".join(self._lines)
