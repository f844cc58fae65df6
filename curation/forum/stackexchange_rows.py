"""Rows of a Stack Exchange dump's tables, cut out of the XML one by one.

Every table is one flat list of `<row name="value" .../>`, and `<row` cannot stand inside a value, where XML has `&lt;`.
So each row is cut out at its start and read by itself, as fast as by libxml2's pull parser: a damaged one costs nothing
but itself, memory is bounded by the longest, and no entity is ever expanded.
Schema: https://meta.stackexchange.com/questions/2677
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from gristmill.curation.archives import decompressed
from gristmill.curation.documents import UnreadableFile
from gristmill.curation.forum.posts import chunks

MAX_ROW_BYTES = 16 * 2**20
"""A longer row is not read: the sites allow 30,000 characters in a post."""

TABLES = ("posts", "comments", "users", "votes", "badges", "posthistory", "postlinks", "tags")
"""Names of the root elements; only the first two hold text of threads."""

_TABLE = re.compile(rb"<(" + "|".join(TABLES).encode() + rb")[\s>/]")
_ATTRIBUTE = re.compile(r"""([A-Za-z][\w.-]{0,40})\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_NUMERIC = re.compile(r"&#(?:[xX]([0-9a-fA-F]{1,6})|([0-9]{1,7}));")
_CHUNK_BYTES = 2**18


def table_of(head: bytes) -> str | None:
    """The table that a file holds, told by its first bytes."""
    start = head[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    found = _TABLE.search(start) if start.startswith((b"<?xml", b"<")) else None
    return found[1].decode() if found and b"<row" not in start[: found.start()] else None


def rows(stream: BinaryIO, table: str) -> Iterator[dict[str, str] | int]:
    """The attributes of every row in order; the size in bytes instead for a row above MAX_ROW_BYTES, {} for one that is
    cut short. Raises UnreadableFile, after all that could be read, where the dump is damaged or ends early."""
    buffer, skipped, broken, first = b"", 0, None, True
    pieces = chunks(decompressed(stream), _CHUNK_BYTES)
    while True:
        try:
            chunk = next(pieces, b"")
        except UnreadableFile as error:
            chunk, broken = b"", error
        if not chunk:
            break
        parts = (buffer + chunk).split(b"<row")
        if first and len(parts) > 1:
            _check_preamble(parts.pop(0), table)
            first = False
        if first and len(parts[0]) > _CHUNK_BYTES:
            raise UnreadableFile(f"no <row> in the first {_CHUNK_BYTES:,} bytes: this is no table of a dump")
        for part in parts[:-1]:
            yield skipped + len(part) if skipped else _attributes(part)
            skipped = 0
        buffer = parts[-1]
        if len(buffer) > MAX_ROW_BYTES:
            skipped, buffer = skipped + len(buffer) - 8, buffer[-8:]
    end = buffer.rstrip()
    closed = re.search(rb"</" + table.encode() + rb"\s*>$", end)
    if first:
        _check_preamble(end, table)
        closed = closed or end.endswith(b"/>")
    elif skipped:
        yield skipped + len(end)
    else:
        yield _attributes(end[: closed.start()] if closed else end)
    if broken:
        raise broken
    if not closed:
        raise UnreadableFile(f"the dump ends before </{table}>: it is truncated; fetch it again")


def _check_preamble(preamble: bytes, table: str) -> None:
    if b"<!DOCTYPE" in preamble or b"<!ENTITY" in preamble:
        raise UnreadableFile(
            "the XML declares a document type, which a Stack Exchange dump does not; it is not read, since entities can hide an attack"
        )
    if f"<{table}".encode() not in preamble:
        raise UnreadableFile(f"no <{table}> at the start: not that table of a Stack Exchange dump")


def _attributes(row: bytes) -> dict[str, str]:
    """What a row says, from behind `<row` to the next one; {} if it does not end."""
    if not row.rstrip().endswith(b">"):
        return {}
    written = row.decode("utf-8", "replace")
    return {name: _plain(double or single) for name, double, single in _ATTRIBUTE.findall(written)}


def _plain(value: str) -> str:
    """A value without XML's escapes; names that XML does not know stay, since they belong to the HTML inside."""
    if "&" not in value:
        return value
    value = value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&#xA;", "\n")
    if "&#" in value:
        value = _NUMERIC.sub(_character, value)
    return value.replace("&apos;", "'").replace("&amp;", "&")  # the ampersand last: `&amp;lt;` means `&lt;`


def _character(found: re.Match) -> str:
    number = int(found[1], 16) if found[1] else int(found[2])
    return chr(number) if number < 0x110000 else "\ufffd"
