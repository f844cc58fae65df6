"""Claims about logs of channels: what was said stays, who came and went does not, and days are told apart."""

import gzip
import io
import re
from collections import Counter

import pytest

from gristmill.curation import forum
from gristmill.curation.documents import Extracted, NotDocument, ReadOptions, Unextracted, UnreadableFile


def read(data: bytes, name="file") -> list:
    return list(forum.read(io.BytesIO(data), name, ReadOptions()))


IRC = b"=== ann [~a@10.0.0.1]  has joined #x\n[06:03] <ann> hi\n[06:04] <bo> hello\n=== bo waves\n"


def test_an_irc_log_keeps_its_talk_and_no_addresses():
    (record,) = read(IRC, "logs/2005-06-06.train-c.raw.txt")
    assert record == Extracted(
        record="",
        text="<ann> hi\n<bo> hello\n* bo waves",
        created="2005-06-06",
        meta={"lines": 3, "events": 1},
    )


LOGS = {
    "irssi": """--- Log opened Mon Nov 01 00:00:01 2010
10:00 -!- ann [~a@10.0.0.1] has joined #x
10:00 <@ann> hi
10:01 < bo> hello <b>
10:01  * bo waves
10:02 -!- Irssi: #x: Total of 3 nicks
""",
    "weechat": """2010-11-01 10:00:00\t-->\tann (~a@10.0.0.1) has joined #x
2010-11-01 10:00:01\t@ann\thi
2010-11-01 10:00:02\tbo\thello <b>
2010-11-01 10:00:03\t *\tbo waves
2010-11-01 10:00:04\t<--\tbo (~b@10.0.0.2) has quit (Quit)
""",
    "znc": """[10:00:00] *** Joins: ann (~a@10.0.0.1)
[10:00:01] <ann> hi
[10:00:02] <bo> hello <b>
[10:00:03] * bo waves
[10:00:04] *** Quits: bo (~b@10.0.0.2) (Quit)
""",
    "eggdrop": """[10:00] ann (~a@10.0.0.1) joined #x.
[10:00] <ann> hi
[10:01] <bo> hello <b>
[10:01] Action: bo waves
[10:02] bo (~b@10.0.0.2) left irc: Quit
""",
    "hexchat": """**** BEGIN LOGGING AT Mon Nov  1 10:00:00 2010

Nov 01 10:00:00 *\tann (~a@10.0.0.1) has joined
Nov 01 10:00:01 <ann>\thi
Nov 01 10:00:02 <bo>\thello <b>
Nov 01 10:00:03 *\tbo waves
Nov 01 10:00:04 *\tbo has quit (Quit)
""",
}


@pytest.mark.parametrize("program", LOGS)
def test_logs_of_all_programs_read_alike(program):
    (found,) = read(LOGS[program].encode(), "#x_20101101.log")
    assert found.text == "<ann> hi\n<bo> hello <b>\n* bo waves"
    assert found.created == "2010-11-01"
    lines = [line for line in LOGS[program].split("\n") if line.strip()]
    assert found.meta["lines"] + found.meta["events"] == len(lines)


def test_a_log_of_several_days_is_a_document_a_day():
    log = LOGS["irssi"] + "--- Day changed Tue Nov 02 2010\n10:00 <ann> again\n--- Day changed Wed Nov 03 2010\n"
    first, second, third = read(log.encode(), "x.log")
    assert [first.record, second.record] == ["2010-11-01", "2010-11-02"]
    assert second.text == "<ann> again"
    assert third == Unextracted("2010-11-03", "empty_text")


def test_colours_go_and_every_line_has_its_own_encoding():
    log = b"10:00 <ann> \x0304,01red\x03 \x02bold\x02\n10:01 <bo> caf\xc3\xa9\n10:02 <cy> caf\xe9\n"
    assert read(log)[0].text == "<ann> red bold\n<bo> caf\u00e9\n<cy> caf\u00e9"


def test_a_log_without_end_is_cut_into_parts(monkeypatch):
    monkeypatch.setattr(forum.irc, "MAX_DAY_BYTES", 1000)
    records = read(b"".join(b"10:00 <ann> number %d\n" % n for n in range(200)), "2010-11-01.log")
    assert sum(record.meta["lines"] for record in records) == 200
    assert [record.record for record in records[:3]] == ["", "part2", "part3"]


def test_a_cut_log_gives_what_it_had():
    data = gzip.compress("".join(f"[10:00] <ann> {n * 7919}\n" for n in range(20_000)).encode())
    records = forum.read(io.BytesIO(data[: len(data) // 2]), "x.log", ReadOptions())
    assert next(records).meta["lines"] > 1000
    with pytest.raises(UnreadableFile, match="truncated"):
        next(records)


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
    events = re.compile(r"^\* .*\[.*@.*\]  has (joined|left)|is now known as", re.MULTILINE)
    assert not any(events.search(record.text) for record in documents)
