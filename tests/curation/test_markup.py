"""Clean lines, and paragraphs out of marked-up text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gristmill.curation.markup import Paragraphs, collapsed, inline_text, parse_xml, plain_lines, superscript, tidy

ANY_TEXT = st.text(st.characters(codec=None), max_size=200) | st.text(
    alphabet="a \t\r\n\v\f\x85\u2028\u3000\xa0\0", max_size=60
)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a\r\nb\rc\fd\ve", "a\nb\nc\nd\ne"),
        ("a\r\r\nb", "a\nb"),
        ("a \t\n  b\xa0", "a\n  b"),
        ("a\0b\x1fc\x7f\ufeff\uffff", "abc"),
        ("a\u2028b\x85c", "a\nb\nc"),
        ("a\ud800b", "ab"),
        ("Grüße\u3000中", "Grüße\u3000中"),
    ],
)
def test_lines_are_plain(text, lines):
    assert plain_lines(text) == lines


@given(ANY_TEXT)
def test_plain_lines_are_plain_for_good(text):
    once = plain_lines(text)
    assert plain_lines(once) == once
    assert not re.search(r"[\0-\x08\x0b-\x1f\x7f\ufeff\ud800-\udfff]|[ \t]\n|[ \t]\Z", once)
    assert [c for c in once if not c.isspace()] == [
        c for c in text if not c.isspace() and not re.match(r"[\0-\x08\x0e-\x1f\x7f\ufeff\ufffe\uffff\ud800-\udfff]", c)
    ]


@given(ANY_TEXT)
def test_tidy_text_has_single_blank_lines_and_none_at_its_ends(text):
    assert not re.search(r"\n{3}|\A\n|\n\Z", tidy(text))


@given(ANY_TEXT)
def test_collapsed_text_is_one_line(text):
    assert not re.search(r"[ \t\r\n]{2}|[\t\r\n]|\A | \Z", collapsed(text))


def test_entities_are_looked_up_and_never_expanded():
    root = parse_xml(b"<!DOCTYPE p SYSTEM 'none' [<!ENTITY own 'bomb'>]><p>a&alpha;b&own;c&lt;</p>")
    assert inline_text(root) == "aαbc<"


def test_paragraphs_lists_and_lines():
    out = Paragraphs()
    out.add(" One\n two ")
    out.begin_list()
    out.item("- ")
    out.add("x")
    out.begin_list()
    out.item("- ")
    out.add("y")
    out.end_list()
    out.end_list()
    out.add("End")
    out.line_break()
    out.add("of it")
    assert out.text() == "One two\n\n- x\n- y\n\nEnd\nof it"
    assert out.line() == "One two - x - y End of it"


@pytest.mark.parametrize(
    ("raised", "text"),
    [("–7", "⁻⁷"), ("*", "*"), ("∘", "°"), ("′", "′"), ("[1]", "[1]"), ("⊤", "^⊤"), ("a+b", "^(a+b)"), ("\u200b", "")],
)
def test_raised_signs_need_no_brackets(raised, text):
    assert superscript(raised) == text


def test_inline_text_of_what_is_nested_very_deep():
    root = etree.Element("a")
    element = root
    for _ in range(5000):
        element.text, element.tail = "x", "y"
        element = etree.SubElement(element, "b")
    assert inline_text(root) == "x" * 5000 + "y" * 4999
