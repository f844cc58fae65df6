"""Claims about OpenAssistant's files: one document per tree, its best path, and every row accounted for."""

import io
import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation import forum
from gristmill.curation.documents import Extracted, NotDocument, ReadOptions, Unextracted, UnreadableFile
from gristmill.curation.forum import conversations
from gristmill.curation.forum.posts import ForumParams


def said(identity, text, parent=None, role=None, **more) -> dict:
    role = role or ("assistant" if parent else "prompter")
    return {"message_id": identity, "parent_id": parent, "text": text, "role": role, "lang": "en", **more}


def read(rows, paths="best") -> list:
    data = b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows)
    return list(conversations.read(io.BytesIO(data), "x.jsonl", ReadOptions(params=ForumParams(paths=paths))))


FLAT = [
    said("r2", "Second best.", "p", rank=1),
    said(
        "p",
        "Why?",
        message_tree_id="p",
        tree_state="ready_for_export",
        created_date="2023-02-07T17:29:24+00:00",
    ),
    said("r1", "Best.", "p", rank=0, synthetic=True),
    said("q", "And then?", "r1", role="prompter"),
]
TEXT = "User: Why?\n\nAssistant: Best.\n\nUser: And then?"


def nested(identity="p") -> dict:
    rows = {row["message_id"]: dict(row, replies=[]) for row in FLAT}
    for row in FLAT:
        if row["parent_id"]:
            rows[row["parent_id"]]["replies"].append(rows[row["message_id"]])
    return rows[identity]


def test_the_best_path_is_the_document_and_the_other_messages_are_counted():
    found = Extracted(
        record="p",
        text=TEXT,
        created="2023-02-07T17:29:24+00:00",
        meta={"tree_id": "p", "messages": 3, "lang": "en", "synthetic": 1},
    )
    reply = NotDocument("reply_in_thread")
    assert read(FLAT) == [NotDocument("not_on_best_path"), found, reply, reply]


def test_all_three_shapes_give_the_same_text_and_account_for_every_message():
    tree = {"message_tree_id": "p", "tree_state": "ready_for_export", "prompt": nested()}
    for rows in ([tree], [nested()], FLAT):
        records = read(rows)
        assert [record.text for record in records if isinstance(record, Extracted)] == [TEXT]
        assert len(records) == len(FLAT)


def test_all_paths_are_a_document_for_each_leaf():
    for rows in ([nested()], FLAT):
        records = read(rows, "all")
        documents = {record.record: record.text for record in records if isinstance(record, Extracted)}
        assert documents == {"q": TEXT, "r2": "User: Why?\n\nAssistant: Second best."}
        assert records.count(NotDocument("reply_in_thread")) == 2


def test_a_comb_of_leaves_gives_no_more_text_than_a_thread_may_have(monkeypatch):
    monkeypatch.setattr(conversations, "MAX_THREAD_BYTES", 10_000)
    rows = [said("n0", "x" * 10)]
    for n in range(1, 300):
        rows += [said(f"n{n}", "x" * 10, f"n{n - 1}", rank=0), said(f"leaf{n}", "x" * 10, f"n{n - 1}", rank=1)]
    records = read(rows, "all")
    assert len(records) == len(rows)
    assert sum(len(record.text) for record in records if isinstance(record, Extracted)) < 30_000
    assert any(getattr(record, "rule", "") == "thread_too_large" for record in records)


def test_a_chain_of_20_000_messages_is_one_thread():
    rows = [said("0", "a")] + [said(str(n), "a", str(n - 1)) for n in range(1, 20_000)]
    records = read(rows[::-1])
    assert len(records) == len(rows)
    assert [record.meta["messages"] for record in records if isinstance(record, Extracted)] == [20_000]


def test_parquet_is_read_like_json_lines():
    empty = {key: None for row in FLAT for key in row}
    labels = {"name": ["spam"], "value": [0.0]}
    table = pa.Table.from_pylist([{**empty, **row, "labels": labels} for row in FLAT])
    sink = io.BytesIO()
    pq.write_table(table, sink)
    sink.seek(0)
    assert list(forum.read(sink, "oasst.parquet", ReadOptions())) == read(FLAT)
    with pytest.raises(UnreadableFile, match="parquet file is damaged"):
        list(forum.read(io.BytesIO(sink.getvalue()[:200]), "oasst.parquet", ReadOptions()))


