"""Rules are compared one by one, and the tools beside each other are given the same texts."""

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa

from benchmarks import bench_features, filter_tools
from benchmarks.bench_features import Document, agreement_section, by_size, run, speed_section
from benchmarks.conformity import RULES, agreements, feature_values, reason
from benchmarks.feature_tools import BATCH_BYTES, batches
from tests.conftest import PROJECT


def test_agreement_counts_decisions_and_keeps_the_cases_that_differ():
    ours = {label: np.zeros(3) for label in RULES} | {"gopher.min_words": np.array([49.0, 51, 60])}
    theirs = [{label: 0.0 for label in RULES} | {"gopher.min_words": n} for n in (50, 50, None)]
    (row,) = [row for row in agreements(ours, theirs) if row.label == "gopher.min_words"]
    assert (row.documents, row.dropped, row.same, row.percent, row.largest) == (2, 0, 1, 50.0, 1.0)
    assert row.cases == ((0, 50.0, 49.0),)


def test_every_rule_has_a_value_and_a_reason():
    values = feature_values(pa.array(["The mill is open. lorem ipsum dolor sit.", ""]), None)
    assert set(values) == set(RULES)
    assert values["c4.no_lorem_ipsum"].tolist() == [1, 0]
    assert all(reason(label) for label in RULES)


def test_a_rule_below_the_goal_is_shown_with_cases():
    documents = [Document("a#1", "x", "eng"), Document("a#2", "y", "eng")]
    ours = {label: np.zeros(2) for label in RULES}
    theirs = [{label: 0.0 for label in RULES} | {"gopher.top_2_gram": value} for value in (0.0, 0.25)]
    rows = agreements(ours, theirs)
    said = agreement_section({"wikipedia": documents}, {"wikipedia": {"own": rows, "conformance": rows}})
    assert "- own, gopher.top_2_gram, 1 differ: a#2: 0.25 there, 0 here" in said
    assert "gopher.top_3_gram" not in said


def test_speed_is_shown_by_processor_time_and_relative_to_ours():
    said = speed_section([Document("a", "x" * 1_000_000, "eng")], {"gristmill": [0.5, 2.0], "datatrove": [50.0, 60.0]})
    row = [cell.strip() for cell in said.splitlines()[-1].split("|")]
    assert row[1:-1] == ["datatrove", "0.020", "0.020", "50.0", "60.0", "100.0"]


def test_texts_keep_their_order_in_batches_of_a_bounded_size():
    texts = ["a", "b" * BATCH_BYTES, "c" * 10, "d"]
    found = batches(texts)
    assert [text for batch in found for text in batch.to_pylist()] == texts
    assert [len(batch) for batch in found] == [2, 2]


def test_lengths_that_the_text_cannot_fill_are_left_out(monkeypatch):
    asked = []

    def answer(python, script, arguments, documents):
        asked.append([len(document.text) for document in documents])
        return json.dumps({"warm": [1.0, 1.0], "base_bytes": 0, "peak_bytes": 1_000_000})

    monkeypatch.setattr(bench_features, "run", answer)
    rows = by_size(b"x" * 25_000)
    assert [row["size"] for row in rows] == [1_000, 10_000]
    assert asked[::2] == [[1_000] * 25, [10_000, 10_000, 5_000]]


def test_our_tool_runs_in_a_process_of_its_own():
    found = json.loads(
        run(sys.executable, "feature_tools.py", ["datatrove"], [Document("a", "The mill is open.", "eng")])
    )
    assert found["cold"][0] > 0
    assert found["peak_bytes"] >= found["base_bytes"] > 0


def test_the_light_splitter_covers_the_text_with_sentences():
    splitter = filter_tools.LightSplitter()
    text = "One two. Three! Four"
    assert "".join(text[start:end] for start, end in splitter.span_tokenize(text)) == text
    assert splitter.word_tokenize("don't go.") == ["don", "'", "t", "go", "."]


def test_a_folder_without_pages_is_explained(tmp_path):
    command = [sys.executable, "-m", "benchmarks.bench_features", "--data", str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "give a folder with crawl/*.warc.gz" in done.stderr
