"""What a document is: the schemas of contract 1, and the records that readers yield.

A reader turns one raw file into a stream of three kinds of record, and nothing else ever leaves it:

- `Extracted`: a document with its text;
- `Unextracted`: a document whose text could not be had (an empty page, a corrupt record), with the reason;
- `NotDocument`: a record that is no document by its nature (a redirect, an image, a request), counted by type.

So `records = documents + not documents` holds by construction, and a page that fails still has a ledger row.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import xxhash

DOCUMENT_VERSION = 1
"""Version of the document contract; written into the metadata of every Arrow file that holds documents."""

KINDS = ("crawl", "books", "code", "forum", "papers", "wikipedia", "text")

TEXT_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),  # 32 hex digits, see document_id
        pa.field("text", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),  # the source's name in the manifest
        pa.field("kind", pa.string(), nullable=False),  # one of KINDS, or `module:function` of somebody's own reader
        pa.field("locator", pa.string(), nullable=False),  # path as the manifest writes it, "#", place in the file
        pa.field("url", pa.string()),  # the record's own
        pa.field("title", pa.string()),
        pa.field("created", pa.string()),  # ISO 8601, as exact as the source knows it
        pa.field("licence", pa.string()),  # SPDX identifier where known, else the source's words
        pa.field("meta", pa.string()),  # JSON object: what only this kind has
    ]
)
"""What `extract` writes: the document before anything was measured."""

DOCUMENT_SCHEMA = pa.schema(
    [*TEXT_SCHEMA][:9]
    + [
        pa.field("language", pa.string()),
        pa.field("language_score", pa.float32()),
        pa.field("content_hash", pa.string(), nullable=False),  # see content_hash
    ]
    + [TEXT_SCHEMA.field("meta")]
)
"""Contract 1: a document as it stands in a shard, after its edits."""


class UnreadableFile(Exception):
    """A raw file cannot be read, or not beyond a point.

    The message says what is wrong and how to mend it, without the file's name, which the runner adds. Records that
    were yielded before it was raised stay; the file is counted as a named failure.
    """


@dataclass(frozen=True, slots=True)
class Extracted:
    """A document with its text, as a reader gives it."""

    record: str  # place in the file (byte offset, member name, row number or id); "" if the file is the document
    text: str  # no NUL, no lone surrogates; lines end in "\n"
    url: str | None = None
    title: str | None = None
    created: str | None = None
    licence: str | None = None
    meta: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unextracted:
    """A document whose text could not be had; becomes a ledger row with stage `extract`."""

    record: str
    rule: str  # snake_case reason, such as `empty_text`, `undecodable`, `truncated_record`
    value: float | None = None  # the number behind it, such as an HTTP status or a size in bytes
    url: str | None = None
    title: str | None = None
    detail: str | None = None  # what was seen, in words, such as what an exception said


@dataclass(frozen=True, slots=True)
class NotDocument:
    """A record that is no document by its nature; only counted."""

    reason: str  # snake_case type, such as `warc_request`, `redirect`, `image`


Record = Extracted | Unextracted | NotDocument


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a manifest tells a reader about its files."""

    format: str | None = None  # overrides detection by name and content
    columns: Mapping[str, str] = field(default_factory=dict)  # our field -> the file's column, for tabular formats
    params: object | None = None  # the kind's own options, an instance of its PARAMS; None: their defaults
    start: int = 0  # first byte of this unit's range, for formats that can be entered in the middle
    end: int | None = None  # byte after the range; None: to the end of the file


def document_id(source: str, locator: str) -> str:
    """The id of a document: 32 hex digits from its source's name and its locator, so equal bytes stay two documents."""
    return xxhash.xxh3_128_hexdigest(f"{source}\0{locator}".encode())


def locator(path: str, record: str) -> str:
    """Where a document came from: the path as the manifest writes it and the place inside.

    >>> locator("$DATA/crawl/a.warc.gz", "1532")
    '$DATA/crawl/a.warc.gz#1532'
    """
    return f"{path}#{record}" if record else path


def content_hash(text: str) -> str:
    """Digest of a text up to white space (XXH3-128, 32 hex digits): equal for exact duplicates."""
    return xxhash.xxh3_128_hexdigest(" ".join(text.split()).encode())


def meta_json(meta: Mapping[str, object]) -> str | None:
    """`meta` as the canonical JSON that shards hold, or None if there is nothing to say."""
    return json.dumps(meta, ensure_ascii=False, sort_keys=True, separators=(",", ":")) if meta else None
