"""Rows of tables of posts: JSON lines and parquet, told apart by their first bytes."""

import json
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.curation.archives import decompressed
from gristmill.curation.documents import Unextracted, UnreadableFile
from gristmill.curation.tables import parquet_rows

MAX_ROW_BYTES = 64 * 2**20
"""A longer line is passed over as `malformed_json`: no post is as long."""


def rows(stream: BinaryIO) -> Iterator[tuple[int, dict | Unextracted]]:
    """The rows of a file as (number from 1, value), or what is wrong with it: `malformed_json` or `malformed_row`,
    of parquet `undecodable` for a row, `damaged_rows` for the rest of a row group.

    Blank lines are counted, but passed over. The record of a bad row is `row` and its number, which in a file of JSON
    lines is that of the line.
    """
    magic = stream.read(4)
    stream.seek(0)
    for number, row in _parquet_rows(stream) if magic == b"PAR1" else _json_rows(decompressed(stream)):
        if row is None:
            yield number, Unextracted(f"row{number}", "malformed_json")
        elif isinstance(row, Unextracted):
            yield number, Unextracted(f"row{number}", row.rule, row.value)
        elif not isinstance(row, dict):
            yield number, Unextracted(f"row{number}", "malformed_row")
        else:
            yield number, row


def parquet_columns(stream: BinaryIO) -> tuple[str, ...]:
    """Names of a parquet file's columns; leaves the stream at its start. Raises UnreadableFile for a damaged file."""
    try:
        return tuple(pq.read_schema(stream).names)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFile(f"the parquet file is damaged ({error}); fetch it again") from error
    finally:
        stream.seek(0)


def _parquet_rows(stream: BinaryIO) -> Iterator[tuple[int, dict | Unextracted]]:
    for place, row in parquet_rows(stream, list, 0, None):
        yield int(place.removeprefix("row=")) + 1, row


def _json_rows(stream: BinaryIO) -> Iterator[tuple[int, object]]:
    """None stands for what is no JSON, is nested too deep for the parser, or too long."""
    number = 0
    while line := stream.readline(MAX_ROW_BYTES):
        number += 1
        if len(line) == MAX_ROW_BYTES and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = stream.readline(2**20)
            yield number, None
        elif not line.isspace():
            try:
                yield number, json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8", "replace"))
            except (ValueError, RecursionError):
                yield number, None
