"""Presets are the literature's rules, manifests can change each of them, and mistakes are answered with advice."""

import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation import columns
from gristmill.curation.documents import KINDS
from gristmill.curation.feature_table import AFTER_CUTS
from gristmill.curation.features import measure
from gristmill.curation.filters import DEFAULT_PRESET, PRESETS, Rule, Ruleset, judge, ruleset
from gristmill.curation.rules import OPERATORS
from tests.conftest import PROJECT
from tests.curation.peer_cases import verdict

PROSE = (
    "The old road to the harbour follows the river, and most people that walk it have time to spare.\n"
    "It passes three farms, a chapel with a broken bell, and the remains of a bridge from Roman days.\n"
    "Nobody uses the bridge now. Children believe that a giant sleeps below its last arch.\n"
    "In winter the water rises until the lower fields turn into one wide grey lake.\n"
    "When spring comes, farmers count what is left of their fences and begin again with patience.\n"
)


def test_prose_of_eighty_words_passes_every_preset_that_takes_short_texts():
    dropped = {name: label for name in PRESETS if (label := verdict(PROSE, name))}
    assert dropped == {
        "books": "books.min_words",
        "papers": "papers.min_words",
        "c4_paragraphs": "c4_paragraphs.min_long_lines",
        "dolma_reddit": "dolma_reddit.no_adult",  # it is no thread, and has no such mark
    }


@pytest.mark.parametrize(
    ("text", "preset", "label"),
    [
        ("I am your father.\n" * 4, "gopher_repetition", "gopher.dup_line_frac"),
        ("I am your father.\n\n" * 4, "gopher_repetition", "gopher.dup_para_frac"),
        ("I am your father.\n" * 4, "gopher_quality", "gopher.min_words"),
        ("I am your father.\n" * 4, "c4", "c4.min_sentences"),
        ("the be " * 60_000, "gopher_quality", "gopher.max_words"),
        ("I " * 60, "gopher_quality", "gopher.min_mean_word_length"),
        ("interconnectedness " * 60, "gopher_quality", "gopher.max_mean_word_length"),
        ("# comment " * 60, "gopher_quality", "gopher.max_hash_ratio"),
        ("wait ... what … " * 60, "gopher_quality", "gopher.max_ellipsis_ratio"),
        ("- the list of things to have\n" * 20, "gopher_quality", "gopher.max_bullet_lines"),
        (
            "the list of all things that the people here have ever seen goes on…\n" * 20,
            "gopher_quality",
            "gopher.max_ellipsis_lines",
        ),
        ("the 123 of 1999, " * 40, "gopher_quality", "gopher.min_alpha_words"),
        ("kein englisches Wort " * 40, "gopher_quality", "gopher.min_stop_words"),
        ("buy cheap flour now and save money today " * 40, "gopher_repetition", "gopher.top_2_gram"),
        (PROSE + "if (a) { return b; }.", "c4", "c4.no_curly_bracket"),
        (PROSE + "Lorem ipsum dolor sit amet.", "fineweb", "c4.no_lorem_ipsum"),
        ("", "fineweb_rules", "fineweb.min_lines"),
        (PROSE.replace(".", ""), "fineweb_rules", "fineweb.min_line_punct"),
        ("\n".join(f"Short line {n}." for n in range(9)), "fineweb_rules", "fineweb.max_short_lines"),
        (PROSE + PROSE.split("\n")[2], "fineweb_rules", "fineweb.max_char_dup"),
        (PROSE + "\n" * 60, "fineweb_rules", "fineweb.max_newlines"),
        ("x" * 1001, "code", "code.max_line_length"),
        ("x = 'long enough'" * 8, "code", "code.max_mean_line_length"),
        ("()" * 20 + "x", "code", "code.min_alnum"),
        ("\n\n", "code", "code.min_words"),
        ("", "text", "text.min_words"),
    ],
)
def test_each_rule_has_a_text_that_it_drops(text, preset, label):
    assert verdict(text, preset) == label


