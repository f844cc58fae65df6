"""Scores in a run: models and files become features of rules, columns of the ledger and buckets of the mixture."""

import json
import math
import re
import shutil
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.curation import classifier, language, scores
from gristmill.curation.ledger import read_ledger
from gristmill.manifests import schema, units
from gristmill.manifests.fetch import wanted_files
from gristmill.manifests.planning import raw_groups
from gristmill.manifests.runner import Place, report_now
from gristmill.manifests.settings import SettingError
from gristmill.manifests.source_lines import ManifestError
from gristmill.manifests.status import status
from gristmill.manifests.whatif import whatif
from gristmill.manifests.why import explain_document
from tests.manifests import corpus
from tests.manifests.test_run import contents, go, plans

MODEL = language.model_path()
"""Any fastText classifier will do; this one says how much a text is like Latin, or any other language."""

SCORES = """\
curate:
  classifiers: {latin: {path: MODEL, label: __label__la, max_chars: 300}}
  scores: {edu: {paths: [edu/*.parquet], column: score}}
"""

RULES = """\
    filters:
      - gopher_quality: {min_words: 50}
      - {name: edu, feature: scores.edu, op: ">=", threshold: 0.1}
"""

BUCKETS = "    buckets: {by: scores.edu, edges: [0.5], weights: [1, 3], max_epochs: [2, 4], missing: {weight: 1}}\n"


def write_scores(manifest: Path, root: Path, of=lambda i: i % 10 / 10) -> dict[str, float]:
    """Scores for two thirds of the documents of a finished run, and one of a document that there is not."""
    ids = sorted(read_ledger(root / "runs/small/ledger", ["id"])["id"].to_pylist())
    given = {key: of(i) for i, key in enumerate(ids) if i % 3}
    table = pa.table({"id": [*given, "f" * 32], "score": [*given.values(), 9.0], "text": ["x"] * (len(given) + 1)})
    folder = manifest.parent / "edu"
    folder.mkdir(exist_ok=True)
    pq.write_table(table, folder / "a.parquet")
    return given


def edited(manifest: Path, *changes: tuple[str, str]) -> None:
    text = manifest.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    manifest.write_text(text)


def ran(seen) -> list[str]:
    return [step for step, todo in seen.ran.items() if todo]


def status_of(manifest: Path, root: Path) -> dict:
    loaded = schema.load(manifest)
    return status(loaded, Place.of(loaded, root / "store", root / "runs"))


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> tuple[Path, Path, dict[str, float], object]:
    """The small corpus with a classifier, joined scores, a rule and buckets, run; not to be changed."""
    root = tmp_path_factory.mktemp("scored")
    manifest = corpus.make(root / "data")
    go(manifest, root, until="shards")
    given = write_scores(manifest, root)
    edited(
        manifest,
        ("    filters: {gopher_quality: {min_words: 50}}\n", RULES + BUCKETS),
        ("curate:\n", SCORES.replace("MODEL", str(MODEL))),
    )
    return manifest, root, given, go(manifest, root)


@pytest.fixture
def scored(done, tmp_path) -> tuple[Path, Path, dict[str, float]]:
    """The same manifest and files in a folder of one's own, with the run's store."""
    manifest, root, given, _ = done
    for name in ("data", "store", "runs"):
        _copy(root / name, tmp_path / name)
    return tmp_path / "data" / manifest.name, tmp_path, given


