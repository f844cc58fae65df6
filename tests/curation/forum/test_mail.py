"""Claims about mail archives: threads are whole and read as talk, quotations go and code stays."""

import gzip
import io
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.documents import Extracted, NotDocument, ReadOptions, Unextracted, UnreadableFile
from gristmill.curation.forum import mail
from gristmill.curation.forum.mbox import FROM_LINE
from gristmill.curation.forum.message import author_name
from gristmill.curation.markup import plain_lines


def message(identity, subject, body, author="ann at x.org (Ann Lee)", date="1 Nov 2020 10:00:00 +0100", **more):
    headers = {"From": author, "Date": date, "Subject": subject, "Message-ID": f"<{identity}>"}
    headers.update({key.replace("_", "-"): value for key, value in more.items()})
    lines = [f"{key}: {value}" for key, value in headers.items()]
    return "From ann at x.org  Sun Nov  1 10:00:00 2020\n" + "\n".join(lines) + f"\n\n{body}\n\n"


def read(text: str | bytes):
    data = text.encode() if isinstance(text, str) else text
    return list(mail.read(io.BytesIO(data), "list.mbox", ReadOptions()))


def single(data: str | bytes):
    data = data.encode() if isinstance(data, str) else data
    (record,) = mail.read_message(io.BytesIO(data), "a.eml", ReadOptions())
    return record


def until_failure(records) -> tuple[list, str]:
    """What a reader yields before it raises, and what it says then."""
    found = []
    try:
        found.extend(records)
    except UnreadableFile as error:
        return found, str(error)
    return found, ""


def body_of(reply: str, question: str = "How do I sum a vector x?", subject="Re: Sums") -> str:
    """What is left of a reply to a question."""
    thread = message("q", "Sums", question) + message("r", subject, reply, "Bo <bo@y.org>", In_Reply_To="<q>")
    (document, _) = read(thread)
    return document.text.partition("\n\nBo:\n")[2]


def test_a_thread_is_one_document_in_order_of_date():
    text = (
        message("a@x", "[L] Sums", "First?")
        + message(
            "c@x",
            "Re: [L] Sums",
            "Third.",
            "Cy <c@z.org>",
            "1 Nov 2020 12:00:00 +0000",
            References="<a@x> <b@x>",
        )
        + message(
            "b@x",
            "Re: [L] Sums",
            "Second.",
            '"Bo, Jr." <b@y.org>',
            "1 Nov 2020 12:00:00 +0200",
            In_Reply_To="<a@x>",
        )
        + message("d@x", "[L] Other", "Alone.")
    )
    records = read(text)
    assert records[0] == Extracted(
        record="a@x",
        text="Sums\n\nAnn Lee:\nFirst?\n\nBo, Jr.:\nSecond.\n\nCy:\nThird.",
        title="Sums",
        created="2020-11-01T10:00:00+01:00",
        meta={"messages": 3, "subject": "[L] Sums", "authors": 3},
    )
    assert records[1:3] == [NotDocument("reply_in_thread")] * 2
    assert records[3].text == "Other\n\nAnn Lee:\nAlone."


def test_replies_meet_over_a_message_of_another_month():
    text = message("a", "Re: Old", "One.", References="<gone@x>") + message(
        "b", "Re: Old", "Two.", In_Reply_To="<gone@x>"
    )
    assert [type(record) for record in read(text)] == [Extracted, NotDocument]


def test_a_reply_without_ids_joins_by_its_subject_but_a_new_question_does_not():
    text = message("a", "Help", "One.") + message("b", "Help", "Two.") + message("c", "AW: Re: help", "Three.")
    documents = [record for record in read(text) if isinstance(record, Extracted)]
    assert [record.text.count("Ann Lee:") for record in documents] == [1, 2]


def test_a_message_that_comes_twice_is_read_once():
    records = read(message("a", "S", "One.") * 2)
    assert Counter(map(type, records)) == {Extracted: 1, NotDocument: 1}
    assert NotDocument("duplicate_message") in records


