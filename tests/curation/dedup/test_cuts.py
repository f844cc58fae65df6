"""What a cut takes along, so that the text around it stays as it was, and what is compared before anything is cut."""

import numpy as np
import pytest

from gristmill.curation.dedup import cuts
from gristmill.curation.dedup.cuts import Repeat, Texts
from gristmill.curation.edits import Edit, apply


def left(text: str, *repeats: Repeat, lines: bool = False) -> str:
    ours = Texts.of([text])
    make = cuts.of_lines if lines else cuts.of_words
    return apply(text, [Edit(cut.start, cut.end, "", "x") for cut in make(ours, 0, repeats)])


def words(first: int, count: int) -> Repeat:
    return Repeat(0, first, count, 0, 0, "other", 0, 0)


def line(number: int, count: int = 1, of: str = "other", start: int = 0) -> Repeat:
    return Repeat(0, 0, 3, number, count, of, start, start + 5)


PROSE = 'He said: "one two." And\n\nthree four.\n\nfive (six) seven-eight'


@pytest.mark.parametrize(
    ("first", "count", "rest"),
    [
        (2, 2, "He said: And\n\nthree four.\n\nfive (six) seven-eight"),  # with its quotation marks
        (4, 1, 'He said: "one two."\n\nthree four.\n\nfive (six) seven-eight'),  # the larger gap stays
        (5, 2, 'He said: "one two." And\n\nfive (six) seven-eight'),
        (8, 1, 'He said: "one two." And\n\nthree four.\n\nfive seven-eight'),
        (9, 1, 'He said: "one two." And\n\nthree four.\n\nfive (six) -eight'),  # no part of another word
        (0, 11, ""),
    ],
)
def test_a_run_goes_with_what_is_written_to_it(first, count, rest):
    assert left(PROSE, words(first, count)) == rest


LINES = "a a\nb b\n\nc c\nd d\n\n\ne e\n"


@pytest.mark.parametrize(
    ("numbers", "rest"),
    [
        ([0], "b b\n\nc c\nd d\n\n\ne e"),
        ([1], "a a\n\nc c\nd d\n\n\ne e"),
        ([0, 1], "c c\nd d\n\n\ne e"),
        ([3, 4], "a a\nb b\n\ne e"),
        ([4], "a a\nb b\n\nc c\n\n\ne e"),
        ([7], "a a\nb b\n\nc c\nd d"),
        ([0, 1, 3, 4, 7], ""),
    ],
)
def test_paragraphs_stay_apart_as_they_were(numbers, rest):
    assert left(LINES, *map(line, numbers), lines=True) == rest


def test_neighbours_that_repeat_one_document_are_one_cut():
    ours = Texts.of([LINES])
    found = cuts.of_lines(
        ours, 0, [line(0, of="x", start=7), line(1, of="x", start=2), line(3, of="x"), line(4, of="y")]
    )
    assert [(c.start, c.end, c.passages, c.words, c.of, c.of_start, c.of_end) for c in found] == [
        (0, 9, 2, 6, "x", 2, 12),
        (9, 13, 1, 3, "x", 0, 5),
        (13, 19, 1, 3, "y", 0, 5),
    ]


def test_a_million_symbols_around_a_run_cost_no_more_than_reading_them():
    text = "." * 500_000 + " one two " + "!" * 500_000
    assert left(text, words(0, 2)) == "." * 500_000 + " " + "!" * 500_000


def agreed(ours: str, theirs: str, count: int, at_least: int, first: int = 0, other: int = 0) -> list[list[int]]:
    one = np.zeros(1, np.int64)
    return cuts.agreeing(
        *(Texts.of([ours]), one, one + first, one + count, one + at_least, Texts.of([theirs]), one, one + other)
    ).tolist()


def test_hashes_that_are_equal_by_accident_are_never_believed():
    assert agreed("one two three four", "one two three four", 4, 4) == [[0, 0, 4]]
    assert agreed("one two three four", "One, twó: THREE four", 4, 4) == [[0, 0, 4]]
    assert agreed("one two three four", "one two three five", 4, 4) == []
    assert agreed("a b c X d e f g", "a b c Y d e f g", 8, 3) == [[0, 0, 3], [0, 4, 4]]
    assert agreed("one two", "one two three", 3, 2) == []  # not so many words are there
    assert agreed("a b c", "x b c", 2, 2, first=1, other=1) == [[0, 0, 2]]


def test_words_that_differ_in_a_mark_inside_are_compared_by_their_letters():
    assert agreed("cafe\u0301 noir", "café noir", 2, 2) == [[0, 0, 2]]
    assert agreed("caf noir", "café noir", 2, 2) == []
