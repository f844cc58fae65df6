"""Text that somebody else has already extracted: JSON lines, JSON, Parquet, Arrow, CSV, TSV, plain text files.

Rows become documents one at a time; a broken row costs itself. JSON lines without compression and Parquet can be
entered in the middle (`ReadOptions.start` and `.end`), so the place of a row is its byte offset or absolute row
number, the same however the file is divided.
"""

import difflib
import json
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import BinaryIO

from gristmill.curation import archives
from gristmill.curation.archives import MAX_MEMBER_BYTES, bare_name, decompressed
from gristmill.curation.documents import Extracted, ReadOptions, Record, Unextracted, UnreadableFile
from gristmill.curation.tables import Row, arrow_rows, parquet_rows
from gristmill.curation.text.delimited import delimited_rows
from gristmill.curation.text.jsonrows import json_lines, json_values
from gristmill.curation.text.params import TextParams
from gristmill.curation.text.rows import COLUMNS, clean, document, has_column

VERSION = 4
FORMATS = ("jsonl", "json", "parquet", "arrow", "csv", "tsv", "txt")
PARAMS = TextParams

ROWS_WITHOUT_TEXT = 1_000
"""If this many rows from the start have no text column, not even an empty one, the columns are named wrongly, and the file says so."""

_SUFFIXES = {"jsonl": "jsonl", "ndjson": "jsonl", "jsonlines": "jsonl", "json": "json", "parquet": "parquet"}
_SUFFIXES |= {"arrow": "arrow", "feather": "arrow", "ipc": "arrow", "txt": "txt", "text": "txt", "md": "txt"}
_SUFFIXES |= {"csv": "csv", "tsv": "tsv", "tab": "tsv"}


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """The rows of a file as documents; `options.columns` maps our fields to the file's columns.

    What a row has beside text, url, title, created and licence goes to `meta`, as TextParams says, its own id too; a column `a.b` is
    field b of column a. `record` is the row's place, after its own id where it has one: `abc@1532`. Rules: `bad_json`,
    `bad_row`, `damaged_rows`, `no_text`, `empty_text`, `undecodable`, `document_too_large`.
    """
    form = options.format or _detected(stream, name)
    chosen = (options.params or TextParams()).meta
    if form == "txt":
        _whole_only(options)
        yield _whole_file(stream)
        return
    check = partial(_wanted, columns=options.columns, chosen=chosen)
    if form == "jsonl":
        rows = json_lines(stream, options)
    elif form == "parquet":
        named = {*COLUMNS["text"], *options.columns.values(), *(chosen or ())}
        rows = parquet_rows(stream, check, options.start, options.end, named)
    else:
        _whole_only(options)
        if form == "json":
            rows = json_values(stream)
        else:
            rows = arrow_rows(stream, check) if form == "arrow" else delimited_rows(stream, form, check)
    # A range inside a file may well hold a single row, and that without text; the range at its start speaks for all.
    yield from _documents(rows, options, chosen, hold_back=not options.start)


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
    if suffix in ("txt", "csv", "tsv"):
        return suffix
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if suffix == "jsonl" and not _array(start):
        return suffix
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


def _array(start: bytes) -> bool:
    """Whether a file called JSON lines begins as one array of objects."""
    return start.startswith(b"[") and start[1:].lstrip().startswith(b"{")


def _documents(
    rows: Iterator[tuple[str, Row | Unextracted]], options: ReadOptions, chosen: Collection[str] | None, hold_back: bool
) -> Iterator[Record]:
    """Rows as documents. They are held back until one has the text column, so that a wrong name of it is an error."""
    held: list[Record] | None = [] if hold_back else None
    seen: dict[str, None] = {}
    for place, row in rows:
        record = row if isinstance(row, Unextracted) else document(place, row, options.columns, chosen)
        if held is None:
            yield record
            continue
        if isinstance(row, Unextracted) or not has_column(row, "text", options.columns):
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
            f"no row has a column {wanted!r}; the columns are: {names}; set columns: {{text: <one of them>}}"
        )
    if len(held) >= ROWS_WITHOUT_TEXT:
        raise UnreadableFile(
            f"none of the first {len(held):,} lines is a JSON object ({held[0].rule}); is it another format?"
        )
    yield from held


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


def _whole_only(options: ReadOptions) -> None:
    if options.start or options.end is not None:
        raise UnreadableFile("this format cannot be entered in the middle; read the file whole")


def _wanted(names: list[str], columns: Mapping[str, str], chosen: Collection[str] | None) -> list[str]:
    """The top-level columns that are needed; an error if the text is not among them, or one that is asked for."""
    present = set(names)
    text = columns.get("text", "text")
    if text not in present and text.partition(".")[0] not in present:
        raise UnreadableFile(
            f"no column {text!r}; the columns are: {', '.join(names[:50])}; set columns: {{text: <one of them>}}"
        )
    for name in chosen or ():
        if name not in present and name.partition(".")[0] not in present:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ";"
            raise UnreadableFile(f"no column {name!r}, which read.meta asks for{hint} columns: {', '.join(names[:50])}")
    if chosen is None:
        return names
    candidates = [
        candidate
        for field in {**COLUMNS, **columns}
        for candidate in ((columns[field],) if field in columns else COLUMNS[field])
    ]
    needed = dict.fromkeys(name if name in present else name.partition(".")[0] for name in [*candidates, *chosen])
    return [name for name in needed if name in present]
