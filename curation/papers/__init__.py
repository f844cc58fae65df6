"""Papers: JATS and MEDLINE XML, LaTeX sources as arXiv serves them, S2ORC; alone or in archives."""

import gzip
import io
import json
import posixpath
import re
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from lxml import etree

from gristmill.curation.archives import MAX_MEMBER_BYTES, bare_name, decompressed, members
from gristmill.curation.documents import (
    Extracted,
    NotDocument,
    ReadOptions,
    Record,
    Unextracted,
    UnreadableFile,
)
from gristmill.curation.papers import jats, medline, s2orc
from gristmill.curation.papers.latex import latex_text
from gristmill.curation.papers.latexsource import assemble
from gristmill.curation.xmlrecords import XmlSlices

VERSION: int = 1

FORMATS: tuple[str, ...] = ("jats", "medline", "latex", "s2orc")

MAX_LINE_BYTES = MAX_MEMBER_BYTES
"""A longer JSON line is passed over: no document may be larger (`max_document_bytes`)."""

MAX_LATEX_BYTES = 64 * 2**20
"""LaTeX files of one paper beyond this many bytes in all are not read."""

_XML_RECORDS = ("article", *medline.RECORDS)
_MEMBER_TYPES = {
    "image": ".png .jpg .jpeg .gif .eps .ps .pdf_tex .svg .tif .tiff .bmp .epsi .fig .pgf .tikz",
    "pdf": ".pdf",
    "bibliography": ".bbl .bib .bst .bcf",
    "latex_style": ".sty .cls .clo .def .cfg .fd .ist",
    "latex_byproduct": ".aux .log .out .toc .lof .lot .blg .synctex .nav .snm",
    "data": ".csv .txt .dat .json .xls .xlsx .doc .docx .zip .avi .mov .mp4 .mp3",
}
_TYPE_OF_SUFFIX = {suffix: kind for kind, suffixes in _MEMBER_TYPES.items() for suffix in suffixes.split()}
_TEX_SUFFIXES = (".tex", ".ltx", ".latex", ".tikz")
_XML_SUFFIXES = (".xml", ".nxml")
_TEX_COMMAND = re.compile(rb"\\(?:document(?:class|style)|begin\s*\{|input\b|section\b|magnification|title\b)")
_XML_START = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<(?:[?!A-Za-z])")


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """The papers in a file or archive, in file order.

    Records: "" for a file that is one paper, else the member's name, the PMID, or the byte offset or line of the
    article. Raises UnreadableFile for other content, and where a file ends early.
    """
    if options.format is not None and options.format not in FORMATS:
        raise UnreadableFile(f"format {options.format!r} is unknown to `kind: papers`; use one of {', '.join(FORMATS)}")
    if _is_zip(stream):
        yield from _archive(stream)
        return
    content = decompressed(stream)
    head, content = _peeked(content)
    if _is_tar(head):
        stream.seek(0)
        yield from _archive(stream)
    elif options.format == "s2orc" or (options.format is None and head.lstrip()[:1] == b"{"):
        yield from _json_lines(content)
    elif options.format in ("jats", "medline") or (options.format is None and _XML_START.match(head)):
        yield from _xml(content, "", name)
    elif options.format == "latex" or _TEX_COMMAND.search(head):
        yield _single_latex(content, name)
    else:
        raise UnreadableFile(
            f"{bare_name(name)} looks like neither JATS or MEDLINE XML, LaTeX nor S2ORC JSON lines, nor an archive of"
            f" them; set `format:` to one of {', '.join(FORMATS)}, or use another `kind`"
        )


def _is_zip(stream: BinaryIO) -> bool:
    head = stream.read(4)
    stream.seek(0)
    return head in (b"PK\x03\x04", b"PK\x05\x06")


def _peeked(stream: BinaryIO) -> tuple[bytes, BinaryIO]:
    """The first 64 KB, and the stream from its start again."""
    head = stream.read(65536)
    if stream.seekable():
        stream.seek(0)
        return head, stream
    return head, _Joined(head, stream)


