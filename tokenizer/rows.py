"""Packed rows on disk and in memory (contract 5): an index into token shards, not a copy of them.

A row is `seq_length + 1` tokens, because LitGPT reads batches of [B, T + 1]: inputs `[:, :T]`, targets `[:, 1:]`.
So rows do not overlap, each token stands in one row, and only a row's first token is never a target.

`packed/train/rows-<first row>.arrow` hold 8,192 rows each, `packed/validation/` likewise, in training order:

    segments: list<struct<source, shard, row, start, length>>

`shard` is a token shard's file from `tokens/` on, `row` the document in it, `start` the first token within
the document. A row's segments stand one after the other from position 0; padding only follows the last.

A row of validation holds documents of one source and one language, which the columns `source` and `language` name.

`packed/shards.arrow` lists the token shards that rows point into: `source`, `shard`, `documents` and `digest`, what tells
their content from any other. `packed/index.arrow` is the way back: the same segments sorted by source, shard, row and start, with `split`,
`packed_row` (the row of training) and `position` (the place in that row). Names are dictionary-encoded. Schema metadata
(all text, prefixed `gristmill.`): `contract`, `version`, `seq_length`, `method`, `end_id`, `tokenizer`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.tokenizer.encode import TokenFile

ROWS_VERSION = 2
"""Version of the packed rows' contract."""

FILE_ROWS = 8192
"""Rows in a file."""

_NAME = pa.dictionary(pa.int32(), pa.string())
_SEGMENT = {"source": _NAME, "shard": _NAME, "row": pa.int32(), "start": pa.int64(), "length": pa.int32()}

ROWS_SCHEMA = pa.schema(
    [
        pa.field(
            "segments",
            pa.list_(pa.field("item", pa.struct([pa.field(n, t, False) for n, t in _SEGMENT.items()]), False)),
            nullable=False,
        )
    ]
)

_GROUP_FIELDS = [pa.field("source", _NAME, False), pa.field("language", _NAME)]

SHARDS_SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), False),
        pa.field("shard", pa.string(), False),
        pa.field("documents", pa.int64(), False),
        pa.field("digest", pa.string(), False),
    ]
)

INDEX_SCHEMA = pa.schema(
    [pa.field(n, t, False) for n, t in _SEGMENT.items()]
    + [
        pa.field("split", pa.dictionary(pa.int8(), pa.string()), False),
        pa.field("packed_row", pa.int64(), False),
        pa.field("position", pa.int32(), False),
    ]
)


@dataclass(frozen=True)
class Segments:
    """Segments of packed rows as columns of equal length, in the order of rows and of places within them."""

    shard: np.ndarray
    """int32: index into the list of (source, shard) names."""
    row: np.ndarray
    """int32: document within the token shard."""
    start: np.ndarray
    """int64: first token within the document."""
    length: np.ndarray
    """int32: tokens."""
    packed_row: np.ndarray
    """int64: the row of training that holds it; does not decrease."""
    item: np.ndarray | None = None
    """int64: which stretch of a document it is of, in the order of drawing; not written."""

    def followed_by(self, other: "Segments", num_items: int) -> "Segments":
        """These rows, then the rows of another; its items are counted on from `num_items`."""
        return Segments(
            *(np.concatenate([getattr(self, n), getattr(other, n)]) for n in ("shard", "row", "start", "length")),
            np.concatenate([self.packed_row, other.packed_row + self.num_rows]),
            np.concatenate([self.item, other.item + num_items]),
        )

    @property
    def num_rows(self) -> int:
        """Rows that the segments fill."""
        return int(self.packed_row[-1]) + 1 if len(self.packed_row) else 0

    @property
    def position(self) -> np.ndarray:
        """int64: where each segment begins in its row."""
        return places(self.length, np.searchsorted(self.packed_row, self.packed_row))


