"""Document shards in, token shards out (contract 4).

A token shard is an uncompressed Arrow IPC file with the columns `id` and `tokens`; its row i is row i of the document
shard, in record batches of the same sizes, and every row ends with the end-of-document id. Schema metadata (all text):

| key | value |
|---|---|
| `gristmill.contract` | `tokens` |
| `gristmill.version` | `1` |
| `gristmill.tokenizer` | digest of the tokenizer (`bpe.digest`) |
| `gristmill.end_id` | the end-of-document id |
| `gristmill.source` | the source's name |
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tokenizers import Tokenizer

from gristmill.curation.shards import read_batches
from gristmill.tokenizer.bpe import digest, end_of_document
from gristmill.tokenizer.pieces import PIECE_CHARS, pieces

VERSION = 1
"""Raised when the same documents and tokenizer would give another file."""

TOKENS_VERSION = 1
"""Version of the token shard's contract."""


def encode_shard(
    shard: str | Path, out: str | Path, tokenizer: Tokenizer, *, source: str, end_id: int | None = None
) -> dict[str, int]:
    """Encode one document shard into the token shard `out`; returns `documents`, `tokens` (ends included) and `bytes`.

    The tokenizer must come from `bpe.load` or `bpe.train`. Runs on one thread: units are what runs in parallel, and
    tokenizers' threads deadlock in forked workers; an own setting of TOKENIZERS_PARALLELISM is respected. Memory is a
    record batch and its ids, and some 150 MB.
    """
    if not tokenizer.encode_special_tokens:
        raise ValueError(
            "this tokenizer would encode a text's '<|endoftext|>' as the end of a document; open it with bpe.load."
        )
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    end_id = end_of_document(tokenizer) if end_id is None else end_id
    dtype = token_dtype(tokenizer)
    counts = {"documents": 0, "tokens": 0, "bytes": 0}
    schema = _schema(dtype, digest(tokenizer), end_id, source)
    with pa.OSFile(str(out), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        for batch in read_batches(Path(shard), ["id", "text"]):
            tokens, ends = encode_texts(batch["text"].to_pylist(), tokenizer, end_id, dtype)
            column = pa.LargeListArray.from_arrays(pa.array(ends), pa.array(tokens), type=schema.field("tokens").type)
            writer.write_batch(pa.record_batch([batch["id"].cast(pa.string()), column], schema=schema))
            counts["documents"] += len(batch)
            counts["tokens"] += len(tokens)
            counts["bytes"] += pc.sum(pc.binary_length(batch["text"])).as_py() or 0
    return counts


def encode_texts(
    texts: Sequence[str], tokenizer: Tokenizer, end_id: int, dtype: type = np.uint32
) -> tuple[np.ndarray, np.ndarray]:
    """The ids of all texts in one array, each text's followed by `end_id`, and where texts end: int64[len(texts) + 1].

    Text i is `ids[ends[i]:ends[i + 1]]`, as in Arrow's lists.
    """

    def safe(left: str, right: str) -> bool:
        both, first, second = tokenizer.encode_batch_fast([left + right, left, right], add_special_tokens=False)
        return both.ids == first.ids + second.ids

    parts: list[np.ndarray] = []
    ends = np.zeros(len(texts) + 1, np.int64)
    end = np.array([end_id], dtype)
    owned = ((i, piece) for i, text in enumerate(texts) for piece in pieces(text, safe=safe))
    document = 0
    for chunk in _chunks(owned):
        encoded = tokenizer.encode_batch_fast([piece for _, piece in chunk], add_special_tokens=False)
        for (i, _), encoding in zip(chunk, encoded, strict=True):
            parts += [end] * (i - document)
            document = i
            ids = np.array(encoding.ids, dtype)
            ends[i + 1] += len(ids)
            parts.append(ids)
    parts += [end] * (len(texts) - document)
    ends[1:] += 1
    return np.concatenate([np.empty(0, dtype), *parts]), np.cumsum(ends)


def _chunks(owned: Iterator[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    """Pieces in groups of about a million characters, which bounds the memory of one call."""
    chunk, size = [], 0
    for item in owned:
        if chunk and size + len(item[1]) > PIECE_CHARS:
            yield chunk
            chunk, size = [], 0
        chunk.append(item)
        size += len(item[1])
    if chunk:
        yield chunk


def token_dtype(tokenizer: Tokenizer) -> type:
    """uint16 if every id fits, else uint32."""
    return np.uint16 if max(tokenizer.get_vocab(with_added_tokens=True).values()) < 2**16 else np.uint32


def _schema(dtype: type, tokenizer_digest: str, end_id: int, source: str) -> pa.Schema:
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field(
                "tokens",
                pa.large_list(pa.field("item", pa.from_numpy_dtype(dtype), nullable=False)),
                nullable=False,
            ),
        ],
        metadata={
            "gristmill.contract": "tokens",
            "gristmill.version": str(TOKENS_VERSION),
            "gristmill.tokenizer": tokenizer_digest,
            "gristmill.end_id": str(end_id),
            "gristmill.source": source,
        },
    )


@dataclass(frozen=True)
class TokenFile:
    """An open token shard. Nothing is read until it is touched, and no file stays open."""

    file: np.ndarray
    """The whole file as uint16 or uint32; document i is `file[starts[i] : starts[i] + lengths[i]]`."""
    starts: np.ndarray
    """int64[N]: where each document begins in `file`, in elements."""
    lengths: np.ndarray
    """int64[N]: tokens of each document, its end included."""
    ids: pa.ChunkedArray
    """Document ids, string[N]."""
    end_id: int
    """Ends every document."""
    tokenizer: str
    """Digest of the tokenizer."""
    source: str
    """The source's name."""

    def document(self, row: int) -> np.ndarray:
        """The tokens of document `row`, without a copy."""
        return self.file[self.starts[row] : self.starts[row] + self.lengths[row]]


def open_tokens(path: str | Path) -> TokenFile:
    """Map a token shard into memory, however many record batches it has, without a copy.

    The file is uncompressed and its buffers are aligned, so the tokens of every batch are slices of the mapped file.
    Raises ValueError for a file that is no token shard of this version.
    """
    with pa.memory_map(str(path)) as mapped:
        buffer = mapped.read_buffer()
    reader = pa.ipc.open_file(pa.BufferReader(buffer))
    metadata = {key.decode(): value.decode() for key, value in (reader.schema.metadata or {}).items()}
    if metadata.get("gristmill.contract") != "tokens" or metadata.get("gristmill.version") != str(TOKENS_VERSION):
        raise ValueError(f"{path} is no token shard of version {TOKENS_VERSION}; encode its documents again.")
    dtype = np.dtype(reader.schema.field("tokens").type.value_type.to_pandas_dtype())
    batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
    starts, lengths = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for batch in batches:
        tokens = batch["tokens"]
        offsets = tokens.offsets.to_numpy()
        base = tokens.values.buffers()[1].address - buffer.address if len(tokens.values) else 0
        starts.append(offsets[:-1] + base // dtype.itemsize)
        lengths.append(np.diff(offsets))
    return TokenFile(
        file=np.frombuffer(buffer, dtype, count=buffer.size // dtype.itemsize),
        starts=np.concatenate(starts),
        lengths=np.concatenate(lengths),
        ids=pa.chunked_array([batch["id"] for batch in batches], pa.string()),
        end_id=int(metadata["gristmill.end_id"]),
        tokenizer=metadata["gristmill.tokenizer"],
        source=metadata["gristmill.source"],
    )
