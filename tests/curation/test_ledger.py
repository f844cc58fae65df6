"""Ledger files of sources with different rules are one table, and say which rules they were judged by."""

import pyarrow as pa
import pyarrow.compute as pc

from gristmill.curation.filters import ruleset
from gristmill.curation.ledger import read_ledger, read_rules, rules_json, unified, write_ledger


def test_columns_that_some_sources_lack_are_null_in_their_rows(tmp_path):
    write_ledger(tmp_path / "a.parquet", pa.table({"id": ["1"], "meta.score": [2.5]}))
    write_ledger(tmp_path / "b.parquet", pa.table({"id": ["2"], "licence": ["MIT"]}))
    expected = [{"id": "1", "meta.score": 2.5, "licence": None}, {"id": "2", "meta.score": None, "licence": "MIT"}]
    assert read_ledger(tmp_path).to_pylist() == read_ledger(str(tmp_path)).to_pylist() == expected
    assert read_ledger(tmp_path, ["licence"])["licence"].to_pylist() == [None, "MIT"]
    assert read_ledger(tmp_path, filters=pc.field("id") == "2").to_pylist() == expected[1:]


def test_what_is_a_number_here_and_words_there_is_words():
    tables = [pa.table({"meta.x": [1.5, None]}), pa.table({"meta.x": ["one"]})]
    assert unified(tables)["meta.x"].to_pylist() == ["1.5", None, "one"]
    assert unified([]).num_rows == 0


def test_a_file_says_what_its_rules_ask_for(tmp_path):
    rules = ruleset(
        [{"feature": "licence", "op": "in", "threshold": ["MIT"]}, {"gopher_quality": {"min_words": 3}}], ""
    )
    write_ledger(tmp_path / "a.parquet", pa.table({"id": ["1"]}), rules_json(rules.rules))
    found = read_rules(tmp_path / "a.parquet")
    assert found == {rule.label: rule for rule in rules.rules}
