"""Claims about Stack Exchange dumps: threads are whole, code is exact, and every row is accounted for."""

import gzip
import io
from html import escape

import pytest

from gristmill.curation.documents import Extracted, NotDocument, ReadOptions, Unextracted, UnreadableFile
from gristmill.curation.forum import stackexchange, stackexchange_rows
from gristmill.curation.forum.posts import ForumParams
from gristmill.curation.forum.stackexchange import site_of
from gristmill.curation.markup import plain_lines

BOM = "\ufeff"


def row(**attributes) -> str:
    return "<row " + " ".join(f'{key}="{escape(str(value))}"' for key, value in attributes.items()) + " />"


def question(identity, body="<p>Why?</p>", **more):
    return row(Id=identity, PostTypeId=1, Score=3, Title="A title", Body=body, **more)


def answer(identity, parent, body="<p>So.</p>", score=0, **more):
    return row(Id=identity, PostTypeId=2, ParentId=parent, Score=score, Body=body, **more)


def dump(*rows: str) -> bytes:
    return (BOM + '<?xml version="1.0" encoding="utf-8"?>\n<posts>\n' + "\n".join(rows) + "\n</posts>").encode()


def read(data: bytes, name="tea.stackexchange/Posts.xml"):
    return list(stackexchange.read(io.BytesIO(data), name, ReadOptions()))


def until_failure(records) -> tuple[list, str]:
    """What a reader yields before it raises, and what it says then."""
    found = []
    try:
        found.extend(records)
    except UnreadableFile as error:
        return found, str(error)
    return found, ""


def documents(records):
    return [record for record in records if isinstance(record, Extracted)]


def test_the_accepted_answer_comes_first_then_by_score_then_by_id():
    records = read(
        dump(
            answer(9, 1, "<p>before its question</p>", score=5),
            question(1, AcceptedAnswerId=4, Tags="<a><b-c>", CreationDate="2020-01-02T03:04:05.678"),
            answer(4, 1, "<p>accepted</p>", score=-1),
            answer(3, 1, "<p>later id</p>", score=5),
        )
    )
    assert records[0] == Extracted(
        record="1",
        text="A title\n\nWhy?\n\nAnswer 1:\naccepted\n\nAnswer 2:\nlater id\n\nAnswer 3:\nbefore its question",
        url="https://tea.stackexchange.com/questions/1",
        title="A title",
        created="2020-01-02T03:04:05.678",
        licence="CC-BY-SA-4.0",
        meta={
            "score": 3,
            "tags": ["a", "b-c"],
            "answers": 3,
            "accepted": True,
            "answer_ids": [4, 3, 9],
            "answer_scores": [-1, 5, 5],
        },
    )
    assert records[1:] == [NotDocument("answer_in_thread")] * 3


def test_what_is_no_thread_is_named():
    records = read(
        dump(
            row(Id=1, PostTypeId=5, Body="about a tag"),
            row(Id=2, PostTypeId=77),
            answer(3, 999),
            row(Id="x", PostTypeId=1),
            row(Id=5, PostTypeId=1, Body="", Title=""),
            question(6),
            question(6),
        )
    )
    assert [record for record in records if not isinstance(record, Extracted)] == [
        NotDocument("tag_wiki"),
        NotDocument("post_type_77"),
        Unextracted("row4", "malformed_row"),
        Unextracted("5", "empty_text", url="https://tea.stackexchange.com/questions/5"),
        Unextracted("6@row7", "duplicate_id"),
        Unextracted("3", "orphan_answer"),
    ]
    assert [record.record for record in documents(records)] == ["6"]


def test_licences_of_a_thread_are_one_spdx_expression():
    records = read(dump(question(1, ContentLicense="CC BY-SA 4.0"), answer(2, 1, ContentLicense="CC BY-SA 3.0")))
    assert documents(records)[0].licence == "CC-BY-SA-3.0 AND CC-BY-SA-4.0"


