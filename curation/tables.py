"""Rows of Parquet and Arrow files as dictionaries, a few hundred at a time, only the columns that are asked for."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.curation.documents import Unextracted, UnreadableFile

Row = Mapping[str, object]
Choose = Callable[[list[str]], list[str]]
"""From the names of all columns, those to read."""

_BATCH_ROWS = 256


def parquet_rows(
    stream: BinaryIO, choose: Choose, start: int, end: int | None, named: Collection[str] | None = None
) -> Iterator[tuple[str, Row | Unextracted]]:
    """(row=N, row) of the row groups whose first byte lies in [start, end); N counts from the file's first row.

    If there are `named` columns, others that hold bytes, such as pictures, are not read: their value is b"".
    """
    try:
        file = pq.ParquetFile(stream)
        columns = choose(file.schema_arrow.names)
        unread = (
            [] if named is None else [c for c in columns if c not in named and _bytes(file.schema_arrow.field(c).type)]
        )
        columns = [column for column in columns if column not in unread]
    except (pa.ArrowException, OSError) as error:
        _reraise_of_machine(error)
        raise UnreadableFile(
            f"not a readable Parquet file ({error}); is it complete and not compressed again?"
        ) from error
    row = 0
    for group in range(file.num_row_groups):
        info = file.metadata.row_group(group)
        first = min((_first_byte(info.column(index)) for index in range(info.num_columns)), default=4)
        # Every writer puts the first row group at byte 4; a range from 0 takes it even where the offset is not told.
        if start <= first and (end is None or first < end):
            number = row
            try:
                for batch in file.iter_batches(_BATCH_ROWS, row_groups=[group], columns=columns):
                    for place, one in _batch_rows(batch, number):
                        yield place, {**one, **dict.fromkeys(unread, b"")} if unread and isinstance(one, dict) else one
                    number += batch.num_rows
            except (pa.ArrowException, OSError) as error:
                _reraise_of_machine(error)
                yield (
                    f"row={number}",
                    Unextracted(f"row={number}", "damaged_rows", float(row + info.num_rows - number)),
                )
        row += info.num_rows


def _reraise_of_machine(error: Exception) -> None:
    """Let an error of disk or network travel: pyarrow reports damage as OSError too, but without a number."""
    if isinstance(error, OSError) and error.errno is not None:
        raise error


def _bytes(kind: pa.DataType) -> bool:
    """Whether values of a type are bytes, or mostly."""
    if isinstance(kind, pa.StructType):
        return any(_bytes(field.type) for field in kind)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _bytes(kind.value_type)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)


def _first_byte(column: pq.ColumnChunkMetaData) -> int:
    """Where a column chunk starts: its dictionary if it has one."""
    dictionary = column.dictionary_page_offset
    return min(dictionary, column.data_page_offset) if dictionary else column.data_page_offset


def arrow_rows(stream: BinaryIO, choose: Choose) -> Iterator[tuple[str, Row | Unextracted]]:
    """(row=N, row) of an Arrow IPC file (Feather 2) or stream, as Hugging Face `datasets` writes it."""
    magic = stream.read(6)
    stream.seek(0)
    row = 0
    try:
        opened = pa.ipc.open_file(stream) if magic == b"ARROW1" else pa.ipc.open_stream(stream)
        columns = choose(opened.schema.names)
        batches = (
            (opened.get_batch(index) for index in range(opened.num_record_batches)) if magic == b"ARROW1" else opened
        )
        for batch in batches:
            try:
                batch.validate(full=True)  # offsets that point outside a buffer would crash the process
            except pa.ArrowInvalid:
                yield f"row={row}", Unextracted(f"row={row}", "damaged_rows", float(batch.num_rows))
            else:
                selected = batch.select(columns)
                for offset in range(0, batch.num_rows, _BATCH_ROWS):
                    yield from _batch_rows(selected.slice(offset, _BATCH_ROWS), row + offset)
            row += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        _reraise_of_machine(error)
        raise UnreadableFile(f"the Arrow data is damaged or cut off after {row:,} rows ({error})") from error


def _batch_rows(batch: pa.RecordBatch, first: int) -> Iterator[tuple[str, Row | Unextracted]]:
    """The rows of a batch as dictionaries; a row whose strings are not UTF-8 costs itself."""
    for index, column in enumerate(batch.columns):
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            micro = column.cast(pa.timestamp("us", column.type.tz), safe=False)  # what Python's datetime holds
            batch = batch.set_column(index, batch.field(index).name, micro)
    try:
        for number, row in enumerate(batch.to_pylist(), first):
            yield f"row={number}", row
        return
    except (UnicodeDecodeError, ValueError, OverflowError):
        pass  # raised by to_pylist, before any row was given
    for number in range(batch.num_rows):
        place = f"row={first + number}"
        try:
            row = batch.slice(number, 1).to_pylist()[0]
        except (UnicodeDecodeError, ValueError, OverflowError):
            row = Unextracted(place, "undecodable")
        yield place, row


def value_of(row: Row, field: str, columns: Mapping[str, str], usual: Mapping[str, tuple[str, ...]]) -> object:
    """The row's value for one of our fields: by the manifest's columns, or else the first usual one that has any."""
    if field in columns:
        return column_of(row, columns[field])
    return next((row[name] for name in usual[field] if row.get(name) is not None), None)


def column_of(row: object, column: str) -> object:
    """The value of a column, or of a field inside one by `outer.inner`."""
    if not isinstance(row, Mapping):
        return None
    if column in row:
        return row[column]
    outer, dot, inner = column.partition(".")
    return column_of(row.get(outer), inner) if dot else None