def test_from_in_a_body_begins_no_message():
    body = "He said:\n\nFrom the docs, this is known.\n\nFrom Monday on: 10:00 2020\n\n>From here too."
    (document,) = read(message("a", "S", body))
    assert document.text.endswith("From the docs, this is known.\n\nFrom Monday on: 10:00 2020\n\nFrom here too.")


@pytest.mark.parametrize(
    "line",
    [
        "From jjl at pobox.com  Thu Nov  1 11:19:12 2001",
        "From |ro@o @end|ng |rom un@|@edu@co  Mon Jan  6 22:38:44 2020",
        "From a@b Thu Nov  1 11:19 2001",
        "From a@b Thu Nov  1 11:19:12 MST 2001",
        "From 123@xxx Tue Jan 05 12:00:00 +0000 2021",
        "From MAILER-DAEMON Fri Jul  8 12:08:34 2011 -0400",
    ],
)
def test_from_lines_of_many_writers_are_known(line):
    assert FROM_LINE.fullmatch(line.encode() + b"\r\n")


QUOTE = "> How do I sum a vector x?"


@pytest.mark.parametrize(
    "reply",
    [
        f"On 1 Nov 2020, Ann Lee wrote:\n\n{QUOTE}\n\nUse sum(x).",
        f"On Sun, Nov 1, 2020 at 10:00 AM, Ann Lee\n<ann at x.org> wrote:\n{QUOTE}\nUse sum(x).",
        f"Am 01.11.2020 schrieb Ann Lee:\n{QUOTE}\n\nUse sum(x).",
        f"{QUOTE}\n\nUse sum(x).",
        "Use sum(x).\n\n-----Original Message-----\nFrom: Ann Lee\nSent: Sunday\nTo: list\nSubject: Sums\n\nHow do I sum a vector x?",
        "Use sum(x).\n\nFrom: Ann Lee <ann at x.org>\nSent: Sunday\nTo: list\nSubject: Sums\n\nanything at all",
        "Use sum(x).\n\nOn 1 Nov 2020, Ann Lee wrote:\n\nHow do I sum a vector x?\n",
        '>>>>> "Ann" == Ann Lee <ann at x.org>\n>>>>>     on Sun, 1 Nov 2020 writes:\n\n    Ann> How do I sum a vector x?\n\nUse sum(x).',
        f"Le 1 nov. 2020 à 10:00, Ann Lee <ann@x.org> a écrit :\n{QUOTE}\n\nUse sum(x).",
        f"El dom, 1 nov 2020 a las 10:00, Ann Lee (<ann@x.org>) escribió:\n{QUOTE}\n\nUse sum(x).",
        f"W dniu 01.11.2020 o 10:00, Ann Lee napisał(a):\n{QUOTE}\n\nUse sum(x).",
        f"1 ноября 2020 г., 10:00, Ann Lee <ann@x.org> написал:\n{QUOTE}\n\nUse sum(x).",
        f"在 2020年11月1日，Ann Lee <ann@x.org> 写道：\n{QUOTE}\n\nUse sum(x).",
        "On 1 Nov 2020, Ann Lee wrote:\n\nUse sum(x).",
        "Ann Lee <ann <at> x.org> writes:\n\n:\n: How do I sum a vector x?\n: Thanks.\n:\n\nUse sum(x).",
        'Use sum(x).\n\n\ufeffOn 1/11/20, 10:00 AM, "Ann Lee" <ann at x.org> wrote:\n\n    Hello,\n\n    how do I sum it?',
        "Use sum(x).\n\n________________________________\nVon: Ann Lee <ann at x.org>\nGesendet: Sonntag\nAn: Liste\nBetreff: Sums\n\nHow?",
        "Use sum(x).\n\n-----Message d'origine-----\nDe : Ann Lee\nEnvoyé : dimanche\nÀ : liste\nObjet : Sums\n\nHow?",
        "  AL> How do I compute the sum of\n  AL> all of its elements?\n\nUse sum(x).",
        "Use sum(x).\n\n-- \nBo\nphone 123",
        "Use sum(x).\n\n______________________________________________\nR-help at r-project.org mailing list\nhttps://stat.ethz.ch/mailman/listinfo/r-help\nPLEASE do read the posting guide",
        "Use sum(x).\n\n__________________________________________________\nDo You Yahoo!?\nFind a job",
        "Use sum(x).\n\n\t[[alternative HTML version deleted]]\n",
        "Use sum(x).\n-------------- next part --------------\nA non-text attachment was scrubbed...\nName: a.pdf\nType: application/pdf\nURL: <https://x/a.pdf>",
    ],
)
def test_what_the_author_did_not_write_goes(reply):
    assert body_of(reply) == "Use sum(x)."


