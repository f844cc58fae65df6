"""Rows of JSON lines, of a JSON array, and of objects that follow one another, decoded as the bytes come in."""

import json
import re
from collections.abc import Iterator
from io import TextIOWrapper
from typing import BinaryIO

from gristmill.curation.archives import MAX_MEMBER_BYTES, decompressed
from gristmill.curation.documents import ReadOptions, Unextracted, UnreadableFile
from gristmill.curation.tables import Row

_CHUNK = 2**16
_BETWEEN_VALUES = re.compile(r"[ \t\r\n,]*+")
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\Z)|[{}\[\]]', re.DOTALL)
_BARE_WORD = re.compile(r'[^\s,\[\]{}"]++')
_NEXT_OBJECT = re.compile(r"\}[ \t\r\n]*+,?[ \t\r\n]*+(?=\{)")

_LOOK_AHEAD = 2**20
"""Characters after which the end of a broken object is no longer waited for."""


def json_lines(stream: BinaryIO, options: ReadOptions) -> Iterator[tuple[str, Row | Unextracted]]:
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


def json_values(stream: BinaryIO) -> Iterator[tuple[str, Row | Unextracted]]:
    """(row=N, row) of a JSON array, or of objects one after the other, decoded as the text comes in.

    An object that is no JSON costs itself (`bad_json`) where it can be told where it ends.
    """
    text = TextIOWrapper(decompressed(stream), encoding="utf-8-sig", errors="replace", newline="")
    decode = json.JSONDecoder().raw_decode
    buffer, position, number, ended = "", 0, 0, False
    array: bool | None = None  # None until the first character is seen
    skipped = False  # whether an object was broken, so that brackets may be out of step
    wanted = _CHUNK
    while True:
        position = _BETWEEN_VALUES.match(buffer, position).end()
        first = buffer[position : position + 1]
        if first and array is None:
            array = first == "["
            position += array
            continue
        if first == "]" and array and not (skipped and buffer.startswith(",", position + 1)):
            return
        if first:
            try:
                value, end = decode(buffer, position)
            except (ValueError, RecursionError) as error:
                ahead = len(buffer) - position
                broken = ended or ahead > MAX_MEMBER_BYTES or _is_broken(error, len(buffer))
                end = _after_broken(buffer, position, error, ended or ahead > _LOOK_AHEAD) if broken else None
                if end is not None:
                    yield f"row={number}", Unextracted(f"row={number}", "bad_json", float(end - position))
                    number, position, wanted, skipped = number + 1, end, _CHUNK, True
                    continue
                if ended or (broken and ahead > _LOOK_AHEAD):
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


def _is_broken(error: Exception, size: int) -> bool:
    """Whether a value is no JSON whatever may follow; otherwise it may only be incomplete."""
    if not isinstance(error, json.JSONDecodeError):
        return True
    return not error.msg.startswith("Unterminated string") and error.pos < size - 16


def _after_broken(buffer: str, position: int, error: Exception, last_try: bool) -> int | None:
    """Where the broken object at `position` ends, by its brackets or else by the next `}, {`; None if that is not seen."""
    if word := _BARE_WORD.match(buffer, position):
        return word.end()
    closers = []
    for match in _STRING_OR_BRACKET.finditer(buffer, position):
        bracket = match[0]
        if bracket in "{[":
            closers.append("}" if bracket == "{" else "]")
        elif bracket in "}]":
            if not closers or closers.pop() != bracket:
                break
            if not closers:
                return match.end()
    if not last_try:
        return None
    following = _NEXT_OBJECT.search(buffer, getattr(error, "pos", position))
    return following.end() if following else None
