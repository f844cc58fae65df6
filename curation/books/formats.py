"""The three formats of books, each as pieces of text in reading order and what is known beside them.

A piece is whole paragraphs: a window of a long text, an HTML file, or a page of an EPUB.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from gristmill.curation.books import gutenberg, plain
from gristmill.curation.books.epub import Epub, read_epub
from gristmill.curation.books.xhtml import page_text, page_title, parse_page
from gristmill.curation.creative_commons import licence_name
from gristmill.curation.documents import Unextracted
from gristmill.curation.markup import tidy

MAX_PAGE_BYTES = 64 * 2**20
"""A longer HTML page is not parsed: its tree takes ten times the memory."""

_ROLES = ("Author", "Translator", "Editor", "Illustrator", "Contributor")
_PAGE_BREAK = "\x1e"


@dataclass(slots=True)
class About:
    """What is known of a book beside its text; complete once its first piece has been had."""

    record: str
    title: str | None = None
    url: str | None = None
    created: str | None = None
    licence: str | None = None
    meta: dict[str, object] = field(default_factory=dict)


def text_pieces(stream: BinaryIO, about: About) -> Iterator[str | Unextracted]:
    """Plain text, of any length."""
    try:
        for piece in plain.pieces(stream):
            if piece.about is not None:
                _note_gutenberg(about, piece.about)
            yield piece.text
    except UnicodeError:
        yield Unextracted(about.record, "undecodable", url=about.url, title=about.title)


def html_pieces(stream: BinaryIO, about: About) -> Iterator[str | Unextracted]:
    """A book in one HTML file."""
    data = stream.read(MAX_PAGE_BYTES + 1)
    if len(data) > MAX_PAGE_BYTES:
        size = len(data)
        while chunk := stream.read(2**24):
            size += len(chunk)
        yield Unextracted(about.record, "document_too_large", float(size))
        return
    root = parse_page(data)
    if root is None:
        return
    text = page_text(root)
    about.title = page_title(root)
    if gutenberg.is_gutenberg(text):
        book = gutenberg.unwrap(text)
        _note_gutenberg(about, book)
        text = book.body
    else:
        text = gutenberg.without_notes(text)
    yield tidy(text)


def epub_pieces(stream: BinaryIO, about: About, max_bytes: int) -> Iterator[str | Unextracted]:
    """The pages of an EPUB, those that are transcriber's notes left out."""
    book = read_epub(stream, max_bytes, MAX_PAGE_BYTES)
    _note_epub(about, book)
    if book.size_bytes > max_bytes:
        yield Unextracted(about.record, "document_too_large", float(book.size_bytes), title=about.title)
        return
    pages = [text for text in book.pages if text]
    wrapped = gutenberg.is_gutenberg("\n\n".join(pages))
    whole = f"\n\n{_PAGE_BREAK}\n\n".join(page for page in pages if not gutenberg.is_note(page))
    whole = gutenberg.unwrap(whole).body if wrapped else gutenberg.without_notes(whole)
    found = False
    for text in map(tidy, whole.split(_PAGE_BREAK)):
        found = found or bool(text)
        yield text
    if not found:
        rule = "encrypted" if book.encrypted else "missing_pages" if book.missing else "empty_text"
        yield Unextracted(about.record, rule, float(book.encrypted or book.missing) or None, about.url, about.title)


def _note_gutenberg(about: About, book: gutenberg.Book) -> None:
    fields = book.fields
    about.title = fields.get("Title")
    number = fields.get("Number")
    about.url = f"https://www.gutenberg.org/ebooks/{number}" if number else None
    about.meta.update({role.lower(): fields[role] for role in _ROLES if role in fields})
    if "Language" in fields:
        about.meta["language"] = fields["Language"]
    if number:
        about.meta["gutenberg_number"] = int(number)
    about.created = gutenberg.release_date(fields.get("Release date", ""))
    copyrighted = re.search(r"copyrighted project gutenberg", book.header, re.IGNORECASE)
    about.licence = "Copyrighted Project Gutenberg eBook" if copyrighted else "Project Gutenberg License"


def _note_epub(about: About, book: Epub) -> None:
    metadata = book.metadata
    about.title = next(iter(metadata.get("title", [])), None)
    about.url = next((word for word in metadata.get("identifier", []) if word.startswith("http")), None)
    rights = next(iter(metadata.get("rights", [])), None)
    about.licence = licence_name(rights) if rights else None
    about.created = _iso_date(metadata.get("date", []))
    for ours, theirs in (("author", "creator"), ("contributor", "contributor"), ("language", "language")):
        if metadata.get(theirs):
            about.meta[ours] = "; ".join(metadata[theirs])
    for key, count in (("missing_pages", book.missing), ("encrypted_pages", book.encrypted)):
        if count:
            about.meta[key] = count
    if book.order != "spine":
        about.meta["reading_order"] = book.order


def _iso_date(words: list[str]) -> str | None:
    for word in words:
        match = re.match(r"\d{4}(?:-\d{2}(?:-\d{2})?)?", word)
        if match:
            return match[0]
    return next(filter(None, map(gutenberg.release_date, words)), None)