class _Joined(io.RawIOBase):
    """Bytes already read, then the rest of their stream."""

    def __init__(self, head: bytes, rest: BinaryIO):
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._head:
            return self._rest.read(size)
        if size < 0:
            data, self._head = self._head + self._rest.read(), b""
        else:
            data, self._head = self._head[:size], self._head[size:]
        return data

    def readline(self, size: int = -1) -> bytes:
        if not self._head:
            return self._rest.readline(size)
        line, newline, rest = self._head.partition(b"\n")
        self._head = rest
        return line + newline if newline else line + self._rest.readline(size)


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar" or (len(head) >= 512 and _tar_checksum(head[:512]))


def _tar_checksum(block: bytes) -> bool:
    """Whether a block is a header of the tar format from before ustar."""
    field = block[148:156].strip(b"\0 ")
    if not field or not re.fullmatch(rb"[0-7]{1,7}", field):
        return False
    return sum(block[:148]) + 8 * 32 + sum(block[156:]) == int(field, 8)


def _archive(stream: BinaryIO) -> Iterator[Record]:
    """Each XML or nested source member is a paper; the .tex members together are one."""
    files: dict[str, str] = {}
    size = 0
    for name, member_size, content in members(stream):
        suffix = posixpath.splitext(name.lower())[1]
        is_tex = suffix in _TEX_SUFFIXES
        if suffix in _TYPE_OF_SUFFIX and not is_tex:
            if suffix == ".bbl" and content is not None and size + len(content) <= MAX_LATEX_BYTES:
                size += len(content)
                files[name] = _decode(content)  # tells the names behind citations
            yield NotDocument(_TYPE_OF_SUFFIX[suffix])
        elif content is None:
            too_large = member_size > MAX_MEMBER_BYTES
            yield Unextracted(name, "document_too_large" if too_large else "damaged_member", float(member_size))
        elif is_tex:
            size += len(content)
            if size <= MAX_LATEX_BYTES:
                files[name] = _decode(content)
            else:
                yield Unextracted(name, "document_too_large", float(member_size))
        elif suffix in _XML_SUFFIXES or _XML_START.match(content[:200]):
            yield from _xml_member(name, content)
        elif suffix in (".json", ".jsonl"):
            yield from _renamed(_json_lines(io.BytesIO(content)), name)
        elif content[:2] == b"\x1f\x8b":
            yield from _packed_member(name, content)
        else:
            yield NotDocument("other_file")
    if any(not name.lower().endswith(".bbl") for name in files):
        yield from _latex(files, "")


def _renamed(records: Iterator[Record], member: str) -> Iterator[Record]:
    for record in records:
        if isinstance(record, Extracted):
            yield Extracted(
                f"{member}/{record.record}" if record.record else member,
                record.text,
                record.url,
                record.title,
                record.created,
                record.licence,
                record.meta,
            )
        elif isinstance(record, Unextracted):
            place = f"{member}/{record.record}" if record.record else member
            yield Unextracted(place, record.rule, record.value, record.url, record.title)
        else:
            yield record


def _xml_member(name: str, content: bytes) -> Iterator[Record]:
    try:
        yield from _xml(io.BytesIO(content), name, name)
    except UnreadableFile as error:
        foreign = "neither" in str(error)
        yield (NotDocument("other_xml") if foreign else Unextracted(name, "truncated_record", float(len(content))))


