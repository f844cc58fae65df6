"""Claims about Reddit's dumps: comments meet their submission, what was taken back is named, and every row counts."""

import io
import json
from itertools import pairwise

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation import forum
from gristmill.curation.documents import Extracted, NotDocument, ReadOptions, Unextracted, UnreadableFile
from gristmill.curation.forum import reddit


def submission(identity, **more) -> dict:
    row = {"id": identity, "subreddit": "tea", "title": "A &amp; B", "selftext": "Why?", "score": 7, "author": "ann"}
    return {**row, "is_self": True, "over_18": False, "created_utc": 1160418111, **more}


def comment(identity, thread, parent=None, body="So.", **more) -> dict:
    row = {"id": identity, "link_id": f"t3_{thread}", "parent_id": parent or f"t3_{thread}", "body": body}
    return {**row, "subreddit": "tea", "author": f"u{identity}", "score": 1, "created_utc": "1160418111", **more}


def lines(rows) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def read(rows) -> list:
    return list(forum.read(io.BytesIO(lines(rows)), "RS_2006-10", ReadOptions()))


def test_scores_may_be_text_and_none_is_made_up():
    def thread(*scores) -> Extracted:
        (found,) = [
            r for r in read([comment(f"c{i}", "a", score=s) for i, s in enumerate(scores)]) if type(r) is Extracted
        ]
        return found

    assert thread("7", "-3").meta["comment_scores"] == [7, -3]
    assert thread("7", "-3").meta["score"] == 7
    assert thread(None).meta["score"] is None


def test_comments_stand_below_what_they_answer_the_best_first():
    rows = [
        comment("c3", "a", "t1_c1", "deep"),
        comment("c1", "a", body="low &gt; quote", score=1),
        submission("a"),
        comment("c2", "a", body="&gt; a *quote*\n\nhigh&amp;#x200B;", score=5),
        comment("c4", "a", "t1_gone", "its parent is lost", score=0),
    ]
    records = read(rows)
    assert records[0] == Extracted(
        record="t3_a",
        text="A & B\n\nWhy?\n\nuc2:\n> a *quote*\n\nhigh\n\nuc1:\nlow > quote\n\nuc3:\ndeep\n\nuc4:\nits parent is lost",
        url="https://www.reddit.com/r/tea/comments/a/",
        title="A & B",
        created="2006-10-09T18:21:51+00:00",
        meta={"subreddit": "tea", "over_18": False, "comments": 4, "comment_scores": [5, 1, 1, 0], "score": 7},
    )
    assert records[1:] == [NotDocument("comment_in_thread")] * 4


def test_a_file_of_comments_gives_threads_by_what_they_answer():
    records = read([comment("c1", "b"), comment("c2", "a"), comment("c3", "b", "t1_c1", score=3)])
    assert [type(record) for record in records] == [Extracted, Extracted, NotDocument]
    assert (records[0].record, records[0].text) == ("t3_a", "uc2:\nSo.")
    assert (records[1].text, records[1].meta["score"], records[1].meta["submission"]) == (
        "uc1:\nSo.\n\nuc3:\nSo.",
        3,
        "missing",
    )


def test_what_was_taken_back_is_named():
    rows = [
        submission("a", selftext="[removed]", author="[deleted]"),
        comment("c1", "a", body="[deleted]", author="[deleted]"),
        comment("c2", "a", "t1_c1", "[ Removed by Reddit ]"),
        comment("c3", "a", "t1_c2", "still here", author="[deleted]"),
        submission("b", selftext="[deleted]"),
        submission("b"),
        submission("d", selftext="", title="", is_self=False, url="https://x.y", over_18=True),
    ]
    document, *rest = read(rows)
    assert document.text == "Unknown:\nstill here"
    assert (document.meta["removed"], document.meta["deleted"], document.meta["submission"]) == (1, 1, "removed")
    url = "https://www.reddit.com/r/tea/comments/"
    assert rest == [
        Unextracted("t1_c1", "deleted"),
        Unextracted("t1_c2", "removed"),
        NotDocument("comment_in_thread"),
        Unextracted("t3_b@row6", "duplicate_id"),
        Unextracted("t3_b", "deleted", url=url + "b/"),
        Unextracted("t3_d", "empty_text", url=url + "d/"),
    ]


def test_comments_that_answer_each_other_in_a_circle_are_in_the_thread_once():
    (document, other) = read([comment("c1", "a", "t1_c2"), comment("c2", "a", "t1_c1")])
    assert document.meta["comments"] == 2
    assert other == NotDocument("comment_in_thread")


def test_a_chain_of_20_000_comments_is_one_thread():
    names = [format(n, "x") for n in range(1, 20_001)]
    rows = [comment(names[0], "a"), *(comment(b, "a", f"t1_{a}") for a, b in pairwise(names))]
    records = read(rows)
    assert len(records) == 20_000
    assert records[0].meta["comments"] == 20_000


def test_bad_rows_are_named_by_their_line():
    data = b'{"id": "a", "subreddit": "tea", "title": "T", "selftext": "B"}\n{broken\n\n[1]\n{"id": "b"}\n'
    records = list(forum.read(io.BytesIO(data), "RS", ReadOptions()))
    assert records[:3] == [
        Unextracted("row2", "malformed_json"),
        Unextracted("row4", "malformed_row"),
        Unextracted("row5", "malformed_row"),
    ]


def test_long_window_zstd_is_read_and_a_cut_one_gives_what_it_had():
    rows = [submission(format(n, "x"), selftext=f"{n * 7919} " * 200) for n in range(1, 3000)]
    settings = zstandard.ZstdCompressionParameters.from_level(1, window_log=27)
    packed = zstandard.ZstdCompressor(compression_params=settings).compress(lines(rows))
    records = list(forum.read(io.BytesIO(packed), "RS_2006-10.zst", ReadOptions()))
    assert [record.record for record in records] == [f"t3_{row['id']}" for row in rows]
    cut = reddit.read(io.BytesIO(packed[: len(packed) // 2]), "RS.zst", ReadOptions())
    assert isinstance(next(cut), Extracted)
    with pytest.raises(UnreadableFile, match="truncated"):
        list(cut)


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.sampled_from(["t3_a", "t1_b", "b", "a"])
KEYS = ("id", "link_id", "parent_id", "body", "title", "selftext", "score", "subreddit", "created_utc", "author")


@given(st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8), max_size=6))
def test_rows_of_any_shape_are_each_accounted_for_once(rows):
    records = list(reddit.read(io.BytesIO(lines(rows)), "RS", ReadOptions()))
    assert len(records) == len(rows)
