"""Rows to documents in every format, and the law of byte ranges: however a file is divided, no row is lost or doubled."""

import bz2
import datetime
import gzip
import io
import itertools
import json
import lzma

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.documents import Extracted, ReadOptions, Unextracted, UnreadableFile
from gristmill.curation.text import TextParams, read


def records(data: bytes, name: str = "a.jsonl", **options) -> list:
    return list(read(io.BytesIO(data), name, ReadOptions(**options)))


ROWS = [{"text": "Grüße", "id": "x1", "url": "http://a", "n": 1}, {"text": "two\nlines"}]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def parquet(rows: list[dict], row_group_size: int = 1000) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out, row_group_size=row_group_size)
    return out.getvalue()


def arrow(rows: list[dict], new) -> bytes:
    out = io.BytesIO()
    table = pa.Table.from_pylist(rows)
    with new(out, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return out.getvalue()


def test_a_row_has_its_fields_and_its_place():
    line = json.dumps(
        {"text": "a", "id": "x", "url": "u", "title": "t", "date": "2020-01-02", "license": "MIT", "skip": 1}
    )
    assert records(line.encode()) == [
        Extracted(
            record="x@0", text="a", url="u", title="t", created="2020-01-02", licence="MIT", meta={"id": "x", "skip": 1}
        )
    ]


def test_the_data_sets_own_id_is_on_record_whatever_its_column_is_called():
    assert records(b'{"text": "a", "id": 17}')[0].meta == {"id": 17}
    (record,) = records(b'{"text": "a", "doc": {"uid": "u7"}}', columns={"id": "doc.uid"})
    assert (record.record, record.meta) == ("u7@0", {"doc": {"uid": "u7"}})


def test_columns_name_the_fields_and_other_names_go_to_meta():
    line = json.dumps({"content": "a", "info": {"lang": "de", "score": 0.5}, "text": "not this"})
    columns = {"text": "content", "language": "info.lang", "stars": "info.stars"}
    (record,) = records(line.encode(), columns=columns)
    assert (record.text, record.meta) == ("a", {"language": "de", "info": {"score": 0.5}, "text": "not this"})
    (record,) = records(line.encode(), columns=columns, params=TextParams(meta=("info.score",)))
    assert record.meta == {"language": "de", "info.score": 0.5}
    (record,) = records(line.encode(), columns=columns, params=TextParams(meta=()))
    assert record.meta == {"language": "de"}


def test_what_is_long_or_bytes_stays_out_of_meta_and_is_named_unless_it_is_asked_for():
    row = {
        "text": "a",
        "vector": [0.5] * 2_000,
        "picture": {"bytes": b"\x89PNG", "path": "p"},
        "score": 3,
        "none": None,
    }
    left_out = {"columns_left_out": ["picture", "vector"], "score": 3}
    assert records(parquet([row]), "a.parquet")[0].meta == left_out
    assert records(arrow([row], pa.ipc.new_stream), "a.arrow")[0].meta == left_out
    (record,) = records(parquet([row]), "a.parquet", params=TextParams(meta=("vector",)))
    assert record.meta == {"vector": [0.5] * 2_000}
    with pytest.raises(UnreadableFile, match=r"no column 'vectr', which read.meta asks for; did you mean 'vector'"):
        records(parquet([row]), "a.parquet", params=TextParams(meta=("vectr",)))


def test_text_that_parquet_holds_as_bytes_is_text():
    assert records(parquet([{"text": "Grüße".encode()}]), "a.parquet")[0].text == "Grüße"
    assert records(parquet([{"text": b"\xff"}, {"text": b"a"}]), "a.parquet")[0].rule == "undecodable"


def test_a_json_array_may_be_called_json_lines():
    assert [record.text for record in records(json.dumps(ROWS).encode(), "a.jsonl")] == ["Grüße", "two\nlines"]
    assert [record.text for record in records(json.dumps(ROWS, indent=1).encode(), "a.jsonl")] == [
        "Grüße",
        "two\nlines",
    ]


@pytest.mark.parametrize(("name", "delimiter"), [("a.csv", ","), ("a.csv", ";"), ("a.tsv", "\t")])
def test_a_table_of_fields_with_delimiters(name, delimiter):
    lines = ["id,text,score", '7,"one ""1"", two\nlines",0.5', "8,Grüße,", "", "9,,1"]
    data = "\r\n".join(line.replace(",", delimiter) for line in lines).encode()
    found = records(data, name)
    assert [(r.record, r.text, r.meta) for r in found[:2]] == [
        ("7@row=0", f'one "1"{delimiter} two\nlines', {"id": "7", "score": "0.5"}),
        ("8@row=1", "Grüße", {"id": "8"}),
    ]
    assert [(r.record, r.rule) for r in found[2:]] == [("9@row=2", "no_text")]


def test_a_bad_line_of_a_table_costs_itself():
    lines = [b"id,text", "1,ä".encode(), b'2,"never closed', b"3,b,too,many", b"4,c\xff", b"5", b'6,"x" y', b"7,d"]
    found = records(b"\n".join(lines), "a.csv")
    assert [getattr(r, "rule", None) or r.text for r in found] == [
        "ä",
        "never closed",
        "bad_row",
        "undecodable",
        "bad_row",
        "x y",
        "d",
    ]


def test_a_table_in_another_encoding_or_without_a_text_column():
    assert records("id,text\n1,café\n2,Müller\n".encode("cp1252"), "a.csv")[1].text == "Müller"
    assert records("id,text\n1,café\n".encode("utf-16"), "a.csv")[0].text == "café"
    with pytest.raises(UnreadableFile, match="no column 'text'; the columns are: id, body; set columns"):
        records(b"id,body\n1,a\n", "a.csv")
    with pytest.raises(UnreadableFile, match="no header in its first line"):
        records(b"\n\n", "a.csv")


@pytest.mark.parametrize(
    "pack",
    [bytes, gzip.compress, bz2.compress, lzma.compress, zstandard.ZstdCompressor().compress],
    ids=["plain", "gz", "bz2", "xz", "zst"],
)
def test_compression_changes_nothing(pack):
    assert records(pack(LINES)) == records(LINES)


def test_all_formats_give_the_same_texts():
    files = {
        "a.jsonl": LINES,
        "a.json": json.dumps(ROWS, indent=1).encode(),
        "a.parquet": parquet(ROWS),
        "a.arrow": arrow(ROWS, pa.ipc.new_stream),
        "a.feather": arrow(ROWS, pa.ipc.new_file),
    }
    for name, data in files.items():
        assert [(record.text, record.url) for record in records(data, name)] == [
            ("Grüße", "http://a"),
            ("two\nlines", None),
        ], name


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("2019-05-06", "2019-05-06"),
        ("2019-05-06T07:08:09+02:00", "2019-05-06T07:08:09+02:00"),
        ("2019-05-06 07:08:09.123 UTC", "2019-05-06T07:08:09.123Z"),
        ("2019/5/6", "2019-05-06"),
        ("20190506", "2019-05-06"),
        ("2019-05", "2019-05"),
        ("2019", "2019"),
        (2019, "2019"),
        (20190506, "2019-05-06"),
        ("1212121212121", "2008-05-30T04:20:12Z"),
        (1556668800, "2019-05-01T00:00:00Z"),
        (1556668800.5, "2019-05-01T00:00:00Z"),
        ("1556668800", "2019-05-01T00:00:00Z"),
        (1556668800000, "2019-05-01T00:00:00Z"),
        ("06.05.2019", "2019-05-06"),
        ("05/06/2019", "2019"),
        ("05/26/2019 10:00", "2019-05-26"),
        ("26/05/2019", "2019-05-26"),
        ("May 6, 2019", "2019-05-06"),
        ("6th of May 2019", "2019-05-06"),
        ("Mon, 06 May 2019 10:20:30 +0200", "2019-05-06"),
        ("Mon May 06 10:20:30 +0000 2019", "2019-05-06"),
        ("May 2019", "2019-05"),
    ],
)
def test_dates_of_all_writings_can_be_compared(written, date):
    (record,) = records(json.dumps({"text": "a", "date": written}).encode())
    assert (record.created, record.meta) == (date, {})