def test_fineweb_asks_in_the_order_of_its_pipeline_and_sees_the_text_after_the_cuts():
    fineweb = PRESETS["fineweb"]
    assert [rule.preset for rule in fineweb.rules] == ["gopher"] * 23 + ["c4"] * 3 + ["fineweb"] * 5
    assert fineweb.rules[:23] == PRESETS["gopher"].rules
    assert all(rule.feature.endswith(AFTER_CUTS["fineweb"]) for rule in fineweb.rules[23:])
    assert fineweb.cut_lines == "fineweb"
    menu = "Home\nNews\nAbout us\nLegal\nContact\nShop\nJobs\nPress\nBlog\nHelp\nLogin\n"
    assert verdict(menu + PROSE, "fineweb_rules") == "fineweb.max_short_lines"
    assert verdict(menu + PROSE, [{"fineweb": {"dup_line_frac": None}}]) is None


def test_the_verdict_names_the_first_rule_that_fails_with_value_and_threshold():
    table = measure(pa.array([PROSE, "too short", "I am your father.\n" * 4])).table
    found = judge(table, ruleset("gopher", "crawl"))
    numbers, words = pa.float64(), pa.string()
    assert found.schema == pa.schema(
        [("rule", words), ("value", numbers), ("threshold", numbers), ("detail", words), ("failed", pa.list_(words))]
    )
    assert found.drop_columns(["detail", "failed"]).to_pylist() == [
        {"rule": None, "value": None, "threshold": None},
        {"rule": "gopher.top_2_gram", "value": 1.0, "threshold": 0.2},
        {"rule": "gopher.dup_line_frac", "value": 0.75, "threshold": 0.3},
    ]


def test_every_rule_that_fails_is_named_in_order_after_what_came_before():
    table = measure(pa.array([PROSE, "too short", "I am your father.\n" * 4])).table
    rules = ruleset(
        [{"feature": "num_words", "op": ">=", "threshold": n, "name": f"at_least_{n}"} for n in (3, 20)], ""
    )
    earlier = pa.table(
        {"rule": [None, None, "language.keep"], "value": [None, None, 0.5], "threshold": pa.nulls(3, pa.float64())}
    )
    found = judge(table, rules, earlier=earlier)
    assert found["failed"].to_pylist() == [
        [],
        ["custom.at_least_3", "custom.at_least_20"],
        ["language.keep", "custom.at_least_20"],
    ]
    assert found["rule"].to_pylist() == [None, "custom.at_least_3", "language.keep"]
    assert found["value"].to_pylist() == [None, 2.0, 0.5]
    assert found["threshold"].to_pylist() == [None, 3.0, None]


def test_no_rules_keep_everything():
    found = judge(measure(pa.array(["", PROSE])).table, ruleset([], "crawl"))
    assert found["rule"].to_pylist() == [None, None]
    assert ruleset([], "crawl") == Ruleset()


@given(
    st.lists(st.floats(0, 10), min_size=1, max_size=20),
    st.lists(st.tuples(st.sampled_from(list(OPERATORS)), st.floats(0, 10)), max_size=4),
)
def test_a_document_passes_if_and_only_if_every_rule_holds(values, conditions):
    rules = tuple(
        Rule("custom", f"rule_{n}", "mean_word_length", op, limit) for n, (op, limit) in enumerate(conditions)
    )
    found = judge(pa.table({"mean_word_length": values}), Ruleset(rules))["rule"].to_pylist()
    python = {
        "<": float.__lt__,
        "<=": float.__le__,
        ">": float.__gt__,
        ">=": float.__ge__,
        "==": float.__eq__,
    }
    for value, label in zip(values, found, strict=True):
        failing = [rule.label for rule in rules if not python[rule.op](value, rule.threshold)]
        assert label == (failing[0] if failing else None)


# What a manifest may say


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_source_has_a_preset(kind):
    assert ruleset(None, kind) == PRESETS[DEFAULT_PRESET[kind]]
    assert ruleset(None, kind).rules


