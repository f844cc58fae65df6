"""Claims about forum files: the content tells the format, archives are opened, and nothing is lost without a name."""

import gzip
import io
import json
import re
import tarfile
import zipfile
from collections import Counter

import pytest

from gristmill.curation import forum
from gristmill.curation.documents import Extracted, NotDocument, ReadOptions, Unextracted, UnreadableFile

MBOX = b"From ann at x.org  Sun Nov  1 10:00:00 2020\nFrom: Ann <a@x.org>\nSubject: S\n\nHello.\n"
EML = b"From: Ann <a@x.org>\nSubject: S\nDate: 1 Nov 2020 10:00:00 +0000\n\nHello.\n"
NEWS = b"Path: a!b\nNewsgroups: alt.x\nFrom: a@x.org (Ann)\nSubject: S\n\nHello.\n"
POSTS = b'\xef\xbb\xbf<?xml version="1.0"?>\n<posts>\n<row Id="1" PostTypeId="1" Title="T" Body="B" />\n</posts>'
OASST = b'{"message_id": "p", "parent_id": null, "text": "Hi", "role": "prompter"}\n'
HN = b'{"id": 1, "type": "story", "by": "a", "title": "T"}\n'
IRC = b"=== ann [~a@10.0.0.1]  has joined #x\n[06:03] <ann> hi\n[06:04] <bo> hello\n=== bo waves\n"

EXAMPLES = {
    "stackexchange": [POSTS],
    "mbox": [MBOX, b"\n\n" + MBOX],
    "eml": [EML, NEWS, b"Received: by x\n\tfor y\nSubject: S\n\nHello.\n"],
    "oasst": [
        OASST,
        b'{"message_tree_id": "p", "prompt": {"message_id": "p", "text": "Hi", "role": "prompter"}}\n',
    ],
    "hackernews": [HN],
    "irc": [IRC, b"12:00 <ann> hi\n", b"[12:00:01] * ann waves\n"],
}


def read(data: bytes, name="file", format=None) -> list:
    return list(forum.read(io.BytesIO(data), name, ReadOptions(format=format)))


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("format", forum.FORMATS)
def test_the_content_tells_the_format(format, pack):
    for data in EXAMPLES[format]:
        assert forum.detect(data, "file") == format
        assert [type(record) for record in read(pack(data))] == [Extracted]


def test_the_name_decides_where_the_content_cannot():
    assert forum.detect(b"Hello.\n", "a/b.eml.gz") == "eml"
    assert forum.detect(b"Hello.\n", "a/b.txt") is None


def test_the_manifests_format_overrides():
    (record,) = read(MBOX, format="eml")
    assert record.record == ""


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "the file is empty"),
        (gzip.compress(b""), "the file is empty"),
        (b"Just prose.\n", "begins 'Just prose"),
        (b"\x00\xff\x01", "none of stackexchange"),
        (b'[{"id": 1}]', "one object per line"),
        (b"7z\xbc\xaf'\x1c\x00", "7z x FILE"),
        (b'<?xml version="1.0"?><html/>', "none of"),
    ],
)
def test_what_is_no_forum_is_refused_with_advice(data, says):
    with pytest.raises(UnreadableFile, match=says):
        read(data)


def test_a_format_that_does_not_exist_is_refused():
    with pytest.raises(UnreadableFile, match="'usenet' is no format"):
        read(MBOX, format="usenet")


