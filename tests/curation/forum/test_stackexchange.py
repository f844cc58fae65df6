"""Claims about Stack Exchange dumps: threads are whole, code is exact, and every row is accounted for."""

import gzip
import io
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.documents import Extracted, NotDocument, ReadOptions, Unextracted, UnreadableFile
from gristmill.curation.forum import stackexchange
from gristmill.curation.forum.stackexchange import html_text, site_of, tidy

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
        licence="CC-BY-SA",
        meta={"score": 3, "tags": ["a", "b-c"], "answers": 3, "accepted": True, "answer_scores": [-1, 5, 5]},
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
        Unextracted("6@row7", "duplicate_id"),
        Unextracted("5", "empty_text", url="https://tea.stackexchange.com/questions/5"),
        Unextracted("3", "orphan_answer"),
    ]
    assert [record.record for record in documents(records)] == ["6"]


def test_licences_of_a_thread_are_one_spdx_expression():
    records = read(dump(question(1, ContentLicense="CC BY-SA 4.0"), answer(2, 1, ContentLicense="CC BY-SA 3.0")))
    assert documents(records)[0].licence == "CC-BY-SA-3.0 AND CC-BY-SA-4.0"


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


def test_code_is_exact_wherever_it_stands():
    code = "def f(x):\n\n    if x < 3 and `y`:\n\t\treturn  '```'\n\n\n  # end"
    html = f"<p>Try:</p><ul><li><p>this</p><pre class='lang-py'><code>{escape(code)}\n</code></pre></li></ul><p>ok</p>"
    assert html_text(html) == f"Try:\n\n- this\n\n````py\n{code}\n````\n\nok"


def test_lists_quotations_tables_and_links_stay_readable():
    html = """<p>See <a href="http://x.y">the
      <em>manual</em></a>:<br>10<sup>6</sup> H<sub>2</sub>O x<sup>th</sup> <code>a  b</code></p>
      <ol start="3"><li>one</li><li>two<ul><li>deep</li></ul></li></ol>
      <blockquote><p>he said</p><p>more</p></blockquote>
      <table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>
      <p><img src="x" alt="enter image description here"> 1 &lt; 2 &amp;amp;</p><script>no</script>"""
    assert html_text(html) == (
        "See the manual:\n10⁶ H₂O xth `a b`\n\n3. one\n4. two\n   - deep\n\n> he said\n\n> more\n\n"
        "a | b\n1 | 2\n\n1 < 2 &amp;"
    )


def test_deep_nesting_loses_no_text_and_does_not_swell():
    depth = 5000
    text = html_text("<ul><li>" * depth + "core" + "</li></ul>" * depth + "<p>after</p>")
    assert text.strip().endswith("after")
    assert "core" in text
    assert len(text) < 100


@given(st.text())
def test_any_string_is_read_as_tidy_text(html):
    for text in (html_text(html), tidy(html)):
        assert text == tidy(text)
        assert "\0" not in text
        assert "\r" not in text
        text.encode()


@given(st.text(alphabet="ab \n<>&`'\"", max_size=60))
def test_any_code_block_keeps_its_lines(code):
    found = html_text(f"<pre><code>{escape(code)}</code></pre>").split("\n")
    lines = tidy(code.strip("\n")).split("\n")
    assert found[1:-1] == lines or not code.strip()


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
        assert record.text == tidy(record.text)
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