def test_code_diffs_and_tables_in_a_reply_stay():
    reply = """Apply:

--- a/x.c
+++ b/x.c
@@ -1 +1 @@
-int x;
+long x;

| name | sum |
| x    | 6   |

$ make > log
: ${X:=1}
    if (x > 3) y"""
    assert body_of(reply) == reply


def test_interleaved_answers_stay_apart():
    question = "How do I sum a vector x?\nAnd how do I take its mean?"
    reply = "On 1 Nov Ann wrote:\n> How do I sum a vector x?\nsum(x)\n> And how do I take its mean?\nmean(x)"
    assert body_of(reply, question) == "sum(x)\n\nmean(x)"


@pytest.mark.parametrize(
    "session",
    [
        "> x <- c(1, 2)\n> sum(x)\n[1] 3",
        ">>> import numpy\n>>> numpy.sum([1, 2])\n3",
        " > fit <- lm(y ~ x)\n > summary(fit)\nCall:",
        "R> plot(x)\nR> dev.off()",
        "| a | b |\n| 1 | 2 |",
    ],
)
def test_code_at_a_prompt_is_no_quotation(session):
    assert body_of(f"Try this:\n\n{session}\n\nBo") == f"Try this:\n\n{session}\n\nBo"
    (document,) = read(message("a", "Crash", f"I get:\n\n{session}"))
    assert document.text.endswith(f"I get:\n\n{session}")


def test_what_a_first_message_quotes_from_elsewhere_stays():
    story = (
        "> This is the whole first page of a book that I love\n> and want to talk about with you.\n\nIs it not great?"
    )
    (document,) = read(message("a", "Story", story))
    assert document.text == f"Story\n\nAnn Lee:\n{story}"
    session = "The build says:\n\n> the linker could not find what you asked it for\n> exit 1\n\nWhat now?"
    (document,) = read(message("a", "Build", session))
    assert document.text.endswith(session)


MISSED = "> I have a long vector of numbers called x.\n> sum(x)\n> Is there a function that sums it?"


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("Sums", f"{MISSED}\n\nUse sum(x)."),  # a thread of that name is there already
        ("Means (was: Sums)", f"{MISSED}\n\nUse sum(x)."),
        ("Numbers", f"> Dear all,\n{MISSED}\n\nUse sum(x)."),
        ("Numbers", f"Use sum(x).\n\nOriginal message:\n\n> Hello!\n{MISSED}\n> Thank you."),
    ],
)
def test_a_reply_that_no_header_shows_loses_what_it_quotes(subject, body):
    archive = message("q", "Sums", "A question that was asked before.") + message("r", subject, body, "Bo <bo@y.org>")
    found = [record.text for record in read(archive) if record.record == "r"]
    assert [text.partition(":\n")[2].removesuffix("\n\nOriginal message:") for text in found] == ["Use sum(x)."]


def test_code_at_a_prompt_stays_in_a_second_thread_of_the_same_subject():
    body = "Anything times 0 is 0, but:\n\n> 0*Inf\n[1] NaN"
    records = read(message("q", "Sums", "One.") + message("r", "Sums", body))
    assert records[1].text.endswith(body)


def test_the_ends_of_quoted_lines_that_were_broken_go_too():
    reply = (
        "> I have a very long vector of numbers that I keep in the file\nunder\n> the name x, how do I sum all of its"
        "\n\nUse sum(x)."
    )
    assert body_of(reply) == "Use sum(x)."
    session = "> plot(x, y, type = 'l', col = 'red', main = 'A title of it', sub = 'b')\nnull device\n> y"
    assert body_of(session) == session