def places(lengths: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Where each segment begins in its row, given the index of the row's first segment."""
    before = np.cumsum(lengths, dtype=np.int64) - lengths
    return before - before[first]


class Groups(NamedTuple):
    """What each row of validation is of."""

    names: list[tuple[str, str]]
    """(source, language)."""
    row: np.ndarray
    """int [R]: index into names of each row."""


def write_rows(
    folder: Path,
    segments: Segments,
    names: Sequence[tuple[str, str]],
    metadata: Mapping[str, str],
    groups: Groups | None = None,
) -> None:
    """Write the rows of one split into `folder`, 8,192 to a file; `names` are (source, shard), sorted."""
    folder.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([*ROWS_SCHEMA, *(_GROUP_FIELDS if groups else [])], _metadata("rows", metadata))
    for first in range(0, segments.num_rows, FILE_ROWS):
        last = min(first + FILE_ROWS, segments.num_rows)
        bounds = np.searchsorted(segments.packed_row, np.arange(first, last + 1))
        chosen = slice(bounds[0], bounds[-1])
        columns = _columns(segments, chosen, names)
        struct = pa.StructArray.from_arrays(list(columns.values()), fields=list(schema.field(0).type.value_type))
        lists = pa.ListArray.from_arrays(pa.array(bounds - bounds[0], pa.int32()), struct, type=schema.field(0).type)
        path = folder / _file_name(first)
        batch = pa.record_batch([lists, *(_group_columns(groups, first, last) if groups else [])], schema=schema)
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as writer:
            writer.write_batch(batch)


def _group_columns(groups: Groups, first: int, last: int) -> list[pa.Array]:
    numbers = groups.row[first:last]
    columns = []
    for place in range(2):
        values = sorted({name[place] for name in groups.names})
        number = np.array([values.index(name[place]) for name in groups.names], np.int32)[numbers]
        columns.append(pa.DictionaryArray.from_arrays(pa.array(number), pa.array(values, pa.string())))
    return columns


def write_shards(
    path: Path,
    names: Sequence[tuple[str, str]],
    documents: Sequence[int],
    digests: Sequence[str],
    metadata: Mapping[str, str],
) -> None:
    """Write the list of token shards that rows point into."""
    schema = SHARDS_SCHEMA.with_metadata(_metadata("packed shards", metadata))
    columns = [[source for source, _ in names], [shard for _, shard in names], list(documents), list(digests)]
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        writer.write_table(pa.table(columns, schema=schema))


def write_index(
    path: Path, splits: Mapping[str, Segments], names: Sequence[tuple[str, str]], metadata: Mapping[str, str]
) -> None:
    """Write all segments of all splits, sorted by document."""
    parts = list(splits.values())
    merged = Segments(
        *(
            np.concatenate([getattr(part, field) for part in parts])
            for field in ("shard", "row", "start", "length", "packed_row")
        )
    )
    split = np.repeat(np.arange(len(parts), dtype=np.int8), [len(part.row) for part in parts])
    position = np.concatenate([part.position for part in parts]).astype(np.int32)
    order = np.lexsort((merged.packed_row, split, merged.start, merged.row, merged.shard))
    schema = INDEX_SCHEMA.with_metadata(_metadata("index", metadata))
    columns = _columns(merged, order, names)
    columns["split"] = pa.DictionaryArray.from_arrays(pa.array(split[order]), pa.array(list(splits)))
    columns["packed_row"] = pa.array(merged.packed_row[order])
    columns["position"] = pa.array(position[order])
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        writer.write_batch(pa.record_batch(list(columns.values()), schema=schema))


def _columns(segments: Segments, chosen: slice | np.ndarray, names: Sequence[tuple[str, str]]) -> dict[str, pa.Array]:
    sources = sorted({source for source, _ in names})
    shards = sorted({shard for _, shard in names})
    source_of = np.array([sources.index(source) for source, _ in names], np.int32)
    number = {shard: i for i, shard in enumerate(shards)}
    shard_of = np.array([number[shard] for _, shard in names], np.int32)
    shard = segments.shard[chosen]
    return {
        "source": pa.DictionaryArray.from_arrays(pa.array(source_of[shard]), pa.array(sources, pa.string())),
        "shard": pa.DictionaryArray.from_arrays(pa.array(shard_of[shard]), pa.array(shards, pa.string())),
        "row": pa.array(segments.row[chosen]),
        "start": pa.array(segments.start[chosen]),
        "length": pa.array(segments.length[chosen]),
    }


def _metadata(contract: str, metadata: Mapping[str, str]) -> dict[str, str]:
    return {"gristmill.contract": contract, "gristmill.version": str(ROWS_VERSION), **metadata}


@dataclass(frozen=True)
class PackedRows:
    """The rows of one split, memory-mapped."""

    table: pa.Table
    """One column `segments`, one line for each row of training."""
    seq_length: int
    """Tokens that are predicted in a row; a row holds one more."""
    end_id: int
    """Pads rows."""
    tokenizer: str
    """Digest of the tokenizer that the token shards were made with."""


class PackedShard(NamedTuple):
    """A token shard that rows point into, as it was when they were packed."""

    documents: int
    """How many documents it had."""
    digest: str
    """What told its content from any other."""


def open_rows(folder: str | Path) -> PackedRows:
    """The rows of `packed/train` or `packed/validation`, in order. Raises ValueError if there are none."""
    paths = sorted(Path(folder).glob("rows-*.arrow"))
    if not paths:
        raise ValueError(f"{folder} holds no packed rows; run the pack step first.")
    tables = [_read(path) for path in paths]
    metadata = tables[0].schema.metadata
    if metadata.get(b"gristmill.version") != str(ROWS_VERSION).encode():
        raise ValueError(f"{folder} holds no packed rows of version {ROWS_VERSION}; pack them again.")
    for number, (path, table) in enumerate(zip(paths, tables, strict=True)):
        # Row k is then in file k // 8,192, and no list of offsets has to be searched.
        if path.name != _file_name(number * FILE_ROWS) or (len(table) != FILE_ROWS and path != paths[-1]):
            raise ValueError(f"{folder}: a file of rows is missing before {path.name}, or cut short; pack them again.")
    return PackedRows(
        pa.concat_tables(tables),
        int(metadata[b"gristmill.seq_length"]),
        int(metadata[b"gristmill.end_id"]),
        metadata[b"gristmill.tokenizer"].decode(),
    )


def read_shards(path: str | Path) -> dict[tuple[str, str], PackedShard]:
    """The token shards of `packed/shards.arrow` by (source, shard)."""
    columns = _read(Path(path)).to_pydict()
    return {
        (source, shard): PackedShard(documents, digest)
        for source, shard, documents, digest in zip(*(columns[name] for name in SHARDS_SCHEMA.names), strict=True)
    }


def _read(path: Path) -> pa.Table:
    try:
        with pa.memory_map(str(path)) as file:
            return pa.ipc.open_file(pa.BufferReader(file.read_buffer())).read_all()
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path} is cut short or damaged ({error}); pack the rows again.") from None