def _copy(source: Path, target: Path) -> None:
    for path in source.rglob("*"):
        if path.is_file() and not path.is_symlink():
            (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            (target / path.relative_to(source)).write_bytes(path.read_bytes())


def test_every_document_has_its_scores_in_the_ledger_asked_for_or_not(done):
    _, root, given, seen = done
    ledger = read_ledger(root / "runs/small/ledger")
    assert dict(zip(ledger["id"].to_pylist(), ledger["scores.edu"].to_pylist(), strict=True)) == {
        key: given.get(key) for key in ledger["id"].to_pylist()
    }
    assert ledger["classifier.latin"].null_count == 0
    texts = {path: pa.ipc.open_file(path).read_all() for path in (root / "store/extract").rglob("texts.arrow")}
    expected = {
        key: score
        for table in texts.values()
        for key, score in zip(
            table["id"].to_pylist(),
            classifier.scores(MODEL, "la", table["text"].to_pylist(), 300).astype(np.float64).tolist(),
            strict=True,
        )
    }
    assert dict(zip(ledger["id"].to_pylist(), ledger["classifier.latin"].to_pylist(), strict=True)) == expected
    assert not seen.warnings


def test_rules_ask_for_scores_and_keep_documents_without_one(done):
    _, root, given, _ = done
    ledger = read_ledger(root / "runs/small/ledger").to_pylist()
    news = [row for row in ledger if row["source"] == "news" and row["rule"] != "gopher.min_words"]
    low = {row["id"] for row in news if given.get(row["id"], 1) < 0.1}
    assert {row["id"] for row in news if row["rule"] == "custom.edu"} == low
    assert low
    dropped = next(row for row in ledger if row["rule"] == "custom.edu")
    assert (dropped["value"], dropped["threshold"]) == (0.0, 0.1)


def test_absent_drop_drops_documents_without_a_score(scored):
    manifest, root, given = scored
    edited(manifest, ("threshold: 0.1}", "threshold: 0.1, absent: drop}"), (BUCKETS, ""))
    go(manifest, root, until="shards")
    ledger = read_ledger(root / "runs/small/ledger").to_pylist()
    without = [row for row in ledger if row["source"] == "news" and row["id"] not in given]
    assert {row["rule"] for row in without} <= {"custom.edu", "gopher.min_words"}
    assert {row["detail"] for row in without if row["rule"] == "custom.edu"} == {"no scores.edu"}


def test_status_and_report_say_what_matched_and_which_files_it_came_from(done):
    manifest, root, given, _ = done
    found = status_of(manifest, root)
    with_score = {source: counts["scores"]["scores.edu"]["with"] for source, counts in found["sources"].items()}
    assert sum(with_score.values()) == len(given)
    for counts in found["sources"].values():
        assert sum(counts["scores"]["scores.edu"].values()) == counts["documents"]
        assert counts["scores"]["classifier.latin"] == {"with": counts["documents"], "without": 0}
    edu = found["scores"]["scores.edu"]
    assert list(edu["files"]) == ["edu/a.parquet"]
    assert edu["rows"] == edu["keys"] == len(given) + 1
    assert found["scores"]["classifier.latin"]["label"] == "__label__la"
    assert list(found["scores"]["classifier.latin"]["files"]) == [str(MODEL)]
    loaded = schema.load(manifest)
    page = report_now(loaded, Place.of(loaded, root / "store", root / "runs")).read_text()
    assert f"edu/a.parquet {edu['files']['edu/a.parquet'][:8]}" in page
    assert "news/missing" in page


def test_buckets_have_their_shares_of_the_sources_tokens_in_lock_and_why(done):
    _, root, given, _ = done
    lock = (root / "runs/small/manifest.lock.yaml").read_text()
    told = {name: int(n) for name, n in re.findall(r"        (news/\w+): (\d+)\n", lock.partition("\n  pack:")[2])}
    assert told == {"news/0": 600, "news/1": 1800, "news/missing": 600}
    for row in read_ledger(root / "runs/small/ledger").to_pylist():
        if row["source"] == "news" and row["status"] == "kept":
            score = given.get(row["id"])
            name = "missing" if score is None else str(int(score >= 0.5))
            assert f"  bucket     news/{name}" in explain_document(row["id"], [root / "runs/small"])["story"]


def test_the_example_of_buckets_runs_as_the_page_has_it(tmp_path):
    blocks = re.findall(r"```yaml\n(.*?)```", Path("docs/quality.md").read_text(), re.DOTALL)
    (example,) = [block for block in blocks if "buckets:" in block]
    german = "Das ganze Land ist heute in drei Teile geteilt, von denen einer den Belgiern gehört."
    english = "All of the country is divided into three parts, one of which the Belgians live in."
    texts = []
    for number in range(150):  # of some the classifier is sure, of others less
        words = [
            (german if (number * 7 + i) % 15 < number // 10 else english).split()[(number + i) % 13] for i in range(60)
        ]
        texts.append(f"{number} " + " ".join(words))
    rows = [json.dumps({"text": text, "id": f"own-{n}"}) for n, text in enumerate(texts)]
    (tmp_path / "crawl.jsonl").write_text("\n".join(rows))
    for number in range(20):
        (tmp_path / f"book{number}.txt").write_text(f"Chapter {number}. " + f"{english} " * (number + 5))
    manifest = tmp_path / "buckets.yaml"
    for said, here in (
        ("kind: crawl\n    paths: [crawl/*.warc.gz]", "kind: text\n    filters: []\n    paths: [crawl.jsonl]"),
        ("{kind: books, paths: [books/*.txt]", "{kind: text, filters: [], paths: ['book*.txt']"),
        ("models/fasttext_oh_eli5.bin, label: __label__hq", f"{MODEL}, label: __label__de"),
        ("curate:\n", "tokenizer: {vocab_size: 300}\ncurate:\n  dedup: null\n"),
    ):
        assert said in example
        example = example.replace(said, here)
    manifest.write_text(example)
    seen = go(manifest, tmp_path)
    counts = {step["name"]: step["counts"] for step in status_of(manifest, tmp_path)["steps"]}
    given = counts["pack"]["bucket_tokens"]
    assert given.pop("web/missing") == 0
    shares = [given[f"web/{number}"] / sum(given.values()) for number in range(3)]
    assert shares == pytest.approx([0.1, 0.3, 0.6], abs=0.01)
    told = status_of(manifest, tmp_path)["mixture"]
    assert told[0].startswith("no document is in web/missing; its weight goes to the other buckets of web")
    assert seen.warnings == [f"mixture: {note}" for note in told]
    page = report_now(schema.load(manifest), Place.of(schema.load(manifest), tmp_path / "store", tmp_path / "runs"))
    assert "no document is in web/missing" in page.read_text()


def test_scores_join_by_the_id_that_the_data_set_gives(tmp_path):
    rows = [json.dumps({"text": f"A short text of number {n}.", "id": f"own-{n}"}) for n in range(20)]
    (tmp_path / "a.jsonl").write_text("\n".join(rows))
    table = pa.table({"id": [f"own-{n}" for n in range(20)], "score": list(map(float, range(20)))})
    pq.write_table(table, tmp_path / "scores.parquet")
    manifest = tmp_path / "small.yaml"
    text = "sources: {a: {kind: text, filters: [], paths: [a.jsonl]}}\ncurate:\n  dedup: null\n  scores:\n"
    manifest.write_text(text + "    edu: {paths: [scores.parquet], column: score}\n")
    assert go(manifest, tmp_path).warnings[0].endswith("join: meta.<column>, such as meta.id")
    manifest.write_text(text + "    edu: {paths: [scores.parquet], join: meta.id, column: score}\n")
    assert go(manifest, tmp_path).warnings == []
    assert sorted(read_ledger(tmp_path / "runs/small/ledger", ["scores.edu"])["scores.edu"].to_pylist()) == list(
        map(float, range(20))
    )


def test_a_later_file_that_is_empty_is_said_before_any_work(scored):
    manifest, root, _ = scored
    (manifest.parent / "edu/b.parquet").touch()
    with pytest.raises(ManifestError, match=r"curate\.scores\.edu: edu/b\.parquet is empty \(0 bytes\)"):
        go(manifest, root)
    (manifest.parent / "edu/b.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(ManifestError, match=r"curate\.scores\.edu: edu/b\.parquet cannot be read"):
        go(manifest, root)


@pytest.mark.parametrize(
    ("content", "said"),
    [("", "is empty"), ("{question", "is not JSON"), ('{"question": "Too short?"}', "no text of 8 words")],
)
def test_a_benchmark_of_no_use_is_said_before_any_work(tmp_path, content, said):
    (tmp_path / "a.jsonl").write_text('{"text": "A text."}\n')
    (tmp_path / "eval.jsonl").write_text(content)
    manifest = tmp_path / "small.yaml"
    manifest.write_text(
        "sources: {a: {kind: text, paths: [a.jsonl]}}\ncurate:\n  decontaminate: {against: [eval.jsonl]}\n"
    )
    with pytest.raises(ManifestError, match=rf"small\.yaml:3 curate\.decontaminate\.against: .*eval\.jsonl.*{said}"):
        raw_groups(schema.load(manifest))


def test_only_what_depends_on_a_weight_or_an_edge_runs_again(scored):
    manifest, root, _ = scored
    assert ran(go(manifest, root)) == []
    edited(manifest, ("weights: [1, 3]", "weights: [1, 2]"))
    found = plans(manifest, root)
    assert [step for step, (action, _) in found.items() if action != "reuse"] == ["pack", "report"]
    assert found["pack"][1] == "buckets.news.weights: [3.0] -> [2.0]"
    assert ran(go(manifest, root)) == ["pack"]
    edited(manifest, ("edges: [0.5]", "edges: [0.6]"))
    assert ran(go(manifest, root)) == ["buckets", "pack"]


def test_only_what_depends_on_a_changed_score_file_runs_again(scored):
    manifest, root, _ = scored
    path = manifest.parent / "edu/a.parquet"
    table = pq.read_table(path)
    pq.write_table(table.take(pa.array(range(len(table) - 1, -1, -1))), path)  # the same scores, another file
    assert ran(go(manifest, root)) == ["score_index"]
    write_scores(manifest, root, of=lambda i: 0.9 if i == 1 else i % 10 / 10)
    assert plans(manifest, root)["score_index"] == ("run", "changed: edu/a.parquet")
    seen = go(manifest, root)
    assert seen.ran["score"] == 2  # a unit a source; the classifier's are reused
    assert {"extract", "measure", "tokenizer"}.isdisjoint(ran(seen))
    assert plans(manifest, root)["score_index"] == ("reuse", "")


@pytest.mark.slow
def test_one_worker_and_four_give_the_same_bytes_from_many_units(scored, monkeypatch):
    manifest, root, _ = scored
    monkeypatch.setattr(units, "SMALL_BYTES", 0)  # every file its own unit
    go(manifest, root)
    before = contents(root), _files(root)
    for step in ("score_index", "score", "buckets", "pack"):
        shutil.rmtree(root / "store" / step)
    assert ran(go(manifest, root, workers=4)) == ["score_index", "score", "buckets", "pack"]
    assert (contents(root), _files(root)) == before
    assert len(list((root / "runs/small/buckets").rglob("*.arrow"))) == 2


def _files(root: Path) -> dict[str, bytes]:
    folder = root / "runs/small/buckets"
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.arrow"))}


def test_a_source_can_be_left_out_and_ledgers_still_agree(scored):
    manifest, root, _ = scored
    edited(manifest, ("letters: {kind: text,", "letters: {kind: text, skip: [score],"))
    go(manifest, root, until="shards")
    ledger = read_ledger(root / "runs/small/ledger").to_pylist()
    assert all(row["classifier.latin"] is None for row in ledger if row["source"] == "letters")
    assert all(row["classifier.latin"] is not None for row in ledger if row["source"] == "news")
    edited(manifest, ("skip: [score]", "skip: [score], filters: [{feature: scores.edu, op: '>', threshold: 0}]"))
    with pytest.raises(ManifestError, match=r"small\.yaml:\d+ sources\.letters.*skips score, so it has no scores\.edu"):
        schema.load(manifest)


def test_files_that_match_nothing_are_said_loudly(scored):
    manifest, root, _ = scored
    path = manifest.parent / "edu/a.parquet"
    pq.write_table(pa.table({"id": ["<urn:uuid:1>"], "score": [1.0]}), path)
    edited(manifest, (BUCKETS, ""))
    (warning,) = go(manifest, root, until="filter").warnings
    assert warning.startswith(
        "curate.scores.edu: its files match no document: their keys are such as <urn:uuid:1>, and"
    )


def test_a_source_that_asks_for_scores_and_has_none_is_named(scored):
    manifest, root, _ = scored
    ids = [r["id"] for r in _texts(root, "letters")]
    pq.write_table(pa.table({"id": ids, "score": [1.0] * len(ids)}), manifest.parent / "edu/a.parquet")
    assert go(manifest, root, until="score").warnings == [
        "sources.news: none of its documents has scores.edu, which it asks for"
    ]


def _texts(root: Path, source: str) -> list[dict]:
    tables = [pa.ipc.open_file(path).read_all() for path in (root / "store/extract").rglob("texts.arrow")]
    return [row for table in tables for row in table.to_pylist() if row["source"] == source]


def test_scores_join_by_locator_too(scored):
    manifest, root, _ = scored
    rows = _texts(root, "letters")
    table = pa.table({"where": [r["locator"] for r in rows], "score": list(map(float, range(len(rows))))})
    pq.write_table(table, manifest.parent / "edu/a.parquet")
    edited(manifest, ("column: score}", "column: score, join: locator, key_column: where}"), (BUCKETS, ""))
    go(manifest, root, until="shards")
    ledger = {row["id"]: row["scores.edu"] for row in read_ledger(root / "runs/small/ledger").to_pylist()}
    assert [ledger[row["id"]] for row in rows] == list(map(float, range(len(rows))))


def test_a_key_with_two_scores_stops_the_run_at_its_line(scored):
    manifest, root, given = scored
    key = min(given)
    pq.write_table(pa.table({"id": [key], "score": [77.0]}), manifest.parent / "edu/b.parquet")
    with pytest.raises(ManifestError) as told:
        go(manifest, root)
    assert re.search(
        rf"small\.yaml:\d+ curate\.scores\.edu: 1 keys of column 'id' .* {key}: .*77 in edu/b", str(told.value)
    )
    edited(manifest, ("column: score}", "column: score, repeated: max}"))
    go(manifest, root, until="shards")
    ledger = {row["id"]: row["scores.edu"] for row in read_ledger(root / "runs/small/ledger").to_pylist()}
    assert ledger[key] == 77.0


@pytest.mark.parametrize("by", ["num_words", "dclm_num_words", "meta.stars", "language_score"])
def test_any_number_on_record_can_divide_a_source(tmp_path, by):
    manifest = corpus.make(tmp_path / "data")
    lines = (manifest.parent / "letters/c.jsonl").read_text().splitlines()
    starred = [line[:-1] + f', "stars": {i % 4 or "null"}}}\n' for i, line in enumerate(lines)]
    (manifest.parent / "letters/c.jsonl").write_text("".join(starred))
    edges = {"num_words": [145], "dclm_num_words": [145], "meta.stars": [2], "language_score": [0.99]}[by]
    if by == "language_score":
        edited(manifest, ("languages: null", "languages: {keep: all}"))
    edited(
        manifest,
        ("weight: 0.5, max_epochs: 2}", f"weight: 0.5, buckets: {{by: {by}, edges: {edges}, weights: [1, 1]}}}}"),
        ("tokens: 6000", "tokens: 2000"),
    )
    go(manifest, tmp_path)
    (path,) = (tmp_path / "runs/small/buckets/letters").glob("*.arrow")
    found = dict(zip(*(pa.ipc.open_file(path).read_all()[c].to_pylist() for c in ("id", "bucket")), strict=True))
    rows = {row["id"]: row for row in read_ledger(tmp_path / "runs/small/ledger/letters").to_pylist()}
    value = {
        "num_words": lambda i, row: row["num_words"],
        "dclm_num_words": lambda i, row: row["dclm_num_words"],
        "meta.stars": lambda i, row: i % 4 or math.nan,
        "language_score": lambda i, row: row["language_score"],
    }[by]
    order = {row["id"]: i for i, row in enumerate(_texts(tmp_path, "letters"))}
    assert found == {key: int(value(order[key], rows[key]) >= edges[0]) for key in found}
    assert len(set(found.values())) == 2
    assert len(found) == 31


@pytest.mark.slow
def test_buckets_by_an_address_ask_the_lists_of_their_source(tmp_path):
    manifest = corpus.make(tmp_path / "data")
    path = manifest.parent / "letters/c.jsonl"
    hosts = ["bad.org", "worse.org", "good.org"]
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text(
        "".join(json.dumps({**row, "url": f"https://{hosts[i % 3]}/{i}"}) + "\n" for i, row in enumerate(rows))
    )
    (manifest.parent / "mine").write_text("bad.org\n")
    buckets = (
        "buckets: {by: url_blocked_domain, edges: [1], weights: [1, 1]}, "
        "url_lists: {integrated: false, domains: [mine]}}\n"
    )
    edited(manifest, ("weight: 0.5, max_epochs: 2}\n", f"weight: 0.5, {buckets}"), ("tokens: 6000", "tokens: 2000"))
    go(manifest, tmp_path)

    def sizes() -> dict[str, int]:
        return status_of(manifest, tmp_path)["sources"]["letters"]["buckets"]["in_bucket"]

    assert sizes() == {"0": 20, "1": 11}
    (manifest.parent / "more").write_text("worse.org\n")
    edited(manifest, ("domains: [mine]", "domains: [mine, more]"))
    assert ran(go(manifest, tmp_path)) == ["buckets", "pack"]
    assert sizes() == {"0": 10, "1": 21}


def test_a_value_that_no_document_of_a_divided_source_has_is_said_loudly(scored):
    manifest, root, _ = scored
    edited(manifest, ("by: scores.edu", "by: meta.scoer"))
    (warning,) = go(manifest, root, until="buckets").warnings
    assert warning.startswith("sources.news.buckets: none of its 36 documents has the number meta.scoer: all are 36 in")
    found = status_of(manifest, root)["sources"]
    assert found["news"]["buckets"] == {
        "by": "meta.scoer",
        "in_bucket": {"0": 0, "1": 0, "missing": 36},
        "without_value": 36,
    }
    assert found["letters"]["buckets"] == {}
    loaded = schema.load(manifest)
    page = report_now(loaded, Place.of(loaded, root / "store", root / "runs")).read_text()
    assert "<td>meta.scoer</td><td>0: 0, 1: 0, missing: 36</td><td>36</td>" in page


def test_a_failure_of_a_score_is_placed_at_its_own_block(scored, monkeypatch):
    manifest, root, _ = scored

    def broken(*_):
        raise ValueError("no such thing")

    edited(manifest, ("column: score}", "column: score, join: locator, key_column: id}"))
    monkeypatch.setattr(scores, "look_up", broken)
    with pytest.raises(ManifestError, match=r"small\.yaml:\d+ curate\.scores\.edu: .*no such thing"):
        go(manifest, root)


def test_a_question_names_what_would_be_sorted_again_and_the_setting_that_is_wrong(scored):
    manifest, root, _ = scored
    edited(manifest, ("column: score}", "column: score, key_column: id}"))
    go(manifest, root, until="filter")
    loaded = schema.load(manifest)
    place = Place.of(loaded, root / "store", root / "runs")
    with pytest.raises(SettingError, match=r"score_index of edu would run again \(scores\)"):
        whatif(loaded, place, ["curate.scores.edu.repeated=max"])
    with pytest.raises(SettingError, match=r"^--set curate\.scores\.edu\.column=scor: curate\.scores\.edu: .*'scor'"):
        whatif(loaded, place, ["curate.scores.edu.column=scor"])


def test_two_names_for_one_file_are_two_columns(scored):
    manifest, root, _ = scored
    edited(manifest, ("column: score}}", "column: score}, again: {paths: [edu/*.parquet], column: score}}"))
    go(manifest, root, until="shards")
    ledger = read_ledger(root / "runs/small/ledger")
    assert ledger["scores.again"].to_pylist() == ledger["scores.edu"].to_pylist()


def test_plan_says_which_score_is_new_and_which_model_has_changed(scored):
    manifest, root, _ = scored
    model = manifest.parent / "model.ftz"
    model.write_bytes(MODEL.read_bytes())
    edited(
        manifest,
        (str(MODEL), "model.ftz"),
        ("column: score}}", "column: score}, du: {paths: [edu], column: score, repeated: max}}"),
    )
    found = plans(manifest, root)
    assert found["score_index"] == ("run 1 of 2", "never run")
    why = {"new file model.ftz", f"gone: {MODEL}", "depends on score_index"}
    assert set(found["score"][1].split("; ")) == why
    go(manifest, root, until="score")
    model.write_bytes(MODEL.read_bytes() + b"\0")
    assert plans(manifest, root)["score"] == ("run 2 of 6", "changed: model.ftz")


def test_a_model_on_a_server_is_to_be_fetched_first(scored):
    manifest, root, _ = scored
    fsspec.filesystem("memory").pipe("/models/latin.ftz", b"model")
    edited(manifest, (str(MODEL), "memory://models/latin.ftz"))
    with pytest.raises(ManifestError, match=r"a model is read from a local file; bring it here with: gristmill fetch"):
        go(manifest, root)
    loaded = schema.load(manifest)
    assert [one.url for one in wanted_files(loaded)] == ["memory://models/latin.ftz"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("feature: scores.edu", "feature: scores.edo"), ":9 sources.news.filters.1: there is no 'scores.edo' under curate.scores; did you mean 'scores.edu'?"),
        (("feature: scores.edu", "feature: classifier.edu"), ":9 sources.news.filters.1: there is no 'classifier.edu' under curate.classifiers"),
        (("by: scores.edu", "by: scores.ede"), "sources.news.buckets.by: there is no 'scores.ede' under curate.scores; did you mean 'scores.edu'?"),
        (("column: score}", "colum: score}"), "curate.scores.edu.colum: unknown key; did you mean 'column'?"),
        (("label: __label__la", "lable: la"), "curate.classifiers.latin.lable: unknown key; did you mean 'label'?"),
        (("column: score}", "column: score, join: uri}"), "curate.scores.edu: join: 'uri' is not one of id, url, locator"),
        (("weights: [1, 3]", "weights: [1]"), "sources.news.buckets: weights has 1 entries, but 1 edges make 2 buckets"),
        (("weights: [1, 3]", "weight: [1, 3]"), "sources.news.buckets.weight: unknown key; did you mean 'weights'?"),
        (("missing: {weight: 1}", "missing: {}"), "sources.news.buckets.missing.weight: missing; add it"),
        (("edu/*.parquet", "nowhere/*.parquet"), "curate.scores.edu.paths.0: nowhere/*.parquet: no such file"),
        (("column: score}", "column: scor}"), "curate.scores.edu: edu/a.parquet has no column 'scor'; did you mean 'score'?"),
        (("__label__la", "hq"), "curate.classifiers.latin: "),
        (("path: ", "path: /nowhere"), "curate.classifiers.latin.path: /nowhere"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_line_before_any_work(scored, change, said):
    manifest, root, _ = scored
    edited(manifest, change)
    with pytest.raises(ManifestError) as told:
        go(manifest, root)
    assert said in str(told.value)
    assert re.match(r".*small\.yaml:\d+ ", str(told.value))
