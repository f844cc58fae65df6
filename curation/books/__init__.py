"""Books: Project Gutenberg and other plain text, EPUB, and HTML, alone or in archives.

A book is one document, or with `split: chapter` one document a chapter.
"""

import codecs
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from gristmill.curation.archives import MAX_MEMBER_BYTES, bare_name, decompressed, members
from gristmill.curation.books import chapters
from gristmill.curation.books.formats import About, epub_pieces, html_pieces, text_pieces
from gristmill.curation.books.params import BooksParams
from gristmill.curation.documents import (
    Extracted,
    NotDocument,
    ReadOptions,
    Record,
    Unextracted,
    UnreadableFile,
    locator,
)

VERSION: int = 2

PARAMS = BooksParams

FORMATS: tuple[str, ...] = ("text", "epub", "html")
"""`text` covers Project Gutenberg's files, which are told by their header."""

MAX_BOOK_BYTES = MAX_MEMBER_BYTES
"""A longer book is no document, since none may be larger (`max_document_bytes`); its chapters may be."""

_MARKUP = re.compile(
    rb"\s*+(?:(?:<\?[^>]*+>|<!--(?:(?!-->).)*+-->)\s*+)*+<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_TAG = re.compile(rb"<[a-z!/?]", re.IGNORECASE)
_PAGE_SUFFIXES = (".htm", ".html", ".xhtml", ".xht")
_FOREIGN = {
    b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"{\\rtf": "an RTF document",
    b"AT&TFORM": "a DjVu scan",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"ITOLITLS": "a Microsoft Reader book",
}
_MEMBER_SUFFIXES = (".txt", ".text", ".epub", ".htm", ".html", ".xhtml")


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """The book in a file, or the reason why it has no text; of an archive each book in it, named by its member.

    Detects EPUB and archives by their signature, HTML by its first tag, and takes other text for plain text. Raises
    UnreadableFile for anything else, and where a file is cut short, after what came before the cut.
    """
    params = options.params or BooksParams()
    if options.format is not None and options.format not in FORMATS:
        raise UnreadableFile(f"format {options.format!r} is unknown to `kind: books`; use one of {', '.join(FORMATS)}")
    if _is_collection(stream, options.format):
        yield from _collection(stream, name, options.format, params)
        return
    content = decompressed(stream)
    head = _peeked(content)
    if head[257:262] == b"ustar":
        stream.seek(0)
        yield from _collection(stream, name, options.format, params)
    else:
        yield from _book(content, name, options.format or _detected(head, name), "", params)


def _book(stream: BinaryIO, name: str, format_name: str, record: str, params: BooksParams) -> Iterator[Record]:
    about = About(record)
    if params.split == "none" and stream.seekable():
        size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        if size > MAX_BOOK_BYTES and format_name != "epub":
            yield Unextracted(record, "document_too_large", float(size))
            return
    if format_name == "text":
        texts: Iterator[str | Unextracted] = text_pieces(stream, about)
    elif format_name == "html":
        texts = html_pieces(stream, about)
    else:
        texts = epub_pieces(stream, about, MAX_BOOK_BYTES)
    if params.split == "none":
        yield from _whole(texts, about)
    else:
        yield from _split(texts, about, locator(name, record), by_page=format_name == "epub")


def _whole(texts: Iterator[str | Unextracted], about: About) -> Iterator[Record]:
    """The book as one document; if its file is cut short, the text before the cut and then the error."""
    held: list[str] = []
    size = 0
    cut: UnreadableFile | None = None
    try:
        for text in texts:
            if isinstance(text, Unextracted):
                yield text
                return
            size += len(text) + 2 if text else 0
            if size > MAX_BOOK_BYTES + 2:
                held.clear()
            elif text:
                held.append(text)
    except UnreadableFile as error:
        cut = error
        about.meta["truncated"] = True
    if size > MAX_BOOK_BYTES + 2:
        yield Unextracted(about.record, "document_too_large", float(size - 2), about.url, about.title)
    elif held:
        yield _document(about, "\n\n".join(held))
    elif cut is None:
        yield Unextracted(about.record, "empty_text", None, about.url, about.title)
    if cut is not None:
        raise cut


def _split(texts: Iterator[str | Unextracted], about: About, book: str, by_page: bool) -> Iterator[Record]:
    """Each chapter as a document `chapter-NN`; what stands before the first is `chapter-00`."""
    lost: list[Unextracted] = []

    def words() -> Iterator[str]:
        for text in texts:
            if isinstance(text, Unextracted):
                lost.append(text)
            elif text:
                yield text

    found = False
    for chapter in chapters.pages(words()) if by_page else chapters.chapters(words(), MAX_BOOK_BYTES):
        found = True
        place = f"chapter-{chapter.number:02}"
        place = f"{about.record}/{place}" if about.record else place
        if chapter.text is None:
            yield Unextracted(place, "document_too_large", float(chapter.size), about.url, chapter.title)
            continue
        meta = {**about.meta, "book": book, "chapter": chapter.number}
        if chapter.title:
            meta["chapter_title"] = chapter.title
        yield _document(replace(about, record=place, meta=meta), chapter.text)
    yield from lost
    if not found and not lost:
        yield Unextracted(about.record, "empty_text", None, about.url, about.title)


def _document(about: About, text: str) -> Extracted:
    return Extracted(about.record, text, about.url, about.title, about.created, about.licence, about.meta)


def _is_collection(stream: BinaryIO, format_name: str | None) -> bool:
    """Whether this is a zip of books rather than an EPUB, which is a zip as well."""
    signature = stream.read(4)
    stream.seek(0)
    if not signature.startswith(b"PK") or format_name == "epub":
        return False
    try:
        names = zipfile.ZipFile(stream).namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError):
        names = []
    stream.seek(0)
    is_epub = any(name == "mimetype" or name.startswith("META-INF/") or name.endswith(".opf") for name in names)
    return not is_epub and any(name.lower().endswith(_MEMBER_SUFFIXES) for name in names)


