"""Scores from elsewhere: each document gets its own, wherever in the files it stands, and nothing odd goes unsaid."""

import io
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation import scores
from gristmill.curation.scores import AppliedClassifier, ScoreFiles, Scores, build_index, look_up

PARAMS = ScoreFiles(("x",), "score")


def parquet(rows: list[tuple], name: str = "a.parquet", **columns) -> scores.File:
    """A Parquet file of (id, score) in memory."""
    data = io.BytesIO()
    given = pa.array([score for _, score in rows], None if rows else pa.float64())
    table = {"id": pa.array([key for key, _ in rows], pa.string()), "score": given} | columns
    pq.write_table(pa.table(table), data, row_group_size=3)
    return name, lambda: io.BytesIO(data.getvalue())


def indexed(files, folder: Path, params: ScoreFiles = PARAMS) -> tuple[Scores, dict]:
    counts = build_index(files, params, folder / "index.arrow")
    assert [path.name for path in folder.iterdir()] == ["index.arrow"]
    return Scores(folder / "index.arrow"), counts


@given(
    known=st.dictionaries(st.text(max_size=3), st.floats(allow_nan=False, allow_infinity=False), max_size=40),
    asked=st.lists(st.none() | st.text(max_size=3), max_size=40),
    part_rows=st.sampled_from([1, 4, 2**20]),
)
def test_a_document_gets_the_score_of_its_key_and_none_without(tmp_path_factory, known, asked, part_rows):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores, "PART_ROWS", part_rows)
        index, counts = indexed([parquet(list(known.items()))], tmp_path_factory.mktemp("scores"))
    asked = [*asked, *known]
    found = look_up(index, asked, "id")
    assert [None if math.isnan(score) else score for score in found.tolist()] == [known.get(key) for key in asked]
    assert (counts["rows"], counts["keys"], counts["repeated_keys"]) == (len(known), len(known), 0)


def test_neither_order_nor_cut_of_the_files_changes_a_byte(tmp_path, monkeypatch):
    monkeypatch.setattr(scores, "PART_ROWS", 8)
    rows = [(f"document {i % 50}", (i % 50) / 7) for i in range(60)]
    written = []
    for number, files in enumerate(
        [[parquet(rows)], [parquet(rows[::-1])], [parquet(rows[:13]), parquet([]), parquet(rows[13:])]]
    ):
        (tmp_path / str(number)).mkdir()
        build_index(files, PARAMS, tmp_path / str(number) / "index.arrow")
        written.append((tmp_path / str(number) / "index.arrow").read_bytes())
    assert written[0] == written[1] == written[2]


def test_no_key_and_no_number_is_no_score_and_is_counted(tmp_path):
    rows = [("a", 1.0), (None, 2.0), ("b", None), ("c", math.nan), ("d", math.inf)]
    index, counts = indexed([parquet(rows)], tmp_path)
    assert look_up(index, ["a", "b", "c", "d", None], "id").tolist()[:1] == [1.0]
    assert np.isnan(look_up(index, ["b", "c", "d", None], "id")).all()
    del counts["example_keys"]
    assert counts == {"rows": 5, "rows_without_key": 1, "rows_without_score": 3, "keys": 1, "repeated_keys": 0}


@pytest.mark.parametrize(("rule", "score"), [("min", 1.0), ("max", 4.0), ("mean", 2.0)])
def test_a_key_with_several_scores_has_what_the_manifest_says(tmp_path, rule, score):
    rows = [("a", 1.0), ("b", 7.0), ("a", 4.0), ("b", 7.0), ("a", 1.0)]
    index, counts = indexed([parquet(rows)], tmp_path, ScoreFiles(("x",), "score", repeated=rule))
    assert look_up(index, ["a", "b"], "id").tolist() == [score, 7.0]
    assert counts["repeated_keys"] == 1


def test_a_key_with_several_scores_is_an_error_that_names_it_and_its_files(tmp_path):
    files = [parquet([("a", 1.0), ("b", 7.0)], "one.parquet"), parquet([("a", 4.0), ("b", 7.0)], "two.parquet")]
    with pytest.raises(
        ValueError, match=r"1 keys of column 'id' .* a: 1 in one\.parquet, 4 in two\.parquet; leave one"
    ):
        build_index(files, PARAMS, tmp_path / "index.arrow")


def test_addresses_of_one_page_are_one_key(tmp_path):
    params = ScoreFiles(("x",), "score", "url", "id")
    index, _ = indexed([parquet([("https://www.example.org/a/?utm_source=x", 3.0)])], tmp_path, params)
    found = look_up(index, ["http://example.org/a", "http://example.org/b", None], "url")
    assert found[0] == 3.0
    assert np.isnan(found[1:]).all()


@pytest.mark.parametrize("kind", [pa.int64(), pa.float32(), pa.bool_(), pa.decimal128(5, 2)])
def test_any_kind_of_number_is_a_score(tmp_path, kind):
    column = pa.array([1.0, 0.0]).cast(kind)
    index, _ = indexed([parquet([("a", 0), ("b", 0)], score=column)], tmp_path)
    assert look_up(index, ["a", "b"], "id").tolist() == [1.0, 0.0]


def test_keys_may_be_numbers_and_dictionaries(tmp_path):
    for number, column in enumerate([pa.array([17, 18]), pa.array(["17", "18"]).dictionary_encode()]):
        (tmp_path / str(number)).mkdir()
        index, _ = indexed([parquet([("", 1.0), ("", 2.0)], id=column)], tmp_path / str(number))
        assert look_up(index, ["18"], "id").tolist() == [2.0]


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (parquet([("a", "high")]), r"a\.parquet: column 'score' holds string, and scores are numbers"),
        (("b.parquet", lambda: io.BytesIO(b"PAR1 but no more")), r"b\.parquet cannot be read"),
        (parquet([("a", 1.0)], id=pa.array([[1]])), r"a\.parquet cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, file, said):
    with pytest.raises(ValueError, match=said):
        build_index([file], PARAMS, tmp_path / "index.arrow")


def test_a_column_that_is_not_there_is_answered_with_those_that_are(tmp_path):
    with pytest.raises(ValueError, match="no column 'scores'; did you mean 'score'\\? its columns: id, score"):
        build_index([parquet([("a", 1.0)])], ScoreFiles(("x",), "scores"), tmp_path / "index.arrow")


def test_documents_may_be_known_by_what_their_reader_recorded(tmp_path):
    params = ScoreFiles(("x",), "score", "meta.record.number")
    assert params.key_column == "record.number"
    index, _ = indexed([parquet([("", 1.0), ("", 2.0)], id=pa.array([17, 18]))], tmp_path)
    meta = ['{"record": {"number": 18}}', '{"record": {"number": "17"}}', "{}", None]
    keys = scores.own_keys(pa.table({"meta": meta}), params.join)
    assert keys == ["18", "17", None, None]
    assert look_up(index, keys, params.join)[:2].tolist() == [2.0, 1.0]


def test_parameters_say_what_is_wrong():
    with pytest.raises(ValueError, match=r"'uri' is not one of id, url, locator and meta\.<key>; did you mean 'url'"):
        ScoreFiles(("x",), "score", "uri")
    assert ScoreFiles(("x",), "score", "url").key_column == "url"
    with pytest.raises(ValueError, match="both 'id'"):
        ScoreFiles(("x",), "id")
    with pytest.raises(ValueError, match="paths is empty"):
        ScoreFiles((), "score")
    with pytest.raises(ValueError, match="max_chars is 0"):
        AppliedClassifier("m.bin", "hq", 0)
