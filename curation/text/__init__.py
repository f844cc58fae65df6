"""Text that somebody else has already extracted: JSON lines, JSON, Parquet, Arrow, plain text files.

Rows become documents one at a time; a broken row costs itself. JSON lines without compression and Parquet can be
entered in the middle (`ReadOptions.start` and `.end`), so the place of a row is its byte offset or absolute row
number, the same however the file is divided.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from functools import partial
from io import TextIOWrapper
from typing import BinaryIO

from gristmill.curation import archives
from gristmill.curation.archives import MAX_MEMBER_BYTES, bare_name, decompressed
from gristmill.curation.documents import Extracted, ReadOptions, Record, Unextracted, UnreadableFile
from gristmill.curation.text.tables import Row, arrow_rows, parquet_rows

VERSION = 1
FORMATS = ("jsonl", "json", "parquet", "arrow", "txt")

COLUMNS = {
    "text": ("text",),
    "id": ("id",),
    "url": ("url",),
    "title": ("title",),
    "created": ("created", "date"),
    "licence": ("licence", "license"),
}
"""Our field -> the column names that are looked for when the manifest names none."""

ROWS_WITHOUT_TEXT = 1_000
"""If this many rows from the start have no text column, the columns are named wrongly, and the file says so."""

_SUFFIXES = {"jsonl": "jsonl", "ndjson": "jsonl", "jsonlines": "jsonl", "json": "json", "parquet": "parquet"}
_SUFFIXES |= {"arrow": "arrow", "feather": "arrow", "ipc": "arrow", "txt": "txt", "text": "txt", "md": "txt"}

_CHUNK = 2**16
_BETWEEN_VALUES = re.compile(r"[ \t\r\n,]*+")
_TRAILING = re.compile(r"(?<![ \t])[ \t]++(?=\n|\Z)")
_SURROGATES = re.compile(r"[\ud800-\udfff]")


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """The rows of a file as documents; `options.columns` maps our fields to the file's columns.

    Fields other than text, id, url, title, created and licence go to `meta`; a column `a.b` is field b of column a.
    `record` is the row's place, after its own id where it has one: `abc@1532`. Rules: `bad_json`, `no_text`,
    `empty_text`, `undecodable`, `too_large`.
    """
    form = options.format or _detected(stream, name)
    if form == "txt":
        _whole_only(options)
        yield _whole_file(stream)
        return
    if form == "jsonl":
        rows = _json_lines(stream, options)
    elif form == "parquet":
        rows = parquet_rows(stream, partial(_wanted, columns=options.columns), options.start, options.end)
    else:
        _whole_only(options)
        rows = _json_values(stream) if form == "json" else arrow_rows(stream, partial(_wanted, columns=options.columns))
    # A range inside a file may well hold a single row, and that without text; the range at its start speaks for all.
    yield from _documents(rows, options, hold_back=not options.start)


def _detected(stream: BinaryIO, name: str) -> str:
    """The format by the first bytes, and by the name where these are text."""
    head = archives.head(stream, 64 * 2**10)
    if not head:
        raise UnreadableFile("the file is empty")
    suffix = _SUFFIXES.get(bare_name(name).rpartition(".")[2])
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return "arrow"
    if suffix in ("txt", "jsonl"):
        return suffix
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"["):
        return "json"
    if start.startswith(b"{"):
        # One object a line, or one that spans lines?
        try:
            json.loads(start.split(b"\n", 1)[0])
        except ValueError:
            return "json" if suffix == "json" else "jsonl"
        return "jsonl"
    raise UnreadableFile(
        f"not a format of kind text (it starts with {head[:16]!r}); set format: to one of {', '.join(FORMATS)}"
    )


def _documents(
    rows: Iterator[tuple[str, Row | Unextracted]], options: ReadOptions, hold_back: bool
) -> Iterator[Record]:
    """Rows as documents. Rows without text are held back until one has it, so that a wrong column name is an error."""
    held: list[Record] | None = [] if hold_back else None
    seen: dict[str, None] = {}
    for place, row in rows:
        record = row if isinstance(row, Unextracted) else _document(place, row, options.columns)
        if held is None:
            yield record
            continue
        if isinstance(row, Unextracted) or (isinstance(record, Unextracted) and record.rule == "no_text"):
            held.append(record)
            if isinstance(row, Mapping) and len(seen) < 50:
                seen.update(dict.fromkeys(map(str, row)))
            if len(held) < ROWS_WITHOUT_TEXT:
                continue
            break
        yield from held
        held = None
        yield record
    if not held:
        return
    if seen:
        wanted = options.columns.get("text", "text")
        names = ", ".join(list(seen)[:50])
        raise UnreadableFile(
            f"no row has text in column {wanted!r}; the columns are: {names}; set columns: {{text: <one of them>}}"
        )
    if len(held) >= ROWS_WITHOUT_TEXT:
        raise UnreadableFile(
            f"none of the first {len(held):,} lines is a JSON object ({held[0].rule}); is it another format?"
        )
    yield from held


def _document(place: str, row: Row, columns: Mapping[str, str]) -> Record:
    """One row as a document, by the manifest's columns or the usual names."""
    own = _value(row, "id", columns)
    url, title = _string(_value(row, "url", columns)), _string(_value(row, "title", columns))
    record = f"{_one_line(str(own))[:200]}@{place}" if isinstance(own, str | int) and str(own).strip() else place
    text = _value(row, "text", columns)
    if not isinstance(text, str):
        return Unextracted(record, "no_text", url=url, title=title)
    if len(text) > MAX_MEMBER_BYTES:
        return Unextracted(record, "document_too_large", float(len(text)), url=url, title=title)
    text = clean(text)
    if not text.strip():
        return Unextracted(record, "empty_text", 0.0, url=url, title=title)
    meta = {field: _plain(_column(row, column)) for field, column in columns.items() if field not in COLUMNS}
    return Extracted(
        record=record,
        text=text,
        url=url,
        title=title,
        created=_string(_value(row, "created", columns)),
        licence=_string(_value(row, "licence", columns)),
        meta={field: value for field, value in meta.items() if value is not None},
    )