@pytest.mark.parametrize(
    ("created", "licence"),
    [
        ("2011-04-07T23:59:59.000", "CC-BY-SA-2.5"),
        ("2011-04-08T00:00:00.000", "CC-BY-SA-3.0"),
        ("2018-05-01T23:59:59.000", "CC-BY-SA-3.0"),
        ("2018-05-02T00:00:00.000", "CC-BY-SA-4.0"),
        ("some day", "CC-BY-SA"),
    ],
)
def test_a_post_that_states_no_licence_has_that_of_its_date(created, licence):
    assert documents(read(dump(question(1, CreationDate=created))))[0].licence == licence


COMMENTS = (
    '<?xml version="1.0"?><comments>'
    + row(Id=7, PostId=1, Score=2, Text="Why & when?", CreationDate="2010-01-01T00:00:00.000")
    + row(Id=6, PostId=2, Text="Thanks `x`!")
    + row(Id=8, PostId=99, Text="lost")
    + row(Id="x", PostId=1)
    + "</comments>"
).encode()


def test_comments_follow_their_posts_where_they_are_wanted(tmp_path):
    posts = tmp_path / "tea.stackexchange" / "Posts.xml"
    posts.parent.mkdir()
    posts.write_bytes(dump(question(1), answer(2, 1)))
    wanted = ReadOptions(params=ForumParams(comments=True))
    with posts.open("rb") as stream, pytest.raises(UnreadableFile, match=r"no 'Comments\.xml' beside"):
        list(stackexchange.read(stream, "Posts.xml", wanted))
    (posts.parent / "Comments.xml").write_bytes(COMMENTS)
    with posts.open("rb") as stream:
        records = list(stackexchange.read(stream, "Posts.xml", wanted))
    (found,) = documents(records)
    assert found.text == "A title\n\nWhy?\n\nComment: Why & when?\n\nAnswer 1:\nSo.\n\nComment: Thanks `x`!"
    assert (found.meta["comments"], found.licence) == (2, "CC-BY-SA-2.5")
    assert [record for record in records if record is not found] == [
        Unextracted("comments/row4", "malformed_row"),
        Unextracted("comments/8", "orphan_comment"),
        NotDocument("comment_in_thread"),
        NotDocument("answer_in_thread"),
        NotDocument("comment_in_thread"),
    ]
    with posts.open("rb") as stream:
        assert "Comment:" not in documents(stackexchange.read(stream, "Posts.xml", ReadOptions()))[0].text


def test_a_huge_row_and_a_huge_thread_cost_no_other(monkeypatch):
    monkeypatch.setattr(stackexchange_rows, "MAX_ROW_BYTES", 2**20)
    records = read(dump(question(1), question(2, "x" * 2**22), question(3)))
    assert [record.record for record in documents(records)] == ["1", "3"]
    assert [record.rule for record in records if isinstance(record, Unextracted)] == ["row_too_large"]
    monkeypatch.setattr(stackexchange, "MAX_THREAD_BYTES", 1000)
    records = read(dump(question(1), *[answer(n, 1, "word " * 50) for n in range(2, 12)], question(99)))
    assert [record.record for record in documents(records)] == ["1", "99"]
    assert len(records) == 12
    assert {record.rule for record in records if isinstance(record, Unextracted)} == {"thread_too_large"}


def test_both_forms_of_tags_are_read():
    (old,), (new,) = (documents(read(dump(question(1, Tags=tags)))) for tags in ("<x><y>", "|x|y|"))
    assert old.meta["tags"] == new.meta["tags"] == ["x", "y"]


def test_threads_far_apart_and_beyond_a_buckets_memory_are_whole():
    big = "<p>" + "word " * 100_000 + "</p>"
    rows = [question(1, big), question(10**6, big), question(10**14, big)]
    rows += [answer(10**9 + n, parent, big) for n, parent in enumerate([10**14, 10**6, 1])]
    records = read(dump(*rows))
    assert [record.record for record in documents(records)] == ["1", "1000000", "100000000000000"]
    assert all(record.meta["answers"] == 1 for record in documents(records))


def test_a_damaged_row_does_not_cost_the_others():
    bare = '<row Id="2" PostTypeId="1" Title="T" Body="a & b \x01 &#x2; <c" />'
    cut = '<row Id="3 PostTypeId="1" Body="open />'
    records = read(dump(question(1), bare, cut, question(4), question(5)))
    assert [record.record for record in documents(records)] == ["1", "2", "4", "5"]
    assert [record.rule for record in records if isinstance(record, Unextracted)] == ["malformed_row"]


