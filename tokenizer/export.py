"""Packed rows as other trainers read them, in the order of training.

| format | files | what item k of the reader is |
|---|---|---|
| `olmo` | `<split>.npy`, raw ids without a header, as OLMo-core has them | row k, with `sequence_length` T + 1 |
| `nanotron` | `<split>.ds`, `.ds.index`, `.ds.metadata`, as datatrove's tokenizer writes them | row k, with `seq_len` T |
| `litdata` | `index.json`, `chunk-0-<n>.bin` | row k, with `TokensLoader(block_size=T + 1)` |
| `megatron` | `<split>.bin`, `<split>.idx`: one sequence and one document for each segment | segment k |
| `bin` | `train.bin` or `val.bin`, raw uint16, as nanoGPT reads it | |

T is the rows' `seq_length`. The first three hold whole rows, padding included, so that their readers cut where ours
does. The last two hold the tokens without padding: their trainers draw or cut in ways of their own.
"""

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from gristmill.tokenizer.encode import TokenFile, open_tokens
from gristmill.tokenizer.rows import PackedRows, gather, open_rows

BATCH_ROWS = 512
"""Rows in memory at a time."""

CHUNK_BYTES = 64 * 2**20
"""Size of LitData's chunks."""


class Batch(NamedTuple):
    """Some rows, one after the other."""

    tokens: np.ndarray
    """uint16 or uint32 [B, width], padded with the end-of-document id."""
    lengths: np.ndarray
    """int64 [S]: tokens of every segment."""
    per_row: np.ndarray
    """int64 [B]: segments of each row."""
    used: np.ndarray
    """int64 [B]: tokens of each row without padding."""

    @property
    def stream(self) -> np.ndarray:
        """The tokens without padding."""
        return self.tokens[np.arange(self.tokens.shape[1]) < self.used[:, None]]


class Rows(NamedTuple):
    """What is exported."""

    split: str
    packed: PackedRows
    dtype: np.dtype
    batches: Callable[[], Iterator[Batch]]

    @property
    def width(self) -> int:
        return self.packed.seq_length + 1


def export_tokens(run: Path, split: str, format_name: str, out: Path) -> dict:
    """Write the packed rows of a run folder into the new folder `out`; gives `rows`, `tokens`, `padding`, `files` ...

    The folder appears when it is complete, with `export.json` saying the same. Raises ValueError where there are no
    rows, the format cannot hold the ids, or the folder is there already.
    """
    packed = open_rows(run / "packed" / split)
    opened = _Shards(run / "tokens")
    first = packed.table.slice(0, 1)["segments"][0][0].as_py()
    dtype = opened[first["source"], first["shard"]].file.dtype
    counts = {"rows": 0, "tokens": 0}

    def batches() -> Iterator[Batch]:
        for start in range(0, len(packed.table), BATCH_ROWS):
            rows = packed.table.slice(start, BATCH_ROWS)
            batch = _batch(rows, opened, packed, dtype)
            counts["rows"] += len(rows)
            counts["tokens"] += int(batch.used.sum())
            yield batch

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} is there already; name a new folder, or remove it.")
    building = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}")
    building.mkdir(parents=True)
    try:
        FORMATS[format_name](Rows(split, packed, dtype, batches), building)
        files = {path.name: path.stat().st_size for path in sorted(building.iterdir())}
        places = counts["rows"] * (packed.seq_length + 1)
        about = {"format": format_name, "split": split, "seq_length": packed.seq_length, "end_id": packed.end_id}
        about |= {"dtype": dtype.name, **counts, "padding": places - counts["tokens"], "files": files}
        (building / "export.json").write_text(json.dumps(about, indent=1) + "\n")
        if out.exists():
            out.rmdir()
        os.rename(building, out)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return about