def test_a_manifest_changes_thresholds_switches_rules_off_and_adds_its_own():
    found = ruleset(
        [
            {"fineweb": {"min_words": 20, "max_short_lines": None, "cut_lines": None}},
            {"name": "no_shouting", "feature": "upper_frac", "op": "<", "threshold": 0.5},
            {"feature": "num_chars", "op": ">=", "threshold": 100},
        ],
        "crawl",
    )
    labels = [rule.label for rule in found.rules]
    assert next(rule for rule in found.rules if rule.label == "gopher.min_words").threshold == 20
    assert "fineweb.max_short_lines" not in labels
    assert labels[-2:] == ["custom.no_shouting", "custom.num_chars"]
    assert found.cut_lines is None
    assert len(found.rules) == len(PRESETS["fineweb"].rules) - 1 + 2


def test_presets_can_be_combined_in_any_order():
    found = ruleset(["gopher_quality", "c4"], "crawl")
    assert found.rules == PRESETS["gopher_quality"].rules + PRESETS["c4"].rules
    assert found.cut_lines == "c4"
    assert ruleset({"code": {"min_alnum": 0.3}}, "code").rules[-1].threshold == 0.3
    assert ruleset("code", "crawl") == ruleset(["code"], "crawl") == ruleset([{"code": {}}], "crawl")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "gohper",
            "unknown preset 'gohper'; did you mean 'gopher'? presets: gopher_repetition, gopher_quality",
        ),
        (["xyz"], "unknown preset 'xyz'; presets: "),
        (
            [{"gopher": {"min_word": 3}}],
            "unknown rule of preset gopher 'min_word'; did you mean 'min_words'?",
        ),
        (
            [{"feature": "num_wrds", "op": ">", "threshold": 1}],
            "unknown feature 'num_wrds'; did you mean 'num_words'?",
        ),
        ([{"feature": "num_words", "op": "=>", "threshold": 1}], "op is '=>'; use one of < <= > >= =="),
        ([{"feature": "num_words", "op": ">"}], "lacks threshold"),
        ([{"feature": "num_words", "opp": ">"}], "unknown key of a rule 'opp'; did you mean 'op'?"),
        (
            [{"gopher": {"min_words": "many"}}],
            "rule gopher.min_words: threshold is 'many'; give a finite number",
        ),
        (
            [{"feature": "num_words", "op": ">", "threshold": 1}] * 2,
            "rule custom.num_words stands twice; give each a name",
        ),
        ([{"gopher": {"min_words": float("nan")}}], "threshold is nan; give a finite number"),
        ([{"gopher": {"min_words": True}}], "threshold is True; give a finite number"),
        ([{"gopher": 3}], "3 is no change"),
        (
            [{"gopher": None}],
            "gopher: null may mean two things; for the preset as it is write gopher, for none remove it",
        ),
        ([3], "3 is no rule"),
        (3, "3 is no preset"),
        ([{}], "{} is no rule"),
        (["gopher", "gopher_quality"], "rule gopher.min_words stands twice, with 50 and 50"),
        (["c4", "fineweb"], "different line cuts (c4 and fineweb)"),
        ([{"c4": {"cut_lines": "all"}}], "cut_lines is 'all'; use one of fineweb, c4, dclm, or null"),
        ([{"gopher": {"cut_lines": None}}], "unknown rule of preset gopher 'cut_lines'"),
        ([{"Gopher": {}}], "did you mean 'gopher'?"),
    ],
)
def test_mistakes_are_answered_with_advice(spec, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ruleset(spec, "crawl")


def test_an_unknown_kind_is_answered_with_advice():
    with pytest.raises(ValueError, match="unknown kind 'crawls'; did you mean 'crawl'"):
        ruleset(None, "crawls")


def test_every_preset_uses_known_features_and_unique_labels():
    documented = "".join(page.read_text() for page in (PROJECT / "docs" / "sources").glob("*.md"))
    for preset in PRESETS.values():
        assert len({rule.label for rule in preset.rules}) == len(preset.rules)
        features = {rule.feature for rule in preset.rules}
        recorded = {feature.removeprefix("meta.") for feature in features if feature.startswith("meta.")}
        assert features - {f"meta.{key}" for key in recorded} <= set(columns.names())
        assert not [key for key in recorded if f"`{key}`" not in documented and f"`meta.{key}`" not in documented]
