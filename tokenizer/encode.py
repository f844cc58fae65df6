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

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tokenizers import Tokenizer

from gristmill.curation.shards import read_batches
from gristmill.tokenizer.agreement import Agreement, Disagreement
from gristmill.tokenizer.bpe import digest, end_of_document
from gristmill.tokenizer.encoders import Encoder, encoder_of

VERSION = 1
"""Raised when the same documents and tokenizer would give another file."""

TOKENS_VERSION = 1
"""Version of the token shard's contract."""

log = logging.getLogger(__name__)


def encode_shard(
    shard: str | Path, out: str | Path, tokenizer: Tokenizer, *, source: str, end_id: int | None = None
) -> dict[str, object]:
    """Encode one document shard into the token shard `out`.

    Gives `documents`, `tokens` (ends included), `bytes`, `compared` (documents whose ids were compared with those of
    `tokenizers`), `invalid_utf8` (documents with bytes that are no UTF-8, which became U+FFFD) and `libraries`, the one
    that encoded. The tokenizer must come from `bpe.load` or `training.train`. Where a library's ids are not those of
    `tokenizers`, the shard is encoded again with the next one (encoders.py). Runs on one thread: units are what runs in
    parallel. Memory is a record batch and its ids, the library's cache (encoders.CACHE_BYTES), and some 150 MB.
    """
    encoder = encoder_of(tokenizer)
    end_id = end_of_document(tokenizer) if end_id is None else end_id
    while True:
        try:
            return _encode_shard(Path(shard), Path(out), encoder, source, end_id)
        except Disagreement as error:
            encoder.next_library()
            log.warning("%s: %s; the shard is encoded again with %s", shard, error, encoder.name)


def _encode_shard(shard: Path, out: Path, encoder: Encoder, source: str, end_id: int) -> dict[str, object]:
    dtype = token_dtype(encoder.tokenizer)
    counts = {"documents": 0, "tokens": 0, "bytes": 0, "invalid_utf8": 0}
    schema = _schema(dtype, encoder.digest, end_id, source)
    agreement = Agreement(encoder)
    with pa.OSFile(str(out), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        for batch in read_batches(shard, ["id", "text"]):
            texts, invalid = valid_texts(batch["text"])
            found = [encoder.ids(text) for text in texts]
            agreement.check(batch["id"].to_pylist(), texts, found)
            tokens, ends = joined(found, end_id, dtype)
            column = pa.LargeListArray.from_arrays(pa.array(ends), pa.array(tokens), type=schema.field("tokens").type)
            writer.write_batch(pa.record_batch([batch["id"].cast(pa.string()), column], schema=schema))
            counts["documents"] += len(batch)
            counts["tokens"] += len(tokens)
            counts["bytes"] += pc.sum(pc.binary_length(batch["text"])).as_py() or 0
            counts["invalid_utf8"] += invalid
    return counts | {"compared": agreement.compared, "libraries": {encoder.name: 1}}


def valid_texts(column: pa.Array) -> tuple[list[str], int]:
    """The texts of a string column, and how many of them held bytes that are no UTF-8, which are now U+FFFD."""
    try:
        return column.to_pylist(), 0
    except UnicodeDecodeError:
        binary = column.cast(pa.large_binary() if pa.types.is_large_string(column.type) else pa.binary()).to_pylist()
        texts = [value.decode(errors="replace") for value in binary]
        return texts, sum(text.encode() != value for text, value in zip(texts, binary, strict=True))


def joined(found: Sequence[np.ndarray], end_id: int, dtype: type = np.uint32) -> tuple[np.ndarray, np.ndarray]:
    """All ids in one array, each text's followed by `end_id`, and where texts end: int64[len(found) + 1].

    Text i is `ids[ends[i]:ends[i + 1]]`, as in Arrow's lists. Raises ValueError for an id that the dtype cannot hold.
    """
    ends = np.zeros(len(found) + 1, np.int64)
    np.cumsum([len(ids) + 1 for ids in found], out=ends[1:])
    tokens = np.full(ends[-1], end_id, dtype)
    highest = np.iinfo(dtype).max
    for ids, first in zip(found, ends[:-1].tolist(), strict=True):
        if len(ids) and ids.max() > highest:
            raise ValueError(f"token id {ids.max()} does not fit {np.dtype(dtype)}, whose highest is {highest}.")
        tokens[first : first + len(ids)] = ids
    return tokens, ends


def token_dtype(tokenizer: Tokenizer) -> type:
    """uint16 if every id fits, else uint32."""
    added = max(tokenizer.get_added_tokens_decoder(), default=0)
    return np.uint16 if max(added, *tokenizer.get_vocab(with_added_tokens=False).values()) < 2**16 else np.uint32


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
    try:
        with pa.memory_map(str(path)) as mapped:
            buffer = mapped.read_buffer()
        reader = pa.ipc.open_file(pa.BufferReader(buffer))
        batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
    except pa.ArrowInvalid as error:  # its end, where the places of the batches stand, is not there
        raise ValueError(
            f"{path} was cut short or is no Arrow file ({error}); delete its folder in the store and run the tokens step again"
        ) from None
    metadata = {key.decode(): value.decode() for key, value in (reader.schema.metadata or {}).items()}
    if metadata.get("gristmill.contract") != "tokens" or metadata.get("gristmill.version") != str(TOKENS_VERSION):
        raise ValueError(f"{path} is no token shard of version {TOKENS_VERSION}; encode its documents again.")
    dtype = np.dtype(reader.schema.field("tokens").type.value_type.to_pandas_dtype())
    starts, lengths = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for batch in batches:
        tokens = batch["tokens"]
        offsets = tokens.offsets.to_numpy()
        if len(offsets) and (offsets[0] < 0 or np.any(np.diff(offsets) < 1) or offsets[-1] > len(tokens.values)):
            raise ValueError(f"{path} is damaged: its documents do not tile its tokens; encode them again.")
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


def check_tokenizer(tokens: TokenFile, tokenizer: Tokenizer, path: str | Path) -> None:
    """Raise ValueError if a token shard was encoded with another tokenizer than this one."""
    if tokens.tokenizer != digest(tokenizer):
        raise ValueError(
            f"{path} was encoded with another tokenizer ({tokens.tokenizer[:8]}) than the one beside it "
            f"({digest(tokenizer)[:8]}): their ids mean different texts; encode its documents again."
        )
