"""What a change of rules would do: the answer is that of a run, document by document, and nothing is written."""

import json
from pathlib import Path

import pytest

from gristmill.curation import language, shards
from gristmill.curation.presets import PRESETS
from gristmill.manifests import schema
from gristmill.manifests.counts import RunStopped
from gristmill.manifests.measured import as_json
from gristmill.manifests.runner import Place, open_context, survey
from gristmill.manifests.settings import SettingError, changed
from gristmill.manifests.whatif import lines, whatif
from tests.manifests import corpus
from tests.manifests.test_run import command, go

GERMAN = "Der alte Weg zum Hafen führt am Fluss entlang, und wer ihn geht, hat meistens viel Zeit dafür. " * 3
RULES = "def length(text):\n    return 1 / (len(text) - 17) + len(text)\n"
MANIFEST = """\
name: asked
sources:
  web.pages:
    kind: text
    paths: [pages.jsonl]
    columns: {meta: [votes, tags]}
    filters:
      - gopher_quality: {min_words: 50, max_bullet_lines: null}
      - {name: popular, feature: meta.votes, op: ">=", threshold: 2, absent: drop}
      - {name: tagged, feature: meta.tags, op: not in, threshold: [spam]}
      - {name: long, rule: "my_rules:length", op: ">=", threshold: 30}
      - {name: dclm, feature: dclm_num_words, op: ">=", threshold: 20}
  letters:
    kind: text
    paths: [letters.jsonl]
    format: jsonl
    columns: {text: text}
    licence: CC0-1.0
    languages: {keep: [en], min_score: {en: 0.4, default: 0.6}}
  notes: {kind: text, paths: [notes.jsonl], languages: {keep: all}, filters: NOTES}
curate:
  languages: {keep: [en], min_score: 0.3}
  dedup: {prefer: [letters]}
  classifiers: {en: {path: MODEL, label: __label__en, max_chars: 300}}
  decontaminate: {against: [leak.jsonl]}
tokenizer: {vocab_size: 300}
"""
LEAK = {"question": "Which of the nineteen lighthouses of the northern archipelago was painted by Amalia Brandvold?"}
OTHERS = {rule.name: None for rule in PRESETS["fineweb2"].rules}
NOTES = {"fineweb2": OTHERS | {"dup_10_gram": 0.05}}  # a number of its own, where FineWeb2 does not ask Japanese
del NOTES["fineweb2"]["max_mean_word_length"]  # as FineWeb2 has it: it does not apply to Japanese
JAPANESE = ["港への古い道は川に沿って続いている。" * 9, "漁師たちは朝早くから網を直し、子供は浜辺で貝を拾って遊ぶ。"]


def make(folder: Path) -> Path:
    rows = [
        {"text": corpus.document(n, 4 * (1 + n % 4)), "votes": n % 5, "tags": ["a", "spam"][n % 7 == 0]}
        for n in range(48)
    ]
    rows += [{"text": corpus.document(100 + n), "votes": "9"} for n in range(6)] + [{"text": GERMAN, "votes": 3}]
    rows += [{"text": "q" * 17, "votes": 9}, {"text": "of the seventeen.", "votes": 9}, {"text": corpus.document(200)}]
    rows += [{"text": "of the harbour and the road that people have"}]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pages.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    corpus.write_jsonl(
        folder / "letters.jsonl", [corpus.document(n, 4 * (1 + n % 4)) for n in range(0, 60, 2)] + ["Hi."]
    )
    corpus.write_jsonl(folder / "notes.jsonl", [*JAPANESE, corpus.document(300)])
    (folder / "my_rules.py").write_text(RULES)
    (folder / "leak.jsonl").write_text(json.dumps(LEAK))
    text = MANIFEST.replace("MODEL", str(language.model_path())).replace("NOTES", json.dumps(NOTES))
    (folder / "asked.yaml").write_text(text.replace("    columns: {meta: [votes, tags]}\n", ""))
    return folder / "asked.yaml"


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("asked")
    manifest = make(root / "data")
    go(manifest, root, until="tokens")
    return manifest, root


def ask(finished: tuple[Path, Path], *settings: str, **options) -> dict:
    manifest, root = finished
    loaded = schema.load(manifest)
    return whatif(loaded, Place.of(loaded, root / "store", root / "runs"), settings, **{"examples": 10_000, **options})


