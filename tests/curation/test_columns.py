"""Rules over what a document has beside its text: numbers, words, dates, licences, and what is not there."""

import json
import re

import pyarrow as pa
import pytest

from gristmill.curation import columns
from gristmill.curation.crawl.optouts import in_page
from gristmill.curation.features import measure
from gristmill.curation.filters import PRESETS, judge, ruleset


def verdicts(rule: dict, rows: list[dict]) -> list[dict]:
    """The verdicts on documents with these columns; `meta` as a mapping."""
    asked = ruleset([{"name": "r", **rule}], "crawl")
    table = measure(pa.array(["words"] * len(rows))).table
    for name, kind in (("language", pa.string()), ("language_score", pa.float32())):
        table = table.append_column(name, pa.array([row.get(name) for row in rows], kind))
    texts = {
        name: pa.array([json.dumps(v) if isinstance(v := row.get(name), dict) else v for row in rows], pa.string())
        for name in columns.needed([asked.rules[0].feature])
    }
    return judge(table, asked, pa.table(texts) if texts else None).to_pylist()


def keeps(feature: str, op: str, threshold: object, value: object, **rule) -> bool:
    row = {"meta": {feature.removeprefix("meta."): value}} if feature.startswith("meta.") else {feature: value}
    return verdicts({"feature": feature, "op": op, "threshold": threshold, **rule}, [row])[0]["rule"] is None


@pytest.mark.parametrize(
    ("op", "threshold", "kept", "dropped"),
    [
        (">=", 3, [3, 3.5, "4", [1, 2, 3], None], [2, "2.5", [1], True]),
        ("==", 0, [0, False, [], None], [1, True, ["a"]]),
        ("==", True, [True, 1, None], [False, 0]),
        ("==", "en", ["en", ["de", "en"], None], ["de", "EN", []]),
        ("in", ["a", "b"], ["a", ["x", "b"], None], ["x", [], ["x"]]),
        ("not in", ["noai", "noml"], ["x", [], ["noindex"], None], ["noai", ["noindex", "noml"]]),
        ("in", [2019, 2020], [2019, "2020", 2019.0], [2018, "19"]),
        ("in", "only", ["only"], ["x"]),
    ],
)
def test_what_meta_holds_is_compared_as_its_threshold_is_written(op, threshold, kept, dropped):
    assert [v for v in kept if not keeps("meta.x", op, threshold, v)] == []
    assert [v for v in dropped if keeps("meta.x", op, threshold, v)] == []


@pytest.mark.parametrize(
    ("tag", "stays"),
    [
        ('<meta name="CCBot" content="noai">', False),
        ('<meta name="GPTBot" content="noindex">', False),
        ('<meta name="robots" content="noml">', False),
        ('<meta name="robots" content="noindex, noimageai">', True),  # speaks of search, and of pictures
        ('<meta name="Googlebot" content="noindex">', True),
        ("", True),
    ],
)
def test_pages_that_ask_not_to_be_trained_on_go(tag, stays):
    (rule,) = PRESETS["opt_outs"].rules
    asked = sorted(in_page(f"<html><head>{tag}</head></html>"))
    assert keeps(rule.feature, rule.op, rule.threshold, asked) == stays


def test_a_path_leads_into_mappings_and_keys_may_have_dots():
    rows = [{"meta": {"a": {"b": 1}}}, {"meta": {"a.b": 5}}, {"meta": {"a": 3}}, {"meta": {}}, {}]
    found = verdicts({"feature": "meta.a.b", "op": ">", "threshold": 2, "absent": "drop"}, rows)
    assert [(v["rule"], v["value"], v["detail"]) for v in found] == [
        ("custom.r", 1.0, None),
        (None, None, None),
        *[("custom.r", None, "no meta.a.b")] * 3,
    ]


def test_the_verdict_over_words_says_what_it_saw():
    (found,) = verdicts({"feature": "meta.tags", "op": "not in", "threshold": ["spam"]}, [{"meta": {"tags": ["spam"]}}])
    assert {name: found[name] for name in ("rule", "value", "threshold", "detail", "failed", "meta.tags")} == {
        "rule": "custom.r",
        "value": None,
        "threshold": None,
        "detail": '["spam"]',
        "failed": ["custom.r"],
        "meta.tags": '["spam"]',
    }


