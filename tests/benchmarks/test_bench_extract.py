"""Labelled pages are found in their archive, and measured by the measure that their labels allow."""

import json
import subprocess
import sys

import pytest

from benchmarks.bench_extract import Labelled, Result, labelled, scores
from tests.conftest import PROJECT


@pytest.fixture
def folder(tmp_path):
    body = b"<html><body><p>one two three four five six"
    message = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + body
    head = b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/x\r\nContent-Length: %d\r\n\r\n"
    (tmp_path / "mine.warc").write_bytes(head % len(message) + message + b"\r\n\r\n")
    truths = [{"url": "http://a.example/x", "articleBody": "one two three four five six"}, {"url": "http://b.example/"}]
    (tmp_path / "mine.groundtruth.jsonl").write_text("".join(json.dumps(truth) + "\n" for truth in truths))
    return tmp_path


def test_labels_find_their_pages_and_those_that_do_not_are_named(folder, capsys):
    (page,) = labelled(folder / "mine.groundtruth.jsonl")
    assert page.html.endswith("five six")
    assert "1 labels without a page, such as http://b.example/" in capsys.readouterr().err


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