def kept(loaded: schema.Loaded, root: Path, dedup: bool) -> set[str]:
    """Ids that a finished run keeps after its filters, or after deduplication."""
    place = Place.of(loaded, root / "store", root / "runs")
    context = open_context(loaded, place, as_run=True)
    list(survey(context, place, "shards"))
    found: set[str] = set()
    for (source, name), record in context.records["filter"].items():
        paths = [record.folder / "verdicts.arrow"]
        if dedup and "dedup" not in loaded.manifest.sources[source].skip:
            paths.append(context.records["dedup"][(source, name)].folder / "duplicates.arrow")
        tables = [shards.read_table(path, ["id", "rule"]).to_pylist() for path in paths]
        found |= {rows[0]["id"] for rows in zip(*tables, strict=True) if all(row["rule"] is None for row in rows)}
    return found


CHANGES = [
    ["web.pages.filters.gopher.min_words=30"],
    ["sources.web.pages.filters.gopher_quality.min_words=120", "web.pages.filters.popular=null"],
    ["web.pages.filters.custom.long=400"],
    ["web.pages.filters.gopher.min_words=null", "web.pages.filters.gopher.min_mean_word_length=1"],
    ["web.pages.filters.tagged=[a]"],
    ["web.pages.filters=[{gopher_quality: {min_stop_words: 3}}, {feature: meta.votes, op: in, threshold: [0, '9']}]"],
    ["letters.filters=[]", "web.pages.filters.popular=null"],
    ["letters.filters.text.min_words=60"],
    ["curate.languages.min_score=0.99"],
    ["curate.languages.keep=[en, de]", "web.pages.filters.gopher.min_stop_words=0"],
    ["web.pages.languages.keep=[de]"],
    ["letters.skip=[filters]", "web.pages.skip=[filters]"],
    ["web.pages.filters.gopher_quality=null"],
    ["web.pages.filters.gopher=null", "web.pages.filters.popular=3"],
    ["web.pages.filters.dclm=null", "web.pages.filters.gopher.min_words=30"],
    ["letters.filters.text.min_words=60", "curate.dedup.near=null"],
    ["letters.filters.text.min_words=60", "letters.skip=[dedup]"],
    ["notes.filters=[fineweb2]"],
]
QUICK = {(1, True), (5, False), (9, False), (15, True)}


@pytest.mark.parametrize(
    ("settings", "dedup"),
    # Each is a whole run: one kind of change of each sort is enough between two commits.
    [
        pytest.param(
            settings, dedup, marks=[] if (n, dedup) in QUICK else [pytest.mark.slow], id=f"{settings[0]}-{dedup}"
        )
        for n, settings in enumerate(CHANGES)
        for dedup in (False, True)
    ],
)
def test_the_answer_is_that_of_a_run(finished, tmp_path, settings, dedup):
    manifest, root = finished
    found = ask(finished, *settings, dedup=dedup)
    after = changed(schema.load(manifest), settings)
    copy = tmp_path / "asked.yaml"
    data = {
        **after.lines.data,
        "sources": {
            k: {**v, "paths": [str(manifest.parent / p) for p in v["paths"]]}
            for k, v in after.lines.data["sources"].items()
        },
    }
    del data["tokenizer"]
    copy.write_text(json.dumps(data))
    (tmp_path / "my_rules.py").write_text(RULES)
    (tmp_path / "leak.jsonl").write_text(json.dumps(LEAK))
    now = kept(schema.load(manifest), root, dedup)
    locators = {id_: locator for id_, locator in _locators(schema.load(manifest), root)}
    go(copy, tmp_path, until="shards")
    loaded = schema.load(copy)
    then_paths = dict(_locators(loaded, tmp_path))
    then = {Path(then_paths[i]).name for i in kept(loaded, tmp_path, dedup)}
    before = {Path(locators[i]).name for i in now}
    assert {Path(e["locator"]).name for e in found["come"]} == then - before
    assert {Path(e["locator"]).name for e in found["go"]} == before - then
    counts = found["total"]["documents"]
    assert (counts["kept_now"], counts["kept_then"]) == (len(before), len(then))
    assert counts["kept_then"] == counts["kept_now"] + counts["come"] - counts["go"]


def _locators(loaded: schema.Loaded, root: Path):
    place = Place.of(loaded, root / "store", root / "runs")
    context = open_context(loaded, place, as_run=True)
    list(survey(context, place, "extract"))
    for record in context.records["extract"].values():
        table = shards.read_table(record.folder / "texts.arrow", ["id", "locator"])
        yield from zip(table["id"].to_pylist(), table["locator"].to_pylist(), strict=True)


