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
    assert {d["value"] for d in look(asked, "custom.tagged")["dropped"]} <= {"spam"}
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


def test_the_command_prints_a_line_for_each_and_json_for_programs(finished):
    manifest, root = finished
    where = ["--store", root / "store", "--runs", root / "runs", "--dropped-by", "gopher.min_words", "-n", 2]
    shown = command("sample", manifest, *where).stdout
    assert "4 (threshold 50)" in shown
    assert len(json.loads(command("sample", manifest, *where, "--json").stdout)["passed"]) == 2
