"""Copies of a text have the same letters, however each is formatted, and every letter knows its place."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.letters import letters, without_noise


def of(text: str) -> str:
    return "".join(map(chr, letters(without_noise(text)).code))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Don't STOP", "don’t stop"),
        ("well-known", "well\u2011known"),
        ("1,000 and 2.50", "1000 and 2,50"),
        ("an example", "an exam-\nple"),
        ("the first flow", "the ﬁrst ﬂow"),
        ("élève", "e\u0301le\u0300ve"),
        ("Straße", "STRASSE"),
        ("x²", "x^2"),
        ("ＡＢＣ", "abc"),
        ("한국", unicodedata.normalize("NFD", "한국")),
        ("a bold word", "a <b>bold</b> <span class='x'>word</span>"),
        ("a bold word", "a \\textbf{bold} \\quad word"),
        ("tea & milk's", "tea &amp; milk&#39;s"),
        ("élève", "&eacute;l&egrave;ve"),
        ("see the page", "see [the page](http://mill.org/a_b)"),
        ("first line\nsecond", "1. first line\n2) second"),
        ("first line\nsecond", "> * (a) first line\n> * (b) second"),
        ('He said: "no"\nand left', 'He said: \\"no\\"\\nand left'),
        ("16 - 3 = 13 eggs", "16 - 3 = <<16-3=13>>13 eggs"),
        ("soft", "so\u00adft"),
    ],
)
def test_formatting_is_no_letter(one, other):
    assert of(one) == of(other)


@pytest.mark.parametrize(
    "text", ["if a<b and c>d: pass", "x << y >> z", "vector<int> p", "C:\\dir", "a & b; c", "2001. A year"]
)
def test_what_only_looks_like_markup_keeps_its_letters(text):
    assert of(text) == "".join(c for c in text.lower() if c.isalnum())


def test_words_begin_where_readers_see_them():
    text = "Don’t stop: e\u0301lève 漢字 x1\x00y"
    found = letters(text)
    assert "".join(text[place] for place in found.place[found.word]) == "Dtse漢字xy"


@given(st.text(st.characters(codec="utf-8") | st.characters(categories=["Cs"])))
def test_every_letter_stands_where_it_says(text):
    clean = without_noise(text)
    found = letters(clean)
    assert len(clean) == len(text)
    assert len(found.code) == len(found.place)
    assert np.all(np.diff(found.place) >= 0)
    assert all(clean[place].isalnum() for place in found.place.tolist())
    assert found.word.tolist() == sorted(set(found.word.tolist()))


@pytest.mark.parametrize("unit", ["<", "<b ", "&a", "](", "\\text", "\n1. ", "\n  >", "<<1", "ﬁ", "\u0301", "漢"])
def test_a_long_run_of_anything_is_read(unit):
    text = unit * 100_000
    assert len(without_noise(text)) == len(text)
    letters(text)
