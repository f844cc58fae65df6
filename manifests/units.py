"""Units of work for `extract`: planned from the list of files and their sizes alone, never from the workers.

One large file is one unit, or several byte ranges where its format can be entered in the middle. Small files are put
together by the hash of their locators into a power-of-two number of groups of about 64 MB, so that a new file re-reads
its own group and no other. Names are `<slug>-<8 hex>`, never numbers, and do not change when a neighbour comes or goes.
"""

import itertools
import re
from dataclasses import dataclass

import xxhash

from gristmill.curation.archives import bare_name
from gristmill.manifests.inputs import RawFile

SMALL_BYTES = 1 * 2**20
"""Files below this are read in groups."""

GROUP_BYTES = 64 * 2**20
"""About so many bytes of small files make a group."""

RANGE_BYTES = 256 * 2**20
"""About so many bytes of a divisible file make a range."""

BZ2_RANGE_BYTES = 64 * 2**20
"""About so many bytes of a divisible bz2 file make a range: they hold four to five times as many."""

DIVISIBLE = {"text": (".jsonl", ".ndjson", ".parquet"), "wikipedia": (".xml.bz2", ".xml")}
"""Endings, by kind, of the files that a reader can enter at a byte; every other file is read as a whole."""


@dataclass(frozen=True)
class Piece:
    """A file, or the records that start within a range of its bytes."""

    file: RawFile
    start: int = 0
    end: int | None = None


@dataclass(frozen=True)
class Group:
    """What one unit of `extract` reads."""

    name: str
    pieces: tuple[Piece, ...]


def plan(source: str, kind: str, files: list[RawFile]) -> list[Group]:
    """The groups of a source's files, in order of name."""
    small = [f for f in files if f.size_bytes < SMALL_BYTES and not f.missing]
    groups = [g for f in files if f.size_bytes >= SMALL_BYTES or f.missing for g in _large(source, kind, f)]
    if small:
        groups += _small(source, small)
    return sorted(groups, key=lambda g: g.name)


def _large(source: str, kind: str, file: RawFile) -> list[Group]:
    name = file.locator.lower()
    size = BZ2_RANGE_BYTES if name.endswith(".bz2") else RANGE_BYTES
    if file.size_bytes <= size or not name.endswith(DIVISIBLE.get(kind, ())):
        return [Group(_name(file.locator, source, file.locator), (Piece(file),))]
    count = -(-file.size_bytes // size)
    edges = [file.size_bytes * i // count for i in range(count + 1)]
    return [
        Group(_name(file.locator, source, file.locator, str(start)), (Piece(file, start, end),))
        for start, end in itertools.pairwise(edges)
    ]


def _small(source: str, files: list[RawFile]) -> list[Group]:
    count = 1
    while count * GROUP_BYTES < sum(f.size_bytes for f in files):
        count *= 2
    members: dict[int, list[Piece]] = {}
    for file in files:
        members.setdefault(xxhash.xxh3_64_intdigest(file.locator.encode()) % count, []).append(Piece(file))
    return [
        Group(_name("files", source, "group", str(count), str(number)), tuple(pieces))
        for number, pieces in members.items()
    ]


def _name(readable: str, *identity: str) -> str:
    stem = bare_name(readable).rsplit(".", 1)[0]
    slug = re.sub(r"[^a-z0-9]+", "-", stem)[:40].strip("-") or "file"
    digest = xxhash.xxh3_64_hexdigest("\0".join(identity).encode())
    return f"{slug}-{digest[:8]}"
