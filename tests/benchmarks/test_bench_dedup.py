"""Tools are given the same documents and judged by what they keep; growth is a slope through logarithms."""

import json
import subprocess
import sys

import pytest

from benchmarks import dedup_scale
from benchmarks.bench_dedup import REMOVES_BY, originals, run, shown
from benchmarks.dedup_scale import Cost, estimate_section, exponent, generate, growth_section, resident
from benchmarks.dedup_tools import OURS, THRESHOLD, TOOLS, ngrams
from benchmarks.planted_duplicates import Judgement, judged, plant, similar_pairs


@pytest.mark.slow
def test_ours_finds_what_is_there_by_its_functions_and_by_its_command(tmp_path):
    texts = plant(originals(tmp_path, 20), seed=1).texts
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps({"number": n, "text": text}) + "\n" for n, text in enumerate(texts)))
    pairs = similar_pairs(texts, THRESHOLD)
    for tool in OURS:
        answer = run(tool, source, 1)
        found = judged(pairs, answer["kept"], len(texts))
        # Ids decide who stays of those that are alike, so the two may keep others; neither may remove wrongly.
        assert found.wrong == ()
        assert found.removed >= 20
        assert found.recall >= 0.99


def test_every_tool_is_described():
    assert set(REMOVES_BY) == set(TOOLS)
    assert set(OURS) <= set(TOOLS)


def test_a_table_says_how_many_times_ours_each_takes():
    answers = {
        "gristmill": {"signatures": [0.5, 1.0], "whole": [1.0, 2.0]},
        "datatrove": {"signatures": [50.0, 60.0], "whole": [30.0, 40.0]},
    }
    judged = Judgement(pairs=10, missed=((0, 1),), removed=4, wrong=(3,))
    last = shown(answers, dict.fromkeys(answers, judged), documents=100).splitlines()[-1]
    cells = [cell.strip() for cell in last.split("|")[1:-1]]
    assert cells[2:] == ["2.000", "100.0", "30.0", "40.0", "30.0", "0.900", "0.750", "4"]


def test_ngrams_of_a_short_text_are_its_words():
    assert ngrams("One two") == {"one two"}
    assert ngrams("a b c d e f") == {"a b c d e", "b c d e f"}


def test_documents_are_of_all_kinds_and_the_same_for_a_seed(tmp_path, monkeypatch):
    monkeypatch.setattr(dedup_scale, "FILE_DOCUMENTS", 300)
    counts = [generate(tmp_path / name, 1000, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    assert sum(counts[0].values()) == 1000
    assert set(counts[0]) == {"fresh", "exact", "near", "template"}
    texts = [[path.read_text() for path in sorted((tmp_path / name).iterdir())] for name in "abc"]
    assert len(texts[0]) == 4
    assert texts[0] == texts[1] != texts[2]
    lengths = [len(json.loads(line)["text"].split()) for text in texts[0] for line in text.splitlines()]
    assert 150 <= min(lengths) <= max(lengths) <= 300


def test_growth_is_the_slope_through_logarithms():
    assert exponent([10, 100, 1000], [3, 30, 300]) == pytest.approx(1)
    found = {size: {"dedup": Cost(elapsed_s=size**1.5, largest_mb=7.0)} for size in (10, 100, 1000)}
    step = growth_section(found).splitlines()[-2]
    assert [float(cell) for cell in step.split("|")[2:-1]] == pytest.approx([1.5, 1.5, 0, 0], abs=1e-9)


def test_an_estimate_goes_on_from_the_largest_run():
    found = {size: {"dedup": Cost(elapsed_s=size / 1000, disk_mb=size / 1000)} for size in (1_000, 1_000_000)}
    cells = [cell.strip() for cell in estimate_section(found, workers=2).splitlines()[-2].split("|")[1:-1]]
    # 1,000 s on two cores for a million: 2,000,000 core seconds for a billion.
    assert cells == ["dedup", "555.6", "0.723", "1.000"]


def test_memory_is_that_of_a_process_and_its_descendants():
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as parent:
        while len(sizes := resident(parent.pid)) < 2 or min(sizes) == 0:
            assert parent.poll() is None
        parent.stdin.close()
    assert min(sizes) > 1e5


def test_originals_without_samples_are_pythons_own_documentation(tmp_path):
    assert len(originals(tmp_path, 30)) == 30
