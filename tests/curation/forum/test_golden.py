"""Claims about all real samples: every text is what it was when it was last read through, and no law is broken."""

import re

import pytest
import xxhash

from gristmill.curation import forum
from gristmill.curation.documents import Extracted, ReadOptions, meta_json
from gristmill.curation.forum.posts import tidy
from gristmill.curation.forum.quotations import line_key

GOLDEN = {  # documents, their characters, digest of records, texts and meta
    "hackernews-items.jsonl": (251, 83643, "c50cf99a3bf66f92"),
    "mailinglist/2001-November.mbox": (28, 69124, "787f7135e822b665"),
    "mailinglist/r-devel-2009-November.txt.gz": (154, 617194, "d0903da1651e7ffc"),
    "mailinglist/r-help-2005-June.txt.gz": (817, 1315890, "87c11a6b5479a504"),
    "mailinglist/r-help-2013-July.txt.gz": (460, 964638, "5a1d79a4e8b8b669"),
    "mailinglist/r-package-devel-2020q1.txt.gz": (113, 319276, "8ae4fc678fd5da8a"),
    "oasst/en_100_message.jsonl": (100, 196008, "5c6c4e5d1207981b"),
    "oasst/en_100_tree.jsonl": (100, 196008, "5c6c4e5d1207981b"),
    "oasst/oasst1-en-validation.messages.jsonl": (154, 281828, "75683bbc2fab36dc"),
    "stackexchange/beer.stackexchange/Posts.xml": (663, 1521799, "2c50e313cc2cd04c"),
    "stackexchange/coffee.stackexchange/Posts.xml": (225, 445787, "688c26e0ae06f8a3"),
    "stackexchange/datascience.meta/Posts.xml": (257, 535385, "c771232bcaec4f30"),
    "ubuntu-irc.tar.gz": (80, 6737620, "60c469149ae79958"),
}

_FENCE = re.compile(r"(`{3,})(\S*)")
_MARKED = re.compile(r"[ \t]{0,2}(?:>[> ]*|\| )(?=[A-Za-z])")
_PROSE = re.compile(r"[A-Z][a-z]+(?: [a-z]+){6,}")


def documents(samples, name) -> list[Extracted]:
    with (samples / "forum" / name).open("rb") as stream:
        return [record for record in forum.read(stream, name, ReadOptions()) if isinstance(record, Extracted)]


@pytest.mark.parametrize("name", GOLDEN)
def test_real_samples_read_as_they_did(samples, name):
    found = documents(samples, name)
    digest = xxhash.xxh3_64()
    for record in found:
        digest.update(f"{record.record}\0{record.text}\0{meta_json(record.meta)}\0".encode())
        assert record.text == tidy(record.text)
    assert (len(found), sum(len(record.text) for record in found), digest.hexdigest()) == GOLDEN[name]


@pytest.mark.parametrize("name", [name for name in GOLDEN if "stackexchange" in name or "hackernews" in name])
def test_code_blocks_are_balanced(samples, name):
    for record in documents(samples, name):
        fence = None
        for line in record.text.split("\n"):
            if (found := _FENCE.fullmatch(line.strip())) and fence is None:
                fence = found[1]
            elif found and found[1] == fence and not found[2]:
                fence = None
        assert fence is None, record.record


@pytest.mark.parametrize("name", [name for name in GOLDEN if "mailinglist" in name])
def test_no_quoted_mail_is_left(samples, name):
    """No line that says who wrote, no copied mail, and of what an earlier message says nothing behind a mark but code."""
    for record in documents(samples, name):
        plain = set()
        for line in record.text.split("\n"):
            assert "-----Original Message-----" not in line, record.record
            assert not re.match(r"On .*\d{4}.* wrote:$", line), record.record
            marked = _MARKED.match(line)
            if marked and _PROSE.match(line, marked.end()):
                assert line_key(line[marked.end() :]) not in plain, (record.record, line)
            elif not marked:
                plain.add(line_key(line))
