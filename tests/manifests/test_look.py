"""What a rule drops and just lets pass, as the ledger has it, the same every time."""

import json

import pytest

from gristmill.manifests import schema
from gristmill.manifests.look import sample
from gristmill.manifests.runner import Place
from gristmill.manifests.settings import SettingError
from tests.manifests.test_run import command, finished
from tests.manifests.test_whatif import finished as asked

__all__ = ["asked", "finished"]


def look(run: tuple, rule: str, **options) -> dict:
    manifest, root = run
    loaded = schema.load(manifest)
    return sample(loaded, Place.of(loaded, root / "store", root / "runs"), rule, **options)


def test_dropped_documents_fail_the_rule_and_those_beside_them_hold_nearest_to_it(asked):
    found = look(asked, "custom.popular", number=5)
    values = [d["value"] for d in found["dropped"]]
    assert [v for v in values if v != "no meta.votes" and v >= 2] == []
    assert (len(values), [p["value"] >= 2 for p in found["passed"]]) == (5, [True] * 5)
    assert [p["value"] for p in found["passed"]] == sorted(p["value"] for p in found["passed"])
    assert all(d["excerpt"] and d["locator"].startswith("pages.jsonl#") for d in found["dropped"])
    assert look(asked, "custom.popular", number=5) == found


def test_a_rule_over_words_and_a_function_can_be_looked_at(asked):
    assert {d["value"] for d in look(asked, "custom.tagged")["dropped"]} == {"spam"}
    assert len(look(asked, "custom.long", number=3)["passed"]) == 3


def test_a_duplicate_is_shown_with_what_was_kept_instead(finished):
    (pair,) = look(finished, "dedup.exact")["dropped"]
    assert pair["source"] == "news"
    assert pair["duplicate_of"]["source"] == "letters"
    assert pair["duplicate_of"]["excerpt"] == pair["excerpt"]


def test_an_edit_is_shown_in_its_context(finished):
    (edited,) = look(finished, "pii.email")["edited"]
    assert edited["cuts"][0]["cut"] == "jo@farm.org"
    assert edited["cuts"][0]["before"].endswith("Write to ")


def test_an_unknown_rule_is_answered_with_the_nearest_and_the_counts_of_all(finished):
    with pytest.raises(SettingError, match=r"did you mean 'gopher.min_words'\?.*gopher.min_words \(1\)"):
        look(finished, "gopher.min_word")
    with pytest.raises(SettingError, match="did you mean 'news'"):
        look(finished, "gopher.min_words", source="new")


def test_a_document_without_the_value_or_to_which_the_rule_does_not_apply_does_not_just_pass(asked):
    tagged = look(asked, "custom.tagged", number=100)["passed"]  # six kept documents have no tags
    assert {d["value"] for d in tagged} == {"a"}
    found = look(asked, "fineweb2.max_mean_word_length")["passed"]
    assert [d["language"] for d in found] == ["en"]
    assert [d["language"] for d in look(asked, "fineweb2.dup_10_gram")["dropped"]] == ["ja"]


def test_documents_are_kept_by_the_language_threshold_of_their_source(asked):
    passed = look(asked, "language.min_score", number=1000)["passed"]
    assert {(d["source"], d["threshold"]) for d in passed} == {("web.pages", 0.3), ("letters", 0.4)}
    distances = [d["value"] - d["threshold"] for d in passed]
    assert distances == sorted(distances)
    assert distances[0] > 0


@pytest.mark.parametrize("rule", ["dedup.near", "language.keep", "decontaminate.overlap", "decontaminate"])
def test_an_active_rule_that_did_nothing_is_known(asked, rule):
    found = look(asked, rule, source="letters")
    assert (found["documents"]["dropped"], found["dropped"]) in ((0, []), (1, found["dropped"]))


def test_a_kind_of_personal_data_that_no_document_has_is_known_if_it_is_masked(finished):
    assert look(finished, "pii.ip")["documents"]["edited"] == 0
    assert look(finished, "secret.keyword")["documents"]["edited"] == 0
    with pytest.raises(SettingError, match=r"unknown rule 'language\.keep'"):
        look(finished, "language.keep")  # no language is asked there


@pytest.mark.slow
def test_the_command_prints_a_line_for_each_and_json_for_programs(finished):
    manifest, root = finished
    where = ["--store", root / "store", "--runs", root / "runs", "--dropped-by", "gopher.min_words", "-n", 2]
    shown = command("sample", manifest, *where).stdout
    assert "4 (threshold 50)" in shown
    assert len(json.loads(command("sample", manifest, *where, "--json").stdout)["passed"]) == 2