def _value(row: Row, field: str, columns: Mapping[str, str]) -> object:
    """The row's value for one of our fields."""
    if field in columns:
        return _column(row, columns[field])
    return next((row[name] for name in COLUMNS[field] if row.get(name) is not None), None)


def _column(row: object, column: str) -> object:
    """The value of a column, or of a field inside one by `outer.inner`."""
    if not isinstance(row, Mapping):
        return None
    if column in row:
        return row[column]
    outer, dot, inner = column.partition(".")
    return _column(row.get(outer), inner) if dot else None


def _plain(value: object) -> object:
    """A value that JSON can hold."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {clean(str(key)): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int) else str(value)


def _string(value: object) -> str | None:
    if value is None or isinstance(value, Mapping | list):
        return None
    value = _plain(value)
    return (_one_line(str(value)) or None) if value is not None else None


def _one_line(text: str) -> str:
    return " ".join(clean(text).split())


def clean(text: str) -> str:
    """The text with "\\n" line ends, without NUL, lone surrogates, or spaces at line ends."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        text = text.replace("\0", "")
    if " \n" in text or "\t\n" in text or text[-1:] in (" ", "\t"):
        text = _TRAILING.sub("", text)
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def _whole_file(stream: BinaryIO) -> Record:
    """A plain text file as one document: UTF-8, a byte order mark's encoding, or else Windows-1252."""
    data = decompressed(stream).read(MAX_MEMBER_BYTES + 1)
    if len(data) > MAX_MEMBER_BYTES:
        return Unextracted("", "document_too_large", float(len(data)))
    encodings = ("utf-16",) if data.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = clean(data.decode(encoding))
        except UnicodeDecodeError:
            continue
        return Extracted("", text) if text.strip() else Unextracted("", "empty_text", float(len(data)))
    return Unextracted("", "undecodable", float(len(data)))


