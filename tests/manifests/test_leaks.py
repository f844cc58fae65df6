"""A run says of every leaked passage which benchmark and item it stands in, and counts what it masks."""

import json

import pyarrow.parquet as pq
import pytest

from gristmill.curation.leaks import summary
from gristmill.curation.ledger import read_ledger
from gristmill.manifests.runner import Place, report_now
from gristmill.manifests.schema import load
from gristmill.manifests.status import status
from gristmill.manifests.why import explain_document
from tests.manifests import corpus
from tests.manifests.test_run import go

QUESTION = (
    "A miller grinds 16 sacks of rye on every weekday and 9 on each day of the weekend; how many sacks of rye does the miller "
    "grind in a week?"
)


@pytest.fixture
def run(tmp_path):
    """A small run with one document that quotes a question, one that is nothing else, and personal data in the first."""
    manifest = corpus.make(tmp_path / "data")
    quoting = f"{corpus.document(300)} {QUESTION.upper()} {corpus.document(301)} Phone: 212-736-5000, card 4111 1111 1111 1111."
    with open(manifest.parent / "news/leaks.jsonl", "w") as file:
        for text in (quoting, (QUESTION + "\n") * 4):
            file.write(json.dumps({"text": text}) + "\n")
    items = [{"question": "Why?"}, {"question": QUESTION, "answer": "98"}]
    (manifest.parent / "eval.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    text = manifest.read_text().replace(
        "  pii: {email: mask, ip: mask}", "  decontaminate: {against: [eval.jsonl]}\n  pii: {}"
    )
    manifest.write_text(text)
    go(manifest, tmp_path, until="shards")
    return manifest, tmp_path


def test_the_ledger_has_every_leak_and_what_was_masked(run):
    _, folder = run
    rows = [row for row in read_ledger(folder / "runs/small/ledger").to_pylist() if row["leaks"]]
    cut, dropped = sorted(rows, key=lambda row: row["status"] == "dropped")
    (leak,) = cut["leaks"]
    assert (leak["item"], leak["field"], leak["words"], leak["field_words"]) == (1, "question", 30, 30)
    assert leak["benchmark"].endswith("eval.jsonl")
    assert [edit["rule"] for edit in cut["edits"]] == ["decontaminate", "pii.phone", "pii.credit_card"]
    assert (cut["edits"][0]["start"], cut["edits"][0]["end"]) == (leak["start"], leak["end"])
    assert [cut[f"num_pii_{kind}"] for kind in ("email", "ip", "phone", "credit_card", "secrets")] == [0, 0, 1, 1, 0]
    assert (dropped["rule"], dropped["num_pii_phone"]) == ("decontaminate.overlap", None)
    assert dropped["leaks"][0]["item"] == 1


def test_the_run_lists_what_was_found_of_each_benchmark(run):
    manifest, folder = run
    files = sorted((folder / "runs/small/decontamination").rglob("*.parquet"))
    found = [row for path in files for row in pq.read_table(path).to_pylist()]
    assert {row["dropped"] for row in found} == {True, False}
    assert all(row["text"].lower().startswith("a miller grinds") for row in found)
    (one,) = summary(files)
    assert (one["items"], one["short"], one["found"], one["documents"]) == (2, 1, 1, 2)
    loaded = load(manifest)
    place = Place.of(loaded, folder / "store", folder / "runs")
    page = report_now(loaded, place).read_text()
    assert "Benchmarks in the corpus" in page
    assert "Masked in kept documents" in page
    assert status(loaded, place)["sources"]["news"]["masked"]["phone"] == 1
    story = explain_document(next(row["id"] for row in found if not row["dropped"]), [folder / "runs/small"])["story"]
    assert any("eval.jsonl, item 1, field question" in line for line in story)