def test_members_of_archives_are_read_as_files_of_their_own():
    content = {
        "x/tea.stackexchange/Posts.xml": POSTS,
        "x/1.eml": EML,
        "x/list.mbox": MBOX,
        "x/README": b"Just prose.\n",
        "x/day.annotation.txt": b"1 2 -\n",
        "x/bad/Posts.xml": POSTS[:-9],
    }
    packed_tar, packed_zip = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=packed_tar, mode="w:gz") as archive:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    with zipfile.ZipFile(packed_zip, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    for packed in (packed_tar, packed_zip):
        records = read(packed.getvalue())
        assert [getattr(record, "record", record) for record in records] == [
            "x/tea.stackexchange/Posts.xml#1",
            "x/1.eml",
            "x/list.mbox#@0",
            NotDocument("unknown_member"),
            NotDocument("irc_annotation"),
            "x/bad/Posts.xml#1",
            "x/bad/Posts.xml",
        ]
        assert records[0].url == "https://tea.stackexchange.com/questions/1"
        assert records[-1] == Unextracted("x/bad/Posts.xml", "damaged_member")


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
    assert records[1] == Extracted(
        record="1",
        text="T\n\nAsk & tell\n\nmore\n\nu3:\nfirst\n\n```\n  a  b\n```\n\nu2:\nsecond\n\nu5:\ndeep",
        url="https://news.ycombinator.com/item?id=1",
        title="T",
        created="2006-10-09T18:21:51+00:00",
        meta={"type": "story", "comments": 3, "score": 7, "link": "http://x.y"},
    )
    assert Counter(map(str, records))[str(NotDocument("comment_in_thread"))] == 4


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
        Unextracted("4@row5", "duplicate_id"),
        Unextracted("row8", "malformed_json"),
        Unextracted("row9", "malformed_row"),
        Unextracted("1", "deleted", url=link + "1"),
        Unextracted("2", "orphan_comment"),
        NotDocument("pollopt"),
        Unextracted("4", "empty_text", url=link + "4"),
        Unextracted("6", "orphan_comment"),
        Unextracted("7", "orphan_comment"),
    ]


def test_an_irc_log_keeps_its_talk_and_no_addresses():
    (record,) = read(IRC, "logs/2005-06-06.train-c.raw.txt")
    assert record == Extracted(
        record="",
        text="[06:03] <ann> hi\n[06:04] <bo> hello\n=== bo waves",
        created="2005-06-06",
        meta={"lines": 3, "events": 1},
    )


def test_a_truncated_archive_of_logs_says_so(samples):
    data = (samples / "forum" / "ubuntu-irc.tar.gz").read_bytes()
    with pytest.raises(UnreadableFile, match="truncated"):
        read(data[: len(data) // 2], "ubuntu-irc.tar.gz")


def test_real_irc_days_are_documents_and_annotations_are_not(samples):
    records = read((samples / "forum" / "ubuntu-irc.tar.gz").read_bytes(), "ubuntu-irc.tar.gz")
    documents = [record for record in records if isinstance(record, Extracted)]
    assert len(documents) == 80
    assert Counter(record.reason for record in records if isinstance(record, NotDocument)) == {
        "irc_annotation": 80,
        "unknown_member": 2,
    }
    assert sum(record.meta["lines"] + record.meta["events"] for record in documents) == 122_265
    assert documents[0].record == "data/train/2004-12-25.train-c.raw.txt"
    assert documents[0].created == "2004-12-25"
    events = re.compile(r"^=== \S+ \[.*@.*\]  has (joined|left)", re.MULTILINE)
    assert not any(events.search(record.text) for record in documents)


def test_real_hacker_news_items_are_all_accounted_for(samples):
    records = read((samples / "forum" / "hackernews-items.jsonl").read_bytes())
    assert Counter(map(type, records)) == {Extracted: 251, NotDocument: 297, Unextracted: 42}
    (story,) = [record for record in records if getattr(record, "record", "") == "102"]
    assert story.text.endswith(
        "ashu:\nWow, this thing is seriously cool...\n\n"
        "avibryant:\nThanks!  There's another neat screencast here with more recent features: http://dabbledb.com/explore/screencasts/maps-and-charts/"
    )


def test_every_real_file_is_recognised(samples):
    for path in sorted((samples / "forum").rglob("*")):
        if path.is_file() and ".tar" not in path.name:
            head = path.read_bytes()
            head = gzip.decompress(head) if path.suffix == ".gz" else head
            assert forum.detect(head[: 2**16], str(path)) in forum.FORMATS