@pytest.mark.parametrize(
    "written", ["soon", "2019-13-45", 7, True, "0000-00-00", "31.02.2019", [2019], "May 2019" * 20]
)
def test_what_is_no_date_stays_in_meta(written):
    (record,) = records(json.dumps({"text": "a", "date": written}).encode())
    assert (record.created, record.meta) == (None, {"date": written})
    (record,) = records(json.dumps({"text": "a", "x": {"on": written}}).encode(), columns={"created": "x.on"})
    assert (record.created, record.meta) == (None, {"x": {"on": written}})


def test_a_broken_row_costs_itself():
    lines = [
        b'{"text": "a"}',
        b'{"text": "b"',
        b'{"text": 5}',
        b"",
        b"[1]",
        b'{"text": " "}',
        b'{"text": "\xff"}',
        b"[" * 100_000,
        b'{"text": "z"}',
    ]
    found = records(b"\n".join(lines))
    assert [getattr(record, "rule", None) or record.text for record in found] == [
        "a",
        "bad_json",
        "no_text",
        "no_text",
        "empty_text",
        "undecodable",
        "bad_json",
        "z",
    ]
    assert len({record.record for record in found}) == len(found)


def test_text_is_cleaned_but_not_rewritten():
    text = "a\u0000b  \r\nc\ud800\u2028  d\t"
    assert records(json.dumps({"text": text}).encode())[0].text == "ab\nc\ufffd\u2028  d"