@pytest.mark.parametrize(
    ("op", "threshold", "kept", "dropped"),
    [
        (">=", 2019, ["2019", "2019-01-01", "2024-05-06T07:08:09"], ["2018-12-31", "1999"]),
        ("<=", "2019-05", ["2019-05-31", "2019", "2001-01"], ["2019-06-01", "2020"]),
        ("==", 2019, ["2019-07-01"], ["2020"]),
    ],
)
def test_dates_are_compared_as_far_as_the_threshold_is_written(op, threshold, kept, dropped):
    assert [v for v in kept if not keeps("created", op, threshold, v)] == []
    assert [v for v in dropped if keeps("created", op, threshold, v)] == []


def test_licences_are_judged_as_expressions():
    allow = {"op": "in", "threshold": ["MIT", "Apache-2.0"]}
    assert keeps("licence", value="mit OR GPL-3.0-only", **allow)
    assert not keeps("licence", value="MIT AND GPL-3.0-only", **allow)
    assert keeps("licence", "not in", "copyleft", "MIT OR GPL-3.0-only")
    assert not keeps("licence", "not in", "copyleft", "GPL-3.0-only")
    assert keeps("licence", "in", ["permissive"], "BSD-3-Clause")
    assert keeps("licence", value=None, **allow)
    assert not keeps("licence", value=None, absent="drop", **allow)


def test_other_columns_and_what_the_address_says():
    assert not keeps("language", "in", ["en", "de"], "fr")
    assert not keeps("language_score", ">=", 0.9, 0.5)
    clean = {"feature": "url_banned_words", "op": "==", "threshold": 0}
    found = verdicts(clean, [{"url": "http://x.org/porn/a"}, {"url": "http://x.org/a"}, {"url": None}])
    assert [(v["rule"], v["value"]) for v in found] == [("custom.r", 1.0), (None, None), (None, None)]


def test_text_where_a_number_is_asked_for_is_absent_and_a_warning_where_all_of_it_is(caplog):
    rule = {"feature": "meta.lang", "op": ">=", "threshold": 1}
    words, number = {"meta": {"lang": "n/a"}}, {"meta": {"lang": 0}}
    assert [v["rule"] for v in verdicts(rule, [words, number, {}])] == [None, "custom.r", None]
    dropped = verdicts({**rule, "absent": "drop"}, [words])
    assert [(v["rule"], v["value"], v["detail"]) for v in dropped] == [("custom.r", None, "n/a")]
    assert caplog.text == ""
    assert {v["rule"] for v in verdicts(rule, [words] * 20)} == {None}
    assert "meta.lang is text ('n/a') and no number in 20 documents; use op: in" in caplog.text


def test_only_rules_over_columns_need_the_texts():
    assert columns.needed(["num_words", "language", "language_score"]) == []
    assert columns.needed(["meta.a", "url_soft_words", "licence", "num_words"]) == ["licence", "meta", "url"]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"feature": "licens", "op": "in", "threshold": ["MIT"]}, "did you mean 'licence'?"),
        ({"feature": "url_soft_word", "op": "<", "threshold": 2}, "did you mean 'url_soft_words'?"),
        ({"feature": "licence", "op": ">=", "threshold": 3}, "licence is text; compare it with op: in"),
        ({"feature": "licence", "op": "in", "threshold": []}, "threshold is (); give a list of words"),
        ({"feature": "num_words", "op": "in", "threshold": [3]}, "num_words is a number"),
        ({"feature": "created", "op": ">=", "threshold": "May"}, "give a date such as 2019"),
        ({"feature": "meta.x", "op": ">=", "threshold": "high"}, "give a finite number, or op: in"),
        ({"feature": "meta.x", "op": "=>", "threshold": 1}, "use one of < <= > >= ==, 'in' or 'not in'"),
        ({"feature": "meta.x", "op": ">=", "threshold": 1, "absent": "no"}, "absent is 'no'; use keep or drop"),
        ({"feature": "num_words", "op": ">=", "threshold": 1, "absent": "drop"}, "every document has num_words"),
        ({"feature": "my:score", "op": ">=", "threshold": 1}, "my:score is a function; write rule: my:score"),
        ({"rule": "num_words", "op": ">=", "threshold": 1}, "'num_words' names no function"),
        ({"rule": "my:score", "op": ">="}, "rule on my:score lacks threshold"),
        ({"rule": "my:score", "feature": "num_words", "op": ">=", "threshold": 1}, "not both"),
    ],
)
def test_mistakes_are_answered_with_advice(rule, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ruleset([rule], "crawl")
