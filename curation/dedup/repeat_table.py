"""The table of what was cut because it is repeated, `repeats.parquet` of a unit: each cut, and what it repeats."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gristmill.curation.dedup.cuts import Cut

FILE = "repeats.parquet"


RULES = {"lines": "dedup.line", "paragraphs": "dedup.paragraph", "substrings": "dedup.substring"}
"""The rules of edits, by what is repeated."""

CUT_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),  # of the unit's texts
        pa.field("start", pa.int32(), nullable=False),  # code points of the extracted text
        pa.field("end", pa.int32(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("words", pa.int32(), nullable=False),  # that are repeated
        pa.field(
            "passages", pa.int32(), nullable=False
        ),  # lines or paragraphs that this cut takes; 1 of a run of words
        pa.field("repeats", pa.string(), nullable=False),  # id of the document that the first copy is in
        pa.field("repeats_start", pa.int32(), nullable=False),  # code points of that document's extracted text
        pa.field("repeats_end", pa.int32(), nullable=False),
    ]
)
"""A row for each cut of a unit, in order of row, rule and place."""


def rows_of(identity: str, row: int, rule: str, found: Iterable[Cut]) -> list[dict]:
    """Cuts of one document as rows of `CUT_SCHEMA`."""
    return [
        {
            **{"id": identity, "row": row, "start": cut.start, "end": cut.end, "rule": rule, "words": cut.words},
            **{"passages": cut.passages, "repeats": cut.of, "repeats_start": cut.of_start, "repeats_end": cut.of_end},
        }
        for cut in found
    ]


def write(path: Path, rows: Iterable[list[dict]]) -> None:
    """Write rows as they come; equal rows in equal lists are equal bytes."""
    with pq.ParquetWriter(path, CUT_SCHEMA, compression="zstd") as writer:
        for some in rows:
            if some:
                writer.write_table(pa.Table.from_pylist(some, CUT_SCHEMA))


def read(path: Path, rows: int) -> list[list[dict]]:
    """The cuts of each of a unit's texts."""
    found: list[list[dict]] = [[] for _ in range(rows)]
    for cut in pq.read_table(path).to_pylist():
        found[cut["row"]].append(cut)
    return found


def of_document(folder: Path, identity: str) -> dict[tuple[str, int, int], dict]:
    """The cuts of one document in all files of a folder, by rule, start and end; {} where there is no folder."""
    files = sorted(folder.glob("*.parquet")) if folder.is_dir() else []
    found = [row for path in files for row in pq.read_table(path, filters=pc.field("id") == identity).to_pylist()]
    return {(row["rule"], row["start"], row["end"]): row for row in found}
