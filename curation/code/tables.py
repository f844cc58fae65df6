"""Rows of code data sets: The Stack (v1, smol, dedup), StarCoder data, codeparrot's github-code, BigQuery's GitHub dump.

Parquet, Arrow and JSON lines; a row is one file of a repository, with what the data set knows about it.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from gristmill.curation.archives import MAX_MEMBER_BYTES, decompressed
from gristmill.curation.code.spdx import from_words
from gristmill.curation.documents import ReadOptions, Unextracted, UnreadableFile
from gristmill.curation.tables import Row, arrow_rows, column_of, parquet_rows, value_of

COLUMNS = {
    "text": ("content", "code", "text"),
    "path": ("path", "max_stars_repo_path", "file_path", "func_path_in_repository", "filename"),
    "repository": ("max_stars_repo_name", "repo_name", "repository_name", "repo", "repo_path"),
    "stars": ("max_stars_count", "star_events_count", "stars", "stargazers_count", "stars_count"),
    "language": ("lang", "language", "programming_language"),
    "extension": ("ext", "extension"),
    "licence": ("max_stars_repo_licenses", "licenses", "license", "licence", "detected_licenses"),
    "url": ("url",),
    "created": ("created",),
}
"""Our field -> the column names that are looked for when the manifest names none."""

ROWS_WITHOUT_TEXT = 1_000
"""If this many rows from the start have no text, the columns are named wrongly, and the file says so."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One row: a file, and what the data set knows about it."""

    record: str
    """Its place: `row=N` or the byte offset of its line."""
    text: str | None
    path: str
    repository: str | None = None
    stars: int | None = None
    language: str | None = None
    licence: str | None = None
    url: str | None = None
    created: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict)
    """Columns that the manifest names beyond our fields."""


def rows(stream: BinaryIO, form: str, options: ReadOptions) -> Iterator[SourceFile | Unextracted]:
    """The rows of a file of format `parquet`, `arrow` or `jsonl`; a broken row is Unextracted.

    Raises UnreadableFile if no row has text, saying which columns there are.
    """
    if form == "parquet":
        found = parquet_rows(stream, lambda names: _wanted(names, options.columns), options.start, options.end)
    elif form == "arrow":
        found = arrow_rows(stream, lambda names: _wanted(names, options.columns))
    else:
        found = _json_lines(stream, options)
    held: list[SourceFile | Unextracted] | None = [] if not options.start else None
    columns: dict[str, None] = {}
    for place, row in found:
        item = row if isinstance(row, Unextracted) else _source_file(place, row, options.columns)
        if held is None:
            yield item
            continue
        held.append(item)
        if isinstance(item, SourceFile) and item.text is not None:
            yield from held
            held = None
        else:
            if isinstance(row, Mapping):
                columns.update(dict.fromkeys(map(str, row)))
            if len(held) >= ROWS_WITHOUT_TEXT:
                break
    if held:
        if columns or all(isinstance(item, Unextracted) for item in held):
            raise UnreadableFile(_without_text(list(columns), options))
        yield from held


def _without_text(columns: list[str], options: ReadOptions) -> str:
    if {"blob_id", "content_id"} & set(columns):
        return (
            "the rows name files of The Stack v2 by blob_id and do not hold them; fetch the contents from Software Heritage "
            "(s3://softwareheritage/content/<blob_id>) into a column `content`, or use The Stack v1 or the-stack-v2-train-full-ids' contents"
        )
    if not columns:
        return "no line is a JSON object; is it another format?"
    wanted = options.columns.get("text") or " or ".join(COLUMNS["text"])
    return f"no row has text in column {wanted}; the columns are: {', '.join(columns[:50])}; set columns: {{text: <one of them>}}"


def _wanted(names: list[str], columns: Mapping[str, str]) -> list[str]:
    """The columns to read: those that fields may come from, or all if no text is among them (to name them)."""
    asked = {column.partition(".")[0] for column in columns.values()} | {*columns.values()}
    usual = {name for field_name, listed in COLUMNS.items() if field_name not in columns for name in listed}
    text = [columns["text"]] if "text" in columns else COLUMNS["text"]
    if not any(name in names or name.partition(".")[0] in names for name in text):
        return names
    return [name for name in names if name in asked or name in usual]


def _json_lines(stream: BinaryIO, options: ReadOptions) -> Iterator[tuple[str, Row | Unextracted]]:
    """(byte offset, object) of the lines that start in the range; a line that is no object is Unextracted."""
    content = decompressed(stream)
    position = 0
    if options.start:
        content.seek(options.start - 1)
        position = options.start - 1 + len(content.readline())
    while options.end is None or position < options.end:
        line = content.readline(4 * MAX_MEMBER_BYTES)
        if not line:
            return
        place, position = str(position), position + len(line)
        if len(line) >= 4 * MAX_MEMBER_BYTES and not line.endswith(b"\n"):
            while rest := content.readline(2**24):
                position += len(rest)
                if rest.endswith(b"\n"):
                    break
            yield place, Unextracted(place, "document_too_large", float(len(line)))
            continue
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        yield place, row if isinstance(row, dict) else Unextracted(place, "bad_json", float(len(line)))


def _source_file(place: str, row: Row, columns: Mapping[str, str]) -> SourceFile:
    text, stars = _value(row, "text", columns), _value(row, "stars", columns)
    language = _string(_value(row, "language", columns))
    path = _string(_value(row, "path", columns))
    extension = _string(_value(row, "extension", columns))
    known = isinstance(stars, int | float) and not isinstance(stars, bool) and math.isfinite(stars)
    return SourceFile(
        record=place,
        text=text if isinstance(text, str) else None,
        path=path or (f"file.{extension.lstrip('.')}" if extension else ""),
        repository=_string(_value(row, "repository", columns)),
        stars=int(stars) if known else None,
        language=language,
        licence=_licence(_value(row, "licence", columns)),
        url=_string(_value(row, "url", columns)),
        created=_string(_value(row, "created", columns)),
        extra={name: column_of(row, column) for name, column in columns.items() if name not in COLUMNS},
    )


def _licence(value: object) -> str | None:
    """One expression of a licence field: words, or a list of licences that were all found in a repository."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        return None
    stated = [name for name in value if isinstance(name, str) and name.strip()]
    names = sorted(dict.fromkeys(from_words(name) or name.strip() for name in stated))
    return " AND ".join(f"({name})" if " " in name and len(names) > 1 else name for name in names) or None


def _value(row: Row, field_name: str, columns: Mapping[str, str]) -> object:
    return value_of(row, field_name, columns, COLUMNS)


def _string(value: object) -> str | None:
    return " ".join(value.split()) or None if isinstance(value, str) else None
