"""Raw files to texts: the one place where a reader's records become rows, and every record is counted.

`extract` writes texts and nothing else; what was measured or decided comes in files beside it.
"""

import importlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

import pyarrow as pa

from gristmill.curation import shards
from gristmill.curation.documents import (
    KINDS,
    TEXT_SCHEMA,
    Extracted,
    NotDocument,
    ReadOptions,
    Record,
    Unextracted,
    UnreadableFile,
    document_id,
    locator,
    meta_json,
)
from gristmill.curation.ledger import DOCUMENT_FIELDS
from gristmill.curation.raw_files import opened

VERSION = 2

DROPPED_SCHEMA = pa.schema(
    [
        *DOCUMENT_FIELDS,
        pa.field("rule", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("detail", pa.string()),
    ]
)
"""Documents whose text could not be had; they go straight to the ledger."""

Read = Callable[[BinaryIO, str, ReadOptions], Iterator[Record]]
"""What a reader is."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RawPiece:
    """A raw file, or the records that start in a range of its bytes."""

    written: str  # path as the manifest writes it
    path: str  # path or URL as fsspec opens it
    start: int = 0
    end: int | None = None


@dataclass
class Counts:
    """What became of every record; `records = documents + not documents` is checked from it."""

    records: int = 0
    documents: int = 0
    not_documents: Counter = field(default_factory=Counter)
    kept: int = 0
    dropped: Counter = field(default_factory=Counter)
    files: int = 0
    failures: list[dict] = field(default_factory=list)

    def as_dict(self) -> dict[str, object]:
        """Plain JSON, in an order that does not depend on the order of events."""
        return {
            "records": self.records,
            "documents": self.documents,
            "not_documents": dict(sorted(self.not_documents.items())),
            "kept": self.kept,
            "dropped": dict(sorted(self.dropped.items())),
            "files": self.files,
            "failures": sorted(self.failures, key=lambda f: f["file"]),
        }


def reader(kind: str) -> ModuleType:
    """The module that reads a kind of source: it has `read`, `FORMATS`, `VERSION`, and `PARAMS` if there are options."""
    assert kind in KINDS
    return importlib.import_module(f"gristmill.curation.{kind}")


def formats(kind: str) -> tuple[str, ...]:
    """Names of the formats that a kind's reader knows, as a manifest may give them."""
    return reader(kind).FORMATS


def params_class(kind: str) -> type | None:
    """The frozen dataclass of a kind's own reading options (a manifest's `read:`), or None if it has none."""
    return getattr(reader(kind), "PARAMS", None)


def beside(kind: str, path: str, params: object) -> list[str]:
    """Paths of the files that a reader opens beside the one it is given; they are part of a unit's inputs."""
    if ":" in kind:
        return []
    found = getattr(reader(kind), "beside", lambda path, params: [])(path, params)
    return [one for one in found if Path(one).is_file()]


def extract(
    pieces: Sequence[RawPiece],
    source: str,
    kind: str,
    options: ReadOptions,
    licence: str | None,
    out: Path,
    read: Read | None = None,
) -> Mapping[str, object]:
    """Read raw files into `out/texts.arrow` (TEXT_SCHEMA) and `out/dropped.arrow` (DROPPED_SCHEMA); gives the counts.

    `read` is a reader of somebody's own; without it, the kind's.

    A file that cannot be read, or not to its end, is a named failure in the counts; what was read of it stays. OSError
    travels: a file that cannot be opened today is another day's work, not a property of its content.
    """
    counts = Counts()
    dropped: list[dict] = []

    def batches() -> Iterator[pa.RecordBatch]:
        batcher = shards.Batcher(TEXT_SCHEMA)
        for piece in pieces:
            counts.files += 1
            for place, record in _records(piece, kind, options, counts, read or reader(kind).read):
                row = {
                    "id": document_id(source, place),
                    "source": source,
                    "kind": kind,
                    "locator": place,
                    "url": record.url,
                    "title": record.title,
                }
                if isinstance(record, Unextracted):
                    dropped.append({**row, "rule": record.rule, "value": record.value, "detail": _plain(record.detail)})
                    continue
                row |= {
                    "text": record.text,
                    "created": record.created,
                    "licence": record.licence or licence,
                    "meta": meta_json(record.meta),
                }
                yield from batcher.add(row, 4 * len(record.text))
        yield from batcher.flush()

    counts.kept = shards.write_batches(out / "texts.arrow", TEXT_SCHEMA, batches())
    table = pa.RecordBatch.from_pylist(dropped, schema=DROPPED_SCHEMA)
    shards.write_batches(out / "dropped.arrow", DROPPED_SCHEMA, [table])
    counts.dropped.update(row["rule"] for row in dropped)
    return counts.as_dict()


def _records(
    piece: RawPiece, kind: str, options: ReadOptions, counts: Counts, read: Read
) -> Iterator[tuple[str, Extracted | Unextracted]]:
    """The documents of one file with their locators; everything else is counted here."""
    seen: Counter[str] = Counter()
    try:
        with opened(piece.path) as stream:
            for record in read(stream, piece.written, replace(options, start=piece.start, end=piece.end)):
                counts.records += 1
                if isinstance(record, NotDocument):
                    counts.not_documents[record.reason] += 1
                    continue
                counts.documents += 1
                seen[record.record] += 1
                # Two records may claim one name (an archive with the same member twice): both stay, told apart.
                name = record.record if seen[record.record] == 1 else f"{record.record}~{seen[record.record]}"
                yield locator(piece.written, name), _bounded(record)
    except UnreadableFile as failure:
        counts.failures.append({"file": piece.written, "error": _plain(str(failure))})
    except OSError as error:
        raise OSError(f"{piece.written}: {error}") from error
    except Exception as error:
        if "://" in piece.path:  # a file system's own exception, such as aiohttp's: no property of the content
            raise OSError(f"{piece.written}: {type(error).__name__}: {error}") from error
        # A bug of ours or of a library: one file must not cost the others.
        log.debug("%s: reader failed", piece.written, exc_info=True)
        counts.failures.append(
            {
                "file": piece.written,
                "error": _plain(f"the {kind} reader failed on it: {type(error).__name__}: {error}"),
            }
        )


def _bounded(record: Extracted | Unextracted) -> Extracted | Unextracted:
    """The record if its text can stand in a shard: valid Unicode without NUL, not empty, not above the size limit."""
    if isinstance(record, Unextracted):
        return record
    text = record.text
    if "\0" in text or not text.isascii():
        text = text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    rule, value = None, None
    if not text.strip():
        rule = "empty_text"
    elif (size := len(text) if text.isascii() else len(text.encode())) > shards.MAX_DOCUMENT_BYTES:
        rule, value = "document_too_large", float(size)
    if rule:
        return Unextracted(record.record, rule, value, record.url, record.title)
    return replace(
        record, text=text, url=_plain(record.url), title=_plain(record.title), created=_plain(record.created)
    )


def _plain(text: str | None) -> str | None:
    """A field without NUL and lone surrogates, which Arrow refuses."""
    return None if text is None else text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
