"""One paper or many in a stream of one format: XML records, lines of JSON, the files of one LaTeX source."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import BinaryIO

from lxml import etree

from gristmill.curation.archives import MAX_MEMBER_BYTES, bare_name
from gristmill.curation.documents import Extracted, NotDocument, Record, Unextracted, UnreadableFile
from gristmill.curation.papers import jats, medline, s2orc
from gristmill.curation.papers.latex import latex_text
from gristmill.curation.papers.latexsource import assemble
from gristmill.curation.papers.params import PapersParams
from gristmill.curation.xmlrecords import XmlSlices

MAX_LINE_BYTES = MAX_MEMBER_BYTES
"""A longer JSON line is passed over: no document may be larger (`max_document_bytes`)."""

_XML_RECORDS = ("article", *medline.RECORDS)


def xml_records(stream: BinaryIO, record: str, name: str, params: PapersParams) -> Iterator[Record]:
    """The JATS articles and MEDLINE citations of a file; raises UnreadableFile if there is none, or where it is cut."""
    slices = XmlSlices(stream, _XML_RECORDS)
    seen: set[str] = set()
    found = False
    for part in slices:
        # An article with nothing before it but the prolog is the file; others are named by their place.
        single = part.name == "article" and not found and not slices.wrapped
        place = record if single else f"{record}/{part.offset}".lstrip("/")
        found = True
        for document in _parsed(slices, part.name, part.data, part.size, place, params):
            yield _unique(document, seen, part.offset)
    if not found:
        raise UnreadableFile(
            f"{bare_name(name)} is XML with neither JATS articles nor MEDLINE citations; `kind: papers` reads those,"
            " other XML must be converted first"
        )


def _parsed(
    slices: XmlSlices, kind: str, data: bytes | None, size: int, place: str, params: PapersParams
) -> Iterator[Record]:
    if data is None:
        yield Unextracted(place, "document_too_large", float(size))
        return
    try:
        element = slices.parse(data)
    except (etree.XMLSyntaxError, ValueError):
        yield Unextracted(place, "malformed_xml", float(size))
        return
    if kind == "article":
        yield from jats.documents(element, place, params.references == "keep")
    else:
        yield from medline.documents(element, params.references == "keep")


def _unique(record: Record, seen: set[str], offset: int) -> Record:
    """A second citation with the same PMID is named by its place as well."""
    if isinstance(record, NotDocument):
        return record
    if record.record in seen:
        return replace(record, record=f"{offset}/{record.record}")
    seen.add(record.record)
    return record


def json_records(stream: BinaryIO, params: PapersParams) -> Iterator[Record]:
    """The papers in a file of JSON lines, or of one JSON object over many lines."""
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
            row = _whole_object(line, stream) if number == 1 else None
            if row is None:
                yield Unextracted(str(number), "malformed_json", float(len(line)))
                continue
        if s2orc.looks_like(row):
            yield s2orc.document(row, str(number), params.references == "keep")
        elif number == 1:
            raise UnreadableFile(
                "JSON lines, but the first is no S2ORC or peS2o paper (no paper_id, corpusid or text);"
                " use `kind: text` with `columns:` for other JSON"
            )
        else:
            yield Unextracted(str(number), "not_a_paper")


def _whole_object(line: bytes, stream: BinaryIO) -> object | None:
    """The object that begins on a file's first line, if it takes many lines; the stream is read to its end then."""
    if line.strip() not in (b"{", b"[") and not line.rstrip().endswith((b",", b"{", b"[")):
        return None
    try:
        return json.loads(line + stream.read(MAX_LINE_BYTES))
    except (ValueError, RecursionError):
        return None


def decode(data: bytes) -> str:
    """LaTeX as text: UTF-8, else Latin-1, which never fails; its accents are mostly commands anyway."""
    try:
        return data.decode("utf-8-sig").replace("\0", "")
    except UnicodeDecodeError:
        return data.decode("cp1252" if b"cp1252" in data[:5000] else "latin-1", "replace").replace("\0", "")


def latex_records(
    files: Mapping[str, str], record: str, params: PapersParams, truncated: bool = False
) -> Iterator[Record]:
    """The paper that these files make, and the count of those that it does not use."""
    source = assemble(files)
    if source is None:
        yield Unextracted(record, "no_main_file", float(len(files)))
        return
    text, title = latex_text(source, params.references == "keep")
    meta: dict[str, object] = {"main_file": source.main} if len(files) > 1 else {}
    if truncated:
        meta["truncated"] = True
    if not source.is_expanded:
        meta["macros_cut"] = True
    for key, names in (("cyclic_inputs", source.cyclic), ("missing_inputs", source.missing)):
        if names:
            meta[key] = list(names)
    if text.strip():
        yield Extracted(record, text, title=title, meta=meta)
    else:
        yield Unextracted(record, "empty_text", title=title)
    for name in files:
        if name not in source.used and not name.lower().endswith(".bbl"):
            yield NotDocument("unused_latex")
