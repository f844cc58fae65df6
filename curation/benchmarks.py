"""The items of an evaluation benchmark, as every string in them, whatever the file looks like.

JSON lines, a JSON array or object, CSV and TSV, Parquet, each compressed or not, and tar or zip archives of these.
Nobody needs to name columns: what is not text to be leaked (ids, letters of answers) is too short to match anything.
A file that cannot be read in full raises: half a benchmark would leak the other half in silence.
"""

import csv
import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.curation.archives import MAX_MEMBER_BYTES, bare_name, decompressed, members
from gristmill.curation.documents import UnreadableFile, locator

ARCHIVES = (".tar", ".tgz", ".zip")
TEXTS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Item:
    """One question, problem or passage of a benchmark."""

    benchmark: str  # the file as it was named, and the member if it is an archive: "mmlu.tar.gz#test/anatomy.csv"
    number: int  # line, row or element, from 0; the header of a CSV file is its row 0
    texts: tuple[str, ...]  # every string in it, in order
    fields: tuple[str, ...]  # where each stands: "question", "choices.2"; in a CSV file the column, from 0


def read_items(stream: BinaryIO, name: str) -> Iterator[Item]:
    """Every item of a benchmark file, in order. Raises UnreadableFile for what it does not know, or cannot finish."""
    if not bare_name(name).endswith(ARCHIVES):
        yield from _items(decompressed(stream), name, name)
        return
    known = 0
    for member, size, content in members(stream):
        if not bare_name(member).endswith(TEXTS):
            logger.info("%s: %s is no benchmark file (%s), passed over", name, member, ", ".join(TEXTS))
            continue
        if content is None:
            raise UnreadableFile(f"its member {member} ({size:,} bytes) is damaged, encrypted or too large; unpack it")
        known += 1
        try:
            yield from _items(decompressed(io.BytesIO(content)), member, locator(name, member))
        except UnreadableFile as error:
            raise UnreadableFile(f"its member {member}: {error}") from error
    if not known:
        raise UnreadableFile(f"the archive holds no {', '.join(TEXTS)} file; unpack it and name the files themselves")


def _items(stream: BinaryIO, name: str, benchmark: str) -> Iterator[Item]:
    for number, record in enumerate(_records(stream, name)):
        strings = [*_strings(record)]
        yield Item(benchmark, number, tuple(text for text, _ in strings), tuple(field for _, field in strings))


def _records(stream: BinaryIO, name: str) -> Iterator[object]:
    """The records of one file: what a line, row or element holds."""
    content = stream.read(MAX_MEMBER_BYTES + 1)
    if len(content) > MAX_MEMBER_BYTES:
        raise UnreadableFile(f"it is larger than {MAX_MEMBER_BYTES:,} bytes, more than any benchmark; split it")
    if content.startswith(b"PAR1"):
        return _parquet(content)
    if content.startswith(b"version https://git-lfs"):
        raise UnreadableFile("it is a Git LFS pointer, not the file itself; run git lfs pull, or download it")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableFile("it is UTF-16; convert it with iconv -f UTF-16 -t UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"it is not UTF-8 (byte {error.start:,}); convert it with iconv") from error
    kind = bare_name(name)
    if kind.endswith((".csv", ".tsv")):
        return _rows(text, "\t" if kind.endswith(".tsv") else ",")
    if text.lstrip()[:1] in ("{", "["):
        return _json_lines(text) if kind.endswith((".jsonl", ".ndjson")) else _json(text)
    raise UnreadableFile(
        "it is neither JSON, JSON lines nor Parquet, and its name ends in neither .csv nor .tsv; "
        'write one JSON object per item and line, for example {"question": "..."}'
    )


def _parquet(content: bytes) -> Iterator[object]:
    try:
        for batch in pq.ParquetFile(pa.BufferReader(content)).iter_batches():
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFile(f"the Parquet file is damaged ({error}); fetch it again") from error


def _rows(text: str, delimiter: str) -> Iterator[object]:
    # Not `strict`: a quotation mark inside a quoted field is common, and then only moves a border between fields.
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        yield from rows
    except csv.Error as error:
        raise UnreadableFile(
            f"line {rows.line_num} is not CSV ({error}); does a field miss its closing quote?"
        ) from error


def _json(text: str) -> Iterator[object]:
    """Elements of an array, or of the lists in an object such as SQuAD's {"data": [...]}, else one value a line."""
    try:
        whole = json.loads(text)
    except RecursionError:
        raise UnreadableFile("its JSON is nested too deep to be a benchmark") from None
    except ValueError:
        yield from _json_lines(text)
        return
    if isinstance(whole, dict):
        lists = [v for v in whole.values() if isinstance(v, list) and all(isinstance(e, dict) for e in v)]
        yield from (element for elements in lists for element in elements)
        whole = [[value for value in whole.values() if not any(value is elements for elements in lists)]]
    yield from whole


def _json_lines(text: str) -> Iterator[object]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield json.loads(line)
            except (ValueError, RecursionError) as error:
                raise UnreadableFile(f"line {number:,} is not JSON ({error}); mend or remove it") from error


def _strings(record: object) -> Iterator[tuple[str, str]]:
    """Every string in nested lists and objects, in order, with the keys and numbers that lead to it."""
    waiting: list[tuple[object, tuple[str, ...]]] = [(record, ())]
    while waiting:
        value, path = waiting.pop()
        if isinstance(value, str):
            yield value, ".".join(path)
        elif isinstance(value, dict):
            waiting.extend((inner, (*path, str(key))) for key, inner in reversed(value.items()))
        elif isinstance(value, list | tuple):
            waiting.extend((inner, (*path, str(place))) for place, inner in reversed([*enumerate(value)]))
