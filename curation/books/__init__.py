"""Books: Project Gutenberg and other plain text, EPUB, and HTML. One file is one document."""

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

from gristmill.curation.archives import MAX_MEMBER_BYTES, bare_name, decompressed
from gristmill.curation.books import gutenberg
from gristmill.curation.books.epub import Epub, read_epub
from gristmill.curation.books.reflow import reflow
from gristmill.curation.books.xhtml import page_text, page_title, parse_page
from gristmill.curation.creative_commons import licence_name
from gristmill.curation.documents import Extracted, ReadOptions, Record, Unextracted, UnreadableFile
from gristmill.curation.markup import plain_lines, tidy

VERSION: int = 1

FORMATS: tuple[str, ...] = ("text", "epub", "html")
"""`text` covers Project Gutenberg's files, which are told by their header."""

MAX_BOOK_BYTES = MAX_MEMBER_BYTES
"""A longer book is not read: no document may be larger (`max_document_bytes`)."""

_DECLARED = re.compile(rb"character set encoding:[ \t]*([^\r\n]{2,40})", re.IGNORECASE)
_MARKUP = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).)*+-->\s*+)*+<(?:!doctype\s+html|html)\b",
    re.IGNORECASE | re.DOTALL,
)
_FOREIGN = {
    b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"{\\rtf": "an RTF document",
    b"AT&TFORM": "a DjVu scan",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"ITOLITLS": "a Microsoft Reader book",
}
_ROLES = ("Author", "Translator", "Editor", "Illustrator", "Contributor")


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """The book in a file as its one document, or the reason why it has no text.

    Detects EPUB by its zip signature, HTML by its first tag, and takes other text for plain text. Raises
    UnreadableFile for anything else.
    """
    stream = decompressed(stream)
    kind = options.format or _detected(stream, name)
    if kind not in FORMATS:
        raise UnreadableFile(f"format {kind!r} is unknown to `kind: books`; use one of {', '.join(FORMATS)}")
    if kind == "epub":
        yield _epub_record(read_epub(stream, MAX_BOOK_BYTES))
        return
    data = stream.read(MAX_BOOK_BYTES + 1)
    if len(data) > MAX_BOOK_BYTES:
        yield Unextracted("", "document_too_large", float(_length(stream, len(data))))
    elif kind == "html":
        yield _html_record(data)
    else:
        yield _text_record(data)


def _detected(stream: BinaryIO, name: str) -> str:
    head = stream.read(4096) if not hasattr(stream, "peek") else stream.peek(4096)[:4096]
    if not hasattr(stream, "peek"):
        stream.seek(0)
    if head.startswith(b"PK"):
        return "epub"
    looks_like = next((words for magic, words in _FOREIGN.items() if head.startswith(magic)), None)
    if looks_like is None and head[60:68] in (b"BOOKMOBI", b"TEXtREAd"):
        looks_like = "a Kindle book"
    if looks_like is None and b"\0" in head and not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        looks_like = "binary data"
    if looks_like:
        raise UnreadableFile(
            f"{bare_name(name)} is {looks_like}; `kind: books` reads plain text, EPUB and HTML: convert it first"
        )
    return "html" if _MARKUP.match(head.removeprefix(codecs.BOM_UTF8)) else "text"


def _length(stream: BinaryIO, read: int) -> int:
    """Bytes in all, without keeping them."""
    while chunk := stream.read(2**24):
        read += len(chunk)
    return read


def decode(data: bytes) -> str:
    """A book's bytes as text: by BOM, else UTF-8, else the header's "Character set encoding", else Windows-1252."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # One damaged byte in a long UTF-8 text does not make it Latin-1.
        damaged = data.decode("utf-8", "replace").count("\ufffd")
        if error.start and damaged * 50 < sum(byte >= 0x80 for byte in data[:200_000]):
            return data.decode("utf-8-sig", "replace")
    declared = _DECLARED.search(data, 0, 20_000)
    names = [declared[1].decode("ascii", "replace").strip().lower().removeprefix("iso ")] if declared else []
    for encoding in [*names, "cp1252"]:
        try:
            if codecs.lookup(encoding).name != "ascii":
                return data.decode(encoding)
        except (LookupError, UnicodeDecodeError, ValueError):
            continue
    return data.decode("latin-1")


def _text_record(data: bytes) -> Record:
    text = plain_lines(decode(data))
    if not gutenberg.is_gutenberg(text):
        body = tidy(reflow(text))
        return Extracted("", body) if body.strip() else Unextracted("", "empty_text")
    book = gutenberg.unwrap(text)
    return _gutenberg_record(book, tidy(reflow(book.body)))


def _gutenberg_record(book: gutenberg.Book, text: str) -> Record:
    fields = book.fields
    title = fields.get("Title")
    number = fields.get("Number")
    url = f"https://www.gutenberg.org/ebooks/{number}" if number else None
    if not text.strip():
        return Unextracted("", "empty_text", url=url, title=title)
    meta: dict[str, object] = {role.lower(): fields[role] for role in _ROLES if role in fields}
    if "Language" in fields:
        meta["language"] = fields["Language"]
    if number:
        meta["gutenberg_number"] = int(number)
    copyrighted = re.search(r"copyrighted project gutenberg", book.header, re.IGNORECASE)
    return Extracted(
        record="",
        text=text,
        url=url,
        title=title,
        created=gutenberg.release_date(fields.get("Release date", "")),
        licence="Copyrighted Project Gutenberg eBook" if copyrighted else "Project Gutenberg License",
        meta=meta,
    )


def _html_record(data: bytes) -> Record:
    root = parse_page(data)
    text = page_text(root) if root is not None else ""
    title = page_title(root) if root is not None else None
    if gutenberg.is_gutenberg(text):
        book = gutenberg.unwrap(text)
        record = _gutenberg_record(book, tidy(book.body))
        return record
    return Extracted("", text, title=title) if text.strip() else Unextracted("", "empty_text", title=title)


def _epub_record(book: Epub) -> Record:
    title = next(iter(book.metadata.get("title", [])), None)
    if book.size_bytes > MAX_BOOK_BYTES:
        return Unextracted("", "document_too_large", float(book.size_bytes), title=title)
    text = book.text
    url = next((word for word in book.metadata.get("identifier", []) if word.startswith("http")), None)
    if gutenberg.is_gutenberg(text):
        text = tidy(gutenberg.unwrap(text).body)
    if not text.strip():
        rule = "encrypted" if book.encrypted else "missing_pages" if book.missing else "empty_text"
        return Unextracted("", rule, float(book.encrypted or book.missing) or None, url, title)
    rights = next(iter(book.metadata.get("rights", [])), None)
    meta: dict[str, object] = {}
    for ours, theirs in (("author", "creator"), ("contributor", "contributor"), ("language", "language")):
        if book.metadata.get(theirs):
            meta[ours] = "; ".join(book.metadata[theirs])
    if book.missing:
        meta["missing_pages"] = book.missing
    return Extracted(
        record="",
        text=text,
        url=url,
        title=title,
        created=_iso_date(book.metadata.get("date", [])),
        licence=licence_name(rights) if rights else None,
        meta=meta,
    )


def _iso_date(words: list[str]) -> str | None:
    for word in words:
        match = re.match(r"\d{4}(?:-\d{2}(?:-\d{2})?)?", word)
        if match:
            return match[0]
    return next(filter(None, map(gutenberg.release_date, words)), None)