class _Shards(dict):
    """Token shards by (source, shard), opened when they are first wanted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __missing__(self, name: tuple[str, str]) -> TokenFile:
        self[name] = open_tokens(self._folder / name[1])
        return self[name]


def _batch(rows: pa.Table, opened: _Shards, packed: PackedRows, dtype: np.dtype) -> Batch:
    tokens = gather(rows, opened, packed.seq_length + 1, packed.end_id).astype(dtype)
    lists = rows["segments"].combine_chunks()
    lengths = np.asarray(lists.flatten().field("length"), np.int64)
    per_row = np.diff(np.asarray(lists.offsets))
    ends = np.concatenate([[0], np.cumsum(lengths)])
    bounds = np.concatenate([[0], np.cumsum(per_row)])
    return Batch(tokens, lengths, per_row, np.diff(ends[bounds]))


def _olmo(rows: Rows, out: Path) -> None:
    with open(out / f"{rows.split}.npy", "wb") as file:
        for batch in rows.batches():
            file.write(batch.tokens.tobytes())


def _nanotron(rows: Rows, out: Path) -> None:
    """The index has the end of every segment; padding belongs to the last of its row."""
    path, total = out / f"{rows.split}.ds", 0
    with open(path, "wb") as file, open(f"{path}.index", "wb") as index:
        for batch in rows.batches():
            file.write(batch.tokens.tobytes())
            lengths, last = batch.lengths.copy(), np.cumsum(batch.per_row) - 1
            lengths[last] += rows.width - batch.used
            index.write((total + np.cumsum(lengths)).astype(np.uint64).tobytes())
            total += batch.tokens.size
    tokenizer = rows.packed.tokenizer
    Path(f"{path}.metadata").write_text(f"{tokenizer}|{rows.dtype.itemsize}\n{total}\n{total / 1e6:.2f} M")


def _litdata(rows: Rows, out: Path) -> None:
    """Each chunk is one item, as long as whole rows come to; its header is a count and the item's two ends, in uint32."""
    rows_of_chunk = max(1, CHUNK_BYTES // (rows.width * rows.dtype.itemsize))
    chunks: list[dict] = []
    held: list[np.ndarray] = []

    def write(tokens: np.ndarray) -> None:
        name, data = f"chunk-0-{len(chunks)}.bin", tokens.tobytes()
        header = np.array([1, 12, 12 + len(data)], np.uint32).tobytes()
        (out / name).write_bytes(header + data)
        chunks.append({"chunk_bytes": 12 + len(data), "chunk_size": 1, "dim": tokens.size, "filename": name})

    for batch in rows.batches():
        held.append(batch.tokens)
        while sum(map(len, held)) >= rows_of_chunk:
            joined = np.concatenate(held)
            write(joined[:rows_of_chunk])
            held = [joined[rows_of_chunk:]]
    if any(map(len, held)):
        write(np.concatenate(held))
    config = {
        "chunk_bytes": CHUNK_BYTES,
        "chunk_size": None,
        "compression": None,
        "data_format": [f"no_header_tensor:{_TORCH_NUMBERS[rows.dtype.name]}"],
        "data_spec": '[1, {"type": null, "context": null, "children_spec": []}]',
        "encryption": None,
        "item_loader": "TokensLoader",
    }
    (out / "index.json").write_text(json.dumps({"chunks": chunks, "config": config}, sort_keys=True))


_TORCH_NUMBERS = {"uint16": 20, "uint32": 15}
"""LitData's numbers of torch dtypes. It has none for uint32; int32 is as wide, and no vocabulary needs the last bit."""


def _megatron(rows: Rows, out: Path) -> None:
    """Megatron's indexed data set, version 1: magic, version, dtype, counts, then lengths, places and documents.

    It has a number for uint16 and none for uint32: wider ids are int32.
    """
    dtype, code = (np.uint16, 8) if rows.dtype == np.uint16 else (np.int32, 4)
    lengths = [np.empty(0, np.int64)]
    with open(out / f"{rows.split}.bin", "wb") as file:
        for batch in rows.batches():
            file.write(batch.stream.astype(dtype).tobytes())
            lengths.append(batch.lengths)
    length = np.concatenate(lengths)
    begin = (np.cumsum(length) - length) * np.dtype(dtype).itemsize
    with open(out / f"{rows.split}.idx", "wb") as file:
        file.write(b"MMIDIDX\x00\x00" + np.uint64(1).tobytes() + np.uint8(code).tobytes())
        file.write(np.array([len(length), len(length) + 1], np.uint64).tobytes())
        for column in (length.astype(np.int32), begin.astype(np.int64), np.arange(len(length) + 1, dtype=np.int64)):
            file.write(column.tobytes())


def _bin(rows: Rows, out: Path) -> None:
    if rows.dtype != np.uint16:
        raise ValueError(
            "nanoGPT reads ids of 16 bits, and this vocabulary has more than 65,536; export as olmo or megatron, or "
            "train a smaller vocabulary."
        )
    name = {"train": "train.bin", "validation": "val.bin"}[rows.split]
    with open(out / name, "wb") as file:
        for batch in rows.batches():
            file.write(batch.stream.tobytes())


FORMATS: dict[str, Callable[[Rows, Path], None]] = {
    "megatron": _megatron,
    "olmo": _olmo,
    "nanotron": _nanotron,
    "litdata": _litdata,
    "bin": _bin,
}
