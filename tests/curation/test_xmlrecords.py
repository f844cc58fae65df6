"""Slicing large XML files into records."""

import io

import pytest
from lxml import etree

from gristmill.curation import xmlrecords
from gristmill.curation.documents import UnreadableFile
from gristmill.curation.markup import inline_text
from gristmill.curation.xmlrecords import XmlSlices


class Trickle(io.BytesIO):
    """A stream that gives a few bytes at a time, as a decompressor may."""

    def read(self, size: int = -1) -> bytes:
        return super().read(min(size, 7) if size > 0 else size)


def slices(data: bytes, stream=io.BytesIO) -> list:
    return list(XmlSlices(stream(data), ("article",)))


def texts(data: bytes) -> list[str]:
    parts = XmlSlices(io.BytesIO(data), ("article",))
    return [inline_text(parts.parse(part.data)) for part in parts]


@pytest.mark.parametrize("stream", [io.BytesIO, Trickle])
def test_records_are_cut_at_their_tags_with_their_offsets(stream):
    data = b"<?xml version='1.0'?><articles><article>one</article>\n<article id='2'>two</article ></articles>"
    parts = slices(data, stream)
    assert [part.data for part in parts] == [b"<article>one</article>", b"<article id='2'>two</article >"]
    assert [data[part.offset :].startswith(part.data) for part in parts] == [True, True]


def test_names_that_only_begin_alike_are_no_records():
    assert slices(b"<r><article-title>x</article-title><articles/></r>") == []


def test_a_record_without_its_end_costs_itself_only():
    parts = XmlSlices(io.BytesIO(b"<r><article>torn<p><article>whole</article></r>"), ("article",))
    first, second = list(parts)
    with pytest.raises(etree.XMLSyntaxError):
        parts.parse(first.data)
    assert inline_text(parts.parse(second.data)) == "whole"


def test_a_file_that_ends_inside_a_record_says_where():
    with pytest.raises(UnreadableFile, match="byte 3"):
        slices(b"<r><article>cut of")


def test_prefixes_and_entities_declared_outside_the_record_are_known():
    assert texts(b"<r xmlns:m='urn:m'><article><m:i>x</m:i> &alpha;&nbsp;&unknown;y</article></r>") == ["x α y"]


def test_the_declared_encoding_holds_for_every_record():
    assert texts("<?xml version='1.0' encoding='ISO-8859-1'?><article>Grüße</article>".encode("latin-1")) == ["Grüße"]
    assert texts("<article>Grüße</article>".encode("utf-16")) == ["Grüße"]


def test_a_record_above_the_limit_is_measured_and_passed_over(monkeypatch):
    monkeypatch.setattr(xmlrecords, "MAX_RECORD_BYTES", 3 * 2**20)
    big, small = slices(b"<r><article>" + b"x" * 6 * 2**20 + b"</article><article>s</article></r>")
    assert (big.data, big.size) == (None, 6 * 2**20 + 19)
    assert small.data == b"<article>s</article>"


def test_many_records_take_linear_time():
    assert len(slices(b"<r>" + b"<article>x</article>" * 100_000 + b"</r>")) == 100_000
