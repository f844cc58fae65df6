"""DCLM's line modifiers cut what they should, wherever a text stands in a batch; its published cases stand with the peers'."""

import tracemalloc

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation import line_modifiers
from gristmill.curation.edits import Edit, apply
from gristmill.curation.features import measure

LINES = st.lists(
    st.sampled_from(
        [
            "",
            "",
            "  ",
            "a plain line of words",
            "SHOUTED LINE",
            "123",
            "3 likes",
            "alone",
            "sign-in to see it",
            "Sign-in",
            "é 2 items in cart ü",
            "wait for it, read more...",
        ]
    ),
    max_size=12,
).map("\n".join)


def cut(texts: list[str]) -> list[str]:
    spans = measure(pa.array(texts)).cuts_dclm.to_pylist()
    edits = [[Edit(s["start"], s["end"], "", "line") for s in found] for found in spans]
    return [apply(text, found) for text, found in zip(texts, edits, strict=True)]


def plainly(text: str) -> list[str]:
    """The words of the lines that stay."""
    gone = {"SHOUTED LINE", "123", "3 likes", "alone", "Sign-in"}
    changed = {
        "sign-in to see it": "to see it",
        "é 2 items in cart ü": "é 2 ü",
        "wait for it, read more...": "wait for it,",
    }
    return " ".join(changed.get(line, line) for line in text.split("\n") if line not in gone).split()


@given(st.lists(LINES, min_size=1, max_size=4))
def test_what_stays_are_the_words_that_no_modifier_takes(texts):
    assert [text.split() for text in cut(texts)] == [plainly(text) for text in texts]


# Pieces that a line modifier looks at, next to letters and blank lines as they come.
PIECES = [
    "\n",
    "\n\n",
    " ",
    "sign-in",
    "Sign-in ",
    "sign",
    "-",
    "in",
    " items in cart",
    "read more...",
    "é",
    "word",
    "3 likes",
    "X",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


@given(st.lists(st.one_of(LINES, TEXTS), min_size=1, max_size=4))
def test_cuts_are_ordered_disjoint_spans_inside_their_text(texts):
    measured = measure(pa.array(texts))
    for cuts in (measured.cuts, measured.cuts_c4, measured.cuts_dclm):
        for text, spans in zip(texts, cuts.to_pylist(), strict=True):
            edges = [0, *(edge for span in spans for edge in (span["start"], span["end"])), len(text)]
            assert edges == sorted(edges)
            assert all(span["start"] < span["end"] for span in spans)


@given(st.lists(TEXTS, min_size=2, max_size=4))
def test_what_is_cut_depends_on_the_text_alone(texts):
    together = measure(pa.array(texts))
    for index, text in enumerate(texts):
        alone = measure(pa.array([text]))
        assert together.cuts_dclm[index] == alone.cuts_dclm[0]
        assert together.table["dclm_removed_word_frac"][index] == alone.table["dclm_removed_word_frac"][0]


@pytest.mark.parametrize("beside", [[], ["see seven items in cart now"], ["in - sign"], ["sign - in"]])
def test_a_phrase_with_a_hyphen_is_found_wherever_its_parts_appeared_before(beside):
    text = "Come in here now my friends.\nSign-in to see more of this page\n"
    measured = measure(pa.array([*beside, text]))
    assert measured.cuts_dclm.to_pylist()[-1] == [{"start": 29, "end": 37}]
    assert measured.table["dclm_removed_word_frac"].to_pylist()[-1] == 1 / 13


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("hello world foo\n\n", []),  # behind the last newline is no line
        ("hello world foo\n\n\n\n", [(17, 18), (18, 19)]),
        ("hello world\n\n\n\nX\n\n\n", [(11, 19)]),  # blank lines go with the line behind them
        ("hello world\n\n\nX y\n\n\nZ", [(13, 14), (17, 21)]),
        ("\n\n\n", []),
    ],
)
def test_spare_blank_lines_are_cut_once_and_inside_the_text(text, spans):
    found = measure(pa.array([text])).cuts_dclm.to_pylist()[0]
    assert [(span["start"], span["end"]) for span in found] == spans


@pytest.mark.parametrize(
    ("text", "spans", "lost", "emptied"),
    [
        ("Sign-in to see 7 items in cart", [(0, 8), (16, 30)], 4, False),
        ("items in cartread more...", [(0, 25)], 4, True),  # one behind the other
        ("rea items in cartd more >>", [(0, 26)], 5, True),  # what the first cut joins is a phrase too
        ("a readitems in cart more...", [(1, 27)], 4, False),
        ("\u00a0items in cart items in cart", [(0, 28)], 6, True),
        ("a b c d e f g h i j items in cart", [], 0, False),
    ],
)
def test_phrases_go_one_after_the_other(text, spans, lost, emptied):
    assert line_modifiers._without_phrases(text) == (spans, lost, emptied)


def test_a_phrase_in_a_line_of_megabytes_takes_no_arrays_of_its_length():
    text = "x" * 1_500_000 + " items in cart"
    tracemalloc.start()
    assert line_modifiers._without_phrases(text)[0] == [(1_500_000, len(text))]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * len(text)


@given(LINES)
def test_no_more_than_one_empty_line_in_a_row_stays_inside_a_text(text):
    assert "\n\n\n" not in cut([text])[0].strip().replace("  ", "x")


def test_the_share_of_removed_words_counts_what_phrases_take_too():
    found = measure(pa.array(["sign-in to see it", "3 likes\nfour words stay here", "", "123"])).table
    assert found["dclm_removed_word_frac"].to_pylist() == [1 / 4, 2 / 6, 0, 1]


def test_a_line_of_megabytes_is_no_counter_and_takes_no_time():
    text = "1" * 600_000 + " likes\n" + "sign-in " * 50_000
    assert cut([text]) == [text]
