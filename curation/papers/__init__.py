"""Papers: JATS and MEDLINE XML, LaTeX sources as arXiv serves them, S2ORC; alone or in archives."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from gristmill.curation import archives
from gristmill.curation.archives import bare_name, decompressed
from gristmill.curation.documents import ReadOptions, Record, Unextracted, UnreadableFile
from gristmill.curation.papers.archive import MAX_LATEX_BYTES, TEX_COMMAND, XML_START, archive_records, is_tar
from gristmill.curation.papers.params import PapersParams
from gristmill.curation.papers.streams import decode, json_records, latex_records, xml_records

VERSION: int = 3

PARAMS = PapersParams

FORMATS: tuple[str, ...] = ("jats", "medline", "latex", "s2orc")


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """The papers in a file or archive, in file order.

    Records: "" for a file that is one paper, else the member's name, the PMID, or the byte offset or line of the
    article. Raises UnreadableFile for other content, and where a file ends early.
    """
    params = options.params or PapersParams()
    if options.format is not None and options.format not in FORMATS:
        raise UnreadableFile(f"format {options.format!r} is unknown to `kind: papers`; use one of {', '.join(FORMATS)}")
    if _is_zip(stream):
        yield from archive_records(stream, params)
        return
    head = archives.head(stream, 65536)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        head = head.decode("utf-16", "replace").encode("utf-8", "replace")
    content = decompressed(stream)
    if is_tar(head):
        stream.seek(0)
        yield from archive_records(stream, params)
    elif options.format == "s2orc" or (options.format is None and head.lstrip()[:1] == b"{"):
        yield from json_records(content, params)
    elif options.format in ("jats", "medline") or (options.format is None and XML_START.match(head)):
        yield from xml_records(content, "", name, params)
    elif options.format == "latex" or TEX_COMMAND.search(head):
        yield from _single_latex(content, name, params)
    else:
        raise UnreadableFile(
            f"{bare_name(name)} looks like neither JATS or MEDLINE XML, LaTeX nor S2ORC JSON lines, nor an archive of"
            f" them; set `format:` to one of {', '.join(FORMATS)}, or use another `kind`"
        )


def _is_zip(stream: BinaryIO) -> bool:
    head = stream.read(4)
    stream.seek(0)
    return head in (b"PK\x03\x04", b"PK\x05\x06")


def _single_latex(stream: BinaryIO, name: str, params: PapersParams) -> Iterator[Record]:
    data = stream.read(MAX_LATEX_BYTES + 1)
    if len(data) > MAX_LATEX_BYTES:
        size = len(data)
        while chunk := stream.read(2**24):
            size += len(chunk)
        yield Unextracted("", "document_too_large", float(size))
    else:
        yield from latex_records({bare_name(name) or "main.tex": decode(data)}, "", params)
