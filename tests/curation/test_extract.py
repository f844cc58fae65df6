"""Extraction accounts for every record, whatever a reader throws at it."""

import gzip
import json

import pyarrow as pa
import pytest

from gristmill.curation import shards, text
from gristmill.curation.documents import (
    Extracted,
    NotDocument,
    ReadOptions,
    Unextracted,
    UnreadableFile,
    document_id,
)
from gristmill.curation.extract import RawPiece, extract


def run(tmp_path, *names, kind="text"):
    out = tmp_path / "out"
    out.mkdir()
    pieces = [RawPiece(f"$D/{name}", str(tmp_path / name)) for name in names]
    return extract(pieces, "web", kind, ReadOptions(), "CC0-1.0", out), out


def test_every_record_is_a_text_a_named_drop_or_a_counted_type(tmp_path, monkeypatch):
    def read(stream, name, options):
        yield NotDocument("image")
        yield Extracted("1", "good\0 \ud800text", url="u")
        yield Unextracted("2", "undecodable", 3.0)
        yield Extracted("3", "  \n")
        yield Extracted("1", "the same name again")

    monkeypatch.setattr(text, "read", read)
    (tmp_path / "a").write_text("x")
    counts, out = run(tmp_path, "a")
    assert counts["records"] == 5
    assert counts["documents"] == 4 == counts["kept"] + sum(counts["dropped"].values())
    assert counts["not_documents"] == {"image": 1}
    assert counts["dropped"] == {"empty_text": 1, "undecodable": 1}
    rows = shards.read_table(out / "texts.arrow").to_pylist()
    assert [(r["locator"], r["text"], r["licence"]) for r in rows] == [
        ("$D/a#1", "good ?text", "CC0-1.0"),
        ("$D/a#1~2", "the same name again", "CC0-1.0"),
    ]
    assert rows[0]["id"] == document_id("web", "$D/a#1")
    dropped = shards.read_table(out / "dropped.arrow").to_pylist()
    assert [(r["locator"], r["rule"], r["value"]) for r in dropped] == [
        ("$D/a#2", "undecodable", 3.0),
        ("$D/a#3", "empty_text", None),
    ]


def test_a_truncated_file_keeps_what_was_read_and_is_a_named_failure(tmp_path):
    lines = "".join(json.dumps({"text": f"document number {i} " * 50}) + "\n" for i in range(2000))
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(lines.encode())[:-500])
    (tmp_path / "good.jsonl").write_text('{"text": "all is well"}\n')
    counts, _ = run(tmp_path, "cut.jsonl.gz", "good.jsonl")
    assert 2 <= counts["kept"] < 2001
    assert [f["file"] for f in counts["failures"]] == ["$D/cut.jsonl.gz"]
    assert "truncated" in counts["failures"][0]["error"]


def test_a_reader_that_breaks_costs_its_file_alone(tmp_path, monkeypatch):
    def read(stream, name, options):
        if name.endswith("bad"):
            raise KeyError("surprise")
        yield Extracted("", "fine")

    monkeypatch.setattr(text, "read", read)
    for name in ("bad", "good"):
        (tmp_path / name).write_text("x")
    counts, _ = run(tmp_path, "bad", "good")
    assert counts["kept"] == 1
    assert "KeyError" in counts["failures"][0]["error"]


def test_a_file_that_cannot_be_opened_is_not_a_result(tmp_path):
    with pytest.raises(OSError, match="missing"):
        run(tmp_path, "missing")


def test_a_document_above_the_limit_is_a_named_drop(tmp_path, monkeypatch):
    monkeypatch.setattr("gristmill.curation.shards.MAX_DOCUMENT_BYTES", 10)
    (tmp_path / "a.jsonl").write_text('{"text": "short"}\n{"text": "much longer than that"}\n')
    counts, _ = run(tmp_path, "a.jsonl")
    assert counts["dropped"] == {"document_too_large": 1}


def test_batches_hold_at_most_1024_documents_or_64_mb(tmp_path, monkeypatch):
    monkeypatch.setattr("gristmill.curation.shards.MAX_BATCH_BYTES", 1000)
    (tmp_path / "a.jsonl").write_text(
        "".join(json.dumps({"text": "x" * n}) + "\n" for n in [10] * 1500 + [600, 600, 5000, 1])
    )
    _, out = run(tmp_path, "a.jsonl")
    sizes = [batch.num_rows for batch in shards.read_batches(out / "texts.arrow")]
    assert sum(sizes) == 1504
    assert max(sizes) <= 1024
    with pa.memory_map(str(out / "texts.arrow")) as file:
        assert pa.ipc.open_file(file).schema.metadata[b"gristmill.version"] == b"1"


def test_unreadable_is_an_exception_with_words():
    assert str(UnreadableFile("cut short")) == "cut short"
