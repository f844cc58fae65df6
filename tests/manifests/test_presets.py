"""Presets through whole runs: variants are measured where rules ask for them, and language decides FineWeb2's thresholds."""

import json
from pathlib import Path

import pytest

from gristmill.curation.feature_table import VARIANTS
from gristmill.curation.ledger import read_ledger
from gristmill.curation.shards import read_table
from tests.manifests import corpus
from tests.manifests.test_run import go, plans

GERMAN = (
    "Der Weg zum alten Hafen führt an einem Fluss entlang.",
    "Wer ihn geht, hat meist viel Zeit und nur wenig Gepäck dabei.",
    "Die Kapelle neben der Brücke besitzt keine Glocke mehr.",
    "Im Winter steigt das Wasser bis an die untersten Felder.",
    "Dann fahren Kinder mit kleinen Booten über überflutete Wiesen.",
    "Bauern zählen später ihre Zäune und beginnen geduldig von vorn.",
)


@pytest.fixture
def folder(tmp_path) -> Path:
    page = corpus.document(7, sentences=24)
    rows = [page + "\n12345\n\nand sign-in to read on", "too short", " ".join(GERMAN), " ".join(GERMAN) + "\n" * 60]
    (tmp_path / "news.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in rows))
    return tmp_path


def run(folder: Path, filters: str) -> list[dict]:
    (folder / "m.yaml").write_text(
        f"sources:\n  news: {{kind: text, paths: [news.jsonl], filters: {filters}}}\n"
        "curate: {languages: {keep: all}, dedup: null}\n"
    )
    go(folder / "m.yaml", folder, until="shards")
    return read_ledger(folder / "runs" / "m" / "ledger").to_pylist()


def test_dclm_measures_its_features_and_cuts_its_lines(folder):
    loose = "{dclm: {top_2_gram: null, top_3_gram: null, top_4_gram: null, dup_5_gram: null, dup_6_gram: null}}"
    rows = run(folder, loose)
    assert [row["rule"] for row in rows[:2]] == [None, "dclm.min_words"]
    assert {row["rule"] for row in rows[2:]} == {"dclm.english"}
    assert all(row[name] is not None for row in rows for name in VARIANTS)
    assert [edit["rule"] for edit in rows[0]["edits"]] == ["dclm.line"]
    shard = next((folder / "runs" / "m").rglob("shards/**/*.arrow"))
    assert "12345" not in read_table(shard)["text"].to_pylist()[0]


def test_other_presets_leave_the_variants_out_and_asking_for_them_measures_again(folder):
    assert all(row[name] is None for row in run(folder, "gopher") for name in VARIANTS)
    text = (folder / "m.yaml").read_text()
    (folder / "m.yaml").write_text(text.replace("gopher", "c4"))
    assert plans(folder / "m.yaml", folder)["measure"][0] == "reuse"
    (folder / "m.yaml").write_text(text.replace("gopher", "dolma_web"))
    assert plans(folder / "m.yaml", folder)["measure"] == ("run", "variants False -> True")


def test_fineweb2_goes_by_the_language_of_each_document(folder):
    rows = run(folder, "{fineweb2: {min_words: 20}}")
    assert [row["language"] for row in rows][2:] == ["de", "de"]
    assert rows[2]["rule"] is None
    assert rows[2]["num_language_stop_words"] >= 2
    assert (rows[3]["rule"], rows[3]["threshold"]) == ("fineweb2.max_newlines", 0.152)
