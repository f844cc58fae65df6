"""Exports hold the rows of training in order: read by readers written from the formats, and by their own."""

import json
import os
import struct
import subprocess

import numpy as np
import pytest

from gristmill.tokenizer.encode import open_tokens
from gristmill.tokenizer.export import FORMATS, export_tokens
from gristmill.tokenizer.mixture import MixtureParams
from gristmill.tokenizer.pack import PackParams, pack
from gristmill.tokenizer.rows import gather, open_rows, segment_numbers
from tests.conftest import PROJECT

T = 31
READERS = PROJECT / ".venv-readers" / "bin" / "python"


@pytest.fixture
def run(token_shard, tmp_path):
    """A run folder of two sources, whose rows have padding and cut documents."""
    folder = tmp_path / "run"
    lengths = np.random.default_rng(3).integers(1, 80, 200).tolist()
    shards = []
    for source, part in {"web": lengths[:150], "books": lengths[150:]}.items():
        (folder / "tokens" / source).mkdir(parents=True)
        token_shard(source, part, first=1 + 9000 * len(shards)).rename(folder / "tokens" / source / "part.arrow")
        shards.append((source, "part", folder / "tokens" / source / "part.arrow"))
    pack(shards, PackParams(T), MixtureParams(validation=0.1), None, {}, 3, folder / "packed")
    return folder


def narrow(run):
    """Make the tokens uint16, as those of a small vocabulary are."""
    import pyarrow as pa

    for path in (run / "tokens").rglob("*.arrow"):
        table = pa.ipc.open_file(path.read_bytes()).read_all()
        schema = table.schema.set(1, pa.field("tokens", pa.large_list(pa.field("item", pa.uint16(), False)), False))
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as writer:
            writer.write_table(table.cast(schema))
    return run


def expected(run, split) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """The rows, the stream without padding, and the segments."""
    rows = open_rows(run / "packed" / split)
    opened = {(s, f"{s}/part.arrow"): open_tokens(run / "tokens" / s / "part.arrow") for s in ("web", "books")}
    tokens, numbers = gather(rows.table, opened, T + 1, rows.end_id), segment_numbers(rows.table, T + 1)
    segments = [row[numbers[i] == n] for i, row in enumerate(tokens) for n in range(numbers[i].max() + 1)]
    return tokens, tokens[numbers >= 0], segments


def read_megatron(prefix) -> list[np.ndarray]:
    """Sequences by Megatron's index: magic, version, dtype, counts, int32 lengths, int64 places, int64 documents."""
    index = (prefix.parent / f"{prefix.name}.idx").read_bytes()
    magic, version, code, count, documents = struct.unpack("<9sQBQQ", index[:34])
    assert (magic, version, documents) == (b"MMIDIDX\0\0", 1, count + 1)
    dtype = {8: np.uint16, 4: np.int32}[code]
    lengths = np.frombuffer(index, np.int32, count, 34)
    places = np.frombuffer(index, np.int64, count, 34 + 4 * count)
    assert np.frombuffer(index, np.int64, documents, 34 + 12 * count).tolist() == list(range(documents))
    data = (prefix.parent / f"{prefix.name}.bin").read_bytes()
    return [np.frombuffer(data, dtype, n, p) for n, p in zip(lengths.tolist(), places.tolist(), strict=True)]


def read_litdata(folder) -> np.ndarray:
    """Tokens of all chunks, after headers of one count and count + 1 ends."""
    about = json.loads((folder / "index.json").read_text())
    dtype = {20: np.uint16, 15: np.int32}[int(about["config"]["data_format"][0].split(":")[1])]
    parts = []
    for chunk in about["chunks"]:
        data = (folder / chunk["filename"]).read_bytes()
        count = np.frombuffer(data, np.uint32, 1)[0]
        ends = np.frombuffer(data, np.uint32, count + 1, 4)
        assert (count, ends[-1], len(data)) == (chunk["chunk_size"], chunk["chunk_bytes"], chunk["chunk_bytes"])
        parts.append(np.frombuffer(data, dtype, offset=ends[0]))
        assert len(parts[-1]) == chunk["dim"]
        assert chunk["dim"] % (T + 1) == 0
    return np.concatenate(parts)


@pytest.mark.parametrize("split", ["train", "validation"])
@pytest.mark.parametrize("wide", [False, True])
def test_every_format_holds_the_rows_in_order(run, tmp_path, split, wide, monkeypatch):
    monkeypatch.setattr("gristmill.tokenizer.export.BATCH_ROWS", 7)
    monkeypatch.setattr("gristmill.tokenizer.export.CHUNK_BYTES", 3000)
    if not wide:
        narrow(run)
    tokens, stream, segments = expected(run, split)
    dtype = np.uint32 if wide else np.uint16
    found = {}
    for name in FORMATS if not wide else [name for name in FORMATS if name != "bin"]:
        found[name] = export_tokens(run, split, name, tmp_path / name)
        assert found[name] == json.loads((tmp_path / name / "export.json").read_text())
        assert (found[name]["rows"], found[name]["tokens"]) == (len(tokens), len(stream))
        assert found[name]["padding"] == tokens.size - len(stream)
    assert (np.fromfile(tmp_path / "olmo" / f"{split}.npy", dtype).reshape(tokens.shape) == tokens).all()
    assert (np.fromfile(tmp_path / "nanotron" / f"{split}.ds", dtype).reshape(tokens.shape) == tokens).all()
    ends = np.fromfile(tmp_path / "nanotron" / f"{split}.ds.index", np.uint64)
    assert (len(ends), ends[-1], set(range(T + 1, tokens.size, T + 1)) - set(ends.tolist())) == (
        len(segments),
        tokens.size,
        set(),
    )
    assert (read_litdata(tmp_path / "litdata").reshape(tokens.shape) == tokens).all()
    sequences = read_megatron(tmp_path / "megatron" / split)
    assert len(sequences) == len(segments)
    assert all((a == b).all() for a, b in zip(sequences, segments, strict=True))
    if not wide:
        name = {"train": "train.bin", "validation": "val.bin"}[split]
        assert (np.fromfile(tmp_path / "bin" / name, np.uint16) == stream).all()


def test_a_vocabulary_too_large_for_the_format_is_refused_and_leaves_nothing(run, tmp_path):
    with pytest.raises(ValueError, match="nanoGPT reads ids of 16 bits"):
        export_tokens(run, "train", "bin", tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))


def test_a_folder_that_is_there_is_not_written_to(run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(ValueError, match="is there already"):
        export_tokens(run, "train", "olmo", tmp_path / "out")


@pytest.mark.slow
@pytest.mark.skipif(not READERS.exists(), reason="make readers: the readers of other trainers")
@pytest.mark.parametrize("name", FORMATS)
def test_each_formats_own_reader_reads_the_rows_in_order(run, tmp_path, name):
    tokens, stream, segments = expected(narrow(run), "train")
    export_tokens(run, "train", name, tmp_path / "out")
    script = PROJECT / "benchmarks" / "read_exported.py"
    command = [READERS, script, name, tmp_path / "out", tmp_path / "read.npy"]
    environment = os.environ | {"HOME": str(tmp_path), "PYTHONPATH": ""}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    read = np.load(tmp_path / "read.npy")
    assert np.array_equal(read, stream if name in ("megatron", "bin") else tokens)
    if name in ("megatron", "nanotron"):
        assert json.loads(done.stdout.splitlines()[-1])["segments"] == len(segments)