def test_the_changes_of_these_tests_let_documents_come_and_go(finished):
    totals = [ask(finished, *settings)["total"]["documents"] for settings in CHANGES]
    assert [bool(t["come"] or t["go"]) for t in totals] == [True] * len(CHANGES)


def test_a_document_that_a_function_fails_on_would_be_dropped_by_it_once_nothing_else_drops_it(finished):
    found = ask(finished, "web.pages.filters=[{rule: 'my_rules:length', name: long, op: '>=', threshold: 1}]")
    ids = {example["locator"] for example in found["come"]}
    assert ids
    assert not [locator for locator in ids if locator.endswith(("#55", "#56"))]  # texts of 17 characters


def test_nothing_is_written_and_a_question_that_changes_nothing_says_so(finished):
    _, root = finished
    before = {path: path.stat().st_mtime_ns for folder in ("store", "runs") for path in (root / folder).rglob("*")}
    total = ask(finished, "web.pages.filters.gopher.min_words=50", dedup=True)["total"]
    after = {path: path.stat().st_mtime_ns for folder in ("store", "runs") for path in (root / folder).rglob("*")}
    assert before == after
    assert (total["documents"]["come"], total["documents"]["go"]) == (0, 0)


def test_tokens_are_counted_where_documents_were_encoded_and_estimated_by_bytes_where_not(finished):
    manifest, root = finished
    loaded = schema.load(manifest)
    place = Place.of(loaded, root / "store", root / "runs")
    context = open_context(loaded, place, as_run=True)
    list(survey(context, place))
    encoded = sum(record.counts["tokens"] for record in context.records["tokens"].values())
    found = ask(finished, "web.pages.filters.popular=null", dedup=True)
    assert found["total"]["tokens"]["kept_now"] == encoded
    assert found["total"]["estimated_documents"]["kept_now"] == 0
    assert found["total"]["estimated_documents"]["come"] == found["total"]["documents"]["come"] > 0
    assert found["total"]["tokens"]["come"] > 0
    assert any("estimated: their bytes" in note for note in found["notes"])
    t = found["total"]["tokens"]
    assert t["kept_then"] == t["kept_now"] + t["come"] - t["go"]
    assert sum(group["tokens"]["kept_then"] for group in found["groups"]) == found["total"]["tokens"]["kept_then"]


def test_an_example_shows_the_value_against_both_thresholds(finished):
    (example, *_) = ask(finished, "web.pages.filters.gopher.min_words=30")["come"]
    assert example["rule"] == "gopher.min_words"
    assert (example["old_threshold"], example["new_threshold"]) == (50.0, 30.0)
    assert 30 <= example["value"] < 50
    assert example["locator"].startswith("pages.jsonl#")
    assert len(example["excerpt"]) > 20


def test_deduplication_is_said_to_be_left_out_unless_it_is_asked_for(finished):
    setting = "web.pages.filters.gopher.min_words=30"
    assert any("deduplication is not counted" in note for note in ask(finished, setting)["notes"])
    assert not any("deduplication" in note for note in ask(finished, setting, dedup=True)["notes"])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("web.pages.filters.gopher.min_wrds=3", "did you mean 'gopher.min_words'?"),
        ("webb.filters.gopher.min_words=3", "unknown source 'webb'"),
        ("leters.filters=[]", "did you mean 'letters'?"),
        ("web.pages.filters.c4.min_sentences=3", "set web.pages.filters=[...] as a whole"),
        ("web.pages.filters.gopher.min_words=many", "threshold is 'many'"),
        ("web.pages.filters.gopher.min_words", "write path=value"),
        (
            "pages.filters.gopher_quality.min_words=[1",
            "--set pages.filters.gopher_quality.min_words=[1: the value is not valid YAML: ",
        ),
        ("curate.langages.min_score=0.5", "did you mean 'languages'?"),
        ("web.pages.filters=[gohper]", "did you mean 'gopher'?"),
        ("web.pages.filters=[{feature: num_wrds, op: '>', threshold: 1}]", "did you mean 'num_words'?"),
        ("letters.filters=[{rule: 'my_rules:length', op: '>', threshold: 1}]", "my_rules:length was never measured"),
        ("letters.filters=dolma_web", "was never measured"),
        ("letters.paths=[pages.jsonl]", "other"),
        ("curate.languages=null", "(language); put it"),
        ("curate.languages=null", "to drop no language, set keep: all"),
        ("letters.skip=[language]", "(language); put it"),
        ("letters.licence=null", "(licence); put it"),
        ("letters.format=null", "(format); put it"),
        ("letters.columns={}", "(columns); put it"),
        ("curate.classifiers.en.max_chars=null", "(max_chars); put it"),
        ("curate.classifiers.en.label=nope", "--set curate.classifiers.en.label=nope: curate.classifiers.en: "),
        ("web.pages.filters.gopher_qualty=null", "did you mean 'gopher_quality'?"),
    ],
)
def test_what_cannot_be_followed_is_answered_with_advice(finished, setting, message):
    with pytest.raises(SettingError) as error:
        ask(finished, setting)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("settings", "note"),
    [
        (["curate.pii={email: mask}"], "curate.pii: it shapes later steps only, which are not counted here"),
        (["curate.decontaminate=null"], "curate.decontaminate: it shapes later steps only, which are not counted here"),
        (["curate.decontaminate=null"], "decontamination is not counted"),
        (["letters.max_epochs=3"], "letters.max_epochs: it shapes later steps only, which are not counted here"),
        (
            ["letters.weight=1", "notes.weight=1", "web.pages.weight=1"],
            "web.pages.weight: it shapes later steps only, which are not counted here",
        ),
        (["letters.skip=[pii]"], "letters.skip: pii: it shapes later steps only, which are not counted here"),
        (["letters.filters=c4"], "letters.filters: cut_lines changes texts, not verdicts"),
        (["curate.dedup=null"], "curate.dedup: the numbers are those of the filters, before deduplication"),
    ],
)
def test_a_key_that_the_numbers_do_not_follow_is_named(finished, settings, note):
    assert any(said.startswith(note) for said in ask(finished, *settings)["notes"])
    assert not any(said.startswith(note) for said in ask(finished, "letters.filters.text.min_words=60")["notes"]) or (
        note == "decontamination is not counted"
    )


