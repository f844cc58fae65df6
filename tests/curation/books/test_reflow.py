"""Wrapped prose becomes paragraphs; everything whose line breaks mean something keeps them."""

import re
import textwrap

from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.books.reflow import reflow

PROSE = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, "
    "it was the epoch of belief, it was the epoch of incredulity, it was the season of Light, it was the season of "
    "Darkness, it was the spring of hope, it was the winter of despair, we had everything before us."
)
SONNET = """\
Shall I compare thee to a summer's day?
Thou art more lovely and more temperate:
Rough winds do shake the darling buds of May,
And summer's lease hath all too short a date;"""


def wrapped(paragraphs: int = 5, width: int = 72) -> str:
    return "\n\n".join([textwrap.fill(PROSE, width)] * paragraphs)


def test_prose_is_joined_whatever_its_width():
    for width in (60, 65, 72, 80, 100):
        assert reflow(wrapped(width=width)) == "\n\n".join([PROSE] * 5)


def test_verse_between_prose_keeps_its_lines():
    assert reflow(f"{wrapped()}\n\n{SONNET}\n\n{wrapped()}").split("\n\n")[5] == SONNET


def test_a_book_of_verse_keeps_every_line():
    poem = "\n\n".join([SONNET] * 40)
    assert reflow(poem) == poem


def test_verse_keeps_the_indentation_of_its_lines_but_not_that_of_the_block():
    stanza = "    In su' vespri giocondi, dolcemente\n      Sul lago tranquillissimo voghiamo,"
    assert reflow(stanza) == "In su' vespri giocondi, dolcemente\n  Sul lago tranquillissimo voghiamo,"


def test_a_speech_in_prose_is_joined_below_its_speaker():
    speech = "SAMPSON.\nMe they shall feel while I am able to stand: and 'tis known I am a\npretty piece of flesh."
    assert reflow(f"{wrapped()}\n\n{speech}").endswith(
        "SAMPSON.\nMe they shall feel while I am able to stand: and 'tis known I am a pretty piece of flesh."
    )


def test_a_first_line_indent_begins_a_paragraph():
    first, second = textwrap.fill(PROSE, 70), textwrap.fill(PROSE, 70, initial_indent="   ")
    assert reflow(f"{wrapped(width=70)}\n\n{first}\n{second}").endswith(f"{PROSE}\n\n{PROSE}")


def test_a_hanging_indent_continues_its_entry():
    entry = textwrap.fill(PROSE, 72, subsequent_indent="      ")
    assert reflow(f"{wrapped()}\n\n{entry}\n{entry}").endswith(PROSE)
    assert reflow(f"{wrapped()}\n\n{entry}").split("\n\n")[-1] == PROSE


def test_a_list_of_short_lines_is_no_paragraph():
    chapters = "\n".join(f"CHAPTER {n}. Of the {n}th matter" for n in range(1, 9))
    assert reflow(f"{wrapped()}\n\n{chapters}").endswith(chapters)


def test_a_paragraph_a_line_is_left_alone():
    text = "\n".join([PROSE] * 20)
    assert reflow(text) == text


def test_dashes_and_hyphens_join_without_a_space():
    text = wrapped() + (
        "\n\nThey were friends who are clearing out the seven-storied heavens with royal-\n"
        "mast and all the long-pampered angels, and nothing could be seen of it--\n"
        "nothing at all, in the whole of that wide and empty and very quiet place."
    )
    assert "royal-mast and all" in reflow(text)
    assert "of it--nothing at all" in reflow(text)


def test_a_word_broken_by_the_wrap_is_mended_if_the_book_knows_it():
    text = wrapped() + "\n\nNothing is so hard to believe in the present age of the world as the incred-\nulity of it."
    assert reflow(text).endswith("as the incredulity of it.")


def test_chinese_lines_join_without_a_space():
    line = "呻吟，病聲也。呻吟語，病時語也。病中疾痛，惟病者知，難與他人道，亦惟病時覺既瘉旋復"
    paragraph = f"　　{line[:38]}\n{line[:40]}\n{line[:40]}\n{line[:12]}。"
    out = reflow("\n\n".join([paragraph] * 6))
    assert out.split("\n\n") == [f"{line[:38]}{line[:40]}{line[:40]}{line[:12]}。"] * 6


@given(st.lists(st.text(alphabet="abc ABC.,;'é中\n", max_size=400), max_size=8))
def test_no_character_is_lost_or_added(blocks):
    text = "\n\n".join(blocks)
    assert re.sub(r"\s", "", reflow(text)) == re.sub(r"\s", "", text)