def test_words_below_dashes_that_begin_no_signature_stay():
    for reply in (
        "SELECT 1\n--\nFROM t;\n\nDoes it work?",
        "@@ -1 +1 @@\n--- old\n-- new\n--\n+ x\n\nWhat do you think?",
    ):
        assert body_of(reply) == reply


def test_a_message_of_quotation_alone_leaves_no_trace_and_an_empty_thread_is_named():
    assert body_of(f"On 1 Nov 2020, Ann Lee wrote:\n{QUOTE}\n") == ""
    assert read(message("a", "S", "-- \nAnn")) == [Unextracted("a", "empty_text", title="S")]


def test_a_message_without_an_id_has_its_place_for_record():
    text = message("a", "S", "One.")
    records = read(text + message("", "T", "Two.").replace("Message-ID: <>\n", ""))
    assert [record.record for record in records] == ["a", f"@{len(text)}"]


def test_names_are_shown_and_addresses_are_not():
    assert author_name("ann at x.org (Ann Lee)") == "Ann Lee"
    assert author_name('"Lee, Ann" <ann@x.org>') == "Lee, Ann"
    assert author_name("ann.lee@x.org") == "ann.lee"
    assert author_name("Mark.B at csiro.au (Mark.B at csiro.au)") == "Mark.B"
    assert author_name("|ro@o @end|ng |rom un@|@edu@co") == "Unknown"
    assert author_name("") == "Unknown"


def test_of_alternatives_the_plain_one_is_read_and_attachments_are_not():
    found = single(
        "From: =?utf-8?q?J=C3=BCrgen?= <j@x.org>\nSubject: =?iso-8859-1?Q?Gr=FC=DFe?=\nDate: Thu, 5 Mar 2020 01:02:03 -0000\n"
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=A\n\n--A\nContent-Type: multipart/alternative; boundary=B\n\n"
        "--B\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nSch=C3=B6n=\ner Tag\n"
        "--B\nContent-Type: text/html\n\n<p>nicht</p>\n--B--\n--A\nContent-Type: text/plain\nContent-Disposition: attachment\n\nno\n--A--\n"
    )
    assert (found.record, found.title, found.created) == ("", "Grüße", "2020-03-05T01:02:03")
    assert found.text == "Grüße\n\nJürgen:\nSchöner Tag"


def test_html_alone_is_read_with_its_quotation_taken_out():
    html = "<p>Use <b>sum</b>.</p><p>On Monday Ann wrote:</p><blockquote><p>How?</p></blockquote>"
    found = single(f"From: Bo <b@y.org>\nSubject: Re: S\nContent-Type: text/html\n\n{html}\n")
    assert found.text == "S\n\nBo:\nUse sum."


@pytest.mark.parametrize(
    "charset", ["utf-8", "us-ascii", "x-unknown", "rot13", "base64", "idna", '"\u0000"', "iso-8859-15", ""]
)
def test_any_charset_is_survived(charset):
    found = single(
        f"From: Bo <b@y.org>\nSubject: S\nContent-Type: text/plain; charset={charset}\n\ncaf".encode() + b"\xe9 ok\n"
    )
    assert found.text.startswith("S\n\nBo:\ncaf")
    assert found.text.endswith(" ok")


