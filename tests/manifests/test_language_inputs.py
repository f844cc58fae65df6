"""Models that a manifest names: looked for, checked, counted by their content, and used."""

import json
from pathlib import Path

import pytest

from gristmill.curation.ledger import read_ledger
from gristmill.manifests import planning, schema
from gristmill.manifests.source_lines import ManifestError
from tests.curation.test_language import SENTENCES, write_own_model
from tests.manifests.test_run import go, plans

MANIFEST = """\
name: m
sources:
  s: {kind: text, paths: [a.jsonl], filters: []}
curate:
  languages:
    model: own.ftz
    keep: [deu_Latn, eng_Latn]
    min_score: {eng_Latn: 0.1, default: 0.5}
  dedup: null
"""


@pytest.fixture
def manifest(tmp_path) -> Path:
    texts = [SENTENCES[name] for name in ("en", "de", "fr")]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
    write_own_model(tmp_path / "own.ftz")
    (tmp_path / "m.yaml").write_text(MANIFEST)
    return tmp_path / "m.yaml"


def test_another_model_names_the_languages_of_a_run(manifest, tmp_path):
    go(manifest, tmp_path, until="shards")
    rows = read_ledger(tmp_path / "runs" / "m" / "ledger").to_pylist()
    assert sorted((row["language"], row["rule"]) for row in rows) == [
        ("deu_Latn", None),
        ("eng_Latn", None),
        ("fr", "language.keep"),
    ]


def test_a_model_counts_by_its_content_and_not_by_its_path(manifest, tmp_path):
    go(manifest, tmp_path, until="shards")
    (tmp_path / "own.ftz").rename(tmp_path / "moved.ftz")
    manifest.write_text(MANIFEST.replace("own.ftz", "moved.ftz"))
    assert {action for _, (action, _) in list(plans(manifest, tmp_path).items())[:3]} == {"reuse"}
    (tmp_path / "moved.ftz").write_bytes((tmp_path / "moved.ftz").read_bytes() + b"\0")
    found = plans(manifest, tmp_path)
    assert found["extract"][0] == "reuse"
    assert found["measure"][0] != "reuse"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("own.ftz", "none.ftz", "m.yaml:6 curate.languages.model: none.ftz: no such file"),
        ("own.ftz", "a.jsonl", "m.yaml:6 curate.languages.model: .*a.jsonl is not a fastText model"),
        ("own.ftz", "'?.*l'", r"m.yaml:6 curate.languages.model: \?\.\*l: this names 2 files; name one model"),
        ("[deu_Latn", "[de", r'm.yaml:7 curate.languages.keep: "de" is not a label of own.ftz; write "deu_Latn"'),
    ],
)
def test_a_model_that_will_not_do_is_a_problem_of_the_manifest(manifest, old, new, said):
    manifest.write_text(MANIFEST.replace(old, new))
    with pytest.raises(ManifestError, match=said):
        planning.raw_groups(schema.load(manifest))


def test_a_source_may_have_a_model_of_its_own(manifest):
    manifest.write_text(MANIFEST.replace("filters: []", "filters: [], languages: {model: no.ftz}"))
    with pytest.raises(ManifestError, match=r"m.yaml:3 sources.s.languages.model: no.ftz: no such file"):
        planning.raw_groups(schema.load(manifest))


SWITCHED_OFF = """\
name: m
sources:
  s: {{kind: {kind}, paths: [a.jsonl], filters: {filters}{beside}}}
curate: {{languages: {languages}}}
"""


@pytest.mark.parametrize(
    ("kind", "filters", "beside", "languages", "said"),
    [
        (
            *("text", "dclm", "", "null"),
            "m.yaml:3 sources.s.filters: dclm.english and dclm.min_language_score would see no language, for "
            "curate.languages is null; remove that, or give the source a block languages: {keep: all}, or switch off "
            "what asks: {dclm: {english: null, min_language_score: null}}",
        ),
        (
            *("text", "[fineweb2]", ", skip: [language]", "{keep: all}"),
            "fineweb2.min_language_score would see no language, for the source skips the step; take language out of "
            "skip, or switch off what asks: {fineweb2: {min_language_score: null}}",
        ),
        (
            *("code", "common_pile", "", "{keep: all}"),
            "languages are not identified in code; give the source a block languages: {keep: all}, or",
        ),
        (
            *("text", "[{name: mine, feature: language, op: in, threshold: [en]}]", "", "null"),
            "custom.mine would see no language, for curate.languages is null; remove that, or give the source a block "
            "languages: {keep: all}, or switch off what asks: remove mine",
        ),
        (
            *("text", "[]", ", buckets: {by: language_score, edges: [0.5], weights: [1, 2]}", "null"),
            "m.yaml:3 sources.s.buckets.by: there is no language_score, for curate.languages is null",
        ),
    ],
)
def test_a_rule_on_languages_that_nobody_identifies_is_a_problem(manifest, kind, filters, beside, languages, said):
    manifest.write_text(SWITCHED_OFF.format(kind=kind, filters=filters, beside=beside, languages=languages))
    with pytest.raises(ManifestError) as raised:
        planning.raw_groups(schema.load(manifest))
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "filters", "beside", "languages"),
    [
        ("text", "dclm", "", "{keep: all}"),
        ("text", "dclm", ", languages: {keep: all}", "null"),
        ("text", "dclm", ", skip: [language, filters]", "null"),
        ("text", "{dclm: {english: null, min_language_score: null}}", "", "null"),
    ],
)
def test_rules_on_languages_that_are_identified_or_switched_off_are_none(manifest, kind, filters, beside, languages):
    manifest.write_text(SWITCHED_OFF.format(kind=kind, filters=filters, beside=beside, languages=languages))
    planning.raw_groups(schema.load(manifest))
