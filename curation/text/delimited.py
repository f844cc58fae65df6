"""Rows of CSV and TSV files: quoted fields may hold line ends, and a quote that never closes costs its own row."""

import csv
from collections import deque
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from typing import BinaryIO

from gristmill.curation import archives
from gristmill.curation.archives import MAX_MEMBER_BYTES, decompressed
from gristmill.curation.documents import Unextracted, UnreadableFile
from gristmill.curation.tables import Row

DELIMITERS = {"csv": ",;|\t", "tsv": "\t"}
"""What may stand between fields; of several, the one that the header has most of."""

MAX_ROW_LINES = 10_000
"""A field that goes on for more lines than this was never meant to be quoted."""

MAX_COLUMNS = 10_000


def delimited_rows(
    stream: BinaryIO, form: str, check: Callable[[list[str]], object]
) -> Iterator[tuple[str, Row | Unextracted]]:
    """(row=N, row) of a table whose first line names its columns; N counts rows after it. `check` sees the names.

    Rules: `bad_row` with the number of its fields where these are not as many as the header's, `undecodable`.
    """
    csv.field_size_limit(MAX_MEMBER_BYTES)
    lines = _Lines(TextIOWrapper(decompressed(stream), _encoding(stream), "surrogateescape", newline=""))
    header_line = lines.peek()
    delimiter = max(DELIMITERS[form], key=header_line.count)
    records = _records(lines, delimiter)
    names = [name.strip() for name in next(records, [])]
    if not any(names) or len(names) > MAX_COLUMNS:
        raise UnreadableFile(
            f"no header in its first line ({header_line[:60]!r}); write the names of the columns there"
        )
    check(names)
    number = 0
    for fields in records:
        if not fields:
            continue  # an empty line
        place = f"row={number}"
        number += 1
        while len(fields) > len(names) and not fields[-1]:
            fields.pop()  # delimiters at the end of a line
        if len(fields) != len(names):
            yield place, Unextracted(place, "bad_row", float(len(fields)))
        elif any(not field.isascii() and _undecodable(field) for field in fields):
            yield place, Unextracted(place, "undecodable")
        else:
            yield place, {name: field or None for name, field in zip(names, fields, strict=True)}


def _encoding(stream: BinaryIO) -> str:
    """UTF-8 or what a byte order mark says; Windows-1252 where the beginning of the file is no UTF-8."""
    start = archives.head(stream, 2**20)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        start[: start.rfind(b"\n") + 1].decode("utf-8")
    except UnicodeDecodeError:
        # One bad byte among much that is UTF-8 is damage.
        wide = sum(byte >= 0x80 for byte in start)
        return "cp1252" if len(start.decode("utf-8", "ignore").encode()) < len(start) - wide // 2 else "utf-8-sig"
    return "utf-8-sig"


def _undecodable(field: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in field)


class _Lines:
    """The lines of a file, which may be given back."""

    def __init__(self, text: TextIOWrapper):
        self._text = text
        self._back: deque[str] = deque()
        self.taken: list[str] = []  # since `begin`
        self._characters = 0

    def peek(self) -> str:
        line = next(self, "")
        self._back.appendleft(line)
        return line

    def begin(self) -> None:
        self.taken, self._characters = [], 0

    def give_back(self) -> None:
        """All lines but the first that was taken are to come again."""
        self._back.extendleft(reversed(self.taken[1:]))

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if len(self.taken) >= MAX_ROW_LINES or self._characters > MAX_MEMBER_BYTES:
            raise StopIteration
        line = self._back.popleft() if self._back else self._text.readline(MAX_MEMBER_BYTES)
        if not line:
            raise StopIteration
        self.taken.append(line)
        self._characters += len(line)
        return line


def _records(lines: _Lines, delimiter: str) -> Iterator[list[str]]:
    """The fields of each record. Where a quote does not close, its line is a record, and the next begins after it."""
    while True:
        lines.begin()
        try:
            fields = next(csv.reader(lines, delimiter=delimiter, strict=True))
        except StopIteration:
            return
        except csv.Error:
            # Not quoted as the format wants it, or never closed: the first line alone, read with forbearance.
            first = lines.taken[0]
            lines.give_back()
            fields = next(csv.reader([first.rstrip("\r\n")], delimiter=delimiter), [])
        yield fields
