"""The one place that reads and writes Arrow files of documents: texts, measures, verdicts and document shards.

All of them are Arrow IPC files (zstd), written batch by batch under a temporary folder of the caller's, so that memory
is bounded by a batch and a reader needs pyarrow alone. Row i of one unit's files is the same document in each.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from gristmill.curation.documents import DOCUMENT_VERSION

MAX_BATCH_DOCUMENTS = 1024
MAX_BATCH_BYTES = 64 * 2**20
"""A record batch ends at whichever comes first (contract 2); a longer document is a batch of its own."""

MAX_DOCUMENT_BYTES = 256 * 2**20
"""A document above this is a named drop, `document_too_large`."""


def write_batches(
    path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], metadata: dict | None = None
) -> int:
    """Write record batches to an Arrow IPC file (zstd); gives the number of rows.

    zstd's bytes do not depend on the number of threads (checked in tests), so equal rows are equal files.
    """
    schema = schema.with_metadata({"gristmill.version": str(DOCUMENT_VERSION), **(metadata or {})})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    rows = 0
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(batch.cast(schema))
            rows += batch.num_rows
    return rows


def read_batches(path: Path, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The record batches of an Arrow IPC file, one in memory at a time."""
    with pa.memory_map(str(path)) as source:
        options = None
        if columns is not None:
            schema = pa.ipc.open_file(source).schema
            options = pa.ipc.IpcReadOptions(included_fields=[schema.get_field_index(name) for name in columns])
        reader = pa.ipc.open_file(source, options=options)
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)


def read_batch(path: Path, number: int) -> pa.RecordBatch:
    """One record batch of an Arrow IPC file; nothing else is read."""
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).get_batch(number)


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """A whole Arrow IPC file as a table, its columns in the order asked for; for what is small beside the texts."""
    with pa.memory_map(str(path)) as source:
        schema = pa.ipc.open_file(source).schema.remove_metadata()
    if columns is None:
        return pa.Table.from_batches(read_batches(path), schema)
    read = pa.schema([field for field in schema if field.name in columns])  # a file's batches keep its own order
    return pa.Table.from_batches(read_batches(path, columns), read).select(columns)


def write_flat(path: Path, table: pa.Table) -> None:
    """Write a table as one uncompressed record batch, to be read where it lies; not for texts."""
    schema = table.schema.with_metadata({"gristmill.version": str(DOCUMENT_VERSION)})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        whole = [column.combine_chunks() for column in table.columns]
        writer.write_batch(pa.record_batch(whole, schema))


def read_flat(path: Path) -> pa.Table:
    """A table of `write_flat`: nothing is read before it is looked at, and a column is one array."""
    with pa.memory_map(str(path)) as source:
        return pa.Table.from_batches([pa.ipc.open_file(source).get_batch(0)])


def metadata(path: Path) -> dict[str, str]:
    """The metadata of an Arrow IPC file."""
    with pa.memory_map(str(path)) as source:
        found = pa.ipc.open_file(source).schema.metadata or {}
    return {key.decode(): value.decode() for key, value in found.items()}


def take(path: Path, rows: Sequence[int], column: str) -> pa.Array:
    """One column of some rows of an Arrow IPC file, in the order asked for; reads only the batches that hold them."""
    starts = _batch_starts(path, path.stat().st_mtime_ns)
    wanted = np.asarray(rows, np.int64)
    batch_of = np.searchsorted(starts, wanted, side="right") - 1
    found: list[pa.Array] = []
    with pa.memory_map(str(path)) as source:
        schema = pa.ipc.open_file(source).schema
        options = pa.ipc.IpcReadOptions(included_fields=[schema.get_field_index(column)])
        reader = pa.ipc.open_file(source, options=options)
        batches = np.unique(batch_of)
        for number in batches:
            here = wanted[batch_of == number] - starts[number]
            found.append(reader.get_batch(int(number)).column(0).take(pa.array(here)))
    places = (
        np.concatenate([np.flatnonzero(batch_of == number) for number in batches]) if found else np.zeros(0, np.int64)
    )
    order = np.empty(len(wanted), np.int64)
    order[places] = np.arange(len(wanted))
    return pa.concat_arrays(found).take(pa.array(order)) if found else pa.array([], schema.field(column).type)


@lru_cache(maxsize=4096)
def _batch_starts(path: Path, mtime_ns: int) -> np.ndarray:
    """int64[batches]: the row that each batch begins with."""
    rows = [batch.num_rows for batch in read_batches(path, ["id"])]
    return np.concatenate(([0], np.cumsum(rows)))[: len(rows)].astype(np.int64)


class Batcher:
    """Rows in, record batches of contract 2's size out."""

    def __init__(self, schema: pa.Schema):
        self._schema = schema
        self._rows: list[dict] = []
        self._bytes = 0

    def add(self, row: dict, size_bytes: int) -> Iterator[pa.RecordBatch]:
        """Take a row; give the finished batch if this row would overfill it."""
        if self._rows and (len(self._rows) == MAX_BATCH_DOCUMENTS or self._bytes + size_bytes > MAX_BATCH_BYTES):
            yield from self.flush()
        self._rows.append(row)
        self._bytes += size_bytes

    def flush(self) -> Iterator[pa.RecordBatch]:
        """The rows that are left, as one batch; nothing if there are none."""
        if self._rows:
            yield pa.RecordBatch.from_pylist(self._rows, schema=self._schema)
            self._rows, self._bytes = [], 0
