"""A tiny run folder, made by the project's own tokenizer, encoder and packer from an invented language."""

import random
from pathlib import Path

import pyarrow as pa
import pytest
import torch

from gristmill.curation.documents import DOCUMENT_SCHEMA, content_hash, document_id
from gristmill.curation.shards import write_batches
from gristmill.tokenizer import bpe, encode, training
from gristmill.tokenizer.mixture import MixtureParams
from gristmill.tokenizer.pack import PackParams, pack

SEQ_LENGTH = 32
WORDS = {
    "web": (
        ["cat", "dog", "bird", "fish"],
        ["sees", "hears", "likes"],
        ["the red ball", "the old tree", "water"],
    ),
    "books": (
        ["Ann", "Bob", "Cleo"],
        ["wrote to", "thought of", "waited for"],
        ["her sister", "the captain"],
    ),
}


def text(source: str, number: int) -> str:
    """A document of some sentences: predictable enough that a model soon beats word counts."""
    draw = random.Random(f"{source} {number}")
    who, does, what = WORDS[source]
    sentences = [f"{draw.choice(who)} {draw.choice(does)} {draw.choice(what)}." for _ in range(draw.randint(2, 12))]
    return " ".join(sentences)


def document_shard(path: Path, source: str, count: int) -> None:
    rows = []
    for number in range(count):
        written = text(source, number)
        row = dict.fromkeys(DOCUMENT_SCHEMA.names)
        row |= {"id": document_id(source, str(number)), "text": written, "source": source, "kind": "text"}
        row |= {"locator": str(number), "content_hash": content_hash(written)}
        rows.append(row)
    write_batches(path, DOCUMENT_SCHEMA, [pa.RecordBatch.from_pylist(rows, schema=DOCUMENT_SCHEMA)])


def make_run(folder: Path, documents: int = 150, seed: int = 3, seq_length: int = SEQ_LENGTH) -> Path:
    """A run folder with `tokenizer/`, `tokens/` and `packed/`, laid out as `gristmill run` does it."""
    texts = [text(source, number) for source in WORDS for number in range(documents)]
    tokenizer = training.train(texts, training.TokenizerParams(vocab_size=320))
    bpe.save(tokenizer, folder / "tokenizer")
    tokenizer = bpe.load(folder / "tokenizer")
    shards = []
    for source in WORDS:
        (folder / "shards" / source).mkdir(parents=True)
        (folder / "tokens" / source).mkdir(parents=True)
        document_shard(folder / "shards" / source / "part-0a1b2c3d.arrow", source, documents)
        tokens = folder / "tokens" / source / "part-0a1b2c3d.arrow"
        encode.encode_shard(folder / "shards" / source / "part-0a1b2c3d.arrow", tokens, tokenizer, source=source)
        shards.append((source, "part-0a1b2c3d", tokens))
    mixture = MixtureParams(validation=0.1)
    pack(shards, PackParams(seq_length=seq_length), mixture, None, {}, seed, folder / "packed")
    return folder


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory) -> Path:
    """A run folder that tests read and never write."""
    return make_run(tmp_path_factory.mktemp("runs") / "tiny")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Tiny models are fastest on one thread, and a machine that tests share is no place to spin on two."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)