def _packed_member(name: str, content: bytes) -> Iterator[Record]:
    """A paper inside arXiv's bulk archives: a gzip of a tar, or of one .tex file."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
            data = packed.read(MAX_MEMBER_BYTES + 1)
    except (OSError, EOFError, zlib.error):
        yield Unextracted(name, "damaged_member", float(len(content)))
        return
    if len(data) > MAX_MEMBER_BYTES:
        yield Unextracted(name, "document_too_large", float(len(data)))
    elif not _is_tar(data[:512]):
        yield from _renamed(_loose(data), name)
    else:
        try:
            yield from _renamed(_archive(io.BytesIO(data)), name)
        except UnreadableFile:
            yield Unextracted(name, "damaged_member", float(len(content)))


def _loose(data: bytes) -> Iterator[Record]:
    if _XML_START.match(data[:200]):
        yield from _xml_member("", data)
    elif _TEX_COMMAND.search(data, 0, 65536):
        yield from _latex({"main.tex": _decode(data)}, "")
    else:
        yield NotDocument("other_file")


def _decode(data: bytes) -> str:
    """LaTeX as text: UTF-8, else Latin-1, which never fails; its accents are mostly commands anyway."""
    try:
        return data.decode("utf-8-sig").replace("\0", "")
    except UnicodeDecodeError:
        return data.decode("cp1252" if b"cp1252" in data[:5000] else "latin-1", "replace").replace("\0", "")


def _single_latex(stream: BinaryIO, name: str) -> Record:
    data = stream.read(MAX_LATEX_BYTES + 1)
    if len(data) > MAX_LATEX_BYTES:
        return Unextracted("", "document_too_large", float(len(data)))
    return next(_latex({bare_name(name) or "main.tex": _decode(data)}, ""))


def _latex(files: dict[str, str], record: str) -> Iterator[Record]:
    """The paper that these files make, and the count of those that it does not use."""
    source = assemble(files)
    if source is None:
        yield Unextracted(record, "no_main_file", float(len(files)))
        return
    text, title = latex_text(source)
    meta = {"main_file": source.main} if len(files) > 1 else {}
    if text.strip():
        yield Extracted(record, text, title=title, meta=meta)
    else:
        yield Unextracted(record, "empty_text", title=title)
    for name in files:
        if name not in source.used and not name.lower().endswith(".bbl"):
            yield NotDocument("unused_latex")


def _xml(stream: BinaryIO, record: str, name: str) -> Iterator[Record]:
    slices = XmlSlices(stream, _XML_RECORDS)
    seen: set[str] = set()
    found = False
    for part in slices:
        # An article with nothing before it but the prolog is the file; others are named by their place.
        single = part.name == "article" and not found and not slices.wrapped
        place = record if single else f"{record}/{part.offset}".lstrip("/")
        found = True
        for document in _parsed(slices, part.name, part.data, part.size, place):
            yield _unique(document, seen, part.offset)
    if not found:
        raise UnreadableFile(
            f"{bare_name(name)} is XML with neither JATS articles nor MEDLINE citations; `kind: papers` reads those,"
            " other XML must be converted first"
        )


def _parsed(slices: XmlSlices, kind: str, data: bytes | None, size: int, place: str) -> Iterator[Record]:
    if data is None:
        yield Unextracted(place, "document_too_large", float(size))
        return
    try:
        element = slices.parse(data)
    except (etree.XMLSyntaxError, ValueError):
        yield Unextracted(place, "malformed_xml", float(size))
        return
    if kind == "article":
        yield from jats.documents(element, place)
    else:
        yield from medline.documents(element)


def _unique(record: Record, seen: set[str], offset: int) -> Record:
    """A second citation with the same PMID is named by its place as well."""
    if isinstance(record, NotDocument):
        return record
    if record.record in seen:
        return next(_renamed(iter([record]), str(offset)))
    seen.add(record.record)
    return record


def _json_lines(stream: BinaryIO) -> Iterator[Record]:
    number = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            size = len(line)
            while not line.endswith(b"\n") and (line := stream.readline(2**24)):
                size += len(line)
            yield Unextracted(str(number), "document_too_large", float(size))
            continue
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            yield Unextracted(str(number), "malformed_json", float(len(line)))
            continue
        if s2orc.looks_like(row):
            yield s2orc.document(row, str(number))
        elif number == 1:
            raise UnreadableFile(
                "JSON lines, but the first is no S2ORC or peS2o paper (no paper_id, corpusid or text);"
                " use `kind: text` with `columns:` for other JSON"
            )
        else:
            yield Unextracted(str(number), "not_a_paper")