def test_an_id_that_comes_twice_still_names_two_documents():
    found = records(b'{"id": 1, "text": "a"}\n{"id": 1, "text": "b"}\n')
    assert [record.record for record in found] == ["1@0", "1@23"]


def test_a_wrong_column_is_an_error_that_names_the_right_ones():
    with pytest.raises(UnreadableFile, match=r"columns are: content, lang; set columns"):
        records(b'{"content": "a", "lang": "de"}\n' * 5)
    with pytest.raises(UnreadableFile, match=r"columns are: content; set columns"):
        records(parquet([{"content": "a"}]), "a.parquet")
    with pytest.raises(UnreadableFile, match="other format"):
        records(b"words and words\n" * 2_000)


@pytest.mark.parametrize(
    ("data", "words"), [(b"", "empty"), (b"\x89PNG\r\n", "set format"), (b"PAR1 no PAR1", "Parquet")]
)
def test_what_cannot_be_read_is_named(data, words):
    with pytest.raises(UnreadableFile, match=words):
        records(data, "a")


def test_rows_without_text_in_front_cost_no_row_behind_them():
    lines = b'{"text": null}\n' * 1_500 + b'{"text": "good"}\n' * 10
    found = [getattr(record, "rule", None) or record.text for record in records(lines)]
    assert found == ["no_text"] * 1_500 + ["good"] * 10
    found = records(lines.replace(b'"text"', b'"body"'), columns={"text": "body"})
    assert [type(record) for record in found].count(Extracted) == 10