def _file_name(first: int) -> str:
    return f"rows-{first:010d}.arrow"


class RowColumns(NamedTuple):
    """The segments of a file of rows as columns, without a copy."""

    offsets: np.ndarray
    """int32 [R + 1]: row i has the segments from `offsets[i]` up to `offsets[i + 1]`."""
    source: np.ndarray
    """int32 [S]: index into sources."""
    shard: np.ndarray
    """int32 [S]: index into shards."""
    row: np.ndarray
    start: np.ndarray
    length: np.ndarray
    sources: list[str]
    shards: list[str]

    def lengths(self, first: int, last: int) -> np.ndarray:
        """Tokens of each row from `first` up to `last`, int64."""
        begin, end = self.offsets[first], self.offsets[last]
        ends = np.concatenate([[0], np.cumsum(self.length[begin:end], dtype=np.int64)])
        return np.diff(ends[self.offsets[first : last + 1] - begin])


def row_columns(lists: pa.ListArray) -> RowColumns:
    """A file's rows, or some of them, for `fill`."""
    source, shard, *numbers = (lists.values.field(name) for name in _SEGMENT)
    return RowColumns(
        np.asarray(lists.offsets),
        np.asarray(source.indices),
        np.asarray(shard.indices),
        *map(np.asarray, numbers),
        source.dictionary.to_pylist(),
        shard.dictionary.to_pylist(),
    )


