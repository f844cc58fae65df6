"""Web archives as records: WARC (ISO 28500; also WET and WAT, which are WARC inside) and ARC, whole or damaged.

FastWARC reads. Where it gives up, and for what it does not know (ARC, records with bare line feeds), a careful reader
takes over for the rest of the file (`repair`): frame by frame in compressed files, so that one damaged frame costs one
record, and by looking for the next record header where a length is wrong.

Records are addressed by the offset of their frame where each has one (`frames`). Files that were compressed as a whole
are unpacked first, and their records addressed by offsets in the content.
"""

import base64
import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from fastwarc.warc import ArchiveIterator

from gristmill.curation.archives import decompressed
from gristmill.curation.crawl.frames import SPOOL_BYTES, Codec, frame, is_bomb, next_frame
from gristmill.curation.crawl.repair import (
    CONTENT_TYPES,
    MAX_BLOCK_BYTES,
    MAX_HEADER_BYTES,
    START,
    ArchiveRecord,
    archive_kind,
    framed_kind,
    framed_records,
    plain_records,
    truncated,
)
from gristmill.curation.documents import UnreadableFile


def archive_records(stream: BinaryIO, start: int = 0, end: int | None = None) -> Iterator[ArchiveRecord]:
    """The records of an archive in file order; with `start` and `end` those whose offset lies in that range.

    Raises UnreadableFile at once for what is no web archive, and at the end of a truncated file.
    """
    size = stream.seek(0, 2)
    stream.seek(0)
    head = stream.read(8)
    if not head:
        raise UnreadableFile("the file is empty; fetch it again, or take it off the list")
    codec = Codec.of(stream)
    if codec and (kind := framed_kind(stream, codec, size)):
        first = next_frame(stream, codec, START[kind], start, size) if start > codec.first else codec.first
        records = _framed(stream, codec, kind, first, size) if first is not None else iter(())
    else:
        records = _unframed(stream, head)
    for record in records:
        offset = int(record.offset.partition("+")[0])
        if end is not None and offset >= end:
            return
        if offset >= start:
            yield record


def digest_matches(record: ArchiveRecord) -> bool:
    """Whether the content is what WARC-Block-Digest says, or there is no digest that could be checked."""
    algorithm, _, expected = record.headers.get("warc-block-digest", "").partition(":")
    if algorithm.lower() not in ("sha1", "sha256", "md5") or len(record.block) < record.size:
        return True
    digest = hashlib.new(algorithm.lower(), record.block, usedforsecurity=False).digest()
    encodings = (
        base64.b32encode(digest).decode().rstrip("="),
        digest.hex().upper(),
        base64.b64encode(digest).decode().rstrip("="),
        base64.urlsafe_b64encode(digest).decode().rstrip("="),
    )
    expected = expected.strip().rstrip("=")
    return expected.upper() in encodings[:2] or expected in encodings[2:]


def _framed(stream: BinaryIO, codec: Codec, kind: str, start: int, size: int) -> Iterator[ArchiveRecord]:
    """Records of a file with a frame for each: by FastWARC up to the last, or up to the first that is not as it should.

    A record is held back until the next one's header was found where it must be. The last is read again by itself,
    which shows whether its frame is whole.
    """
    held, first = None, start  # `first` is the latest offset known to be the start of a frame
    if kind == "warc":
        stream.seek(start if start > codec.first else 0)  # a dictionary comes before the first frame
        with contextlib.suppress(OSError, ValueError):
            for raw in ArchiveIterator(stream, parse_http=False):
                record = _from_fastwarc(raw)
                if held:
                    yield held
                offset, inner = raw.stream_pos, 0
                if held and offset <= first:
                    inner = int(held.offset.partition("+")[2] or 0) + 1
                first = max(first, offset)
                held = replace(record, offset=f"{first}+{inner}" if inner else str(first))
    if held and "+" in held.offset:
        yield held
        content, first, _ = frame(stream, codec, first)
        content.close()
    yield from framed_records(stream, codec, kind, first, size)


def _from_fastwarc(raw) -> ArchiveRecord:
    headers = {name.lower(): value for name, value in raw.headers.items()}
    kind = headers.get("warc-type", "").strip().lower()
    if not headers.get("content-length", "").strip().isdecimal() or not kind:
        raise ValueError("no length or type")
    block = raw.reader.read(MAX_BLOCK_BYTES) if kind in CONTENT_TYPES and raw.content_length else b""
    return ArchiveRecord("0", kind, headers, block, raw.content_length)


def _unframed(stream: BinaryIO, head: bytes) -> Iterator[ArchiveRecord]:
    """Records of a file that is not compressed, or as a whole."""
    stream.seek(0)
    plain = decompressed(stream)
    cut = None
    with contextlib.ExitStack() as cleanup:
        if plain is not stream:
            content = cleanup.enter_context(tempfile.SpooledTemporaryFile(SPOOL_BYTES))
            try:
                _unpack(plain, content, stream)
            except UnreadableFile as error:
                cut = error
            content.seek(0)
        else:
            content = stream
        beginning = content.read(MAX_HEADER_BYTES)
        kind = archive_kind(beginning)
        if not kind:
            raise cut or UnreadableFile(
                f"not a web archive: it begins with {(beginning or head)[:24]!r}; this kind reads WARC, WET, WAT and ARC files, "
                "plain or compressed; check the path, or give the source the kind that reads it"
            )
        record = None
        for record in plain_records(content, kind, whole=False):
            yield record
    if cut:
        raise cut
    if record and record.damage == "truncated_record":
        raise truncated(record.offset)


def _unpack(plain: BinaryIO, content: BinaryIO, packed: BinaryIO) -> None:
    while data := plain.read(2**20):
        content.write(data)
        if is_bomb(packed.tell(), content.tell()):
            raise UnreadableFile(
                f"{packed.tell():,} compressed bytes unpack to more than {content.tell():,}: no web archive does; if this one "
                "is real, compress each of its records by itself"
            )
