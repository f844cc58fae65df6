"""DCLM's line modifiers cut what they should, wherever a text stands in a batch; its published cases stand with the peers'."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

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


@given(LINES)
def test_no_more_than_one_empty_line_in_a_row_stays_inside_a_text(text):
    assert "\n\n\n" not in cut([text])[0].strip().replace("  ", "x")


def test_the_share_of_removed_words_counts_what_phrases_take_too():
    found = measure(pa.array(["sign-in to see it", "3 likes\nfour words stay here", "", "123"])).table
    assert found["dclm_removed_word_frac"].to_pylist() == [1 / 4, 2 / 6, 0, 1]


def test_a_line_of_megabytes_is_no_counter_and_takes_no_time():
    text = "1" * 600_000 + " likes\n" + "sign-in " * 50_000
    assert cut([text]) == [text]