def _collection(stream: BinaryIO, name: str, format_name: str | None, params: BooksParams) -> Iterator[Record]:
    """Each book in an archive; its pictures and the like are counted."""
    for member, size, content in members(stream):
        if not member.lower().endswith(_MEMBER_SUFFIXES):
            yield NotDocument("other_file")
        elif content is None:
            rule = "document_too_large" if size > MAX_MEMBER_BYTES else "damaged_member"
            yield Unextracted(member, rule, float(size))
        else:
            try:
                kind = format_name or _detected(content[:4096], member)
                yield from _book(io.BytesIO(content), name, kind, member, params)
            except UnreadableFile:
                yield Unextracted(member, "damaged_member", float(size))


def _peeked(stream: BinaryIO) -> bytes:
    if hasattr(stream, "peek"):
        return stream.peek(4096)[:4096]
    head = stream.read(4096)
    stream.seek(0)
    return head


_OTHER_KINDS = {
    "crawl": re.compile(rb"WARC/\d|filedesc://"),
    "wikipedia": re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<mediawiki\b"),
    "papers": re.compile(
        rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!DOCTYPE[^>]*>\s*)?<(?:article|PubmedArticleSet|pmc-articleset)\b"
    ),
    "text": re.compile(rb'\{"[^"\n]{1,80}"\s*:'),
    "forum": re.compile(rb"From \S+ .{0,80}\d\d:\d\d:\d\d"),
}
"""What files of other kinds begin with."""


def _detected(head: bytes, name: str) -> str:
    if head.startswith(b"PK"):
        return "epub"
    looks_like = next((words for magic, words in _FOREIGN.items() if head.startswith(magic)), None)
    if looks_like is None and head[60:68] in (b"BOOKMOBI", b"TEXtREAd"):
        looks_like = "a Kindle book"
    if other := next((kind for kind, pattern in _OTHER_KINDS.items() if pattern.match(head)), None):
        raise UnreadableFile(f"{bare_name(name)} is no book; read it as `kind: {other}`")
    if looks_like is None and b"\0" in head and not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        looks_like = "binary data"
    if looks_like:
        raise UnreadableFile(
            f"{bare_name(name)} is {looks_like}; `kind: books` reads plain text, EPUB and HTML: convert it first"
        )
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        head = head.decode("utf-16", "replace").encode("utf-8", "replace")
    if _MARKUP.match(head.removeprefix(codecs.BOM_UTF8)):
        return "html"
    return "html" if bare_name(name).endswith(_PAGE_SUFFIXES) and _TAG.search(head) else "text"