def _json_lines(stream: BinaryIO, options: ReadOptions) -> Iterator[tuple[str, Row | Unextracted]]:
    """(byte offset, row) of the lines that start in [start, end); without end, to the end of the file."""
    lines = decompressed(stream)
    if lines is not stream and (options.start or options.end is not None):
        raise UnreadableFile("a compressed file cannot be entered in the middle; read it whole")
    offset = options.start
    if offset:
        stream.seek(offset - 1)
        offset += _skip_line(stream, b"") - 1
    while options.end is None or offset < options.end:
        line = lines.readline(MAX_MEMBER_BYTES)
        if not line:
            return
        place, offset = str(offset), offset + len(line)
        if len(line) >= MAX_MEMBER_BYTES and not line.endswith(b"\n"):
            skipped = _skip_line(lines, line)
            offset += skipped
            yield place, Unextracted(place, "document_too_large", float(len(line) + skipped))
            continue
        if place == "0":
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.isspace():
            yield place, _json_row(place, line)


def _skip_line(stream: BinaryIO, line: bytes) -> int:
    """Read to the end of the line that `line` has begun; returns the bytes read."""
    count = 0
    while not line.endswith(b"\n"):
        line = stream.readline(2**20)
        count += len(line)
        if not line:
            break
    return count


def _json_row(place: str, line: bytes) -> Row | Unextracted:
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        return Unextracted(place, "undecodable", float(len(line)))
    except (ValueError, RecursionError):
        return Unextracted(place, "bad_json", float(len(line)))
    return row if isinstance(row, dict) else {"": row}


def _json_values(stream: BinaryIO) -> Iterator[tuple[str, Row | Unextracted]]:
    """(row=N, row) of a JSON array, or of objects one after the other, decoded as the text comes in."""
    text = TextIOWrapper(decompressed(stream), encoding="utf-8-sig", errors="replace", newline="")
    decode = json.JSONDecoder().raw_decode
    buffer, position, number, ended = "", 0, 0, False
    array: bool | None = None  # None until the first character is seen
    wanted = _CHUNK
    while True:
        position = _BETWEEN_VALUES.match(buffer, position).end()
        first = buffer[position : position + 1]
        if first and array is None:
            array = first == "["
            position += array
            continue
        if first == "]" and array:
            return
        if first:
            try:
                value, end = decode(buffer, position)
            except (ValueError, RecursionError) as error:
                if ended or isinstance(error, RecursionError) or len(buffer) - position > MAX_MEMBER_BYTES:
                    raise UnreadableFile(f"the JSON is broken or cut off after {number:,} rows ({error})") from None
            else:
                if end < len(buffer) or ended:  # a number at the very end of the buffer may go on
                    yield f"row={number}", value if isinstance(value, dict) else {"": value}
                    number, position, wanted = number + 1, end, _CHUNK
                    continue
        if ended:
            if array:
                raise UnreadableFile(f"the JSON array ends early, after {number:,} rows: the file is truncated")
            return
        chunk = text.read(wanted)
        wanted *= 2  # so that a value of n characters is tried log n times, not n
        ended = not chunk
        buffer, position = buffer[position:] + chunk, 0


def _whole_only(options: ReadOptions) -> None:
    if options.start or options.end is not None:
        raise UnreadableFile("this format cannot be entered in the middle; read the file whole")


def _wanted(names: list[str], columns: Mapping[str, str]) -> list[str]:
    """The top-level columns that are needed; an error if the text is not among them."""
    present = set(names)
    candidates = [
        candidate
        for field in {**COLUMNS, **columns}
        for candidate in ((columns[field],) if field in columns else COLUMNS[field])
    ]
    chosen = dict.fromkeys(name if name in present else name.partition(".")[0] for name in candidates)
    text = columns.get("text", "text")
    if text not in present and text.partition(".")[0] not in present:
        raise UnreadableFile(
            f"no column {text!r}; the columns are: {', '.join(names)}; set columns: {{text: <one of them>}}"
        )
    return [name for name in chosen if name in present]
