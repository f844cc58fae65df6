"""Presets keep at their thresholds what their source keeps there, and FineWeb2's go by the document's language."""

import math

import numpy as np
import pyarrow as pa
import pytest

from gristmill.curation import columns, language_table
from gristmill.curation.features import measure
from gristmill.curation.filters import judge, ruleset
from gristmill.curation.presets import PRESETS
from gristmill.curation.rules import Rule, Ruleset

RULES = {(preset, rule.label): rule for preset, chosen in PRESETS.items() for rule in chosen.rules}
NUMERIC = {
    key: rule for key, rule in RULES.items() if isinstance(rule.threshold, int | float) and rule.op not in ("==",)
}
STRICT = {
    # Peers that drop what is just at the threshold: FineWeb and DCLM ask for a score above it, BigCode for more visible
    # text, datatrove's URL filter drops two soft words, the Common Pile excludes `<= 100` characters, Dolma `>= 100` repetitions.
    "bigcode.min_visible_html",
    "bigcode.min_visible_chars",
    "urls.max_soft_words",
    "dclm.max_soft_words",
    "dclm.min_language_score",
    "common_pile.min_language_score",
    "common_pile.min_chars",
    "common_pile.min_tokens",
    "dolma_web.max_repetition",
}


def alone(rule: Rule, value: float) -> str | None:
    """What one rule says of a document with this value, whatever family its feature is of."""
    feature = "mean_word_length" if columns.family(rule.feature) != "text" else rule.feature
    rule = Rule(rule.preset, rule.name, feature, rule.op, rule.threshold)
    return judge(pa.table({feature: [float(value)]}), Ruleset((rule,)))["rule"].to_pylist()[0]


@pytest.mark.parametrize("key", NUMERIC, ids="/".join)
def test_exactly_at_its_threshold_a_rule_keeps_or_drops_as_its_source_does(key):
    rule = NUMERIC[key]
    outside = math.inf if rule.op in ("<", "<=") else -math.inf
    assert alone(rule, np.nextafter(rule.threshold, outside)) == rule.label
    assert alone(rule, np.nextafter(rule.threshold, -outside)) is None
    assert alone(rule, rule.threshold) == (rule.label if rule.label in STRICT else None)


def test_presets_by_one_definition_do_not_mix_with_another():
    """A feature of Dolma's is in no rule of DCLM's."""
    for preset, foreign in (
        ("dolma_web", "dclm_"),
        ("dclm", "dolma_"),
        ("gopher", "whitespace_"),
        ("fineweb2", "dclm_"),
    ):
        assert not [rule.feature for rule in PRESETS[preset].rules if rule.feature.startswith(foreign)]


@pytest.mark.parametrize(
    ("preset", "missing"),
    [
        ("dclm", ["english", "min_language_score"]),
        ("common_pile", ["english", "min_language_score"]),
        ("fineweb2", ["min_language_score"]),
        ("dolma_reddit", ["no_adult", "min_score"]),
    ],
)
def test_a_document_without_the_language_or_mark_that_a_preset_asks_for_is_dropped(preset, missing):
    """Nobody knows that it is English, harmless or liked."""
    rules = [rule for rule in PRESETS[preset].rules if columns.family(rule.feature) not in ("text", "url")]
    texts = pa.table({"meta": [None]}, schema=pa.schema([("meta", pa.string())]))
    verdicts = judge(pa.table({"num_words": [100]}), Ruleset(tuple(rules)), texts).to_pylist()[0]
    assert verdicts["failed"] == [f"{preset}.{name}" for name in missing]


# FineWeb2

GERMAN = "Der Weg zum alten Hafen führt an dem Fluss entlang, und die meisten Leute gehen ihn mit viel Zeit und Ruhe.\n"
POLISH = "Stara droga do portu biegnie wzdłuż rzeki, a ludzie, którzy nią idą, mają dużo czasu na rozmowy w drodze.\n"


def fineweb2(text: str, label: str | None, score: float = 0.99, spec: object = "fineweb2") -> dict:
    table = measure(pa.array([text]), [label]).table
    table = table.append_column("language", pa.array([label], pa.string()))
    table = table.append_column("language_score", pa.array([score], pa.float32()))
    return judge(table, ruleset(spec, "crawl")).to_pylist()[0]


def different(sentence: str) -> str:
    """A text of sentences with no word n-gram in common."""
    words = sentence.replace(",", "").rstrip(".\n").split()
    return "".join(" ".join(f"{word}{number}" for word in words).capitalize() + ".\n" for number in "abcde")


def test_a_text_needs_stop_words_of_its_own_language():
    text = different(GERMAN) + "Das ist der Hafen und die Stadt."
    assert fineweb2(text, "de")["rule"] is None
    assert fineweb2(text, "deu_Latn")["rule"] is None
    found = fineweb2(text, "pl", spec={"fineweb2": {"max_mean_word_length": None}})
    assert (found["rule"], found["value"], found["threshold"]) == ("fineweb2.min_stop_words", 0, 2)


def test_an_unknown_language_is_asked_for_no_stop_words():
    assert fineweb2(different(GERMAN), None)["rule"] is None
    assert fineweb2(different(GERMAN), "xxx_Latn")["rule"] is None


def test_the_score_that_is_asked_for_depends_on_the_language():
    assert language_table.thresholds("deu_Latn")["language_score"] == 0.821
    found = fineweb2(different(GERMAN), "de", score=0.8)
    assert (found["rule"], found["threshold"]) == ("fineweb2.min_language_score", 0.821)
    assert fineweb2(different(GERMAN) + "Das ist der Hafen und die Stadt.", "de", score=0.83)["rule"] is None


def test_a_threshold_of_the_manifest_holds_in_every_language():
    spec = {"fineweb2": {"min_language_score": 0.5, "min_stop_words": 0, "max_mean_word_length": None}}
    assert fineweb2(different(POLISH), "pl", score=0.6, spec=spec)["rule"] is None
    spec = {"fineweb2": {"min_language_score": 0.999}}
    assert fineweb2(different(GERMAN), "de", spec=spec)["threshold"] == 0.999


@pytest.mark.parametrize("label", ["zh", "ja", "th"])
def test_where_letters_are_words_nothing_asks_for_their_length_or_phrases(label):
    limits = language_table.thresholds(language_table.known(label))
    assert limits["min_word_length"] == -math.inf
    assert limits["max_word_length"] == limits["top_2_gram"] == limits["dup_10_gram"] == math.inf
    assert limits["dup_line_frac"] < 1


def test_an_unknown_column_of_the_language_table_is_answered_with_advice():
    with pytest.raises(ValueError, match=r"unknown column 'line_punkt'; did you mean 'line_punct'\?"):
        Rule("custom", "mine", "line_punct_frac", ">=", 0.1, by_language="line_punkt")
