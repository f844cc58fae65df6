"""One row of a table as a document: its text and fields by their columns, and what else it has as `meta`."""

import json
import math
import re
from collections.abc import Collection, Mapping
from datetime import date, datetime, time

from gristmill.curation.archives import MAX_MEMBER_BYTES
from gristmill.curation.documents import Extracted, Record, Unextracted
from gristmill.curation.tables import Row, column_of, value_of
from gristmill.curation.text.dates import iso_date

COLUMNS = {
    "text": ("text",),
    "id": ("id",),
    "url": ("url",),
    "title": ("title",),
    "created": ("created", "date"),
    "licence": ("licence", "license"),
}
"""Our field -> the column names that are looked for when the manifest names none."""

META_CHARACTERS = 4_096
"""A value that nobody asked for stays out of `meta` if its JSON is longer."""

LEFT_OUT = "columns_left_out"
"""The key of `meta` that names the columns which are too long for it, or hold bytes."""

_SURROGATES = re.compile(r"[\ud800-\udfff]")


def document(place: str, row: Row, columns: Mapping[str, str], chosen: Collection[str] | None) -> Record:
    """One row as a document, by the manifest's columns or the usual names; `chosen` names what goes to `meta`."""
    own = _value(row, "id", columns)
    url, title = _string(_value(row, "url", columns)), _string(_value(row, "title", columns))
    record = f"{_one_line(str(own))[:200]}@{place}" if isinstance(own, str | int) and str(own).strip() else place
    text = _value(row, "text", columns)
    if isinstance(text, bytes):  # Parquet's strings without the mark that they are strings
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError:
            return Unextracted(record, "undecodable", float(len(text)), url=url, title=title)
    if not isinstance(text, str):
        return Unextracted(record, "no_text", url=url, title=title)
    if len(text) > MAX_MEMBER_BYTES:
        return Unextracted(record, "document_too_large", float(len(text)), url=url, title=title)
    text, created = clean(text), iso_date(_value(row, "created", columns))
    if not text.strip():
        return Unextracted(record, "empty_text", 0.0, url=url, title=title)
    return Extracted(
        record=record,
        text=text,
        url=url,
        title=title,
        created=created,
        licence=_string(_value(row, "licence", columns)),
        meta=_meta(row, columns, chosen, created is not None),
    )


def _meta(row: Row, columns: Mapping[str, str], chosen: Collection[str] | None, dated: bool) -> dict[str, object]:
    """What a row has beside its fields: columns that the manifest names, whole; others, if they are short.

    The column of `id` is one of the others, and that of `created` where it is not `dated`, which is to say no date.
    """
    named = {column: column for column in chosen or ()}
    named |= {field: column for field, column in columns.items() if field not in COLUMNS}
    found: dict[str, object] = {}
    left_out: list[str] = []
    for field, column in named.items():
        _put(found, left_out, field, column_of(row, column), None)
    if chosen is None:
        for column, value in _unused(row, columns, dated).items():
            if column not in found:
                _put(found, left_out, clean(str(column)), value, META_CHARACTERS)
    if left_out:
        found[LEFT_OUT] = sorted(left_out)
    return found


def _put(found: dict[str, object], left_out: list[str], field: str, value: object, limit: int | None) -> None:
    """Add a value to the found ones, or its name to those left out."""
    if value is None:
        return
    try:
        if limit is not None and isinstance(value, str | list | Mapping) and len(value) > limit:
            raise ValueError
        value = _plain(value)
        if limit is not None and isinstance(value, list | dict) and len(json.dumps(value)) > limit:
            raise ValueError
    except (ValueError, RecursionError):
        left_out.append(field)
    else:
        if value is not None:
            found[field] = value


def _unused(row: Row, columns: Mapping[str, str], dated: bool) -> Row:
    """The columns that no field was taken from; of one that a field was taken out of, the rest."""
    used = set()
    for field, names in COLUMNS.items():
        if field == "id" or (field == "created" and not dated):
            continue  # scores and the like are joined by the id that the data set itself gives
        used.add(columns[field] if field in columns else next((n for n in names if row.get(n) is not None), ""))
    used.update(column for field, column in columns.items() if field not in COLUMNS)
    rest = {column: value for column, value in row.items() if column not in used}
    for path in used:
        outer, dot, inner = path.partition(".")
        if dot and path not in row and isinstance(rest.get(outer), Mapping):
            rest[outer] = _without(rest[outer], inner)
            if not rest[outer]:
                del rest[outer]
    return rest


def _without(value: Mapping, path: str) -> dict:
    """A mapping without the value at a path."""
    outer, dot, inner = path.partition(".")
    if path in value or not dot:
        return {key: item for key, item in value.items() if key != path}
    if not isinstance(value.get(outer), Mapping):
        return dict(value)
    return {**value, outer: _without(value[outer], inner)}


def _value(row: Row, field: str, columns: Mapping[str, str]) -> object:
    return value_of(row, field, columns, COLUMNS)


def has_column(row: object, field: str, columns: Mapping[str, str]) -> bool:
    """Whether a row has the column of a field, be its value null."""
    if field not in columns:
        return isinstance(row, Mapping) and any(name in row for name in COLUMNS[field])
    path = columns[field]
    while isinstance(row, Mapping):
        if path in row:
            return True
        outer, dot, path = path.partition(".")
        row = row.get(outer) if dot else None
    return False


def _plain(value: object) -> object:
    """A value that JSON can hold. Raises ValueError for bytes."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bytes | bytearray | memoryview):
        raise ValueError("bytes")
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
        text = "\n".join([line.rstrip(" \t") for line in text.split("\n")])
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)