def test_a_truncated_dump_gives_what_it_had_then_says_so():
    data = dump(*[question(n, f"<p>{n * 7919}</p>" * 50) for n in range(1, 3000)])
    stream = io.BytesIO(data[: len(data) // 2])
    found, said = until_failure(stackexchange.read(stream, "Posts.xml", ReadOptions()))
    assert "truncated" in said
    # All rows before the cut, and of the row that it hits, that it was hit.
    assert [record.rule for record in found if isinstance(record, Unextracted)] == ["malformed_row"]
    assert [record.record for record in documents(found)] == [str(n) for n in range(1, len(found))]
    assert data[: len(data) // 2].count(b"<row") == len(found)


def test_a_truncated_compressed_dump_says_so_after_what_it_had():
    data = gzip.compress(dump(*[question(n, f"<p>{n * 7919}</p>" * 50) for n in range(1, 3000)]))
    stream = io.BytesIO(data[: len(data) * 3 // 4])
    found, said = until_failure(stackexchange.read(stream, "Posts.xml", ReadOptions()))
    assert "truncated" in said
    assert [record.record for record in documents(found)] == [str(n) for n in range(1, len(found))]
    assert len(found) > 500


def test_an_entity_bomb_is_refused():
    bomb = b'<?xml version="1.0"?><!DOCTYPE posts [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><posts><row Id="1" Body="&b;"/></posts>'
    with pytest.raises(UnreadableFile, match="document type"):
        read(bomb)


@pytest.mark.parametrize(
    ("name", "site"),
    [
        ("x/beer.stackexchange/Posts.xml", "beer.stackexchange.com"),
        ("datascience.meta/Posts.xml", "datascience.meta.stackexchange.com"),
        ("beer.meta.stackexchange.com/Posts.xml.gz", "beer.meta.stackexchange.com"),
        ("stackoverflow.com/Posts.xml", "stackoverflow.com"),
        ("d/stackoverflow/Posts.xml", "stackoverflow.com"),
        ("d/ru.stackoverflow.com/Posts.xml", "ru.stackoverflow.com"),
        ("dumps/superuser.com-Posts.xml.zst", "superuser.com"),
        ("dumps/Posts.xml", None),
        ("$DATA/my.files/Posts.xml", None),
        ("Posts.xml", None),
    ],
)
def test_the_folder_names_the_site(name, site):
    assert site_of(name) == site


SAMPLES = {
    "beer.stackexchange": (2354, 663),
    "coffee.stackexchange": (592, 225),
    "datascience.meta": (624, 257),
}


@pytest.mark.parametrize("site", SAMPLES)
def test_every_row_of_real_dumps_is_accounted_for(samples, site):
    path = samples / "forum" / "stackexchange" / site / "Posts.xml"
    data = path.read_bytes()
    records = read(data, f"{site}/Posts.xml")
    assert (len(records), len(documents(records))) == SAMPLES[site] == (data.count(b"<row "), SAMPLES[site][1])
    assert not [record for record in records if isinstance(record, Unextracted)]
    assert len({record.record for record in documents(records)}) == SAMPLES[site][1]
    for record in documents(records):
        assert record.text.startswith(record.title)
        assert record.text == plain_lines(record.text)
        assert "<p>" not in record.text.split("```")[0]


def test_a_real_thread_reads_as_it_should(samples):
    path = samples / "forum" / "stackexchange" / "datascience.meta" / "Posts.xml"
    (found,) = [record for record in documents(read(path.read_bytes())) if record.record == "2646"]
    assert found.text.startswith(
        "Merge [gpt] and [openai-gp]\n\nThe tags gpt and openai-gpt seem synonymous. Let's merge them?\n\n"
        "Answer 1:\nDone.\n\n```\nupdating post history, 73 rows affected (pipe delimited)\n"
        "updating posts, 73 rows affected  (pipe delimited)\n"
    )
    assert found.meta["accepted"] is True
    assert found.meta["tags"] == ["discussion", "tag-synonyms"]
