"""A small tokenizer and small shards for the tests of this folder."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tokenizers import Tokenizer

from gristmill.tokenizer.encode import _schema
from gristmill.tokenizer.training import TokenizerParams, train

TEXTS = [
    "The mill grinds slowly. The grist falls, and the miller's sons don't count the sacks.\n\nThey'll say 12345!\n",
    "def grind(grist):\n    for grain in grist:\n        yield grain * 2  # twice\n\n\n",
    "Die Mühle mahlt langsam, aber gründlich; der Müller zählt 1.000 Säcke.\n",
    "磨坊慢慢地磨。风很大,水很急。\nМельница мелет медленно. 🌾🌾\r\n\tEnd\u00a0of\u2003it\n",
]


@pytest.fixture(scope="session")
def texts() -> list[str]:
    """A few lines of several scripts, often enough repeated for merges."""
    return [text * 3 for text in TEXTS]


@pytest.fixture(scope="session")
def tokenizer(texts: list[str]) -> Tokenizer:
    """A trained tokenizer with some merges."""
    return train(texts, TokenizerParams(vocab_size=400))


@pytest.fixture
def document_shard(tmp_path: Path) -> Callable[..., Path]:
    """Writes a document shard: `document_shard("a", texts, batch_rows=2)` gives its path; ids are name and number."""

    def write(name: str, texts: Sequence[str], batch_rows: int = 2, ids: Sequence[str] | None = None) -> Path:
        schema = pa.schema([("source", pa.string()), ("text", pa.string()), ("id", pa.string())])
        ids = ids or [f"{name}-{i}" for i in range(len(texts))]
        path = tmp_path / f"{name}.documents.arrow"
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_file(str(path), schema, options=options) as writer:
            for i in range(0, len(texts), batch_rows):
                part = slice(i, i + batch_rows)
                columns = [["s"] * len(texts[part]), texts[part], ids[part]]
                writer.write_batch(pa.record_batch([pa.array(c, pa.string()) for c in columns], schema=schema))
        return path

    return write


@pytest.fixture
def token_shard(tmp_path: Path) -> Callable[..., Path]:
    """Writes a token shard of documents with these lengths; its tokens count up from `first`, ends are 0."""

    def write(name: str, lengths: Sequence[int], first: int = 1, digest: str = "d", batch_rows: int = 3) -> Path:
        path = tmp_path / f"{name}.tokens.arrow"
        schema = _schema(np.uint32, digest, 0, "s")
        with pa.ipc.new_file(str(path), schema) as writer:
            for i in range(0, len(lengths), batch_rows):
                part = lengths[i : i + batch_rows]
                ends = np.concatenate([[0], np.cumsum(part)]).astype(np.int64)
                values = np.arange(first, first + ends[-1], dtype=np.uint32)
                first += int(ends[-1])
                values[ends[1:] - 1] = 0
                column = pa.LargeListArray.from_arrays(ends, values, type=schema.field("tokens").type)
                ids = pa.array([f"{name}-{i + k}" for k in range(len(part))])
                writer.write_batch(pa.record_batch([ids, column], schema=schema))
        return path

    return write