@pytest.mark.parametrize(
    "broken",
    [
        b'{"text": bad}',
        b'{"text": "x" "url": "y"}',
        b'{"text": "x", "a": [{"text": "inner"}, {"text": "inner"}],}',
        b'{"text": "x", "a": {"b": [1, 2}}',
        b'{"text": "x", "a": "\\q"}',
        b"{'text': 'x'}",
        b'{"text": "x", ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b'{"text": "x"',
        b"nothing",
        b'{"text": ' + b'"long", ' * 20_000 + b"}",
    ],
)
@pytest.mark.parametrize("rest", [1_000, 20_000])
def test_a_broken_object_of_a_json_array_costs_itself(broken, rest):
    good = b'{"text": "a {b} c", "m": {"n": [1]}}'
    data = b"[" + b",\n".join([good] * 10 + [broken] + [good] * rest) + b"]"
    found = [getattr(record, "rule", None) or record.text for record in records(data, "a.json")]
    assert found.count("a {b} c") >= 10 + rest - 1  # a bracket too few may cost the neighbour
    assert found.count("bad_json") == 1
    assert "inner" not in found
    assert len(found) in (10 + rest, 11 + rest)


def test_a_cut_json_array_gives_its_whole_rows():
    stream = read(io.BytesIO(b'[{"text": "a"}, {"text": "b'), "a.json", ReadOptions())
    assert next(stream).text == "a"
    with pytest.raises(UnreadableFile, match="cut off after 1 rows"):
        next(stream)


def test_a_plain_file_is_one_document():
    assert records(b"One.\r\n\r\nTwo.  \n", "a.txt") == [Extracted("", "One.\n\nTwo.\n")]
    assert records("é".encode("cp1252"), "a.txt")[0].text == "é"
    assert records(b" \n", "a.txt")[0].rule == "empty_text"


lines = st.lists(
    st.one_of(
        st.text(max_size=20).map(lambda text: json.dumps({"text": "x" + text}).encode()),
        st.sampled_from([b"", b"broken", b'{"id": 7, "text": "seven"}', b'{"text": 1}', b'{"text": "a"}\r']),
    ),
    max_size=12,
)


@given(lines, st.booleans(), st.lists(st.integers(0, 400), max_size=4))
def test_however_a_file_is_divided_each_line_is_read_once(rows, last_newline, cuts):
    data = b'{"text": "first"}\n' + b"\n".join(rows) + b"\n" * last_newline
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(data)}), None]
    parts = [record for start, end in itertools.pairwise(edges) for record in records(data, start=start, end=end)]
    assert parts == records(data)


def test_parquet_is_divided_by_row_groups():
    data = parquet([{"text": f"row {number}"} for number in range(50)], row_group_size=7)
    whole = records(data, "a.parquet")
    assert [record.record for record in whole] == [f"row={number}" for number in range(50)]
    for cut in range(1, len(data), 97):
        assert records(data, "a.parquet", end=cut) + records(data, "a.parquet", start=cut) == whole


def test_parquet_values_become_plain_ones():
    row = {
        "text": "a",
        "date": datetime.datetime(2020, 1, 2, 3, 4, 5),
        "tags": ["x"],
        "score": float("nan"),
        "n": 3,
    }
    (record,) = records(parquet([row]), "a.parquet", columns={"tags": "tags", "score": "score", "n": "n"})
    assert (record.created, record.meta) == ("2020-01-02T03:04:05", {"tags": ["x"], "n": 3})


def test_a_damaged_row_group_costs_itself():
    data = bytearray(parquet([{"text": f"row {number} " * 50} for number in range(30)], row_group_size=10))
    second = pq.ParquetFile(io.BytesIO(bytes(data))).metadata.row_group(1).column(0)
    start = second.dictionary_page_offset or second.data_page_offset
    data[start : start + 40] = b"\xff" * 40
    found = records(bytes(data), "a.parquet")
    assert [record.record for record in found if isinstance(record, Extracted)] == [
        f"row={n}" for n in (*range(10), *range(20, 30))
    ]
    assert [(record.rule, record.value) for record in found if isinstance(record, Unextracted)] == [
        ("damaged_rows", 10.0)
    ]


def test_a_cut_arrow_stream_gives_what_came_before():
    data = arrow([{"text": f"row {number}"} for number in range(20)], pa.ipc.new_stream)
    stream = read(io.BytesIO(data[: len(data) * 2 // 3]), "a.arrow", ReadOptions())
    assert next(stream).text == "row 0"
    with pytest.raises(UnreadableFile, match="cut off after"):
        list(stream)


def test_real_rows(samples):
    data = (samples / "eval" / "gsm8k-test.jsonl").read_bytes()
    found = records(data, columns={"text": "question"})
    assert len(found) == len(data.splitlines())
    assert found[0].text.startswith("Janet’s ducks lay 16 eggs per day.")
    instructions = records(
        (samples / "sft" / "alpaca_zh.json").read_bytes(), "alpaca_zh.json", columns={"text": "output"}
    )
    assert len(instructions) == 2_000
