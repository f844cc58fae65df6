"""Whole runs that cut what is repeated: the ledger, `why` and `status` tell it, and nothing depends on how it is run."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from gristmill.curation.ledger import read_ledger
from gristmill.manifests import plan_repeats, schema, units
from gristmill.manifests.runner import Place, run_files
from gristmill.manifests.source_lines import ManifestError
from gristmill.manifests.status import status
from gristmill.manifests.why import explain_document
from tests.manifests import corpus
from tests.manifests.test_run import go, plans

NOTICE = "Some of the letters in this collection were lent by a friend of the house."
RUN = " ".join(f"word{i}" for i in range(60))
PARAGRAPH = "\n".join(f"short line number {n} of a longer paragraph" for n in range(4))
MANIFEST = """\
name: small
sources:
  news: {kind: text, paths: [news/*.jsonl], filters: []}
  letters: {kind: text, paths: [letters/*.jsonl], filters: []}
  poems: {kind: text, paths: [poems/*.jsonl], filters: [], skip: [repeats]}
curate:
  languages: null
  dedup:
    prefer: [letters]
    lines: {}
    paragraphs: {min_words: 20}
    substrings: {min_tokens: 50}
"""


def make(folder: Path) -> Path:
    corpus.write_jsonl(
        folder / "news/a.jsonl",
        [f"{corpus.document(i)}\n{NOTICE}\n\n{corpus.document(i + 50)}" for i in range(6)]
        + [f"{corpus.document(6)}\n\n{PARAGRAPH}\n\n{corpus.document(56)}", NOTICE],
    )
    corpus.write_jsonl(folder / "news/b.jsonl", [f"{corpus.document(20)} {RUN} and so on it goes."])
    corpus.write_jsonl(
        folder / "letters/c.jsonl",
        [f"{corpus.document(100)}\n\n{NOTICE}", f"{corpus.document(101)}\n\n{PARAGRAPH}", f"Then {RUN} was said."],
    )
    corpus.write_jsonl(folder / "poems/d.jsonl", [f"{NOTICE}\n{NOTICE}\n\n{PARAGRAPH}\n\n{RUN}"])
    (folder / "small.yaml").write_text(MANIFEST)
    return folder / "small.yaml"


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, Path]:
    """A manifest and the root of its finished run; not to be changed."""
    root = tmp_path_factory.mktemp("repeats")
    manifest = make(root / "data")
    go(manifest, root, until="shards")
    return manifest, root


def contents(root: Path) -> dict[str, bytes]:
    folder = root / "runs/small"
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for kind in ("shards", "ledger", "repeats")
        for p in run_files(folder / kind)
    }


def texts_of(root: Path, source: str) -> list[str]:
    found = []
    for path in sorted((root / "runs/small/shards" / source).glob("*.arrow")):
        with pa.memory_map(str(path)) as file:
            found += pa.ipc.open_file(file).read_all()["text"].to_pylist()
    return found


def test_the_most_preferred_copy_stays_and_all_others_are_cut(finished):
    _, root = finished
    news, letters, poems = (texts_of(root, source) for source in ("news", "letters", "poems"))
    assert f"{corpus.document(3)}\n\n{corpus.document(53)}" in news
    assert f"{corpus.document(6)}\n\n{corpus.document(56)}" in news
    assert f"{corpus.document(20)} and so on it goes." in news
    assert sorted(letters) == sorted(
        [f"{corpus.document(100)}\n\n{NOTICE}", f"{corpus.document(101)}\n\n{PARAGRAPH}", f"Then {RUN} was said."]
    )
    assert poems == [f"{NOTICE}\n{NOTICE}\n\n{PARAGRAPH}\n\n{RUN}"]  # takes no part


def test_every_cut_is_an_edit_in_the_ledger_and_a_text_that_is_emptied_is_dropped(finished):
    _, root = finished
    rows = read_ledger(root / "runs/small/ledger").to_pylist()
    rules = [e["rule"] for row in rows for e in row["edits"] or ()]
    assert {rule: rules.count(rule) for rule in set(rules)} == {
        "dedup.line": 7,
        "dedup.paragraph": 1,
        "dedup.substring": 1,
    }
    (emptied,) = [row for row in rows if row["status"] == "dropped"]
    assert (emptied["stage"], emptied["rule"], len(emptied["edits"])) == ("shards", "empty_after_edits", 1)


def test_status_counts_the_cuts_of_each_source(finished):
    manifest, root = finished
    loaded = schema.load(manifest)
    found = status(loaded, Place.of(loaded, root / "store", root / "runs"))["sources"]
    assert found["news"]["cut"] == {"dedup.line": 6, "dedup.paragraph": 1, "dedup.substring": 1}
    assert found["news"]["dropped"] == {"empty_after_edits": 1}
    assert found["letters"]["cut"] == found["poems"]["cut"] == {}


def test_why_says_where_the_first_copy_stands(finished):
    _, root = finished
    rows = {row["id"]: row for row in read_ledger(root / "runs/small/ledger").to_pylist()}
    (cut,) = [row for row in rows.values() if any(e["rule"] == "dedup.substring" for e in row["edits"] or ())]
    story = explain_document(cut["id"], [root / "runs/small"])["story"]
    place = next(n for n, line in enumerate(story) if line.endswith("cut by dedup.substring"))
    first = next(i for i, row in rows.items() if row["source"] == "letters" and f"first in {i}" in story[place + 1])
    assert story[place + 1] == f"    60 words, first in {first}, characters 5 to {5 + len(RUN)}"
    emptied = next(i for i, row in rows.items() if row["status"] == "dropped")
    assert any("cut by dedup.line" in line for line in explain_document(emptied, [root / "runs/small"])["story"])


@pytest.mark.slow
def test_workers_units_partitions_and_the_order_of_files_change_no_byte(finished, tmp_path, monkeypatch):
    manifest, root = finished
    monkeypatch.setattr(units, "SMALL_BYTES", 0)  # every file its own unit
    go(manifest, tmp_path / "1", workers=1, until="shards")
    monkeypatch.setattr(plan_repeats, "PARTITION_BYTES", 4000)
    go(manifest, tmp_path / "4", workers=4, until="shards")
    assert len(list((tmp_path / "4/store/repeats").iterdir())) == 3 * 4
    assert contents(tmp_path / "1") == contents(tmp_path / "4")
    for source in ("news", "letters"):
        assert sorted(texts_of(tmp_path / "1", source)) == sorted(texts_of(root, source))


@pytest.mark.slow
def test_a_changed_threshold_runs_what_it_shapes_and_says_so(tmp_path):
    manifest = make(tmp_path / "data")
    go(manifest, tmp_path, until="shards")
    assert not any(go(manifest, tmp_path, until="shards").ran.values())
    manifest.write_text(manifest.read_text().replace("min_tokens: 50", "min_tokens: 55"))
    found = plans(manifest, tmp_path)
    assert all(found[step][0] == "reuse" for step in ("extract", "measure", "filter", "dedup"))
    assert found["anchors"] == ("run 2 of 2", "min_tokens 50 -> 55")
    ran = go(manifest, tmp_path, until="shards").ran
    assert (ran["anchors"], ran["passages"], ran["repeats"]) == (2, 2, 1)
    assert ran["shards"] == 0  # the run of 60 words goes as before
    manifest.write_text(manifest.read_text().replace("lines: {}", "lines: {within: false}"))
    assert plans(manifest, tmp_path)["repeats"] == ("run 1 of 3", "params.within True -> False")
    assert go(manifest, tmp_path, until="shards").ran["passages"] == 0


def test_without_the_blocks_nothing_runs_and_nothing_is_cut(tmp_path):
    manifest = make(tmp_path / "data")
    manifest.write_text(MANIFEST[: MANIFEST.index("    lines")])
    ran = go(manifest, tmp_path, until="shards").ran
    assert not {"anchors", "shared_anchors", "passages", "repeats", "cuts"} & set(ran)
    assert NOTICE in texts_of(tmp_path, "news")


def test_lines_alone_need_no_anchors_and_quality_decides_between_copies(tmp_path):
    line = "of two documents with this line one is longer than the other is"
    corpus.write_jsonl(
        tmp_path / "data/a.jsonl", [f"{corpus.document(1)}\n{line}", f"{corpus.document(2, 20)}\n{line}"]
    )
    manifest = tmp_path / "data/small.yaml"
    blocks = "curate: {languages: null, dedup: {exact: false, near: null, lines: {}, quality: num_words}}"
    manifest.write_text(f"name: small\nsources:\n  s: {{kind: text, paths: [a.jsonl], filters: []}}\n{blocks}\n")
    ran = go(manifest, tmp_path, until="shards").ran
    assert "anchors" not in ran
    assert "dedup" not in ran
    short, long = sorted(texts_of(tmp_path, "s"), key=len)
    assert line in long
    assert line not in short


def test_code_takes_no_part(tmp_path):
    manifest = make(tmp_path / "data")
    loaded = schema.load(manifest)
    sources = loaded.manifest.sources
    assert [name for name in sources if sources[name].compares_passages] == ["news", "letters"]
    (tmp_path / "data/code.yaml").write_text(
        "sources:\n  c: {kind: code, paths: ['*.py']}\ncurate: {dedup: {lines: {}}}\n"
    )
    assert plan_repeats.asked(schema.load(tmp_path / "data/code.yaml")) == {}


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ("lines: {min_words: 0}", "min_words is 0, but it must be at least 1"),
        ("paragraphs: {within: false, across: false}", "within and across are both false"),
        ("substrings: {min_tokens: 4}", "min_tokens is 4, but it must be at least 10"),
        ("substrings: {min_token: 50}", "min_token"),
        ("{index: shared, lines: {}}", "is not possible with an index"),
    ],
)
def test_what_cannot_be_is_told_with_its_line(tmp_path, block, says):
    manifest = tmp_path / "small.yaml"
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "x"}) + "\n")
    inner = block if block.startswith("{") else f"{{{block}}}"
    manifest.write_text(f"sources:\n  s: {{kind: text, paths: [a.jsonl]}}\ncurate:\n  dedup: {inner}\n")
    with pytest.raises(ManifestError) as told:
        schema.load(manifest)
    assert says in str(told.value)
    assert "small.yaml:4" in str(told.value)
