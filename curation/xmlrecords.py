"""Records of a large XML file one at a time: each slice between a start tag and its end tag is parsed by itself.

Memory is bounded by the largest record, whatever the file's size, and damage in one record costs that record only,
where an incremental parser would stop. The names must not nest in themselves, which holds for JATS and MEDLINE.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from lxml import etree

from gristmill.curation.documents import UnreadableFile
from gristmill.curation.markup import parse_xml, xml_parser

MAX_RECORD_BYTES = 256 * 2**20
"""A longer record is not read: no document may be larger (`max_document_bytes`)."""

_CHUNK = 2**20
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_NAMESPACE = re.compile(rb"""xmlns(?::[\w.-]+)?\s*=\s*(?:"[^"<]{0,300}"|'[^'<]{0,300}')""")
_OPENING = re.compile(rb"<[A-Za-z_][^<>]{0,8000}>")
_HARMLESS = frozenset(
    (
        etree.ErrorTypes.WAR_UNDECLARED_ENTITY,
        etree.ErrorTypes.ERR_UNDECLARED_ENTITY,
        etree.ErrorTypes.NS_ERR_UNDEFINED_NAMESPACE,
        etree.ErrorTypes.NS_ERR_XML_NAMESPACE,
        etree.ErrorTypes.NS_ERR_QNAME,
    )
)
"""Errors that lose no text: names without a declaration, which the slicing itself may cause."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One record's bytes."""

    name: str  # the element's name without prefix
    offset: int  # of the start tag in the (decompressed) file, were it UTF-8
    data: bytes | None  # None if the record is larger than MAX_RECORD_BYTES
    size: int


class XmlSlices:
    """The file's records with the given names, and what is needed to parse them.

    Iterating yields Slices in file order, and raises UnreadableFile where the file ends inside a record.
    """

    def __init__(self, stream: BinaryIO, names: tuple[str, ...]):
        self._stream = stream
        # A read that meets the cut of a truncated file would take the bytes before it along.
        self._read = getattr(stream, "read1", stream.read)
        either = b"|".join(name.encode() for name in names)
        self._start = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?(" + either + rb")(?=[\s>])")
        self._end = {
            name.encode(): re.compile(rb"</(?:[A-Za-z_][\w.-]*:)?" + name.encode() + rb"\s*>") for name in names
        }
        self._buffer = bytearray()
        self._offset = 0  # of the buffer's first byte
        self._wrapper: set[bytes] = set()
        self._decoder: codecs.IncrementalDecoder | None = None  # of a file in UTF-16
        self.encoding: str | None = None
        self.wrapped = False  # whether an element round the records has been seen

    def __iter__(self) -> Iterator[Slice]:
        self._more()
        if self._buffer.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            self._decoder = codecs.getincrementaldecoder("utf-16")("replace")
            self._buffer = bytearray(self._decoder.decode(bytes(self._buffer)).encode())
            self.encoding = "utf-8"
        declared = _DECLARED.search(self._buffer, 0, 1000)
        if declared and self.encoding is None:
            self.encoding = _known(declared[1].decode("ascii"))
        while True:
            start = self._start.search(self._buffer)
            if start is None:
                self._note_namespaces(len(self._buffer))
                self._drop(max(0, len(self._buffer) - 8192))  # a tag may straddle two chunks
                if not self._more():
                    return
                continue
            if start.end() + 1 >= len(self._buffer) and self._more():
                continue
            position, name = start.start(), bytes(start[1])
            self._note_namespaces(position)
            self._drop(position)
            yield self._record(name)

    def parse(self, data: bytes) -> etree._Element:
        """The record's element; raises etree.XMLSyntaxError if text would be lost."""
        try:
            return parse_xml(data, self.encoding)
        except etree.XMLSyntaxError:
            pass
        declarations = b" ".join(sorted(self._wrapper))
        parser = xml_parser(self.encoding, recover=True)
        root = etree.fromstring(b"<!DOCTYPE r SYSTEM 'none'><r " + declarations + b">" + data + b"</r>", parser)
        for error in parser.error_log:
            if error.type not in _HARMLESS:
                raise etree.XMLSyntaxError(error.message, error.type, error.line, error.column)
        if root is None or len(root) == 0:
            raise etree.XMLSyntaxError("no element found", 0, 1, 1)
        return root[0]

    def _record(self, name: bytes) -> Slice:
        """The record at the start of the buffer, which it leaves."""
        offset, scanned, dropped = self._offset, 1, 0
        while True:
            end = self._end[name].search(self._buffer, scanned)
            following = self._start.search(self._buffer, scanned, end.start() if end else len(self._buffer))
            while following and following[1] != name:
                following = self._start.search(self._buffer, following.end(), following.endpos)
            # Another record begins before this one ended: this one is damaged, the next may be sound.
            cut = following.start() if following else end.end() if end else 0
            if cut:
                data = None if dropped else bytes(self._buffer[:cut])
                self._drop(cut)
                return Slice(name.decode(), offset, data, dropped + cut)
            scanned = max(1, len(self._buffer) - 256)
            if len(self._buffer) > MAX_RECORD_BYTES:
                dropped += scanned
                self._drop(scanned)
                scanned = 1
            if not self._more():
                raise UnreadableFile(
                    f"the file ends inside the record <{name.decode()}> that begins at byte {offset:,}:"
                    " it is truncated; fetch it again"
                )

    def _note_namespaces(self, before: int) -> None:
        """Keeps the declarations of the elements around the records: a slice alone lacks them."""
        if len(self._wrapper) < 50:
            for tag in _OPENING.findall(self._buffer, 0, min(before, 65536)):
                self.wrapped = True
                if b"xmlns" in tag:
                    self._wrapper.update(_NAMESPACE.findall(tag))

    def _more(self) -> bool:
        chunk = self._read(_CHUNK)
        self._buffer += self._decoder.decode(chunk).encode() if self._decoder else chunk
        return bool(chunk)

    def _drop(self, count: int) -> None:
        del self._buffer[:count]  # moves the start of the buffer, not its bytes
        self._offset += count


def _known(encoding: str) -> str | None:
    try:
        codecs.lookup(encoding)
    except LookupError:
        return None
    return encoding
