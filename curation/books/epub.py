"""EPUB 2 and 3: the chapters of a zip in reading order (container.xml, package document, spine), and the metadata.

Follows EPUB 3.3 (W3C): META-INF/container.xml names the package document, whose spine lists manifest items in reading
order. Books in the wild miss parts of it; then the next best order is taken: manifest, then names.
"""

import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import unquote

from lxml import etree

from gristmill.curation.archives import MAX_MEMBERS
from gristmill.curation.books.xhtml import page_text, page_title, parse_page
from gristmill.curation.documents import UnreadableFile
from gristmill.curation.markup import inline_text, local_name, parse_xml

MAX_PACKAGE_BYTES = 32 * 2**20
"""A longer package document or container is not read."""

_PAGE_TYPES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document")
_PAGE_SUFFIXES = (".xhtml", ".html", ".htm", ".xml")
_NUMBERS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class Epub:
    """A book as its package document describes it, with the text of its pages."""

    pages: list[str]  # their texts in reading order
    metadata: dict[str, list[str]] = field(default_factory=dict)  # Dublin Core element -> its values
    missing: int = 0  # pages that the spine lists and that could not be read
    encrypted: int = 0  # pages behind digital rights management
    size_bytes: int = 0  # size of all pages as the archive states it
    order: str = "spine"  # what gave the reading order: `spine`, else `manifest`, else `names`


def read_epub(stream: BinaryIO, max_bytes: int, max_page_bytes: int) -> Epub:
    """The book in a zip file; it has no pages if they exceed `max_bytes` together, and none above `max_page_bytes`.

    Raises UnreadableFile if it is no zip archive, or one without a single page.
    """
    try:
        archive = zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError) as error:
        raise UnreadableFile(f"not a readable EPUB: the zip archive is damaged ({error}); fetch it again") from error
    if len(archive.infolist()) > MAX_MEMBERS:
        raise UnreadableFile(f"more than {MAX_MEMBERS:,} members in one EPUB; is it one?")
    names = {info.filename: info for info in archive.infolist()}
    package_name, package = _package(archive, names)
    pages, order = _pages(package_name, package, names)
    if not pages:
        raise UnreadableFile("an EPUB without any page: neither a spine nor XHTML files; fetch it again")
    encrypted = _encrypted(archive, names)
    size = sum(names[page].file_size for page in pages if page in names)
    metadata = _metadata(package)
    locked = [page for page in pages if page in encrypted]
    if size > max_bytes:
        return Epub([], metadata, size_bytes=size)
    texts, missing = [], 0
    for page in pages:
        data = None if page in encrypted else _content(archive, names, page, max_page_bytes)
        if data is None:
            missing += 1
            continue
        root = parse_page(data)
        if root is not None:
            texts.append(page_text(root))
            metadata.setdefault("title", [title for title in [page_title(root)] if title])
    return Epub(texts, metadata, missing - len(locked), len(locked), size, order)


def _content(
    archive: zipfile.ZipFile, names: dict[str, zipfile.ZipInfo], name: str, max_bytes: int = MAX_PACKAGE_BYTES
) -> bytes | None:
    info = names.get(name)
    if info is None or info.file_size > max_bytes:
        return None
    try:
        with archive.open(info) as member:
            return member.read(info.file_size + 1)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError, ValueError):
        return None


def _xml(archive: zipfile.ZipFile, names: dict[str, zipfile.ZipInfo], name: str) -> etree._Element | None:
    data = _content(archive, names, name)
    if not data:
        return None
    try:
        return parse_xml(data)
    except (etree.XMLSyntaxError, LookupError):
        pass
    try:
        return parse_xml(data, recover=True)
    except (etree.XMLSyntaxError, LookupError):
        return None


def _elements(root: etree._Element | None, name: str) -> Iterator[etree._Element]:
    if root is not None:
        yield from (element for element in root.iter() if local_name(element) == name)


def _package(archive: zipfile.ZipFile, names: dict[str, zipfile.ZipInfo]) -> tuple[str, etree._Element | None]:
    container = _xml(archive, names, "META-INF/container.xml")
    named = [unquote(element.get("full-path") or "") for element in _elements(container, "rootfile")]
    for name in [*named, *sorted(name for name in names if name.lower().endswith(".opf"))]:
        package = _xml(archive, names, name)
        if package is not None:
            return name, package
    return "", None


def _pages(
    package_name: str, package: etree._Element | None, names: dict[str, zipfile.ZipInfo]
) -> tuple[list[str], str]:
    """Names of the members that hold the text, without navigation, in reading order; and what gave that order."""
    folder = posixpath.dirname(package_name)
    items, skipped = {}, set()
    for item in _elements(package, "item"):
        name = _resolved(folder, item.get("href") or "")
        kind = item.get("media-type") or ""
        if kind in _PAGE_TYPES or (not kind and name.lower().endswith(_PAGE_SUFFIXES)):
            items[item.get("id") or name] = name
        if "nav" in (item.get("properties") or "").split():
            skipped.add(name)
    for reference in _elements(package, "reference"):
        if reference.get("type") in ("toc", "cover"):
            skipped.add(_resolved(folder, reference.get("href") or ""))
    spine = [items[idref] for ref in _elements(package, "itemref") if (idref := ref.get("idref") or "") in items]
    order, given = (spine, "spine") if spine else (list(items.values()), "manifest")
    if not any(page in names for page in order):
        given = "names"
        order = sorted(
            (name for name in names if name.lower().endswith(_PAGE_SUFFIXES[:3])),
            key=lambda name: [part.zfill(12) if part.isdigit() else part for part in _NUMBERS.split(name)],
        )
    pages = list(dict.fromkeys(order))
    # Sloppy guides point at the first chapter as "cover" or "toc"; never skip everything.
    return [page for page in pages if page not in skipped] or pages, given


def _resolved(folder: str, href: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(href.partition("#")[0])))


def _encrypted(archive: zipfile.ZipFile, names: dict[str, zipfile.ZipInfo]) -> frozenset[str]:
    references = _elements(_xml(archive, names, "META-INF/encryption.xml"), "CipherReference")
    return frozenset(unquote(element.get("URI") or "") for element in references)


def _metadata(package: etree._Element | None) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    metadata = next(_elements(package, "metadata"), None)
    for element in metadata.iter() if metadata is not None else ():
        if isinstance(element.tag, str) and element.tag.startswith("{http://purl.org/dc/"):
            text = inline_text(element)
            if text and text not in values.setdefault(local_name(element).lower(), []):
                values[local_name(element).lower()].append(text)
    return {name: texts for name, texts in values.items() if texts}