@pytest.mark.slow
def test_a_truncated_archive_gives_what_it_had_then_says_so():
    data = gzip.compress("".join(message(f"m{n}", f"S{n}", f"{n * 7919} " * 100) for n in range(9000)).encode())
    stream = io.BytesIO(data[: len(data) * 3 // 4])
    found, said = until_failure(mail.read(stream, "x", ReadOptions()))
    assert "truncated" in said
    assert len(found) > 1000


@given(st.binary(max_size=400))
def test_any_bytes_are_a_message_or_a_named_failure(data):
    alone, _ = until_failure(mail.read_message(io.BytesIO(data), "a.eml", ReadOptions()))
    in_mbox = read(b"From a Thu Nov  1 11:19:12 2001\n" + data)
    for record in alone + in_mbox:
        if isinstance(record, Extracted):
            assert record.text == plain_lines(record.text)


def test_texts_wait_outside_of_memory_and_a_huge_thread_is_cut(monkeypatch):
    monkeypatch.setattr(mail, "MAX_THREAD_BYTES", 1000)
    records = read("".join(message(f"m{n}", "Re: S", "Word. " * 20, References="<m0>") for n in range(30)))
    assert len(records) == 30
    assert {record.rule for record in records if isinstance(record, Unextracted)} == {"thread_too_large"}
    assert records[0].meta["messages"] < 10


def test_hostile_structures_end_soon():
    nested = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(3000))
    assert isinstance(single("Subject: S\n" + nested + "deep"), Extracted | Unextracted)
    assert isinstance(
        single("Subject: S\n\n" + "> " * 100_000 + "\n" + "-" * 100_000 + "\n" + "_" * 100_000),
        Extracted | Unextracted,
    )
    for line in (
        "On 1 Nov wrote:",
        "_" * 30 + "\nunsubscribe",
        "From: a\nTo: b\n",
        "> a",
        "-- Original",
        ">" * 50,
    ):
        assert isinstance(single("Subject: Re: S\n\n" + f"{line}\n" * 20_000), Extracted | Unextracted)
    chain = "".join(message(f"m{n}", f"Re: {n}", "Word.", References=f"<m{n - 1}>") for n in range(2000))
    assert Counter(map(type, read(chain))) == {Extracted: 1, NotDocument: 1999}


ARCHIVES = {  # messages, threads, threads without text
    "2001-November.mbox": (164, 28, 0),
    "r-devel-2009-November.txt.gz": (496, 154, 7),
    "r-help-2005-June.txt.gz": (2056, 817, 48),
    "r-help-2013-July.txt.gz": (1581, 460, 81),
    "r-package-devel-2020q1.txt.gz": (447, 113, 0),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_every_message_of_real_archives_is_accounted_for(samples, name):
    records = read((samples / "forum" / "mailinglist" / name).read_bytes())
    documents = [record for record in records if isinstance(record, Extracted)]
    empty = [record for record in records if isinstance(record, Unextracted)]
    assert (len(records), len(documents), len(empty)) == ARCHIVES[name]
    assert {record.rule for record in empty} <= {"empty_text"}
    assert len({record.record for record in documents + empty}) == len(documents + empty)
    text = "\n".join(record.text for record in documents)
    assert text == plain_lines(text)
    assert "HTML version deleted" not in text
    assert "\nReferences: <" not in text
    raw = (samples / "forum" / "mailinglist" / name).read_bytes()
    raw = gzip.decompress(raw) if name.endswith(".gz") else raw
    marked = sum(line.startswith(">") for line in text.split("\n"))
    assert marked < 0.15 * raw.count(b"\n>")  # what stays are sessions


def test_a_real_reply_keeps_its_session_and_loses_its_quotation(samples):
    path = samples / "forum" / "mailinglist" / "r-help-2013-July.txt.gz"
    texts = {record.record: record.text for record in read(path.read_bytes()) if isinstance(record, Extracted)}
    assert (
        'Adapt the following depending on your answers\n\n > set.seed(1)\n > x <- sample(c(rep("AA", 2), "AT", rep("TT", 3)))\n'
        in texts["CAL93JYvf0zpN1_RuMx5NqPEAyj_Ggxk1Kr42Kpy5_wff9zrcmA@mail.gmail.com"]
    )
    assert texts["51D0B4D3.4090200@gmail.com"].endswith(
        "Duncan Murdoch:\nDo you have all of those packages installed at the time you install\n"
        "gRbase?  If so, it may be a bug.  As I said, installation code is being\nworked on.\n\nDuncan Murdoch\n\n"
        "Søren Højsgaard:\nYes, these packages are all installed.\nS?ren"
    )


def test_a_real_python_session_stays(samples):
    records = read((samples / "forum" / "mailinglist" / "2001-November.mbox").read_bytes())
    (found,) = [record for record in records if getattr(record, "record", "") == "3BE852CA.A18F9E5C@atd.ucar.edu"]
    assert found.title == "MA - math operations do not preserve fill_value"
    assert "\n\n>>> c=a+b\n>>> c\narray(data =\n [  1.00000002e+20," in found.text
