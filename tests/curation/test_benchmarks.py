"""Every string of a benchmark is read, whatever file it comes in, or the file is refused with a reason."""

import gzip
import io
import json
import tarfile
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from gristmill.curation.benchmarks import read_items
from gristmill.curation.documents import UnreadableFile

ROWS = [
    {"id": 7, "question": "Why?", "choices": ["a", "b"]},
    {"id": 8, "question": "How?", "choices": ["c", "d"]},
]
TEXTS = [("Why?", "a", "b"), ("How?", "c", "d")]
LINES = "\n".join(json.dumps(row) for row in ROWS).encode()


def texts(content: bytes, name: str) -> list[tuple[str, ...]]:
    return [item.texts for item in read_items(io.BytesIO(content), name)]


def archive(files: dict[str, bytes]) -> bytes:
    """Without the time, which would be part of a test's name and differ between workers."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return gzip.compress(out.getvalue(), mtime=0)


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (LINES, "a.jsonl"),
        (b"\xef\xbb\xbf" + LINES.replace(b"\n", b"\r\n\r\n") + b"\n", "a.ndjson"),
        (gzip.compress(LINES, mtime=0), "a.jsonl.gz"),
        (zstandard.compress(LINES), "a.jsonl.zst"),
        (json.dumps(ROWS, indent=1).encode(), "a.json"),
        (parquet(), "a.parquet"),
        (b"Why?,a,b\nHow?,c,d\n", "a.csv"),
        (b"Why?\ta\tb\nHow?\tc\td\n", "a.tsv"),
    ],
)
def test_all_formats_give_the_same_strings(content, name):
    assert texts(content, name) == TEXTS


def test_an_object_of_lists_gives_their_elements():
    squad = {
        "version": "1",
        "data": [
            {"title": "T", "paragraphs": [{"context": "C", "qas": [{"question": "Q"}]}]},
            {"title": "U"},
        ],
    }
    assert texts(json.dumps(squad).encode(), "squad.json") == [("T", "C", "Q"), ("U",), ("1",)]


def test_an_archive_gives_the_items_of_its_members_under_their_names():
    content = archive({"t/x.csv": b"q,1\n", "README.md": b"no", "t/y.jsonl": LINES})
    items = list(read_items(io.BytesIO(content), "eval/b.tar.gz"))
    assert [(item.benchmark, item.number) for item in items] == [
        ("eval/b.tar.gz#t/x.csv", 0),
        ("eval/b.tar.gz#t/y.jsonl", 0),
        ("eval/b.tar.gz#t/y.jsonl", 1),
    ]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("t/y.jsonl", LINES)
    assert texts(out.getvalue(), "b.zip") == TEXTS


def test_broken_quoting_loses_no_words():
    content = b'q,A\n"You can never prove it, only "yet to be proven wrong".","x"\n'
    assert (
        " ".join(texts(content, "a.csv")[1]).replace('"', "")
        == "You can never prove it, only yet to be proven wrong. x"
    )


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (LINES + b'\n{"question": ', "a.jsonl", "line 3 is not JSON"),
        (LINES[:40], "a.json", "line 1 is not JSON"),
        (b"[" * 100_000, "a.json", "nested too deep"),
        (b"Once upon a time", "a.txt", "one JSON object per item"),
        (b"", "a.jsonl", "neither JSON"),
        ("Größe,1".encode("latin-1"), "a.csv", r"not UTF-8 \(byte 2\)"),
        ("Why?".encode("utf-16"), "a.csv", "UTF-16"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a.jsonl", "git lfs pull"),
        (b'"' + b"x" * 200_000, "a.csv", "closing quote"),
        (parquet()[:-20], "a.parquet", "damaged"),
        (gzip.compress(LINES, mtime=0)[:-20], "a.jsonl.gz", "truncated"),
        (archive({"README.md": b""}), "a.tar.gz", "holds no .jsonl"),
        (archive({"x.jsonl": b"{"}), "a.tar.gz", r"member x.jsonl: line 1 is not JSON"),
        (b"no tar", "a.tar", "not a readable tar"),
    ],
)
def test_a_file_that_cannot_be_read_in_full_is_refused(content, name, message):
    with pytest.raises(UnreadableFile, match=message):
        texts(content, name)


def test_real_benchmarks(samples):
    def count(name):
        with open(samples / "eval" / name, "rb") as stream:
            return sum(1 for _ in read_items(stream, name))

    assert count("HumanEval.jsonl.gz") == 164
    assert count("gsm8k-test.jsonl") == 1319
    assert 8_900 < count("mmlu-test.tar.gz") < 9_300
