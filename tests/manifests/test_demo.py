"""The demo keeps its answer key: every document that was planted into the sample meets the fate written beside it."""

import json
from pathlib import Path

import pytest

from gristmill.curation import shards
from gristmill.curation.ledger import read_ledger
from gristmill.manifests import planted, sample, schema
from gristmill.manifests.runner import Place, run
from gristmill.manifests.sample_packages import PackageMissing
from gristmill.manifests.status import status
from tests.conftest import PROJECT
from tests.manifests.test_run import Quiet

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    """A folder with the sample, in which the demo has run up to its shards."""
    root = tmp_path_factory.mktemp("demo")
    try:
        sample.build(PROJECT / ".cache" / "packages", root / planted.WRITTEN)
    except PackageMissing as missing:
        pytest.skip(str(missing))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        loaded = schema.load(PROJECT / "manifests" / "demo.yaml")
        run(loaded, Place.of(loaded, root / "store", root / "runs"), Quiet(), "shards")
    return root


@pytest.fixture(scope="module")
def key(demo) -> dict:
    return json.loads((demo / planted.WRITTEN / "answers.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def ledger(demo) -> dict[str, dict]:
    """The ledger of all sources by locator."""
    folders = sorted((demo / "runs/demo/ledger").iterdir())
    return {row["locator"]: row for folder in folders for row in read_ledger(folder).to_pylist()}


def test_every_planted_document_meets_its_fate(key, ledger):
    by_id = {row["id"]: row for row in ledger.values()}
    wrong = {}
    for place, fate in key["documents"].items():
        row = ledger[place]
        if fate["status"] == "kept":
            edits = [edit["rule"] for edit in row["edits"] or () if edit["rule"] != "c4.line"]
            right = row["status"] == "kept" and edits == [rule for rule, _ in fate["edits"]]
        else:
            twin = by_id.get(row["duplicate_of"], {}).get("locator")
            right = row["rule"] in fate["rules"] and twin == fate.get("duplicate_of")
        if not right:
            wrong[place] = (fate, row)
    assert not wrong


def test_what_was_to_be_edited_away_is_in_no_shard(demo, key):
    files = sorted(map(str, (demo / "runs/demo/shards").rglob("*.arrow")))
    text = "\n".join(t for file in files for t in shards.read_table(Path(file), ["text"])["text"].to_pylist())
    removed = [gone for fate in key["documents"].values() for _, gone in fate.get("edits", ())]
    assert len(removed) == 5
    assert not [gone for gone in removed if gone in text]
    assert text.count("email@example.com") > 100  # newsgroups signed with addresses


def test_records_that_are_no_documents_are_counted_by_what_they_are(demo, key, monkeypatch):
    monkeypatch.chdir(demo)
    loaded = schema.load(PROJECT / "manifests" / "demo.yaml")
    sources = status(loaded, Place.of(loaded, demo / "store", demo / "runs"))["sources"]
    for source, counts in key["not_documents"].items():
        found = sources[source]["not_documents"]
        assert {name: found.get(name) for name in counts} == counts


def test_all_sources_give_text_in_english_and_each_drops_something_for_its_own_reasons(ledger):
    kept: dict[str, int] = {}
    rules: dict[str, set[str]] = {}
    for row in ledger.values():
        if row["status"] == "kept":
            kept[row["source"]] = kept.get(row["source"], 0) + 1
            assert row["language"] == "en" or row["source"] == "code"
        else:
            rules.setdefault(row["source"], set()).add(row["rule"])
    assert kept["web"] == 10
    least = {"wikipedia": 90, "docs": 200, "books": 45, "code": 200, "forum": 100, "papers": 3000}
    assert all(kept[source] >= number for source, number in least.items())
    assert {
        "language.keep",
        "dedup.near",
        "dedup.exact",
        "decontaminate.overlap",
        "c4.no_lorem_ipsum",
    } <= rules["web"]
    assert "language.keep" in rules["wikipedia"]  # the Bulgarian dump
    assert "papers.min_words" in rules["papers"]  # citations without an abstract
