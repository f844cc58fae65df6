"""Labelled pages are found in their archive, and measured by the measure that their labels allow."""

import gzip
import json
import subprocess
import sys

import pytest

from benchmarks import bench_extract
from benchmarks.bench_extract import Labelled, Result, labelled, run, scores
from benchmarks.machine import machine
from tests.conftest import PROJECT

BODY = "<html><body><p>one two three four fünf six".encode()


def record(body: bytes, record_type: str = "application/http; msgtype=response", **fields: str) -> bytes:
    fields = {"Content_Type": "text/html; charset=utf-8", **fields}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    message = f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode() + body
    head = "WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/x\r\n"
    head += f"Content-Type: {record_type}\r\nContent-Length: {len(message)}\r\n\r\n"
    return head.encode() + message + b"\r\n\r\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine.warc").write_bytes(record(BODY))
    truths = [{"url": "http://a.example/x", "articleBody": "one two three four fünf six"}, {"url": "http://b.example/"}]
    (tmp_path / "mine.groundtruth.jsonl").write_text("".join(json.dumps(truth) + "\n" for truth in truths))
    return tmp_path


def test_labels_find_their_pages_and_those_that_do_not_are_named(folder, capsys):
    (page,) = labelled(folder / "mine.groundtruth.jsonl")
    assert page.html == BODY.decode()
    assert "1 labels without a page, such as http://b.example/" in capsys.readouterr().err


@pytest.mark.parametrize(
    "archived",
    [
        record(gzip.compress(BODY), Content_Encoding="gzip"),
        record(b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY), Transfer_Encoding="chunked"),
        record(BODY, record_type="text/html"),
    ],
    ids=["gzip", "chunked", "no HTTP by its type"],
)
def test_pages_are_taken_out_of_their_encodings_and_headers(folder, archived):
    (folder / "mine.warc").write_bytes(archived)
    (page,) = labelled(folder / "mine.groundtruth.jsonl")
    assert page.html == BODY.decode()


def test_a_tool_that_does_not_run_is_named_with_what_it_said_last(capsys, monkeypatch):
    monkeypatch.setitem(bench_extract.OURS, "none such", None)
    assert run("none such", [Labelled("x", {}, "other")]) == Result()
    assert capsys.readouterr().err == "none such did not run: KeyError: 'none such'\n"


def test_numbers_say_what_they_were_measured_on(monkeypatch, tmp_path):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Mill 3000\nprocessor\t: 1\n")
    monkeypatch.setattr("benchmarks.machine.CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1, 2}, raising=False)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    assert machine() == "Mill 3000, 3 cores, Linux"


def test_whole_texts_are_measured_by_shingles():
    page = Labelled("", {"articleBody": "one two three four five six"}, "article")
    rows = scores([page], {"tool": Result(["one two three four five"], 0.5)})
    row = rows["tool"]
    assert (row["P"], row["R"]) == (1.0, pytest.approx(2 / 3))
    assert row["ROUGE-5"] == pytest.approx(2 / 3)
    assert row["pages/s"] == 2.0
    assert row["by_type"] == {"article": pytest.approx(0.8)}


def test_segments_are_counted_over_all_pages():
    truth = {"with": ["wanted  words", "more words"], "without": ["menu"]}
    page = Labelled("", truth, "forum")
    row = scores([page, page], {"tool": Result(["wanted words menu", "wanted words\nmore words"], 1.0)})["tool"]
    assert (row["P"], row["R"], row["accuracy"]) == (0.75, 0.75, pytest.approx(4 / 6))
    assert row["ROUGE-5"] is None


def test_a_tool_that_did_not_run_has_no_row():
    assert scores([Labelled("", {"articleBody": "x"}, "other")], {"tool": Result()}) == {}


def test_a_folder_without_labelled_pages_is_explained(tmp_path):
    command = [sys.executable, "-m", "benchmarks.bench_extract", "--pages", str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "give a folder with NAME.warc.gz beside NAME.groundtruth.jsonl" in done.stderr
