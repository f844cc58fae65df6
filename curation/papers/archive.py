"""Papers in archives: collections of XML or JSON, arXiv's source of one paper, and arXiv's bulk files of packed ones."""

import gzip
import io
import posixpath
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from gristmill.curation.archives import MAX_MEMBER_BYTES, Budget, members
from gristmill.curation.documents import NotDocument, Record, Unextracted, UnreadableFile
from gristmill.curation.papers.params import PapersParams
from gristmill.curation.papers.streams import decode, json_records, latex_records, xml_records

MAX_LATEX_BYTES = 64 * 2**20
"""LaTeX files of one paper beyond this many bytes in all are not read."""

MAX_NESTING = 3
"""Archives inside archives deeper than this are not opened; arXiv's bulk files need one level."""

_MEMBER_TYPES = {
    "image": ".png .jpg .jpeg .gif .eps .ps .pdf_tex .svg .tif .tiff .bmp .epsi .fig .pgf .tikz",
    "pdf": ".pdf",
    "bibliography": ".bbl .bib .bst .bcf",
    "latex_style": ".sty .cls .clo .def .cfg .fd .ist",
    "latex_byproduct": ".aux .log .out .toc .lof .lot .blg .synctex .nav .snm",
    "data": ".csv .txt .dat .xls .xlsx .doc .docx .zip .avi .mov .mp4 .mp3",
}
_TYPE_OF_SUFFIX = {suffix: kind for kind, suffixes in _MEMBER_TYPES.items() for suffix in suffixes.split()}
_TEX_SUFFIXES = (".tex", ".ltx", ".latex", ".tikz")
_XML_SUFFIXES = (".xml", ".nxml")
TEX_COMMAND = re.compile(rb"\\(?:document(?:class|style)|begin\s*\{|input\b|section\b|magnification|title\b)")
XML_START = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<(?:[?!A-Za-z])")


def is_tar(head: bytes) -> bool:
    """Whether a file that begins with these bytes (512 and more) is a tar archive."""
    return head[257:262] == b"ustar" or (len(head) >= 512 and _tar_checksum(head[:512]))


def _tar_checksum(block: bytes) -> bool:
    """Whether a block is a header of the tar format from before ustar."""
    field = block[148:156].strip(b"\0 ")
    if not field or not re.fullmatch(rb"[0-7]{1,7}", field):
        return False
    return sum(block[:148]) + 8 * 32 + sum(block[156:]) == int(field, 8)


def archive_records(
    stream: BinaryIO, params: PapersParams, nesting: int = 0, budget: Budget | None = None
) -> Iterator[Record]:
    """Each XML, JSON or packed member is a paper or several; the .tex members together are one.

    Where the archive is cut short, or unpacks to more than its budget, UnreadableFile comes after all that could be
    read. Archives inside this one draw on the same budget.
    """
    budget = budget or Budget.of(stream)
    files: dict[str, str] = {}
    size = 0
    cut: UnreadableFile | None = None
    listed = members(stream, budget)
    while cut is None:
        try:
            name, member_size, content = next(listed)
        except StopIteration:
            break
        except UnreadableFile as error:
            cut = error
            break
        suffix = posixpath.splitext(name.lower())[1]
        is_tex = suffix in _TEX_SUFFIXES
        if not is_tex and (kind := _TYPE_OF_SUFFIX.get(suffix)):
            if suffix == ".bbl" and content is not None and size + len(content) <= MAX_LATEX_BYTES:
                size += len(content)
                files[name] = decode(content)  # tells the names behind citations
            yield NotDocument(kind)
        elif content is None:
            too_large = member_size > MAX_MEMBER_BYTES
            yield Unextracted(name, "document_too_large" if too_large else "damaged_member", float(member_size))
        elif is_tex:
            size += len(content)
            if size <= MAX_LATEX_BYTES:
                files[name] = decode(content)
            else:
                yield Unextracted(name, "document_too_large", float(member_size))
        else:
            yield from _member(name, content, params, nesting, budget)
    if any(not name.lower().endswith(".bbl") for name in files):
        yield from latex_records(files, "", params, truncated=cut is not None)
    if cut is not None:
        raise cut


def _member(name: str, content: bytes, params: PapersParams, nesting: int, budget: Budget) -> Iterator[Record]:
    """A member that is a paper, or holds some, by itself."""
    suffix = posixpath.splitext(name.lower())[1]
    if suffix in _XML_SUFFIXES or XML_START.match(content[:200]):
        yield from _xml_member(name, content, params)
    elif suffix in (".json", ".jsonl"):
        if content.lstrip()[:1] != b"{":
            yield NotDocument("data")
            return
        try:
            yield from _inside(json_records(io.BytesIO(content), params), name)
        except UnreadableFile:
            yield NotDocument("data")
    elif content[:2] == b"\x1f\x8b":
        yield from _packed_member(name, content, params, nesting, budget)
    elif is_tar(content[:512]):
        yield from _nested(name, content, params, nesting, budget)
    else:
        yield NotDocument(_type_of(content))


def _type_of(content: bytes) -> str:
    return "pdf" if content.startswith(b"%PDF") else "postscript" if content.startswith(b"%!PS") else "other_file"


def _inside(records: Iterator[Record], member: str) -> Iterator[Record]:
    """The records of a member, named by it."""
    for record in records:
        if isinstance(record, NotDocument):
            yield record
        else:
            yield replace(record, record=f"{member}/{record.record}" if record.record else member)


def _xml_member(name: str, content: bytes, params: PapersParams) -> Iterator[Record]:
    try:
        yield from xml_records(io.BytesIO(content), name, name, params)
    except UnreadableFile as error:
        foreign = "neither" in str(error)
        yield (NotDocument("other_xml") if foreign else Unextracted(name, "truncated_record", float(len(content))))


def _packed_member(name: str, content: bytes, params: PapersParams, nesting: int, budget: Budget) -> Iterator[Record]:
    """A paper inside arXiv's bulk archives: a gzip of a tar, or of one .tex file."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
            data = packed.read(min(MAX_MEMBER_BYTES, budget.left) + 1)
            budget.spend(len(data))
    except (OSError, EOFError, zlib.error):
        yield Unextracted(name, "damaged_member", float(len(content)))
        return
    except UnreadableFile:
        yield Unextracted(name, "archive_bomb", float(len(content)))
        return
    if len(data) > MAX_MEMBER_BYTES:
        yield Unextracted(name, "document_too_large", float(len(data)))
    elif is_tar(data[:512]):
        yield from _nested(name, data, params, nesting, budget)
    elif XML_START.match(data[:200]):
        yield from _xml_member(name, data, params)
    elif TEX_COMMAND.search(data, 0, 65536) and not data.startswith((b"%PDF", b"%!PS")):
        yield from _inside(latex_records({"main.tex": decode(data)}, "", params), name)
    else:
        yield NotDocument(_type_of(data))


def _nested(name: str, data: bytes, params: PapersParams, nesting: int, budget: Budget) -> Iterator[Record]:
    if nesting >= MAX_NESTING:
        yield Unextracted(name, "nested_too_deep", float(nesting))
        return
    try:
        yield from _inside(archive_records(io.BytesIO(data), params, nesting + 1, budget), name)
    except UnreadableFile:
        yield Unextracted(f"{name}/", "archive_bomb" if budget.is_spent else "damaged_member", float(len(data)))