def fill(
    out: np.ndarray, columns: RowColumns, first: int, shards: Mapping[tuple[str, str], TokenFile], end_id: int
) -> None:
    """Put the tokens of the rows from `first` on into `out`, int64 [B, width], padded with `end_id`.

    Plain loops over lists: numpy's own took twice as long for the two or three segments of a row.
    """
    offsets = columns.offsets[first : first + len(out) + 1].tolist()
    mine = slice(offsets[0], offsets[-1])
    segments = zip(*(column[mine].tolist() for column in columns[1:6]), strict=True)
    for line, begin, end in zip(out, offsets, offsets[1:], strict=False):
        place = 0
        for _ in range(begin, end):
            source, shard, row, start, length = next(segments)
            opened = shards[columns.sources[source], columns.shards[shard]]
            at = int(opened.starts[row]) + start
            line[place : place + length] = opened.file[at : at + length]
            place += length
        line[place:] = end_id


def gather(rows: pa.Table, shards: Mapping[tuple[str, str], TokenFile], width: int, end_id: int) -> np.ndarray:
    """The tokens of packed rows, int64[B, width], padded with `end_id`.

    `rows` is a slice of `PackedRows.table`, `shards` the open token shards by (source, shard), `width` seq_length + 1.
    """
    tokens = np.empty((len(rows), width), np.int64)
    line = 0
    for lists in rows["segments"].chunks:
        fill(tokens[line : line + len(lists)], row_columns(lists), 0, shards, end_id)
        line += len(lists)
    return tokens


def segment_numbers(rows: pa.Table, width: int) -> np.ndarray:
    """Which segment of its row each token belongs to, int32[B, width], counted from 0; -1 is padding.

    Two tokens of a row may attend to each other if they have the same number.
    """
    numbers = np.full(len(rows) * width, -1, np.int32)
    line = 0
    for lists in rows["segments"].chunks:
        lengths = np.asarray(lists.flatten().field("length"))
        per_row = np.diff(np.asarray(lists.offsets))
        number = np.arange(len(lengths)) - np.repeat(np.cumsum(per_row) - per_row, per_row)
        start = np.repeat(_line_places(lists, width) + line * width, lengths)
        within = np.arange(len(start)) - np.repeat(np.cumsum(lengths, dtype=np.int64) - lengths, lengths)
        numbers[start + within] = np.repeat(number, lengths)
        line += len(lists)
    return numbers.reshape(len(rows), width)


def _line_places(lists: pa.ListArray, width: int) -> np.ndarray:
    """Where each segment begins in a block of `len(lists)` rows."""
    lengths = np.asarray(lists.flatten().field("length"))
    per_row = np.diff(np.asarray(lists.offsets))
    first = np.repeat(np.cumsum(per_row) - per_row, per_row)
    return places(lengths, first) + np.repeat(np.arange(len(lists)) * width, per_row)


def rows_of(index: str | Path, source: str, shard: str, row: int) -> pa.Table:
    """Where the tokens of one document went: its lines of `index.arrow`, none if it was never drawn.

    The lines are sorted by source, shard and row, so that three searches find them, however many there are.
    """
    table = _read(Path(index))
    first, last = 0, len(table)
    for name, value in (("source", source), ("shard", shard), ("row", row)):
        column = table[name].chunk(0) if table[name].num_chunks else pa.array([], pa.int32())
        if name != "row":
            value = pc.index(column.dictionary, value).as_py() if len(table) else -1
            column = column.indices if len(table) else column
        within = np.asarray(column)[first:last]
        first, last = first + np.searchsorted(within, value), first + np.searchsorted(within, value, side="right")
    return table.slice(first, last - first)
