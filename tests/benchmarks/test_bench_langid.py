"""The table of languages counts every text once, and compares whole texts with their first characters."""

import gzip

from benchmarks import bench_langid
from benchmarks.bench_langid import accuracy, joined_up, mean, read_sentences, row, speed
from tests.curation.test_language import SENTENCES


def test_a_language_counts_what_is_named_right():
    german, english = SENTENCES["de"], SENTENCES["en"]
    line = row("de", [german, german, german, english], [german * 20, english * 20])
    assert line == ["de", 4, 0.75, 0.75, 2, 0.5, 0.5]


def test_what_stands_behind_the_first_characters_counts_only_in_whole_texts():
    text = SENTENCES["en"] * 13 + SENTENCES["de"] * 100
    assert accuracy("de", [text], None) == 1
    assert accuracy("de", [text], 1000) == 0
    assert speed("mixed", [text])[-1] == 0


def test_a_label_that_the_model_calls_otherwise_is_right_under_its_name(monkeypatch):
    monkeypatch.setattr(bench_langid, "SAME", {"nb": "da"})
    text = "Han kommer tilbage i morgen, når vejret bliver bedre, og så går vi ned til søen sammen."
    assert accuracy("nb", [text], None) == accuracy("da", [text], None) == 1
    assert accuracy("no", [text], None) == 0


def test_the_mean_weighs_texts_not_languages():
    rows = [["a", 3, 1.0, 1.0, 0, None, None], ["b", 1, 0.0, 0.0, 2, 0.5, 1.0]]
    assert mean("all", rows) == ["all", 4, 0.75, 0.75, 2, 0.5, 1.0]


def test_sentences_are_read_by_label_and_joined_without_a_rest(tmp_path):
    path = tmp_path / "s.tsv.gz"
    path.write_bytes(gzip.compress(b"en\ta\nde\tb\nen\tc\td\nen\te\n"))
    assert read_sentences(path) == {"en": ["a", "c\td", "e"], "de": ["b"]}
    assert joined_up(["a", "b", "c"], 2) == ["a b"]
