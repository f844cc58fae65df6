"""Claims about forum files: the content tells the format, archives are opened, and nothing is lost without a name."""

import gzip
import io
import tarfile
import zipfile

import pytest

from gristmill.curation import forum
from gristmill.curation.documents import Extracted, NotDocument, ReadOptions, Unextracted, UnreadableFile

MBOX = b"From ann at x.org  Sun Nov  1 10:00:00 2020\nFrom: Ann <a@x.org>\nSubject: S\n\nHello.\n"
EML = b"From: Ann <a@x.org>\nSubject: S\nDate: 1 Nov 2020 10:00:00 +0000\n\nHello.\n"
NEWS = b"Path: a!b\nNewsgroups: alt.x\nFrom: a@x.org (Ann)\nSubject: S\n\nHello.\n"
POSTS = b'\xef\xbb\xbf<?xml version="1.0"?>\n<posts>\n<row Id="1" PostTypeId="1" Title="T" Body="B" />\n</posts>'
OASST = b'{"message_id": "p", "parent_id": null, "text": "Hi", "role": "prompter"}\n'
HN = b'{"id": 1, "type": "story", "by": "a", "title": "T"}\n'
REDDIT = b'{"id": "a1", "subreddit": "tea", "title": "T", "selftext": "B"}\n'
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
    "reddit": [REDDIT, b'{"body": "Hi", "id": "c", "link_id": "t3_a1", "parent_id": "t3_a1", "subreddit": "tea"}\n'],
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


def test_other_tables_of_a_dump_are_counted_and_not_failed():
    assert read(b'<?xml version="1.0"?>\n<users>\n<row Id="1" />\n</users>') == [NotDocument("stackexchange_users")]


def test_comments_are_found_in_an_archive():
    comments = b'<comments><row Id="1" PostId="1" Text="Indeed." /></comments>'
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("tea.stackexchange/Posts.xml", POSTS)
        archive.writestr("tea.stackexchange/Comments.xml", comments)
    packed.seek(0)
    options = ReadOptions(params=forum.PARAMS(comments=True))
    document, comment, table = forum.read(packed, "x.zip", options)
    assert document.text == "T\n\nB\n\nComment: Indeed."
    assert [comment, table] == [NotDocument("comment_in_thread"), NotDocument("stackexchange_comments")]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "the file is empty"),
        (gzip.compress(b"", mtime=0), "the file is empty"),
        (b"Just prose.\n", "begins 'Just prose"),
        (b"\x00\xff\x01", "none of stackexchange"),
        (b'[{"id": 1}]', "one object per line"),
        (b'{\n "id": 1\n}', "one object per line"),
        (b'{"speaker": "A", "line": "Hi"}\n{"speaker": "B"}', "keys 'speaker', 'line', which are those of no format"),
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


def test_a_truncated_archive_of_logs_says_so(samples):
    data = (samples / "forum" / "ubuntu-irc.tar.gz").read_bytes()
    with pytest.raises(UnreadableFile, match="truncated"):
        read(data[: len(data) // 2], "ubuntu-irc.tar.gz")


def test_every_real_file_is_recognised(samples):
    for path in sorted((samples / "forum").rglob("*")):
        if path.is_file() and ".tar" not in path.name:
            head = path.read_bytes()
            head = gzip.decompress(head) if path.suffix == ".gz" else head
            assert forum.detect(head[: 2**16], str(path)) in forum.FORMATS