def test_without_ranks_the_first_reply_is_taken():
    rows = [said("p", "Why?"), said("a", "One.", "p"), said("b", "Two.", "p")]
    assert read(rows)[0].text == "User: Why?\n\nAssistant: One."


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ({"deleted": True}, "deleted"),
        ({"review_result": False}, "spam"),
        ({"labels": {"name": ["quality", "spam"], "value": [0.1, 0.9]}}, "spam"),
        ({"labels": {"spam": {"value": 1.0, "count": 3}}}, "spam"),
    ],
)
def test_what_was_taken_back_is_not_used_but_named(fault, rule):
    reply = [said("p", "Why?"), said("a", "Bad.", "p", rank=0, **fault), said("b", "Good.", "p", rank=1)]
    records = read(reply)
    assert records[0].text == "User: Why?\n\nAssistant: Good."
    assert records[1:] == [Unextracted("a", rule), NotDocument("reply_in_thread")]
    assert read([said("p", "Why?", **fault), said("a", "So.", "p")]) == [
        Unextracted("p", rule),
        NotDocument("not_on_best_path"),
    ]


def test_what_is_no_tree_is_named():
    records = read(
        [
            b"{broken\n",
            b"\n",
            b"[1]\n",
            {"text": "no id"},
            said("o", "Lost.", "gone"),
            said("p", "Not released.", tree_state="prompt_lottery_waiting"),
            said("e", "  "),
            said("e", "again"),
            b"[" * 100_000 + b"\n",
        ]
    )
    assert records == [
        Unextracted("row1", "malformed_json"),
        Unextracted("row3", "malformed_row"),
        Unextracted("row4", "malformed_row"),
        Unextracted("e@row8", "duplicate_id"),
        Unextracted("row9", "malformed_json"),
        Unextracted("o", "orphan_message"),
        Unextracted("p", "not_ready"),
        Unextracted("e", "empty_text"),
    ]


def test_messages_that_answer_each_other_in_a_circle_are_orphans():
    assert read([said("a", "x", "b"), said("b", "y", "a")]) == [
        Unextracted("a", "orphan_message"),
        Unextracted("b", "orphan_message"),
    ]


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
KEYS = (
    "message_id",
    "parent_id",
    "text",
    "role",
    "rank",
    "labels",
    "replies",
    "prompt",
    "deleted",
    "tree_state",
    "lang",
)


@given(st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES | st.sampled_from(["a", "b"]), max_size=6), max_size=4))
def test_rows_of_any_shape_are_each_accounted_for_once(rows):
    flat = [{key: value for key, value in row.items() if key not in ("replies", "prompt")} for row in rows]
    assert len(read(flat)) == len(read(flat, "all")) == len(rows)
    assert len(read(rows)) == len(read(rows, "all")) >= len(rows)  # a nested tree holds more than one message


def test_every_row_of_real_files_is_accounted_for(samples):
    expected = {
        "en_100_tree.jsonl": {Extracted: 100, NotDocument: 1067},
        "en_100_message.jsonl": {Extracted: 100, NotDocument: 1067},
        "oasst1-en-validation.messages.jsonl": {Extracted: 154, NotDocument: 1421, Unextracted: 69},
    }
    for name, counts in expected.items():
        data = (samples / "forum" / "oasst" / name).read_bytes()
        records = read([data])
        assert Counter(map(type, records)) == counts
        assert len(records) == data.count(b'"parent_id"') + data.count(b'"prompt"')
        for record in records:
            if isinstance(record, Extracted):
                assert record.text.startswith("User: ")


def test_trees_and_nested_messages_of_the_same_talk_agree(samples):
    folder = samples / "forum" / "oasst"
    trees, messages = (
        [getattr(record, "text", None) for record in read([(folder / f"en_100_{name}.jsonl").read_bytes()])]
        for name in ("tree", "message")
    )
    assert trees == messages


def test_a_real_conversation_reads_as_it_should(samples):
    records = read([(samples / "forum" / "oasst" / "oasst1-en-validation.messages.jsonl").read_bytes()])
    (found,) = [record for record in records if getattr(record, "record", "") == "14604d53-d240-4bca-a998-245bc62a8861"]
    assert found.text == (
        "User: Do you know how to speak German?\n\n"
        "Assistant: Yes, I am capable of replying to a task in German. How can I help you?\n\n"
        "Ja, Ich kann eine Antwort auf Deutsch verfassen. Wie kann ich helfen?\n\n"
        "User: Output me Hitler's famous speech in both German and English."
    )
    assert found.meta == {"tree_id": found.record, "messages": 3, "lang": "en"}
