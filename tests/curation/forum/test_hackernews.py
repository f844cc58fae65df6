"""Claims about Hacker News: comments meet their story wherever they stand, and every item is accounted for."""

import io
import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.curation import forum
from gristmill.curation.documents import Extracted, NotDocument, ReadOptions, Unextracted


def read(data: bytes, name="file") -> list:
    return list(forum.read(io.BytesIO(data), name, ReadOptions()))


def item(identity, type="comment", **more) -> bytes:
    return json.dumps({"id": identity, "type": type, "by": f"u{identity}", **more}).encode() + b"\n"


def test_a_storys_comments_follow_what_they_answer():
    records = read(
        item(5, parent=2, text="deep")
        + item(
            1,
            "story",
            title="T",
            text="Ask &amp; tell<p>more",
            kids=[3, 2],
            time=1160418111,
            score=7,
            url="http://x.y",
        )
        + item(2, parent=1, text="second")
        + item(3, parent=1, text="first<p><pre><code>  a  b</code></pre>")
        + item(4, parent=3, deleted=True)
    )
    assert records[0] == Extracted(
        record="1",
        text="T\n\nAsk & tell\n\nmore\n\nu3:\nfirst\n\n```\n  a  b\n```\n\nu2:\nsecond\n\nu5:\ndeep",
        url="https://news.ycombinator.com/item?id=1",
        title="T",
        created="2006-10-09T18:21:51+00:00",
        meta={"type": "story", "comments": 3, "score": 7, "link": "http://x.y"},
    )
    assert records[1:] == [
        NotDocument("comment_in_thread"),
        Unextracted("4", "deleted"),
        NotDocument("comment_in_thread"),
        NotDocument("comment_in_thread"),
    ]


def test_hacker_news_items_without_a_thread_are_named():
    records = read(
        item(1, "story", dead=True)
        + item(2, parent=99, text="lost")
        + item(3, "pollopt", text="an option")
        + item(4, "story")
        + item(4, "story")
        + item(6, parent=7)
        + item(7, parent=6)
        + b"{\n[]\n"
    )
    link = "https://news.ycombinator.com/item?id="
    assert records == [
        Unextracted("row8", "malformed_json"),
        Unextracted("row9", "malformed_row"),
        Unextracted("4@row5", "duplicate_id"),
        Unextracted("2", "orphan_comment"),
        NotDocument("pollopt"),
        Unextracted("6", "orphan_comment"),
        Unextracted("7", "orphan_comment"),
        Unextracted("1", "deleted", url=link + "1"),
        Unextracted("4", "empty_text", url=link + "4"),
    ]


def test_a_parquet_row_that_is_no_text_costs_itself():
    texts = pa.array([b"One.", b"\xff\xfe", b"Three."], pa.binary()).view(pa.string())
    kinds, names = ["story"] * 3, ["Ann"] * 3
    columns = {"id": [1, 2, 3], "type": kinds, "by": names, "title": ["A", "B", "C"], "text": texts}
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    records = read(sink.getvalue())
    assert [record.record for record in records if isinstance(record, Extracted)] == ["1", "3"]
    assert [record for record in records if isinstance(record, Unextracted)] == [Unextracted("row2", "undecodable")]


def test_a_chain_of_20_000_comments_is_one_thread():
    items = b"".join(item(n, parent=n - 1, text="a") for n in range(20_000, 1, -1)) + item(1, "story", title="T")
    records = read(items)
    assert len(records) == 20_000
    assert [record.meta["comments"] for record in records if isinstance(record, Extracted)] == [19_999]


def test_real_hacker_news_items_are_all_accounted_for(samples):
    records = read((samples / "forum" / "hackernews-items.jsonl").read_bytes())
    assert Counter(map(type, records)) == {Extracted: 251, NotDocument: 287, Unextracted: 52}
    (story,) = [record for record in records if getattr(record, "record", "") == "102"]
    assert story.text.endswith(
        "ashu:\nWow, this thing is seriously cool...\n\n"
        "avibryant:\nThanks!  There's another neat screencast here with more recent features: http://dabbledb.com/explore/screencasts/maps-and-charts/"
    )
