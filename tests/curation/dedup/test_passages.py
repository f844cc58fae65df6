"""Words with their places, and the lines and paragraphs that they make."""

import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.dedup import passages
from gristmill.curation.dedup.passages import PassageParams, SubstringParams
from gristmill.curation.word_hashes import word_hashes
from tests.curation.test_word_hashes import PIECES

texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=40).map("".join)


def found(*documents: str) -> passages.Words:
    return passages.words(pa.array(documents, pa.string()))


def spans(documents: list[str], of: passages.Passages, words: passages.Words) -> list[tuple[int, str]]:
    """The text of each passage, from its first word's first character to its last one's last."""
    first = words.offsets[of.text] + of.first
    begin, end = words.start[first], words.end[first + of.words - 1]
    return [(int(t), documents[t][b:e]) for t, b, e in zip(of.text, begin, end, strict=True)]


def assert_same(documents: list[str]) -> None:
    words = found(*documents)
    hashes, offsets = word_hashes(pa.array(documents, pa.string()))
    assert np.array_equal(words.hashes, hashes)
    assert np.array_equal(words.offsets, offsets)
    for number, text in enumerate(documents):
        mine = slice(words.offsets[number], words.offsets[number + 1])
        places = list(zip(words.start[mine].tolist(), words.end[mine].tolist(), strict=True))
        alone = word_hashes(pa.array([text[start:end] for start, end in places], pa.string()))
        assert np.array_equal(alone[0], hashes[mine])  # each is one word, and that one
        lines = words.line_start[words.line_offsets[number] : words.line_offsets[number + 1]].tolist()
        assert lines == [0, *(i + 1 for i, character in enumerate(text) if character == "\n")]
        before = [sum(start < line for start, _ in places) for line in lines]
        assert words.line_word[words.line_offsets[number] : words.line_offsets[number + 1]].tolist() == before


@given(st.lists(texts, max_size=5))
def test_words_are_those_that_are_measured_each_where_it_stands(documents):
    assert_same([text.encode("utf-8", "ignore").decode() for text in documents])


@pytest.mark.parametrize("separator", ["", " ", "\n"])
def test_random_joins_of_awkward_pieces_too(separator):
    rng = random.Random(5)
    assert_same([separator.join(rng.choice(PIECES) for _ in range(rng.randrange(60))) for _ in range(300)])


def test_lines_and_paragraphs_of_enough_words():
    documents = ["One two.\nThree four five!\n \t\n-----\nSix,  seven\n", "", "Eight nine ten"]
    words = found(*documents)
    lines = passages.lines(words, 2)
    assert spans(documents, lines, words) == [
        (0, "One two"),
        (0, "Three four five"),
        (0, "Six,  seven"),
        (2, "Eight nine ten"),
    ]
    assert spans(documents, passages.lines(words, 3), words) == [(0, "Three four five"), (2, "Eight nine ten")]
    paragraphs = passages.paragraphs(words, 2)
    assert spans(documents, paragraphs, words) == [
        (0, "One two.\nThree four five"),
        (0, "Six,  seven"),
        (2, "Eight nine ten"),
    ]
    assert list(zip(paragraphs.line.tolist(), paragraphs.lines.tolist(), strict=True)) == [(0, 2), (3, 2), (0, 1)]


def test_case_accents_punctuation_and_space_make_no_other_passage_and_numbers_do():
    words = found("Le café, à 5 h.\nLE CAFE A 5 H\nLe café à 6 h\r\nle  cafe\u0301:  a 5 h")
    hashes = passages.lines(words, 1).hash.tolist()
    assert hashes[0] == hashes[1] == hashes[3] != hashes[2]


def test_scripts_without_spaces_have_a_word_a_letter():
    words = found("水車が回る。\n水車が回る")
    assert passages.lines(words, 5).hash.tolist()[0] == passages.lines(words, 5).hash.tolist()[1]


def test_passages_of_texts_with_another_salt_are_others():
    words = found("one two", "one two", "one two")
    first, second, third = passages.lines(words, 1, np.array([7, 8, 7], np.uint64)).hash.tolist()
    assert first == third != second


def test_parameters_that_cannot_be_say_what_to_set():
    with pytest.raises(ValueError, match="min_words is 0, but it must be at least 1; set 10"):
        PassageParams(min_words=0)
    with pytest.raises(ValueError, match="within and across are both false"):
        PassageParams(within=False, across=False)
    with pytest.raises(ValueError, match="min_tokens is 5, but it must be at least 10"):
        SubstringParams(min_tokens=5)