def test_a_threshold_that_does_not_apply_is_null_for_programs_and_words_for_people(finished):
    found = ask(finished, "notes.filters=[{fineweb2: {min_words: 9}}]")
    (example,) = [one for one in found["come"] if one["source"] == "notes"]
    assert (example["rule"], example["old_threshold"]) == ("fineweb2.dup_10_gram", 0.05)
    written = json.loads(as_json(found), parse_constant=pytest.fail)
    assert [e["new_threshold"] for e in written["come"] if e["source"] == "notes"] == [None]
    assert any("(threshold 0.05 -> does not apply)" in line for line in lines(found))


def test_a_value_that_no_document_has_is_said_to_be_missing(finished):
    found = ask(finished, "letters.filters=[{feature: meta.votse, op: '>', threshold: 1}]")
    assert "no document of letters has meta.votse: it was never measured or recorded" in found["notes"]


def test_a_run_that_has_not_come_so_far_is_told_what_to_run(tmp_path):
    manifest = make(tmp_path / "data")
    go(manifest, tmp_path, until="measure")
    with pytest.raises(RunStopped, match=r"gristmill run .*asked.yaml --until filter"):
        ask((manifest, tmp_path), "letters.filters=[]")
    go(manifest, tmp_path, until="filter")
    found = ask((manifest, tmp_path), "letters.filters=[]")
    assert found["total"]["tokens"] is None
    assert any("--until tokens" in note for note in found["notes"])


@pytest.mark.slow
def test_the_command_shows_tables_and_examples_to_people_and_json_to_programs(finished):
    manifest, root = finished
    where = ["--store", root / "store", "--runs", root / "runs", "--set", "web.pages.filters.gopher.min_words=30"]
    shown = command("whatif", manifest, *where)
    assert shown.returncode == 0, shown.stderr
    assert "would come" in shown.stdout
    assert "(threshold 50 -> 30)" in shown.stdout
    found = json.loads(command("whatif", manifest, *where, "--json", "--examples", 1).stdout)
    assert set(found) == {"manifest", "settings", "deduplicated", "total", "groups", "notes", "come", "go"}
    assert len(found["come"]) == 1
    wrong = command("whatif", manifest, "--set", "letters.filters.min_wrds=3")
    assert (wrong.returncode, "Traceback" in wrong.stderr) == (1, False)
    assert "did you mean" in wrong.stderr


def test_of_several_settings_the_wrong_one_is_named(finished):
    manifest, _ = finished[:2]
    good, wrong = "web.pages.max_epochs=2", "web.pages.skip=[filter]"
    with pytest.raises(SettingError) as told:
        changed(schema.load(manifest), [good, wrong, "letters.max_epochs=3"])
    assert str(told.value).startswith(f"--set {wrong}: sources.web.pages.skip.0: ")
